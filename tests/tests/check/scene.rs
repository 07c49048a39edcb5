//! A table in which everything happened that leaves something behind.

use std::ops::Range;

use muster_tests::world::{Actor, World, text};
use serde_json::{Value, json};

/// Two companies, their people and all that these did.
pub struct Scene {
    /// The stack.
    pub world: World,
    /// The company where most of it happened.
    pub tenant: String,
    /// The other one.
    pub other: String,
}

/// More than one, so that an item can stand in the wrong one.
const SHARDS: u16 = 2;

impl Scene {
    pub async fn new() -> Self {
        let world = World::start().await;
        let acme = world
            .company_with("Acme", json!({ "shards": SHARDS }))
            .await;
        let north = world.company("North").await;
        people(&world, &acme.owner, &acme.products).await;
        company(&world, &acme.owner).await;
        work(&world, &acme.owner).await;
        // Whoever is active here is invited by the other company too, and joins by the password there is.
        let form = json!({ "email": "manager@colleagues.example", "invite": true });
        let _ = north.owner.add(form).await;
        let token = world.link_token("manager@colleagues.example").await;
        let accept = json!({ "token": token, "password": muster_tests::world::PASSWORD });
        let _ = (world.nobody().post("/v1/activations", accept).await).expect(200);
        let (tenant, other) = (acme.tenant.clone(), north.tenant.clone());
        let limits = json!({
            "reference": "ticket-1", "tenant": tenant, "action": "set_limits", "invitations_per_day": 99,
        });
        let _ = world.stack.invoke("support", limits).await.unwrap();
        drop((acme, north));
        // What was lapsed is ended, and all of it is sealed. What was asked for afterwards is still good.
        world.wait_hours(25).await;
        last(&world).await;
        Self {
            world,
            tenant,
            other,
        }
    }
}

/// People, a vehicle and a device in every state.
async fn people(world: &World, owner: &Actor<'_>, products: &[String]) {
    let manager = owner
        .colleague("manager", "standard", &["user_manager"])
        .await;
    let gone = owner.colleague("gone", "standard", &[]).await;
    let barred = owner.colleague("barred", "limited", &[]).await;
    let back = owner.colleague("back", "limited", &[]).await;
    let moved = owner.colleague("moved", "limited", &[]).await;
    let named = json!({ "confirm": "gone@colleagues.example" });
    let _ = (owner
        .post(&format!("/v1/users/{}/delete", gone.user), named)
        .await)
        .expect(200);
    let users = json!({ "users": [back.user] });
    let _ = owner
        .post("/v1/users/suspend", users.clone())
        .await
        .expect(200);
    let _ = owner
        .post("/v1/users/reactivate", users.clone())
        .await
        .expect(200);
    let named = json!({ "confirm": "back@colleagues.example" });
    let _ = (owner
        .post(&format!("/v1/users/{}/delete", back.user), named)
        .await)
        .expect(200);
    let _ = owner.post("/v1/users/restore", users).await.expect(200);
    for user in [&barred.user, &moved.user] {
        let users = json!({ "users": [user] });
        let path = format!("/v1/products/{}/assign", products[0]);
        let _ = owner.post(&path, users).await.expect(200);
    }
    let _ = (owner
        .post("/v1/users/suspend", json!({ "users": [barred.user] }))
        .await)
        .expect(200);
    // An address that was changed, and confirmed.
    let path = format!("/v1/users/{}/email", moved.user);
    let _ = owner
        .post(&path, json!({ "email": "moved@new.example" }))
        .await
        .expect(202);
    let mails = world.mails_to("moved@new.example").await;
    let links = mails.iter().flat_map(|mail| mail.links());
    let link = links.last().unwrap().split_once('#').unwrap().1.to_owned();
    let confirm = json!({ "token": link });
    let _ = (world
        .nobody()
        .post("/v1/email-changes/confirm", confirm)
        .await)
        .expect(200);
    // Vehicles with licences, one of them activated.
    for number in 0..3 {
        let form = json!({ "kind": "vehicle", "external_id": format!("Truck {number}"), "products": products });
        let truck = owner.add(form).await;
        if number == 0 {
            let code = text(&owner.show(&truck).await["licences"][0]["code"]);
            let redeem = json!({ "code": code, "device": "Cab 1" });
            let _ = (world.nobody().post("/v1/licences/activate", redeem).await).expect(200);
        }
    }
    // Invitations that lapse, are withdrawn and sent again.
    for name in ["lapsed", "revoked", "resent"] {
        let form = json!({ "email": format!("{name}@drivers.example"), "invite": true });
        let id = manager.add(form).await;
        let users = json!({ "users": [id] });
        match name {
            "revoked" => drop(
                manager
                    .post("/v1/invitations/revoke", users)
                    .await
                    .expect(200),
            ),
            "resent" => drop(
                manager
                    .post("/v1/invitations/resend", users)
                    .await
                    .expect(200),
            ),
            _ => {}
        }
    }
    let _ = (world
        .nobody()
        .post(
            "/v1/password-resets",
            json!({ "login": "manager.colleague" }),
        )
        .await)
        .expect(202);
    let form = json!({ "external_id": "Once" });
    let _ = owner
        .post_once("/v1/users", "key-1", form)
        .await
        .expect(201);
}

/// Roles, groups and accounts.
async fn company(world: &World, owner: &Actor<'_>) {
    for name in ["Planner", "Clerk"] {
        let form = json!({ "name": name, "permissions": ["users.read"] });
        let role = text(&owner.post("/v1/roles", form).await.expect(201)["id"]);
        if name == "Clerk" {
            assert_eq!(owner.delete(&format!("/v1/roles/{role}")).await.status, 204);
        }
    }
    let form = json!({ "kind": "fleet", "name": "Vans" });
    let fleet = text(&owner.post("/v1/groups", form).await.expect(201)["id"]);
    let van = owner
        .add(json!({ "kind": "vehicle", "external_id": "Van" }))
        .await;
    let add = format!("/v1/groups/{fleet}/add");
    let _ = owner
        .post(&add, json!({ "users": [van] }))
        .await
        .expect(200);
    let form = json!({ "kind": "client", "name": "Wheels" });
    let client = text(&owner.post("/v1/accounts", form).await.expect(201)["id"]);
    let form = json!({
        "person": { "email": "dora@wheels.example" },
        "account": { "kind": "employee", "parent": client, "name": "Dora" },
    });
    let _ = owner.post("/v1/invitations", form).await.expect(201);
    let _ = world.activate("dora@wheels.example", "dora.wheels").await;
}

/// A file of drivers with these numbers.
pub fn rows(numbers: Range<u32>) -> String {
    let line = |n: u32| format!("D{n},driver{n}@drivers.example,Driver,{n}\n");
    let lines: String = numbers.map(line).collect();
    format!("External ID,Email,First Name,Last Name\n{lines}")
}

/// Imports in every state, exports and a count.
async fn work(world: &World, owner: &Actor<'_>) {
    let done = owner.upload_import(rows(0..30)).await;
    assert_eq!(owner.commit_import(&done).await["state"], "done");
    let again = owner.upload_import(rows(20..50)).await;
    assert_eq!(owner.commit_import(&again).await["state"], "done");
    let ready = owner.upload_import(rows(100..130)).await;
    assert_eq!(ready["state"], "ready");
    let cancelled = owner.upload_import(rows(200..230)).await;
    let path = format!("/v1/imports/{}/cancel", text(&cancelled["id"]));
    let _ = owner.post(&path, json!({})).await.expect(200);
    let _ = owner.upload_import("not,a,list\n1,2,3\n").await;
    for format in ["csv", "xlsx"] {
        let form = json!({ "format": format });
        let _ = owner.post("/v1/exports", form).await.expect(202);
    }
    let _ = owner
        .post("/v1/overview/count", json!({}))
        .await
        .expect(202);
    world.stack.settled().await;
}

/// What still stands a day later: an invitation, and a change of an address.
async fn last(world: &World) {
    let owner = world.sign_in("owner@acme.example").await;
    let form =
        json!({ "email": "pending@drivers.example", "external_id": "Pending", "invite": true });
    let _ = owner.add(form).await;
    let manager: Value = owner.get("/v1/users?email=manager@").await.expect(200);
    let manager = text(&manager["users"][0]["id"]);
    let path = format!("/v1/users/{manager}/email");
    let change = json!({ "email": "manager@new.example" });
    let _ = owner.post(&path, change).await.expect(202);
    let _ = (world
        .nobody()
        .post(
            "/v1/password-resets",
            json!({ "login": "nobody@x.example" }),
        )
        .await)
        .expect(202);
    world.stack.settled().await;
}
