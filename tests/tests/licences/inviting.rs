//! `invite`: users of the list in bulk, or a new person in one go.

use futures::future::join_all;
use muster_tests::world::{Actor, Answer, World, text};
use serde_json::{Value, json};

use crate::{
    audit, crew, delete, is_replay, letter, outcomes, refuses_bad_lists, shown, stranger, suspend,
};

const PATH: &str = "/v1/invitations";

async fn invite(actor: &Actor<'_>, users: &[String]) -> Value {
    actor
        .post(PATH, json!({ "users": users }))
        .await
        .expect(200)
}

async fn invite_person(actor: &Actor<'_>, person: Value) -> Answer {
    actor.post(PATH, json!({ "person": person })).await
}

#[tokio::test]
async fn users_are_invited_in_bulk_and_each_gets_a_mail_with_the_two_steps() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let manager = company
        .owner
        .colleague("uwe", "standard", &["user_manager"])
        .await;
    let with_licence = json!({ "email": "ada@drivers.example", "first_name": "Ada", "products": company.products });
    let users = [
        company.owner.add(with_licence).await,
        company
            .owner
            .add(json!({ "email": "grace@drivers.example" }))
            .await,
    ];
    let invited = invite(&manager, &users).await;
    insta::assert_snapshot!("invited", shown(&world, &invited));
    let mails = world.mails_to("ada@drivers.example").await;
    insta::assert_snapshot!("mail_with_licences", letter(&world, &mails[0]));
    let link = mails[0]
        .links()
        .into_iter()
        .find(|link| link.contains("/activate#"))
        .unwrap();
    assert!(mails[0].html.contains(link), "{}", mails[0].html);
    let licences = company.owner.show(&users[0]).await;
    for licence in licences["licences"].as_array().unwrap() {
        let licence = text(&licence["code"]);
        assert!(mails[0].text.contains(&licence) && mails[0].html.contains(&licence));
    }
    let mails = world.mails_to("grace@drivers.example").await;
    insta::assert_snapshot!("mail_without_licence", letter(&world, &mails[0]));
    let ada = manager.show(&users[0]).await;
    insta::assert_snapshot!("invitation_sent", shown(&world, &ada["invitation"]));
    let pending = manager.get("/v1/users?status=activation_pending&invitation=sent");
    assert_eq!(
        pending.await.expect(200)["users"].as_array().unwrap().len(),
        2
    );
    assert_eq!(
        audit(&world, &company, "invitations.send"),
        ["2026-03-02T08:00:00Z user invitations.send 2"]
    );
    let ada = world.activate("ada@drivers.example", "ada").await;
    assert_eq!(ada.get("/v1/me").await.expect(200)["status"], "active");
}

#[tokio::test]
async fn each_user_who_cannot_be_invited_is_told_why() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let rival = world.company("Rival").await;
    let owner = &company.owner;
    let manager = owner.colleague("uwe", "standard", &["user_manager"]).await;
    let mut users = Vec::new();
    for name in ["standing", "suspended", "deleted", "new"] {
        users.push(
            owner
                .add(json!({ "email": format!("{name}@drivers.example") }))
                .await,
        );
    }
    let _ = invite(owner, &users[..1]).await;
    suspend(&world, &company, &users[1]).await;
    delete(&world, &company, &users[2]).await;
    let co_owner = json!({ "email": "olga@acme.example", "class": "owner" });
    users.extend([
        users[3].clone(),
        owner.add(json!({ "external_id": "no address" })).await,
        manager.user.clone(),
        owner.add(co_owner).await,
        stranger(3),
        rival
            .owner
            .add(json!({ "email": "theirs@drivers.example" }))
            .await,
    ]);
    let before = world.mails_to("standing@drivers.example").await.len();
    let invited = invite(&manager, &users).await;
    insta::assert_snapshot!("invite_refusals", shown(&world, &invited));
    assert_eq!(
        world.mails_to("standing@drivers.example").await.len(),
        before
    );
    for nobody in [
        "suspended@drivers.example",
        "deleted@drivers.example",
        "olga@acme.example",
        "theirs@drivers.example",
    ] {
        assert!(world.mails_to(nobody).await.is_empty(), "{nobody}");
    }
    assert_eq!(world.mails_to("new@drivers.example").await.len(), 1);
}

#[tokio::test]
async fn a_new_person_is_added_and_invited_in_one_go() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let person = json!({
        "email": "Ada@Drivers.example", "first_name": "Ada", "last_name": "Lovelace", "external_id": "D-1",
        "phone": "+49 151 12345678", "products": [company.products[1]],
    });
    let added = invite_person(&company.owner, person).await;
    let place = added.headers["location"].to_str().unwrap().to_owned();
    let added = added.expect(201);
    insta::assert_snapshot!("person_invited", shown(&world, &added));
    assert_eq!(place, format!("/v1/users/{}", text(&added["id"])));
    let mails = world.mails_to("ada@drivers.example").await;
    assert_eq!(
        (mails.len(), &mails[0].to[..]),
        (1, &["Ada@Drivers.example".to_owned()][..])
    );
    assert_eq!(
        company.owner.get(&place).await.expect(200)["invitation"]["mail"],
        "sent"
    );
    let _ = world.activate("ada@drivers.example", "ada").await;
}

#[tokio::test]
async fn a_person_who_cannot_be_added_is_not_invited() {
    let world = World::start().await;
    let company = world
        .company_with(
            "Acme",
            json!({ "products": [{ "name": "MileOn", "seats": 0 }] }),
        )
        .await;
    let rival = world.company("Rival").await;
    let owner = &company.owner;
    let manager = owner.colleague("uwe", "standard", &["user_manager"]).await;
    let _ = owner
        .add(json!({ "email": "taken@drivers.example", "external_id": "D-1" }))
        .await;
    let mut table = String::new();
    let cases = [
        ("taken address", json!({ "email": "TAKEN@drivers.example" })),
        (
            "taken external ID",
            json!({ "email": "a@drivers.example", "external_id": "d-1" }),
        ),
        ("no address", json!({ "external_id": "D-2" })),
        (
            "above oneself",
            json!({ "email": "a@drivers.example", "class": "owner" }),
        ),
        (
            "a role one has not",
            json!({ "email": "a@drivers.example", "class": "standard", "roles": ["auditor"] }),
        ),
        (
            "a licence without the right",
            json!({ "email": "a@drivers.example", "products": [company.products[0]] }),
        ),
    ];
    for (case, person) in cases {
        let answer = invite_person(&manager, person).await;
        table += &format!("{case}: {} {}\n", answer.status, answer.body["code"]);
    }
    let cases = [
        (
            "no seats",
            json!({ "email": "a@drivers.example", "products": [company.products[0]] }),
        ),
        (
            "a product of others",
            json!({ "email": "a@drivers.example", "products": [rival.products[0]] }),
        ),
    ];
    for (case, person) in cases {
        let answer = invite_person(owner, person).await;
        table += &format!("{case}: {} {}\n", answer.status, answer.body["code"]);
    }
    insta::assert_snapshot!("person_refusals", table);
    let faulty = json!({
        "email": "a@", "first_name": "x".repeat(1_000), "phone": "12", "class": "king", "kind": "ship",
        "roles": ["cook"], "products": ["MileOn"],
    });
    insta::assert_snapshot!(
        "person_faults",
        invite_person(owner, faulty).await.faults().join("\n")
    );
    assert!(world.mails_to("a@drivers.example").await.is_empty());
    let listed = owner.get("/v1/users?email=a@").await.expect(200);
    assert_eq!(listed["users"], json!([]));
}

#[tokio::test]
async fn users_or_a_person_must_be_named_and_not_both() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let person = json!({ "email": "ada@drivers.example" });
    for body in [
        json!({}),
        json!({ "users": [stranger(1)], "person": person }),
    ] {
        assert_eq!(
            company.owner.post(PATH, body).await.faults(),
            ["users: required"]
        );
    }
    for (field, body) in [
        ("users[0]", json!({ "users": [7] })),
        ("person.email", json!({ "person": { "email": 7 } })),
    ] {
        assert_eq!(
            company.owner.post(PATH, body).await.faults(),
            [format!("{field}: invalid_value")]
        );
    }
    for (users, fault) in [(0, "users: out_of_range"), (1_001, "users: out_of_range")] {
        let users: Vec<String> = (0..users).map(stranger).collect();
        assert_eq!(
            company
                .owner
                .post(PATH, json!({ "users": users }))
                .await
                .faults(),
            [fault]
        );
    }
}

#[tokio::test]
async fn only_who_may_invite_does() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let rival = world.company("Rival").await;
    let ada = company
        .owner
        .add(json!({ "email": "ada@drivers.example" }))
        .await;
    let weak = [
        company
            .owner
            .colleague("lena", "standard", &["licence_manager", "auditor"])
            .await,
        company.owner.colleague("dora", "limited", &[]).await,
    ];
    for path in [PATH, "/v1/invitations/resend"] {
        let body = json!({ "users": [ada] });
        let nobody = world.nobody();
        assert_eq!(
            nobody.post(path, body.clone()).await.refused(401),
            "unauthenticated"
        );
        for actor in &weak {
            assert_eq!(
                actor.post(path, body.clone()).await.refused(403),
                "forbidden"
            );
        }
        let theirs = rival.owner.post(path, body).await.expect(200);
        assert_eq!(outcomes(&theirs), ["user_not_found"]);
    }
    assert!(world.mails_to("ada@drivers.example").await.is_empty());
    assert_eq!(company.owner.show(&ada).await["invitation"], Value::Null);
    world.wait_hours(1).await;
    let late = company.owner.post(PATH, json!({ "users": [ada] })).await;
    assert_eq!(
        late.refused(401),
        "unauthenticated",
        "the token has expired"
    );
}

#[tokio::test]
async fn a_retry_with_the_same_key_invites_once() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let users = crew(owner, 2).await;
    let body = json!({ "users": users });
    let first = owner.post_once(PATH, "bulk", body.clone()).await;
    is_replay(&first, &owner.post_once(PATH, "bulk", body).await);
    let person = json!({ "person": { "email": "ada@drivers.example" } });
    let first = owner.post_once(PATH, "person", person.clone()).await;
    assert_eq!(first.status, 201);
    is_replay(&first, &owner.post_once(PATH, "person", person).await);
    let other = json!({ "person": { "email": "eve@drivers.example" } });
    assert_eq!(
        owner.post_once(PATH, "person", other).await.refused(422),
        "idempotency_key_reused"
    );
    for address in ["c1@crew.example", "ada@drivers.example"] {
        assert_eq!(world.mails_to(address).await.len(), 1, "{address}");
    }
    assert!(world.mails_to("eve@drivers.example").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_invite_the_same_users_at_once_send_each_one_mail() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let mut users = crew(&company.owner, 40).await;
    let forwards = users.clone();
    users.reverse();
    let both = join_all([&forwards, &users].map(|users| invite(&company.owner, users))).await;
    let sum = |field: &str| -> u64 {
        both.iter()
            .map(|answer| answer[field].as_u64().unwrap())
            .sum()
    };
    assert_eq!((sum("done"), sum("unchanged")), (40, 40), "{both:?}");
    for number in 1..=40 {
        let address = format!("c{number}@crew.example");
        assert_eq!(world.mails_to(&address).await.len(), 1, "{address}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_invite_the_same_new_person_at_once_one_adds_it() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let person = json!({ "email": "ada@drivers.example" });
    let both = join_all((0..2).map(|_| invite_person(&company.owner, person.clone()))).await;
    let mut statuses: Vec<u16> = both.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    let loser = both.into_iter().find(|answer| answer.status == 409);
    assert_eq!(loser.unwrap().refused(409), "email_taken");
    assert_eq!(world.mails_to("ada@drivers.example").await.len(), 1);
}

#[tokio::test]
async fn bad_lists_are_refused_with_every_faulty_id_named() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    refuses_bad_lists(&company.owner, "/v1/invitations/resend").await;
}
