//! Customers' accounts: clients, their sub-accounts, the people in them, and what is paid back for charging.

use futures::future::join;
use muster_tests::world::{Actor, Company, World, text};
use reqwest::Method;
use serde_json::{Value, json};

use crate::change_user;

/// A company's details, all of them.
fn business() -> Value {
    json!({
        "kind": "business",
        "company_name": "Fast Wheels GmbH",
        "registration_number": "HRB 12345",
        "vat_number": "DE 123 456 789",
        "address": "Am Hafen 1, 20457 Hamburg, Germany",
    })
}

/// Makes an account without users; its id.
async fn open(actor: &Actor<'_>, form: Value) -> String {
    text(&actor.post("/v1/accounts", form).await.expect(201)["id"])
}

async fn client(actor: &Actor<'_>, name: &str) -> String {
    open(actor, json!({ "kind": "client", "name": name })).await
}

async fn employee(actor: &Actor<'_>, parent: &str, name: &str) -> String {
    let form = json!({ "kind": "employee", "parent": parent, "name": name });
    open(actor, form).await
}

/// Invites a person into an account with roles; signed in.
async fn join_account<'w>(
    world: &'w World,
    company: &Company<'_>,
    account: &str,
    name: &str,
    roles: &[&str],
) -> Actor<'w> {
    let email = format!("{name}@customers.example");
    let person = json!({ "email": email, "account": account, "roles": roles });
    let invited = company
        .owner
        .post("/v1/invitations", json!({ "person": person }));
    let _ = invited.await.expect(201);
    world.activate(&email, &format!("{name}.customer")).await
}

async fn account(actor: &Actor<'_>, id: &str) -> Value {
    actor.get(&format!("/v1/accounts/{id}")).await.expect(200)
}

/// The names on a page of accounts.
async fn listed(actor: &Actor<'_>, query: &str) -> Vec<String> {
    let page = actor
        .get(&format!("/v1/accounts?{query}"))
        .await
        .expect(200);
    let accounts = page["accounts"].as_array().unwrap();
    accounts
        .iter()
        .map(|account| text(&account["name"]))
        .collect()
}

#[tokio::test]
async fn a_client_invites_an_employee_below_its_own_account() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let _ = client(owner, "Another client").await;
    let form = json!({
        "person": { "email": "chief@wheels.example", "first_name": "Chris" },
        "account": { "kind": "client", "name": "Fast Wheels", "holder": business() },
    });
    let invited = owner.post("/v1/invitations", form).await.expect(201);
    assert_eq!(invited["class"], "standard");
    assert_eq!(invited["roles"], json!(["account_owner"]));
    let wheels = text(&invited["account"]);
    let mails = world.mails_to("chief@wheels.example").await;
    assert!(mails[0].text.contains("Fast Wheels"), "{}", mails[0].text);
    let chief = world.activate("chief@wheels.example", "chief.wheels").await;
    assert_eq!(listed(&chief, "").await, ["Fast Wheels"]);

    let form = json!({
        "person": { "email": "dora@wheels.example" },
        "account": { "kind": "employee", "parent": wheels, "name": "Dora", "rate": { "per_kwh": "0.10" } },
    });
    let invited = chief.post("/v1/invitations", form).await.expect(201);
    assert_eq!(invited["class"], "limited");
    assert_eq!(invited["roles"], json!(["driver"]));
    let dora_account = account(&chief, &text(&invited["account"])).await;
    assert_eq!(dora_account["parent"], json!(wheels));
    assert_eq!(dora_account["reimbursement"], "automated");
    assert_eq!(dora_account["rate"]["per_kwh"], "0.1");
    assert_eq!(dora_account["rate"]["currency"], "EUR");
    assert_eq!(dora_account["rate"]["from"], "2026-03-02");
    assert_eq!(dora_account["holder"], json!({ "kind": "consumer" }));
    let mails = world.mails_to("dora@wheels.example").await;
    assert!(mails[0].text.contains("Dora"), "{}", mails[0].text);
    let dora = world.activate("dora@wheels.example", "dora.wheels").await;
    assert_eq!(dora.get("/v1/accounts").await.refused(403), "forbidden");
    let path = format!("/v1/accounts/{}", text(&invited["account"]));
    assert_eq!(dora.get(&path).await.refused(403), "forbidden");

    // An end user into an account that there is: a driver, or with the role an account owner.
    for (email, roles, class, held) in [
        ("evan@wheels.example", json!([]), "limited", "driver"),
        (
            "frida@wheels.example",
            json!(["account_owner"]),
            "standard",
            "account_owner",
        ),
    ] {
        let person = json!({ "email": email, "account": wheels, "roles": roles });
        let form = json!({ "person": person });
        let invited = chief.post("/v1/invitations", form).await.expect(201);
        assert_eq!(invited["class"], class);
        assert_eq!(invited["roles"], json!([held]));
        let mails = world.mails_to(email).await;
        assert!(mails[0].text.contains("Fast Wheels"), "{}", mails[0].text);
    }
    let users = chief.get("/v1/users").await.expect(200);
    assert_eq!(users["users"].as_array().unwrap().len(), 4);
    assert_eq!(listed(&chief, &format!("parent={wheels}")).await, ["Dora"]);
    assert_eq!(listed(owner, "").await, ["Another client", "Fast Wheels"]);
    let holder = account(owner, &wheels).await["holder"].clone();
    assert_eq!(holder["vat_number"], "DE123456789");
    let trail = owner
        .get("/v1/audit?operation=accounts.create")
        .await
        .expect(200);
    assert_eq!(trail["entries"].as_array().unwrap().len(), 3, "{trail}");
}

#[tokio::test]
async fn a_rate_is_an_exact_decimal_and_never_a_number() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let top = client(owner, "Top").await;
    let below = employee(owner, &top, "Below").await;
    let path = format!("/v1/accounts/{below}/rates");
    for (day, (typed, shown)) in [
        ("0.1", "0.1"),
        ("0.30", "0.3"),
        ("0.000001", "0.000001"),
        ("999999.999999", "999999.999999"),
        ("0", "0"),
    ]
    .into_iter()
    .enumerate()
    {
        let from = format!("2026-04-{:02}", day + 1);
        let form = json!({ "per_kwh": typed, "from": from });
        let rates = owner.post(&path, form).await.expect(200)["rates"].clone();
        assert_eq!(rates[day]["per_kwh"], shown);
    }
    let huge = "9".repeat(5_000);
    for (bad, code) in [
        (json!("-0.1"), "invalid_decimal"),
        (json!("1e3"), "invalid_decimal"),
        (json!("NaN"), "invalid_decimal"),
        (json!("0,25"), "invalid_decimal"),
        (json!(huge), "out_of_range"),
        (json!("0.0000001"), "out_of_range"),
        (json!(0.1), "invalid_value"),
        (json!(1), "invalid_value"),
        (json!(""), "required"),
        (Value::Null, "required"),
    ] {
        let faults = owner.post(&path, json!({ "per_kwh": bad })).await.faults();
        assert_eq!(faults, [format!("per_kwh: {code}")]);
    }
    let form = json!({ "per_kwh": "1", "currency": "ZZZ", "from": "2026-02-30" });
    assert_eq!(
        owner.post(&path, form).await.faults(),
        ["currency: invalid_currency", "from: invalid_date"]
    );
    assert_eq!(
        account(owner, &below).await["rates"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
}

#[tokio::test]
async fn a_rate_begins_on_its_day_and_is_never_rewritten_once_in_force() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = company.owner.clone();
    let top = client(&owner, "Top").await;
    let form = json!({ "kind": "subsidiary", "parent": top, "name": "Below" });
    let below = open(&owner, form).await;
    let path = format!("/v1/accounts/{below}/rates");
    let shown = account(&owner, &below).await;
    assert_eq!(shown["reimbursement"], "manual");
    assert_eq!(
        (&shown["rate"], &shown["rates"]),
        (&Value::Null, &json!([]))
    );
    let rate = |per_kwh: &str, from: &str| json!({ "per_kwh": per_kwh, "from": from });
    let refused = async |owner: &Actor<'_>, form: Value| owner.post(&path, form).await.faults();
    let past = refused(&owner, rate("1", "2026-03-01")).await;
    assert_eq!(past, ["from: in_the_past"]);
    let _ = owner
        .post(&path, json!({ "per_kwh": "1" }))
        .await
        .expect(200);
    let again = refused(&owner, rate("2", "2026-03-02")).await;
    assert_eq!(again, ["from: rate_in_force"]);
    let _ = owner.post(&path, rate("2", "2026-03-05")).await.expect(200);
    let replaced = owner.post(&path, rate("3", "2026-03-05")).await.expect(200);
    assert_eq!(replaced["rates"].as_array().unwrap().len(), 2);
    assert_eq!(replaced["rate"]["per_kwh"], "1");
    let same = owner
        .post(&path, rate("3.0", "2026-03-05"))
        .await
        .expect(200);
    assert_eq!(same["version"], replaced["version"], "nothing was written");

    // 2026-03-02T08:00Z and 63 hours: the last hour of the 4th. An hour on, the new rate is in force.
    world.wait_hours(63).await;
    let owner = world.sign_in(&company.owner_email).await;
    assert_eq!(account(&owner, &below).await["rate"]["per_kwh"], "1");
    world.wait_hours(1).await;
    let owner = world.sign_in(&company.owner_email).await;
    let shown = account(&owner, &below).await;
    assert_eq!(shown["rate"]["per_kwh"], "3");
    assert_eq!(shown["rates"][0]["per_kwh"], "1");
    let late = refused(&owner, rate("4", "2026-03-05")).await;
    assert_eq!(late, ["from: rate_in_force"]);
    let path = format!("/v1/accounts/{top}/rates");
    let faults = owner.post(&path, rate("1", "2026-04-01")).await.faults();
    assert_eq!(faults, ["per_kwh: not_for_client"]);
}

#[tokio::test]
async fn a_rate_is_in_the_companys_money_unless_said_otherwise() {
    let world = World::start().await;
    let swedish = json!({ "currency": "SEK" });
    let company = world.company_with("Acme", swedish).await;
    let owner = &company.owner;
    let top = client(owner, "Top").await;
    let below = employee(owner, &top, "Below").await;
    let path = format!("/v1/accounts/{below}/rates");
    let _ = owner
        .post(&path, json!({ "per_kwh": "1" }))
        .await
        .expect(200);
    let form = json!({ "per_kwh": "1", "currency": "NOK", "from": "2026-05-01" });
    let rates = owner.post(&path, form).await.expect(200)["rates"].clone();
    assert_eq!(rates[0]["currency"], "SEK");
    assert_eq!(rates[1]["currency"], "NOK");
}

#[tokio::test]
async fn every_faulty_field_of_an_account_and_its_person_is_named() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let post = async |form: Value| owner.post("/v1/accounts", form).await.faults();
    let bare = json!({ "kind": "client", "name": "A", "holder": { "kind": "business" } });
    let missing = [
        "holder.company_name: required",
        "holder.registration_number: required",
        "holder.vat_number: required",
        "holder.address: required",
    ];
    assert_eq!(post(bare).await, missing);
    let mut holder = business();
    holder["vat_number"] = json!("DE12345");
    let form = json!({ "kind": "client", "name": "A", "holder": holder });
    assert_eq!(post(form).await, ["holder.vat_number: invalid_vat_number"]);
    let holder = json!({ "kind": "consumer", "vat_number": "DE123456789" });
    let form = json!({ "kind": "client", "name": "A", "holder": holder });
    assert_eq!(post(form).await, ["holder.vat_number: not_for_consumer"]);
    let form = json!({ "kind": "client", "name": "A", "holder": {} });
    assert_eq!(post(form).await, ["holder.kind: required"]);
    let form = json!({ "kind": "client", "name": "A", "rate": { "per_kwh": "1" } });
    assert_eq!(post(form).await, ["rate: not_for_client"]);
    assert_eq!(post(json!({})).await, ["kind: required", "name: required"]);

    let both = json!({
        "person": { "email": "nobody", "account": "acc_0000000000000001" },
        "account": { "kind": "fleet", "holder": { "kind": "business" } },
    });
    let faults = owner.post("/v1/invitations", both).await.faults();
    for fault in [
        "email: invalid_email",
        "person.account: too_many",
        "account.kind: unknown_kind",
        "account.name: required",
        "account.holder.vat_number: required",
    ] {
        assert!(faults.iter().any(|found| found == fault), "{faults:?}");
    }
    let form = json!({ "users": [owner.user], "account": { "kind": "client", "name": "A" } });
    let faults = owner.post("/v1/invitations", form).await.faults();
    assert_eq!(faults, ["account: not_for_users"]);
    assert!(listed(owner, "").await.is_empty());
}

#[tokio::test]
async fn sub_accounts_stand_eight_deep_and_never_below_an_employee() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let top = client(owner, "Top").await;
    let form =
        |kind: &str, parent: Option<&str>| json!({ "kind": kind, "name": "New", "parent": parent });
    let post = async |form: Value| owner.post("/v1/accounts", form).await.faults();
    assert_eq!(
        post(form("client", Some(&top))).await,
        ["parent: not_for_client"]
    );
    assert_eq!(post(form("employee", None)).await, ["parent: required"]);
    let worker = employee(owner, &top, "Worker").await;
    assert_eq!(
        post(form("employee", Some(&worker))).await,
        ["parent: no_sub_accounts"]
    );
    let mut lowest = top;
    for depth in 2..=8 {
        let form = json!({ "kind": "subsidiary", "parent": lowest, "name": depth.to_string() });
        lowest = open(owner, form).await;
    }
    assert_eq!(
        account(owner, &lowest).await["path"]
            .as_array()
            .unwrap()
            .len(),
        8
    );
    assert_eq!(
        post(form("employee", Some(&lowest))).await,
        ["parent: too_deep"]
    );
}

#[tokio::test]
async fn an_account_owner_sees_its_own_account_and_below_and_nothing_else() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let staff = owner.add(json!({ "email": "staff@acme.example" })).await;
    let top = client(owner, "Top").await;
    let form = json!({ "kind": "subsidiary", "parent": top, "name": "Own" });
    let own = open(owner, form).await;
    let form = json!({ "kind": "subsidiary", "parent": top, "name": "Sibling" });
    let sibling = open(owner, form).await;
    let below = employee(owner, &own, "Below").await;
    let chief = join_account(&world, &company, &own, "chief", &["account_owner"]).await;
    let boss = join_account(&world, &company, &top, "boss", &["account_owner"]).await;

    assert_eq!(listed(&chief, "").await, ["Own"]);
    assert_eq!(listed(&chief, &format!("parent={own}")).await, ["Below"]);
    for other in [&top, &sibling] {
        let path = format!("/v1/accounts/{other}");
        assert_eq!(chief.get(&path).await.refused(404), "not_found");
        let renamed = chief.patch(&path, 1, json!({ "name": "Mine" })).await;
        assert_eq!(renamed.refused(404), "not_found");
        assert_eq!(chief.delete(&path).await.refused(404), "not_found");
        let rate = chief
            .post(&format!("{path}/rates"), json!({ "per_kwh": "1" }))
            .await;
        assert_eq!(rate.refused(404), "not_found");
        let list = chief.get(&format!("/v1/accounts?parent={other}")).await;
        assert_eq!(list.refused(404), "not_found");
        let form = json!({ "kind": "employee", "parent": other, "name": "Spy" });
        let made = chief.post("/v1/accounts", form.clone()).await;
        assert_eq!(made.faults(), ["parent: unknown_account"]);
        let form = json!({ "person": { "email": "spy@x.example" }, "account": form });
        let made = chief.post("/v1/invitations", form).await;
        assert_eq!(made.faults(), ["account.parent: unknown_account"]);
        let person = json!({ "email": "spy@x.example", "account": other });
        let placed = chief.post("/v1/users", person.clone()).await;
        assert_eq!(placed.faults(), ["account: unknown_account"]);
        let placed = chief.post("/v1/invitations", json!({ "person": person }));
        assert_eq!(placed.await.faults(), ["account: unknown_account"]);
    }
    // Nobody outside, and nothing beyond what it holds.
    for person in [
        json!({ "email": "spy@x.example" }),
        json!({ "email": "spy@x.example", "account": own, "class": "owner" }),
        json!({ "email": "spy@x.example", "account": own, "roles": ["user_manager"] }),
        json!({ "email": "spy@x.example", "account": own, "roles": ["account_owner", "auditor"] }),
    ] {
        let added = chief
            .post("/v1/invitations", json!({ "person": person }))
            .await;
        assert!(matches!(added.status, 403 | 422), "{}", added.text);
    }
    let form = json!({ "kind": "client", "name": "New" });
    let made = chief.post("/v1/accounts", form).await;
    assert_eq!(made.refused(403), "forbidden");
    // Its own account: who stands behind it is its own affair; the name, which must not be that of a customer it does not
    // see, the rate and the end of it are not.
    let path = format!("/v1/accounts/{own}");
    for name in ["Renamed", "Sibling"] {
        let renamed = chief.patch(&path, 1, json!({ "name": name })).await;
        assert_eq!(renamed.refused(403), "beyond_your_rights");
    }
    let holder = json!({ "name": "Own", "holder": business() });
    let held = chief.patch(&path, 1, holder).await;
    assert_eq!(held.expect(200)["holder"]["kind"], "business");
    let renamed = json!({ "name": "Renamed" });
    let renamed = boss.patch(&path, 2, renamed).await;
    assert_eq!(renamed.expect(200)["name"], "Renamed");
    let rate = chief
        .post(&format!("{path}/rates"), json!({ "per_kwh": "1" }))
        .await;
    assert_eq!(rate.refused(403), "forbidden");
    assert_eq!(chief.delete(&path).await.refused(403), "forbidden");
    let rate = boss
        .post(&format!("{path}/rates"), json!({ "per_kwh": "1" }))
        .await;
    assert_eq!(rate.expect(200)["rate"]["per_kwh"], "1");
    let rate = chief
        .post(
            &format!("/v1/accounts/{below}/rates"),
            json!({ "per_kwh": "2" }),
        )
        .await;
    assert_eq!(rate.expect(200)["rate"]["per_kwh"], "2");
    // Users elsewhere are not there.
    let users = json!({ "users": [staff, boss.user, owner.user] });
    for operation in ["/v1/invitations", "/v1/invitations/resend"] {
        let done = chief.post(operation, users.clone()).await.expect(200);
        let codes = done["outcomes"].as_array().unwrap().iter();
        let codes: Vec<&Value> = codes.map(|outcome| &outcome["code"]).collect();
        assert_eq!(codes, ["user_not_found"; 3], "{operation}");
    }
    for user in [&staff, &boss.user, &owner.user] {
        let shown = chief.get(&format!("/v1/users/{user}")).await;
        assert_eq!(shown.refused(404), "not_found");
    }
    let product = format!("/v1/products/{}/assign", company.products[0]);
    let assigned = chief.post(&product, users).await;
    assert_eq!(assigned.refused(403), "forbidden");
}

#[tokio::test]
async fn another_companys_accounts_are_not_there() {
    let world = World::start().await;
    let acme = world.company("Acme").await;
    let other = world.company("Other").await;
    let top = client(&acme.owner, "Top").await;
    let path = format!("/v1/accounts/{top}");
    let rival = &other.owner;
    assert_eq!(rival.get(&path).await.refused(404), "not_found");
    let renamed = rival.patch(&path, 1, json!({ "name": "Mine" })).await;
    assert_eq!(renamed.refused(404), "not_found");
    let rate = rival
        .post(&format!("{path}/rates"), json!({ "per_kwh": "1" }))
        .await;
    assert_eq!(rate.refused(404), "not_found");
    assert_eq!(rival.delete(&path).await.refused(404), "not_found");
    let list = rival.get(&format!("/v1/accounts?parent={top}")).await;
    assert_eq!(list.refused(404), "not_found");
    let form = json!({ "kind": "employee", "parent": top, "name": "New" });
    let made = rival.post("/v1/accounts", form).await;
    assert_eq!(made.faults(), ["parent: unknown_account"]);
    let person = json!({ "person": { "email": "a@x.example", "account": top } });
    let placed = rival.post("/v1/invitations", person).await;
    assert_eq!(placed.faults(), ["account: unknown_account"]);
    assert!(listed(rival, "").await.is_empty());
    // The same name in another company is another name.
    let _ = client(rival, "Top").await;
    assert_eq!(world.nobody().get(&path).await.status, 401);
}

#[tokio::test]
async fn who_manages_accounts_makes_them_and_who_manages_users_does_not() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let manager = owner
        .colleague("amy", "standard", &["account_manager"])
        .await;
    let users = owner.colleague("uma", "standard", &["user_manager"]).await;
    let auditor = owner.colleague("ali", "standard", &["auditor"]).await;
    let limited = owner.colleague("lou", "limited", &[]).await;
    let top = client(&manager, "Top").await;
    for weak in [&users, &auditor] {
        assert_eq!(listed(weak, "").await, ["Top"]);
        let form = json!({ "kind": "client", "name": "New" });
        let made = weak.post("/v1/accounts", form.clone()).await;
        assert_eq!(made.refused(403), "forbidden");
        let form = json!({ "person": { "email": "a@x.example" }, "account": form });
        let made = weak.post("/v1/invitations", form).await;
        assert_eq!(made.refused(403), "forbidden");
        let gone = weak.delete(&format!("/v1/accounts/{top}")).await;
        assert_eq!(gone.refused(403), "forbidden");
    }
    assert_eq!(limited.get("/v1/accounts").await.refused(403), "forbidden");
    // Users in accounts are the user manager's business, an account owner's rights are not.
    let person = json!({ "person": { "email": "d@x.example", "account": top } });
    let _ = users.post("/v1/invitations", person).await.expect(201);
    let person = json!({ "email": "e@x.example", "account": top, "roles": ["account_owner"] });
    let made = users.post("/v1/invitations", json!({ "person": person }));
    assert_eq!(made.await.refused(403), "beyond_your_rights");
    let made = manager.post("/v1/users", json!({ "email": "staff@x.example" }));
    assert_eq!(made.await.refused(403), "beyond_your_rights");
}

#[tokio::test]
async fn an_account_is_made_with_its_first_user_or_not_at_all() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let _ = owner.add(json!({ "email": "taken@x.example" })).await;
    let invite = |email: &str, name: &str| {
        json!({
            "person": { "email": email, "products": [company.products[0]] },
            "account": { "kind": "client", "name": name },
        })
    };
    let path = "/v1/invitations";
    let refused = owner.post(path, invite("taken@x.example", "Top")).await;
    assert_eq!(refused.refused(409), "email_taken");
    assert!(listed(owner, "").await.is_empty());
    let first = owner
        .post_once(path, "key", invite("a@x.example", "Top"))
        .await;
    let again = owner
        .post_once(path, "key", invite("a@x.example", "Top"))
        .await;
    assert_eq!(again.body, first.clone().expect(201));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(first.body["licences"].as_array().unwrap().len(), 1);
    let refused = owner.post(path, invite("b@x.example", " TOP ")).await;
    assert_eq!(refused.refused(409), "account_name_taken");
    assert_eq!(listed(owner, "").await, ["Top"]);
    let users = owner.get("/v1/users?email=b@x.example").await.expect(200);
    assert_eq!(users["users"], json!([]));
    assert!(world.mails_to("b@x.example").await.is_empty());
    assert_eq!(world.mails_to("a@x.example").await.len(), 1);
    // Two at once: one gets the name.
    let (one, two) = join(
        owner.post(path, invite("c@x.example", "Race")),
        owner.post(path, invite("d@x.example", "Race")),
    )
    .await;
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}

#[tokio::test]
async fn of_two_at_once_one_sets_the_rate_of_the_day() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let top = client(owner, "Top").await;
    let below = employee(owner, &top, "Below").await;
    let path = format!("/v1/accounts/{below}/rates");
    let (one, two) = join(
        owner.post(&path, json!({ "per_kwh": "1" })),
        owner.post(&path, json!({ "per_kwh": "2" })),
    )
    .await;
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 422]);
    assert_eq!(
        account(owner, &below).await["rates"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn an_edit_names_the_version_that_it_changes() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let top = client(owner, "Top").await;
    let _ = client(owner, "Other").await;
    let path = format!("/v1/accounts/{top}");
    let unnamed = owner.request(Method::PATCH, &path);
    let unnamed = owner.send(unnamed.json(&json!({ "name": "New" }))).await;
    assert_eq!(unnamed.refused(428), "precondition_required");
    let edited = owner.patch(&path, 1, json!({ "name": "top" })).await;
    assert_eq!(edited.headers["etag"], "\"2\"");
    assert_eq!(edited.expect(200)["name"], "top");
    let late = owner.patch(&path, 1, json!({ "name": "Late" })).await;
    assert_eq!(late.refused(412), "precondition_failed");
    let taken = owner.patch(&path, 2, json!({ "name": "OTHER" })).await;
    assert_eq!(taken.refused(409), "account_name_taken");
    let moved = owner.patch(&path, 2, json!({ "parent": top })).await;
    assert!(matches!(moved.status, 400 | 422), "{}", moved.text);
    let edited = owner.patch(&path, 2, json!({ "name": "New" })).await;
    assert_eq!(edited.expect(200)["version"], 3);
    // The old name is free again, and the new one is taken.
    let _ = client(owner, "Top").await;
    assert_eq!(listed(owner, "").await, ["New", "Other", "Top"]);
    let (one, two) = join(
        owner.patch(&path, 3, json!({ "name": "One" })),
        owner.patch(&path, 3, json!({ "name": "Two" })),
    )
    .await;
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}

#[tokio::test]
async fn an_account_goes_only_when_nobody_is_in_it() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let top = client(owner, "Top").await;
    let below = employee(owner, &top, "Below").await;
    let person = json!({ "email": "d@x.example", "account": below });
    let driver = owner.add(person).await;
    let delete = async |account: &str| owner.delete(&format!("/v1/accounts/{account}")).await;
    assert_eq!(delete(&top).await.refused(409), "account_not_empty");
    assert_eq!(delete(&below).await.refused(409), "account_not_empty");
    // It was only looked at: people still come into it.
    let second = json!({ "email": "e@x.example", "account": below });
    let second = owner.add(second).await;
    for user in [&driver, &second] {
        assert_eq!(delete(&below).await.refused(409), "account_not_empty");
        let now = world.stack.clock().now();
        change_user(&world, &company, user, |user| user.deleted_at = Some(now)).await;
    }
    assert_eq!(delete(&below).await.status, 204);
    assert_eq!(delete(&below).await.refused(404), "not_found");
    let person = json!({ "email": "f@x.example", "account": below });
    let placed = owner.post("/v1/users", person).await;
    assert_eq!(placed.faults(), ["account: unknown_account"]);
    assert_eq!(delete(&top).await.status, 204);
    assert!(listed(owner, "").await.is_empty());
    let _ = client(owner, "Top").await;
}

#[tokio::test]
async fn accounts_are_listed_in_name_order_page_by_page() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let wanted = ["alpha", "Beta 1", "beta 2", "Gamma", "Émile"];
    for name in ["Gamma", "beta 2", "Émile", "alpha", "Beta 1"] {
        let _ = client(owner, name).await;
    }
    assert_eq!(listed(owner, "").await, wanted);
    assert_eq!(listed(owner, "name=BETA").await, ["Beta 1", "beta 2"]);
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/accounts?limit=2&cursor={cursor}");
        let page = owner.get(&path).await.expect(200);
        let accounts = page["accounts"].as_array().unwrap();
        names.extend(accounts.iter().map(|account| text(&account["name"])));
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(names, wanted);
    for (query, fault) in [
        ("limit=0", "limit: out_of_range"),
        ("limit=101", "limit: out_of_range"),
        ("cursor=%21", "cursor: invalid_cursor"),
        ("parent=usr_1", "parent: invalid_id"),
    ] {
        let faults = owner.get(&format!("/v1/accounts?{query}")).await.faults();
        assert_eq!(faults, [fault]);
    }
}

#[tokio::test]
async fn a_user_who_moves_leaves_one_account_and_comes_into_another() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let first = client(owner, "First").await;
    let second = client(owner, "Second").await;
    let driver = owner
        .add(json!({ "email": "d@x.example", "account": first }))
        .await;
    let path = format!("/v1/users/{driver}");
    let moved = owner.patch(&path, 1, json!({ "account": second })).await;
    assert_eq!(moved.expect(200)["account"], json!(second));
    let delete = async |account: &str| owner.delete(&format!("/v1/accounts/{account}")).await;
    assert_eq!(delete(&first).await.status, 204);
    assert_eq!(delete(&second).await.refused(409), "account_not_empty");
    let back = owner.patch(&path, 2, json!({ "account": first })).await;
    assert_eq!(back.faults(), ["account: unknown_account"]);
    // A deleted user keeps no account; nobody comes back into one that is gone.
    let confirmed = json!({ "confirm": "d@x.example" });
    let deleted = owner.post(&format!("{path}/delete"), confirmed).await;
    assert!(deleted.status < 300, "{}", deleted.text);
    assert_eq!(delete(&second).await.status, 204);
    let restore = json!({ "users": [driver] });
    let restored = owner.post("/v1/users/restore", restore).await.expect(200);
    assert_eq!(restored["outcomes"][0]["code"], "account_not_found");
}

#[tokio::test]
async fn the_trail_tells_what_of_an_account_was_changed_and_forgets_private_names_with_it() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    // Entries of one moment stand in any order.
    let told = async |operation: &str, account: &str| {
        let path = format!("/v1/audit?operation={operation}");
        let trail = owner.get(&path).await.expect(200);
        let entries = trail["entries"].as_array().unwrap().iter();
        let mut targets = entries.map(|entry| entry["targets"][0].clone());
        let about = targets.find(|target| target["id"] == account);
        about.unwrap_or_else(|| panic!("{trail}"))
    };
    let form = json!({ "kind": "client", "name": "Carla Cruz", "holder": { "kind": "consumer" } });
    let carla = open(owner, form).await;
    let private = format!("/v1/accounts/{carla}");
    let entry = told("accounts.create", &carla).await;
    assert_eq!(entry["after"]["name"], "Carla Cruz");
    let renamed = json!({ "name": "Carla Cruz-Diaz" });
    let _ = owner.patch(&private, 1, renamed).await.expect(200);
    let entry = told("accounts.edit", &carla).await;
    assert_eq!(
        (&entry["before"], &entry["after"]),
        (
            &json!({ "name": "Carla Cruz" }),
            &json!({ "name": "Carla Cruz-Diaz" })
        )
    );
    let trail = format!("{:?}", world.table(|pk, _| pk.contains("#A#")));
    assert!(!trail.contains("Carla"), "{trail}");
    let _ = owner.delete(&private).await;
    let entry = told("accounts.edit", &carla).await;
    assert_eq!(entry["erased"], true, "the name went with the account");

    // Of companies only what differs, and of rates only the new one.
    let form = json!({ "kind": "client", "name": "Wheels", "holder": business() });
    let wheels = open(owner, form).await;
    let path = format!("/v1/accounts/{wheels}");
    let mut moved = json!({ "holder": business() });
    moved["holder"]["address"] = json!("Hafen 2, 20457 Hamburg");
    let _ = owner.patch(&path, 1, moved).await.expect(200);
    let entry = told("accounts.edit", &wheels).await;
    assert_eq!(
        entry["after"],
        json!({ "holder": { "address": "Hafen 2, 20457 Hamburg" } })
    );
    let path = format!(
        "/v1/accounts/{}/rates",
        employee(owner, &wheels, "Dora").await
    );
    for (per_kwh, from) in [("0.25", "2026-03-02"), ("0.31", "2026-04-01")] {
        let rate = json!({ "per_kwh": per_kwh, "from": from });
        let _ = owner.post(&path, rate).await.expect(200);
    }
    let rates = owner.get("/v1/audit?operation=accounts.rate").await;
    let rates = rates.expect(200)["entries"].take();
    let newest = json!({ "rates": { "2026-04-01": { "per_kwh": "0.31", "currency": "EUR" } } });
    let told = rates.as_array().unwrap().iter();
    let told: Vec<&Value> = told.map(|entry| &entry["targets"][0]["after"]).collect();
    assert_eq!(told.len(), 2);
    assert!(told.contains(&&newest), "{told:?}");
}

/// Whoever a customer's person makes must not see beyond that customer.
#[tokio::test]
async fn a_customers_user_manager_makes_people_of_that_customer_only() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let fleet = world.make_fleet(&company.tenant, "North");
    let customer = client(owner, "Globex").await;
    let other = client(owner, "Initech").await;
    let below = employee(owner, &customer, "Hank").await;
    let truck = json!({ "external_id": "T-1", "groups": [fleet] });
    let truck = owner.add(truck).await;
    let scope = json!({ "all": false, "groups": [fleet] });
    let rights = json!({ "class": "standard", "roles": ["user_manager"] });
    let form = |name: &str, more: Value| {
        let mut form = rights.clone();
        form["email"] = json!(format!("{name}@globex.example"));
        for (field, value) in more.as_object().unwrap() {
            form[field] = value.clone();
        }
        form
    };
    let manager = form(
        "disp",
        json!({ "account": customer, "scope": scope, "groups": [fleet], "invite": true }),
    );
    let _ = owner.add(manager).await;
    let manager = world.activate("disp@globex.example", "disp").await;

    let puppet = manager
        .post("/v1/users", form("puppet", json!({ "groups": [fleet] })))
        .await;
    assert_eq!(puppet.refused(403), "beyond_your_rights");
    let elsewhere = json!({ "groups": [fleet], "account": other });
    let elsewhere = manager.post("/v1/users", form("else", elsewhere)).await;
    assert_eq!(elsewhere.faults(), ["account: unknown_account"]);
    let chief = json!({ "groups": [fleet], "account": customer, "roles": ["account_owner"] });
    let chief = manager.post("/v1/users", form("chief", chief)).await;
    assert_eq!(chief.refused(403), "beyond_your_rights");
    let version = owner.show(&truck).await["version"].as_u64().unwrap();
    let made = manager
        .patch(&format!("/v1/users/{truck}"), version, rights.clone())
        .await;
    assert_eq!(made.refused(403), "beyond_your_rights");
    for account in [&customer, &below] {
        let inside = json!({ "groups": [fleet], "account": account });
        let made = manager
            .post("/v1/users", form(account, inside))
            .await
            .expect(201);
        assert_eq!(made["account"], json!(account));
    }
    let file = format!(
        "External ID;Class;Roles;Groups;Account\nP-1;standard;user_manager;{fleet};\nP-2;limited;;{fleet};Initech\n"
    );
    let runner = world.define_role(&company.tenant, "Runner", &["imports.run", "users.write"]);
    let runner = form(
        "runner",
        json!({ "account": customer, "scope": scope, "groups": [fleet], "invite": true, "roles": ["user_manager", runner] }),
    );
    let _ = owner.add(runner).await;
    let runner = world.activate("runner@globex.example", "runner").await;
    let import = runner.upload_import(file).await;
    assert_eq!(import["planned"]["refused"], 2, "{import}");
}

/// Whoever has the address of a user has all that the user has.
#[tokio::test]
async fn nobody_takes_the_address_of_whoever_sees_people_that_they_do_not_see() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let top = client(owner, "Top").await;
    let chief = join_account(&world, &company, &top, "chief", &["account_owner"]).await;
    let outside = owner.add(json!({ "external_id": "T-1" })).await;
    let driver = async |name: &str, scope: Value| {
        let email = format!("{name}@top.example");
        let form = json!({ "email": email, "account": top, "scope": scope, "invite": true });
        owner.add(form).await
    };
    let beyond = json!({ "users": [outside] });
    let patch = async |user: &str| {
        let version = chief.show(user).await["version"].as_u64().unwrap();
        let form = json!({ "email": format!("{user}@chief.example") });
        chief
            .patch(&format!("/v1/users/{user}"), version, form)
            .await
    };
    let change = async |user: &str| {
        let form = json!({ "email": format!("{user}@chief.example") });
        chief.post(&format!("/v1/users/{user}/email"), form).await
    };
    let (sees, plain) = (
        driver("dan", beyond.clone()).await,
        driver("dora", json!({})).await,
    );
    assert_eq!(patch(&sees).await.refused(403), "beyond_your_rights");
    let _ = patch(&plain).await.expect(200);
    let (sees, plain) = (driver("eve", beyond).await, driver("emil", json!({})).await);
    for name in ["eve", "emil"] {
        let _ = world.activate(&format!("{name}@top.example"), name).await;
    }
    assert_eq!(change(&sees).await.refused(403), "beyond_your_rights");
    let _ = change(&plain).await.expect(202);
}

#[tokio::test]
async fn what_the_company_bought_and_how_it_shares_out_its_work_is_not_its_customers_affair() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let top = client(owner, "Top").await;
    let chief = join_account(&world, &company, &top, "chief", &["account_owner"]).await;
    let products = chief.get("/v1/products").await.expect(200);
    let product = products["products"][0].as_object().unwrap();
    let shown: Vec<&str> = product.keys().map(String::as_str).collect();
    assert_eq!(shown, ["id", "links", "name"], "not how many were bought");
    let form = json!({ "name": "Yard", "permissions": ["users.write", "audit.read"] });
    let yard = owner.post("/v1/roles", form).await.expect(201);
    let roles = chief.get("/v1/roles").await.expect(200);
    let roles = roles["roles"].as_array().unwrap().iter();
    let roles: Vec<&Value> = roles.map(|role| &role["id"]).collect();
    assert_eq!(roles, ["account_manager", "account_owner", "driver"]);
    let yard = format!("/v1/roles/{}", text(&yard["id"]));
    assert_eq!(chief.get(&yard).await.refused(404), "not_found");
    let _ = owner.get(&yard).await.expect(200);
}
