//! The trail as a file.

use muster_tests::world::{Actor, World, text};
use serde_json::{Value, json};

use super::{delete, operations, trail, user_item};

/// Asks for the trail as a file and opens it.
async fn rows(world: &World, actor: &Actor<'_>, order: Value) -> Vec<Vec<String>> {
    let asked = actor.post("/v1/exports", order).await.expect(202);
    assert_eq!(
        (&asked["of"], &asked["format"]),
        (&json!("audit"), &json!("csv"))
    );
    world.stack.settled().await;
    let path = format!("/v1/exports/{}", text(&asked["id"]));
    let export = actor.get(&path).await.expect(200);
    assert_eq!(export["state"], "done", "{export}");
    assert!(text(&export["url"]).contains("audit-2026-03-02.csv"));
    let file = world.download(&export["url"]).await;
    let file = file.strip_prefix(b"\xEF\xBB\xBF").unwrap();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(file);
    let rows: Vec<Vec<String>> = reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect();
    assert_eq!(export["rows"].as_u64().unwrap(), rows.len() as u64 - 1);
    rows
}

fn column(rows: &[Vec<String>], name: &str) -> Vec<String> {
    let place = rows[0].iter().position(|heading| heading == name).unwrap();
    rows[1..].iter().map(|row| row[place].clone()).collect()
}

#[tokio::test]
async fn an_auditor_takes_the_trail_home_and_nothing_in_it_runs() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let boss = &company.owner;
    let ann = boss.colleague("ann", "standard", &["auditor"]).await;
    let formula = "=HYPERLINK(\"http://evil.example\")";
    let eve = boss
        .add(json!({ "external_id": "+1+1", "first_name": formula }))
        .await;
    let gone = boss
        .add(json!({ "external_id": "gone", "first_name": "Gone" }))
        .await;
    delete(&world, &user_item(&world, &gone));

    let shown = trail(&ann, "").await;
    let targets: usize = shown
        .iter()
        .map(|entry| entry["targets"].as_array().unwrap().len())
        .sum();
    let all = rows(&world, &ann, json!({ "of": "audit" })).await;
    // The export's own entry came in between.
    assert_eq!(all.len(), 1 + targets + 1);
    assert_eq!(
        all[0],
        [
            "Time",
            "Entry",
            "Actor",
            "Actor ID",
            "Actor Name",
            "Operation",
            "Target ID",
            "Target Name",
            "Before",
            "After",
            "Remark"
        ]
    );
    for cell in all.iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell} would run");
    }
    let order = json!({ "of": "audit", "audit": { "user": eve } });
    let about_eve = rows(&world, &ann, order).await;
    assert_eq!(column(&about_eve, "Operation"), ["users.add"]);
    assert_eq!(column(&about_eve, "Actor Name"), ["Olivia Owner"]);
    assert!(column(&about_eve, "Target Name")[0].ends_with(formula));
    let after: Value = serde_json::from_str(&column(&about_eve, "After")[0]).unwrap();
    assert_eq!(after["external_id"], "+1+1");
    let order = json!({ "of": "audit", "audit": { "user": gone, "operation": "users." } });
    let about_gone = rows(&world, &ann, order).await;
    assert_eq!(
        column(&about_gone, "Remark"),
        ["Personal values were erased with the user"]
    );
    assert!(!format!("{about_gone:?}").contains("Gone"));

    let mut exported = column(&all, "Operation");
    exported.dedup();
    assert!(exported.contains(&"tenants.provision".to_owned()));
    let asked = trail(boss, "operation=exports.").await;
    assert_eq!(operations(&asked).len(), 3);
    assert_eq!(
        asked[0]["targets"][0]["after"],
        json!({ "of": "audit", "format": "csv" })
    );
}

#[tokio::test]
async fn who_may_not_read_the_trail_does_not_get_it_as_a_file_either() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let boss = &company.owner;
    let ann = boss.colleague("ann", "standard", &["auditor"]).await;
    let uwe = boss.colleague("uwe", "standard", &["user_manager"]).await;
    let nils = boss.colleague("nils", "standard", &[]).await;
    let order = json!({ "of": "audit" });
    assert_eq!(
        uwe.post("/v1/exports", order.clone()).await.refused(403),
        "forbidden"
    );
    assert_eq!(
        nils.post("/v1/exports", order.clone()).await.refused(403),
        "forbidden"
    );
    // An auditor may read, and take home, the trail; not the list of users.
    assert_eq!(
        ann.post("/v1/exports", json!({})).await.refused(403),
        "forbidden"
    );
    let asked = ann.post("/v1/exports", order).await.expect(202);
    world.stack.settled().await;
    let path = format!("/v1/exports/{}", text(&asked["id"]));
    let _ = ann.get(&path).await.expect(200);
    let _ = boss.get(&path).await.expect(200);
    assert_eq!(uwe.get(&path).await.refused(403), "forbidden");
    assert_eq!(nils.get(&path).await.refused(403), "forbidden");

    let faults = async |order: Value| boss.post("/v1/exports", order).await.faults();
    assert_eq!(
        faults(json!({ "of": "audit", "filter": {}, "columns": ["kind"] })).await,
        ["filter: not_applicable", "columns: not_applicable"]
    );
    assert_eq!(
        faults(json!({ "audit": {} })).await,
        ["audit: not_applicable"]
    );
    assert_eq!(
        faults(json!({ "of": "audit", "audit": { "actor": "Ada" } })).await,
        ["audit.actor: invalid_value"]
    );
    assert_eq!(
        faults(json!({ "of": "mails" })).await,
        ["of: invalid_value"]
    );
}
