//! The rules of DESIGN section 4, read off the table itself.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64URL_NOPAD;
use muster_tests::world::{Answer, Table, World, text};
use serde_json::Value;

use super::model::Model;

/// How many entries the tenant's audit trail has.
pub fn entries(world: &World, tenant: &str) -> usize {
    let trail = format!("T#{tenant}#A#");
    world.table(|pk, _| pk.starts_with(&trail)).len()
}

/// Whose activation link it is.
pub fn user_of(link: &str) -> String {
    let claims = link.split('.').nth(1).unwrap();
    let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    text(&claims["sub"])
}

/// The answer of a verification that found nothing amiss.
pub fn verified(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["intact"], true, "{}", answer.text);
}

/// Fails where a rule does not hold in the table.
pub fn hold(world: &World, tenant: &str, model: &Model) {
    let own = format!("T#{tenant}");
    let shards = format!("{own}#");
    let table = world.table(|pk, _| pk == own || pk.starts_with(&shards) && !pk.contains("#A#"));
    let users = of(&table, "USER#");
    seats(&table, &users, model);
    owners(&table, &users);
    uniqueness(&table, &users);
    invitations(&table, &users);
    states(&users, model);
}

fn of<'t>(table: &'t Table, prefix: &str) -> BTreeMap<&'t str, &'t Value> {
    let found = table
        .iter()
        .filter_map(|((_, sk), item)| sk.strip_prefix(prefix).map(|rest| (rest, item)));
    found.collect()
}

fn number(value: &Value) -> usize {
    value["N"].as_str().unwrap().parse().unwrap()
}

/// Rule 3: what is counted as used is what users hold, and never more than was bought.
fn seats(table: &Table, users: &BTreeMap<&str, &Value>, model: &Model) {
    let mut used = Vec::new();
    for (product, item) in of(table, "PRODUCT#") {
        let holds = |user: &&&Value| user["licences"]["M"].get(product).is_some();
        let held = users.values().filter(holds).count();
        assert_eq!(number(&item["used"]), held, "seats of {product}");
        assert!(held <= number(&item["seats"]));
        used.push(held);
    }
    used.sort_unstable();
    let mut expected = model.used.to_vec();
    expected.sort_unstable();
    assert_eq!(used, expected);
}

fn acting_owner(user: &Value) -> bool {
    user["class"]["S"] == "owner"
        && user.get("activated_at").is_some()
        && user.get("suspended_at").is_none()
        && user.get("deleted_at").is_none()
}

/// Rule 5: there always is an owner who can act, and the count of them is right.
fn owners(table: &Table, users: &BTreeMap<&str, &Value>) {
    let acting = users.values().filter(|user| acting_owner(user)).count();
    let counted = table.iter().find(|((_, sk), _)| sk == "OWNERS").unwrap().1;
    assert_eq!(number(&counted["acting"]), acting);
    assert!(acting >= 1);
}

/// Rule 2: every address has one guard, of the one user who has it, and nothing else is guarded.
fn uniqueness(table: &Table, users: &BTreeMap<&str, &Value>) {
    let guards: BTreeSet<(String, String)> = of(table, "EMAIL#")
        .into_iter()
        .map(|(email, guard)| (email.to_owned(), text(&guard["user"]["S"])))
        .collect();
    let addresses: BTreeSet<(String, String)> = users
        .iter()
        .filter(|(_, user)| user.get("deleted_at").is_none())
        .map(|(id, user)| (text(&user["email"]["S"]), (*id).to_owned()))
        .collect();
    assert_eq!(guards, addresses);
}

/// Rule 4: nobody who is active, suspended or deleted has an invitation that could be accepted.
fn invitations(table: &Table, users: &BTreeMap<&str, &Value>) {
    for (user, _) in of(table, "INVITE#") {
        let user = users[user];
        for fact in ["activated_at", "suspended_at", "deleted_at"] {
            assert!(user.get(fact).is_none(), "{user} has an invitation");
        }
    }
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
