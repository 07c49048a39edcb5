//! Files that a tenant's own job drops into the bucket.

use muster_tests::world::{World, text};
use serde_json::{Value, json};

use super::{audited, data, download, outcomes, put, user};

const FILE: &str = "External ID,Last Name\nA-1,Lee\nA-2,Ray\n";

#[tokio::test]
async fn a_dropped_file_waits_until_somebody_has_looked_at_the_plan() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let before = data(&world);
    put(&world, &format!("drop/{}/x.csv", company.tenant), FILE).await;
    assert_eq!(data(&world), before);
    let imports = owner.get("/v1/imports").await.expect(200);
    let import = &imports["imports"][0];
    assert_eq!(
        (
            &import["state"],
            &import["file_name"],
            &import["planned"]["created"]
        ),
        (&json!("ready"), &json!("x.csv"), &json!(2))
    );
    assert_eq!(
        import["begun_by"],
        json!({ "kind": "import", "id": import["id"] })
    );
    let done = owner.commit_import(import).await;
    assert_eq!(done["state"], "done");
    assert_eq!(
        outcomes(&download(&world, &done["report_url"]).await),
        ["2 created", "3 created"]
    );
    assert_eq!(
        (
            audited(&world, "imports.drop"),
            audited(&world, "imports.commit")
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn with_the_direct_policy_a_faultless_file_is_committed_at_once() {
    let world = World::start().await;
    let company = world
        .company_with(
            "Northwind",
            json!({ "policy": { "import_mode": "direct" } }),
        )
        .await;
    let owner = &company.owner;
    let key = format!("drop/{}/x.csv", company.tenant);
    put(&world, &key, FILE).await;
    assert_eq!(states(owner).await, ["done"]);
    assert_eq!(user(owner, "A-2").await["last_name"], "Ray");

    let before = data(&world);
    put(&world, &key, FILE).await;
    assert_eq!(
        states(owner).await,
        ["done", "done"],
        "each night's file is an import of its own"
    );
    assert_eq!(data(&world), before);

    put(&world, &key, "External ID,Email\nA-1,no address\nA-3,\n").await;
    assert_eq!(
        states(owner).await,
        ["ready", "done", "done"],
        "a file with a fault waits"
    );
    assert_eq!(data(&world), before);
    put(&world, &key, "").await;
    assert_eq!(states(owner).await[0], "invalid");
    // What comes through the API is always looked at first.
    assert_eq!(owner.upload_import(FILE).await["state"], "ready");
}

async fn states(owner: &muster_tests::world::Actor<'_>) -> Vec<String> {
    let imports = owner.get("/v1/imports").await.expect(200);
    let imports = imports["imports"].as_array().unwrap();
    imports
        .iter()
        .map(|import| text(&import["state"]))
        .collect()
}

#[tokio::test]
async fn a_dropped_file_cannot_change_an_owner() {
    let world = World::start().await;
    let company = world
        .company_with(
            "Northwind",
            json!({ "policy": { "import_mode": "direct" } }),
        )
        .await;
    let owner = &company.owner;
    let _ = owner
        .add(json!({ "external_id": "BOSS-2", "email": "boss2@people.example", "class": "owner" }))
        .await;
    let before = data(&world);
    put(
        &world,
        &format!("drop/{}/x.csv", company.tenant),
        "External ID,Email\nBOSS-2,mine@people.example\n",
    )
    .await;
    let imports = owner.get("/v1/imports").await.expect(200);
    let import = owner
        .get(&format!(
            "/v1/imports/{}",
            text(&imports["imports"][0]["id"])
        ))
        .await
        .expect(200);
    assert_eq!(
        (&import["state"], &import["problems"][0]["code"]),
        (&json!("ready"), &json!("beyond_your_rights"))
    );
    assert_eq!(data(&world), before);
}

#[tokio::test]
async fn files_that_are_nobodys_start_nothing() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let other = world.company("Southwind").await;
    let begun = company
        .owner
        .post("/v1/imports", json!({}))
        .await
        .expect(201);
    let id = text(&begun["id"]);
    let before = data(&world);
    for key in [
        "drop/tnt_0000000000000000/x.csv".to_owned(),
        "drop/nobody/x.csv".to_owned(),
        "drop/x.csv".to_owned(),
        format!("other/{}/x.csv", company.tenant),
        format!("uploads/{}/{id}.csv", other.tenant),
        format!("uploads/{}/imp_0000000000000000.csv", company.tenant),
        format!("uploads/{}/{id}.txt", company.tenant),
        format!("uploads/tnt_0000000000000000/{id}.csv"),
    ] {
        put(&world, &key, FILE).await;
        assert_eq!(json!(world.stack.dead_letters()), json!([]), "{key}");
    }
    assert_eq!(data(&world), before);
    let imports = company.owner.get("/v1/imports").await.expect(200);
    assert_eq!(
        (
            imports["imports"].as_array().unwrap().len(),
            &imports["imports"][0]["state"]
        ),
        (1, &json!("uploading"))
    );
    assert_eq!(
        other.owner.get("/v1/imports").await.expect(200),
        json!({ "imports": [] })
    );
}

#[tokio::test]
async fn a_dropped_file_may_have_any_name() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let names = [
        "Fahrer März + 100%.csv",
        "łódź/2026/нові люди.CSV",
        "a&b=c;d'\"e.csv",
        "no extension",
    ];
    for name in names {
        put(&world, &format!("drop/{}/{name}", company.tenant), FILE).await;
    }
    let imports = owner.get("/v1/imports").await.expect(200);
    let imports = imports["imports"].as_array().unwrap();
    let of = |name: &str| {
        imports
            .iter()
            .rev()
            .map(|import| import[name].clone())
            .collect::<Vec<Value>>()
    };
    assert_eq!(of("file_name"), names.map(Value::from));
    assert_eq!(of("state"), ["ready"; 4].map(Value::from));
}
