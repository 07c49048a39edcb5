//! Imports as people do them: a file goes up, a plan is looked at, a commit does what it said, a report comes back.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::format_push_string,
    clippy::format_collect,
    clippy::cast_possible_truncation,
    clippy::single_match_else,
    reason = "a test that cannot go on says so, and need not be fast"
)]

mod api;
mod columns;
mod commit;
mod corpus;
mod crash;
mod delivery;
mod drop;

use jiff::SignedDuration;
use muster_tests::world::{Actor, Table, World, text};
use serde_json::Value;

/// All that an import may change beyond its own bookkeeping: users, guards, invitations, people, mails.
fn data(world: &World) -> Table {
    world.table(|pk, sk| !pk.starts_with("C#") && !pk.contains("#A#") && !sk.starts_with("IMPORT#"))
}

/// How often an operation stands in the audit trail.
fn audited(world: &World, operation: &str) -> usize {
    let trail = world.table(|pk, _| pk.contains("#A#"));
    let entries = trail.values();
    entries
        .filter(|entry| entry["operation"]["S"] == operation)
        .count()
}

/// The import as it stands.
async fn show(actor: &Actor<'_>, import: &Value) -> Value {
    let path = format!("/v1/imports/{}", text(&import["id"]));
    actor.get(&path).await.expect(200)
}

/// An import but for its links, which are signed anew each time that somebody asks.
fn without_links(mut import: Value) -> Value {
    for link in ["plan_url", "report_url"] {
        import[link] = Value::Bool(import[link].is_string());
    }
    import
}

/// Uploads a file, commits its plan, and gives the import as it ends and its report.
async fn import(world: &World, actor: &Actor<'_>, file: impl Into<Vec<u8>>) -> (Value, String) {
    let planned = actor.upload_import(file).await;
    assert_eq!(planned["state"], "ready", "{planned}");
    let done = actor.commit_import(&planned).await;
    let report = download(world, &done["report_url"]).await;
    (done, report)
}

async fn download(world: &World, url: &Value) -> String {
    String::from_utf8(world.download(url).await).unwrap()
}

/// Puts a file into the bucket as the tenant's own job does, a second after the one before.
async fn put(world: &World, key: &str, file: impl Into<Vec<u8>>) {
    world.wait(SignedDuration::from_secs(1)).await;
    let files = &world.operator().files();
    files.put(key, "text/csv", file.into()).await.unwrap();
    world.stack.settled().await;
}

/// The cells of a plan or a report, without its heading.
fn rows(csv: &str) -> Vec<Vec<String>> {
    let csv = csv.strip_prefix('\u{feff}').unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows = reader.records();
    rows.map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

/// Line, outcome and code of each row of a plan or a report.
fn outcomes(csv: &str) -> Vec<String> {
    rows(csv)
        .iter()
        .map(|row| row[..3].join(" ").trim_end().to_owned())
        .collect()
}

/// A user by external ID.
async fn user(actor: &Actor<'_>, external_id: &str) -> Value {
    let found = actor
        .get(&format!("/v1/users?external_id={external_id}"))
        .await
        .expect(200);
    let users = found["users"].as_array().unwrap();
    let user = users.iter().find(|user| user["external_id"] == external_id);
    user.unwrap_or_else(|| panic!("{external_id} in {found}"))
        .clone()
}

/// A file of so many new users, from a number on.
fn new_users(from: usize, count: usize) -> String {
    let rows = (from..from + count)
        .map(|row| format!("N-{row},n{row}@new.example,Ann {row},Lee\n"))
        .collect::<String>();
    format!("External ID,Email,First Name,Last Name\n{rows}")
}
