//! `reset-password`: asked for, sent by an administrator, opened, chosen.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::{join, join_all};
use jiff::SignedDuration;
use muster_tests::world::{Actor, Answer, Company, PASSWORD, World, text};
use serde_json::{Value, json};

use crate::{change_user, letter, snapshot};

const ADA: &str = "ada@colleagues.example";
const NEW: &str = "plum orchard tricycle moon";

async fn ada(world: &World) -> (Company<'_>, Actor<'_>) {
    let company = world.company("Acme").await;
    let ada = company.owner.colleague("ada", "limited", &[]).await;
    (company, ada)
}

async fn ask(world: &World, login: &str) -> Answer {
    let body = json!({ "login": login });
    world.nobody().post("/v1/password-resets", body).await
}

async fn check(world: &World, token: &str) -> Value {
    let body = json!({ "token": token });
    let path = "/v1/password-resets/check";
    world.nobody().post(path, body).await.expect(200)
}

async fn confirm(world: &World, token: &str, password: &str) -> Answer {
    let body = json!({ "token": token, "password": password });
    let path = "/v1/password-resets/confirm";
    world.nobody().post(path, body).await
}

async fn sign_in(world: &World, login: &str, password: &str) -> Answer {
    let body = json!({ "login": login, "password": password });
    world.nobody().post("/v1/sessions", body).await
}

/// The token of the newest link to a new password that an address got.
pub async fn reset_token(world: &World, address: &str) -> String {
    world.link(address, "reset").await
}

/// How many mails with such a link an address got.
async fn links_to(world: &World, address: &str, page: &str) -> usize {
    let mails = world.mails_to(address).await;
    let links = mails.iter().flat_map(|mail| mail.links());
    links.filter(|link| link.contains(page)).count()
}

#[tokio::test]
async fn a_person_chooses_a_new_password_by_the_mailed_link_and_all_sessions_end() {
    let world = World::start().await;
    let (company, ada) = ada(&world).await;
    let other = world.company("Other").await;
    let form = json!({ "email": ADA, "invite": true });
    let there = other.owner.add(form).await;
    let join = json!({ "token": world.link_token(ADA).await, "password": PASSWORD });
    let joined = world.nobody().post("/v1/activations", join).await;
    let _ = joined.expect(200);

    let asked = ask(&world, " ADA@Colleagues.example ").await;
    snapshot!("reset_asked", asked.expect(202));
    let mails = world.mails_to(ADA).await;
    insta::assert_snapshot!("mail_reset", letter(mails.last().unwrap()));
    let token = reset_token(&world, ADA).await;
    for _ in 0..3 {
        snapshot!("reset_link_checked", check(&world, &token).await);
    }
    let _ = ada.post("/v1/exports", json!({ "format": "csv" })).await;
    snapshot!(
        "reset_confirmed",
        confirm(&world, &token, NEW).await.expect(200)
    );

    let look = ada.get("/v1/me").await;
    assert_eq!(look.refused(401), "unauthenticated");
    let change = ada.post("/v1/exports", json!({ "format": "csv" })).await;
    assert_eq!(change.refused(401), "unauthenticated");
    let old = sign_in(&world, ADA, PASSWORD).await;
    assert_eq!(old.refused(401), "wrong_credentials");
    let choice = sign_in(&world, "ada.colleague", NEW).await.expect(200);
    assert_eq!(choice["tenants"].as_array().unwrap().len(), 2);
    let mails = world.mails_to(ADA).await;
    insta::assert_snapshot!("mail_password_changed", letter(mails.last().unwrap()));
    for (tenant, user) in [(&company.tenant, &ada.user), (&other.tenant, &there)] {
        let audited = world.audited(tenant, "users.reset_password");
        assert_eq!(audited, [format!("recipient {user} -> {user}")]);
    }
}

/// Whoever knows the old password signs in without end while the new one is set.
#[tokio::test(flavor = "multi_thread")]
async fn no_sign_in_by_the_old_password_outlives_the_new_one() {
    let world = World::start().await;
    let (company, _) = ada(&world).await;
    let _ = ask(&world, ADA).await.expect(202);
    let token = reset_token(&world, ADA).await;
    let over = AtomicBool::new(false);
    let reset = async {
        let _ = confirm(&world, &token, NEW).await.expect(200);
        over.store(true, Ordering::SeqCst);
    };
    let thief = async || {
        let mut sessions = Vec::new();
        while !over.load(Ordering::SeqCst) {
            let answer = sign_in(&world, ADA, PASSWORD).await;
            sessions.extend((answer.status == 200).then_some(answer.body));
        }
        sessions
    };
    let thieves = join_all((0..6).map(|_| thief()));
    let ((), stolen) = join(reset, thieves).await;
    let stolen: Vec<Value> = stolen.into_iter().flatten().collect();
    assert!(!stolen.is_empty(), "nobody got in before");
    for session in stolen {
        let form = json!({ "refresh_token": session["refresh_token"] });
        let next = world.nobody().post("/v1/sessions/refresh", form).await;
        assert_eq!(next.refused(401), "unauthenticated");
        let thief = world.bearer(text(&session["access_token"]));
        let switch = json!({ "tenant": company.tenant });
        let switched = thief.post("/v1/sessions/switch", switch).await;
        assert_eq!(switched.refused(401), "unauthenticated");
    }
}

#[tokio::test]
async fn a_link_to_a_new_password_works_once_and_only_the_newest() {
    let world = World::start().await;
    let (_company, _ada) = ada(&world).await;
    let _ = ask(&world, ADA).await.expect(202);
    let old = reset_token(&world, ADA).await;
    let _ = ask(&world, "ada.colleague").await.expect(202);
    let new = reset_token(&world, ADA).await;
    assert_ne!(old, new);
    assert_eq!(check(&world, &old).await["state"], "replaced");
    let refused = confirm(&world, &old, NEW).await;
    assert_eq!(refused.refused(410), "link_replaced");
    let (one, two) = join(
        confirm(&world, &new, NEW),
        confirm(&world, &new, "violet anchor paper giraffe"),
    )
    .await;
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 410]);
    assert_eq!(check(&world, &new).await["state"], "used");
    let again = confirm(&world, &new, NEW).await;
    assert_eq!(again.refused(410), "link_used");
}

#[tokio::test]
async fn a_link_to_a_new_password_ends_an_hour_after_it_was_sent() {
    let world = World::start().await;
    let (_company, _ada) = ada(&world).await;
    let _ = ask(&world, ADA).await.expect(202);
    let token = reset_token(&world, ADA).await;
    world.wait(SignedDuration::from_secs(3_599)).await;
    assert_eq!(check(&world, &token).await["state"], "valid");
    world.wait(SignedDuration::from_secs(1)).await;
    assert_eq!(check(&world, &token).await["state"], "expired");
    let refused = confirm(&world, &token, NEW).await;
    assert_eq!(refused.refused(410), "link_expired");
    let _ = sign_in(&world, ADA, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_weak_password_is_refused_and_leaves_the_link_good() {
    let world = World::start().await;
    let (_company, _ada) = ada(&world).await;
    let _ = ask(&world, ADA).await.expect(202);
    let token = reset_token(&world, ADA).await;
    for weak in ["short", "password1234", "ada.colleague"] {
        let faults = confirm(&world, &token, weak).await.faults();
        assert!(faults[0].starts_with("password: "), "{faults:?}");
    }
    let _ = confirm(&world, &token, NEW).await.expect(200);
    let activation = {
        let company = world.company("Third").await;
        company.owner.token.unwrap()
    };
    for wrong in ["", "x", &activation] {
        let faults = confirm(&world, wrong, NEW).await.faults();
        assert_eq!(faults, ["token: invalid_token"]);
    }
}

#[tokio::test]
async fn whoever_asks_is_answered_alike_and_only_a_person_gets_a_mail() {
    let world = World::start().await;
    let (company, _ada) = ada(&world).await;
    let now = world.stack.clock().now();
    let sue = company.owner.colleague("sue", "limited", &[]).await;
    change_user(&world, &company, &sue.user, |user| {
        user.suspended_at = Some(now);
    })
    .await;
    let form = json!({ "email": "pia@drivers.example", "invite": true });
    let _ = company.owner.add(form).await;
    let form = json!({ "email": "not-invited@drivers.example" });
    let _ = company.owner.add(form).await;
    let logins = [
        ADA,
        "ada.colleague",
        "sue@colleagues.example",
        "pia@drivers.example",
        "not-invited@drivers.example",
        "nobody@nowhere.example",
        "nobody.nowhere",
    ];
    world.stack.settled().await;
    let before = world.stack.inbox().all().len();
    let mut answers = Vec::new();
    for login in logins {
        let answer = ask(&world, login).await;
        answers.push((answer.status, answer.consumed(), answer.text));
        world.stack.settled().await;
    }
    assert_eq!(answers[0].0, 202);
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    let sent = world.stack.inbox().all().len() - before;
    assert_eq!(sent, 3, "two to Ada, and the activation to Pia");
    assert_eq!(links_to(&world, ADA, "/reset#").await, 2);
    assert_eq!(
        links_to(&world, "pia@drivers.example", "/activate#").await,
        2
    );
    let waiting = world.table(|pk, _| pk.starts_with("Q#"));
    assert!(waiting.is_empty(), "what was typed is forgotten");
}

#[tokio::test]
async fn somebody_who_was_invited_and_has_not_come_gets_the_activation_mail_again() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let form = json!({ "email": "pia@drivers.example", "invite": true });
    let pia = company.owner.add(form).await;
    let old = world.link_token("pia@drivers.example").await;
    world.wait_hours(25).await;
    let _ = ask(&world, "pia@drivers.example").await.expect(202);
    let new = world.link_token("pia@drivers.example").await;
    assert_ne!(old, new);
    assert_eq!(links_to(&world, "pia@drivers.example", "/reset#").await, 0);
    assert_eq!(
        world.audited(&company.tenant, "invitations.renew"),
        [format!("invitee {pia} -> {pia}")]
    );
    let _ = world.activate("pia@drivers.example", "pia.driver").await;
}

#[tokio::test]
async fn new_passwords_are_asked_for_only_so_often() {
    let world = World::start().await;
    let (_company, _ada) = ada(&world).await;
    for login in [ADA, "nobody@nowhere.example"] {
        for _ in 0..5 {
            let _ = ask(&world, login).await.expect(202);
        }
        let answer = ask(&world, login).await;
        assert_eq!(answer.headers["retry-after"], "3600", "{login}");
        assert_eq!(answer.refused(429), "too_many_requests");
    }
    assert_eq!(ask(&world, "").await.faults(), ["login: out_of_range"]);
    let long = "x".repeat(301);
    assert_eq!(ask(&world, &long).await.faults(), ["login: out_of_range"]);
}

#[tokio::test]
async fn an_administrator_sends_a_new_password_without_learning_it() {
    let world = World::start().await;
    let (company, ada) = ada(&world).await;
    let path = format!("/v1/users/{}/password-reset", ada.user);
    let sent = company.owner.post(&path, json!({})).await;
    snapshot!("reset_sent", sent.expect(202));
    let mails = world.mails_to(ADA).await;
    insta::assert_snapshot!("mail_reset_by_administrator", letter(mails.last().unwrap()));
    assert_eq!(
        world.audited(&company.tenant, "users.password_reset"),
        [format!("user {} -> {}", company.owner.user, ada.user)]
    );
    let token = reset_token(&world, ADA).await;
    let _ = confirm(&world, &token, NEW).await.expect(200);
    let _ = sign_in(&world, ADA, NEW).await.expect(200);

    let form = json!({ "email": "pia@drivers.example", "invite": true });
    let pia = company.owner.add(form).await;
    let _ = world.link_token("pia@drivers.example").await;
    let path = format!("/v1/users/{pia}/password-reset");
    let answer = company.owner.post(&path, json!({})).await.expect(202);
    assert_eq!(answer["mail"], "activation");
    assert_eq!(
        links_to(&world, "pia@drivers.example", "/activate#").await,
        2
    );
}

#[tokio::test]
async fn a_new_password_is_sent_by_whoever_may_change_that_user_and_nobody_else() {
    let world = World::start().await;
    let (company, ada) = ada(&world).await;
    let other = world.company("Other").await;
    let manager = company
        .owner
        .colleague("mia", "standard", &["user_manager"])
        .await;
    let send = async |actor: &Actor<'_>, user: &str| {
        let path = format!("/v1/users/{user}/password-reset");
        actor.post(&path, json!({})).await
    };
    let user = ada.user.as_str();
    assert_eq!(
        send(&world.nobody(), user).await.refused(401),
        "unauthenticated"
    );
    assert_eq!(send(&ada, &manager.user).await.refused(403), "forbidden");
    let foreign = send(&other.owner, user).await;
    assert_eq!(foreign.refused(404), "user_not_found");
    let above = send(&manager, &company.owner.user).await;
    assert_eq!(above.refused(403), "beyond_your_rights");
    assert_eq!(send(&manager, "nonsense").await.refused(404), "not_found");
    let truck = company
        .owner
        .add(json!({ "external_id": "T-1", "kind": "vehicle" }))
        .await;
    assert_eq!(send(&manager, &truck).await.refused(409), "no_email");
    let not_invited = json!({ "email": "new@drivers.example" });
    let not_invited = company.owner.add(not_invited).await;
    assert_eq!(
        send(&manager, &not_invited).await.refused(409),
        "not_invited"
    );
    for _ in 0..5 {
        let _ = send(&manager, user).await.expect(202);
    }
    assert_eq!(send(&manager, user).await.refused(429), "too_many_requests");
    let now = world.stack.clock().now();
    for (code, fate) in [("user_suspended", 0), ("user_deleted", 1)] {
        world.wait_hours(0).await;
        let user = company
            .owner
            .colleague(&format!("c{fate}"), "limited", &[])
            .await;
        change_user(&world, &company, &user.user, |user| match fate {
            0 => user.suspended_at = Some(now),
            _ => user.deleted_at = Some(now),
        })
        .await;
        assert_eq!(send(&manager, &user.user).await.refused(409), code);
    }
}

#[tokio::test]
async fn nothing_at_rest_is_a_link_and_a_reset_ends_the_wait_after_wrong_passwords() {
    let world = World::start().await;
    let (_company, _ada) = ada(&world).await;
    let _ = ask(&world, ADA).await.expect(202);
    let token = reset_token(&world, ADA).await;
    let table = format!("{:?}", world.table(|_, _| true));
    assert!(!table.contains(&token));
    assert!(!table.contains(token.rsplit('.').next().unwrap()));
    for _ in 0..6 {
        let _ = sign_in(&world, ADA, "wrong horse battery staple").await;
    }
    let held_up = sign_in(&world, ADA, PASSWORD).await;
    assert_eq!(held_up.refused(429), "too_many_requests");
    let _ = confirm(&world, &token, NEW).await.expect(200);
    let session = sign_in(&world, ADA, NEW).await.expect(200);
    let _ = text(&session["access_token"]);
}

#[tokio::test]
async fn a_link_to_a_new_password_is_not_for_who_has_the_address_next() {
    let world = World::start().await;
    let (company, ada) = ada(&world).await;
    let _ = ask(&world, ADA).await.expect(202);
    let link = reset_token(&world, ADA).await;
    let confirmed = json!({ "confirm": ADA });
    let path = format!("/v1/users/{}/delete", ada.user);
    let _ = company.owner.post(&path, confirmed).await.expect(200);
    let again = json!({ "email": ADA, "invite": true });
    let _ = company.owner.add(again).await;
    let _ = world.activate(ADA, "ada.again").await;
    assert_eq!(check(&world, &link).await["state"], "revoked");
    let refused = confirm(&world, &link, "plum orchard tricycle moon").await;
    assert_eq!(refused.refused(410), "link_revoked");
}
