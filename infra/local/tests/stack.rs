//! The stack carries requests, outbox items, uploads, mail events and schedules to the functions of the template; functions
//! that only take notes stand in for the real ones.

#![expect(
    clippy::unwrap_used,
    clippy::format_collect,
    reason = "a test may panic, and need not be fast"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::SignedDuration;
use muster_local::{OPERATOR, Options, Stack, StackError, start};
use muster_shared::error::Internal;
use muster_shared::lambda::Function;
use muster_shared::mail::Rendered;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What the functions were given, by function. Tests tell theirs apart by a mark in the text.
static NOTES: Mutex<BTreeMap<&str, Vec<String>>> = Mutex::new(BTreeMap::new());
static CLEANUPS: AtomicUsize = AtomicUsize::new(0);

fn note(function: &'static str, text: String) -> usize {
    let mut notes = NOTES.lock().unwrap_or_else(PoisonError::into_inner);
    let notes = notes.entry(function).or_default();
    notes.push(text);
    notes.len()
}

/// How often a function was given something with this mark.
fn noted(function: &str, mark: &str) -> usize {
    let notes = NOTES.lock().unwrap_or_else(PoisonError::into_inner);
    notes.get(function).map_or(0, |notes| {
        notes.iter().filter(|note| note.contains(mark)).count()
    })
}

fn work(function: &'static str, message: String) -> Result<(), Internal> {
    let fails = message.contains("fail-always")
        || message.contains("fail-once") && noted(function, &message) == 0;
    note(function, message);
    if fails {
        Err(Internal::Broken("as told"))
    } else {
        Ok(())
    }
}

macro_rules! functions {
    ($($kind:ident $name:literal: $handle:expr;)*) => { &[$({
        static FUNCTION: Function = Function::$kind($name, $handle);
        &FUNCTION
    }),*] };
}

macro_rules! echo {
    () => {
        |_, request| {
            Box::pin(async move {
                assert!(request.uri().path() != "/v1/users/panic", "as told");
                let text = format!("{} {}", request.method(), request.uri());
                Ok(muster_shared::http::Response::new(text.into()))
            })
        }
    };
}

macro_rules! worker {
    ($name:literal) => {
        |_, message| Box::pin(async move { work($name, message) })
    };
}

static STAND_INS: &[&Function] = functions! {
    http "sign-in": echo!();
    http "activate": echo!();
    http "add-user": echo!();
    http "list-users": echo!();
    http "assign": echo!();
    http "activate-licence": echo!();
    http "accounts": echo!();
    http "audit": echo!();
    http "change-email": echo!();
    http "invite": echo!();
    http "resend": echo!();
    http "reset-password": echo!();
    http "revoke": echo!();
    http "roles": echo!();
    http "groups": echo!();
    http "overview": echo!();
    http "tenant": echo!();
    http "edit-user": echo!();
    http "delete-users": echo!();
    http "start-import": echo!();
    http "start-export": echo!();
    queue "import": worker!("import");
    queue "import-chunk": worker!("import-chunk");
    queue "export": worker!("export");
    queue "count-users": worker!("count-users");
    queue "send-mail": worker!("send-mail");
    queue "record-delivery": worker!("record-delivery");
    event "expire-invitations": |_, _| Box::pin(async { CLEANUPS.fetch_add(1, Ordering::SeqCst); Ok(Value::Null) });
    event "seal-audit": |_, _| Box::pin(async { Ok(Value::Null) });
    event "erase-users": |_, _| Box::pin(async { Ok(Value::Null) });
    event "provision": |_, event| Box::pin(async move { Ok(event) });
    event "support": |_, event| Box::pin(async move { Ok(event) });
    event "check": |_, event| Box::pin(async move { Ok(event) });
};

async fn stack() -> Stack {
    start(
        Options {
            keep_history: true,
            ..Options::default()
        },
        STAND_INS,
    )
    .await
    .unwrap()
}

async fn stack_on(data: &Path) -> Result<Stack, StackError> {
    start(
        Options {
            data: Some(data.to_owned()),
            ..Options::default()
        },
        STAND_INS,
    )
    .await
}

/// Writes an item that waits for a worker.
fn put(stack: &Stack, key: &str, outbox: &str) {
    let item = json!({"TableName": "muster", "Item": {"PK": {"S": key}, "SK": {"S": "X"}, "outbox": {"S": outbox}}});
    stack
        .database()
        .put_item(serde_json::from_value(item).unwrap())
        .unwrap();
}

/// Sends a request and returns the response as text.
async fn http(url: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let host = url.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host).await.unwrap();
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    // A refused upload is answered before it is read to its end.
    let _ = connection.write_all(request.as_bytes()).await;
    let mut response = Vec::new();
    let _ = connection.read_to_end(&mut response).await;
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test]
async fn a_request_reaches_the_function_of_its_route() {
    let stack = stack().await;
    let answer = http(&stack.url, "GET", "/v1/users/usr_1?q=a%20b", &[], "").await;
    assert!(
        answer.starts_with("HTTP/1.1 200")
            && answer.contains("GET ")
            && answer.contains("/v1/users/usr_1?q=a"),
        "{answer}"
    );
    assert!(
        http(&stack.url, "HEAD", "/v1/users", &[], "")
            .await
            .starts_with("HTTP/1.1 200")
    );
}

#[tokio::test]
async fn what_has_no_route_is_a_problem() {
    let stack = stack().await;
    let unknown = http(&stack.url, "GET", "/v1/nothing", &[], "").await;
    assert!(
        unknown.starts_with("HTTP/1.1 404") && unknown.contains("application/problem+json"),
        "{unknown}"
    );
    let wrong = http(&stack.url, "QUERY", "/v1/users", &[], "").await;
    assert!(
        wrong.starts_with("HTTP/1.1 405") && wrong.contains("allow: GET, POST"),
        "{wrong}"
    );
    let options = http(&stack.url, "OPTIONS", "/v1/users", &[], "").await;
    assert!(
        options.starts_with("HTTP/1.1 204") && options.contains("allow: GET, POST"),
        "{options}"
    );
}

#[tokio::test]
async fn a_body_beyond_ten_megabytes_is_refused() {
    let stack = stack().await;
    let answer = http(
        &stack.url,
        "POST",
        "/v1/users",
        &[],
        &"x".repeat(10 * 1024 * 1024 + 1),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn a_panic_is_an_answer_without_internals() {
    let stack = stack().await;
    let answer = http(&stack.url, "GET", "/v1/users/panic", &[], "").await;
    assert!(
        answer.starts_with("HTTP/1.1 500") && !answer.contains("as told"),
        "{answer}"
    );
    assert!(
        http(&stack.url, "GET", "/v1/users", &[], "")
            .await
            .starts_with("HTTP/1.1 200")
    );
}

#[tokio::test]
async fn an_outbox_item_reaches_its_worker_once() {
    let stack = stack().await;
    put(&stack, "outbox-once", "mail");
    put(&stack, "outbox-once", "mail");
    put(&stack, "outbox-chunk", "import-chunk");
    stack.settled().await;
    assert_eq!(
        (
            noted("send-mail", "outbox-once"),
            noted("import-chunk", "outbox-chunk")
        ),
        (1, 1)
    );
    assert_eq!(noted("export", "outbox-"), 0);
}

#[tokio::test]
async fn every_message_can_be_sent_again() {
    let stack = stack().await;
    put(&stack, "again-1", "mail");
    put(&stack, "again-2", "mail");
    stack.settled().await;
    stack.redeliver_all();
    stack.redeliver_all();
    stack.settled().await;
    assert_eq!(
        (noted("send-mail", "again-1"), noted("send-mail", "again-2")),
        (3, 3)
    );
}

#[tokio::test]
async fn a_failed_message_comes_again_and_does_not_hold_up_the_others() {
    let stack = stack().await;
    put(&stack, "fail-once", "mail");
    put(&stack, "beside-a-failure", "mail");
    stack.settled().await;
    assert_eq!(
        (
            noted("send-mail", "fail-once"),
            noted("send-mail", "beside-a-failure")
        ),
        (2, 1)
    );
    assert!(stack.dead_letters().is_empty());
}

#[tokio::test]
async fn a_message_that_always_fails_becomes_a_dead_letter_and_can_be_redriven() {
    let stack = stack().await;
    put(&stack, "fail-always-given-up", "export");
    stack.settled().await;
    assert_eq!(noted("export", "fail-always-given-up"), 5);
    let dead = http(&stack.url, "GET", "/local/dead-letters.json", &[], "").await;
    assert!(
        dead.contains("ExportQueue") && dead.contains("\"receives\":5"),
        "{dead}"
    );
    let redriven = http(&stack.url, "POST", "/local/dead-letters/redrive", &[], "").await;
    assert!(redriven.contains("{\"redriven\":1}"), "{redriven}");
    stack.settled().await;
    assert_eq!(noted("export", "fail-always-given-up"), 10);
}

#[tokio::test]
async fn an_upload_to_a_signed_address_starts_an_import() {
    let stack = stack().await;
    let files = &stack.context("start-import").unwrap().files();
    let valid = std::time::Duration::from_mins(1);
    let upload = files
        .upload_address("uploads/tnt_1/imp_1.csv", "text/csv", valid)
        .await
        .unwrap();
    let path = upload.url.trim_start_matches(&stack.s3_url);
    let headers: Vec<_> = upload
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let headers: Vec<_> = headers
        .into_iter()
        .filter(|(name, _)| *name != "host")
        .collect();
    let answer = http(
        &stack.s3_url,
        &upload.method,
        path,
        &headers,
        "External ID\nA\n",
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("access-control-allow-origin: *"),
        "{answer}"
    );
    assert!(
        http(&stack.s3_url, "OPTIONS", path, &[], "")
            .await
            .starts_with("HTTP/1.1 204")
    );
    let operator = &stack.context(OPERATOR).unwrap().files();
    operator
        .put("plans/tnt_1/imp_1.csv", "text/csv", b"plan".to_vec())
        .await
        .unwrap();
    stack.settled().await;
    assert_eq!(
        (
            noted("import", "uploads/tnt_1/imp_1.csv"),
            noted("import", "plans/tnt_1/imp_1.csv")
        ),
        (1, 0)
    );
    assert_eq!(noted("import", "\"size\":14"), 1);
}

#[tokio::test]
async fn an_unsigned_request_and_a_key_outside_the_bucket_are_refused() {
    let stack = stack().await;
    let unsigned = http(
        &stack.s3_url,
        "PUT",
        &format!("/{}/uploads/a.csv", stack.bucket),
        &[],
        "x",
    )
    .await;
    assert!(unsigned.starts_with("HTTP/1.1 403"), "{unsigned}");
    let files = &stack.context("start-import").unwrap().files();
    assert!(
        files
            .put("uploads/../../inbox.jsonl", "text/csv", b"x".to_vec())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_mail_lands_in_the_inbox_and_its_bounce_reaches_the_function() {
    let stack = stack().await;
    let mail = Rendered {
        subject: "<b>Hello</b>".to_owned(),
        text: "Open http://127.0.0.1/activate#token=x".to_owned(),
        html: "<!doctype html><html><head></head><body><script>alert(1)</script></body></html>"
            .to_owned(),
    };
    let mailer = &stack.context("send-mail").unwrap().mailer();
    let id = mailer
        .send("bounce-me@muster.example", "mml_1", &mail)
        .await
        .unwrap();
    assert_eq!(stack.inbox().to("bounce-me@muster.example").len(), 1);
    let json = http(
        &stack.url,
        "GET",
        "/local/inbox.json?to=bounce-me@muster.example",
        &[],
        "",
    )
    .await;
    assert!(
        json.contains("\"links\":[\"http://127.0.0.1/activate#token=x\"]"),
        "{json}"
    );
    let page = http(&stack.url, "GET", "/local/inbox", &[], "").await;
    assert!(page.contains("&lt;b&gt;Hello"), "{page}");
    let html = http(
        &stack.url,
        "GET",
        &format!("/local/inbox/{id}/html"),
        &[],
        "",
    )
    .await;
    assert!(html.contains("content-security-policy: sandbox"), "{html}");
    let posted = json!({"to": "bounce-me@muster.example", "type": "Bounce"}).to_string();
    let answer = http(
        &stack.url,
        "POST",
        "/local/ses-events",
        &[("content-type", "application/json")],
        &posted,
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    stack.settled().await;
    assert_eq!(noted("record-delivery", "bounce-me@muster.example"), 1);
}

#[tokio::test]
async fn moving_the_clock_runs_what_became_due() {
    let stack = stack().await;
    let before = CLEANUPS.load(Ordering::SeqCst);
    stack.advance(SignedDuration::from_secs(299)).await;
    assert_eq!(CLEANUPS.load(Ordering::SeqCst), before);
    let moved = http(
        &stack.url,
        "POST",
        "/local/clock",
        &[],
        "{\"advance_seconds\": 3600}",
    )
    .await;
    assert!(
        moved.starts_with("HTTP/1.1 200") && moved.contains("\"now\""),
        "{moved}"
    );
    assert_eq!(CLEANUPS.load(Ordering::SeqCst), before + 1);
    let back = http(
        &stack.url,
        "POST",
        "/local/clock",
        &[],
        "{\"to\": \"2001-01-01T00:00:00Z\"}",
    )
    .await;
    assert!(back.starts_with("HTTP/1.1 400"), "{back}");
}

#[tokio::test]
async fn support_invokes_only_what_has_no_other_door() {
    let stack = stack().await;
    let provisioned = http(
        &stack.url,
        "POST",
        "/local/support",
        &[],
        r#"{"operation": "provision", "name": "A"}"#,
    )
    .await;
    assert!(provisioned.ends_with(r#"{"name":"A"}"#), "{provisioned}");
    let refused = http(
        &stack.url,
        "POST",
        "/local/support",
        &[],
        r#"{"operation": "send-mail"}"#,
    )
    .await;
    assert!(
        refused.starts_with("HTTP/1.1 400") && refused.contains("provision"),
        "{refused}"
    );
}

#[tokio::test]
async fn unfinished_work_outlives_the_stack() {
    let folder = tempfile::tempdir().unwrap();
    let first = stack_on(folder.path()).await.unwrap();
    put(&first, "fail-always-kept", "export");
    put(&first, "done-before", "mail");
    first.settled().await;
    let files = &first.context(OPERATOR).unwrap().files();
    files
        .put("drop/tnt_1/fail-always-file.csv", "text/csv", b"x".to_vec())
        .await
        .unwrap();
    first.settled().await;
    let before = (
        noted("export", "fail-always-kept"),
        noted("import", "fail-always-file"),
    );
    assert_eq!(before, (5, 5));
    first.shutdown().await;
    let second = stack_on(folder.path()).await.unwrap();
    second.settled().await;
    assert_eq!(
        (
            noted("export", "fail-always-kept"),
            noted("import", "fail-always-file")
        ),
        (10, 10)
    );
    assert_eq!(noted("send-mail", "done-before"), 1);
}

#[tokio::test]
async fn a_data_folder_in_use_and_a_taken_port_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let first = stack_on(folder.path()).await.unwrap();
    assert!(matches!(
        stack_on(folder.path()).await,
        Err(StackError::Data(_))
    ));
    let listen = first.url.trim_start_matches("http://").parse().unwrap();
    let refused = start(
        Options {
            listen,
            ..Options::default()
        },
        STAND_INS,
    )
    .await;
    assert!(
        matches!(refused, Err(StackError::Listen { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_function_of_the_template_without_code_is_told() {
    let refused = start(Options::default(), &STAND_INS[1..]).await;
    assert!(matches!(refused, Err(StackError::NoCode(names)) if names == ["sign-in"]));
}

#[tokio::test]
async fn the_ready_file_says_how_to_reach_the_stack() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ready.json");
    let stack = start(
        Options {
            ready_file: Some(path.clone()),
            ..Options::default()
        },
        STAND_INS,
    )
    .await
    .unwrap();
    let ready: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(
        (&ready["url"], &ready["bucket"]),
        (&json!(stack.url), &json!(stack.bucket))
    );
}

/// A stack with a console of these files.
async fn with_console(files: &[(&str, &str)]) -> (tempfile::TempDir, Stack) {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let options = Options {
        console: folder.path().to_owned(),
        ..Options::default()
    };
    let stack = start(options, STAND_INS).await.unwrap();
    (folder, stack)
}

#[tokio::test]
async fn the_console_is_served_where_the_api_is_not() {
    let (_folder, stack) = with_console(&[
        ("index.html", "the one page"),
        ("assets/app.js", "plain"),
        ("assets/app.js.br", "brotli"),
    ])
    .await;
    for path in ["/", "/users", "/users/usr_1?x=1", "/activate", "/v1x"] {
        let page = http(&stack.url, "GET", path, &[], "").await;
        assert!(
            page.starts_with("HTTP/1.1 200") && page.ends_with("the one page"),
            "{path} {page}"
        );
        for header in [
            "cache-control: no-cache",
            "content-type: text/html",
            "referrer-policy: no-referrer",
            "x-frame-options: DENY",
            "x-content-type-options: nosniff",
            "content-security-policy: default-src 'none'; script-src 'self';",
        ] {
            assert!(page.contains(header), "{header} {page}");
        }
        assert!(
            page.contains(&format!("connect-src 'self' {};", stack.s3_url)),
            "{page}"
        );
    }
    let script = http(&stack.url, "GET", "/assets/app.js", &[], "").await;
    assert!(
        script.contains("immutable") && script.ends_with("plain"),
        "{script}"
    );
    let compressed = [("accept-encoding", "gzip, br")];
    let script = http(&stack.url, "GET", "/assets/app.js", &compressed, "").await;
    assert!(
        script.contains("content-encoding: br") && script.ends_with("brotli"),
        "{script}"
    );
    for path in [
        "/assets/gone.js",
        "/favicon.ico",
        "/v1/nothing",
        "/v1",
        "/local/nothing",
        "/../Cargo.toml",
    ] {
        let nothing = http(&stack.url, "GET", path, &[], "").await;
        assert!(
            nothing.starts_with("HTTP/1.1 404") && nothing.contains("application/problem+json"),
            "{path} {nothing}"
        );
    }
    let posted = http(&stack.url, "POST", "/users", &[], "").await;
    assert!(posted.starts_with("HTTP/1.1 404"), "{posted}");
}

#[tokio::test]
async fn without_a_console_the_api_answers_and_the_page_says_how_to_get_it() {
    let (folder, stack) = with_console(&[]).await;
    let page = http(&stack.url, "GET", "/", &[], "").await;
    assert!(
        page.starts_with("HTTP/1.1 503") && page.contains("make console"),
        "{page}"
    );
    let api = http(&stack.url, "GET", "/v1/users", &[], "").await;
    assert!(api.starts_with("HTTP/1.1 200"), "{api}");
    let start = http(&stack.url, "GET", "/local/", &[], "").await;
    assert!(start.contains("/local/inbox"), "{start}");
    std::fs::write(folder.path().join("index.html"), "built meanwhile").unwrap();
    let page = http(&stack.url, "GET", "/", &[], "").await;
    assert!(page.ends_with("built meanwhile"), "{page}");
}
