//! What a user would see and may do, looked at before it finds out itself.

use muster_tests::world::{Actor, World, text};
use serde_json::{Value, json};

use crate::{names, snapshot};

async fn of_user(actor: &Actor<'_>, user: &str) -> Value {
    actor
        .get(&format!("/v1/users/{user}/preview"))
        .await
        .expect(200)
}

async fn of_form(actor: &Actor<'_>, form: Value) -> Value {
    actor.post("/v1/users/preview", form).await.expect(200)
}

async fn make(actor: &Actor<'_>, kind: &str, name: &str) -> String {
    let form = json!({ "kind": kind, "name": name });
    text(&actor.post("/v1/groups", form).await.expect(201)["id"])
}

#[tokio::test]
async fn a_preview_is_what_the_user_then_sees() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let vans = make(owner, "fleet", "Vans").await;
    let night = make(owner, "tag", "Night").await;
    for (name, groups) in [
        ("Van 1", vec![&vans]),
        ("Van 2", vec![&vans, &night]),
        ("Truck", vec![]),
    ] {
        let _ = owner
            .add(json!({ "external_id": name, "groups": groups }))
            .await;
    }
    let single = owner.add(json!({ "external_id": "Single" })).await;
    let scope = json!({ "groups": [vans, night], "users": [single] });
    let filled_in = of_form(owner, json!({ "scope": scope })).await;
    snapshot!("previewed_form", filled_in);

    let form = json!({ "email": "lee@north.example", "first_name": "Lee", "scope": scope, "invite": true });
    let lee = owner.add(form).await;
    let as_it_is = of_user(owner, &lee).await;
    assert_eq!(
        names(&as_it_is),
        ["Lee", "Single", "Van 1", "Van 2"],
        "everybody sees themself"
    );
    assert_eq!(as_it_is["sight"], filled_in["sight"]);
    let actor = world.activate("lee@north.example", "lee.north").await;
    let seen = actor.get("/v1/users").await.expect(200);
    assert_eq!(names(&seen), names(&as_it_is));
    assert_eq!(of_user(&actor, &lee).await["sight"], as_it_is["sight"]);

    // What is deleted shows nobody, in the preview as in truth.
    assert_eq!(
        owner.delete(&format!("/v1/groups/{vans}")).await.status,
        204
    );
    let fewer = of_user(owner, &lee).await;
    assert_eq!(
        fewer["sight"]["words"],
        "Whoever is in the tag Night, and 1 single user."
    );
    assert_eq!(names(&fewer), ["Lee", "Single", "Van 2"]);
}

#[tokio::test]
async fn a_preview_tells_permissions_and_reach_of_every_class() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let form = json!({ "name": "Yard", "permissions": ["licences.assign"] });
    let role = text(&owner.post("/v1/roles", form).await.expect(201)["id"]);
    let told = async |form: Value| {
        let preview = of_form(owner, form).await;
        (
            preview["sight"]["words"].clone(),
            preview["permissions"].clone(),
        )
    };
    let (nobody, everybody) = (
        json!("Nobody but itself."),
        json!("Everybody in the company."),
    );
    assert_eq!(told(json!({})).await, (nobody, json!(["users.read"])));
    let standard = json!({ "class": "standard", "roles": [role] });
    let permissions = json!(["users.read", "licences.assign"]);
    assert_eq!(told(standard).await, (everybody.clone(), permissions));
    let (words, permissions) = told(json!({ "class": "owner" })).await;
    assert_eq!(
        (words, permissions.as_array().unwrap().len()),
        (everybody.clone(), 12)
    );
    let all = json!({ "scope": { "all": true } });
    assert_eq!(told(all).await.0, everybody);
    let own = of_user(owner, &owner.user).await;
    assert_eq!(own["permissions"].as_array().unwrap().len(), 12);
    assert_eq!(names(&own), ["Olivia Owner"]);
}

#[tokio::test]
async fn a_preview_shows_nobody_whom_the_caller_does_not_see_itself() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let vans = make(owner, "fleet", "Vans").await;
    let _ = owner
        .add(json!({ "external_id": "Van", "groups": [vans] }))
        .await;
    let boss = owner.colleague("boss", "standard", &[]).await;
    let scope = json!({ "groups": [vans], "users": [boss.user] });
    let form = json!({ "email": "lee@north.example", "first_name": "Lee", "scope": scope, "invite": true });
    let _ = owner.add(form).await;
    let lee = world.activate("lee@north.example", "lee.north").await;
    let preview = of_user(&lee, &boss.user).await;
    assert_eq!(preview["sight"]["reach"], "all");
    assert_eq!(names(&preview), ["boss", "Lee", "Van"]);
    assert_eq!(names(&of_user(&boss, &boss.user).await).len(), 4);
}

#[tokio::test]
async fn a_preview_comes_in_pages() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    for n in 0..5 {
        let _ = owner.add(json!({ "external_id": format!("V {n}") })).await;
    }
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/users/preview?limit=2{cursor}");
        let page = owner
            .post(&path, json!({ "class": "owner" }))
            .await
            .expect(200);
        all.extend(names(&page));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(all, ["Olivia Owner", "V 0", "V 1", "V 2", "V 3", "V 4"]);
    let path = format!("/v1/users/{}/preview?limit=201&cursor=%21", owner.user);
    assert_eq!(
        owner.get(&path).await.faults(),
        ["cursor: invalid_cursor", "limit: out_of_range"]
    );
}

#[tokio::test]
async fn rights_are_previewed_by_whoever_may_give_them() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let other = world.company("South").await.owner;
    let path = format!("/v1/users/{}/preview", owner.user);
    assert_eq!(
        world.nobody().get(&path).await.refused(401),
        "unauthenticated"
    );
    assert_eq!(other.get(&path).await.refused(404), "not_found");
    let post = async |actor: &Actor<'_>, form: Value| actor.post("/v1/users/preview", form).await;
    assert_eq!(
        post(&world.nobody(), json!({})).await.refused(401),
        "unauthenticated"
    );
    let limited = owner.colleague("lee", "limited", &[]).await;
    assert_eq!(post(&limited, json!({})).await.refused(403), "forbidden");
    assert_eq!(limited.get(&path).await.refused(404), "not_found");
    let manager = owner.colleague("mia", "standard", &["user_manager"]).await;
    assert_eq!(post(&manager, json!({})).await.status, 200);
    let above = post(&manager, json!({ "class": "owner" })).await;
    assert_eq!(above.refused(403), "beyond_your_rights");
    let faulty = json!({ "class": "king", "roles": ["boss"], "scope": { "groups": ["grp_"] }, "account": "x" });
    assert_eq!(
        post(owner, faulty).await.faults(),
        [
            "class: unknown_class",
            "roles[0]: unknown_role",
            "scope.groups[0]: invalid_id",
            "account: invalid_id"
        ]
    );
    let group = make(&other, "fleet", "Vans").await;
    let foreign = json!({ "roles": ["rol_0000000000000000"], "scope": { "groups": [group], "users": [other.user] } });
    assert_eq!(
        post(owner, foreign).await.faults(),
        [
            "scope.groups: unknown_group",
            "scope.users: unknown_user",
            "roles: unknown_role"
        ]
    );
    assert_eq!(
        post(owner, json!({ "name": "x" })).await.faults(),
        ["name: invalid_value"]
    );
}

#[tokio::test]
async fn a_preview_names_no_group_and_nobody_that_the_caller_does_not_see() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let vans = make(owner, "fleet", "Secret vans").await;
    let single = owner.add(json!({ "external_id": "Single" })).await;
    let form = json!({
        "person": { "email": "chief@wheels.example" },
        "account": { "kind": "client", "name": "Wheels" },
    });
    let invited = owner.post("/v1/invitations", form).await.expect(201);
    let chief = world.activate("chief@wheels.example", "chief").await;
    let scope = json!({ "groups": [vans], "users": [single, invited["id"]] });
    let driver = json!({ "external_id": "D-1", "account": invited["account"], "scope": scope });
    let driver = owner.add(driver).await;
    let sight = of_user(owner, &driver).await["sight"].clone();
    assert_eq!(
        sight["words"],
        "Whoever is in the fleet Secret vans, and 2 single users."
    );
    let sight = of_user(&chief, &driver).await["sight"].clone();
    assert_eq!(
        (&sight["words"], &sight["groups"], &sight["users"]),
        (
            &json!("1 single user."),
            &json!([]),
            &json!([invited["id"]])
        )
    );
    assert_eq!(
        of_user(&chief, &chief.user).await["sight"]["words"],
        "Whoever belongs to the account Wheels or one below."
    );
}
