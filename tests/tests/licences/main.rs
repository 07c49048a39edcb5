//! Licences and invitations, as people deal with them: seats, codes, mails, links, and the list as a file.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::format_push_string,
    reason = "a test that cannot go on says so, and need not be fast"
)]

mod capacity;
mod codes;
mod delivery;
mod expiry;
mod exporting;
mod inviting;
mod mailing;
mod overview;
mod resending;
mod seats;

use std::collections::{BTreeMap, HashMap};

use muster_local::Mail;
use muster_shared::domain::id::{TenantId, UserId};
use muster_shared::domain::user::User;
use muster_shared::store::transaction::Transaction;
use muster_tests::world::{Actor, Answer, Company, World, text};
use serde_json::{Value, json};

/// An id that is well-formed and nobody's.
fn stranger(number: u32) -> String {
    format!("usr_{number:016}")
}

/// Adds this many vehicles with an address each; their ids, in the order of their external IDs `C-0001`, …
async fn crew(owner: &Actor<'_>, count: usize) -> Vec<String> {
    let rows = (1..=count).map(|number| format!("C-{number:04},c{number}@crew.example\n"));
    let file = format!("External ID,Email\n{}", rows.collect::<String>());
    let import = owner.upload_import(file).await;
    let import = owner.commit_import(&import).await;
    assert_eq!(import["state"], "done", "{import}");
    let users = everyone(owner, "external_id=c-").await;
    assert_eq!(users.len(), count);
    users.iter().map(|user| text(&user["id"])).collect()
}

/// All pages of a list.
async fn everyone(actor: &Actor<'_>, query: &str) -> Vec<Value> {
    let (mut users, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/users?limit=200&{query}&cursor={cursor}");
        let page = actor.get(&path).await.expect(200);
        users.extend(page["users"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return users,
        }
    }
}

/// User by user what a bulk operation came to: `done`, `unchanged`, or the code of the refusal.
fn outcomes(answer: &Value) -> Vec<String> {
    let outcome = |outcome: &Value| {
        outcome["code"]
            .as_str()
            .map_or_else(|| text(&outcome["outcome"]), str::to_owned)
    };
    answer["outcomes"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"))
        .iter()
        .map(outcome)
        .collect()
}

/// A product as its company's people see it.
async fn product(actor: &Actor<'_>, id: &str) -> Value {
    let products = actor.get("/v1/products").await.expect(200);
    let products = products["products"].as_array().unwrap();
    products
        .iter()
        .find(|product| product["id"] == id)
        .unwrap()
        .clone()
}

/// Changes a user past the functions: none of them suspends or deletes one yet.
async fn edit(world: &World, company: &Company<'_>, user: &str, change: impl FnOnce(&mut User)) {
    let store = &world.operator().store;
    let tenant = TenantId::parse(&company.tenant).unwrap();
    let id = UserId::parse(user).unwrap();
    let before = store.user(&tenant, &id).await.unwrap().unwrap();
    let mut after = before.clone();
    change(&mut after);
    let mut transaction = Transaction::new(store);
    transaction
        .edit_user(&tenant, &before, &after, |_| ())
        .unwrap();
    transaction.commit().await.unwrap().unwrap();
}

async fn suspend(world: &World, company: &Company<'_>, user: &str) {
    let now = world.stack.clock().now();
    edit(world, company, user, |user| user.suspended_at = Some(now)).await;
}

async fn delete(world: &World, company: &Company<'_>, user: &str) {
    let now = world.stack.clock().now();
    edit(world, company, user, |user| user.deleted_at = Some(now)).await;
}

/// Every item of the table, by its key.
fn items(world: &World) -> BTreeMap<String, Value> {
    let table = world.table(|_, _| true).into_iter();
    table
        .map(|((pk, sk), item)| (format!("{pk} {sk}"), item))
        .collect()
}

/// The audit trail of a company, oldest first: when, who, what, and how many targets.
fn audit(world: &World, company: &Company<'_>, operation: &str) -> Vec<String> {
    let prefix = format!("T#{}#A#", company.tenant);
    let line = |item: &Value| {
        let targets = item["targets"]["L"].as_array().unwrap().len();
        format!(
            "{} {} {} {targets}",
            text(&item["at"]["S"]),
            text(&item["actor"]["M"]["kind"]["S"]),
            text(&item["operation"]["S"]),
        )
    };
    items(world)
        .iter()
        .filter(|(key, item)| {
            key.starts_with(&prefix) && item["operation"]["S"].as_str() == Some(operation)
        })
        .map(|(_, item)| line(item))
        .collect()
}

/// A mail as it arrived, without what is new in each run.
fn letter(world: &World, mail: &Mail) -> String {
    let Mail { from, subject, .. } = mail;
    let (to, tags) = (mail.to.join(", "), &mail.tags);
    let letter = format!(
        "From: {from}\nTo: {to}\nSent: {}\nSubject: {subject}\nTags: {tags:?}\n\n{}",
        mail.sent_at, mail.text
    );
    redacted(world, &letter)
}

/// An answer as it came, without what is new in each run.
fn shown(world: &World, body: &Value) -> String {
    redacted(world, &serde_json::to_string_pretty(body).unwrap())
}

/// Numbers the ids in their order, and leaves out licence codes, tokens and the address of the stack. Times stay: the
/// clock stands still.
fn redacted(world: &World, text: &str) -> String {
    let text = text.replace(&world.stack.url, "https://muster.example");
    let mut ids: HashMap<String, String> = HashMap::new();
    let mut counts: HashMap<String, usize> = HashMap::new();
    let (mut out, mut rest) = (String::new(), text.as_str());
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')))
            .unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        if let Some((kind, _)) = token.split_once('_').filter(|parts| is_id(*parts)) {
            let id = ids.entry(token.to_owned()).or_insert_with(|| {
                let count = counts.entry(kind.to_owned()).or_default();
                *count += 1;
                format!("{kind}_{count}")
            });
            out.push_str(id);
        } else if is_code(token) {
            out.push_str("CODE");
        } else if out.ends_with("/activate#") {
            out.push_str("TOKEN");
        } else {
            out.push_str(token);
        }
        let next = after.chars().next();
        out.extend(next);
        rest = &after[next.map_or(0, char::len_utf8)..];
    }
    out
}

fn is_id((kind, random): (&str, &str)) -> bool {
    kind.len() == 3
        && random.len() == 16
        && random
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
}

fn is_code(word: &str) -> bool {
    let groups: Vec<&str> = word.split('-').collect();
    groups.len() == 4
        && groups.iter().all(|group| {
            group.len() == 4
                && group
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        })
}

/// What every bulk operation on users says of a list it cannot read: none, too many, and ids that are none, all of
/// them named.
async fn refuses_bad_lists(actor: &Actor<'_>, path: &str) {
    let post = async |users: Value| actor.post(path, json!({ "users": users })).await;
    assert_eq!(post(json!([])).await.faults(), ["users: out_of_range"]);
    let too_many: Vec<String> = (0..1_001).map(stranger).collect();
    assert_eq!(
        post(json!(too_many)).await.faults(),
        ["users: out_of_range"]
    );
    let most = post(json!(too_many[..1_000])).await.expect(200);
    assert_eq!(most["refused"], 1_000);
    assert!(
        outcomes(&most)
            .iter()
            .all(|outcome| outcome == "user_not_found"),
        "{most}"
    );
    let mixed = json!([
        stranger(1),
        "",
        "usr_short",
        "prd_0000000000000001",
        "ada@example.com"
    ]);
    let named = post(mixed).await.faults();
    let faulty: Vec<&str> = named
        .iter()
        .map(|fault| fault.split(':').next().unwrap())
        .collect();
    assert_eq!(faulty, ["users[1]", "users[2]", "users[3]", "users[4]"]);
    assert_eq!(post(json!([7])).await.faults(), ["users[0]: invalid_value"]);
    assert_eq!(
        actor.post(path, json!({})).await.refused(400),
        "malformed_request"
    );
    assert_eq!(
        actor
            .post(path, json!({ "users": [stranger(1)], "all": true }))
            .await
            .status,
        422
    );
}

/// What a request under one key must do when it comes again: the first answer, marked as such.
#[track_caller]
fn is_replay(first: &Answer, again: &Answer) {
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert!(!first.headers.contains_key("idempotency-replayed"));
}
