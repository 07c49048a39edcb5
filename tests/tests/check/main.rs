//! `check`: a table in which everything happened keeps every rule, and every fault that is made in it by hand is found.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod faults;
mod scene;
mod whole;

use std::collections::BTreeSet;

use muster_tests::world::{World, text};
use serde_json::{Value, json};

/// Checks the whole table in one go.
async fn check(world: &World) -> Value {
    check_with(world, json!({})).await
}

async fn check_with(world: &World, mut order: Value) -> Value {
    order["units_per_second"] = json!(100_000);
    world.stack.invoke("check", order).await.unwrap()
}

/// The rules that do not hold.
fn broken(answer: &Value) -> BTreeSet<String> {
    let rules = answer["rules"].as_array().unwrap().iter();
    rules.map(|rule| text(&rule["rule"])).collect()
}
