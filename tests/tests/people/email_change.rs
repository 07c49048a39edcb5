//! `change-email`: started, told to the old address, confirmed from the new one, cancelled.

use futures::future::join;
use jiff::SignedDuration;
use muster_tests::world::{Actor, Answer, Company, PASSWORD, World, text};
use serde_json::{Value, json};

use crate::{letter, snapshot};

const OLD: &str = "ada@colleagues.example";
const NEW: &str = "ada@new.example";
const OTHER_PASSWORD: &str = "plum orchard tricycle moon";

async fn ada(world: &World) -> (Company<'_>, Actor<'_>) {
    let company = world.company("Acme").await;
    let ada = company.owner.colleague("ada", "limited", &[]).await;
    (company, ada)
}

async fn start(actor: &Actor<'_>, user: &str, email: &str) -> Answer {
    let path = format!("/v1/users/{user}/email");
    actor.post(&path, json!({ "email": email })).await
}

async fn post(world: &World, what: &str, body: Value) -> Answer {
    let path = format!("/v1/email-changes/{what}");
    world.nobody().post(&path, body).await
}

async fn check(world: &World, token: &str) -> Value {
    post(world, "check", json!({ "token": token }))
        .await
        .expect(200)
}

async fn confirm(world: &World, token: &str) -> Answer {
    post(world, "confirm", json!({ "token": token })).await
}

async fn cancel(world: &World, token: &str) -> Answer {
    post(world, "cancel", json!({ "token": token })).await
}

async fn sign_in(world: &World, login: &str, password: &str) -> Answer {
    let body = json!({ "login": login, "password": password });
    world.nobody().post("/v1/sessions", body).await
}

/// The token of the newest link about an address that an address got.
pub async fn token(world: &World, address: &str) -> String {
    world.link(address, "email").await
}

/// The code in the newest mail to an address.
pub async fn code(world: &World, address: &str) -> String {
    let mails = world.mails_to(address).await;
    let text = mails.last().unwrap().text.clone();
    let digits = |line: &&str| {
        let line = line.replace(' ', "");
        line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit())
    };
    let words: Vec<&str> = text.split([':', '\n']).collect();
    let code = words.iter().map(|line| line.trim()).find(digits);
    code.unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[tokio::test]
async fn an_address_changes_when_the_new_one_confirms_and_the_old_one_signs_in_until_then() {
    let world = World::start().await;
    let (company, ada) = ada(&world).await;
    let started = start(&company.owner, &ada.user, NEW).await.expect(202);
    assert_eq!(started["pending_email"], NEW);
    let notice = world.mails_to(OLD).await;
    insta::assert_snapshot!("mail_notice", letter(notice.last().unwrap()));
    let confirming = world.mails_to(NEW).await;
    let shown = code(&world, NEW).await;
    let masked = letter(&confirming[0]).replace(&shown, "··· ···");
    insta::assert_snapshot!("mail_confirm", masked);
    let user = company.owner.show(&ada.user).await;
    assert_eq!(
        (&user["email"], &user["pending_email"]),
        (&json!(OLD), &json!(NEW))
    );
    let _ = sign_in(&world, OLD, PASSWORD).await.expect(200);

    let link = token(&world, NEW).await;
    for _ in 0..3 {
        snapshot!("change_checked", check(&world, &link).await);
    }
    snapshot!("change_confirmed", confirm(&world, &link).await.expect(200));
    let user = company.owner.show(&ada.user).await;
    assert_eq!(
        (&user["email"], &user["pending_email"]),
        (&json!(NEW), &Value::Null)
    );
    assert_eq!(user["username"], "ada.colleague");
    let old = sign_in(&world, OLD, PASSWORD).await;
    assert_eq!(old.refused(401), "wrong_credentials");
    for login in [NEW, "ada.colleague"] {
        let _ = sign_in(&world, login, PASSWORD).await.expect(200);
    }
    let change = ada.post("/v1/exports", json!({ "format": "csv" })).await;
    assert_eq!(change.refused(401), "unauthenticated");
    let told = world.mails_to(OLD).await;
    insta::assert_snapshot!("mail_changed", letter(told.last().unwrap()));
    let user = &ada.user;
    assert_eq!(
        world.audited(&company.tenant, "users.email.start"),
        [format!("user {} -> {user}", company.owner.user)]
    );
    assert_eq!(
        world.audited(&company.tenant, "users.email.change"),
        [format!("recipient {user} -> {user}")]
    );
    assert_eq!(check(&world, &link).await["state"], "used");
    assert_eq!(confirm(&world, &link).await.refused(410), "link_used");
}

#[tokio::test]
async fn the_old_address_cancels_and_so_do_the_person_and_an_administrator() {
    let world = World::start().await;
    let (company, ada) = ada(&world).await;
    let _ = start(&ada, &ada.user, NEW).await.expect(202);
    let (old, new) = (token(&world, OLD).await, token(&world, NEW).await);
    assert_eq!(check(&world, &old).await["action"], "cancel");
    assert_eq!(
        cancel(&world, &new).await.faults(),
        ["token: invalid_token"]
    );
    assert_eq!(
        confirm(&world, &old).await.faults(),
        ["token: invalid_token"]
    );
    snapshot!("change_cancelled", cancel(&world, &old).await.expect(200));
    assert_eq!(confirm(&world, &new).await.refused(410), "link_revoked");
    assert_eq!(cancel(&world, &old).await.refused(410), "link_revoked");
    let user = company.owner.show(&ada.user).await;
    assert_eq!(
        (&user["email"], &user["pending_email"]),
        (&json!(OLD), &Value::Null)
    );
    let path = format!("/v1/users/{}/email", ada.user);
    for actor in [&ada, &company.owner] {
        let _ = start(actor, &ada.user, NEW).await.expect(202);
        let link = token(&world, NEW).await;
        assert_eq!(actor.delete(&path).await.status, 204);
        assert_eq!(confirm(&world, &link).await.refused(410), "link_revoked");
        assert_eq!(actor.delete(&path).await.status, 204, "none waits any more");
    }
    let trail = world.audited(&company.tenant, "users.email.cancel");
    assert_eq!(trail.len(), 3, "{trail:?}");
    let _ = sign_in(&world, OLD, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_change_ends_a_day_after_its_mail_and_a_newer_one_replaces_it() {
    let world = World::start().await;
    let (_company, ada) = ada(&world).await;
    let _ = start(&ada, &ada.user, "first@new.example")
        .await
        .expect(202);
    let first = token(&world, "first@new.example").await;
    let _ = start(&ada, &ada.user, NEW).await.expect(202);
    let link = token(&world, NEW).await;
    assert_eq!(check(&world, &first).await["state"], "replaced");
    assert_eq!(confirm(&world, &first).await.refused(410), "link_replaced");
    world.wait(SignedDuration::from_secs(24 * 3_600 - 1)).await;
    assert_eq!(check(&world, &link).await["state"], "valid");
    world.wait(SignedDuration::from_secs(1)).await;
    assert_eq!(check(&world, &link).await["state"], "expired");
    assert_eq!(confirm(&world, &link).await.refused(410), "link_expired");
    let ada = world.sign_in(OLD).await;
    assert_eq!(ada.show(&ada.user).await["pending_email"], Value::Null);
}

#[tokio::test]
async fn the_code_confirms_and_five_wrong_ones_end_the_change() {
    let world = World::start().await;
    let (company, ada) = ada(&world).await;
    let change = start(&ada, &ada.user, NEW).await.expect(202)["change"].clone();
    let code = code(&world, NEW).await;
    let right = code.replace(' ', "");
    let table = format!("{:?}", world.table(|_, _| true));
    let link = token(&world, NEW).await;
    assert!(!table.contains(&right) && !table.contains(&code));
    assert!(!table.contains(link.rsplit('.').next().unwrap()));
    let wrong = if right == "000000" {
        "111111"
    } else {
        "000000"
    };
    let by_code = async |code: &str| {
        let body = json!({ "change": change, "code": code });
        post(&world, "confirm", body).await
    };
    for _ in 0..4 {
        assert_eq!(by_code(wrong).await.faults(), ["code: wrong_code"]);
    }
    let _ = by_code(&code).await.expect(200);
    let _ = sign_in(&world, NEW, PASSWORD).await.expect(200);

    let ada = world.sign_in(NEW).await;
    let change = start(&ada, &ada.user, "ada@third.example")
        .await
        .expect(202)["change"]
        .clone();
    let link = token(&world, "ada@third.example").await;
    for _ in 0..5 {
        let body = json!({ "change": change, "code": wrong });
        let faults = post(&world, "confirm", body).await.faults();
        assert_eq!(faults, ["code: wrong_code"]);
    }
    let body = json!({ "change": change, "code": wrong });
    let void = post(&world, "confirm", body).await;
    assert_eq!(void.refused(410), "link_revoked");
    assert_eq!(confirm(&world, &link).await.refused(410), "link_revoked");
    let trail = world.audited(&company.tenant, "users.email.void");
    assert_eq!(trail.len(), 1);
    assert_eq!(ada.show(&ada.user).await["pending_email"], Value::Null);
}

#[tokio::test]
async fn of_a_confirmation_and_a_cancellation_at_once_one_wins() {
    let world = World::start().await;
    let (company, ada) = ada(&world).await;
    let _ = start(&ada, &ada.user, NEW).await.expect(202);
    let (old, new) = (token(&world, OLD).await, token(&world, NEW).await);
    let (confirmed, cancelled) = join(confirm(&world, &new), cancel(&world, &old)).await;
    let mut statuses = [confirmed.status, cancelled.status];
    let email = company.owner.show(&ada.user).await["email"].clone();
    assert_eq!(email, if confirmed.status == 200 { NEW } else { OLD });
    statuses.sort_unstable();
    assert_eq!(
        statuses,
        [200, 410],
        "{} {}",
        confirmed.text,
        cancelled.text
    );
}

#[tokio::test]
async fn who_may_change_whose_address() {
    let world = World::start().await;
    let (company, ada) = ada(&world).await;
    let other = world.company("Other").await;
    let owner = &company.owner;
    let manager = owner.colleague("mia", "standard", &["user_manager"]).await;
    let second = owner.colleague("otto", "owner", &[]).await;
    let nobody = start(&world.nobody(), &ada.user, NEW).await;
    assert_eq!(nobody.refused(401), "unauthenticated");
    let foreign = start(&other.owner, &ada.user, NEW).await;
    assert_eq!(foreign.refused(404), "user_not_found");
    let unseen = start(&ada, &manager.user, NEW).await;
    assert_eq!(unseen.refused(404), "user_not_found");
    let above = start(&manager, &owner.user, NEW).await;
    assert_eq!(above.refused(403), "beyond_your_rights");
    let own = start(owner, &owner.user, NEW).await;
    assert_eq!(own.refused(403), "own_email_by_support");
    let beside = start(owner, &second.user, "otto@new.example").await;
    assert_eq!(beside.refused(403), "owner_protected");
    let chief = world.define_role(&company.tenant, "Chief", &["users.write", "tenant.manage"]);
    let chief = owner.colleague("chia", "standard", &[&chief]).await;
    let stronger = start(&manager, &chief.user, "mia+chief@colleagues.example").await;
    assert_eq!(stronger.refused(403), "beyond_your_rights");
    let _ = start(&manager, &ada.user, NEW).await.expect(202);
    let same = start(&ada, &ada.user, " ADA@colleagues.example").await;
    assert_eq!(same.faults(), ["email: unchanged"]);
    let taken = start(&ada, &ada.user, "mia@colleagues.example").await;
    assert_eq!(taken.refused(409), "email_taken");
    assert_eq!(start(&ada, &ada.user, "no address").await.faults().len(), 1);
    let pending = json!({ "email": "pia@drivers.example", "invite": true });
    let pending = owner.add(pending).await;
    let refused = start(&manager, &pending, NEW).await;
    assert_eq!(refused.refused(409), "not_active");
    let path = format!("/v1/users/{}/email", ada.user);
    assert_eq!(
        other.owner.delete(&path).await.refused(404),
        "user_not_found"
    );

    let strict = json!({ "policy": { "email_change": "immutable", "own_email": "verified" } });
    let strict = world.company_with("Strict", strict).await;
    let refused = start(&strict.owner, &strict.owner.user, NEW).await;
    assert_eq!(refused.refused(409), "email_immutable");
    let free = json!({ "policy": { "own_email": "verified" } });
    let free = world.company_with("Free", free).await;
    let _ = start(&free.owner, &free.owner.user, "boss@new.example")
        .await
        .expect(202);
}

#[tokio::test]
async fn an_address_taken_meanwhile_is_not_confirmed() {
    let world = World::start().await;
    let (company, ada) = ada(&world).await;
    let _ = start(&ada, &ada.user, NEW).await.expect(202);
    let link = token(&world, NEW).await;
    let _ = company.owner.add(json!({ "email": NEW })).await;
    assert_eq!(confirm(&world, &link).await.refused(409), "email_taken");
    let _ = sign_in(&world, OLD, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_person_of_several_companies_parts_and_the_others_stay_with_the_old_address() {
    let world = World::start().await;
    let (company, ada) = ada(&world).await;
    let other = world.company("Other").await;
    let _ = other
        .owner
        .add(json!({ "email": OLD, "invite": true }))
        .await;
    let join = json!({ "token": world.link_token(OLD).await, "password": PASSWORD });
    let _ = world
        .nobody()
        .post("/v1/activations", join)
        .await
        .expect(200);
    let _ = start(&company.owner, &ada.user, NEW).await.expect(202);
    let link = token(&world, NEW).await;
    assert_eq!(check(&world, &link).await["needed"], "new_credentials");
    let faults = confirm(&world, &link).await.faults();
    assert_eq!(faults, ["username: required", "password: required"]);
    let body =
        |username: &str| json!({ "token": link, "username": username, "password": OTHER_PASSWORD });
    let taken = post(&world, "confirm", body("ada.colleague")).await;
    assert_eq!(taken.refused(409), "username_taken");
    let _ = post(&world, "confirm", body("ada.acme")).await.expect(200);
    let here = sign_in(&world, NEW, OTHER_PASSWORD).await.expect(200);
    assert_eq!(here["tenant"], json!(company.tenant));
    let there = sign_in(&world, OLD, PASSWORD).await.expect(200);
    assert_eq!(there["tenant"], json!(other.tenant));

    // The company that stayed moves as well: to a person who is there already, with that one's password.
    let there = text(&there["user"]);
    let _ = start(&other.owner, &there, NEW).await.expect(202);
    let link = token(&world, NEW).await;
    assert_eq!(check(&world, &link).await["needed"], "existing_password");
    let faults = confirm(&world, &link).await.faults();
    assert_eq!(faults, ["password: required"]);
    let wrong = json!({ "token": link, "password": PASSWORD });
    let wrong = post(&world, "confirm", wrong).await;
    assert_eq!(wrong.refused(401), "wrong_credentials");
    let right = json!({ "token": link, "password": OTHER_PASSWORD });
    let _ = post(&world, "confirm", right).await.expect(200);
    let choice = sign_in(&world, NEW, OTHER_PASSWORD).await.expect(200);
    assert_eq!(choice["tenants"].as_array().unwrap().len(), 2);
    let left = sign_in(&world, OLD, PASSWORD).await;
    assert_eq!(left.refused(401), "wrong_credentials");
    let left = world.table(|pk, sk| pk == format!("P#{OLD}") && sk == "PERSON");
    assert!(left.is_empty(), "nobody is left behind");
}

/// Everything that takes the ground from under a change that waits.
#[tokio::test]
async fn a_change_that_could_not_be_started_now_is_not_confirmed() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let manager = owner.colleague("mia", "standard", &["user_manager"]).await;
    let started = async |name: &str| {
        let user = owner.colleague(name, "limited", &[]).await;
        let new = format!("{name}@new.example");
        let _ = start(&manager, &user.user, &new).await.expect(202);
        let link = token(&world, &new).await;
        assert_eq!(check(&world, &link).await["state"], "valid");
        (user, link)
    };
    let dead = async |link: &str| {
        assert_eq!(check(&world, link).await["state"], "revoked");
        assert_eq!(confirm(&world, link).await.refused(410), "link_revoked");
    };
    let users = |user: &Actor<'_>| json!({ "users": [user.user] });

    // Suspended and back, deleted and back: what waited is gone.
    let (suspended, link) = started("sue").await;
    for step in ["suspend", "reactivate"] {
        let path = format!("/v1/users/{step}");
        let _ = owner.post(&path, users(&suspended)).await.expect(200);
        dead(&link).await;
    }
    let (deleted, link) = started("dee").await;
    let confirmed = json!({ "users": [deleted.user], "confirm": 1 });
    let _ = owner.post("/v1/users/delete", confirmed).await.expect(200);
    let _ = owner
        .post("/v1/users/restore", users(&deleted))
        .await
        .expect(200);
    let _ = owner
        .post("/v1/invitations", users(&deleted))
        .await
        .expect(200);
    let _ = world.activate("dee@colleagues.example", "dee.again").await;
    dead(&link).await;
    assert_eq!(
        owner.show(&deleted.user).await["pending_email"],
        Value::Null
    );

    // A new password: whoever had the old one may have asked for the change.
    let (robbed, link) = started("rob").await;
    let asked = json!({ "login": "rob@colleagues.example" });
    let _ = world
        .nobody()
        .post("/v1/password-resets", asked)
        .await
        .expect(202);
    let mails = world.mails_to("rob@colleagues.example").await;
    let reset = mails.last().unwrap().links()[0]
        .split_once('#')
        .unwrap()
        .1
        .to_owned();
    let body = json!({ "token": reset, "password": OTHER_PASSWORD });
    let _ = world
        .nobody()
        .post("/v1/password-resets/confirm", body)
        .await
        .expect(200);
    dead(&link).await;
    assert_eq!(owner.show(&robbed.user).await["pending_email"], Value::Null);

    // The user holds more by now, the policy is another, whoever asked may do it no more.
    let (promoted, link) = started("pia").await;
    let version = owner.show(&promoted.user).await["version"]
        .as_u64()
        .unwrap();
    let path = format!("/v1/users/{}", promoted.user);
    let auditor = json!({ "class": "standard", "roles": ["auditor"] });
    let _ = owner.patch(&path, version, auditor).await.expect(200);
    dead(&link).await;
    let policy = async |policy: Value| {
        let version = owner.get("/v1/tenant").await.expect(200)["version"]
            .as_u64()
            .unwrap();
        let body = json!({ "policy": { "email_change": policy } });
        let _ = owner.patch("/v1/tenant", version, body).await.expect(200);
    };
    let (_, link) = started("ina").await;
    policy(json!("immutable")).await;
    dead(&link).await;
    policy(Value::Null).await;
    assert_eq!(check(&world, &link).await["state"], "valid");
    let _ = owner
        .post("/v1/users/suspend", users(&manager))
        .await
        .expect(200);
    dead(&link).await;
    let _ = owner
        .post("/v1/users/reactivate", users(&manager))
        .await
        .expect(200);
    let _ = confirm(&world, &link).await.expect(200);
}
