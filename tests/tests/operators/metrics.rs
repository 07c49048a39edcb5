//! What is counted: once for each fact, whatever comes twice.

use std::collections::BTreeMap;

use muster_local::Options;
use muster_tests::output::Output;
use muster_tests::world::{World, text};
use serde_json::{Value, json};

use super::new_users;

/// The metrics of a document with what each was counted by, read as `CloudWatch` does.
fn read(document: &Value) -> Vec<(String, u64)> {
    let [definition] = document["_aws"]["CloudWatchMetrics"]
        .as_array()
        .unwrap()
        .as_slice()
    else {
        panic!("{document}")
    };
    assert!(document["_aws"]["Timestamp"].as_u64().unwrap() > 1_700_000_000_000);
    assert_eq!(definition["Namespace"], "Muster");
    let metrics = definition["Metrics"].as_array().unwrap();
    assert!(!metrics.is_empty(), "{document}");
    let mut read = Vec::new();
    for dimensions in definition["Dimensions"].as_array().unwrap() {
        let dimensions: Vec<&str> = (dimensions.as_array().unwrap().iter())
            .map(|name| name.as_str().unwrap())
            .collect();
        assert!(
            ["Stack", "Stack Kind", "Stack Code"].contains(&dimensions.join(" ").as_str()),
            "{document}"
        );
        let by: String = dimensions
            .iter()
            .skip(1)
            .map(|name| format!(" {}", text(&document[name])))
            .collect();
        assert_eq!(document["Stack"], "muster");
        for metric in metrics {
            let name = text(&metric["Name"]);
            let unit = if name == "MailAge" {
                "Milliseconds"
            } else {
                "Count"
            };
            assert_eq!(metric["Unit"], unit);
            let value = document[&name].as_u64().unwrap();
            read.push((format!("{name}{by}"), value));
        }
    }
    read
}

/// The sums of all that was counted.
pub fn sums(output: &Output) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (name, value) in output.metrics().iter().flat_map(read) {
        *sums.entry(name).or_default() += value;
    }
    sums
}

#[tokio::test]
async fn facts_are_counted_once_with_the_ids_that_the_logs_have() {
    let output = Output::captured("error");
    let world = World::with(|options| Options {
        keep_history: true,
        ..options
    })
    .await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let email = |name: &str| format!("{name}@drivers.example");
    let add = async |name: &str| owner.add(json!({ "email": email(name) })).await;
    let users = [add("ada").await, add("grace").await, add("linus").await];
    let product = &company.products[0];
    let assign = format!("/v1/products/{product}/assign");
    let _ = owner
        .post(&assign, json!({ "users": users }))
        .await
        .expect(200);
    let _ = owner
        .post(&assign, json!({ "users": users }))
        .await
        .expect(200);
    let _ = owner
        .post(
            &format!("/v1/products/{product}/unassign"),
            json!({ "users": users[..1] }),
        )
        .await
        .expect(200);
    let _ = owner
        .post(
            "/v1/users/delete",
            json!({ "users": users[1..2], "confirm": 1 }),
        )
        .await
        .expect(200);
    let invite = json!({ "users": [users[0], users[2]] });
    let _ = owner
        .post("/v1/invitations", invite.clone())
        .await
        .expect(200);
    let _ = owner.post("/v1/invitations", invite).await.expect(200);
    world.stack.settled().await;
    for (name, what) in [
        ("ada", "Delivery"),
        ("ada", "Delivery"),
        ("linus", "Bounce"),
    ] {
        let event = json!({ "to": email(name), "type": what });
        let _ = world.nobody().post("/local/ses-events", event).await;
    }
    world.stack.settled().await;
    let _ = world.activate(&email("ada"), "ada").await;
    let wrong = json!({ "login": "ada", "password": "a wrong password" });
    let refused = world.nobody().post("/v1/sessions", wrong).await;
    assert_eq!(refused.refused(401), "wrong_credentials");

    let file = new_users(1_100) + "N-1,,twice\n";
    let planned = owner.upload_import(file).await;
    assert_eq!(
        owner.commit_import(&planned).await["state"],
        "done_with_errors"
    );
    let same = owner.upload_import(new_users(3)).await;
    assert_eq!(owner.commit_import(&same).await["state"], "done");
    let invalid = owner.upload_import("Email\n").await;
    assert_eq!(invalid["state"], "invalid");
    world.wait_hours(25).await;

    let counted = sums(&output);
    let expected = json!({
        "ImportsBegun": 3,
        "ImportsDone": 1,
        "ImportsDoneWithErrors": 1,
        "ImportsInvalid": 1,
        "InvitationsAccepted": 2,
        "InvitationsExpired": 1,
        "InvitationsOffered": 3,
        "MailAge": 0,
        "MailAge invitation": 0,
        "MailsBounced": 1,
        "MailsBounced invitation": 1,
        "MailsDelivered": 1,
        "MailsDelivered invitation": 1,
        "MailsSent": 3,
        "MailsSent invitation": 3,
        "Refusals": 1,
        "Refusals wrong_credentials": 1,
        "RowsCreated": 1_100,
        "RowsRefused": 1,
        "RowsUnchanged": 3,
        "SeatsAssigned": 3,
        "SeatsFreed": 2,
        "SignInsDone": 2,
        "SignInsRefused": 1,
    });
    assert_eq!(json!(counted), expected);
    world.stack.redeliver_all();
    world.stack.settled().await;
    assert_eq!(
        sums(&output),
        counted,
        "what comes again is not counted again"
    );

    let metrics = output.metrics();
    let assigned = metrics
        .iter()
        .find(|line| line.get("SeatsAssigned").is_some());
    let assigned = assigned.unwrap();
    assert_eq!(
        (
            &assigned["tenant"],
            &assigned["user"],
            &assigned["function"]
        ),
        (&json!(company.tenant), &json!(owner.user), &json!("assign"))
    );
    assert!(assigned["trace"].is_string() && assigned["request"].is_string());
    assert!(
        output.logs().is_empty(),
        "nothing was an error: {:?}",
        output.logs()
    );
}
