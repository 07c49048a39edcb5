//! What everybody was answered, and whether the API's document says so.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use muster_tests::openapi;
use muster_tests::report::percentiles;
use muster_tests::world::{Actor, Answer};
use reqwest::RequestBuilder;
use serde_json::Value;

/// What everybody was answered.
pub struct Tally {
    /// The statuses that the document has for each operation.
    documented: BTreeMap<String, BTreeSet<u16>>,
    operations: Mutex<BTreeMap<&'static str, Operation>>,
    unexpected: Mutex<Vec<String>>,
}

#[derive(Default)]
struct Operation {
    times: Vec<Duration>,
    refused: BTreeMap<String, u32>,
}

impl Tally {
    /// Nothing yet.
    pub fn of_documented_answers() -> Self {
        let document: Value = serde_json::from_str(&openapi::document()).unwrap();
        let paths = document["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(_, path)| path.as_object().into_iter().flatten());
        let documented = operations.filter_map(|(_, operation)| {
            let statuses = operation["responses"].as_object()?.keys();
            let statuses = statuses.filter_map(|status| status.parse().ok());
            Some((
                operation["operationId"].as_str()?.to_owned(),
                statuses.collect(),
            ))
        });
        Self {
            documented: documented.collect(),
            operations: Mutex::default(),
            unexpected: Mutex::default(),
        }
    }

    /// Sends a request of an operation; the answer's body, if it was done.
    pub async fn send(
        &self,
        operation: &'static str,
        actor: &Actor<'_>,
        request: RequestBuilder,
    ) -> Option<Value> {
        let began = Instant::now();
        let answer = actor.send(request).await;
        self.count(operation, began.elapsed(), &answer);
        (answer.status < 300).then_some(answer.body)
    }

    fn count(&self, operation: &'static str, took: Duration, answer: &Answer) {
        if !self.documented[operation].contains(&answer.status) {
            self.wrong(format!("{operation}: {} {}", answer.status, answer.text));
        }
        let mut operations = self.operations.lock().unwrap();
        let counted = operations.entry(operation).or_default();
        counted.times.push(took);
        if let Some(code) = answer.body["code"]
            .as_str()
            .filter(|_| answer.status >= 400)
        {
            *counted.refused.entry(code.to_owned()).or_default() += 1;
        }
    }

    /// Notes what should not be.
    pub fn wrong(&self, what: String) {
        self.unexpected.lock().unwrap().push(what);
    }

    /// Whether nothing was that should not be.
    pub fn is_as_documented(&self) -> bool {
        self.unexpected.lock().unwrap().is_empty()
    }

    /// Writes how often each operation was asked for, how long it took, and why it was refused.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let (p50, p99) = ("p50, ms", "p99, ms");
        writeln!(
            out,
            "{:<22}{:>8}{p50:>10}{p99:>10}  refused",
            "operation", "answers"
        )?;
        for (operation, counted) in &*self.operations.lock().unwrap() {
            let times = counted.times.iter();
            let times = times.map(|took| took.as_secs_f64() * 1e3).collect();
            let (p50, p99) = percentiles(times);
            let refused = counted
                .refused
                .iter()
                .map(|(code, count)| format!("{count} {code}"));
            let refused: Vec<String> = refused.collect();
            writeln!(
                out,
                "{operation:<22}{:>8}{p50:>10.1}{p99:>10.1}  {}",
                counted.times.len(),
                refused.join(", ")
            )?;
        }
        for what in &*self.unexpected.lock().unwrap() {
            writeln!(out, "UNEXPECTED {what}")?;
        }
        Ok(())
    }
}
