//! Beginning, looking at, committing and cancelling imports: who may, and when.

use jiff::SignedDuration;
use muster_tests::world::{World, text};
use reqwest::Method;
use serde_json::{Value, json};

use super::{audited, data, download, import, new_users, outcomes, put, show, user};

const FILE: &str = "External ID,Last Name\nA-1,Lee\n";

#[tokio::test]
async fn an_import_shows_at_every_step_where_it_stands() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let answer = owner
        .post("/v1/imports", json!({ "file_name": " Fahrer März.csv " }))
        .await;
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let begun = answer.expect(201);
    assert_eq!(location, format!("/v1/imports/{}", text(&begun["id"])));
    assert_eq!(
        (&begun["state"], &begun["file_name"]),
        (&json!("uploading"), &json!("Fahrer März.csv"))
    );
    assert_eq!(
        begun["begun_by"],
        json!({ "kind": "user", "id": owner.user })
    );
    assert_eq!(begun["upload"]["method"], "PUT");
    assert_eq!(
        (&begun["plan_url"], &begun["report_url"]),
        (&Value::Null, &Value::Null)
    );

    world.wait(SignedDuration::from_secs(5)).await;
    assert_eq!(world.upload(&begun["upload"], FILE).await, 200);
    world.stack.settled().await;
    let ready = show(owner, &begun).await;
    assert_eq!(
        (&ready["state"], &ready["upload"]),
        (&json!("ready"), &Value::Null)
    );
    assert_eq!(
        ready["planned"],
        json!({ "created": 1, "updated": 0, "unchanged": 0, "refused": 0 })
    );
    assert_eq!(
        ready["done"],
        json!({ "created": 0, "updated": 0, "unchanged": 0, "refused": 0 })
    );
    assert_eq!(ready["created_at"], "2026-03-02T08:00:00.000Z");
    assert_eq!(ready["updated_at"], "2026-03-02T08:00:05.000Z");
    assert_eq!(
        (
            outcomes(&download(&world, &ready["plan_url"]).await),
            &ready["report_url"]
        ),
        (vec!["2 created".to_owned()], &Value::Null)
    );

    let done = owner.commit_import(&ready).await;
    assert_eq!(
        (&done["state"], &done["done"]),
        (&json!("done"), &ready["planned"])
    );
    assert!(download(&world, &done["plan_url"]).await.contains("A-1"));
    assert!(download(&world, &done["report_url"]).await.contains("A-1"));
    assert_eq!(user(owner, "A-1").await["last_name"], "Lee");
}

#[tokio::test]
async fn the_list_has_the_newest_import_first_without_addresses() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    assert_eq!(
        owner.get("/v1/imports").await.expect(200),
        json!({ "imports": [] })
    );
    let first = owner.upload_import("External ID\n\"").await;
    world.wait(SignedDuration::from_secs(1)).await;
    let second = owner
        .upload_import("External ID,Email\nA-1,no address\n")
        .await;
    let listed = owner.get("/v1/imports").await.expect(200);
    let of = |name: &str| {
        let imports = listed["imports"].as_array().unwrap().iter();
        imports
            .map(|import| import[name].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("id"), [second["id"].clone(), first["id"].clone()]);
    assert_eq!(of("state"), ["ready", "invalid"]);
    for name in ["plan_url", "report_url", "upload"] {
        assert_eq!(of(name), [Value::Null, Value::Null], "{name}");
    }
    assert_eq!(
        (of("problems"), second["problems"].as_array().unwrap().len()),
        (vec![json!([]), json!([])], 1)
    );
}

#[tokio::test]
async fn the_sample_file_can_be_imported_as_it_is() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let sample = owner.get("/v1/imports/sample").await;
    assert_eq!(sample.status, 200);
    assert_eq!(sample.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(
        sample.headers["content-disposition"],
        "attachment; filename=\"muster-sample.csv\""
    );
    let (done, report) = import(&world, owner, sample.text.clone()).await;
    assert_eq!(
        (&done["state"], &done["ignored_columns"]),
        (&json!("done"), &json!([]))
    );
    assert_eq!(
        outcomes(&report),
        ["2 created", "3 created", "4 created", "5 created"]
    );
}

#[tokio::test]
async fn only_a_plan_that_is_ready_can_be_committed() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let commit = async |import: &Value| {
        let path = format!("/v1/imports/{}/commit", text(&import["id"]));
        owner.post(&path, json!({})).await
    };
    let begun = owner.post("/v1/imports", json!({})).await.expect(201);
    assert_eq!(commit(&begun).await.refused(409), "import_not_ready");
    let invalid = owner.upload_import("Email\n").await;
    assert_eq!(invalid["state"], "invalid");
    assert_eq!(commit(&invalid).await.refused(409), "import_not_ready");
    assert_eq!(audited(&world, "imports.commit"), 0);
}

#[tokio::test]
async fn an_import_is_committed_and_shown_only_while_its_files_are_there() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let early = company.owner.upload_import(FILE).await;
    let late = company.owner.upload_import(FILE).await;
    let path = |import: &Value| format!("/v1/imports/{}", text(&import["id"]));
    let second = SignedDuration::from_secs(1);
    world
        .wait(SignedDuration::from_hours(27 * 24) - second)
        .await;
    let owner = world.sign_in(&company.owner_email).await;
    assert_eq!(owner.commit_import(&early).await["state"], "done");

    // Nobody knows whether the plan would be there to the end.
    world.stack.clock().advance(second);
    let commit = format!("{}/commit", path(&late));
    let refused = owner.post(&commit, json!({})).await;
    assert_eq!(refused.refused(409), "import_not_ready");
    assert_eq!(show(&owner, &late).await["state"], "ready");

    // The table removes what is over when it likes.
    world.stack.clock().advance(SignedDuration::from_hours(24));
    let owner = world.sign_in(&company.owner_email).await;
    for import in [early, late] {
        let gone = owner.get(&path(&import)).await;
        assert_eq!(gone.refused(404), "not_found");
    }
    assert_eq!(
        owner.get("/v1/imports").await.expect(200)["imports"],
        json!([])
    );
}

#[tokio::test]
async fn committing_twice_commits_once() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let ready = owner.upload_import(FILE).await;
    let path = format!("/v1/imports/{}/commit", text(&ready["id"]));
    let (one, two) = tokio::join!(owner.post(&path, json!({})), owner.post(&path, json!({})));
    for answer in [one, two] {
        let state = text(&answer.expect(202)["state"]);
        assert!(state == "importing" || state == "done", "{state}");
    }
    world.stack.settled().await;
    let before = data(&world);
    assert_eq!(
        owner.post(&path, json!({})).await.expect(202)["state"],
        "done"
    );
    world.stack.settled().await;
    assert_eq!(data(&world), before);
    assert_eq!(
        (
            audited(&world, "imports.commit"),
            audited(&world, "users.import")
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn a_cancelled_import_stays_cancelled_whatever_comes() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let before = data(&world);
    for upload_first in [false, true] {
        let begun = owner.post("/v1/imports", json!({})).await.expect(201);
        if upload_first {
            assert_eq!(world.upload(&begun["upload"], FILE).await, 200);
            world.stack.settled().await;
        }
        let path = format!("/v1/imports/{}", text(&begun["id"]));
        for _ in 0..2 {
            let cancelled = owner
                .post(&format!("{path}/cancel"), json!({}))
                .await
                .expect(200);
            assert_eq!(cancelled["state"], "cancelled");
            assert_eq!(
                (&cancelled["plan_url"], &cancelled["upload"]),
                (&Value::Null, &Value::Null)
            );
        }
        assert_eq!(
            owner
                .post(&format!("{path}/commit"), json!({}))
                .await
                .refused(409),
            "import_not_ready"
        );
        world.wait(SignedDuration::from_secs(1)).await;
        assert_eq!(world.upload(&begun["upload"], FILE).await, 200);
        world.stack.settled().await;
        assert_eq!(show(owner, &begun).await["state"], "cancelled");
    }
    assert_eq!(data(&world), before);
    assert_eq!(audited(&world, "imports.cancel"), 2);
}

#[tokio::test]
async fn a_committed_import_cannot_be_cancelled() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let (done, _) = import(&world, owner, FILE).await;
    let path = format!("/v1/imports/{}/cancel", text(&done["id"]));
    assert_eq!(
        owner.post(&path, json!({})).await.refused(409),
        "import_not_cancellable"
    );
    assert_eq!(show(owner, &done).await["state"], "done");
}

#[tokio::test]
async fn of_commit_and_cancel_at_once_one_wins() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    for round in 0..5 {
        let ready = owner.upload_import(new_users(round, 1)).await;
        let path = format!("/v1/imports/{}", text(&ready["id"]));
        let (commit, cancel) = (format!("{path}/commit"), format!("{path}/cancel"));
        let (committed, cancelled) = tokio::join!(
            owner.post(&commit, json!({})),
            owner.post(&cancel, json!({}))
        );
        world.stack.settled().await;
        let state = text(&show(owner, &ready).await["state"]);
        let found = owner
            .get(&format!("/v1/users?external_id=N-{round}"))
            .await
            .expect(200);
        let created = found["users"].as_array().unwrap().len();
        let seen = (committed.status, cancelled.status, state.as_str(), created);
        assert!(
            matches!(seen, (202, 409, "done", 1) | (409, 200, "cancelled", 0)),
            "{seen:?}"
        );
    }
}

#[tokio::test]
async fn beginning_again_with_the_same_key_is_the_same_import() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let one = owner
        .post_once("/v1/imports", "monday", json!({}))
        .await
        .expect(201);
    let two = owner
        .post_once("/v1/imports", "monday", json!({}))
        .await
        .expect(201);
    let other = owner
        .post_once("/v1/imports", "tuesday", json!({}))
        .await
        .expect(201);
    assert_eq!(one["id"], two["id"]);
    assert_ne!(one["id"], other["id"]);
    assert_eq!(world.upload(&two["upload"], FILE).await, 200);
    world.stack.settled().await;
    assert_eq!(show(owner, &one).await["state"], "ready");
    assert_eq!(
        owner.get("/v1/imports").await.expect(200)["imports"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(audited(&world, "imports.start"), 2);
}

#[tokio::test]
async fn a_faulty_beginning_is_told() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let faults = owner
        .post("/v1/imports", json!({ "file_name": "x".repeat(201) }))
        .await
        .faults();
    assert_eq!(faults, ["file_name: too_long"]);
    let faults = owner
        .post("/v1/imports", json!({ "file_name": "a\nb" }))
        .await
        .faults();
    assert_eq!(faults, ["file_name: control_character"]);
    assert_eq!(
        owner.get("/v1/imports").await.expect(200),
        json!({ "imports": [] })
    );
}

#[tokio::test]
async fn every_door_asks_for_a_token_and_the_right() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let ready = company.owner.upload_import(FILE).await;
    let id = text(&ready["id"]);
    let auditor = company
        .owner
        .colleague("audrey", "standard", &["auditor"])
        .await;
    let limited = company.owner.colleague("lim", "limited", &[]).await;
    let manager = company
        .owner
        .colleague("uma", "standard", &["user_manager"])
        .await;
    let routes = [
        (Method::POST, "/v1/imports".to_owned()),
        (Method::GET, "/v1/imports".to_owned()),
        (Method::GET, "/v1/imports/sample".to_owned()),
        (Method::GET, format!("/v1/imports/{id}")),
        (Method::POST, format!("/v1/imports/{id}/commit")),
        (Method::POST, format!("/v1/imports/{id}/cancel")),
    ];
    for (method, path) in routes {
        let ask = async |actor: &muster_tests::world::Actor<'_>| {
            actor
                .send(actor.request(method.clone(), &path).json(&json!({})))
                .await
        };
        assert_eq!(
            ask(&world.nobody()).await.refused(401),
            "unauthenticated",
            "{method} {path}"
        );
        assert_eq!(
            ask(&auditor).await.refused(403),
            "forbidden",
            "{method} {path}"
        );
        assert_eq!(
            ask(&limited).await.refused(403),
            "forbidden",
            "{method} {path}"
        );
        if method == Method::GET {
            assert_eq!(ask(&manager).await.status, 200, "{method} {path}");
        }
    }
    assert_eq!(show(&company.owner, &ready).await["state"], "ready");
}

#[tokio::test]
async fn another_companys_import_is_not_found() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let other = world.company("Southwind").await;
    let ready = company.owner.upload_import(FILE).await;
    for id in [
        text(&ready["id"]),
        "imp_0000000000000000".to_owned(),
        "sample.csv".to_owned(),
    ] {
        let path = format!("/v1/imports/{id}");
        assert_eq!(
            other.owner.get(&path).await.refused(404),
            "not_found",
            "{id}"
        );
        for order in ["commit", "cancel"] {
            let answer = other
                .owner
                .post(&format!("{path}/{order}"), json!({}))
                .await;
            assert_eq!(answer.refused(404), "not_found", "{order} {id}");
        }
    }
    assert_eq!(
        other.owner.get("/v1/imports").await.expect(200),
        json!({ "imports": [] })
    );
    assert_eq!(show(&company.owner, &ready).await["state"], "ready");
}

#[tokio::test]
async fn only_who_began_an_import_is_told_where_to_put_its_file() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let manager = company
        .owner
        .colleague("uma", "standard", &["user_manager"])
        .await;
    let begun = company
        .owner
        .post("/v1/imports", json!({}))
        .await
        .expect(201);
    assert!(show(&company.owner, &begun).await["upload"].is_object());
    assert_eq!(
        show(&manager, &begun).await["upload"],
        Value::Null,
        "its file would be imported with an owner's rights"
    );
}

#[tokio::test]
async fn a_plan_made_with_an_owners_rights_is_committed_by_an_owner_alone() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let manager = owner.colleague("uma", "standard", &["user_manager"]).await;
    let ready = owner.upload_import(FILE).await;
    let path = format!("/v1/imports/{}/commit", text(&ready["id"]));
    let refused = manager.post(&path, json!({})).await.refused(403);
    assert_eq!(refused, "forbidden");
    assert_eq!(show(owner, &ready).await["state"], "ready");
    assert_eq!(owner.commit_import(&ready).await["state"], "done");

    // The other way round nobody exceeds themselves, nor with what the company's own job has dropped.
    let ready = manager.upload_import(new_users(0, 1)).await;
    assert_eq!(owner.commit_import(&ready).await["state"], "done");
    put(
        &world,
        &format!("drop/{}/x.csv", company.tenant),
        new_users(1, 1),
    )
    .await;
    let listed = manager.get("/v1/imports").await.expect(200);
    assert_eq!(
        manager.commit_import(&listed["imports"][0]).await["state"],
        "done"
    );
}
