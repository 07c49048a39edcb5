//! Functions that run by themselves, by the stack's movable clock.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use muster_shared::clock::Clock;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::cloudformation::{ACCOUNT, REGION};
use crate::invoke::Functions;
use crate::template::{Schedule, Template};

/// How long to sleep at most, because the clock may be moved meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// All schedules.
#[derive(Debug)]
pub struct Schedules {
    entries: Vec<Entry>,
    functions: Arc<Functions>,
    clock: Clock,
}

#[derive(Debug)]
struct Entry {
    function: String,
    schedule: Schedule,
    due: Mutex<Timestamp>,
}

impl Schedules {
    /// The schedules of a template, each due for the first time when its period is over.
    #[must_use]
    pub fn new(template: &Template, functions: Arc<Functions>, clock: Clock) -> Self {
        let now = clock.now();
        let entries = template.functions.values().flat_map(|function| {
            function.schedules.iter().map(move |schedule| Entry {
                function: function.name.clone(),
                due: Mutex::new(later(now, schedule.every)),
                schedule: schedule.clone(),
            })
        });
        Self {
            entries: entries.collect(),
            functions,
            clock,
        }
    }

    /// Moves the clock forward, for all functions, and runs what became due.
    pub async fn advance(&self, by: SignedDuration) {
        self.clock.advance(by);
        self.functions.tell_time(&self.clock);
        self.run_due().await;
    }

    /// Runs once whatever is due, and resolves when it is done.
    async fn run_due(&self) {
        join_all(self.entries.iter().map(|entry| self.run_if_due(entry))).await;
    }

    async fn run_if_due(&self, entry: &Entry) {
        let mut due = entry.due.lock().await;
        let now = self.clock.now();
        if now < *due {
            return;
        }
        *due = later(now, entry.schedule.every);
        if let Err(error) = self
            .functions
            .invoke(&entry.function, event(&entry.schedule, now))
            .await
        {
            tracing::error!(function = entry.function, %error, "a scheduled run failed");
        }
    }

    /// Runs each schedule when it is due, until the task is dropped.
    pub async fn keep(self: Arc<Self>) {
        loop {
            let now = self.clock.now();
            let mut rest = LONGEST_SLEEP;
            for entry in &self.entries {
                rest = rest.min(
                    Duration::try_from(entry.due.lock().await.duration_since(now))
                        .unwrap_or_default(),
                );
            }
            tokio::time::sleep(rest.max(Duration::from_secs(1))).await;
            self.run_due().await;
        }
    }
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| now.checked_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}

/// What `EventBridge` Scheduler sends: the template's input, or its own envelope.
fn event(schedule: &Schedule, now: Timestamp) -> Value {
    let input = schedule
        .input
        .as_deref()
        .map(|input| serde_json::from_str(input).unwrap_or_else(|_| json!(input)));
    input.unwrap_or_else(|| {
        json!({
            "version": "0",
            "id": uuid::Uuid::new_v4(),
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": ACCOUNT,
            "time": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": REGION,
            "resources": [],
            "detail": "{}",
        })
    })
}
