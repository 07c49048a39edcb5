//! What a scenario came to, without what is another each time: two runs of one scenario come to the same.

use std::collections::{BTreeMap, BTreeSet, HashSet};

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
        let names = Names::of(scene.prepared());
        let kept = |pk: &str| !TRACES.iter().any(|trace| pk.starts_with(trace));
        let table = scene.world.table(|pk, _| kept(pk));
        let changed = table
            .iter()
            .filter(|(key, item)| scene.prepared().get(*key) != Some(*item));
        let mut changed: Vec<String> = changed
            .map(|(_, item)| names.plain(&item.to_string()))
            .collect();
        let gone = scene.prepared().keys();
        let gone = gone.filter(|key| kept(&key.0) && !table.contains_key(*key));
        changed.extend(gone.map(|(pk, sk)| format!("gone: {pk} {sk}")));
        changed.sort();
        let files = scene.new_files().into_iter().map(|(key, content)| {
            let key: Vec<String> = key.split('/').map(|part| names.plain(part)).collect();
            (key.join("/"), names.plain(&String::from_utf8_lossy(&content)))
        });
        Self {
            table: changed,
            files: files.filter(|(key, _)| !key.ends_with("xlsx")).collect(),
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
            told.push(format!("files {:?} instead of {:?}", self.files, wanted.files));
        }
        if self.mails != wanted.mails {
            told.push(format!("mails {:?} instead of {:?}", self.mails, wanted.mails));
        }
        told
    }
}

/// An answer without what is another each time.
pub fn plain_answer(scene: &Scene, body: &Value) -> String {
    Names::of(scene.prepared()).plain(&body.to_string())
}

/// The long words that the scene begins with: what is not among them is new, and another each time.
struct Names(HashSet<String>);

impl Names {
    fn of(table: &Table) -> Self {
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
        } else if let Some(("usr" | "mai" | "aud" | "imp" | "exp" | "lnk" | "tnt" | "grp" | "rol" | "acc", _)) = word.split_once('_') {
            &word[..4]
        } else if digits > 0 || (word != word.to_lowercase() && word.len() >= 20) {
            "<random>"
        } else {
            word
        }
    }
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
