//! What is left of the work in the end, under names that are the same in each run.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use muster_local::{Options, Stack, functions, start};
use serde_json::{Value, json};

/// The items of a table, or what entries of its audit trail tell of one target, as text; several of one name in order.
pub type Table = BTreeMap<String, Vec<String>>;

/// What is in the table of a folder once nothing is left to do. It keeps every rule, and no letter is dead.
pub async fn left(data: &Path) -> Table {
    let options = Options {
        data: Some(data.to_owned()),
        ..Options::default()
    };
    let stack = start(options, functions::ALL).await.unwrap();
    stack.settled().await;
    assert_eq!(json!(stack.dead_letters()), json!([]));
    let order = json!({ "units_per_second": 100_000 });
    let checked = stack.invoke("check", order).await.unwrap();
    assert_eq!(checked["clean"], true, "{checked:#}");
    let table = named(&stack);
    stack.shutdown().await;
    table
}

/// Shows each item of the work.
fn each(stack: &Stack, mut show: impl FnMut(Value)) {
    let mut start = Value::Null;
    loop {
        let mut request = json!({ "TableName": "muster" });
        if !start.is_null() {
            request["ExclusiveStartKey"] = start;
        }
        let request = serde_json::from_value(request).unwrap();
        let mut page = json!(stack.database().scan(request).unwrap());
        for item in page["Items"].as_array_mut().unwrap() {
            if is_of_the_work(item) {
                show(item.take());
            }
        }
        start = page["LastEvaluatedKey"].take();
        if start.is_null() {
            return;
        }
    }
}

/// Sessions, tries and answers are those of a client; keys are those of a signer, and seals those of a clock.
fn is_of_the_work(item: &Value) -> bool {
    let pk = text(item, "PK");
    let kind = pk.split('#').next().unwrap();
    if pk.ends_with("#S") {
        return false;
    }
    let operation = item["operation"]["S"].as_str();
    !matches!(kind, "S" | "R" | "I" | "KEYS")
        && operation.is_none_or(|name| !name.starts_with("sessions."))
}

/// Whether an attribute differs from run to run: times, what is random, the attempt that counts, and the trace.
fn is_passing(name: &str) -> bool {
    const PASSING: [&str; 13] = [
        "put_by",
        "at",
        "ttl",
        "ends",
        "expiry_key",
        "expiry_shard",
        "sequencer",
        "plan",
        "audit_key",
        "trace",
        "nonce",
        "message_id",
        "last_login",
    ];
    PASSING.contains(&name) || name.ends_with("_at")
}

fn named(stack: &Stack) -> Table {
    let mut renamed = HashMap::new();
    each(stack, |item| renamed.extend(names(&item)));
    let mut table = Table::new();
    let mut add = |key: String, value: &Value| {
        table.entry(key).or_default().push(value.to_string());
    };
    each(stack, |mut item| {
        if is_abandoned(&item, &renamed) {
            return;
        }
        strip(&mut item);
        rename(&mut item, &renamed);
        let Some(targets) = item["targets"]["L"].as_array() else {
            return add(
                format!("{} {}", text(&item, "PK"), text(&item, "SK")),
                &item,
            );
        };
        // How many targets an entry tells of is a matter of who was left to do; its name is its time.
        for target in targets {
            let told = [text(&item, "operation"), text(&target["M"], "id")];
            let told = format!("audit {}", told.join(" "));
            add(told, &json!({ "actor": item["actor"], "target": target }));
        }
    });
    for items in table.values_mut() {
        items.sort();
    }
    table
}

fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name]["S"].as_str().unwrap_or_default()
}

/// What stands for ids that are new in each run: users by their external ID, mails by their reader, the one import with
/// its plan, and the one export.
fn names(item: &Value) -> Vec<(String, String)> {
    let sk = text(item, "SK");
    let (kind, id) = sk.split_once('#').unwrap_or((sk, text(item, "id")));
    let name = match kind {
        "USER" => text(item, "external_id").to_owned(),
        "MAIL" => format!("{} to {}", text(item, "kind"), text(item, "to")),
        "IMPORT" | "EXPORT" => format!("the {kind}"),
        _ => return Vec::new(),
    };
    let mut names = vec![(id.to_owned(), name)];
    if kind == "IMPORT" {
        names.push((text(item, "plan").to_owned(), "the plan".to_owned()));
    }
    names
}

/// Whether it is a chunk of a plan that no attempt finished.
fn is_abandoned(item: &Value, names: &HashMap<String, String>) -> bool {
    let pk = text(item, "PK");
    pk.starts_with("C#")
        && !pk
            .split('#')
            .any(|part| names.get(part).is_some_and(|name| name == "the plan"))
}

/// Takes out what differs from run to run.
fn strip(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(strip),
        Value::Object(fields) => {
            fields.retain(|name, _| !is_passing(name) && name != "personal");
            fields.values_mut().for_each(strip);
        }
        _ => {}
    }
}

fn rename(value: &mut Value, names: &HashMap<String, String>) {
    match value {
        Value::String(text) => {
            let parts = text
                .split(['#', '/', '.', '\t'])
                .map(|part| names.get(part).map_or(part, |name| name));
            *text = parts.collect::<Vec<_>>().join("#");
        }
        Value::Array(values) => values.iter_mut().for_each(|value| rename(value, names)),
        Value::Object(fields) => fields.values_mut().for_each(|value| rename(value, names)),
        _ => {}
    }
}
