//! The rules of DESIGN section 4, read off the table itself.

use std::collections::{BTreeMap, BTreeSet};

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

/// Fails where a rule does not hold in the table.
pub fn hold(world: &World, tenant: &str, model: &Model) {
    let own = format!("T#{tenant}");
    let shards = format!("{own}#");
    let people = |pk: &str| pk.starts_with("P#") || pk.starts_with("N#");
    let table = world
        .table(|pk, _| pk == own || people(pk) || pk.starts_with(&shards) && !pk.contains("#A#"));
    let users = of(&table, "USER#");
    seats(&table, &users, model);
    owners(&table, &users);
    uniqueness(&table, &users);
    usernames(&table, &users);
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

/// Rule 2: every address and external ID has one guard, of the one user who has it, and nothing else is guarded.
fn uniqueness(table: &Table, users: &BTreeMap<&str, &Value>) {
    for (guard, field) in [("EMAIL#", "email"), ("EXT#", "external_id")] {
        let guards: BTreeSet<(String, String)> = of(table, guard)
            .into_iter()
            .map(|(value, guard)| (value.to_owned(), text(&guard["user"]["S"])))
            .collect();
        let has = |(id, user): (&&str, &&Value)| {
            let value = user.get(field)?["S"].as_str()?.to_lowercase();
            let present = user.get("deleted_at").is_none();
            present.then(|| (value, (*id).to_owned()))
        };
        let held: BTreeSet<(String, String)> = users.iter().filter_map(has).collect();
        assert_eq!(guards, held, "{field}");
    }
}

/// The same of usernames: each is one person's, who is behind an active user, and nobody else is remembered.
fn usernames(table: &Table, users: &BTreeMap<&str, &Value>) {
    let keyed = |prefix: &str, wanted: &str, field: &str| {
        let items = table.iter().filter(|((_, sk), _)| sk == wanted);
        let pairs = items.filter_map(|((pk, _), item)| {
            Some((pk.strip_prefix(prefix)?.to_owned(), text(&item[field]["S"])))
        });
        pairs.collect::<BTreeSet<(String, String)>>()
    };
    let flipped = |(one, other): (String, String)| (other, one);
    let people = keyed("P#", "PERSON", "username");
    let names: BTreeSet<(String, String)> = keyed("N#", "NAME", "person")
        .into_iter()
        .map(flipped)
        .collect();
    assert_eq!(
        names, people,
        "every person has one name, and every name one person"
    );
    let active =
        |user: &&&Value| user.get("activated_at").is_some() && user.get("deleted_at").is_none();
    let behind: BTreeSet<(String, String)> = users
        .values()
        .filter(active)
        .map(|user| (text(&user["email"]["S"]), text(&user["username"]["S"])))
        .collect();
    assert_eq!(people, behind);
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
