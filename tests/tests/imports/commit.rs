//! What a commit writes, what it leaves alone, and what it says of rows that can no longer be done.

use jiff::SignedDuration;
use muster_local::Options;
use muster_tests::world::{Actor, World, text};
use serde_json::{Value, json};

use super::{audited, data, import, new_users, outcomes, rows, show, user};

const PEOPLE: &str = "External ID,Email,First Name,Last Name,Phone Number,Employee Number,Kind\n\
    P-1,ann@people.example,Ann,Lee,+4915112345678,17,person\n\
    P-2,bob@people.example,Bob,Ray,,,\n\
    T-1,,,,,,vehicle\n";

/// The fields of a user that a file can say.
fn fields(user: &Value) -> Vec<Value> {
    [
        "external_id",
        "email",
        "first_name",
        "last_name",
        "phone",
        "employee_number",
        "kind",
    ]
    .map(|field| user[field].clone())
    .to_vec()
}

#[tokio::test]
async fn an_import_creates_users_as_the_file_says() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let (done, report) = import(&world, owner, PEOPLE).await;
    assert_eq!(done["state"], "done");
    assert_eq!(outcomes(&report), ["2 created", "3 created", "4 created"]);
    let ann = user(owner, "P-1").await;
    assert_eq!(
        fields(&ann),
        [
            "P-1",
            "ann@people.example",
            "Ann",
            "Lee",
            "+4915112345678",
            "17",
            "person"
        ]
        .map(Value::from)
    );
    assert_eq!(
        (&ann["class"], &ann["roles"], &ann["status"]),
        (&json!("limited"), &json!([]), &json!("not_invited"))
    );
    assert_eq!(user(owner, "T-1").await["kind"], "vehicle");
    assert_eq!(
        world.mails_to("ann@people.example").await.len(),
        0,
        "an import invites nobody"
    );
    assert_eq!(audited(&world, "users.import"), 1);
}

#[tokio::test]
async fn blank_and_absent_cells_never_erase() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let _ = import(&world, owner, PEOPLE).await;
    let before = user(owner, "P-1").await;
    for file in [
        "External ID\nP-1\n",
        "External ID,Email,First Name,Last Name,Phone Number,Employee Number,Kind\nP-1,, ,\u{a0},,\"\",\n",
    ] {
        let (done, report) = import(&world, owner, file).await;
        assert_eq!(
            (text(&done["state"]), outcomes(&report)),
            ("done".into(), vec!["2 unchanged".to_owned()])
        );
        assert_eq!(user(owner, "P-1").await, before);
    }
    let (_, report) = import(
        &world,
        owner,
        "External ID,First Name,Last Name\nP-1,,Fox\n",
    )
    .await;
    assert_eq!(outcomes(&report), ["2 updated"]);
    let mut expected = fields(&before);
    expected[3] = json!("Fox");
    assert_eq!(fields(&user(owner, "P-1").await), expected);
}

#[tokio::test]
async fn the_same_file_again_changes_nothing_and_writes_nothing() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let file = format!("{PEOPLE}{}", "P-3,carl@people.example,Carl,Zoë,,,\n");
    let (first, _) = import(&world, owner, file.clone()).await;
    let (before, entries) = (data(&world), audited(&world, "users.import"));
    assert_eq!(first["done"]["created"], 4);
    world.wait(SignedDuration::from_hours(1)).await;
    let owner = &world.sign_in(&company.owner_email).await;
    let (before, signed_in) = (without_logins(before), without_logins(data(&world)));
    assert_eq!(signed_in, before, "signing in anew notes itself alone");

    let (again, report) = import(&world, owner, file).await;
    assert_eq!(
        (&again["state"], &again["done"]),
        (
            &json!("done"),
            &json!({ "created": 0, "updated": 0, "unchanged": 4, "refused": 0 })
        )
    );
    assert_eq!(
        outcomes(&report),
        ["2 unchanged", "3 unchanged", "4 unchanged", "5 unchanged"]
    );
    assert_eq!(without_logins(data(&world)), before);
    assert_eq!(audited(&world, "users.import"), entries);
}

/// A table without what signing in writes.
fn without_logins(mut table: super::Table) -> super::Table {
    table.retain(|(pk, _), _| !pk.starts_with("S#") && !pk.starts_with("R#"));
    for item in table.values_mut() {
        item.as_object_mut().unwrap().remove("last_login_at");
    }
    table
}

#[tokio::test]
async fn a_changed_cell_changes_that_user_alone() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let _ = import(&world, owner, PEOPLE).await;
    let bob = user(owner, "P-2").await;
    world.wait(SignedDuration::from_secs(60)).await;
    let mended = PEOPLE.replace("Ann,Lee", "Ann,Fox").replace("P-1,", "p-1,");
    let (done, report) = import(&world, owner, mended).await;
    assert_eq!(done["state"], "done");
    assert_eq!(
        outcomes(&report),
        ["2 updated", "3 unchanged", "4 unchanged"]
    );
    let ann = user(owner, "p-1").await;
    assert_eq!(
        (&ann["last_name"], &ann["name"], &ann["version"]),
        (&json!("Fox"), &json!("Ann Fox"), &json!(2))
    );
    assert_eq!(ann["updated_at"], "2026-03-02T08:01:00.000Z");
    assert_eq!(user(owner, "P-2").await, bob);
    let found = owner.get("/v1/users?name=ann%20f").await.expect(200);
    assert_eq!(found["users"].as_array().unwrap().len(), 1, "{found}");
}

#[tokio::test]
async fn the_report_has_a_line_for_each_row_and_can_be_mended_and_uploaded() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let file = "Depot;External ID;Last Name;Email;Note\r\n\
        North;R-1;Müller;mueller@people.example;\"two\r\nlines; =1\"\r\n\
        South;R-2;Ray;ray(at)people.example;\r\n\
        West;R-3;=Fox;;'quoted'\r\n\
        East;R-1;Twice;;\r\n";
    let (done, report) = import(&world, owner, file).await;
    assert_eq!(
        (&done["state"], &done["done"]),
        (
            &json!("done_with_errors"),
            &json!({ "created": 2, "updated": 0, "unchanged": 0, "refused": 2 })
        )
    );
    insta::assert_snapshot!(
        "report",
        report.trim_start_matches('\u{feff}').replace('\r', "\\r")
    );
    assert_eq!(user(owner, "R-3").await["last_name"], "=Fox");

    let mended = report
        .replace("ray(at)people", "ray@people")
        .replace("East,R-1", "East,R-4");
    let (done, second) = import(&world, owner, mended).await;
    assert_eq!(done["state"], "done");
    assert_eq!(
        outcomes(&second),
        ["2 unchanged", "4 created", "5 unchanged", "6 created"]
    );
    let original = |report: &str| {
        rows(report)
            .into_iter()
            .map(|row| row[4..].to_vec())
            .collect::<Vec<_>>()
    };
    let expected = original(
        &report
            .replace("ray(at)people", "ray@people")
            .replace("East,R-1", "East,R-4"),
    );
    assert_eq!(original(&second), expected);
    assert_eq!(user(owner, "R-2").await["email"], "ray@people.example");

    let (done, third) = import(&world, owner, second).await;
    assert_eq!(
        (&done["state"], &done["done"]["unchanged"]),
        (&json!("done"), &json!(4))
    );
    assert_eq!(original(&third), expected);
}

#[tokio::test]
async fn a_row_that_can_no_longer_be_done_as_planned_is_refused_alone() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let _ = import(&world, owner, PEOPLE).await;
    let file = "External ID,Email,Last Name\n\
        P-1,,Fox\n\
        P-2,,Roy\n\
        T-1,truck@people.example,\n\
        X-1,,New\n\
        X-2,x2@people.example,New\n\
        X-3,x3@people.example,New\n";
    let ready = owner.upload_import(file).await;
    assert_eq!(
        ready["planned"],
        json!({ "created": 3, "updated": 3, "unchanged": 0, "refused": 0 })
    );

    // Meanwhile somebody changes P-1, takes an ID and two addresses.
    let _ = import(&world, owner, "External ID,First Name\nP-1,Anna\n").await;
    let _ = owner.add(json!({ "external_id": "x-1" })).await;
    let _ = owner.add(json!({ "email": "X2@people.example" })).await;
    let _ = owner.add(json!({ "email": "truck@people.example" })).await;

    let done = owner.commit_import(&ready).await;
    assert_eq!(
        (&done["state"], &done["planned"]),
        (&json!("done_with_errors"), &ready["planned"])
    );
    assert_eq!(
        done["done"],
        json!({ "created": 1, "updated": 1, "unchanged": 0, "refused": 4 })
    );
    let report = super::download(&world, &done["report_url"]).await;
    assert_eq!(
        outcomes(&report),
        [
            "2 refused changed_since_plan",
            "3 updated",
            "4 refused email_taken",
            "5 refused external_id_taken",
            "6 refused email_taken",
            "7 created",
        ]
    );
    let ann = user(owner, "P-1").await;
    assert_eq!(
        (&ann["first_name"], &ann["last_name"]),
        (&json!("Anna"), &json!("Lee"))
    );
    assert_eq!(user(owner, "P-2").await["last_name"], "Roy");
    assert_eq!(user(owner, "X-3").await["email"], "x3@people.example");

    // The report, uploaded as it is, does what can be done now.
    let (done, report) = import(&world, owner, report).await;
    assert_eq!(done["state"], "done_with_errors");
    assert_eq!(outcomes(&report)[0], "2 updated");
}

#[tokio::test]
async fn of_two_plans_for_the_same_new_users_the_second_commit_refuses_each() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let (one, two) = (
        owner.upload_import(new_users(0, 200)).await,
        owner.upload_import(new_users(0, 200)).await,
    );
    let commit = |import: &Value| format!("/v1/imports/{}/commit", text(&import["id"]));
    let (first, second) = (commit(&one), commit(&two));
    let (a, b) = tokio::join!(
        owner.post(&first, json!({})),
        owner.post(&second, json!({}))
    );
    let _ = (a.expect(202), b.expect(202));
    world.stack.settled().await;
    let [one, two] = [show(owner, &one).await, show(owner, &two).await];
    let created = |import: &Value| import["done"]["created"].as_u64().unwrap();
    assert_eq!(created(&one) + created(&two), 200);
    for import in [one, two] {
        assert_eq!(
            created(&import) + import["done"]["refused"].as_u64().unwrap(),
            200,
            "{import}"
        );
        let report = super::download(&world, &import["report_url"]).await;
        let refused = outcomes(&report).into_iter().filter(|line| {
            line.ends_with("refused external_id_taken") || line.ends_with("refused email_taken")
        });
        assert_eq!(refused.count() as u64, 200 - created(&import));
    }
}

#[tokio::test]
async fn a_user_managers_file_cannot_change_an_owner() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let _ = owner
        .add(json!({ "external_id": "BOSS-2", "email": "boss2@people.example", "class": "owner" }))
        .await;
    let _ = owner
        .add(json!({ "external_id": "P-1", "last_name": "Lee" }))
        .await;
    let manager = owner.colleague("uma", "standard", &["user_manager"]).await;
    let boss = user(owner, "BOSS-2").await;
    let file =
        "External ID,Email,Last Name\nBOSS-2,mine@people.example,Lee\nP-1,,Fox\nBOSS-2-b,,\n";
    let (done, report) = import(&world, &manager, file).await;
    assert_eq!(done["begun_by"]["id"], manager.user);
    assert_eq!(
        outcomes(&report),
        ["2 refused beyond_your_rights", "3 updated", "4 created"]
    );
    assert_eq!(user(owner, "BOSS-2").await, boss);
    // What says nothing new about an owner is no change, and the owner may change another.
    let (_, report) = import(&world, &manager, "External ID\nBOSS-2\n").await;
    assert_eq!(outcomes(&report), ["2 unchanged"]);
    let (_, report) = import(&world, owner, "External ID,Last Name\nBOSS-2,Lee\n").await;
    assert_eq!(outcomes(&report), ["2 updated"]);
}

#[tokio::test]
async fn the_address_of_an_active_user_is_not_changed_by_a_file() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let _ = owner
        .add(json!({ "external_id": "P-1", "email": "ann@people.example", "invite": true }))
        .await;
    let _ = world.activate("ann@people.example", "ann").await;
    let before = user(owner, "P-1").await;
    let (_, report) = import(
        &world,
        owner,
        "External ID,Email,Last Name\nP-1,other@people.example,Lee\n",
    )
    .await;
    assert_eq!(outcomes(&report), ["2 refused email_needs_confirmation"]);
    assert_eq!(user(owner, "P-1").await, before);
    let (_, report) = import(
        &world,
        owner,
        "External ID,Email,Last Name\nP-1,ANN@people.example,Lee\n",
    )
    .await;
    assert_eq!(
        outcomes(&report),
        ["2 updated"],
        "another way to write the same address is no other address"
    );
    let _ = world.sign_in("ann@people.example").await;
}

#[tokio::test]
async fn a_new_address_of_an_invited_user_kills_the_link_to_the_old_one() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let _ = owner
        .add(json!({ "external_id": "P-1", "email": "wrong@people.example", "invite": true }))
        .await;
    let old = world.link_token("wrong@people.example").await;
    assert_eq!(link_state(&world, &old).await, "valid");
    let (_, report) = import(
        &world,
        owner,
        "External ID,Email\nP-1,right@people.example\n",
    )
    .await;
    assert_eq!(outcomes(&report), ["2 updated"]);
    assert_eq!(link_state(&world, &old).await, "revoked");
    let accept =
        json!({ "token": old, "username": "thief", "password": "a long enough passphrase" });
    assert_eq!(
        world
            .nobody()
            .post("/v1/activations", accept)
            .await
            .refused(410),
        "link_revoked"
    );
    let ann = user(owner, "P-1").await;
    assert_eq!(
        (&ann["status"], &ann["invitation"]),
        (&json!("not_invited"), &Value::Null)
    );

    // The old address is free, the new one can be invited.
    let _ = owner.add(json!({ "email": "wrong@people.example" })).await;
    let _ = owner
        .post("/v1/invitations", json!({ "users": [ann["id"]] }))
        .await
        .expect(200);
    let activated = world.activate("right@people.example", "right").await;
    assert_eq!(activated.user, text(&ann["id"]));
    assert_eq!(link_state(&world, &old).await, "used");
}

async fn link_state(world: &World, token: &str) -> String {
    let nobody: Actor<'_> = world.nobody();
    let checked = nobody
        .post("/v1/activations/check", json!({ "token": token }))
        .await;
    text(&checked.expect(200)["state"])
}

#[tokio::test]
async fn the_policys_required_fields_hold_for_new_rows() {
    let world = World::start().await;
    let policy =
        json!({ "policy": { "required_fields": ["external_id", "last_name"], "phone": "free" } });
    let company = world.company_with("Northwind", policy).await;
    let (_, report) = import(
        &world,
        &company.owner,
        "External ID,Last Name,Phone Number\nA-1,,\nA-2,Lee,ext. 12\n",
    )
    .await;
    assert_eq!(outcomes(&report), ["2 refused required", "3 created"]);
    let (_, report) = import(&world, &company.owner, "External ID,First Name\nA-2,Ann\n").await;
    assert_eq!(
        outcomes(&report),
        ["2 updated"],
        "what a user has need not be said again"
    );
}

#[tokio::test]
async fn where_the_policy_invites_at_once_an_import_invites_whom_it_adds() {
    let world = World::with(|options| Options {
        keep_history: true,
        ..options
    })
    .await;
    let policy = json!({ "policy": { "invite_on_create": "automatic" } });
    let company = world.company_with("Northwind", policy).await;
    let owner = &company.owner;
    let before = world.stack.inbox().all().len();
    let file = new_users(0, 120) + "T-1,,,\n";
    let (done, _) = import(&world, owner, file.clone()).await;
    assert_eq!(done["done"]["created"], 121);
    assert_eq!(world.stack.inbox().all().len(), before + 120);
    assert_eq!(user(owner, "N-7").await["status"], "activation_pending");
    assert_eq!(user(owner, "T-1").await["status"], "not_invited");
    let invited = world.activate("n7@new.example", "new.seven").await;
    assert_eq!(invited.user, text(&user(owner, "N-7").await["id"]));

    let (done, _) = import(&world, owner, file.replace("Ann 8,Lee", "Ann 8,Fox")).await;
    assert_eq!(
        (&done["done"]["updated"], &done["done"]["unchanged"]),
        (&json!(1), &json!(120))
    );
    world.stack.redeliver_all();
    world.stack.settled().await;
    assert_eq!(
        world.stack.inbox().all().len(),
        before + 120,
        "who was invited is not invited again"
    );
}
