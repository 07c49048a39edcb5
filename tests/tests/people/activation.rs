//! `activate`: what a link is good for, and accepting an invitation.

use jiff::SignedDuration;
use muster_tests::world::{Actor, Answer, Company, PASSWORD, World, text};
use serde_json::{Value, json};

use crate::{change_user, letter, names, post_text, snapshot};

const ADA: &str = "ada@drivers.example";

/// Somebody invited by the company; the id.
async fn invite(company: &Company<'_>, email: &str) -> String {
    let form =
        json!({ "email": email, "first_name": "Ada", "last_name": "Lovelace", "invite": true });
    company.owner.add(form).await
}

async fn check(world: &World, token: &str) -> Value {
    let form = json!({ "token": token });
    world
        .nobody()
        .post("/v1/activations/check", form)
        .await
        .expect(200)
}

async fn accept(world: &World, token: &str, username: &str, password: &str) -> Answer {
    let form = json!({ "token": token, "username": username, "password": password });
    world.nobody().post("/v1/activations", form).await
}

async fn signs_in(world: &World, login: &str, password: &str) -> u16 {
    let form = json!({ "login": login, "password": password });
    world.nobody().post("/v1/sessions", form).await.status
}

#[tokio::test]
async fn an_invited_person_activates_and_signs_in() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let user = invite(&company, ADA).await;
    let mails = world.mails_to(ADA).await;
    insta::assert_snapshot!("mail_to_an_invited_person", letter(&mails[0]));
    let token = world.link_token(ADA).await;
    snapshot!("link_checked", check(&world, &token).await);
    assert_eq!(
        company.owner.show(&user).await["status"],
        "activation_pending"
    );

    let accepted = accept(&world, &token, "Ada.L", PASSWORD).await.expect(200);
    snapshot!("invitation_accepted", accepted);
    assert_eq!(accepted["user"], user);
    let active = company
        .owner
        .get("/v1/users?status=active&name=ada")
        .await
        .expect(200);
    assert_eq!(names(&active), ["Ada Lovelace"]);
    assert_eq!(active["users"][0]["username"], "Ada.L");
    assert_eq!(world.sign_in("ada.l").await.user, user);
}

#[tokio::test]
async fn looking_at_a_link_any_number_of_times_uses_nothing_up() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let user = invite(&company, ADA).await;
    let token = world.link_token(ADA).await;
    let before = company.owner.show(&user).await;
    let first = check(&world, &token).await;
    for _ in 0..20 {
        assert_eq!(check(&world, &token).await, first);
        // What scanners do with every address they see.
        let _ = world.nobody().get("/activate").await;
        let _ = world.nobody().get("/v1/activations").await;
    }
    assert_eq!(company.owner.show(&user).await, before);
    let _ = accept(&world, &token, "ada", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_link_is_good_for_a_day_to_the_second_and_a_new_one_replaces_it() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let user = invite(&company, ADA).await;
    let token = world.link_token(ADA).await;
    world.wait(SignedDuration::from_secs(24 * 3_600 - 1)).await;
    assert_eq!(check(&world, &token).await["state"], "valid");

    world.wait(SignedDuration::from_secs(1)).await;
    snapshot!("expired_link_checked", check(&world, &token).await);
    let late = accept(&world, &token, "ada", PASSWORD).await;
    snapshot!("expired_link_refused", late.body);
    assert_eq!(late.refused(410), "link_expired");
    assert_eq!(signs_in(&world, ADA, PASSWORD).await, 401);
    let owner = world.sign_in(&company.owner_email).await;
    assert_eq!(owner.show(&user).await["status"], "invitation_expired");

    let resend = json!({ "users": [user] });
    let _ = owner
        .post("/v1/invitations/resend", resend.clone())
        .await
        .expect(200);
    let second = world.link_token(ADA).await;
    let _ = owner
        .post("/v1/invitations/resend", resend)
        .await
        .expect(200);
    let third = world.link_token(ADA).await;
    for old in [&token, &second] {
        assert_eq!(check(&world, old).await["state"], "replaced");
        let replaced = accept(&world, old, "ada", PASSWORD).await;
        assert_eq!(replaced.refused(410), "link_replaced");
    }
    let _ = accept(&world, &third, "ada", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_link_that_lasts_until_the_accepting_second_is_taken() {
    let world = World::start().await;
    let company = world
        .company_with("Acme", json!({ "policy": { "invitation_ttl_hours": 1 } }))
        .await;
    let _ = invite(&company, ADA).await;
    let _ = invite(&company, "grace@drivers.example").await;
    let (ada, grace) = (
        world.link_token(ADA).await,
        world.link_token("grace@drivers.example").await,
    );
    world.wait(SignedDuration::from_secs(3_599)).await;
    let _ = accept(&world, &ada, "ada", PASSWORD).await.expect(200);
    world.wait(SignedDuration::from_secs(1)).await;
    assert_eq!(
        accept(&world, &grace, "grace", PASSWORD).await.refused(410),
        "link_expired"
    );
}

#[tokio::test]
async fn a_used_link_says_so_whatever_is_sent_with_it() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let user = invite(&company, ADA).await;
    let token = world.link_token(ADA).await;
    let _ = accept(&world, &token, "ada", PASSWORD).await.expect(200);
    snapshot!("used_link_checked", check(&world, &token).await);
    for (username, password) in [
        ("ada", PASSWORD),
        ("other", "another long passphrase"),
        ("x", "short"),
    ] {
        let again = accept(&world, &token, username, password).await;
        assert_eq!(again.refused(410), "link_used", "{username}");
    }
    world.wait_hours(25).await;
    assert_eq!(check(&world, &token).await["state"], "used");
    assert_eq!(signs_in(&world, "ada", PASSWORD).await, 200);
    assert_eq!(
        signs_in(&world, "ada", "another long passphrase").await,
        401
    );
    let owner = world.sign_in(&company.owner_email).await;
    let resent = owner
        .post("/v1/invitations/resend", json!({ "users": [user] }))
        .await
        .expect(200);
    assert_eq!(resent["outcomes"][0]["code"], "already_active");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_accept_one_link_at_once_one_wins() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let user = invite(&company, ADA).await;
    let token = world.link_token(ADA).await;
    let passwords: Vec<String> = (0..6)
        .map(|n| format!("correct horse battery {n} staple"))
        .collect();
    let one = |n: usize| {
        accept(
            &world,
            &token,
            if n < 3 { "ada" } else { "lovelace" },
            &passwords[n],
        )
    };
    let answers = futures::future::join_all((0..6).map(one)).await;
    let winners: Vec<usize> = (0..6).filter(|n| answers[*n].status == 200).collect();
    assert_eq!(winners.len(), 1);
    for (n, answer) in answers.into_iter().enumerate() {
        if n != winners[0] {
            assert_eq!(answer.refused(410), "link_used");
        }
        let expected = if n == winners[0] { 200 } else { 401 };
        assert_eq!(signs_in(&world, ADA, &passwords[n]).await, expected);
    }
    assert_eq!(company.owner.show(&user).await["status"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_choose_one_username_at_once_one_gets_it() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let grace = "grace@drivers.example";
    for email in [ADA, grace] {
        let _ = invite(&company, email).await;
    }
    let links = [world.link_token(ADA).await, world.link_token(grace).await];
    let (first, second) = tokio::join!(
        accept(&world, &links[0], "Driver.One", PASSWORD),
        accept(&world, &links[1], "driver.one", PASSWORD)
    );
    let loser = usize::from(first.status == 200);
    let (won, lost) = if loser == 1 {
        (first, second)
    } else {
        (second, first)
    };
    let won = won.expect(200);
    snapshot!("username_taken", lost.body);
    assert_eq!(lost.refused(409), "username_taken");
    assert_eq!(world.sign_in("driver.one").await.user, text(&won["user"]));
    // Nothing was used up by trying.
    assert_eq!(check(&world, &links[loser]).await["state"], "valid");
    let _ = accept(&world, &links[loser], "driver.two", PASSWORD)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_username_that_only_looks_different_is_taken() {
    let world = World::start().await;
    let (acme, other) = (world.company("Acme").await, world.company("Other").await);
    let _ = invite(&acme, ADA).await;
    let _ = accept(&world, &world.link_token(ADA).await, "Straße.1", PASSWORD)
        .await
        .expect(200);
    let _ = invite(&other, "grace@drivers.example").await;
    let token = world.link_token("grace@drivers.example").await;
    for name in ["Straße.1", "STRASSE.1", "strasse.１", " straße.1 "] {
        assert_eq!(
            accept(&world, &token, name, PASSWORD).await.refused(409),
            "username_taken",
            "{name}"
        );
    }
}

#[tokio::test]
async fn every_fault_of_an_acceptance_is_named_and_uses_nothing_up() {
    let world = World::start().await;
    let company = world.company("Acme Haulage Limited").await;
    let _ = invite(&company, ADA).await;
    let token = &world.link_token(ADA).await;
    let form = |username: Value, password: Value| json!({ "token": token, "username": username, "password": password });
    let nobody = world.nobody();
    let faulty = nobody
        .post("/v1/activations", form(json!("ada@lovelace"), json!("ada")))
        .await;
    snapshot!("faulty_acceptance", faulty.body);
    for (username, password, faults) in [
        (json!("ad"), json!(PASSWORD), "username: too_short"),
        (json!("x".repeat(61)), json!(PASSWORD), "username: too_long"),
        (
            json!("ada\r\nlovelace"),
            json!(PASSWORD),
            "username: control_character",
        ),
        (
            json!("<b>ada</b>"),
            json!(PASSWORD),
            "username: invalid_username",
        ),
        (json!(null), json!(PASSWORD), "username: required"),
        (json!(" "), json!(PASSWORD), "username: required"),
        (json!("ada"), json!("short"), "password: too_short"),
        (json!("ada"), json!("x".repeat(129)), "password: too_long"),
        (
            json!("ada"),
            json!("password1234"),
            "password: weak_password",
        ),
        (
            json!("ada"),
            json!("acme haulage limited"),
            "password: weak_password",
        ),
        (
            json!("ada"),
            json!("ada@drivers.example"),
            "password: weak_password",
        ),
        (json!(7), json!(PASSWORD), "username: invalid_value"),
        (
            json!("ada"),
            json!(1_234_567_890),
            "password: invalid_value",
        ),
    ] {
        let answer = nobody
            .post("/v1/activations", form(username, password))
            .await;
        assert_eq!(answer.faults(), [faults]);
    }
    let mut unknown = form(json!("ada"), json!(PASSWORD));
    unknown["class"] = json!("owner");
    assert_eq!(
        nobody.post("/v1/activations", unknown).await.faults(),
        ["class: invalid_value"]
    );
    let large = form(json!("x".repeat(1024 * 1024)), json!(PASSWORD));
    assert_eq!(
        nobody.post("/v1/activations", large).await.refused(413),
        "too_large"
    );
    for body in ["", "[", "{\"token\":\"a\""] {
        for path in ["/v1/activations", "/v1/activations/check"] {
            assert_eq!(
                post_text(&nobody, path, body).await.refused(400),
                "malformed_request",
                "{path} {body}"
            );
        }
    }
    let checked = nobody
        .post("/v1/activations/check", json!({ "token": 7 }))
        .await;
    assert_eq!(checked.faults(), ["token: invalid_value"]);
    assert_eq!(signs_in(&world, ADA, PASSWORD).await, 401);
    let _ = accept(&world, token, "ada", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn whoever_has_a_password_joins_a_second_company_with_it() {
    let world = World::start().await;
    let (north, south) = (
        world.company("Northwind").await,
        world.company("Southwind").await,
    );
    let _ = invite(&north, ADA).await;
    let _ = world.activate(ADA, "ada").await;
    let user = invite(&south, "ADA@drivers.example").await;
    let token = world.link_token("ADA@drivers.example").await;
    assert_eq!(check(&world, &token).await["has_password"], true);

    let stranger = accept(&world, &token, "mallory", "another long passphrase").await;
    assert_eq!(stranger.refused(401), "wrong_credentials");
    assert_eq!(
        south.owner.show(&user).await["status"],
        "activation_pending"
    );
    assert_eq!(
        signs_in(&world, "ada", "another long passphrase").await,
        401
    );

    let form = json!({ "token": token, "password": PASSWORD });
    let joined = world
        .nobody()
        .post("/v1/activations", form)
        .await
        .expect(200);
    assert_eq!(
        (&joined["username"], &joined["user"]),
        (&json!("ada"), &json!(user))
    );
    let session = json!({ "login": "ada", "password": PASSWORD, "tenant": south.tenant });
    let session = world
        .nobody()
        .post("/v1/sessions", session)
        .await
        .expect(200);
    assert_eq!(session["user"], user);
    assert_eq!(south.owner.show(&user).await["username"], "ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_accepts_in_two_companies_at_once_has_one_password() {
    let world = World::start().await;
    let (north, south) = (
        world.company("Northwind").await,
        world.company("Southwind").await,
    );
    let mut links = Vec::new();
    for company in [&north, &south] {
        let _ = invite(company, ADA).await;
        links.push(world.link_token(ADA).await);
    }
    let (first, second) = tokio::join!(
        accept(&world, &links[0], "ada", "correct horse battery one"),
        accept(&world, &links[1], "ada", "correct horse battery two")
    );
    assert_eq!(
        [first.status, second.status]
            .iter()
            .filter(|status| **status == 200)
            .count(),
        1
    );
    let (won, lost) = if first.status == 200 {
        ("correct horse battery one", &links[1])
    } else {
        ("correct horse battery two", &links[0])
    };
    assert_eq!(signs_in(&world, ADA, won).await, 200);
    let _ = accept(&world, lost, "ada", won).await.expect(200);
}

#[tokio::test]
async fn the_same_acceptance_again_gets_the_same_answer() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let _ = invite(&company, ADA).await;
    let token = world.link_token(ADA).await;
    let nobody = world.nobody();
    let weak = json!({ "token": token, "username": "ada", "password": "short" });
    assert_eq!(
        nobody
            .post_once("/v1/activations", "once", weak)
            .await
            .faults(),
        ["password: too_short"]
    );

    // What came to nothing leaves the key free.
    let form = json!({ "token": token, "username": "ada", "password": PASSWORD });
    let first = nobody
        .post_once("/v1/activations", "once", form.clone())
        .await
        .expect(200);
    let again = nobody
        .post_once("/v1/activations", "once", form.clone())
        .await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.expect(200), first);
    let other = json!({ "token": token, "username": "lovelace", "password": PASSWORD });
    assert_eq!(
        nobody
            .post_once("/v1/activations", "once", other)
            .await
            .refused(422),
        "idempotency_key_reused"
    );
    assert_eq!(
        nobody
            .post_once("/v1/activations", "twice", form)
            .await
            .refused(410),
        "link_used"
    );
}

#[tokio::test]
async fn the_link_of_a_deleted_user_is_withdrawn_and_tells_nothing_of_it() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let user = invite(&company, ADA).await;
    let token = world.link_token(ADA).await;
    change_user(&world, &company, &user, |user| {
        user.deleted_at = Some(user.created_at);
    })
    .await;
    let checked = check(&world, &token).await;
    assert_eq!(
        (&checked["state"], &checked["email"]),
        (&json!("revoked"), &Value::Null)
    );
    assert_eq!(
        accept(&world, &token, "ada", PASSWORD).await.refused(410),
        "link_revoked"
    );
    assert_eq!(signs_in(&world, ADA, PASSWORD).await, 401);
}

#[tokio::test]
async fn a_suspended_user_does_not_come_in_by_the_link() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let user = invite(&company, ADA).await;
    let token = world.link_token(ADA).await;
    change_user(&world, &company, &user, |user| {
        user.suspended_at = Some(user.created_at);
    })
    .await;
    let _: Answer = accept(&world, &token, "ada", PASSWORD).await;
    assert_eq!(signs_in(&world, ADA, PASSWORD).await, 401);
    assert_eq!(company.owner.show(&user).await["status"], "suspended");
}

#[tokio::test]
async fn nobody_needs_to_be_signed_in_to_accept_and_being_so_changes_nothing() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let user = invite(&company, ADA).await;
    let token = world.link_token(ADA).await;
    let form = json!({ "token": token, "username": "ada", "password": PASSWORD });
    let as_owner: &Actor<'_> = &company.owner;
    let accepted = as_owner.post("/v1/activations", form).await.expect(200);
    assert_eq!(accepted["user"], user);
    assert_eq!(
        as_owner.get("/v1/me").await.expect(200)["id"],
        company.owner.user
    );
}
