//! `send-mail`, when the mail waits, the mail service is out of order, or the worker dies.
//!
//! The stack's own mail service takes every mail, so here the real worker is let through one message at a time and,
//! where a test says so, is given a mail service that answers as SES does on a bad day.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use muster_local::functions::ALL;
use muster_shared::clock::Clock;
use muster_shared::config::Config;
use muster_shared::context::Context;
use muster_shared::error::Internal;
use muster_shared::lambda::{Function, Invocation, LambdaEvent};
use muster_tests::event;
use muster_tests::world::{Company, PASSWORD, World};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::resending::link_state;
use crate::suspend;

/// Where a test decides when a mail is sent, and by which mail service.
struct Office {
    /// A message goes through for each permit.
    gate: Semaphore,
    /// A permit for each message that went through, or was dropped.
    through: Semaphore,
    /// The address of another mail service.
    service: Mutex<Option<String>>,
    /// With a permit the worker dies in the middle of a message.
    death: Semaphore,
}

impl Office {
    const fn new() -> Self {
        Self {
            gate: Semaphore::const_new(0),
            through: Semaphore::const_new(0),
            service: Mutex::new(None),
            death: Semaphore::const_new(0),
        }
    }

    /// Lets messages through and waits until they are.
    async fn let_through(&self, messages: u32) {
        self.gate.add_permits(messages as usize);
        self.through.acquire_many(messages).await.unwrap().forget();
    }

    fn set_service(&self, address: Option<String>) {
        *self.service.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }

    async fn deliver(&self, ctx: &Context, message: String) -> Result<(), Internal> {
        self.gate.acquire().await.unwrap().forget();
        let mut config = ctx.config.clone();
        let service = self
            .service
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        config.aws.ses = service.or(config.aws.ses);
        let ctx = Arc::new(Context::connect(config, ctx.clock.clone()).await.unwrap());
        let batch = json!({ "Records": [{ "messageId": "1", "body": message }] });
        let batch = LambdaEvent::new(batch, Invocation::default());
        let answer = tokio::select! {
            answer = send_mail::FUNCTION.invoke(&ctx, batch) => answer.unwrap(),
            _ = self.death.acquire() => json!({ "batchItemFailures": ["died"] }),
        };
        self.through.add_permits(1);
        if answer["batchItemFailures"] == json!([]) {
            Ok(())
        } else {
            Err(Internal::Broken("the worker failed"))
        }
    }
}

/// A stack whose mails go through an office of their own.
macro_rules! world_with_office {
    () => {{
        static OFFICE: Office = Office::new();
        static SEND_MAIL: Function = Function::queue("send-mail", |ctx, message| {
            Box::pin(OFFICE.deliver(ctx, message))
        });
        let code = ALL.iter().map(|function| match function.name {
            "send-mail" => &SEND_MAIL,
            _ => *function,
        });
        let code: Vec<&'static Function> = code.collect();
        (World::with_code(|options| options, &code).await, &OFFICE)
    }};
}

/// A mail service that refuses every mail with this code of SES.
fn service_that_says(code: &'static str) -> String {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", socket.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in socket.incoming() {
            let mut stream = stream.unwrap();
            read_request(&mut stream);
            let answer = format!(
                "HTTP/1.1 400 Bad Request\r\nx-amzn-errortype: {code}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
            );
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

/// A mail service that takes one mail and never answers; at that moment the worker dies.
fn service_that_hangs(office: &'static Office) -> String {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", socket.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = socket.accept().unwrap();
        read_request(&mut stream);
        office.death.add_permits(1);
    });
    address
}

/// A mail service that takes every mail and hangs up before it says so; the mails it took.
fn service_that_hangs_up() -> (String, Arc<Mutex<Vec<String>>>) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", socket.local_addr().unwrap());
    let taken = Arc::new(Mutex::new(Vec::new()));
    let mails = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in socket.incoming() {
            let mail = read_request(&mut stream.unwrap());
            mails
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(mail);
        }
    });
    (address, taken)
}

/// One whole request, as it came.
fn read_request(stream: &mut impl Read) -> String {
    let (mut request, mut buffer) = (Vec::new(), [0; 4_096]);
    loop {
        let read = stream.read(&mut buffer).unwrap();
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request);
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let head = head.to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"));
            length.and_then(|length| length.trim().parse().ok()) == Some(body.len())
        });
        if whole || read == 0 {
            return text.into_owned();
        }
    }
}

const ADA: &str = "ada@drivers.example";

/// Asks for Ada to be invited; nothing is sent yet.
async fn invite_ada(company: &Company<'_>) -> String {
    let person = json!({ "email": ADA, "invite": true });
    company.owner.add(person).await
}

/// The company, whose owner's own mail is let through.
async fn company<'w>(world: &'w World, office: &'static Office) -> Company<'w> {
    let (company, ()) = futures::join!(world.company("Acme"), office.let_through(1));
    company
}

/// The user as an owner who signs in anew sees it.
async fn show(world: &World, company: &Company<'_>, user: &str) -> Value {
    world.sign_in(&company.owner_email).await.show(user).await
}

#[tokio::test]
async fn the_life_of_a_link_counts_from_the_sending_and_not_from_the_asking() {
    let (world, office) = world_with_office!();
    let company = company(&world, office).await;
    let ada = invite_ada(&company).await;
    world.stack.advance(SignedDuration::from_hours(25)).await;
    let waiting = show(&world, &company, &ada).await;
    assert_eq!(waiting["status"], "activation_pending");
    insta::assert_json_snapshot!("invitation_waiting", waiting["invitation"]);
    office.let_through(1).await;
    let sent = &show(&world, &company, &ada).await["invitation"];
    insta::assert_json_snapshot!("invitation_sent_late", sent);
    let token = world.link_token(ADA).await;
    world.wait(SignedDuration::from_secs(24 * 3_600 - 1)).await;
    assert_eq!(link_state(&world, &token).await, "valid");
    world.wait(SignedDuration::from_secs(1)).await;
    assert_eq!(link_state(&world, &token).await, "expired");
}

/// A batch of one message, of a mail in the table.
fn batch(pk: &str) -> LambdaEvent<Value> {
    let keys = json!({ "PK": { "S": pk }, "SK": { "S": "MAIL" } });
    let body = json!({ "dynamodb": { "Keys": keys } }).to_string();
    LambdaEvent::new(event::message(&body), Invocation::default())
}

#[tokio::test]
async fn mails_take_turns_and_the_life_of_a_link_does_not_count_the_wait_for_its_turn() {
    const TURN: Duration = Duration::from_millis(250);
    let (world, office) = world_with_office!();
    let company = company(&world, office).await;
    let users = [
        invite_ada(&company).await,
        company
            .owner
            .add(json!({ "email": "bo@drivers.example", "invite": true }))
            .await,
    ];
    let mails = world.table(|pk, _| pk.starts_with("M#"));
    let waiting = mails
        .iter()
        .filter(|(_, mail)| mail.get("outbox").is_some());
    let waiting: Vec<_> = waiting.map(|((pk, _), _)| batch(pk)).collect();
    assert_eq!(waiting.len(), 2);
    let config = Config {
        mail_turn: TURN,
        ..world.stack.context("send-mail").unwrap().config.clone()
    };
    let worker = Context::connect(config, Clock::System).await.unwrap();
    let worker = Arc::new(worker);
    let sent = waiting
        .into_iter()
        .map(|batch| send_mail::FUNCTION.invoke(&worker, batch));
    for sent in futures::future::join_all(sent).await {
        assert_eq!(sent.unwrap()["batchItemFailures"], json!([]));
    }
    let mut times = Vec::new();
    for user in &users {
        let invitation = &company.owner.show(user).await["invitation"];
        let time = |field: &str| invitation[field].as_str().unwrap().parse::<Timestamp>();
        let (sent, end) = (time("sent_at").unwrap(), time("expires_at").unwrap());
        // A link ends with a whole second.
        let (life, day) = (end.duration_since(sent), SignedDuration::from_hours(24));
        assert!(
            life <= day && life > day - SignedDuration::from_secs(1),
            "{life}"
        );
        times.push(sent);
    }
    times.sort();
    let apart = times[1].duration_since(times[0]);
    // What the first was late is made up for.
    let turn = SignedDuration::try_from(TURN).unwrap();
    assert!(apart > turn / 2, "{apart}");
    office.let_through(2).await;
}

#[tokio::test]
async fn the_mail_of_an_invitation_that_was_revoked_meanwhile_is_not_sent() {
    let (world, office) = world_with_office!();
    let company = company(&world, office).await;
    let ada = invite_ada(&company).await;
    let path = "/v1/invitations/revoke";
    let revoked = company.owner.post(path, json!({ "users": [ada] })).await;
    assert_eq!(revoked.expect(200)["done"], 1);
    office.let_through(1).await;
    assert!(world.mails_to(ADA).await.is_empty());
    let shown = show(&world, &company, &ada).await;
    assert_eq!(shown["invitation"], Value::Null);
}

#[tokio::test]
async fn a_mail_that_the_service_cannot_take_now_is_sent_later_and_its_life_counts_from_then() {
    let (world, office) = world_with_office!();
    let company = company(&world, office).await;
    office.set_service(Some(service_that_says("SendingPausedException")));
    let ada = invite_ada(&company).await;
    office.let_through(1).await;
    assert!(world.stack.inbox().to(ADA).is_empty());
    // Longer than the link would live, with the cleanup run.
    world.stack.advance(SignedDuration::from_hours(25)).await;
    let waiting = show(&world, &company, &ada).await;
    assert_eq!(waiting["status"], "activation_pending", "{waiting}");
    office.set_service(None);
    office.let_through(1).await;
    let sent = &show(&world, &company, &ada).await["invitation"];
    insta::assert_json_snapshot!("invitation_sent_after_an_outage", sent);
    let token = world.link_token(ADA).await;
    assert_eq!(link_state(&world, &token).await, "valid");
    assert_eq!(world.mails_to(ADA).await.len(), 1);
}

#[tokio::test]
async fn a_link_works_that_went_out_though_the_service_did_not_say_so() {
    let (world, office) = world_with_office!();
    let company = company(&world, office).await;
    let (address, mails) = service_that_hangs_up();
    office.set_service(Some(address));
    let ada = invite_ada(&company).await;
    office.let_through(1).await;
    let mail = mails.lock().unwrap()[0].clone();
    let (_, token) = mail.split_once("/activate#").unwrap();
    let token = token.split(['\\', '"']).next().unwrap();
    assert_eq!(link_state(&world, token).await, "valid");
    let accept = json!({ "token": token, "username": "ada", "password": PASSWORD });
    let accepted = world.nobody().post("/v1/activations", accept).await;
    let _ = accepted.expect(200);
    office.set_service(None);
    office.let_through(1).await;
    assert!(
        world.mails_to(ADA).await.is_empty(),
        "there is nothing to send any more"
    );
    assert_eq!(company.owner.show(&ada).await["status"], "active");
}

#[tokio::test]
async fn a_mail_that_the_service_refuses_for_good_shows_failed_and_can_be_asked_for_anew() {
    let (world, office) = world_with_office!();
    let company = company(&world, office).await;
    office.set_service(Some(service_that_says("MessageRejected")));
    let ada = invite_ada(&company).await;
    office.let_through(1).await;
    world.stack.settled().await;
    let user = company.owner.show(&ada).await;
    assert_eq!(user["invitation"]["mail"], "failed");
    let failed = company
        .owner
        .get("/v1/users?invitation=failed")
        .await
        .expect(200);
    assert_eq!(failed["users"].as_array().unwrap().len(), 1);
    assert_eq!(failed["users"][0]["id"], ada);
    assert!(world.stack.dead_letters().is_empty());
    office.set_service(None);
    let again = company
        .owner
        .post("/v1/invitations", json!({ "users": [ada] }));
    assert_eq!(again.await.expect(200)["done"], 1);
    office.let_through(1).await;
    let token = world.link_token(ADA).await;
    assert_eq!(link_state(&world, &token).await, "valid");
}

#[tokio::test]
async fn a_mail_whose_link_was_replaced_while_it_waited_is_never_sent() {
    let (world, office) = world_with_office!();
    let company = company(&world, office).await;
    let ada = invite_ada(&company).await;
    let again = json!({ "users": [ada] });
    let resent = company.owner.post("/v1/invitations/resend", again).await;
    assert_eq!(resent.expect(200)["done"], 1);
    office.let_through(2).await;
    assert_eq!(world.mails_to(ADA).await.len(), 1);
    let token = world.link_token(ADA).await;
    assert_eq!(link_state(&world, &token).await, "valid");
    let user = company.owner.show(&ada).await;
    assert_eq!(
        user["invitation"]["mail"], "sent",
        "what became of the old mail does not show"
    );
}

#[tokio::test]
async fn nobody_suspended_meanwhile_gets_the_mail_that_waited() {
    let (world, office) = world_with_office!();
    let company = company(&world, office).await;
    let ada = invite_ada(&company).await;
    suspend(&world, &company, &ada).await;
    office.let_through(1).await;
    assert!(world.mails_to(ADA).await.is_empty());
    assert_eq!(
        company.owner.show(&ada).await["invitation"]["mail"],
        "failed"
    );
}

#[tokio::test]
async fn when_a_worker_dies_while_sending_another_sends_after_two_minutes() {
    let (world, office) = world_with_office!();
    let company = company(&world, office).await;
    office.set_service(Some(service_that_hangs(office)));
    let ada = invite_ada(&company).await;
    office.let_through(1).await;
    assert_eq!(
        company.owner.show(&ada).await["invitation"]["mail"],
        "sending"
    );
    office.set_service(None);
    office.death.forget_permits(1);
    world.stack.advance(SignedDuration::from_secs(119)).await;
    office.let_through(1).await;
    assert!(
        world.stack.inbox().to(ADA).is_empty(),
        "the first may still be at it"
    );
    world.stack.advance(SignedDuration::from_secs(1)).await;
    office.let_through(1).await;
    assert_eq!(world.mails_to(ADA).await.len(), 1);
    let invitation = &company.owner.show(&ada).await["invitation"];
    assert_eq!(
        (&invitation["mail"], &invitation["sent_at"]),
        (&json!("sent"), &json!("2026-03-02T08:02:00.000Z"))
    );
}

#[tokio::test]
async fn a_mail_that_fails_again_and_again_is_kept_and_sent_when_support_says_so() {
    let (world, office) = world_with_office!();
    let company = company(&world, office).await;
    office.set_service(Some(service_that_says("SendingPausedException")));
    let ada = invite_ada(&company).await;
    office.let_through(120).await;
    world.stack.settled().await;
    let dead = world.stack.dead_letters();
    assert_eq!((dead.len(), dead[0].receives), (1, 120), "{dead:?}");
    office.set_service(None);
    let nobody = world.nobody();
    let redrive = nobody.post("/local/dead-letters/redrive", json!({}));
    assert_eq!(redrive.await.status, 200);
    office.let_through(1).await;
    assert_eq!(world.mails_to(ADA).await.len(), 1);
    assert_eq!(company.owner.show(&ada).await["invitation"]["mail"], "sent");
}
