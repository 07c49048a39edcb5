//! `revoke`: what was offered is withdrawn; and the new link that an invitee may ask for from the page of an old one.

use futures::future::join;
use jiff::SignedDuration;
use muster_tests::world::{Actor, Answer, Company, PASSWORD, World, text};
use serde_json::{Value, json};

use crate::{change_user, snapshot};

const ADA: &str = "ada@drivers.example";

async fn invited(world: &World) -> (Company<'_>, String, String) {
    let company = world.company("Acme").await;
    let form = json!({ "email": ADA, "first_name": "Ada", "invite": true });
    let ada = company.owner.add(form).await;
    let link = world.link_token(ADA).await;
    (company, ada, link)
}

async fn revoke(actor: &Actor<'_>, users: &[&str]) -> Answer {
    let body = json!({ "users": users });
    actor.post("/v1/invitations/revoke", body).await
}

/// What a bulk operation of one user came to.
fn outcome(answer: Answer) -> String {
    let outcome = answer.expect(200)["outcomes"][0].clone();
    text(if outcome["code"].is_null() {
        &outcome["outcome"]
    } else {
        &outcome["code"]
    })
}

async fn link_state(world: &World, token: &str) -> String {
    let body = json!({ "token": token });
    let checked = world.nobody().post("/v1/activations/check", body).await;
    text(&checked.expect(200)["state"])
}

async fn accept(world: &World, token: &str) -> Answer {
    let body = json!({ "token": token, "username": "ada.lovelace", "password": PASSWORD });
    world.nobody().post("/v1/activations", body).await
}

async fn renew(world: &World, token: &str) -> Answer {
    let body = json!({ "token": token });
    world.nobody().post("/v1/activations/renew", body).await
}

#[tokio::test]
async fn a_revoked_invitations_link_says_so_and_the_user_is_not_invited_any_more() {
    let world = World::start().await;
    let (company, ada, link) = invited(&world).await;
    let answer = revoke(&company.owner, &[&ada]).await.expect(200);
    snapshot!("revoked", answer);
    assert_eq!(link_state(&world, &link).await, "revoked");
    assert_eq!(accept(&world, &link).await.refused(410), "link_revoked");
    let user = company.owner.show(&ada).await;
    assert_eq!(user["status"], "not_invited");
    assert_eq!(user["invitation"], Value::Null);
    assert_eq!(outcome(revoke(&company.owner, &[&ada]).await), "unchanged");
    assert_eq!(
        world.audited(&company.tenant, "invitations.revoke"),
        [format!("user {} -> {ada}", company.owner.user)]
    );
    // Its time being over changes nothing: a withdrawn link does not turn into an expired one.
    world.wait_hours(25).await;
    assert_eq!(link_state(&world, &link).await, "revoked");
}

#[tokio::test]
async fn whoever_was_revoked_can_be_invited_anew_and_only_the_new_link_works() {
    let world = World::start().await;
    let (company, ada, old) = invited(&world).await;
    assert_eq!(outcome(revoke(&company.owner, &[&ada]).await), "done");
    let again = json!({ "users": [ada] });
    let answer = company.owner.post("/v1/invitations", again).await;
    assert_eq!(outcome(answer), "done");
    assert_eq!(link_state(&world, &old).await, "replaced");
    let _ = world.activate(ADA, "ada.lovelace").await;
    let revoked = revoke(&company.owner, &[&ada]).await;
    assert_eq!(outcome(revoked), "already_active");
}

#[tokio::test]
async fn an_expired_invitation_can_be_revoked_so_that_nobody_asks_for_a_new_link() {
    let world = World::start().await;
    let (company, ada, link) = invited(&world).await;
    world.wait_hours(25).await;
    let owner = world.sign_in(&company.owner_email).await;
    assert_eq!(outcome(revoke(&owner, &[&ada]).await), "done");
    assert_eq!(owner.show(&ada).await["status"], "not_invited");
    let _ = renew(&world, &link).await.expect(202);
    assert_eq!(world.mails_to(ADA).await.len(), 1);
}

#[tokio::test]
async fn an_invitation_is_revoked_by_whoever_may_invite_that_user_and_nobody_else() {
    let world = World::start().await;
    let (company, ada, _) = invited(&world).await;
    let other = world.company("Other").await;
    let limited = company.owner.colleague("lim", "limited", &[]).await;
    let manager = company
        .owner
        .colleague("mia", "standard", &["user_manager"])
        .await;
    let form = json!({ "email": "second@owners.example", "class": "owner", "invite": true });
    let owner = company.owner.add(form).await;
    assert_eq!(
        revoke(&world.nobody(), &[&ada]).await.refused(401),
        "unauthenticated"
    );
    assert_eq!(revoke(&limited, &[&ada]).await.refused(403), "forbidden");
    let foreign = revoke(&other.owner, &[&ada]).await;
    assert_eq!(outcome(foreign), "user_not_found");
    let above = revoke(&manager, &[&owner]).await;
    assert_eq!(outcome(above), "beyond_your_rights");
    assert_eq!(outcome(revoke(&manager, &[&ada]).await), "done");
    let now = world.stack.clock().now();
    change_user(&world, &company, &ada, |user| user.deleted_at = Some(now)).await;
    let deleted = revoke(&manager, &[&ada]).await;
    assert_eq!(outcome(deleted), "user_deleted");
    let none = revoke(&manager, &[]).await.faults();
    assert_eq!(none, ["users: out_of_range"]);
}

#[tokio::test]
async fn the_same_revocation_sent_twice_answers_alike_and_is_done_once() {
    let world = World::start().await;
    let (company, ada, _) = invited(&world).await;
    let body = json!({ "users": [ada] });
    let path = "/v1/invitations/revoke";
    let first = company.owner.post_once(path, "key", body.clone()).await;
    let again = company.owner.post_once(path, "key", body).await;
    assert_eq!(first.clone().expect(200)["done"], 1);
    assert_eq!(first.body, again.body);
    assert_eq!(again.headers["idempotency-replayed"], "true");
}

#[tokio::test]
async fn of_an_acceptance_and_a_revocation_at_once_one_wins() {
    let world = World::start().await;
    let (company, ada, link) = invited(&world).await;
    let revoking = [ada.as_str()];
    let revoking = revoke(&company.owner, &revoking);
    let (accepted, revoked) = join(accept(&world, &link), revoking).await;
    let status = company.owner.show(&ada).await["status"].clone();
    match outcome(revoked).as_str() {
        "done" => {
            assert_eq!(accepted.refused(410), "link_revoked");
            assert_eq!(status, "not_invited");
        }
        "already_active" => {
            let _ = accepted.expect(200);
            assert_eq!(status, "active");
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_invitee_with_an_expired_link_gets_a_new_one_at_the_present_address() {
    let world = World::start().await;
    let (company, ada, old) = invited(&world).await;
    // By now the cleanup has ended the invitation.
    world.wait_hours(25).await;
    assert_eq!(link_state(&world, &old).await, "expired");
    change_user(&world, &company, &ada, |user| {
        let moved = "ada@new.example";
        user.email = Some(muster_shared::domain::email::Email::parse(moved).unwrap());
    })
    .await;
    let answer = renew(&world, &old).await.expect(202);
    snapshot!("renewed", answer);
    assert_eq!(world.mails_to(ADA).await.len(), 1);
    let mails = world.mails_to("ada@new.example").await;
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0].text.contains("Olivia Owner"),
        "whoever invited is named: {}",
        mails[0].text
    );
    assert_eq!(link_state(&world, &old).await, "replaced");
    assert_eq!(
        world.audited(&company.tenant, "invitations.renew"),
        [format!("invitee {ada} -> {ada}")]
    );
    let _ = world.activate("ada@new.example", "ada.lovelace").await;
}

#[tokio::test]
async fn an_invitee_with_a_replaced_link_gets_another_one() {
    let world = World::start().await;
    let (company, ada, old) = invited(&world).await;
    let again = json!({ "users": [ada] });
    let resent = company.owner.post("/v1/invitations/resend", again).await;
    assert_eq!(outcome(resent), "done");
    assert_eq!(link_state(&world, &old).await, "replaced");
    assert_eq!(world.mails_to(ADA).await.len(), 2);
    let _ = renew(&world, &old).await.expect(202);
    assert_eq!(world.mails_to(ADA).await.len(), 3);
    let _ = world.activate(ADA, "ada.lovelace").await;
}

#[tokio::test]
async fn asking_for_a_new_link_answers_alike_whatever_became_of_the_user() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let now = world.stack.clock().now();
    let mut answers = Vec::new();
    for fate in ["pending", "active", "revoked", "suspended", "deleted"] {
        let email = format!("{fate}@drivers.example");
        let form = json!({ "email": email, "invite": true });
        let user = company.owner.add(form).await;
        let link = world.link_token(&email).await;
        match fate {
            "active" => drop(world.activate(&email, "active.driver").await),
            "revoked" => drop(revoke(&company.owner, &[&user]).await.expect(200)),
            "suspended" => {
                change_user(&world, &company, &user, |user| {
                    user.suspended_at = Some(now);
                })
                .await;
            }
            "deleted" => {
                change_user(&world, &company, &user, |user| user.deleted_at = Some(now)).await;
            }
            _ => {}
        }
        let before = world.mails_to(&email).await.len();
        let answer = renew(&world, &link).await;
        answers.push((answer.status, answer.text));
        let sent = world.mails_to(&email).await.len() - before;
        assert_eq!(sent, usize::from(fate == "pending"), "{fate}");
    }
    assert_eq!(answers[0].0, 202);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

#[tokio::test]
async fn new_links_are_asked_for_only_so_often_and_only_with_links_of_ours() {
    let world = World::start().await;
    let (company, _, link) = invited(&world).await;
    for _ in 0..3 {
        let _ = renew(&world, &link).await.expect(202);
        world.stack.settled().await;
    }
    let answer = renew(&world, &link).await;
    let told: i64 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(answer.refused(429), "too_many_requests");
    assert_eq!(world.mails_to(ADA).await.len(), 4);
    world.wait(SignedDuration::from_secs(told)).await;
    let _ = renew(&world, &link).await.expect(202);
    for wrong in [
        "",
        "x",
        &link[..link.len() - 4],
        &company.owner.token.clone().unwrap(),
    ] {
        assert_eq!(
            renew(&world, wrong).await.faults(),
            ["token: invalid_token"]
        );
    }
}
