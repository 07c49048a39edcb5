//! `roles`: companies define roles of their own, and those work at once.

use muster_tests::world::{Actor, World, text};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{audited, snapshot};

async fn define(actor: &Actor<'_>, name: &str, permissions: &[&str]) -> String {
    let form = json!({ "name": name, "permissions": permissions });
    text(&actor.post("/v1/roles", form).await.expect(201)["id"])
}

fn path(role: &str) -> String {
    format!("/v1/roles/{role}")
}

fn ids(roles: &Value) -> Vec<String> {
    let roles = roles["roles"].as_array().unwrap().iter();
    roles.map(|role| text(&role["id"])).collect()
}

#[tokio::test]
async fn a_defined_role_works_at_once_and_stops_at_once() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let made = json!({ "name": "Dispatcher", "permissions": ["licences.assign", "users.read", "users.read"] });
    let made = owner.post("/v1/roles", made).await;
    assert_eq!(made.headers["etag"], "\"1\"");
    let location = made.headers["location"].to_str().unwrap().to_owned();
    let role = made.expect(201);
    snapshot!("role_defined", role);
    let shown = owner.get(&location).await;
    assert_eq!(shown.headers["etag"], "\"1\"");
    assert_eq!(shown.expect(200), role);

    let role = text(&role["id"]);
    let driver = owner.add(json!({ "external_id": "D-1" })).await;
    let dispatcher = owner.colleague("dispatcher", "standard", &[&role]).await;
    let assign = format!("/v1/products/{}/assign", company.products[0]);
    let users = json!({ "users": [driver] });
    let done = dispatcher.post(&assign, users.clone()).await.expect(200);
    assert_eq!(done["done"], 1);
    let add = json!({ "external_id": "D-2" });
    let refused = dispatcher.post("/v1/users", add.clone()).await;
    assert_eq!(refused.refused(403), "forbidden");

    // From the change on, the same token may do something else.
    let other = json!({ "name": "Dispatcher", "permissions": ["users.write"] });
    let changed = owner.put(&path(&role), 1, other).await;
    assert_eq!(changed.headers["etag"], "\"2\"");
    assert_eq!(changed.expect(200)["permissions"], json!(["users.write"]));
    assert_eq!(
        dispatcher.post(&assign, users.clone()).await.refused(403),
        "forbidden"
    );
    let _ = dispatcher.post("/v1/users", add).await.expect(201);

    assert_eq!(owner.delete(&path(&role)).await.status, 204);
    let again = json!({ "external_id": "D-3" });
    let refused = dispatcher.post("/v1/users", again).await;
    assert_eq!(refused.refused(403), "forbidden");
    assert_eq!(owner.get(&path(&role)).await.refused(404), "not_found");
    assert_eq!(owner.delete(&path(&role)).await.refused(404), "not_found");
    let entries = audited(&company, "roles.").await;
    snapshot!("roles_audited", json!(entries));
}

#[tokio::test]
async fn a_role_that_is_gone_keeps_nobody_from_being_edited() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let role = define(owner, "Dispatcher", &["users.read"]).await;
    let form = json!({ "external_id": "D-1", "class": "standard", "roles": [role] });
    let user = owner.add(form).await;
    let path = format!("/v1/roles/{role}");
    assert_eq!(owner.delete(&path).await.status, 204);

    let path = format!("/v1/users/{user}");
    let shown = owner.show(&user).await;
    let version = shown["version"].as_u64().unwrap();
    let mut roles = shown["roles"].as_array().unwrap().clone();
    roles.push(json!("auditor"));
    let edited = owner.patch(&path, version, json!({ "roles": roles })).await;
    let edited = edited.expect(200);
    let version = edited["version"].as_u64().unwrap();
    let gone = json!({ "roles": ["auditor"] });
    let edited = owner.patch(&path, version, gone).await.expect(200);
    let version = edited["version"].as_u64().unwrap();
    let again = owner
        .patch(&path, version, json!({ "roles": [role] }))
        .await;
    assert_eq!(again.refused(422), "invalid_fields");
}

#[tokio::test]
async fn the_list_has_the_built_in_roles_and_the_companys_own_by_name() {
    let world = World::start().await;
    let company = world.company("North").await;
    let late = define(&company.owner, "yard", &["users.read"]).await;
    let early = define(&company.owner, "Dispatcher", &["audit.read"]).await;
    let limited = company.owner.colleague("lee", "limited", &[]).await;
    let roles = limited.get("/v1/roles").await.expect(200);
    snapshot!("roles_listed", roles);
    assert_eq!(ids(&roles)[6..], [early, late]);
    let built_in = limited.get("/v1/roles/user_manager").await.expect(200);
    assert_eq!(built_in, roles["roles"][0]);
    let other = world.company("South").await;
    assert_eq!(
        ids(&other.owner.get("/v1/roles").await.expect(200)).len(),
        6
    );
}

#[tokio::test]
async fn a_name_is_unique_in_the_company_however_it_is_written() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let yard = define(owner, "Yard Straße", &["users.read"]).await;
    let form = |name: &str| json!({ "name": name, "permissions": ["users.read"] });
    let taken = owner.post("/v1/roles", form(" YARD STRASSE")).await;
    assert_eq!(taken.body["errors"][0]["field"], "name");
    assert_eq!(taken.refused(409), "name_taken");
    let built_in = owner.post("/v1/roles", form("User_Manager")).await;
    assert_eq!(built_in.faults(), ["name: name_taken"]);
    let dispatcher = define(owner, "Dispatcher", &["users.read"]).await;
    let taken = owner.put(&path(&dispatcher), 1, form("yard strasse")).await;
    assert_eq!(taken.refused(409), "name_taken");

    // Its own name, written otherwise, and one that was given free are free.
    let _ = owner
        .put(&path(&yard), 1, form("YARD strasse"))
        .await
        .expect(200);
    let _ = owner.put(&path(&yard), 2, form("Depot")).await.expect(200);
    let _ = owner
        .put(&path(&dispatcher), 1, form("Yard Strasse"))
        .await
        .expect(200);
    assert_eq!(owner.delete(&path(&dispatcher)).await.status, 204);
    let _ = define(owner, "yard strasse", &["users.read"]).await;
    let other = world.company("South").await;
    let _ = define(&other.owner, "Depot", &["users.read"]).await;
}

#[tokio::test]
async fn nobody_defines_what_they_do_not_hold_or_touches_a_role_they_have() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let own = define(owner, "Personnel", &["roles.manage", "users.write"]).await;
    let strong = define(owner, "Strong", &["tenant.manage"]).await;
    let manager = owner.colleague("mia", "standard", &[&own]).await;
    let form = |permissions: &[&str]| json!({ "name": "New", "permissions": permissions });
    let weak = define(&manager, "Weak", &["users.write"]).await;
    let beyond =
        |answer: muster_tests::world::Answer| assert_eq!(answer.refused(403), "beyond_your_rights");
    beyond(manager.post("/v1/roles", form(&["users.delete"])).await);
    beyond(
        manager
            .put(&path(&weak), 1, form(&["users.write", "audit.read"]))
            .await,
    );
    beyond(manager.put(&path(&strong), 1, form(&["users.write"])).await);
    beyond(manager.delete(&path(&strong)).await);
    let itself = manager.put(&path(&own), 1, form(&["users.write"])).await;
    assert_eq!(itself.refused(403), "not_yourself");
    assert_eq!(
        manager.delete(&path(&own)).await.refused(403),
        "not_yourself"
    );
    for role in ["user_manager", "driver"] {
        let change = owner.put(&path(role), 1, form(&["users.write"])).await;
        assert_eq!(change.refused(409), "built_in_role");
        assert_eq!(
            owner.delete(&path(role)).await.refused(409),
            "built_in_role"
        );
    }
    let _ = manager
        .put(&path(&weak), 1, form(&["roles.manage"]))
        .await
        .expect(200);
    assert_eq!(manager.delete(&path(&weak)).await.status, 204);
}

#[tokio::test]
async fn an_edit_names_the_version_that_it_was_made_from() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let role = path(&define(owner, "Yard", &["users.read"]).await);
    let form = |name: &str| json!({ "name": name, "permissions": ["users.read"] });
    let without = owner.request(Method::PUT, &role).json(&form("A"));
    assert_eq!(
        owner.send(without).await.refused(428),
        "precondition_required"
    );
    let (one, two) = tokio::join!(
        owner.put(&role, 1, form("A")),
        owner.put(&role, 1, form("B"))
    );
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412], "of two at once one wins");
    assert_eq!(
        owner.put(&role, 1, form("C")).await.refused(412),
        "precondition_failed"
    );
    assert_eq!(
        owner.put(&role, 7, form("C")).await.refused(412),
        "precondition_failed"
    );

    // What is as it was is not written.
    let before = owner.get(&role).await.expect(200);
    let same = form(&text(&before["name"]));
    world.wait_hours(0).await;
    assert_eq!(owner.put(&role, 2, same).await.expect(200), before);
}

#[tokio::test]
async fn every_fault_of_a_role_is_named() {
    let world = World::start().await;
    let company = world.company("North").await;
    let faults = |form: Value| async { company.owner.post("/v1/roles", form).await.faults() };
    let all = json!({ "name": " ", "permissions": ["users.read", "users.fly"] });
    assert_eq!(
        faults(all).await,
        ["name: required", "permissions[1]: unknown_permission"]
    );
    let none = json!({ "name": "x".repeat(101), "permissions": [] });
    assert_eq!(
        faults(none).await,
        ["name: too_long", "permissions: required"]
    );
    let many = json!({ "name": "Many", "permissions": vec!["users.read"; 13] });
    assert_eq!(faults(many).await, ["permissions: out_of_range"]);
    let typed = json!({ "name": 7, "permissions": [] });
    assert_eq!(faults(typed).await, ["name: invalid_value"]);
}

#[tokio::test]
async fn a_company_has_at_most_a_hundred_roles_whoever_races() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    for n in 0..98 {
        let _ = define(owner, &format!("Role {n}"), &["users.read"]).await;
    }
    let form = |n: u32| json!({ "name": format!("Last {n}"), "permissions": ["users.read"] });
    let answers = futures::future::join_all((0..6).map(|n| owner.post("/v1/roles", form(n)))).await;
    let made: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 201)
        .collect();
    assert_eq!(made.len(), 2);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.clone().refused(409), "too_many_roles");
    }
    assert_eq!(ids(&owner.get("/v1/roles").await.expect(200)).len(), 106);
    assert_eq!(
        owner.delete(&path(&text(&made[0].body["id"]))).await.status,
        204
    );
    let _ = owner.post("/v1/roles", form(9)).await.expect(201);
}

#[tokio::test]
async fn the_same_request_twice_defines_one_role() {
    let world = World::start().await;
    let company = world.company("North").await;
    let form = json!({ "name": "Yard", "permissions": ["users.read"] });
    let owner = &company.owner;
    let first = owner
        .post_once("/v1/roles", "k1", form.clone())
        .await
        .expect(201);
    let again = owner.post_once("/v1/roles", "k1", form).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.expect(201), first);
    assert_eq!(ids(&owner.get("/v1/roles").await.expect(200)).len(), 7);
}

#[tokio::test]
async fn roles_are_managed_by_whoever_may_and_in_the_own_company_only() {
    let world = World::start().await;
    let company = world.company("North").await;
    let role = path(&define(&company.owner, "Yard", &["users.read"]).await);
    let form = json!({ "name": "Other", "permissions": ["users.read"] });
    let nobody = world.nobody();
    assert_eq!(
        nobody.get("/v1/roles").await.refused(401),
        "unauthenticated"
    );
    assert_eq!(nobody.get(&role).await.refused(401), "unauthenticated");
    assert_eq!(
        nobody.post("/v1/roles", form.clone()).await.refused(401),
        "unauthenticated"
    );
    assert_eq!(
        nobody.put(&role, 1, form.clone()).await.refused(401),
        "unauthenticated"
    );
    assert_eq!(nobody.delete(&role).await.refused(401), "unauthenticated");
    let manager = company
        .owner
        .colleague("mia", "standard", &["user_manager"])
        .await;
    assert_eq!(
        manager.post("/v1/roles", form.clone()).await.refused(403),
        "forbidden"
    );
    assert_eq!(
        manager.put(&role, 1, form.clone()).await.refused(403),
        "forbidden"
    );
    assert_eq!(manager.delete(&role).await.refused(403), "forbidden");
    let other = world.company("South").await.owner;
    assert_eq!(other.get(&role).await.refused(404), "not_found");
    assert_eq!(other.put(&role, 1, form).await.refused(404), "not_found");
    assert_eq!(other.delete(&role).await.refused(404), "not_found");
    assert_eq!(other.get("/v1/roles/boss").await.refused(404), "not_found");
    assert_eq!(company.owner.get(&role).await.expect(200)["name"], "Yard");
}
