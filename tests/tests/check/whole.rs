//! A table that was only ever changed by Muster's own functions.

use std::cell::Cell;
use std::collections::BTreeSet;

use muster_tests::world::{World, text};
use serde_json::{Value, json};

use crate::scene::{self, Scene};
use crate::{broken, check};

#[tokio::test]
async fn a_table_in_which_everything_happened_keeps_every_rule() {
    let scene = Scene::new().await;
    let answer = check(&scene.world).await;
    assert_eq!(answer["rules"], json!([]), "{answer:#}");
    assert_eq!(
        (&answer["clean"], &answer["next"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(answer["seals"], 2, "{answer}");
    // Every kind of item that there is was looked at, but for requests for a new password, which a worker forgets at once.
    let kinds: Vec<&String> = answer["items"].as_object().unwrap().keys().collect();
    let all = "account account_name audit_entry bucket chunk email_guard export external_id_guard group group_name import \
        invitation licence_code link mail membership overview owner_count person product registration request role \
        role_count role_name seal session signing_key support_reference tenant user user_in_account username";
    assert_eq!(kinds, all.split_whitespace().collect::<Vec<_>>());
    let counted: u64 = answer["items"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(counted, scene.world.table(|_, _| true).len() as u64);
}

#[tokio::test]
async fn a_check_that_runs_out_of_time_goes_on_where_it_stopped() {
    let scene = Scene::new().await;
    let owner = scene.world.sign_in("owner@acme.example").await;
    let many = owner.upload_import(scene::rows(1_000..1_400)).await;
    assert_eq!(owner.commit_import(&many).await["state"], "done");
    let whole = check(&scene.world).await;
    let order = json!({ "seconds": 0, "segments": 2 });
    let parts = scene.world.checked_as(order).await;
    let (mut items, mut seals) = (0, 0);
    for answer in &parts {
        assert_eq!(answer["rules"], json!([]), "{answer:#}");
        let counts = answer["items"].as_object().unwrap().values();
        items += counts.filter_map(Value::as_u64).sum::<u64>();
        seals += answer["seals"].as_u64().unwrap();
    }
    let counts = whole["items"].as_object().unwrap().values();
    assert_eq!(items, counts.filter_map(Value::as_u64).sum::<u64>());
    assert_eq!(json!(seals), whole["seals"]);
    assert!(parts.len() > 3, "{}", parts.len());
}

#[tokio::test]
async fn an_order_that_cannot_be_carried_out_is_refused() {
    let world = World::start().await;
    let faults = async |order: Value| {
        let answer = world.stack.invoke("check", order).await.unwrap();
        let errors = answer["errors"].as_array().unwrap().iter();
        let told =
            errors.map(|error| format!("{}: {}", text(&error["field"]), text(&error["code"])));
        told.collect::<Vec<_>>()
    };
    let wrong =
        json!({ "units_per_second": 0, "seconds": 601, "segments": 65, "overdue_minutes": 0 });
    assert_eq!(
        faults(wrong).await,
        [
            "units_per_second: out_of_range",
            "seconds: out_of_range",
            "segments: out_of_range",
            "overdue_minutes: out_of_range"
        ]
    );
    assert_eq!(
        faults(json!({ "next": "AAAA" })).await,
        ["next: invalid_cursor"]
    );
    assert_eq!(
        faults(json!({ "segments": "all" })).await,
        ["segments: invalid_value"]
    );
    assert_eq!(faults(json!({ "all": true })).await, ["all: invalid_value"]);
}

#[tokio::test]
async fn a_table_is_read_no_faster_than_asked_for() {
    let world = World::start().await;
    let _ = world.company("Acme").await;
    let order = json!({ "units_per_second": 100 });
    let answer = world.stack.invoke("check", order).await.unwrap();
    let (units, seconds) = (
        answer["read_units"].as_f64().unwrap(),
        answer["seconds"].as_f64().unwrap(),
    );
    // The last read is not waited for.
    assert!(units > 20.0 && seconds > (units - 20.0) / 100.0, "{answer}");
}

/// Changes of all kinds go on while it is read, over and over.
#[tokio::test(flavor = "multi_thread")]
async fn what_changes_while_it_is_read_is_not_taken_for_a_fault() {
    let world = World::start().await;
    let acme = world.company("Acme").await;
    let (owner, product) = (&acme.owner, &acme.products[0]);
    let mut users = Vec::new();
    for number in 0..20 {
        let form = json!({ "email": format!("d{number}@drivers.example"), "external_id": format!("D{number}") });
        users.push(owner.add(form).await);
    }
    let changes = async {
        for round in 0..12 {
            let some = json!({ "users": users[round % 5..] });
            for path in [
                format!("/v1/products/{product}/assign"),
                "/v1/invitations".to_owned(),
                "/v1/users/suspend".to_owned(),
                "/v1/users/reactivate".to_owned(),
                format!("/v1/products/{product}/unassign"),
                "/v1/users/delete".to_owned(),
                "/v1/users/restore".to_owned(),
            ] {
                let mut body = some.clone();
                if path.ends_with("delete") {
                    body["confirm"] = json!(users.len() - round % 5);
                }
                let answer = owner.post(&path, body).await;
                assert!(answer.status < 300, "{path}: {}", answer.text);
            }
        }
    };
    let checked = Cell::new(0);
    let checks = async {
        loop {
            let answer = check(&world).await;
            assert_eq!(broken(&answer), BTreeSet::new(), "{answer:#}");
            checked.set(checked.get() + 1);
        }
    };
    tokio::select! {
        () = changes => {}
        () = checks => {}
    }
    assert!(checked.get() > 3, "{}", checked.get());
    world.stack.settled().await;
    let answer = check(&world).await;
    assert_eq!(answer["clean"], json!(true), "{answer:#}");
}

#[test]
fn no_other_function_may_scan() {
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/template.yaml");
    let template = std::fs::read_to_string(template).unwrap();
    let functions = template.split("\n  Check:\n");
    let scans: Vec<usize> = functions
        .map(|part| part.matches("dynamodb:Scan").count())
        .collect();
    assert_eq!(scans, [0, 1]);
}
