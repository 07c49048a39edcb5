//! `edit-user`: users barred for now, and back again.

use muster_tests::world::{Actor, Company, World, text};
use serde_json::{Value, json};

use crate::{accept, entries, outcomes, used};

async fn suspend(by: &Actor<'_>, users: &[&str]) -> Value {
    by.post("/v1/users/suspend", json!({ "users": users }))
        .await
        .expect(200)
}

async fn reactivate(by: &Actor<'_>, users: &[&str]) -> Value {
    by.post("/v1/users/reactivate", json!({ "users": users }))
        .await
        .expect(200)
}

/// A vehicle with a licence of these products.
async fn truck(company: &Company<'_>, number: usize, products: &[&String]) -> String {
    let form =
        json!({ "kind": "vehicle", "external_id": format!("T-{number:03}"), "products": products });
    company.owner.add(form).await
}

#[tokio::test]
async fn whoever_is_suspended_leaves_seats_and_sessions_at_once() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let manager = owner.colleague("max", "standard", &["user_manager"]).await;
    let session = json!({ "login": "max.colleague", "password": muster_tests::world::PASSWORD });
    let session = world
        .nobody()
        .post("/v1/sessions", session)
        .await
        .expect(200);
    for product in &company.products {
        let users = json!({ "users": [manager.user] });
        let _ = owner
            .post(&format!("/v1/products/{product}/assign"), users)
            .await
            .expect(200);
    }
    let code = text(&owner.show(&manager.user).await["licences"][0]["code"]);
    assert_eq!(used(&company).await, [1, 1]);

    assert_eq!(outcomes(&suspend(owner, &[&manager.user]).await), ["done"]);
    assert_eq!(used(&company).await, [0, 0]);
    let shown = owner.show(&manager.user).await;
    assert_eq!(
        (&shown["status"], &shown["licences"]),
        (&json!("suspended"), &json!([]))
    );
    let add = manager
        .post("/v1/users", json!({ "external_id": "X" }))
        .await;
    assert_eq!(add.refused(401), "unauthenticated");
    let refresh = json!({ "refresh_token": session["refresh_token"] });
    let refresh = world.nobody().post("/v1/sessions/refresh", refresh).await;
    assert_eq!(refresh.refused(401), "unauthenticated");
    let redeem = json!({ "code": code, "device": "tablet" });
    let redeem = world.nobody().post("/v1/licences/activate", redeem).await;
    assert_eq!(redeem.refused(404), "not_found");

    assert_eq!(
        outcomes(&reactivate(owner, &[&manager.user]).await),
        ["done"]
    );
    assert_eq!(used(&company).await, [0, 0], "no seat comes back");
    let add = manager
        .post("/v1/users", json!({ "external_id": "X" }))
        .await;
    assert_eq!(
        add.refused(401),
        "unauthenticated",
        "the old sessions stay over"
    );
    let manager = world.sign_in("max.colleague").await;
    let _ = manager.add(json!({ "external_id": "X" })).await;
    assert_eq!(entries(&world, &company, "users.suspend").len(), 1);
    assert_eq!(entries(&world, &company, "users.reactivate").len(), 1);
}

#[tokio::test]
async fn owners_who_were_suspended_come_back_together() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let mut owners = Vec::new();
    for name in ["oscar", "otto"] {
        let owner = company.owner.colleague(name, "owner", &[]).await;
        let order = json!({ "action": "suspend", "user": owner.user, "tenant": company.tenant, "reference": name });
        let _ = world.stack.invoke("support", order).await.unwrap();
        owners.push(owner.user);
    }
    let limited = company.owner.colleague("lee", "limited", &[]).await.user;
    assert_eq!(
        outcomes(&suspend(&company.owner, &[&limited]).await),
        ["done"]
    );
    let back = reactivate(&company.owner, &[&owners[0], &owners[1], &limited]).await;
    assert_eq!(outcomes(&back), ["done", "done", "done"]);
    world.keeps_every_rule().await;
}

#[tokio::test]
async fn many_users_of_several_products_are_suspended_and_no_seat_leaks() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let (first, second) = (&company.products[0], &company.products[1]);
    let mut trucks = Vec::new();
    for number in 0..45 {
        let products: &[&String] = match number % 3 {
            0 => &[first],
            1 => &[first, second],
            _ => &[],
        };
        trucks.push(truck(&company, number, products).await);
    }
    assert_eq!(used(&company).await, [30, 15]);
    let ids: Vec<&str> = trucks.iter().map(String::as_str).collect();
    let done = suspend(owner, &ids).await;
    assert_eq!(done["done"], 45, "{done}");
    assert_eq!(used(&company).await, [0, 0]);
    let again = suspend(owner, &ids).await;
    assert_eq!(again["unchanged"], 45, "{again}");
    let told: usize = entries(&world, &company, "users.suspend").iter().sum();
    assert_eq!(told, 45, "each user in one entry");
    assert_eq!(reactivate(owner, &ids).await["done"], 45);
    assert_eq!(used(&company).await, [0, 0]);
}

#[tokio::test]
async fn a_suspended_users_invitation_is_withdrawn() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let user = owner
        .add(json!({ "email": "ada@drivers.example", "invite": true }))
        .await;
    let token = world.link_token("ada@drivers.example").await;
    let _ = suspend(owner, &[&user]).await;
    assert_eq!(
        accept(&world, &token, "ada").await.refused(410),
        "link_revoked"
    );
    let _ = reactivate(owner, &[&user]).await;
    assert_eq!(owner.show(&user).await["status"], "not_invited");
    assert_eq!(
        accept(&world, &token, "ada").await.refused(410),
        "link_revoked"
    );
    let _ = owner
        .post("/v1/invitations", json!({ "users": [user] }))
        .await
        .expect(200);
    let _ = world.activate("ada@drivers.example", "ada").await;
}

#[tokio::test]
async fn owners_are_suspended_alone_and_only_where_the_policy_says_so() {
    let world = World::start().await;
    let acme = world.company("Acme").await;
    let policy = json!({ "policy": { "owner_demotion": "co_owner" } });
    let bolt = world.company_with("Bolt", policy).await;
    let sam = acme.owner.colleague("sam", "owner", &[]).await;
    let tom = bolt.owner.colleague("tom", "owner", &[]).await;
    assert_eq!(
        outcomes(&suspend(&acme.owner, &[&sam.user]).await),
        ["owner_protected"]
    );
    let truck = truck(&bolt, 1, &[]).await;
    let many = suspend(&bolt.owner, &[&tom.user, &truck, &bolt.owner.user]).await;
    assert_eq!(outcomes(&many), ["owner_protected", "done", "not_yourself"]);
    assert_eq!(
        outcomes(&suspend(&bolt.owner, &[&tom.user]).await),
        ["done"]
    );
    assert_eq!(
        outcomes(&reactivate(&bolt.owner, &[&tom.user]).await),
        ["done"]
    );
    let tom = world.sign_in("tom.colleague").await;
    let (a, b) = (bolt.owner.user.clone(), tom.user.clone());
    let (one, other) = ([b.as_str()], [a.as_str()]);
    let (first, second) = futures::join!(
        bolt.owner
            .post("/v1/users/suspend", json!({ "users": one })),
        tom.post("/v1/users/suspend", json!({ "users": other })),
    );
    let done = [first, second]
        .iter()
        .filter(|answer| answer.body["done"] == 1)
        .count();
    assert_eq!(done, 1, "an owner who can act is left");
}

#[tokio::test]
async fn suspending_is_refused_user_by_user_and_repeated_safely() {
    let world = World::start().await;
    let (acme, bolt) = (world.company("Acme").await, world.company("Bolt").await);
    let (mine, theirs) = (truck(&acme, 1, &[]).await, truck(&bolt, 1, &[]).await);
    let form = json!({ "users": [mine, theirs, mine] });
    let first = acme
        .owner
        .post_once("/v1/users/suspend", "key", form.clone())
        .await;
    let again = acme
        .owner
        .post_once("/v1/users/suspend", "key", form.clone())
        .await;
    assert_eq!(outcomes(&first.body), ["done", "user_not_found"]);
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    for path in ["/v1/users/suspend", "/v1/users/reactivate"] {
        let nobody = world.nobody().post(path, form.clone()).await;
        assert_eq!(nobody.refused(401), "unauthenticated");
        let none = acme.owner.post(path, json!({ "users": [] })).await;
        assert_eq!(none.faults(), ["users: out_of_range"]);
    }
    let clerk = acme
        .owner
        .colleague("clara", "standard", &["auditor"])
        .await;
    let refused = clerk.post("/v1/users/suspend", form).await;
    assert_eq!(refused.refused(403), "forbidden");
}
