//! `edit-user`: one user changed, of the version that was looked at.

use muster_tests::world::{Actor, Answer, Company, PASSWORD, World, text};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{accept, entries, post_text};

/// Edits the user as it stands.
async fn edit(by: &Actor<'_>, of: &Actor<'_>, user: &str, patch: Value) -> Answer {
    let version = of.show(user).await["version"].as_u64().unwrap();
    by.patch(&format!("/v1/users/{user}"), version, patch).await
}

/// A field's refusal, as `field: code`, of an answer with this status.
#[track_caller]
fn refused_fields(answer: &Answer, status: u16) -> Vec<String> {
    assert_eq!(answer.status, status, "{}", answer.text);
    let errors = answer.body["errors"].as_array().cloned().unwrap();
    let told = |error: &Value| format!("{}: {}", text(&error["field"]), text(&error["code"]));
    errors.iter().map(told).collect()
}

async fn ada(company: &Company<'_>) -> String {
    let form = json!({ "email": "ada@drivers.example", "external_id": "D-1", "first_name": "Ada", "last_name": "Lovelace", "phone": "+4915112345678" });
    company.owner.add(form).await
}

#[tokio::test]
async fn an_edit_changes_what_it_names_and_clears_what_is_null() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let user = ada(&company).await;
    world.wait(jiff::SignedDuration::from_mins(10)).await;
    let patch = json!({ "first_name": "Augusta", "phone": null, "locale": "de-AT", "kind": "vehicle", "modules": { "maps": "view" }, "class": "standard", "roles": ["auditor"] });
    let edited = edit(&company.owner, &company.owner, &user, patch).await;
    assert_eq!(edited.headers["etag"], "\"2\"");
    let edited = edited.expect(200);
    assert_eq!(edited, company.owner.show(&user).await);
    let shown = |field: &str| edited[field].clone();
    assert_eq!(shown("name"), "Augusta Lovelace");
    assert_eq!(
        (shown("phone"), shown("external_id")),
        (Value::Null, json!("D-1"))
    );
    assert_eq!(
        (shown("locale"), shown("kind")),
        (json!("de-AT"), json!("vehicle"))
    );
    assert_eq!(
        (shown("class"), shown("roles")),
        (json!("standard"), json!(["auditor"]))
    );
    assert_eq!(
        (shown("version"), shown("updated_at")),
        (json!(2), json!("2026-03-02T08:10:00.000Z"))
    );
    let patch = json!({ "modules": { "fuel": "edit", "maps": null }, "roles": null });
    let again = edit(&company.owner, &company.owner, &user, patch)
        .await
        .expect(200);
    assert_eq!(
        (&again["modules"], &again["roles"]),
        (&json!({ "fuel": "edit" }), &json!([]))
    );
    assert_eq!(entries(&world, &company, "users.edit").len(), 2);
    let listed = company
        .owner
        .get("/v1/users?name=augusta")
        .await
        .expect(200);
    assert_eq!(crate::names(&listed), ["Augusta Lovelace"]);
}

#[tokio::test]
async fn an_edit_names_the_version_it_was_made_from() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let user = ada(&company).await;
    let path = format!("/v1/users/{user}");
    let send = async |tag: Option<&str>| {
        let request = company.owner.request(Method::PATCH, &path);
        let request = tag
            .into_iter()
            .fold(request, |request, tag| request.header("If-Match", tag));
        company
            .owner
            .send(request.json(&json!({ "first_name": "Eve" })))
            .await
    };
    assert_eq!(send(None).await.refused(428), "precondition_required");
    for tag in ["\"2\"", "W/\"1\"", "\"x\""] {
        assert_eq!(
            send(Some(tag)).await.refused(412),
            "precondition_failed",
            "{tag}"
        );
    }
    assert_eq!(send(Some("1")).await.faults(), ["If-Match: invalid_value"]);
    assert_eq!(send(Some("\"1\"")).await.expect(200)["version"], 2);
    let late = send(Some("\"1\"")).await;
    assert_eq!(
        late.headers["etag"], "\"2\"",
        "so that both versions can be shown"
    );
    assert_eq!(late.body["version"], 2);
    assert_eq!(late.refused(412), "precondition_failed");
    assert_eq!(company.owner.show(&user).await["version"], 2);
}

#[tokio::test]
async fn an_edit_that_changes_nothing_writes_nothing() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let user = ada(&company).await;
    for patch in [
        json!({}),
        json!({ "first_name": " Ada ", "class": "limited", "roles": [], "employee_number": null }),
    ] {
        let answer = edit(&company.owner, &company.owner, &user, patch).await;
        assert_eq!(answer.headers["etag"], "\"1\"");
        let (_, written) = answer.consumed();
        assert!(written.abs() < f64::EPSILON, "{written}");
        assert_eq!(answer.expect(200), company.owner.show(&user).await);
    }
    assert!(entries(&world, &company, "users.edit").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_edits_at_once_one_wins_and_the_other_is_told() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let user = ada(&company).await;
    let path = format!("/v1/users/{user}");
    let names = ["Eve", "Fay", "Gil", "Hal"];
    let edits = names.map(|name| company.owner.patch(&path, 1, json!({ "first_name": name })));
    let answers = futures::future::join_all(edits).await;
    let won: Vec<&str> = names
        .into_iter()
        .zip(&answers)
        .filter(|(_, answer)| answer.status == 200)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(won.len(), 1, "{won:?}");
    for lost in answers.into_iter().filter(|answer| answer.status != 200) {
        assert_eq!(lost.body["version"], 2);
        assert_eq!(lost.refused(412), "precondition_failed");
    }
    assert_eq!(company.owner.show(&user).await["first_name"], won[0]);
    assert_eq!(entries(&world, &company, "users.edit").len(), 1);
}

#[tokio::test]
async fn every_faulty_field_is_named_at_once() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let user = ada(&company).await;
    let nobody = "usr_0000000000000001";
    let patch = json!({
        "kind": null, "email": "nobody", "phone": "12", "first_name": "", "class": null, "roles": ["boss"],
        "modules": { "No!": "view" }, "scope": { "users": [nobody] }, "groups": ["grp_0000000000000001"],
        "account": "acc_0000000000000001", "locale": "english",
    });
    let mut faults = edit(&company.owner, &company.owner, &user, patch)
        .await
        .faults();
    faults.sort();
    assert_eq!(
        faults,
        [
            "account: unknown_account",
            "class: required",
            "email: invalid_email",
            "first_name: required",
            "groups: unknown_group",
            "kind: required",
            "locale: invalid_locale",
            "modules.No!: invalid_module",
            "phone: invalid_phone",
            "roles[0]: unknown_role",
            "scope.users: unknown_user",
        ]
    );
    let unnamed = json!({ "email": null, "external_id": null });
    let faults = edit(&company.owner, &company.owner, &user, unnamed)
        .await
        .faults();
    assert_eq!(faults, ["external_id: required"]);
    let unknown = edit(
        &company.owner,
        &company.owner,
        &user,
        json!({ "password": "x" }),
    )
    .await;
    assert_eq!(unknown.status, 422, "{}", unknown.text);
    let roles = json!({ "roles": ["auditor"] });
    let faults = edit(&company.owner, &company.owner, &user, roles)
        .await
        .faults();
    assert_eq!(faults, ["roles: class_without_roles"]);
    assert_eq!(company.owner.show(&user).await["version"], 1);
}

#[tokio::test]
async fn an_address_is_edited_until_the_person_activates() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let user = ada(&company).await;
    let other = company
        .owner
        .add(json!({ "email": "eve@drivers.example" }))
        .await;
    let _ = company
        .owner
        .post("/v1/invitations", json!({ "users": [user] }))
        .await
        .expect(200);
    let token = world.link_token("ada@drivers.example").await;
    let of_eve = json!({ "email": "EVE@drivers.example" });
    let answer = edit(&company.owner, &company.owner, &user, of_eve).await;
    assert_eq!(refused_fields(&answer, 409), ["email: email_taken"]);
    let moved = json!({ "email": "ada@elsewhere.example" });
    let edited = edit(&company.owner, &company.owner, &user, moved)
        .await
        .expect(200);
    assert_eq!(
        (&edited["status"], &edited["invitation"]),
        (&json!("not_invited"), &Value::Null)
    );
    assert_eq!(
        accept(&world, &token, "ada").await.refused(410),
        "link_revoked"
    );
    let freed = json!({ "email": "ada@drivers.example" });
    let _ = edit(&company.owner, &company.owner, &other, freed)
        .await
        .expect(200);

    let _ = company
        .owner
        .post("/v1/invitations", json!({ "users": [user] }))
        .await
        .expect(200);
    let _ = world.activate("ada@elsewhere.example", "ada").await;
    let late = json!({ "email": "ada@drivers.example" });
    let answer = edit(&company.owner, &company.owner, &user, late).await;
    assert_eq!(
        refused_fields(&answer, 409),
        ["email: email_needs_confirmation"]
    );
}

#[tokio::test]
async fn where_the_policy_fixes_addresses_that_of_an_active_user_stays() {
    let world = World::start().await;
    let policy = json!({ "policy": { "email_change": "immutable", "required_fields": ["email", "last_name"] } });
    let company = world.company_with("Acme", policy).await;
    let form = json!({ "email": "ada@drivers.example", "last_name": "Lovelace", "invite": true });
    let user = company.owner.add(form).await;
    let _ = world.activate("ada@drivers.example", "ada").await;
    let moved = json!({ "email": "ada@elsewhere.example" });
    let answer = edit(&company.owner, &company.owner, &user, moved).await;
    assert_eq!(refused_fields(&answer, 409), ["email: email_immutable"]);
    let cleared = json!({ "last_name": null });
    let answer = edit(&company.owner, &company.owner, &user, cleared).await;
    assert_eq!(answer.faults(), ["last_name: required"]);
}

async fn signs_in(world: &World, login: &str) -> u16 {
    let form = json!({ "login": login, "password": PASSWORD });
    world.nobody().post("/v1/sessions", form).await.status
}

#[tokio::test]
async fn a_person_gets_another_username_and_signs_in_by_that_alone() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let ada = company.owner.colleague("ada", "limited", &[]).await;
    let eve = company.owner.colleague("eve", "limited", &[]).await;
    let owner = &company.owner;
    let renamed = edit(owner, owner, &ada.user, json!({ "username": "Countess" }))
        .await
        .expect(200);
    assert_eq!(renamed["username"], "Countess");
    assert_eq!(signs_in(&world, "countess").await, 200);
    assert_eq!(signs_in(&world, "ada.colleague").await, 401);
    let taken = edit(owner, owner, &eve.user, json!({ "username": "COUNTESS" })).await;
    assert_eq!(refused_fields(&taken, 409), ["username: username_taken"]);
    let freed = edit(
        owner,
        owner,
        &eve.user,
        json!({ "username": "Ada.Colleague" }),
    )
    .await;
    assert_eq!(freed.expect(200)["username"], "Ada.Colleague");
    let spelt = edit(owner, owner, &ada.user, json!({ "username": "countess" })).await;
    assert_eq!(spelt.expect(200)["username"], "countess");
    let pending = owner.add(json!({ "email": "fay@drivers.example" })).await;
    let early = edit(owner, owner, &pending, json!({ "username": "fay" })).await;
    assert_eq!(refused_fields(&early, 409), ["username: not_active"]);
}

#[tokio::test]
async fn a_username_that_other_companies_share_is_not_changed_by_one_of_them() {
    let world = World::start().await;
    let (acme, bolt) = (world.company("Acme").await, world.company("Bolt").await);
    let ada = acme.owner.colleague("ada", "limited", &[]).await;
    let invited = json!({ "email": "ada@colleagues.example", "invite": true });
    let there = bolt.owner.add(invited).await;
    let token = world.link_token("ada@colleagues.example").await;
    let _ = accept(&world, &token, "ada").await.expect(200);
    for (company, user) in [(&acme, &ada.user), (&bolt, &there)] {
        let patch = json!({ "username": "countess" });
        let answer = edit(&company.owner, &company.owner, user, patch).await;
        assert_eq!(refused_fields(&answer, 409), ["username: person_shared"]);
    }
}

#[tokio::test]
async fn people_edit_their_own_names_and_nobody_their_own_rights() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let clerk = owner.colleague("clara", "standard", &[]).await;
    let own = json!({ "first_name": "Clara", "last_name": "Clerk", "phone": "+4915112345678", "locale": "fr" });
    let _ = edit(&clerk, owner, &clerk.user, own).await.expect(200);
    let beyond =
        json!({ "employee_number": "7", "class": "owner", "username": "boss", "roles": [] });
    assert_eq!(
        refused_fields(&edit(&clerk, owner, &clerk.user, beyond).await, 403),
        [
            "class: not_yourself",
            "employee_number: beyond_your_rights",
            "username: beyond_your_rights",
        ]
    );
    let driver = owner.colleague("dora", "limited", &[]).await;
    let own = edit(
        &driver,
        owner,
        &driver.user,
        json!({ "first_name": "Dora" }),
    )
    .await;
    assert_eq!(own.refused(403), "forbidden");
    let of_others = edit(&clerk, owner, &driver.user, json!({ "first_name": "X" })).await;
    assert_eq!(of_others.refused(403), "forbidden");
    let demoted = edit(owner, owner, &owner.user, json!({ "class": "standard" })).await;
    assert_eq!(refused_fields(&demoted, 403), ["class: not_yourself"]);
}

#[tokio::test]
async fn a_user_manager_gives_no_more_than_it_holds_and_never_touches_owners() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let manager = owner.colleague("max", "standard", &["user_manager"]).await;
    let auditor = owner.colleague("aud", "standard", &["auditor"]).await;
    let driver = ada(&company).await;
    let owners = edit(&manager, owner, &owner.user, json!({ "first_name": "X" })).await;
    assert_eq!(owners.refused(403), "beyond_your_rights");
    for patch in [
        json!({ "class": "owner" }),
        json!({ "class": "standard", "roles": ["licence_manager"] }),
        json!({ "modules": { "maps": "view" } }),
    ] {
        let answer = edit(&manager, owner, &driver, patch).await;
        assert_eq!(answer.refused(403), "beyond_your_rights");
    }
    let equal = json!({ "class": "standard", "roles": ["user_manager"] });
    let _ = edit(&manager, owner, &driver, equal).await.expect(200);
    let _ = edit(
        &manager,
        owner,
        &auditor.user,
        json!({ "last_name": "Aude" }),
    )
    .await
    .expect(200);
    // Whoever reads the mail of somebody who holds more would come to hold it.
    let pending =
        json!({ "email": "pat@drivers.example", "class": "standard", "roles": ["auditor"] });
    let pending = owner.add(pending).await;
    let hijack = edit(
        &manager,
        owner,
        &pending,
        json!({ "email": "max@elsewhere.example" }),
    )
    .await;
    assert_eq!(refused_fields(&hijack, 403), ["email: beyond_your_rights"]);
}

#[tokio::test]
async fn owners_are_made_by_owners_and_demoted_where_the_policy_says_so() {
    let world = World::start().await;
    let strict = world.company("Acme").await;
    let second = strict.owner.colleague("sam", "limited", &[]).await;
    let owner = &strict.owner;
    let _ = edit(owner, owner, &second.user, json!({ "class": "owner" }))
        .await
        .expect(200);
    let demote = json!({ "class": "limited" });
    let answer = edit(owner, owner, &second.user, demote.clone()).await;
    assert_eq!(refused_fields(&answer, 403), ["class: owner_protected"]);

    let policy = json!({ "policy": { "owner_demotion": "co_owner" } });
    let free = world.company_with("Bolt", policy).await;
    let third = free.owner.colleague("tom", "owner", &[]).await;
    let owner = &free.owner;
    let _ = edit(owner, owner, &third.user, demote.clone())
        .await
        .expect(200);
    let _ = edit(owner, owner, &third.user, json!({ "class": "owner" }))
        .await
        .expect(200);
    // Two owners demote each other at the same time: one of them stays.
    let third = world.sign_in("tom@colleagues.example").await;
    let (a, b) = futures::join!(
        edit(owner, owner, &third.user, demote.clone()),
        edit(&third, owner, &owner.user, demote.clone()),
    );
    let statuses = [a.status, b.status];
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
}

#[tokio::test]
async fn who_may_not_edit_is_told_so_and_learns_nothing() {
    let world = World::start().await;
    let (acme, bolt) = (world.company("Acme").await, world.company("Bolt").await);
    let user = ada(&acme).await;
    let path = format!("/v1/users/{user}");
    let renamed = json!({ "first_name": "X" });
    let nobody = world.nobody().patch(&path, 1, renamed.clone()).await;
    assert_eq!(nobody.refused(401), "unauthenticated");
    let foreign = bolt.owner.patch(&path, 1, renamed.clone()).await;
    assert_eq!(foreign.refused(404), "not_found");
    for id in ["usr_0000000000000001", "nonsense"] {
        let missing = acme
            .owner
            .patch(&format!("/v1/users/{id}"), 1, renamed.clone())
            .await;
        assert_eq!(missing.refused(404), "not_found");
    }
    let listed = post_text(&acme.owner, "/v1/users/suspend", "[]").await;
    assert_eq!(listed.refused(400), "malformed_request");
    assert_eq!(acme.owner.show(&user).await["version"], 1);
}

/// RFC 7396, section 4: a merge patch has a media type of its own.
#[tokio::test]
async fn a_merge_patch_may_be_called_one() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let ada = owner.add(json!({ "external_id": "D-1" })).await;
    let patch = |content_type: &'static str| {
        let request = owner.request(Method::PATCH, &format!("/v1/users/{ada}"));
        let request = request.header("If-Match", "\"1\"");
        request
            .header("Content-Type", content_type)
            .body(r#"{"first_name":"Ada"}"#)
    };
    let refused = owner.send(patch("text/plain")).await;
    assert_eq!(refused.refused(400), "malformed_request");
    let patched = owner.send(patch("application/merge-patch+json")).await;
    assert_eq!(patched.expect(200)["first_name"], "Ada");
}
