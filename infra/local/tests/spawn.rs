//! Functions that are processes of their own: one is started for the first event and kept, another while it is busy, and a
//! new one after it died, hung or could not start. A script stands in for the binaries.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use muster_local::{Environment, InvocationError, Options, Spawn, Stack, StackError, functions};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/function.sh");

/// A folder in which all functions are this program.
fn folder(program: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for function in functions::ALL {
        symlink(program, folder.path().join(function.name)).unwrap();
    }
    folder
}

async fn start(folder: &Path) -> Result<Stack, StackError> {
    let spawn = Spawn {
        folder: folder.to_owned(),
        log: "warn".to_owned(),
    };
    let options = Options {
        spawn: Some(spawn),
        ..Options::default()
    };
    muster_local::start(options, &[]).await
}

async fn told(stack: &Stack) -> Value {
    stack.invoke("tenant", json!({})).await.unwrap()
}

#[tokio::test]
async fn a_process_is_kept_and_knows_what_the_template_says() {
    let folder = folder(SCRIPT);
    let stack = start(folder.path()).await.unwrap();
    let first = told(&stack).await;
    assert_eq!(
        [&first["table"], &first["name"], &first["memory"]],
        ["muster", "muster-tenant", "256"]
    );
    assert_eq!(
        first["arn"],
        "arn:aws:lambda:us-east-1:000000000000:function:muster-tenant"
    );
    assert_eq!(first["dynamodb"], stack.dynamodb_url);
    assert_ne!(first["key"], "");
    assert_eq!(first["home"], "", "nothing leaks from the stack's own");
    assert_eq!(told(&stack).await, first);
    let other = stack.invoke("roles", json!({})).await.unwrap();
    assert_ne!(other["process"], first["process"]);
    stack.shutdown().await;
}

#[tokio::test]
async fn another_process_is_started_while_one_is_busy() {
    let folder = folder(SCRIPT);
    let stack = start(folder.path()).await.unwrap();
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().await;
    assert!(made.unwrap().success());
    let (wrote, read) = tokio::join!(
        stack.invoke("tenant", json!({ "write": pipe })),
        stack.invoke("tenant", json!({ "read": pipe })),
    );
    assert_ne!(wrote.unwrap(), read.unwrap());
    stack.shutdown().await;
}

#[tokio::test]
async fn a_process_that_dies_is_told_and_replaced() {
    let folder = folder(SCRIPT);
    let stack = start(folder.path()).await.unwrap();
    let first = told(&stack).await;
    let died = stack.invoke("tenant", json!("exit")).await;
    let died = died.unwrap_err();
    assert!(
        matches!(died, InvocationError::Exited(status) if status.code() == Some(3)),
        "{died}"
    );
    let second = told(&stack).await;
    assert_ne!(second["process"], first["process"]);

    // One that is killed while it waits costs no more than the event that it may already have been given.
    let process = second["process"].to_string();
    let mut kill = Command::new("kill");
    let killed = kill.args(["-KILL", &process]).status().await;
    assert!(killed.unwrap().success());
    let third = match stack.invoke("tenant", json!({})).await {
        Err(InvocationError::Exited(_)) => told(&stack).await,
        answer => answer.unwrap(),
    };
    assert_ne!(third["process"], second["process"]);
    stack.shutdown().await;
}

#[tokio::test]
async fn an_error_is_told_and_its_process_kept() {
    let folder = folder(SCRIPT);
    let stack = start(folder.path()).await.unwrap();
    let first = told(&stack).await;
    let failed = stack.invoke("tenant", json!("fail")).await.unwrap_err();
    assert!(
        matches!(&failed, InvocationError::Failed(message) if message == "as told"),
        "{failed}"
    );
    assert_eq!(told(&stack).await, first);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_process_that_hangs_is_killed() {
    let mut environment = Environment::start(Command::new(SCRIPT)).await.unwrap();
    let short = Duration::from_millis(100);
    let hung = environment.invoke("arn", &json!("hang"), short).await;
    let hung = hung.unwrap_err();
    assert!(matches!(hung, InvocationError::TimedOut(after) if after == short));
    assert!(!environment.is_running());
}

#[tokio::test]
async fn a_process_that_ends_before_its_first_event_is_told() {
    let folder = folder("/bin/false");
    let stack = start(folder.path()).await.unwrap();
    for _ in 0..2 {
        let ended = stack.invoke("tenant", json!({})).await.unwrap_err();
        assert!(
            matches!(ended, InvocationError::Exited(status) if status.code() == Some(1)),
            "{ended}"
        );
    }
    stack.shutdown().await;
}

#[tokio::test]
async fn a_missing_binary_is_named_before_anything_runs() {
    let folder = folder(SCRIPT);
    std::fs::remove_file(folder.path().join("invite")).unwrap();
    let refused = start(folder.path()).await.unwrap_err().to_string();
    assert!(refused.contains("no binary of invite;"), "{refused}");
    assert!(refused.contains("make functions"), "{refused}");
}
