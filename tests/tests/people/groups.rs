//! `groups`: fleets and tags, who is in them, and whom they show to whom.

use muster_tests::world::{Actor, Answer, World, text};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{audited, encoded, names, snapshot};

async fn make(actor: &Actor<'_>, kind: &str, name: &str) -> String {
    let form = json!({ "kind": kind, "name": name });
    text(&actor.post("/v1/groups", form).await.expect(201)["id"])
}

fn path(group: &str) -> String {
    format!("/v1/groups/{group}")
}

async fn put_in(actor: &Actor<'_>, group: &str, users: &[&str]) -> Answer {
    let path = format!("{}/add", path(group));
    actor.post(&path, json!({ "users": users })).await
}

async fn take_out(actor: &Actor<'_>, group: &str, users: &[&str]) -> Answer {
    let path = format!("{}/remove", path(group));
    actor.post(&path, json!({ "users": users })).await
}

/// The codes of a bulk answer, user by user.
fn codes(outcomes: &Value) -> Vec<String> {
    let code = |outcome: &Value| {
        outcome["code"]
            .as_str()
            .or(outcome["outcome"].as_str())
            .unwrap()
            .to_owned()
    };
    outcomes["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(code)
        .collect()
}

fn listed(page: &Value) -> Vec<String> {
    let groups = page["groups"].as_array().unwrap().iter();
    groups.map(|group| text(&group["name"])).collect()
}

/// Adds, invites and activates a person of class limited who sees these groups.
async fn watcher<'w>(
    world: &'w World,
    owner: &Actor<'_>,
    name: &str,
    groups: &[&str],
) -> Actor<'w> {
    let email = format!("{name}@watchers.example");
    let form = json!({ "email": email, "first_name": name, "scope": { "groups": groups }, "invite": true });
    let _ = owner.add(form).await;
    world.activate(&email, &format!("{name}.watcher")).await
}

#[tokio::test]
async fn whoever_is_put_into_a_fleet_is_seen_by_whose_scope_lists_it() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let made = owner
        .post("/v1/groups", json!({ "kind": "fleet", "name": "Vans" }))
        .await;
    assert_eq!(made.headers["etag"], "\"1\"");
    let location = made.headers["location"].to_str().unwrap().to_owned();
    let group = made.expect(201);
    snapshot!("group_made", group);
    assert_eq!(owner.get(&location).await.expect(200), group);
    let vans = text(&group["id"]);
    let one = owner
        .add(json!({ "external_id": "Van 1", "kind": "vehicle" }))
        .await;
    let two = owner
        .add(json!({ "external_id": "Van 2", "kind": "vehicle" }))
        .await;
    let watcher = watcher(&world, owner, "wil", &[&vans]).await;
    let seen = async || names(&watcher.get("/v1/users").await.expect(200));
    assert_eq!(seen().await, ["wil"]);

    let done = put_in(owner, &vans, &[&one, &two, &one, "usr_0000000000000000"])
        .await
        .expect(200);
    snapshot!("put_into_a_group", done);
    assert_eq!(seen().await, ["Van 1", "Van 2", "wil"]);
    assert_eq!(owner.show(&one).await["groups"], json!([vans]));
    assert_eq!(
        codes(&put_in(owner, &vans, &[&one]).await.expect(200)),
        ["unchanged"]
    );
    assert_eq!(
        codes(&take_out(owner, &vans, &[&one]).await.expect(200)),
        ["done"]
    );
    assert_eq!(
        codes(&take_out(owner, &vans, &[&one]).await.expect(200)),
        ["unchanged"]
    );
    assert_eq!(seen().await, ["Van 2", "wil"]);
    let entries = audited(&company, "groups.").await;
    snapshot!("groups_audited", json!(entries));
}

#[tokio::test]
async fn a_deleted_group_shows_nobody_any_more() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let vans = make(owner, "fleet", "Vans").await;
    let kept = make(owner, "tag", "Kept").await;
    let van = owner
        .add(json!({ "external_id": "Van 1", "groups": [vans] }))
        .await;
    let _ = owner
        .add(json!({ "external_id": "Van 2", "groups": [kept] }))
        .await;
    let _ = watcher(&world, owner, "wil", &[&vans, &kept]).await;
    assert_eq!(owner.delete(&path(&vans)).await.status, 204);
    assert_eq!(owner.get(&path(&vans)).await.refused(404), "not_found");
    assert_eq!(owner.delete(&path(&vans)).await.refused(404), "not_found");
    assert_eq!(
        put_in(owner, &vans, &[&van]).await.refused(404),
        "not_found"
    );
    let again = world.sign_in("wil@watchers.example").await;
    assert_eq!(
        names(&again.get("/v1/users").await.expect(200)),
        ["Van 2", "wil"]
    );
    // The name is free again, and the new fleet is another one.
    let _ = make(owner, "fleet", "Vans").await;
    let again = world.sign_in("wil@watchers.example").await;
    assert_eq!(
        names(&again.get("/v1/users").await.expect(200)),
        ["Van 2", "wil"]
    );
}

#[tokio::test]
async fn groups_are_listed_by_name_in_pages() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    for name in ["echo", "Alpha", "delta", "Bravo", "Über", "charlie"] {
        let kind = if name.len() == 5 { "tag" } else { "fleet" };
        let _ = make(owner, kind, name).await;
    }
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = owner
            .get(&format!("/v1/groups?limit=2{cursor}"))
            .await
            .expect(200);
        assert!(listed(&page).len() <= 2);
        all.extend(listed(&page));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(all, ["Alpha", "Bravo", "charlie", "delta", "echo", "Über"]);
    let found =
        async |query: &str| listed(&owner.get(&format!("/v1/groups?{query}")).await.expect(200));
    assert_eq!(found("kind=tag").await, ["Alpha", "Bravo", "delta", "Über"]);
    assert_eq!(found("kind=tag&limit=3").await.len(), 3);
    assert_eq!(found(&format!("name={}", encoded("ü"))).await, ["Über"]);
    assert_eq!(found("name=zulu").await, Vec::<String>::new());
    let faulty = owner.get("/v1/groups?limit=0&cursor=%21").await;
    assert_eq!(
        faulty.faults(),
        ["cursor: invalid_cursor", "limit: out_of_range"]
    );
    assert_eq!(
        owner.get("/v1/groups?kind=herd").await.faults(),
        ["kind: invalid_value"]
    );
    let other = world.company("South").await.owner;
    assert_eq!(
        listed(&other.get("/v1/groups").await.expect(200)),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_group_is_renamed_under_a_version_and_its_kind_stays() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let vans = path(&make(owner, "fleet", "Vans").await);
    let _ = make(owner, "tag", "Trucks").await;
    let name = |name: &str| json!({ "name": name });
    let without = owner.request(Method::PUT, &vans).json(&name("Lorries"));
    assert_eq!(
        owner.send(without).await.refused(428),
        "precondition_required"
    );
    assert_eq!(
        owner.put(&vans, 2, name("Lorries")).await.refused(412),
        "precondition_failed"
    );
    assert_eq!(
        owner.put(&vans, 1, name("TRUCKS")).await.refused(409),
        "name_taken"
    );
    let renamed = owner.put(&vans, 1, name("Lorries")).await;
    assert_eq!(renamed.headers["etag"], "\"2\"");
    let renamed = renamed.expect(200);
    assert_eq!(
        (&renamed["name"], &renamed["kind"]),
        (&json!("Lorries"), &json!("fleet"))
    );
    assert_eq!(
        owner.put(&vans, 1, name("Vans")).await.refused(412),
        "precondition_failed"
    );
    assert_eq!(
        owner.put(&vans, 2, name("Lorries")).await.expect(200),
        renamed
    );
    let _ = make(owner, "tag", "vans").await;
    let kind = json!({ "name": "Lorries", "kind": "tag" });
    assert_eq!(
        owner.put(&vans, 2, kind).await.faults(),
        ["kind: invalid_value"]
    );
    assert_eq!(
        owner.put(&vans, 2, name(" ")).await.faults(),
        ["name: required"]
    );
    let kind = json!({ "name": "Herd", "kind": "herd" });
    assert_eq!(
        owner.post("/v1/groups", kind).await.faults(),
        ["kind: invalid_value"]
    );
}

#[tokio::test]
async fn who_sees_a_part_moves_users_within_it_only() {
    let world = World::start().await;
    let assigned = json!({ "policy": { "standard_sees": "assigned" } });
    let company = world.company_with("North", assigned).await;
    let owner = &company.owner;
    let (vans, tag) = (
        make(owner, "fleet", "Vans").await,
        make(owner, "tag", "Night").await,
    );
    let hidden = make(owner, "fleet", "Hidden").await;
    let form = json!({ "name": "Groups", "permissions": ["groups.manage"] });
    let role = text(&owner.post("/v1/roles", form).await.expect(201)["id"]);
    let form = json!({ "email": "gus@colleagues.example", "first_name": "Gus", "class": "standard", "roles": [role],
        "scope": { "groups": [vans, tag] }, "invite": true });
    let _ = owner.add(form).await;
    let manager = world
        .activate("gus@colleagues.example", "gus.colleague")
        .await;
    let van = owner
        .add(json!({ "external_id": "Van 1", "groups": [vans] }))
        .await;
    let truck = owner
        .add(json!({ "external_id": "Truck 1", "groups": [hidden] }))
        .await;

    assert_eq!(
        listed(&manager.get("/v1/groups").await.expect(200)),
        ["Night", "Vans"]
    );
    assert_eq!(
        codes(&put_in(&manager, &tag, &[&van, &truck]).await.expect(200)),
        ["done", "user_not_found"]
    );
    let owners = put_in(&manager, &tag, &[&owner.user]).await.expect(200);
    assert_eq!(codes(&owners), ["user_not_found"]);
    assert_eq!(
        codes(&take_out(&manager, &tag, &[&van]).await.expect(200)),
        ["done"]
    );
    let last = take_out(&manager, &vans, &[&van]).await.expect(200);
    assert_eq!(
        codes(&last),
        ["beyond_your_rights"],
        "it would see the van no more"
    );
    assert_eq!(
        put_in(&manager, &hidden, &[&van]).await.refused(404),
        "not_found"
    );
    assert_eq!(manager.get(&path(&hidden)).await.refused(404), "not_found");
    let form = json!({ "kind": "tag", "name": "Day" });
    assert_eq!(
        manager.post("/v1/groups", form.clone()).await.refused(403),
        "forbidden"
    );
    assert_eq!(
        manager
            .put(&path(&vans), 1, json!({ "name": "A" }))
            .await
            .refused(403),
        "forbidden"
    );
    assert_eq!(manager.delete(&path(&vans)).await.refused(403), "forbidden");
}

#[tokio::test]
async fn a_user_is_in_forty_groups_at_most() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let mut groups = Vec::new();
    for n in 0..41 {
        groups.push(make(owner, "tag", &format!("Tag {n}")).await);
    }
    let van = owner
        .add(json!({ "external_id": "Van 1", "groups": groups[..40] }))
        .await;
    assert_eq!(
        codes(&put_in(owner, &groups[40], &[&van]).await.expect(200)),
        ["too_many_groups"]
    );
    assert_eq!(
        codes(&take_out(owner, &groups[0], &[&van]).await.expect(200)),
        ["done"]
    );
    assert_eq!(
        codes(&put_in(owner, &groups[40], &[&van]).await.expect(200)),
        ["done"]
    );
}

#[tokio::test]
async fn hundreds_are_moved_at_once_and_each_gets_an_outcome() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let rows: String = (0..250).map(|n| format!("F-{n}\n")).collect();
    let import = owner.upload_import(format!("External ID\n{rows}")).await;
    let _ = owner.commit_import(&import).await;
    let page = owner
        .get("/v1/users?external_id=F-&limit=200")
        .await
        .expect(200);
    let next = format!(
        "/v1/users?external_id=F-&limit=200&cursor={}",
        text(&page["next"])
    );
    let rest = owner.get(&next).await.expect(200);
    let users = [&page, &rest]
        .into_iter()
        .flat_map(|page| page["users"].as_array().unwrap());
    let users: Vec<String> = users.map(|user| text(&user["id"])).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    assert_eq!(users.len(), 250);
    let vans = make(owner, "fleet", "Vans").await;
    let both = tokio::join!(
        put_in(owner, &vans, &users[..200]),
        put_in(owner, &vans, &users[50..])
    );
    let (one, two) = (both.0.expect(200), both.1.expect(200));
    assert_eq!((&one["refused"], &two["refused"]), (&json!(0), &json!(0)));
    let watcher = watcher(&world, owner, "wil", &[&vans]).await;
    let first = watcher.get("/v1/users?limit=200").await.expect(200);
    let next = format!("/v1/users?limit=200&cursor={}", text(&first["next"]));
    let rest = watcher.get(&next).await.expect(200);
    assert_eq!(names(&first).len() + names(&rest).len(), 251, "and itself");
    let faulty = put_in(owner, &vans, &[]).await;
    assert_eq!(faulty.faults(), ["users: out_of_range"]);
}

#[tokio::test]
async fn the_same_request_twice_makes_one_group_and_moves_once() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let form = json!({ "kind": "fleet", "name": "Vans" });
    let first = owner
        .post_once("/v1/groups", "k1", form.clone())
        .await
        .expect(201);
    assert_eq!(
        owner
            .post_once("/v1/groups", "k1", form.clone())
            .await
            .expect(201),
        first
    );
    assert_eq!(
        owner.post("/v1/groups", form).await.refused(409),
        "name_taken"
    );
    let van = owner.add(json!({ "external_id": "Van 1" })).await;
    let add = format!("{}/add", path(&text(&first["id"])));
    let users = json!({ "users": [van] });
    let done = owner.post_once(&add, "k2", users.clone()).await.expect(200);
    assert_eq!(owner.post_once(&add, "k2", users).await.expect(200), done);
    assert_eq!(audited(&company, "groups.add").await.len(), 1);
}

#[tokio::test]
async fn groups_are_managed_by_whoever_may_and_in_the_own_company_only() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let vans = make(owner, "fleet", "Vans").await;
    let (group, form, name) = (
        path(&vans),
        json!({ "kind": "tag", "name": "T" }),
        json!({ "name": "T" }),
    );
    let nobody = world.nobody();
    for answer in [
        nobody.get("/v1/groups").await,
        nobody.get(&group).await,
        nobody.post("/v1/groups", form.clone()).await,
        nobody.put(&group, 1, name.clone()).await,
        nobody.delete(&group).await,
        put_in(&nobody, &vans, &[&owner.user]).await,
        take_out(&nobody, &vans, &[&owner.user]).await,
    ] {
        assert_eq!(answer.refused(401), "unauthenticated");
    }
    let manager = owner.colleague("mia", "standard", &["user_manager"]).await;
    for answer in [
        manager.post("/v1/groups", form).await,
        manager.put(&group, 1, name.clone()).await,
        manager.delete(&group).await,
    ] {
        assert_eq!(answer.refused(403), "forbidden");
    }
    // Groups are a field of users as well: whoever edits users moves them, and nobody else.
    let driver = owner.add(json!({ "external_id": "D-1" })).await;
    for moved in [
        put_in(&manager, &vans, &[&driver, &owner.user]).await,
        take_out(&manager, &vans, &[&driver, &owner.user]).await,
    ] {
        assert_eq!(codes(&moved.expect(200)), ["done", "beyond_your_rights"]);
    }
    let clerk = owner.colleague("cleo", "standard", &["licence_manager"]);
    let clerk = clerk.await;
    for answer in [
        put_in(&clerk, &vans, &[&driver]).await,
        take_out(&clerk, &vans, &[&driver]).await,
    ] {
        assert_eq!(answer.refused(403), "forbidden");
    }
    let other = world.company("South").await.owner;
    for answer in [
        other.get(&group).await,
        other.put(&group, 1, name).await,
        other.delete(&group).await,
        put_in(&other, &vans, &[&other.user]).await,
        take_out(&other, &vans, &[&other.user]).await,
    ] {
        assert_eq!(answer.refused(404), "not_found");
    }
    let own = make(&other, "fleet", "Vans").await;
    let foreign = put_in(&other, &own, &[&owner.user]).await.expect(200);
    assert_eq!(codes(&foreign), ["user_not_found"]);
}
