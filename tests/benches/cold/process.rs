//! One process of a function, measured: what the kernel says of it, and what callgrind counts.

use std::time::{Duration, Instant};

use muster_local::Environment;
use muster_tests::bench::peak_memory;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::scene::Subject;

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:measured";
const TIMEOUT: Duration = Duration::from_mins(1);

/// A process that has answered its first event.
pub struct Started {
    environment: Environment,
    pub figures: Figures,
}

/// How it got there.
#[derive(Clone, Copy)]
pub struct Figures {
    /// From exec to the first request for an event.
    pub ready: Duration,
    /// From giving it the first event to its answer.
    pub first: Duration,
    /// The CPU it had used when it was ready.
    pub cpu: Duration,
    /// The most memory that it had had when it was ready, in kilobytes.
    pub memory: u32,
}

impl Started {
    pub async fn new(subject: &Subject) -> Self {
        let began = Instant::now();
        let environment = Environment::start(subject.command(&subject.binary)).await;
        let ready = began.elapsed();
        let environment = environment.unwrap_or_else(|error| panic!("{}: {error}", subject.name));
        let figures = Figures {
            ready,
            first: Duration::ZERO,
            cpu: Duration::ZERO,
            memory: 0,
        };
        let mut started = Self {
            environment,
            figures,
        };
        started.figures.cpu = started.cpu();
        started.figures.memory = started.peak_memory();
        started.figures.first = started.handle(subject).await;
        started
    }

    /// Has it handle the subject's event; how long that took.
    pub async fn handle(&mut self, subject: &Subject) -> Duration {
        let began = Instant::now();
        let answer = self.environment.invoke(ARN, &subject.event, TIMEOUT).await;
        let took = began.elapsed();
        check(
            subject,
            &answer.unwrap_or_else(|error| panic!("{}: {error}", subject.name)),
        );
        took
    }

    /// The CPU that its threads have used.
    fn cpu(&self) -> Duration {
        let pid = self.environment.id().unwrap();
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let used = threads.map(|thread| {
            let schedule = thread.unwrap().path().join("schedstat");
            let schedule = std::fs::read_to_string(schedule).unwrap();
            schedule.split(' ').next().unwrap().parse::<u64>().unwrap()
        });
        Duration::from_nanos(used.sum())
    }

    /// The most memory that it has had, in kilobytes.
    pub fn peak_memory(&self) -> u32 {
        peak_memory(&self.environment.id().unwrap().to_string())
    }
}

/// Whether it answered as it should: to fail is quick.
fn check(subject: &Subject, answer: &Value) {
    let good = match answer.get("statusCode") {
        Some(status) => *status == json!(subject.status),
        None => answer["batchItemFailures"]
            .as_array()
            .is_none_or(Vec::is_empty),
    };
    assert!(good, "{}: {answer}", subject.name);
}

/// The instructions from exec to the first answer.
pub async fn instructions(subject: &Subject) -> u32 {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = subject.command("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--log-file={}", log.path().display()))
        .arg(&subject.binary);
    let environment = Environment::start(command).await;
    let mut environment = environment.unwrap_or_else(|error| panic!("valgrind: {error}"));
    let answer = environment.invoke(ARN, &subject.event, TIMEOUT).await;
    check(subject, &answer.unwrap());
    // It sums up when the process is asked to end.
    let pid = environment.id().unwrap().to_string();
    let asked = Command::new("kill").args(["-TERM", &pid]).status().await;
    assert!(asked.unwrap().success());
    environment.ended().await;
    let log = std::fs::read_to_string(log.path()).unwrap();
    let counted = log.lines().find_map(|line| line.split_once("Collected :"));
    let (_, counted) = counted.unwrap_or_else(|| panic!("{log}"));
    counted.trim().parse().unwrap()
}
