//! What calls cost: read and write units of the table and its indexes.

use muster_tests::world::{Answer, World, text};
use serde_json::json;

use crate::crew;

/// A costlier call fails here. A cheaper one too: then the table is to be brought up to date.
#[expect(clippy::too_many_lines, reason = "one table")]
#[tokio::test]
async fn calls_cost_what_they_did() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let users = crew(owner, 50).await;
    world.stack.settled().await;
    let mut table = format!("{:<28}{:>8}{:>8}\n", "call", "read", "write");
    let mut note = |call: &str, answer: &Answer| {
        assert!(answer.status < 300, "{call}: {}", answer.text);
        let (read, write) = answer.consumed();
        table += &format!("{call:<28}{read:>8}{write:>8}\n");
    };
    let person = |name: &str| json!({ "email": format!("{name}@drivers.example"), "external_id": name, "first_name": name });

    let added = owner.post("/v1/users", person("ada")).await;
    note("add-user", &added);
    let mut with_licence = person("eve");
    with_licence["products"] = json!([company.products[0]]);
    with_licence["invite"] = json!(true);
    note(
        "add-user, licence, invited",
        &owner.post("/v1/users", with_licence).await,
    );
    let ada = text(&added.body["id"]);
    note("get one", &owner.get(&format!("/v1/users/{ada}")).await);
    note("list of 50", &owner.get("/v1/users?limit=50").await);
    note(
        "list of 50 by external ID",
        &owner.get("/v1/users?external_id=c-&limit=50").await,
    );
    let invite = async |users: &[String]| {
        owner
            .post("/v1/invitations", json!({ "users": users }))
            .await
    };
    note("invite 1", &invite(std::slice::from_ref(&ada)).await);
    note("invite 50", &invite(&users).await);
    note("invite 50 again: unchanged", &invite(&users).await);
    world.stack.settled().await;
    let resend = json!({ "users": [ada] });
    note(
        "resend 1",
        &owner.post("/v1/invitations/resend", resend).await,
    );
    let path = format!("/v1/products/{}", company.products[0]);
    let assign = async |operation: &str| {
        owner
            .post(
                &format!("{path}/{operation}"),
                json!({ "users": users[..49] }),
            )
            .await
    };
    note("assign 49", &assign("assign").await);
    let code = text(&owner.show(&users[0]).await["licences"][0]["code"]);
    let redeem = json!({ "code": code, "device": "tablet" });
    note(
        "activate-licence",
        &world.nobody().post("/v1/licences/activate", redeem).await,
    );
    note("un-assign 49", &assign("unassign").await);
    let fifty = json!({ "users": users });
    note(
        "assign 50",
        &owner.post(&format!("{path}/assign"), fifty).await,
    );
    note("products", &owner.get("/v1/products").await);
    note("start-export", &owner.post("/v1/exports", json!({})).await);
    let version = owner.show(&ada).await["version"].as_u64().unwrap();
    let path = format!("/v1/users/{ada}");
    let renamed = json!({ "first_name": "Augusta" });
    note(
        "edit-user",
        &owner.patch(&path, version, renamed.clone()).await,
    );
    let unchanged = owner.patch(&path, version + 1, renamed).await;
    note("edit-user: unchanged", &unchanged);
    let fifty = json!({ "users": users });
    let suspend = owner.post("/v1/users/suspend", fifty.clone()).await;
    note("suspend 50, a licence each", &suspend);
    let reactivate = owner.post("/v1/users/reactivate", fifty.clone()).await;
    note("reactivate 50", &reactivate);
    let confirmed = json!({ "confirm": "ada" });
    let delete = owner.post(&format!("{path}/delete"), confirmed).await;
    note("delete 1", &delete);
    let counted = json!({ "users": users, "confirm": 50 });
    note("delete 50", &owner.post("/v1/users/delete", counted).await);
    note("restore 50", &owner.post("/v1/users/restore", fifty).await);
    let client = json!({ "kind": "client", "name": "Fast Wheels" });
    let made = owner.post("/v1/accounts", client).await;
    note("create an account", &made);
    let invited = json!({
        "person": { "email": "dora@drivers.example" },
        "account": { "kind": "employee", "parent": made.body["id"], "name": "Dora", "rate": { "per_kwh": "0.25" } },
    });
    let invited = owner.post("/v1/invitations", invited).await;
    note("invite with an account", &invited);
    note("list accounts", &owner.get("/v1/accounts").await);
    let sign_in =
        json!({ "login": company.owner_email, "password": muster_tests::world::PASSWORD });
    note(
        "sign-in",
        &world.nobody().post("/v1/sessions", sign_in).await,
    );
    insta::assert_snapshot!("capacity", table);
}
