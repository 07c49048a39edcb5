//! `record-delivery`: what became of mails, in whatever order and however often SES tells; and all other messages,
//! delivered again.

use jiff::SignedDuration;
use muster_tests::world::{Actor, World, text};
use serde_json::{Value, json};

use crate::{crew, items, outcomes};

/// SES tells that something happened to the newest mail to an address.
pub async fn tell(world: &World, address: &str, what: &str) {
    post_event(world, json!({ "to": address, "type": what })).await;
}

async fn post_event(world: &World, event: Value) {
    let posted = world.nobody().post("/local/ses-events", event).await;
    assert!(posted.status < 300, "{}", posted.text);
    world.stack.settled().await;
}

/// How far the mail of the user's newest invitation has come.
async fn mail_state(actor: &Actor<'_>, user: &str) -> String {
    text(&actor.show(user).await["invitation"]["mail"])
}

async fn invite(actor: &Actor<'_>, users: &[String]) -> Value {
    let body = json!({ "users": users });
    actor.post("/v1/invitations", body).await.expect(200)
}

#[tokio::test]
async fn whatever_the_order_a_mail_only_moves_on() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let (owner, all) = (
        &company.owner,
        ["Delivery", "Bounce", "Complaint", "Reject"],
    );
    let mut orders: Vec<Vec<&str>> = all.map(|event| vec![event, event]).to_vec();
    for first in all {
        for second in all.into_iter().filter(|event| *event != first) {
            orders.push(vec![first, second, first]);
        }
    }
    for [first, second, third] in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        orders.push(vec![all[first], all[second], all[third]]);
    }
    let users = crew(owner, orders.len()).await;
    let _ = invite(owner, &users).await;
    world.stack.settled().await;
    let mut table = String::new();
    for (number, (user, order)) in users.iter().zip(&orders).enumerate() {
        let mut line = mail_state(owner, user).await;
        for event in order {
            tell(&world, &format!("c{}@crew.example", number + 1), event).await;
            line += &format!(" ─{event}→ {}", mail_state(owner, user).await);
        }
        table += &format!("{line}\n");
    }
    insta::assert_snapshot!("mail_states", table);
    assert!(world.stack.dead_letters().is_empty());
}

#[tokio::test]
async fn news_of_a_mail_whose_worker_died_before_it_noted_the_sending_end_the_work() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let users = crew(&company.owner, 1).await;
    let _ = invite(&company.owner, &users).await;
    world.stack.settled().await;
    let mail = || {
        let mut all = items(&world).into_values();
        let mail =
            all.find(|item| item["SK"]["S"] == "MAIL" && item["user"]["S"] == users[0].as_str());
        mail.unwrap()
    };
    let until = world.stack.clock().now() + SignedDuration::from_mins(2);
    let mut left = mail();
    left["state"] = json!({ "S": "sending" });
    left["outbox"] = json!({ "S": "mail" });
    left["lease"] = json!({ "N": until.as_second().to_string() });
    left["lease_until"] = json!({ "S": until.to_string() });
    world.put(&left);
    tell(&world, "c1@crew.example", "Delivery").await;
    assert_eq!(mail_state(&company.owner, &users[0]).await, "delivered");
    for waiting in ["outbox", "lease", "lease_until"] {
        assert_eq!(mail()[waiting], Value::Null, "{waiting}");
    }
    world.wait_hours(13).await;
    world.keeps_every_rule().await;
    assert_eq!(world.mails_to("c1@crew.example").await.len(), 1);
}

#[tokio::test]
async fn the_list_shows_whose_mails_bounced_and_they_can_be_invited_anew() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let users = crew(owner, 4).await;
    let _ = invite(owner, &users).await;
    world.stack.settled().await;
    tell(&world, "c1@crew.example", "Delivery").await;
    tell(&world, "c2@crew.example", "Bounce").await;
    tell(&world, "c3@crew.example", "Complaint").await;
    let listed = async |state: &str| -> Vec<String> {
        let page = owner.get(&format!("/v1/users?invitation={state}")).await;
        let page = page.expect(200);
        let users = page["users"].as_array().unwrap().iter();
        users.map(|user| text(&user["id"])).collect()
    };
    for (state, user) in ["delivered", "bounced", "complained"].iter().zip(&users) {
        assert_eq!(&listed(state).await, std::slice::from_ref(user));
    }
    assert_eq!(
        owner.get("/v1/users?invitation=lost").await.faults(),
        ["invitation: invalid_value"]
    );
    assert_eq!(owner.show(&users[1]).await["status"], "activation_pending");
    assert_eq!(
        outcomes(&invite(owner, &users).await),
        ["unchanged", "done", "done", "unchanged"]
    );
    world.stack.settled().await;
    assert!(listed("bounced").await.is_empty());
    assert_eq!(world.mails_to("c2@crew.example").await.len(), 2);
}

#[tokio::test]
async fn news_of_an_old_mail_does_not_touch_the_newer_invitation() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let users = crew(&company.owner, 1).await;
    let _ = invite(&company.owner, &users).await;
    let old = world.mails_to("c1@crew.example").await[0]
        .message_id
        .clone();
    let again = json!({ "users": users });
    let resent = company.owner.post("/v1/invitations/resend", again).await;
    let _ = resent.expect(200);
    world.stack.settled().await;
    for event in ["Delivery", "Bounce", "Complaint", "Reject"] {
        post_event(&world, json!({ "message_id": old, "type": event })).await;
        assert_eq!(mail_state(&company.owner, &users[0]).await, "sent");
    }
    tell(&world, "c1@crew.example", "Bounce").await;
    assert_eq!(mail_state(&company.owner, &users[0]).await, "bounced");
    let states = items(&world);
    let states = states
        .values()
        .filter(|item| item["SK"]["S"] == "MAIL" && item["user"]["S"] == users[0].as_str());
    let mut states: Vec<String> = states.map(|item| text(&item["state"]["S"])).collect();
    states.sort();
    assert_eq!(states, ["bounced", "failed"], "each mail has its own news");
}

#[tokio::test]
async fn news_of_an_accepted_invitation_is_shown_and_changes_nothing_else() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let ada = company.owner.colleague("ada", "standard", &[]).await;
    tell(&world, "ada@colleagues.example", "Complaint").await;
    let user = company.owner.show(&ada.user).await;
    assert_eq!(
        (&user["status"], &user["invitation"]["mail"]),
        (&json!("active"), &json!("complained"))
    );
}

#[tokio::test]
async fn news_of_other_peoples_mails_is_passed_over() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let users = crew(&company.owner, 1).await;
    let _ = invite(&company.owner, &users).await;
    world.stack.settled().await;
    let before = items(&world);
    for tags in [
        json!({}),
        json!({ "mail": [] }),
        json!({ "mail": ["newsletter"] }),
        json!({ "mail": ["mai_0000000000000001"] }),
    ] {
        let mail = json!({ "messageId": "m", "tags": tags });
        post_event(&world, json!({ "eventType": "Bounce", "mail": mail })).await;
    }
    assert_eq!(items(&world), before);
    assert!(world.stack.dead_letters().is_empty());
}

#[tokio::test]
async fn messages_delivered_three_times_more_in_any_order_change_nothing() {
    let world = World::with(|options| muster_local::Options {
        keep_history: true,
        ..options
    })
    .await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let users = crew(owner, 40).await;
    let _ = invite(owner, &users).await;
    // Again already while they are on their way.
    world.stack.redeliver_all();
    world.stack.settled().await;
    let again = json!({ "users": users[..10] });
    let resent = owner.post("/v1/invitations/resend", again).await;
    let _ = resent.expect(200);
    for (number, event) in [
        (1, "Delivery"),
        (2, "Bounce"),
        (2, "Delivery"),
        (20, "Complaint"),
    ] {
        tell(&world, &format!("c{number}@crew.example"), event).await;
    }
    let _ = world.activate("c30@crew.example", "thirty").await;
    for format in ["csv", "xlsx"] {
        let export = json!({ "format": format });
        let _ = owner.post("/v1/exports", export).await.expect(202);
    }
    world.stack.settled().await;
    let mails = world.stack.inbox().all().len();
    assert_eq!(mails, 1 + 40 + 10, "the owner's, and each only once");
    let before = items(&world);
    assert!(before.len() > 100, "{}", before.len());
    // Whatever is written now would carry another time.
    world
        .stack
        .clock()
        .advance(jiff::SignedDuration::from_mins(1));
    for _ in 0..3 {
        world.stack.redeliver_all();
    }
    world.stack.settled().await;
    let after = items(&world);
    for (key, item) in &before {
        assert_eq!(after.get(key), Some(item), "{key}");
    }
    assert_eq!(after.len(), before.len());
    assert_eq!(world.stack.inbox().all().len(), mails);
    assert!(world.stack.dead_letters().is_empty());
}
