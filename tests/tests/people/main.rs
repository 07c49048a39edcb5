//! People: companies set up, sessions, activation, users added and listed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::format_collect,
    reason = "a test that cannot go on says so, and need not be fast"
)]

mod accounts;
mod activation;
mod adding;
mod deleting;
mod dump;
mod editing;
mod email_change;
mod flooding;
mod groups;
mod listing;
mod preview;
mod provisioning;
mod resetting;
mod retrying;
mod revoking;
mod roles;
mod rotation;
mod sessions;
mod settings;
mod support;
mod suspending;
mod throttling;
mod timing;
mod tokens;

use std::collections::BTreeMap;

use muster_local::Mail;
use muster_shared::domain::id::{TenantId, UserId};
use muster_shared::domain::user::User;
use muster_shared::store::Store;
use muster_shared::store::transaction::Transaction;
use muster_tests::world::{Answer, Company, PASSWORD, World, text};
use reqwest::Method;
use serde_json::{Value, json};

/// Compares JSON with its snapshot; what is new in each run is left out, keys are in order.
macro_rules! snapshot {
    ($name:literal, $value:expr) => {{
        let value = crate::redacted(&$value);
        insta::with_settings!({ sort_maps => true, omit_expression => true }, {
            insta::assert_json_snapshot!($name, value)
        })
    }};
}
pub(crate) use snapshot;

/// JSON without what is new in each run: ids, licence codes, tokens, keys.
fn redacted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match name.as_str() {
                "access_token" | "refresh_token" | "kid" | "x" => (name.clone(), "…".into()),
                _ => (name.clone(), redacted(value)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(redacted).collect(),
        Value::String(text) => without_ids(text).into(),
        other => other.clone(),
    }
}

/// Text whose ids, licence codes and link tokens are left out.
fn without_ids(text: &str) -> String {
    let page = |word: &str| {
        let pages = ["/activate#", "/reset#", "/email#"];
        pages.into_iter().find(|page| word.contains(page))
    };
    let word = |word: &str| match page(word).and_then(|page| Some((word.split_once(page)?.0, page)))
    {
        Some((address, page)) => {
            let path = address.splitn(4, '/').skip(3).collect::<String>();
            format!("https://…{path}{page}…")
        }
        None if is_id(word) => format!("{}…", &word[..4]),
        None if is_code(word) => "····-····-····-····".to_owned(),
        None => word.to_owned(),
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn is_id(word: &str) -> bool {
    word.len() == 20
        && word.as_bytes()[3] == b'_'
        && word[..3].bytes().all(|b| b.is_ascii_lowercase())
}

fn is_code(word: &str) -> bool {
    word.len() == 19
        && word.split('-').count() == 4
        && word.split('-').all(|part| {
            part.len() == 4
                && part
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        })
}

/// A mail as its reader sees it.
fn letter(mail: &Mail) -> String {
    without_ids(&format!(
        "From: {}\nTo: {}\nSubject: {}\n\n{}",
        mail.from,
        mail.to.join(", "),
        mail.subject,
        mail.text
    ))
}

/// Text as it stands in an address.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// What the company's audit trail tells of operations of that name, or of all that begin so. Those of one moment stand
/// there in any order.
async fn audited(company: &Company<'_>, operation: &str) -> Vec<Value> {
    let path = format!("/v1/audit?limit=200&operation={operation}");
    let page = company.owner.get(&path).await.expect(200);
    let mut entries = page["entries"].as_array().unwrap().clone();
    entries.sort_by_cached_key(|entry| redacted(entry).to_string());
    entries
}

/// The names on a page of a list.
fn names(page: &Value) -> Vec<String> {
    page["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| text(&user["name"]))
        .collect()
}

/// A POST of a text that need not be JSON.
async fn post_text(actor: &muster_tests::world::Actor<'_>, path: &str, body: &str) -> Answer {
    let request = actor
        .request(Method::POST, path)
        .header("content-type", "application/json")
        .body(body.to_owned());
    actor.send(request).await
}

/// The table, as functions without a route of their own yet will use it.
fn table(world: &World) -> &Store {
    &world.operator().store
}

/// Changes a user in the table: suspending, deleting and demoting have no route yet.
async fn change_user(
    world: &World,
    company: &Company<'_>,
    user: &str,
    change: impl FnOnce(&mut User),
) {
    let store = table(world);
    let tenant = TenantId::parse(&company.tenant).unwrap();
    let before = store
        .user(&tenant, &UserId::parse(user).unwrap())
        .await
        .unwrap()
        .unwrap();
    let mut after = before.clone();
    change(&mut after);
    let mut transaction = Transaction::new(store);
    transaction
        .edit_user(&tenant, &before, &after, |_| ())
        .unwrap();
    transaction.commit().await.unwrap().unwrap();
}

/// Accepts an invitation with everybody's password.
async fn accept(world: &World, token: &str, username: &str) -> Answer {
    let form = json!({ "token": token, "username": username, "password": PASSWORD });
    world.nobody().post("/v1/activations", form).await
}

/// User by user what a bulk operation came to: `done`, `unchanged`, or the code of the refusal.
fn outcomes(answer: &Value) -> Vec<String> {
    let outcome = |outcome: &Value| {
        let code = outcome["code"].as_str();
        code.map_or_else(|| text(&outcome["outcome"]), str::to_owned)
    };
    let outcomes = answer["outcomes"].as_array();
    outcomes
        .unwrap_or_else(|| panic!("{answer}"))
        .iter()
        .map(outcome)
        .collect()
}

/// How many seats of each product are in use, in the order the company has them.
async fn used(company: &Company<'_>) -> Vec<u64> {
    let answer = company.owner.get("/v1/products").await.expect(200);
    let products = answer["products"].as_array().unwrap();
    let of = |id: &String| {
        products
            .iter()
            .find(|product| product["id"] == **id)
            .unwrap()
    };
    company
        .products
        .iter()
        .map(|id| of(id)["used"].as_u64().unwrap())
        .collect()
}

/// Every item of the table, by its key.
fn items(world: &World) -> BTreeMap<String, Value> {
    let table = world.table(|_, _| true).into_iter();
    table
        .map(|((pk, sk), item)| (format!("{pk} {sk}"), item))
        .collect()
}

/// How many targets each entry of the company's audit trail has that tells of this operation, oldest first.
fn entries(world: &World, company: &Company<'_>, operation: &str) -> Vec<usize> {
    let prefix = format!("T#{}#A#", company.tenant);
    let told = |(key, item): &(&String, &Value)| {
        key.starts_with(&prefix) && item["operation"]["S"].as_str() == Some(operation)
    };
    let targets = |item: &Value| item["targets"]["L"].as_array().unwrap().len();
    items(world)
        .iter()
        .filter(told)
        .map(|(_, item)| targets(item))
        .collect()
}
