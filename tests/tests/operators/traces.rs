//! By one id operators follow what a request led to, through stream, topic and queues.

use std::collections::BTreeSet;

use muster_tests::output::Output;
use muster_tests::world::{Answer, World, text};
use serde_json::{Value, json};

use super::new_users;

/// The line that tells of a request.
fn answered(output: &Output, answer: &Answer) -> Value {
    let id = answer.headers["x-request-id"].to_str().unwrap();
    let mut logs = output.logs().into_iter();
    let line = logs.find(|line| line["span"]["api_request"] == id);
    line.unwrap_or_else(|| panic!("nothing is said of {id} in {}", output.text()))
}

/// The functions that said under a trace that they were done.
fn functions(output: &Output, trace: &str) -> BTreeSet<String> {
    let logs = output.logs().into_iter();
    let of =
        logs.filter(|line| line["span"]["trace"] == trace && line.get("duration_ms").is_some());
    of.map(|line| text(&line["span"]["function"])).collect()
}

#[tokio::test]
async fn the_trace_of_an_invitation_leads_to_its_mail_and_to_what_became_of_that() {
    let output = Output::captured("info");
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let ada = owner.add(json!({ "email": "ada@drivers.example" })).await;
    let invited = owner
        .post("/v1/invitations", json!({ "users": [ada] }))
        .await;
    let line = answered(&output, &invited);
    assert_eq!(
        (&line["message"], &line["status"], &line["level"]),
        (&json!("answered"), &json!(200), &json!("INFO"))
    );
    let said = &line["span"];
    assert_eq!(
        (&said["function"], &said["tenant"], &said["user"]),
        (&json!("invite"), &json!(company.tenant), &json!(owner.user))
    );
    assert!(said["request"].is_string(), "{line}");
    let trace = text(&said["trace"]);

    world.stack.settled().await;
    let mails = world.table(|pk, _| pk.starts_with("M#"));
    let mail = mails.values().find(|mail| mail["user"]["S"] == ada);
    assert_eq!(mail.unwrap()["trace"]["S"], trace);
    let event = json!({ "to": "ada@drivers.example", "type": "Delivery" });
    let _ = world.nobody().post("/local/ses-events", event).await;
    world.stack.settled().await;
    assert_eq!(owner.show(&ada).await["invitation"]["mail"], "delivered");
    let all = ["invite", "record-delivery", "send-mail"].map(str::to_owned);
    assert_eq!(functions(&output, &trace), BTreeSet::from(all));
    let logs = output.logs();
    let sent = logs.iter().find(|line| {
        line["span"]["trace"] == trace.as_str() && line["span"]["function"] == "send-mail"
    });
    let sent = &sent.unwrap()["span"];
    assert_eq!(
        (&sent["tenant"], &sent["user"], &sent["attempt"]),
        (&json!(company.tenant), &json!(ada), &json!("1"))
    );
}

#[tokio::test]
async fn the_trace_of_an_import_leads_to_its_plan_its_chunks_and_their_mails() {
    let output = Output::captured("info");
    let world = World::start().await;
    let policy = json!({ "policy": { "invite_on_create": "automatic" } });
    let company = world.company_with("Acme", policy).await;
    let owner = &company.owner;
    let begun = owner.post("/v1/imports", json!({})).await;
    let trace = text(&answered(&output, &begun)["span"]["trace"]);
    let begun = begun.expect(201);
    let _ = world.upload(&begun["upload"], new_users(1_100)).await;
    world.stack.settled().await;
    let done = owner.commit_import(&begun).await;
    assert_eq!(done["state"], "done");
    let all = ["import", "import-chunk", "send-mail", "start-import"].map(str::to_owned);
    assert_eq!(functions(&output, &trace), BTreeSet::from(all));
    let logs = output.logs();
    let of = |function: &str| {
        let lines = logs.iter().filter(|line| {
            line["span"]["trace"] == trace.as_str()
                && line["span"]["function"] == function
                && line["message"] == "done"
        });
        lines.count()
    };
    assert_eq!((of("import"), of("import-chunk")), (1, 2));
    assert!(of("send-mail") > 500, "{}", of("send-mail"));
}

#[tokio::test]
async fn a_refusal_is_told_with_its_code_and_an_id_that_support_can_be_given() {
    let output = Output::captured("info");
    let world = World::start().await;
    let refused = world.nobody().get("/v1/users").await;
    let line = answered(&output, &refused);
    assert_eq!(
        (&line["status"], &line["code"]),
        (&json!(401), &json!("unauthenticated"))
    );
    assert_eq!(refused.refused(401), "unauthenticated");
}
