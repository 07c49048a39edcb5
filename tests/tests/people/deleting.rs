//! `delete-users` and `erase-users`: users who go for good, and how they come back before that.

use jiff::SignedDuration;
use muster_tests::world::{Actor, Answer, Company, PASSWORD, World, text};
use serde_json::{Value, json};

use crate::{accept, entries, items, outcomes, used};

const ADA: &str = "ada@drivers.example";

async fn delete(by: &Actor<'_>, user: &str, confirm: &str) -> Answer {
    let path = format!("/v1/users/{user}/delete");
    by.post(&path, json!({ "confirm": confirm })).await
}

async fn restore(by: &Actor<'_>, users: &[&str]) -> Vec<String> {
    let users = json!({ "users": users });
    outcomes(&by.post("/v1/users/restore", users).await.expect(200))
}

/// A person with licences of all products who has activated and signed in.
async fn ada<'w>(world: &'w World, company: &Company<'w>) -> Actor<'w> {
    let form = json!({ "email": ADA, "external_id": "D-1", "first_name": "Ada", "class": "standard", "roles": ["user_manager"], "products": company.products, "invite": true });
    let _ = company.owner.add(form).await;
    world.activate(ADA, "countess").await
}

async fn signs_in(world: &World, login: &str) -> u16 {
    let form = json!({ "login": login, "password": PASSWORD });
    world.nobody().post("/v1/sessions", form).await.status
}

#[tokio::test]
async fn one_user_is_deleted_by_typing_what_names_it() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let ada = ada(&world, &company).await;
    let code = text(&owner.show(&ada.user).await["licences"][0]["code"]);
    for wrong in ["", "ada", "D-10", "eve@drivers.example", ada.user.as_str()] {
        let answer = delete(owner, &ada.user, wrong).await;
        assert_eq!(answer.faults(), ["confirm: not_confirmed"], "{wrong}");
    }
    assert_eq!(used(&company).await, [1, 1]);
    let deleted = delete(owner, &ada.user, " ADA@Drivers.example").await;
    let deleted = deleted.expect(200);
    assert_eq!(
        (&deleted["status"], &deleted["licences"]),
        (&json!("deleted"), &json!([]))
    );
    assert_eq!(used(&company).await, [0, 0]);
    assert_eq!(signs_in(&world, ADA).await, 401);
    let add = ada.post("/v1/users", json!({ "external_id": "X" })).await;
    assert_eq!(add.refused(401), "unauthenticated");
    let redeem = json!({ "code": code, "device": "tablet" });
    let redeem = world.nobody().post("/v1/licences/activate", redeem).await;
    assert_eq!(redeem.refused(404), "not_found");
    let listed = owner.get("/v1/users?status=deleted").await.expect(200);
    assert_eq!(crate::names(&listed), ["Ada"]);

    let version = deleted["version"].as_u64().unwrap();
    let path = format!("/v1/users/{}", ada.user);
    let edit = owner.patch(&path, version, json!({ "phone": null }));
    assert_eq!(edit.await.refused(409), "user_deleted");
    let again = delete(owner, &ada.user, "d-1").await.expect(200);
    assert_eq!(
        again["version"], deleted["version"],
        "nothing is written again"
    );
    assert_eq!(entries(&world, &company, "users.delete"), [1]);
}

#[tokio::test]
async fn a_user_whom_nothing_names_is_deleted_by_its_id() {
    let world = World::start().await;
    let policy = json!({ "policy": { "required_fields": ["last_name"] } });
    let company = world.company_with("Acme", policy).await;
    let user = company.owner.add(json!({ "last_name": "Lovelace" })).await;
    let answer = delete(&company.owner, &user, "Lovelace").await;
    assert_eq!(answer.faults(), ["confirm: not_confirmed"]);
    let _ = delete(&company.owner, &user, &user).await.expect(200);
}

#[tokio::test]
async fn many_are_deleted_by_typing_how_many_and_no_seat_leaks() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let mut users = Vec::new();
    for number in 0..30 {
        let products = &company.products[..number % 3];
        let form = json!({ "external_id": format!("D-{number}"), "email": format!("d{number}@drivers.example"), "products": products, "invite": number % 2 == 0 });
        users.push(owner.add(form).await);
    }
    assert_eq!(used(&company).await, [20, 10]);
    let form = |confirm: usize| json!({ "users": users, "confirm": confirm });
    let wrong = owner.post("/v1/users/delete", form(29)).await;
    assert_eq!(wrong.faults(), ["confirm: not_confirmed"]);
    let first = owner.post_once("/v1/users/delete", "key", form(30)).await;
    let again = owner.post_once("/v1/users/delete", "key", form(30)).await;
    assert_eq!(first.body["done"], 30, "{}", first.text);
    assert_eq!(again.body, first.body);
    assert_eq!(used(&company).await, [0, 0]);
    let anew = owner.post("/v1/users/delete", form(30)).await.expect(200);
    assert_eq!(anew["unchanged"], 30);
    let told: usize = entries(&world, &company, "users.delete").iter().sum();
    assert_eq!(told, 30);
    let left = items(&world);
    let mut left = left
        .keys()
        .filter(|key| key.contains("MEMBER#") || key.contains(" INVITE#"));
    assert!(
        left.all(|key| key.contains("owner@")),
        "only the owner is left"
    );
    let ids: Vec<&str> = users.iter().map(String::as_str).collect();
    assert_eq!(restore(owner, &ids).await, vec!["done"; 30]);
    assert_eq!(used(&company).await, [0, 0]);
}

#[tokio::test]
async fn a_restored_user_has_neither_seats_nor_credentials_and_is_invited_anew() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let ada = ada(&world, &company).await;
    let _ = delete(owner, &ada.user, ADA).await.expect(200);
    assert_eq!(restore(owner, &[&ada.user]).await, ["done"]);
    assert_eq!(restore(owner, &[&ada.user]).await, ["unchanged"]);
    let shown = owner.show(&ada.user).await;
    assert_eq!(
        (&shown["status"], &shown["username"]),
        (&json!("not_invited"), &Value::Null)
    );
    assert_eq!(
        (&shown["licences"], &shown["roles"]),
        (&json!([]), &json!(["user_manager"]))
    );
    assert_eq!(signs_in(&world, ADA).await, 401);
    assert_eq!(signs_in(&world, "countess").await, 401);
    let add = ada.post("/v1/users", json!({ "external_id": "X" })).await;
    assert_eq!(
        add.refused(401),
        "unauthenticated",
        "old sessions stay over"
    );
    let _ = owner
        .post("/v1/invitations", json!({ "users": [ada.user] }))
        .await
        .expect(200);
    let token = world.link_token(ADA).await;
    let other = json!({ "token": token, "username": "countess", "password": "another horse battery staple" });
    let _ = world
        .nobody()
        .post("/v1/activations", other)
        .await
        .expect(200);
    assert_eq!(signs_in(&world, ADA).await, 401, "the old password is gone");
    assert_eq!(entries(&world, &company, "users.restore"), [1]);
}

#[tokio::test]
async fn the_address_of_a_deleted_user_is_invited_as_somebody_new() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let old = ada(&world, &company).await.user;
    let _ = delete(owner, &old, "D-1").await.expect(200);
    let form = json!({ "email": ADA, "external_id": "D-1", "first_name": "Ada", "invite": true });
    let new = owner.add(form).await;
    assert_ne!(new, old);
    let new = world.activate(ADA, "countess").await.user;
    let deleted = owner.get("/v1/users?status=deleted").await.expect(200);
    assert_eq!(deleted["users"][0]["id"], old);
    let refused = restore(owner, &[&old]).await;
    assert!(
        ["email_taken", "external_id_taken"].contains(&refused[0].as_str()),
        "{refused:?}"
    );
    // Of two who had the same address one can come back.
    let _ = delete(owner, &new, ADA).await.expect(200);
    let both = restore(owner, &[&old, &new]).await;
    assert_eq!(both[0], "done");
    assert!(
        ["email_taken", "external_id_taken"].contains(&both[1].as_str()),
        "{both:?}"
    );
}

#[tokio::test]
async fn links_of_deleted_users_are_withdrawn() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let user = owner.add(json!({ "email": ADA, "invite": true })).await;
    let token = world.link_token(ADA).await;
    let _ = delete(owner, &user, ADA).await.expect(200);
    assert_eq!(
        accept(&world, &token, "ada").await.refused(410),
        "link_revoked"
    );
    assert_eq!(restore(owner, &[&user]).await, ["done"]);
    assert_eq!(
        accept(&world, &token, "ada").await.refused(410),
        "link_revoked"
    );
}

#[tokio::test]
async fn a_person_deleted_in_one_company_stays_in_the_other() {
    let world = World::start().await;
    let (acme, bolt) = (world.company("Acme").await, world.company("Bolt").await);
    let ada = ada(&world, &acme).await;
    let there = bolt
        .owner
        .add(json!({ "email": ADA, "invite": true }))
        .await;
    let token = world.link_token(ADA).await;
    let _ = accept(&world, &token, "").await.expect(200);
    let _ = delete(&acme.owner, &ada.user, ADA).await.expect(200);
    assert_eq!(world.sign_in("countess").await.user, there);
    world.wait_hours(24 * 31).await;
    assert_eq!(
        world.sign_in(ADA).await.user,
        there,
        "and when the other is erased"
    );
}

/// Items that hold this text and have not ended by the clock: TTL only frees space.
fn holding(world: &World, sought: &str) -> Vec<String> {
    let now = world.stack.clock().now().as_second();
    let ended = |item: &Value| {
        let ttl = item["ttl"]["N"]
            .as_str()
            .and_then(|ttl| ttl.parse::<i64>().ok());
        ttl.is_some_and(|ttl| ttl <= now)
    };
    let items = items(world).into_iter();
    items
        .filter(|(key, item)| {
            !ended(item) && (key.to_lowercase() + &item.to_string().to_lowercase()).contains(sought)
        })
        .map(|(key, _)| key)
        .collect()
}

#[tokio::test]
async fn a_deleted_user_is_restorable_for_30_days_to_the_second_and_then_erased() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let ada = ada(&world, &company).await.user;
    let eve = company
        .owner
        .add(json!({ "email": "eve@drivers.example" }))
        .await;
    let owner = &company.owner;
    let _ = delete(owner, &ada, ADA).await.expect(200);
    let _ = delete(owner, &eve, "eve@drivers.example").await.expect(200);
    assert!(!holding(&world, ADA).is_empty());
    // The schedule runs when the time is moved; what is asked after that is decided by the second alone.
    world
        .wait(SignedDuration::from_hours(24 * 30) - SignedDuration::from_secs(1))
        .await;
    let owner = world.sign_in(&company.owner_email).await;
    assert_eq!(restore(&owner, &[&eve]).await, ["done"]);
    let _ = delete(&owner, &eve, "eve@drivers.example")
        .await
        .expect(200);
    world.stack.clock().advance(SignedDuration::from_secs(1));
    assert_eq!(restore(&owner, &[&ada]).await, ["too_late_to_restore"]);
    world.wait_hours(1).await;
    let owner = world.sign_in(&company.owner_email).await;
    assert_eq!(
        owner.get(&format!("/v1/users/{ada}")).await.refused(404),
        "not_found"
    );
    assert_eq!(restore(&owner, &[&ada]).await, ["user_not_found"]);
    for sought in [ADA, "countess", "d-1\""] {
        assert_eq!(holding(&world, sought), Vec::<String>::new(), "{sought}");
    }
    assert_eq!(entries(&world, &company, "users.erase"), [1]);
    assert_eq!(
        owner.show(&eve).await["status"],
        "deleted",
        "its time counts anew"
    );
    let _ = world.stack.invoke("erase-users", json!({})).await.unwrap();
    assert_eq!(entries(&world, &company, "users.erase"), [1]);
}

#[tokio::test]
async fn what_a_deletion_that_broke_off_left_of_a_person_is_erased_with_the_user() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let ada = ada(&world, &company).await.user;
    let person = world.table(|pk, sk| sk == "PERSON" && pk.ends_with(ADA) || pk == "N#countess");
    assert_eq!(person.len(), 2);
    let _ = delete(&company.owner, &ada, ADA).await.expect(200);
    for item in person.values() {
        world.put(item);
    }
    world.wait_hours(24 * 31).await;
    for sought in [ADA, "countess"] {
        assert_eq!(holding(&world, sought), Vec::<String>::new(), "{sought}");
    }
}

#[tokio::test]
async fn owners_and_oneself_are_deleted_by_the_rules() {
    let world = World::start().await;
    let acme = world.company("Acme").await;
    let policy = json!({ "policy": { "owner_demotion": "co_owner" } });
    let bolt = world.company_with("Bolt", policy).await;
    let sam = acme.owner.colleague("sam", "owner", &[]).await;
    let tom = bolt.owner.colleague("tom", "owner", &[]).await;
    let own = delete(&acme.owner, &acme.owner.user, &acme.owner_email).await;
    assert_eq!(own.refused(403), "not_yourself");
    let sams = "sam@colleagues.example";
    assert_eq!(
        delete(&acme.owner, &sam.user, sams).await.refused(403),
        "owner_protected"
    );
    let many = json!({ "users": [tom.user, bolt.owner.user], "confirm": 2 });
    let many = bolt.owner.post("/v1/users/delete", many).await.expect(200);
    assert_eq!(outcomes(&many), ["owner_protected", "not_yourself"]);
    let toms = "tom@colleagues.example";
    let _ = delete(&bolt.owner, &tom.user, toms).await.expect(200);
    assert_eq!(restore(&bolt.owner, &[&tom.user]).await, ["done"]);
}

#[tokio::test]
async fn who_may_not_delete_is_told_so_and_learns_nothing() {
    let world = World::start().await;
    let (acme, bolt) = (world.company("Acme").await, world.company("Bolt").await);
    let user = acme.owner.add(json!({ "external_id": "D-1" })).await;
    let auditor = acme.owner.colleague("aud", "standard", &["auditor"]).await;
    let manager = acme
        .owner
        .colleague("max", "standard", &["user_manager"])
        .await;
    let nobody = delete(&world.nobody(), &user, "D-1").await;
    assert_eq!(nobody.refused(401), "unauthenticated");
    assert_eq!(
        delete(&auditor, &user, "D-1").await.refused(403),
        "forbidden"
    );
    assert_eq!(
        delete(&bolt.owner, &user, "D-1").await.refused(404),
        "not_found"
    );
    let owner = delete(&manager, &acme.owner.user, &acme.owner_email).await;
    assert_eq!(owner.refused(403), "beyond_your_rights");
    for (path, body) in [
        ("/v1/users/delete", json!({ "users": [user], "confirm": 1 })),
        ("/v1/users/restore", json!({ "users": [user] })),
    ] {
        assert_eq!(
            world.nobody().post(path, body.clone()).await.refused(401),
            "unauthenticated"
        );
        assert_eq!(
            auditor.post(path, body.clone()).await.refused(403),
            "forbidden"
        );
        let foreign = bolt.owner.post(path, body).await.expect(200);
        assert_eq!(outcomes(&foreign), ["user_not_found"]);
    }
    let _ = delete(&manager, &user, "D-1").await.expect(200);
    assert_eq!(restore(&manager, &[&user]).await, ["done"]);
    // Whoever restores gives back what the user held.
    let audits = "aud@colleagues.example";
    let _ = delete(&manager, &auditor.user, audits).await.expect(200);
    assert_eq!(
        restore(&manager, &[&auditor.user]).await,
        ["beyond_your_rights"]
    );
    assert_eq!(restore(&acme.owner, &[&auditor.user]).await, ["done"]);
}
