//! A customer of the company: a client, and an employee below it who is paid back for charging at home.

use muster_tests::world::{Actor, World, text};
use serde_json::{Value, json};

use crate::names;

pub async fn a_client_brings_in_an_employee_and_agrees_on_what_is_paid_back(world: World) {
    let company = world.company("Voltwise").await;
    let owner = &company.owner;
    let truck = owner.add(json!({ "external_id": "TRUCK-17" })).await;

    // The company invites two clients, each with a new account and its first person.
    let client = |email: &str, name: &str| {
        let holder = json!({
            "kind": "business",
            "company_name": name,
            "registration_number": "HRB 12345",
            "vat_number": "DE 123 456 789",
            "address": "Am Hafen 1, 20457 Hamburg, Germany",
        });
        json!({
            "person": { "email": email, "first_name": "Chris", "last_name": name },
            "account": { "kind": "client", "name": name, "holder": holder },
        })
    };
    let invite = async |by: &Actor<'_>, form: Value| by.post("/v1/invitations", form).await;
    let wheels = invite(owner, client("chris@wheels.example", "Wheels")).await;
    let wheels = text(&wheels.expect(201)["account"]);
    let rival = invite(owner, client("chris@rival.example", "Rival")).await;
    let rival = rival.expect(201);
    let chris = world.activate("chris@wheels.example", "chris").await;
    let me = chris.get("/v1/me").await.expect(200);
    assert_eq!(
        (&me["class"], &me["roles"], &me["account"]),
        (
            &json!("standard"),
            &json!(["account_owner"]),
            &json!(wheels)
        )
    );

    // From the page of its own account the client invites an employee, with a rate per kWh.
    let dora = json!({
        "person": { "email": "dora@wheels.example", "first_name": "Dora" },
        "account": { "kind": "employee", "parent": wheels, "name": "Dora", "rate": { "per_kwh": "0.2750" } },
    });
    let dora = invite(&chris, dora).await.expect(201);
    let at_home = format!("/v1/accounts/{}", text(&dora["account"]));
    let _ = world.activate("dora@wheels.example", "dora").await;
    let shown = chris.get(&at_home).await.expect(200);
    assert_eq!(
        (&shown["reimbursement"], &shown["parent"]),
        (&json!("automated"), &json!(wheels))
    );
    assert_eq!(agreed(&shown), ["0.275 EUR from 2026-03-02"]);

    // It is agreed anew from April on. What counted until then stays on record.
    let raise = json!({ "per_kwh": "0.31", "from": "2026-04-01" });
    let raised = chris.post(&format!("{at_home}/rates"), raise.clone()).await;
    let raised = raised.expect(200);
    assert_eq!(
        agreed(&raised),
        ["0.275 EUR from 2026-03-02", "0.31 EUR from 2026-04-01"]
    );
    assert_eq!(raised["rate"]["per_kwh"], "0.275");
    world.wait_hours(31 * 24).await;
    let [chris, driver, owner] = [
        &world.sign_in("chris").await,
        &world.sign_in("dora").await,
        &world.sign_in(&company.owner_email).await,
    ];
    assert_eq!(
        chris.get(&at_home).await.expect(200)["rate"]["per_kwh"],
        "0.31"
    );

    // The client sees its own account and below, nothing else.
    assert_eq!(everybody(chris).await, ["Chris Wheels", "Dora"]);
    let accounts = chris.get("/v1/accounts").await.expect(200);
    assert_eq!(accounts["accounts"].as_array().unwrap().len(), 1);
    for path in [
        format!("/v1/users/{}", owner.user),
        format!("/v1/users/{truck}"),
        format!("/v1/users/{}", text(&rival["id"])),
        format!("/v1/accounts/{}", text(&rival["account"])),
    ] {
        assert_eq!(chris.get(&path).await.refused(404), "not_found", "{path}");
    }
    for path in ["/v1/audit", "/v1/overview", "/v1/imports"] {
        assert_eq!(chris.get(path).await.refused(403), "forbidden", "{path}");
    }

    // Nor does it do anything to others, or to what it is held to itself.
    let users = json!({ "users": [truck, text(&rival["id"])] });
    let invited = chris.post("/v1/invitations", users).await.expect(200);
    for outcome in invited["outcomes"].as_array().unwrap() {
        assert_eq!(outcome["code"], "user_not_found", "{invited}");
    }
    let below = json!({ "email": "eve@rival.example", "account": rival["account"] });
    let below = invite(chris, json!({ "person": below })).await;
    assert_eq!(below.faults(), ["account: unknown_account"]);
    let staff = json!({ "email": "sam@voltwise.example" });
    let staff = invite(chris, json!({ "person": staff })).await;
    assert_eq!(staff.refused(403), "beyond_your_rights");
    let own_rate = format!("/v1/accounts/{wheels}/rates");
    let own_rate = chris.post(&own_rate, raise).await;
    assert_eq!(own_rate.refused(403), "forbidden");

    // The employee sees herself, and no account; the company sees them all.
    assert_eq!(everybody(driver).await, ["Dora"]);
    assert_eq!(driver.get(&at_home).await.refused(403), "forbidden");
    assert_eq!(
        everybody(owner).await,
        [
            "Chris Rival",
            "Chris Wheels",
            "Dora",
            "Olivia Owner",
            "TRUCK-17"
        ]
    );

    // Dora leaves: her client lets her go, and the company's trail tells it all.
    let typed = json!({ "confirm": "dora@wheels.example" });
    let path = format!("/v1/users/{}/delete", driver.user);
    let _ = chris.post(&path, typed).await.expect(200);
    let me = driver.get("/v1/me").await;
    assert_eq!(me.refused(401), "unauthenticated");
    let trail = format!("/v1/audit?actor={}&limit=200", chris.user);
    let trail = owner.get(&trail).await.expect(200);
    let entries = trail["entries"].as_array().unwrap().iter();
    let operations: Vec<String> = entries.map(|entry| text(&entry["operation"])).collect();
    for told in ["users.delete", "accounts.create"] {
        assert!(operations.iter().any(|one| one == told), "{operations:?}");
    }
    world.keeps_every_rule().await;
}

/// The names of everybody whom somebody sees.
async fn everybody(actor: &Actor<'_>) -> Vec<String> {
    names(&actor.get("/v1/users").await.expect(200))
}

/// What was agreed for an account, oldest first.
fn agreed(account: &Value) -> Vec<String> {
    let rates = account["rates"].as_array().unwrap().iter();
    let told = |rate: &Value| {
        let [per_kwh, currency, from] =
            ["per_kwh", "currency", "from"].map(|field| text(&rate[field]));
        format!("{per_kwh} {currency} from {from}")
    };
    rates.map(told).collect()
}
