//! Functions that run as processes end with the stack, however that ends: by a signal that it handles, or killed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use muster_tests::binaries;

/// How long they may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn no_process_outlives_a_stack_that_is_stopped() {
    outlived_by_none("-INT");
}

#[test]
fn no_process_outlives_a_stack_that_is_killed() {
    outlived_by_none("-KILL");
}

fn outlived_by_none(signal: &str) {
    let mut stack = Command::new(binaries::built().join("muster-local"))
        .args(["--spawn", "--memory", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // By then its functions have made the demo tenant, so processes of theirs wait for events.
    let told = BufReader::new(stack.stdout.take().unwrap()).lines();
    let told: Vec<String> = told
        .map(Result::unwrap)
        .take_while(|line| !line.starts_with("Ctrl-C"))
        .collect();
    assert!(told.iter().any(|line| line.contains("demo")), "{told:?}");

    // All of them write their errors to this pipe: it ends when the last of them does.
    let mut errors = stack.stderr.take().unwrap();
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let _ = errors.read_to_string(&mut text);
        ended.send(text)
    });
    let pid = stack.id().to_string();
    let mut kill = Command::new("kill");
    assert!(kill.args([signal, &pid]).status().unwrap().success());
    let status = stack.wait().unwrap();
    assert_eq!(status.success(), signal == "-INT", "{status}");
    let text = end.recv_timeout(PATIENCE).unwrap();
    assert!(!text.contains("panicked"), "{text}");
}
