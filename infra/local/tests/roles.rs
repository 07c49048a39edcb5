//! The embedded services refuse what a function's role does not allow, as those of AWS do, and say who wanted what.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::error::Error;
use std::time::Duration;

use muster_local::{OPERATOR, Options, Stack, credentials, functions, start};
use muster_shared::config::{Aws, Config};
use muster_shared::context::Context;
use muster_shared::mail::{Rendered, SendError};
use muster_shared::store::signing_keys::PublishedKey;

async fn stack() -> Stack {
    start(Options::default(), functions::ALL).await.unwrap()
}

fn context<'a>(stack: &'a Stack, function: &str) -> &'a Context {
    stack.context(function).unwrap()
}

/// An error with all that led to it.
fn told(error: &dyn Error) -> String {
    let mut told = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        told.push(format!("{error:?}"));
        source = error.source();
    }
    told.join(": ")
}

#[tokio::test]
async fn only_functions_that_sign_publish_a_key() {
    let stack = stack().await;
    let published_at = stack.clock().now();
    let key = PublishedKey {
        kid: "mine".to_owned(),
        x: "AAAA".to_owned(),
        published_at,
    };
    let refused = context(&stack, "list-users").store.publish_key(&key).await;
    let refused = refused.unwrap_err().to_string();
    for part in [
        "AccessDeniedException",
        "assumed-role/list-users",
        "dynamodb:PutItem",
        "arn:aws:dynamodb:us-east-1:000000000000:table/muster",
        "(leading keys: KEYS)",
    ] {
        assert!(refused.contains(part), "{part} in {refused}");
    }
    context(&stack, "sign-in")
        .store
        .publish_key(&key)
        .await
        .unwrap();
    context(&stack, OPERATOR)
        .store
        .publish_key(&key)
        .await
        .unwrap();
    let denied = stack.roles().review().denied;
    assert!(
        denied.len() == 1 && denied.iter().all(|one| refused.contains(one)),
        "{denied:?}"
    );
}

#[tokio::test]
async fn a_refusal_names_no_person() {
    let stack = stack().await;
    let store = &context(&stack, "count-users").store;
    let refused = store.person("ada@drivers.example").await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("(leading keys: P#…)"), "{refused}");
    assert!(!refused.contains("ada"), "{refused}");
}

#[tokio::test]
async fn objects_are_read_and_written_under_granted_prefixes_only() {
    let stack = stack().await;
    let bytes = || b"x".to_vec();
    let files = &context(&stack, "start-import").files();
    let refused = files.put("exports/t/e.csv", "text/csv", bytes()).await;
    let refused = told(&refused.unwrap_err());
    for part in [
        "AccessDenied",
        "assumed-role/start-import",
        "s3:PutObject",
        &format!("arn:aws:s3:::{}/exports/t/e.csv", stack.bucket),
    ] {
        assert!(refused.contains(part), "{part} in {refused}");
    }
    files
        .put("uploads/t/i.csv", "text/csv", bytes())
        .await
        .unwrap();
    assert!(files.read("uploads/t/i.csv").await.is_err());
}

#[tokio::test]
async fn whoever_may_not_list_is_not_told_that_an_object_is_missing() {
    let stack = stack().await;
    let import = &context(&stack, "import").files();
    assert!(import.read("uploads/t/none.csv").await.unwrap().is_none());
    let chunk = &context(&stack, "import-chunk").files();
    let refused = told(&chunk.read("plans/t/none.csv").await.unwrap_err());
    assert!(
        refused.contains("AccessDenied") && refused.contains("s3:ListBucket"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_signed_address_carries_the_rights_of_who_signed_it() {
    let stack = stack().await;
    let valid = Duration::from_mins(1);
    let upload = async |function: &str, key: &str| {
        let address = context(&stack, function)
            .files()
            .upload_address(key, "text/csv", valid);
        let address = address.await.unwrap();
        let mut request = reqwest::Client::new().put(address.url).body("x");
        for (name, value) in address.headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(upload("start-import", "uploads/t/i.csv").await.0, 200);
    let (status, body) = upload("start-export", "uploads/t/i.csv").await;
    assert_eq!(status, 403);
    assert!(
        body.contains("<Code>AccessDenied</Code>") && body.contains("start-export"),
        "{body}"
    );
}

#[tokio::test]
async fn mails_are_sent_by_one_function_and_from_one_address() {
    let stack = stack().await;
    let mail = Rendered {
        subject: "Hello".to_owned(),
        text: "Hello".to_owned(),
        html: String::new(),
    };
    let refused = async |context: &Context| match context
        .mailer()
        .send("ada@drivers.example", "mail_1", &mail)
        .await
    {
        Err(SendError::Later { reason } | SendError::Refused { reason }) => Some(reason),
        Ok(_) => None,
    };
    let worker = context(&stack, "send-mail");
    assert_eq!(refused(worker).await, None);
    let denied = Some("AccessDeniedException".to_owned());
    assert_eq!(refused(context(&stack, "invite")).await, denied);
    let config = Config {
        sender: "boss@muster.example".to_owned(),
        ..worker.config.clone()
    };
    let other = Context::connect(config, stack.clock().clone())
        .await
        .unwrap();
    assert_eq!(refused(&other).await, denied);
    let denied = stack.roles().review().denied;
    assert!(
        denied.iter().all(|one| one.contains("ses:SendEmail")),
        "{denied:?}"
    );
}

#[tokio::test]
async fn the_signing_secret_is_read_by_functions_that_sign_only() {
    let stack = stack().await;
    let config = |function: &str, access_key: &str| {
        let config = context(&stack, function).config.clone();
        let aws = Aws {
            credentials: credentials(access_key),
            ..config.aws.clone()
        };
        Config { aws, ..config }
    };
    let clock = || stack.clock().clone();
    let as_invite = Context::connect(config("sign-in", "invite"), clock()).await;
    let refused = as_invite.unwrap_err().to_string();
    assert!(refused.contains("AccessDeniedException"), "{refused}");
    let nobody = Context::connect(config("invite", "nobody"), clock()).await;
    let refused = nobody.unwrap_err().to_string();
    assert!(
        refused.contains("there is no access key nobody"),
        "{refused}"
    );
}
