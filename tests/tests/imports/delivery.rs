//! Events that come again, late, or in another order; uploads that come again.

use jiff::SignedDuration;
use muster_local::Options;
use muster_tests::world::{World, text};
use serde_json::json;

use super::{audited, data, download, import, new_users, outcomes, put, show, user, without_links};

#[tokio::test]
async fn events_delivered_three_times_in_random_order_change_nothing() {
    let world = World::with(|options| Options {
        keep_history: true,
        ..options
    })
    .await;
    let company = world
        .company_with(
            "Northwind",
            json!({ "policy": { "import_mode": "direct" } }),
        )
        .await;
    let owner = &company.owner;
    let (first, report) = import(&world, owner, new_users(0, 1_100)).await;
    let updated = new_users(0, 1_100).replace(",Lee\n", ",Fox\n") + "N-0,,,twice\n";
    let (second, _) = import(&world, owner, updated).await;
    put(
        &world,
        &format!("drop/{}/x.csv", company.tenant),
        new_users(2_000, 3),
    )
    .await;
    let waiting = owner.upload_import(new_users(3_000, 2)).await;
    let invalid = owner.upload_import("Email\n").await;
    let cancelled = owner.upload_import(new_users(4_000, 2)).await;
    let cancel = format!("/v1/imports/{}/cancel", text(&cancelled["id"]));
    let _ = owner.post(&cancel, json!({})).await.expect(200);
    assert_eq!(
        (&first["state"], &second["state"]),
        (&json!("done"), &json!("done_with_errors"))
    );

    let before = world.table(|_, _| true);
    for _ in 0..3 {
        world.stack.redeliver_all();
        world.stack.settled().await;
        assert_eq!(json!(world.stack.dead_letters()), json!([]));
    }
    assert_eq!(world.table(|_, _| true), before);
    assert_eq!(
        download(&world, &show(owner, &first).await["report_url"]).await,
        report
    );
    for (import, state) in [
        (&waiting, "ready"),
        (&invalid, "invalid"),
        (&cancelled, "cancelled"),
    ] {
        assert_eq!(show(owner, import).await["state"], state);
    }
    assert_eq!(owner.commit_import(&waiting).await["state"], "done");
}

#[tokio::test]
async fn a_file_uploaded_again_is_planned_again() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let begun = owner.post("/v1/imports", json!({})).await.expect(201);
    for (file, state, rows) in [
        ("Email\n".to_owned(), "invalid", 0),
        (new_users(0, 2_500), "ready", 2_500),
        ("Email\n".to_owned(), "invalid", 0),
        (new_users(0, 2), "ready", 2),
    ] {
        world.wait(SignedDuration::from_secs(1)).await;
        assert_eq!(world.upload(&begun["upload"], file).await, 200);
        world.stack.settled().await;
        let import = show(owner, &begun).await;
        assert_eq!(
            (&import["state"], &import["planned"]["created"]),
            (&json!(state), &json!(rows)),
            "{import}"
        );
    }
    let done = owner.commit_import(&begun).await;
    assert_eq!(
        (&done["state"], &done["done"]["created"]),
        (&json!("done"), &json!(2))
    );
    assert_eq!(
        outcomes(&download(&world, &done["report_url"]).await),
        ["2 created", "3 created"]
    );

    // After the commit the address still takes a file, and nothing comes of it.
    let before = data(&world);
    world.wait(SignedDuration::from_secs(1)).await;
    assert_eq!(
        world.upload(&begun["upload"], new_users(5_000, 1)).await,
        200
    );
    world.stack.settled().await;
    assert_eq!(
        without_links(show(owner, &begun).await),
        without_links(done.clone())
    );
    assert_eq!(data(&world), before);
    assert_eq!(
        outcomes(&download(&world, &done["report_url"]).await).len(),
        2
    );
}

#[tokio::test]
async fn a_plan_of_several_chunks_is_carried_out_whole() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let _ = import(&world, owner, new_users(0, 40)).await;
    // Between changed rows stand unchanged and refused ones, so chunks and rows do not fall together.
    let mut file = "External ID,Email,First Name,Last Name,Depot\n".to_owned();
    let mut expected = Vec::new();
    for row in 0..4_000 {
        let (email, name, outcome) = match row % 100 {
            7 => ("none".to_owned(), "Lee", "refused invalid_email"),
            9 if row > 40 => (
                format!("n{}@new.example", row - 1),
                "Lee",
                "refused duplicate_email",
            ),
            _ if row < 20 => (format!("n{row}@new.example"), "Fox", "updated"),
            _ if row < 40 => (format!("n{row}@new.example"), "Lee", "unchanged"),
            _ => (format!("n{row}@new.example"), "Lee", "created"),
        };
        file += &format!("N-{row},{email},Ann {row},{name},\"Hall {row},\nGate\"\n");
        expected.push(format!("{} {outcome}", 2 + 2 * row));
    }
    let (done, report) = import(&world, owner, file).await;
    assert_eq!(outcomes(&report), expected);
    let count = |outcome: &str| {
        expected
            .iter()
            .filter(|line| line.contains(outcome))
            .count()
    };
    assert_eq!(
        done["done"],
        json!({ "created": count("created"), "updated": 19, "unchanged": 20, "refused": count("refused") })
    );
    assert_eq!(
        (&done["state"], &done["done"]),
        (&json!("done_with_errors"), &done["planned"])
    );
    let chunks = world.table(|pk, sk| pk.starts_with("C#") && sk == "CHUNK");
    let finished = chunks
        .values()
        .filter(|chunk| chunk["finished"]["BOOL"] == true && chunk.get("outbox").is_none());
    assert_eq!((finished.count(), chunks.len()), (5, 5));
    let rows = super::rows(&report);
    assert_eq!(rows.len(), 4_000);
    for (place, row) in rows.iter().enumerate() {
        assert_eq!(
            (row[0].parse().unwrap(), row[4].as_str(), row[8].as_str()),
            (
                2 + 2 * place,
                &*format!("N-{place}"),
                &*format!("Hall {place},\nGate")
            )
        );
    }
    assert_eq!(user(owner, "N-3998").await["first_name"], "Ann 3998");
    assert!(audited(&world, "users.import") >= 120);
}

#[tokio::test]
async fn a_plan_of_many_megabytes_is_cut_where_changes_stand_far_apart() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let _ = import(&world, owner, new_users(0, 14)).await;
    let mut file = "External ID,Last Name,Depot\n".to_owned();
    for row in 0..14 {
        let name = if row % 6 == 0 { "Fox" } else { "Lee" };
        file += &format!("N-{row},{name},{}\n", "=".repeat(900 * 1024));
    }
    let (done, report) = import(&world, owner, file).await;
    assert_eq!(
        done["done"],
        json!({ "created": 0, "updated": 3, "unchanged": 11, "refused": 0 })
    );
    let plan = super::rows(&download(&world, &done["plan_url"]).await);
    assert_eq!((plan.len(), super::rows(&report).len()), (14, 14));
    let chunks = world.table(|pk, sk| pk.starts_with("C#") && sk == "CHUNK");
    assert_eq!(
        chunks.len(),
        1 + 3,
        "one of the import before, and one for each of these changes"
    );
    for row in [0, 6, 12] {
        assert_eq!(user(owner, &format!("N-{row}")).await["last_name"], "Fox");
    }
}

#[tokio::test]
async fn a_file_that_is_gone_before_it_was_checked_is_said_to_be_empty() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let begun = owner.post("/v1/imports", json!({})).await.expect(201);
    let key = format!("uploads/{}/{}.csv", company.tenant, text(&begun["id"]));
    let message = json!({ "detail": { "object": { "key": key, "sequencer": "01" } } });
    let event = json!({ "Records": [{ "messageId": "m", "body": message.to_string() }] });
    let checked = world.stack.invoke("import", event).await.unwrap();
    assert_eq!(checked, json!({ "batchItemFailures": [] }));
    let import = show(owner, &begun).await;
    assert_eq!(import["state"], "invalid");
    assert_eq!(import["fault"]["message"], "The file is empty.");
}
