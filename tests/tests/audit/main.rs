//! The audit trail, as its readers and those who would like to change it deal with it.

#![expect(
    clippy::unwrap_used,
    clippy::format_push_string,
    reason = "a test that cannot go on says so, and need not be fast"
)]

mod exporting;
mod seals;
mod trail;

use muster_tests::world::{Actor, Company, Table, World, text};
use serde_json::{Value, json};

/// All pages of the trail, newest first.
async fn trail(actor: &Actor<'_>, query: &str) -> Vec<Value> {
    let (mut entries, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/audit?{query}&cursor={cursor}");
        let page = actor.get(&path).await.expect(200);
        entries.extend(page["entries"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return entries,
        }
    }
}

/// The operations of entries, in their order.
fn operations(entries: &[Value]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| text(&entry["operation"]))
        .collect()
}

/// The owner, signed in anew: the clock was moved.
async fn owner<'w>(world: &'w World, company: &Company<'_>) -> Actor<'w> {
    world.sign_in(&company.owner_email).await
}

/// Every item of the table, by its key.
fn items(world: &World) -> Table {
    world.table(|_, _| true)
}

/// The items of a partition that begins so, in their order.
fn partition(world: &World, prefix: &str) -> Vec<Value> {
    items(world)
        .into_iter()
        .filter(|((pk, _), _)| pk.starts_with(prefix))
        .map(|(_, item)| item)
        .collect()
}

/// The stored entries of a company, oldest first.
fn stored(world: &World, company: &Company<'_>) -> Vec<Value> {
    partition(world, &format!("T#{}#A#", company.tenant))
}

fn table(world: &World) -> String {
    world.operator().config.table.clone()
}

/// Deletes an item past all functions.
fn delete(world: &World, item: &Value) {
    let key = json!({ "PK": item["PK"], "SK": item["SK"] });
    let request = json!({ "TableName": table(world), "Key": key });
    world
        .stack
        .database()
        .delete_item(serde_json::from_value(request).unwrap())
        .unwrap();
}

/// The item that keeps a user.
fn user_item(world: &World, user: &str) -> Value {
    let key = format!("USER#{user}");
    let found = items(world).into_iter().find(|((_, sk), _)| *sk == key);
    found.unwrap().1
}
