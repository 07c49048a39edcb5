//! What Muster is for, told as stories of people.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a story is told in one go"
)]

mod client;
mod new_address;
mod order;
mod two_companies;

use muster_tests::world::text;
use serde_json::Value;

/// The names on a page of users.
fn names(page: &Value) -> Vec<String> {
    let users = page["users"].as_array().unwrap();
    users.iter().map(|user| text(&user["name"])).collect()
}
