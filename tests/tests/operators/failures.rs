//! Workers that fail, or die, at every attempt: what users are told, and that all ends well once it is tried again.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::SignedDuration;
use muster_local::functions::ALL;
use muster_shared::context::Context;
use muster_shared::domain::export::ExportState;
use muster_shared::domain::import::{ImportState, Source};
use muster_shared::error::Internal;
use muster_shared::lambda::{Function, Invocation, LambdaEvent, outbox_keys};
use muster_shared::store::keys;
use muster_tests::output::Output;
use muster_tests::world::{Actor, Company, World, text};
use serde_json::{Value, json};

use super::metrics::sums;
use super::new_users;

/// A stack whose worker `$real` does, as long as it is broken, what `$broken` does instead.
macro_rules! world_with {
    ($name:literal, $real:expr, $broken:expr) => {{
        static BROKEN: AtomicBool = AtomicBool::new(false);
        static WORKER: Function = Function::queue($name, |ctx, message| {
            Box::pin(async move {
                if BROKEN.load(Ordering::SeqCst) {
                    $broken(ctx, message).await
                } else {
                    work($real, ctx, message).await
                }
            })
        });
        let code = ALL.iter().map(|function| match function.name {
            $name => &WORKER,
            _ => *function,
        });
        let code: Vec<&'static Function> = code.collect();
        (World::with_code(|options| options, &code).await, &BROKEN)
    }};
}

/// Lets the real worker handle a message.
async fn work(real: Function, ctx: &Context, message: String) -> Result<(), Internal> {
    let ctx = Context::connect(ctx.config.clone(), ctx.clock.clone()).await;
    let batch = json!({ "Records": [{ "messageId": "1", "body": message }] });
    let batch = LambdaEvent::new(batch, Invocation::default());
    let answer = real.invoke(&Arc::new(ctx.unwrap()), batch).await.unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]));
    Ok(())
}

fn fails(_: &Context, _: String) -> Ready<Result<(), Internal>> {
    ready(Err(Internal::Broken("the worker fails")))
}

/// Dies as soon as the export is being written.
async fn dies_exporting(ctx: &Context, message: String) -> Result<(), Internal> {
    let (pk, sk) = outbox_keys(&message).unwrap();
    let (tenant, id) = keys::read_export(&pk, &sk).unwrap();
    let begun = async {
        while (ctx.store.export(&tenant, &id).await.unwrap().unwrap()).state != ExportState::Running
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        done = work(export::FUNCTION, ctx, message) => done,
        () = begun => panic!("the worker dies"),
    }
}

/// Dies as soon as the file is being checked.
async fn dies_checking(ctx: &Context, message: String) -> Result<(), Internal> {
    let event: Value = serde_json::from_str(&message).unwrap();
    let key = text(&event["detail"]["object"]["key"]);
    let Some(Source::Upload { tenant, import }) = Source::of_key(&key) else {
        panic!("{event}")
    };
    let begun = async {
        while (ctx.store.import(&tenant, &import).await.unwrap().unwrap()).state
            != ImportState::Checking
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        done = work(import::FUNCTION, ctx, message) => done,
        () = begun => panic!("the worker dies"),
    }
}

/// The owner, who signs in anew: sessions end with time.
async fn owner<'w>(world: &'w World, company: &Company<'w>) -> Actor<'w> {
    world.sign_in(&company.owner_email).await
}

async fn show(world: &World, company: &Company<'_>, kind: &str, job: &Value) -> Value {
    let path = format!("/v1/{kind}/{}", text(&job["id"]));
    owner(world, company).await.get(&path).await.expect(200)
}

/// How often the one message was tried that was given up.
fn attempts(world: &World) -> u32 {
    let dead = world.stack.dead_letters();
    assert_eq!(dead.len(), 1, "{dead:?}");
    dead[0].receives
}

/// Support moves what was given up back into its queue.
async fn redrive(world: &World) {
    let support = world.nobody();
    let redriven = support.post("/local/dead-letters/redrive", json!({}));
    assert_eq!(redriven.await.status, 200);
    world.stack.settled().await;
    assert_eq!(json!(world.stack.dead_letters()), json!([]));
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);

#[tokio::test]
async fn an_export_whose_worker_always_dies_is_said_to_have_failed() {
    let (world, broken) = world_with!("export", export::FUNCTION, dies_exporting);
    let company = world.company("Acme").await;
    broken.store(true, Ordering::SeqCst);
    let asked = company
        .owner
        .post("/v1/exports", json!({}))
        .await
        .expect(202);
    world.stack.settled().await;
    assert_eq!(attempts(&world), 5);
    world.wait_hours(2).await;
    assert_eq!(
        show(&world, &company, "exports", &asked).await["state"],
        "running"
    );
    world.wait(SECOND).await;
    let failed = show(&world, &company, "exports", &asked).await;
    assert_eq!(
        (&failed["state"], &failed["url"]),
        (&json!("failed"), &Value::Null)
    );

    // The user tries again, and so does support: both files are there.
    broken.store(false, Ordering::SeqCst);
    let again = owner(&world, &company).await;
    let again = again.post("/v1/exports", json!({})).await.expect(202);
    redrive(&world).await;
    for export in [asked, again] {
        let done = show(&world, &company, "exports", &export).await;
        assert_eq!((&done["state"], &done["rows"]), (&json!("done"), &json!(1)));
        assert!(!world.download(&done["url"]).await.is_empty());
    }
}

#[tokio::test]
async fn an_import_that_cannot_be_checked_is_said_to_have_failed() {
    let (world, broken) = world_with!("import", import::FUNCTION, dies_checking);
    let company = world.company("Acme").await;
    broken.store(true, Ordering::SeqCst);
    let checking = company.owner.upload_import(new_users(2)).await;
    assert_eq!(
        (attempts(&world), &checking["state"]),
        (5, &json!("checking"))
    );
    world.wait(SignedDuration::from_hours(2) + SECOND).await;
    assert_eq!(
        show(&world, &company, "imports", &checking).await["state"],
        "failed"
    );
    broken.store(false, Ordering::SeqCst);
    redrive(&world).await;
    assert_eq!(
        show(&world, &company, "imports", &checking).await["state"],
        "ready"
    );
    let done = owner(&world, &company).await.commit_import(&checking).await;
    assert_eq!(done["state"], "done");
}

#[tokio::test]
async fn an_import_whose_chunk_always_fails_is_said_to_have_failed_and_goes_on_where_it_was() {
    let (world, broken) = world_with!("import-chunk", import_chunk::FUNCTION, fails);
    let company = world.company("Acme").await;
    let ready = company.owner.upload_import(new_users(2)).await;
    broken.store(true, Ordering::SeqCst);
    let importing = company.owner.commit_import(&ready).await;
    assert_eq!(
        (attempts(&world), &importing["state"]),
        (5, &json!("importing"))
    );
    world.wait_hours(3).await;
    assert_eq!(
        show(&world, &company, "imports", &ready).await["state"],
        "importing"
    );
    world.wait(SECOND).await;
    let failed = show(&world, &company, "imports", &ready).await;
    assert_eq!(
        (&failed["state"], &failed["report_url"]),
        (&json!("failed"), &Value::Null)
    );
    let listed = owner(&world, &company)
        .await
        .get("/v1/imports")
        .await
        .expect(200);
    assert_eq!(listed["imports"][0]["state"], "failed");
    broken.store(false, Ordering::SeqCst);
    redrive(&world).await;
    let done = show(&world, &company, "imports", &ready).await;
    assert_eq!(
        (&done["state"], &done["done"]["created"]),
        (&json!("done"), &json!(2))
    );
    assert!(done["report_url"].is_string());
}

#[tokio::test]
async fn an_import_that_failed_may_be_done_again_before_support_has_it_go_on() {
    let (world, broken) = world_with!("import-chunk", import_chunk::FUNCTION, fails);
    let company = world.company("Acme").await;
    let ready = company.owner.upload_import(new_users(2)).await;
    broken.store(true, Ordering::SeqCst);
    let _ = company.owner.commit_import(&ready).await;
    world.wait_hours(4).await;
    broken.store(false, Ordering::SeqCst);
    let owner = owner(&world, &company).await;
    let again = owner.upload_import(new_users(2)).await;
    let again = owner.commit_import(&again).await;
    assert_eq!(
        (&again["state"], &again["done"]["created"]),
        (&json!("done"), &json!(2))
    );
    redrive(&world).await;
    let late = show(&world, &company, "imports", &ready).await;
    assert_eq!(
        (&late["state"], &late["done"]["refused"]),
        (&json!("done_with_errors"), &json!(2)),
        "the users are there already"
    );
    let users = owner.get("/v1/users").await.expect(200);
    assert_eq!(users["users"].as_array().unwrap().len(), 3);
}

const ADA: &str = "ada@drivers.example";

/// The mail of Ada's invitation, and whether the list finds her by it.
async fn mail(world: &World, company: &Company<'_>, ada: &str) -> (String, bool) {
    let owner = owner(world, company).await;
    let failed = owner.get("/v1/users?invitation=failed").await.expect(200);
    let failed = failed["users"].as_array().unwrap().clone();
    let state = text(&owner.show(ada).await["invitation"]["mail"]);
    (state, failed.iter().any(|user| user["id"] == ada))
}

#[tokio::test]
async fn a_mail_whose_worker_always_fails_is_said_to_have_failed_and_can_still_be_sent() {
    let output = Output::captured("error");
    let (world, broken) = world_with!("send-mail", send_mail::FUNCTION, fails);
    let company = world.company("Acme").await;
    broken.store(true, Ordering::SeqCst);
    let ada = company
        .owner
        .add(json!({ "email": ADA, "invite": true }))
        .await;
    world.stack.settled().await;
    assert_eq!(attempts(&world), 120, "every six minutes for half a day");
    assert_eq!(
        mail(&world, &company, &ada).await,
        ("queued".to_owned(), false)
    );
    world.wait(SignedDuration::from_hours(13) + SECOND).await;
    assert_eq!(
        mail(&world, &company, &ada).await,
        ("failed".to_owned(), true)
    );
    broken.store(false, Ordering::SeqCst);
    output.clear();
    redrive(&world).await;
    assert_eq!(
        mail(&world, &company, &ada).await,
        ("sent".to_owned(), false)
    );
    let _ = world.activate(ADA, "ada").await;
    let counted = sums(&output);
    assert_eq!(
        (counted["MailsSent"], counted["MailAge"]),
        (1, (13 * 3_600 + 1) * 1_000)
    );
}

#[tokio::test]
async fn whoever_got_no_mail_can_be_invited_anew_and_gets_one_mail() {
    let (world, broken) = world_with!("send-mail", send_mail::FUNCTION, fails);
    let company = world.company("Acme").await;
    broken.store(true, Ordering::SeqCst);
    let ada = company
        .owner
        .add(json!({ "email": ADA, "invite": true }))
        .await;
    world.wait(SignedDuration::from_hours(13) + SECOND).await;
    broken.store(false, Ordering::SeqCst);
    let invite = json!({ "users": [ada] });
    let owner = owner(&world, &company).await;
    let invited = owner.post("/v1/invitations", invite).await.expect(200);
    assert_eq!(invited["done"], 1, "{invited}");
    redrive(&world).await;
    assert_eq!(world.mails_to(ADA).await.len(), 1);
    assert_eq!(
        mail(&world, &company, &ada).await,
        ("sent".to_owned(), false)
    );
    let _ = world.activate(ADA, "ada").await;
}
