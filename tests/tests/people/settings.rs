//! `tenant`: the company's settings are seen by all of it, and changed under a version.

use muster_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{audited, snapshot};

#[tokio::test]
async fn everybody_who_is_signed_in_sees_the_company() {
    let world = World::start().await;
    let company = world.company("North").await;
    let shown = company.owner.get("/v1/tenant").await;
    assert_eq!(shown.headers["etag"], "\"1\"");
    let shown = shown.expect(200);
    snapshot!("tenant", shown);
    let limited = company.owner.colleague("lee", "limited", &[]).await;
    assert_eq!(limited.get("/v1/tenant").await.expect(200), shown);
    assert_eq!(
        world.nobody().get("/v1/tenant").await.refused(401),
        "unauthenticated"
    );
}

#[tokio::test]
async fn settings_count_from_their_change_on() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let _ = owner.add(json!({ "external_id": "D-1" })).await;
    let wanted = json!({
        "name": " Northwind ",
        "locale": "de",
        "currency": "USD",
        "policy": { "required_fields": ["phone", "phone"], "phone": "nanp10", "standard_sees": "assigned" },
    });
    let changed = owner.patch("/v1/tenant", 1, wanted).await;
    assert_eq!(changed.headers["etag"], "\"2\"");
    let changed = changed.expect(200);
    snapshot!("tenant_changed", changed);
    assert_eq!(owner.get("/v1/tenant").await.expect(200), changed);

    let faulty = owner
        .post("/v1/users", json!({ "external_id": "D-2" }))
        .await;
    assert_eq!(faulty.faults(), ["phone: required"]);
    let faulty = json!({ "external_id": "D-2", "phone": "+4915112345678" });
    assert_eq!(
        owner.post("/v1/users", faulty).await.faults(),
        ["phone: invalid_phone"]
    );
    let back = json!({ "policy": { "required_fields": null, "phone": null } });
    let back = owner.patch("/v1/tenant", 2, back).await.expect(200);
    assert_eq!(back["policy"]["required_fields"], json!([]));
    assert_eq!(back["policy"]["phone"], "e164");
    assert_eq!(back["policy"]["standard_sees"], "assigned");
    let _ = owner.add(json!({ "external_id": "D-2" })).await;
    let entries = audited(&company, "tenants.change").await;
    snapshot!("tenant_audited", json!(entries));
}

#[tokio::test]
async fn a_longer_life_of_links_is_that_of_the_next_mail() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let longer = json!({ "policy": { "invitation_ttl_hours": 48 } });
    let _ = owner.patch("/v1/tenant", 1, longer).await.expect(200);
    let form = json!({ "email": "ada@north.example", "invite": true });
    let ada = owner.add(form).await;
    world.wait_hours(47).await;
    let shown = world.sign_in(&company.owner_email).await.show(&ada).await;
    assert_eq!(shown["status"], "activation_pending");
    let _ = world.activate("ada@north.example", "ada.north").await;
}

#[tokio::test]
async fn every_faulty_setting_is_named_at_once() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let faulty = json!({
        "name": "",
        "locale": "German",
        "currency": "euro",
        "policy": {
            "invitation_ttl_hours": 0, "phone": "morse", "email_change": "never", "own_email": 1, "owner_demotion": "coup",
            "scope_kinds": ["fleet", "herd"], "standard_sees": "nothing", "required_fields": ["shoe_size"],
            "invite_on_create": true, "import_mode": "turbo", "colour": "red",
        },
    });
    snapshot!(
        "faulty_settings",
        json!(owner.patch("/v1/tenant", 1, faulty).await.faults())
    );
    for (form, fault) in [
        (json!({ "shards": 8 }), "shards: invalid_value"),
        (json!({ "name": 7 }), "name: invalid_value"),
        (json!({ "policy": [] }), "policy: invalid_value"),
        (
            json!({ "policy": { "invitation_ttl_hours": 721 } }),
            "policy.invitation_ttl_hours: out_of_range",
        ),
        (
            json!({ "policy": { "invitation_ttl_hours": -1 } }),
            "policy.invitation_ttl_hours: invalid_value",
        ),
    ] {
        assert_eq!(
            owner.patch("/v1/tenant", 1, form.clone()).await.faults(),
            [fault],
            "{form}"
        );
    }
    assert_eq!(owner.get("/v1/tenant").await.expect(200)["version"], 1);
}

#[tokio::test]
async fn settings_are_changed_under_a_version_by_whoever_may() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let name = |name: &str| json!({ "name": name });
    let without = owner.request(Method::PATCH, "/v1/tenant").json(&name("A"));
    assert_eq!(
        owner.send(without).await.refused(428),
        "precondition_required"
    );
    let (one, two) = tokio::join!(
        owner.patch("/v1/tenant", 1, name("A")),
        owner.patch("/v1/tenant", 1, name("B"))
    );
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412], "of two at once one wins");
    assert_eq!(
        owner.patch("/v1/tenant", 1, name("C")).await.refused(412),
        "precondition_failed"
    );

    // Nothing new, nothing written.
    let before: Value = owner.get("/v1/tenant").await.expect(200);
    let same = owner
        .patch("/v1/tenant", 2, name(before["name"].as_str().unwrap()))
        .await;
    assert_eq!(same.expect(200), before);
    assert_eq!(
        owner.patch("/v1/tenant", 2, json!({})).await.expect(200),
        before
    );
    assert_eq!(audited(&company, "tenants.change").await.len(), 1);

    assert_eq!(
        world
            .nobody()
            .patch("/v1/tenant", 2, name("C"))
            .await
            .refused(401),
        "unauthenticated"
    );
    let manager = owner.colleague("mia", "standard", &["user_manager"]).await;
    assert_eq!(
        manager.patch("/v1/tenant", 2, name("C")).await.refused(403),
        "forbidden"
    );
    let other = world.company("South").await.owner;
    let _ = other
        .patch("/v1/tenant", 1, name("Other"))
        .await
        .expect(200);
    assert_eq!(owner.get("/v1/tenant").await.expect(200), before);
}

/// What protects owners from each other protects nobody if one of them can switch it off.
#[tokio::test]
async fn what_protects_owners_is_changed_by_support_and_whom_others_see_by_owners() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let clerk = world.define_role(&company.tenant, "Clerk", &["tenant.manage"]);
    let clerk = owner.colleague("cleo", "standard", &[&clerk]).await;
    let guarded = json!({ "policy": { "owner_demotion": "co_owner", "own_email": "verified", "standard_sees": "assigned" } });
    let faults = owner.patch("/v1/tenant", 1, guarded.clone()).await.faults();
    let by_support = [
        "policy.own_email: by_support",
        "policy.owner_demotion: by_support",
    ];
    assert_eq!(faults, by_support);
    let mut faults = clerk.patch("/v1/tenant", 1, guarded.clone()).await.faults();
    assert_eq!(faults.pop().unwrap(), "policy.standard_sees: by_owners");
    assert_eq!(faults, by_support);
    // To say what is so is no change.
    let same =
        json!({ "policy": { "owner_demotion": "support", "own_email": null, "phone": "free" } });
    let _ = clerk.patch("/v1/tenant", 1, same).await.expect(200);
    let order = json!({ "tenant": company.tenant, "reference": "T-1", "action": "set_policy", "policy": guarded["policy"] });
    let done = world.stack.invoke("support", order).await.unwrap();
    assert_eq!(done["operation"], "tenants.change");
    let policy = owner.get("/v1/tenant").await.expect(200)["policy"].clone();
    assert_eq!(policy["owner_demotion"], "co_owner");
    assert_eq!(
        (&policy["own_email"], &policy["phone"]),
        (&json!("verified"), &json!("free"))
    );
}
