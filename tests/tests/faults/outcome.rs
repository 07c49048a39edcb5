//! What a scenario came to, without what is another each time: two runs of one scenario come to the same.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use jiff::Timestamp;
use muster_tests::world::Table;
use serde_json::Value;

use super::scene::Scene;

/// What a scenario came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    table: Vec<String>,
    files: BTreeMap<String, String>,
    /// Each once: whoever sends cannot know of a mail whether it was sent when no answer comes.
    mails: BTreeSet<String>,
}

/// Partitions of what leaves traces of every attempt: rate buckets, kept answers, sessions whose tokens got lost; and the keys.
const TRACES: [&str; 4] = ["R#", "I#", "S#", "KEYS"];

impl Outcome {
    /// How things stand.
    pub fn of(scene: &Scene) -> Self {
        let names = &scene.names;
        let kept = |pk: &str| !TRACES.iter().any(|trace| pk.starts_with(trace));
        let table = scene.world.table(|pk, _| kept(pk));
        let plans = plans(&table);
        let changed = table.iter().filter(|(key, item)| {
            let before = scene.prepared().get(*key);
            before.map(lasting) != Some(lasting(item)) && !abandoned(&key.0, &plans)
        });
        let mut changed: Vec<String> = changed
            .map(|(_, item)| names.plain(&lasting(item).to_string()))
            .collect();
        let gone = scene.prepared().keys();
        let gone = gone.filter(|key| kept(&key.0) && !table.contains_key(*key));
        changed.extend(gone.map(|(pk, sk)| format!("gone: {pk} {sk}")));
        changed.sort();
        let files = scene.new_files().into_iter();
        let files = files.filter(|(key, _)| !abandoned(key, &plans));
        Self {
            table: changed,
            files: files
                .map(|(key, content)| file(names, &key, &content))
                .collect(),
            mails: scene.new_mails().into_iter().collect(),
        }
    }

    /// What differs from how it should be; empty if nothing does.
    pub fn differences(&self, wanted: &Self) -> Vec<String> {
        let mut told = Vec::new();
        let mut left = wanted.table.clone();
        for row in &self.table {
            match left.iter().position(|other| other == row) {
                Some(at) => drop(left.swap_remove(at)),
                None => told.push(format!("+ {row}")),
            }
        }
        told.extend(left.into_iter().map(|row| format!("- {row}")));
        if self.files != wanted.files {
            told.push(format!(
                "files {:?} instead of {:?}",
                self.files, wanted.files
            ));
        }
        if self.mails != wanted.mails {
            told.push(format!(
                "mails {:?} instead of {:?}",
                self.mails, wanted.mails
            ));
        }
        told
    }
}

/// An item without what may be another each time.
fn lasting(item: &Value) -> Value {
    let mut item = item.clone();
    if let Some(attributes) = item.as_object_mut() {
        // By the hash of a new id.
        attributes.remove("expiry_shard");
        // Nobody is kept from signing in because that could not be noted.
        attributes.remove("last_login_at");
    }
    item
}

/// The plans that imports have: of all attempts at one, the last that was completed.
fn plans(table: &Table) -> Vec<String> {
    let imports = table
        .iter()
        .filter(|((_, sk), _)| sk.starts_with("IMPORT#"));
    let plans = imports.filter_map(|(_, item)| item["plan"]["S"].as_str());
    plans.map(str::to_owned).collect()
}

/// Whether something is of a plan that no import has: it ends by itself.
fn abandoned(name: &str, plans: &[String]) -> bool {
    name.contains("pln_") && !plans.iter().any(|plan| name.contains(plan))
}

/// A file's place, and its lines: those of one moment are in no order. Spreadsheets are no text.
fn file(names: &Names, key: &str, content: &[u8]) -> (String, String) {
    let place: Vec<String> = key.split('/').map(|part| names.plain(part)).collect();
    if Path::new(key)
        .extension()
        .is_some_and(|form| form == "xlsx")
    {
        return (place.join("/"), String::new());
    }
    let content = names.plain(&String::from_utf8_lossy(content));
    let mut lines: Vec<&str> = content.lines().collect();
    lines.sort_unstable();
    (place.join("/"), lines.join("\n"))
}

/// An answer without what is another each time.
pub fn plain_answer(scene: &Scene, body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(answer) = body.as_object_mut() {
        // What a check took.
        for of_the_check in ["seconds", "read_units", "items"] {
            answer.remove(of_the_check);
        }
    }
    serde_json::from_str(&scene.names.plain(&body.to_string())).unwrap()
}

/// Whether two answers are of one form, and as many things were refused: what was done at the first attempt is there already at
/// the second, and has gone on meanwhile.
pub fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.keys().eq(other.keys()) && one.get("refused") == other.get("refused")
        }
        _ => one == other,
    }
}

/// The long words that the scene begins with: what is not among them is new, and another each time.
pub struct Names(HashSet<String>);

impl Names {
    /// Those in a table.
    pub fn of(table: &Table) -> Self {
        let mut names = HashSet::new();
        for item in table.values() {
            for word in words(&item.to_string()) {
                if word.len() >= SHORTEST {
                    names.insert(word.to_owned());
                }
            }
        }
        Self(names)
    }

    fn plain(&self, text: &str) -> String {
        words(text).map(|word| self.plain_word(word)).collect()
    }

    fn plain_word<'a>(&self, word: &'a str) -> &'a str {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        if word.parse::<Timestamp>().is_ok() {
            "<time>"
        } else if digits == word.len() && digits >= 10 {
            "<moment>"
        } else if word.len() < SHORTEST || self.0.contains(word) {
            word
        } else if let Some((
            "usr" | "mai" | "pln" | "aud" | "imp" | "exp" | "lnk" | "tnt" | "grp" | "rol" | "acc",
            _,
        )) = word.split_once('_')
        {
            &word[..4]
        } else if digits > 0
            || is_code(word)
            || (word.len() >= 20
                && (word.bytes().all(|c| c.is_ascii_alphanumeric()) || is_base64(word)))
        {
            "<random>"
        } else {
            word
        }
    }
}

/// Whether a word may be the code of a licence, which now and then has no digit.
fn is_code(word: &str) -> bool {
    word.bytes().all(|c| c.is_ascii_uppercase() || c == b'-')
}

/// Whether a word may be bytes in base 64; ours are in small letters or begin with a capital one.
fn is_base64(word: &str) -> bool {
    let has = |of_kind: fn(&u8) -> bool| word.bytes().skip(1).any(|c| of_kind(&c));
    word.bytes()
        .all(|c| c.is_ascii_alphanumeric() || b"+/-_=".contains(&c))
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
}

/// Shorter words are never random.
const SHORTEST: usize = 14;

/// A text cut into words and what stands between them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let of_word = |c: char| c.is_ascii_alphanumeric() || "_-:.+/=".contains(c);
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c| of_word(c) != of_word(first));
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(word)
    })
}
