//! The rules of DESIGN section 4, read off the table itself: those that hold of any table by `check`, the rest by the model.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use muster_tests::world::{Answer, Table, World, text};
use serde_json::Value;

use super::model::Model;

/// The entries of the tenant's audit trail, by key: who did what to whom.
pub fn entries(world: &World, tenant: &str) -> BTreeMap<String, String> {
    let trail = format!("T#{tenant}#A#");
    let line = |((pk, sk), entry): ((String, String), Value)| {
        let actor = &entry["actor"]["M"];
        let who = [&actor["kind"], &actor["id"], &actor["reference"]].map(|value| &value["S"]);
        let who: Vec<&str> = who.into_iter().filter_map(Value::as_str).collect();
        let targets = entry["targets"]["L"].as_array().into_iter().flatten();
        let targets: Vec<&str> = targets
            .filter_map(|target| target["M"]["id"]["S"].as_str())
            .collect();
        let operation = text(&entry["operation"]["S"]);
        let told = format!("{}: {operation} {}", who.join(" "), targets.join(" "));
        (format!("{pk} {sk}"), told)
    };
    let table = world.table(|pk, _| pk.starts_with(&trail));
    table.into_iter().map(line).collect()
}

/// What a link of ours says.
pub fn claim(link: &str, name: &str) -> Value {
    let claims = link.split('.').nth(1).unwrap();
    let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap();
    let mut claims: Value = serde_json::from_slice(&claims).unwrap();
    claims[name].take()
}

/// A user's version, as it stands in the table.
pub fn version(world: &World, user: &str) -> u64 {
    let key = format!("USER#{user}");
    let table = world.table(|_, sk| sk == key);
    let version = &table.values().next().unwrap()["version"];
    text(&version["N"]).parse().unwrap()
}

/// The answer of a verification that found nothing amiss.
pub fn verified(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["intact"], true, "{}", answer.text);
}

/// Fails where the table says otherwise than the model.
pub fn hold(world: &World, tenant: &str, model: &Model) {
    let own = format!("T#{tenant}");
    let shards = format!("{own}#");
    let table = world.table(|pk, _| pk == own || pk.starts_with(&shards) && !pk.contains("#A#"));
    seats(&table, model);
    states(&of(&table, "USER#"), model);
}

fn of<'t>(table: &'t Table, prefix: &str) -> BTreeMap<&'t str, &'t Value> {
    let found = table
        .iter()
        .filter_map(|((_, sk), item)| sk.strip_prefix(prefix).map(|rest| (rest, item)));
    found.collect()
}

/// As many seats are in use as the model says.
fn seats(table: &Table, model: &Model) {
    let number = |value: &Value| text(&value["N"]).parse().unwrap();
    let products = of(table, "PRODUCT#").into_values();
    let mut used: Vec<usize> = products.map(|product| number(&product["used"])).collect();
    let mut expected = model.used.to_vec();
    used.sort_unstable();
    expected.sort_unstable();
    assert_eq!(used, expected);
}

/// Everybody stands where the model says.
fn states(users: &BTreeMap<&str, &Value>, model: &Model) {
    let mut told: Vec<[bool; 3]> = users
        .values()
        .map(|user| {
            ["activated_at", "suspended_at", "deleted_at"].map(|fact| user.get(fact).is_some())
        })
        .collect();
    let mut expected: Vec<[bool; 3]> = model
        .users
        .iter()
        .map(|user| [user.activated, user.suspended, user.deleted])
        .collect();
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected);
}
