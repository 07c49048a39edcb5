//! `provision`: support sets up a company, and its owner comes in.

use muster_tests::world::{PASSWORD, World, text};
use serde_json::{Value, json};

use crate::{letter, snapshot};

fn order() -> Value {
    json!({
        "reference": "PO-4711",
        "name": "Northwind Haulage",
        "owner": { "email": "olivia@northwind.example", "first_name": "Olivia", "last_name": "Owner" },
        "products": [
            { "name": "CoPilot Truck", "seats": 3, "links": [{ "label": "Google Play", "url": "https://play.example/app" }] },
            { "name": "MileOn", "seats": 0 },
        ],
    })
}

/// The faults of an order, as `field: code`.
fn faults(answer: &Value) -> Vec<String> {
    answer["errors"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer} names no faults"))
        .iter()
        .map(|fault| format!("{}: {}", text(&fault["field"]), text(&fault["code"])))
        .collect()
}

#[tokio::test]
async fn support_sets_up_a_company_and_its_owner_comes_in_by_the_mail() {
    let world = World::start().await;
    let answer = world.provision(order()).await;
    snapshot!("provisioned", answer);

    let mails = world.mails_to("olivia@northwind.example").await;
    assert_eq!(mails.len(), 1);
    insta::assert_snapshot!("mail_to_the_first_owner", letter(&mails[0]));

    let owner = world.activate("olivia@northwind.example", "olivia").await;
    assert_eq!(owner.user, text(&answer["owner"]));
    snapshot!("first_owner", owner.get("/v1/me").await.expect(200));
    snapshot!("products", owner.get("/v1/products").await.expect(200));
}

#[tokio::test]
async fn the_same_order_again_gets_the_same_answer_and_changes_nothing() {
    let world = World::start().await;
    let (first, second) = tokio::join!(world.provision(order()), world.provision(order()));
    assert_eq!(first, second);
    let owner = world.activate("olivia@northwind.example", "olivia").await;
    let before = owner.show(&owner.user).await;

    assert_eq!(world.provision(order()).await, first);
    assert_eq!(owner.show(&owner.user).await, before);
    assert_eq!(world.mails_to("olivia@northwind.example").await.len(), 1);
    let products = owner.get("/v1/products").await.expect(200);
    assert_eq!(products["products"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_reference_used_again_for_another_order_is_refused() {
    let world = World::start().await;
    let first = world.provision(order()).await;
    let third = json!([
        { "name": "CoPilot Truck", "seats": 3 }, { "name": "MileOn", "seats": 0 }, { "name": "A third", "seats": 9 },
    ]);
    for (path, value) in [
        ("/products", third),
        ("/products/1/name", json!("MileOff")),
        ("/owner/email", json!("other@northwind.example")),
        ("/name", json!("Southwind Haulage")),
    ] {
        let mut other = order();
        *other.pointer_mut(path).unwrap() = value;
        let answer = world.provision(other).await;
        assert_eq!(faults(&answer), ["reference: reference_used"], "{path}");
    }
    let mut larger = order();
    larger["shards"] = json!(8);
    assert_eq!(
        faults(&world.provision(larger).await),
        ["reference: reference_used"]
    );
    assert_eq!(world.provision(order()).await, first);
    world.stack.settled().await;
    assert_eq!(world.stack.inbox().all().len(), 1);
}

#[tokio::test]
async fn two_companies_may_share_a_name_and_an_owner_and_nothing_else() {
    let world = World::start().await;
    let first = world.provision(order()).await;
    let _ = world.activate("olivia@northwind.example", "olivia").await;
    let mut other = order();
    other["reference"] = json!("PO-4712");
    let second = world.provision(other).await;
    for part in ["tenant", "owner"] {
        assert_ne!(first[part], second[part]);
    }
    // She has a password already, and joins with it.
    let token = world.link_token("olivia@northwind.example").await;
    let joined = world
        .nobody()
        .post(
            "/v1/activations",
            json!({ "token": token, "password": PASSWORD }),
        )
        .await
        .expect(200);
    assert_eq!(joined["username"], "olivia");
    assert_eq!(joined["tenant"], second["tenant"]);
}

#[tokio::test]
async fn every_fault_of_an_order_is_named_at_once() {
    let world = World::start().await;
    let answer = world
        .provision(json!({
            "reference": " ",
            "name": "North\r\nBcc: all@example.com",
            "owner": { "email": "olivia at northwind", "first_name": "\u{202e}Olivia", "last_name": "x".repeat(101) },
            "products": [
                { "name": " ", "seats": 1 },
                { "name": "MileOn", "seats": 1, "links": [{ "label": "", "url": "javascript:alert(1)" }] },
            ],
            "policy": { "invitation_ttl_hours": 721 },
            "locale": "not a locale",
            "currency": "Euros",
            "shards": 65,
        }))
        .await;
    snapshot!("faulty_order", answer);
}

#[tokio::test]
async fn an_order_of_another_shape_names_the_field() {
    let world = World::start().await;
    let with = |path: &str, value: Value| {
        let mut order = order();
        *order.pointer_mut(path).unwrap() = value;
        order
    };
    let mut unknown = order();
    unknown["owner"]["password"] = json!("secret");
    for (order, fault) in [
        (
            with("/products/0/seats", json!(-1)),
            "products[0].seats: malformed_request",
        ),
        (
            with("/owner/email", json!(7)),
            "owner.email: malformed_request",
        ),
        (
            with("/products", json!("MileOn")),
            "products: malformed_request",
        ),
        (unknown, "owner.password: malformed_request"),
        (json!([]), ".: malformed_request"),
    ] {
        assert_eq!(
            faults(&world.provision(order.clone()).await),
            [fault],
            "{order}"
        );
    }
    assert!(world.mails_to("olivia@northwind.example").await.is_empty());
}

#[tokio::test]
async fn markup_in_names_arrives_as_text_and_never_in_the_subject_of_another() {
    let world = World::start().await;
    let mut order = order();
    order["name"] = json!("<b>North</b> & \"Wind\"");
    order["owner"]["first_name"] = json!("<script>alert(1)</script> http://evil.example/x");
    let answer = world.provision(order).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    let mails = world.mails_to("olivia@northwind.example").await;
    let html = &mails[0].html;
    assert!(
        !html.contains("<script>") && !html.contains("<b>North"),
        "{html}"
    );
    assert!(html.contains("&lt;script&gt;"), "{html}");
    assert!(
        html.contains("&lt;b&gt;North&lt;/b&gt; &amp; &quot;Wind&quot;"),
        "{html}"
    );
    for version in [html, &mails[0].text] {
        assert!(!version.contains("http://evil.example"), "{version}");
    }
    insta::assert_snapshot!("subject_with_markup", &mails[0].subject);
}
