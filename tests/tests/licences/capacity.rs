//! What calls cost: read and write units of the table and its indexes. A costlier call fails here. A cheaper one too: then
//! the tables are to be brought up to date.

use muster_shared::lambda::{Invocation, LambdaEvent};
use muster_shared::store::meter;
use muster_tests::bench::users;
use muster_tests::openapi;
use muster_tests::output::Output;
use muster_tests::world::{Actor, Answer, Company, PASSWORD, World, text};
use serde_json::{Value, json};

use crate::crew;

/// What calls consumed, one a line.
struct Costs(String);

impl Costs {
    fn new() -> Self {
        let mut costs = Self(String::new());
        costs.row("call", "operation", "read", "write");
        costs
    }

    /// Notes an answer, which must be a good one.
    #[track_caller]
    fn note(&mut self, call: &str, answer: &Answer) {
        assert!(answer.status < 300, "{call}: {}", answer.text);
        let (read, write) = answer.consumed();
        let operation = openapi::operation(&answer.request);
        let operation = operation.unwrap_or_else(|| panic!("{}", answer.request));
        self.row(call, &operation, &read.to_string(), &write.to_string());
    }

    /// Notes what was consumed by what is no call.
    fn line(&mut self, work: &str, (read, write): (f64, f64)) {
        let rounded = |units: f64| ((units * 1_000.0).round() / 1_000.0).to_string();
        self.row(work, "-", &rounded(read), &rounded(write));
    }

    fn row(&mut self, call: &str, operation: &str, read: &str, write: &str) {
        self.0 += &format!("{call:<36}{operation:<24}{read:>8}{write:>8}\n");
    }
}

#[tokio::test]
async fn calls_cost_what_they_did() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let users = crew(owner, 50).await;
    world.stack.settled().await;
    let mut costs = Costs::new();
    let mut note = |call: &str, answer: &Answer| costs.note(call, answer);
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
    let sign_in = json!({ "login": company.owner_email, "password": PASSWORD });
    note(
        "sign-in",
        &world.nobody().post("/v1/sessions", sign_in).await,
    );
    insta::assert_snapshot!("capacity", costs.0);
}

#[tokio::test]
async fn what_people_do_for_themselves_costs_what_it_did() {
    let world = World::start().await;
    let (company, other) = (world.company("Acme").await, world.company("Bolt").await);
    let nobody = world.nobody();
    let mut costs = Costs::new();
    let email = "ada@drivers.example";
    let ada = invited(&company.owner, email).await;
    let link = world.link_token(email).await;
    let checked = nobody.post("/v1/activations/check", json!({ "token": link }));
    costs.note("look at an activation link", &checked.await);
    world.wait_hours(24).await;
    let renewed = nobody.post("/v1/activations/renew", json!({ "token": link }));
    costs.note("renew an expired link", &renewed.await);
    let link = world.link_token(email).await;
    let accept = json!({ "token": link, "username": "ada", "password": PASSWORD });
    let accepted = nobody.post("/v1/activations", accept).await;
    costs.note("accept an invitation", &accepted);
    let bolt = world.sign_in(&other.owner_email).await;
    let _ = invited(&bolt, email).await;
    let link = world.link_token(email).await;
    let join = json!({ "token": link, "password": PASSWORD });
    let joined = nobody.post("/v1/activations", join).await;
    costs.note("join a second company", &joined);

    let sign_in = json!({ "login": email, "password": PASSWORD, "tenant": company.tenant });
    let session = nobody.post("/v1/sessions", sign_in).await;
    costs.note("sign-in, company chosen", &session);
    let actor = world.bearer(text(&session.body["access_token"]));
    costs.note("me", &actor.get("/v1/me").await);
    costs.note(
        "companies of the person",
        &actor.get("/v1/sessions/tenants").await,
    );
    let switch = json!({ "tenant": other.tenant });
    let switched = actor.post("/v1/sessions/switch", switch).await;
    costs.note("switch", &switched);
    let refresh = json!({ "refresh_token": switched.body["refresh_token"] });
    let refreshed = nobody.post("/v1/sessions/refresh", refresh).await;
    costs.note("refresh", &refreshed);
    let last = world.bearer(text(&refreshed.body["access_token"]));
    costs.note("sign-out", &last.delete("/v1/sessions/current").await);

    let ask = |login: &str| json!({ "login": login });
    for (call, login) in [
        ("ask for a new password", email),
        ("the same, of nobody", "x@y.example"),
    ] {
        costs.note(call, &nobody.post("/v1/password-resets", ask(login)).await);
    }
    let token = world.link(email, "reset").await;
    let body = json!({ "token": token });
    let checked = nobody.post("/v1/password-resets/check", body).await;
    costs.note("look at a link to a new password", &checked);
    let body = json!({ "token": token, "password": "plum orchard tricycle moon" });
    let confirmed = nobody.post("/v1/password-resets/confirm", body).await;
    costs.note("choose it", &confirmed);
    let owner = &world.sign_in(&company.owner_email).await;
    let sent = owner
        .post(&format!("/v1/users/{ada}/password-reset"), json!({}))
        .await;
    costs.note("send a new password", &sent);

    let path = format!("/v1/users/{ada}/email");
    let start = async |to: &str| owner.post(&path, json!({ "email": to })).await;
    costs.note(
        "start a change of an address",
        &start("a@new.example").await,
    );
    costs.note("start another in its place", &start("b@new.example").await);
    let cancel = json!({ "token": world.link(email, "email").await });
    let checked = nobody.post("/v1/email-changes/check", cancel.clone()).await;
    costs.note("look at its link", &checked);
    let cancelled = nobody.post("/v1/email-changes/cancel", cancel).await;
    costs.note("cancel it from the old address", &cancelled);
    let _ = start("c@new.example").await;
    costs.note("withdraw it", &owner.delete(&path).await);
    let _ = start("d@new.example").await;
    let confirm = json!({
        "token": world.link("d@new.example", "email").await,
        "username": "ada.acme",
        "password": PASSWORD,
    });
    let confirmed = nobody.post("/v1/email-changes/confirm", confirm).await;
    costs.note("confirm it, another company stays", &confirmed);
    let mia = owner.colleague("mia", "limited", &[]).await;
    let path = format!("/v1/users/{}/email", mia.user);
    let started = owner.post(&path, json!({ "email": "mia@new.example" }));
    let _ = started.await.expect(202);
    let confirm = json!({ "token": world.link("mia@new.example", "email").await });
    let confirmed = nobody.post("/v1/email-changes/confirm", confirm).await;
    costs.note("confirm it, the person moves", &confirmed);
    insta::assert_snapshot!("capacity_of_people", costs.0);
}

#[expect(clippy::too_many_lines, reason = "one table")]
#[tokio::test]
async fn what_administrators_arrange_costs_what_it_did() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let users = crew(owner, 50).await;
    let mut costs = Costs::new();
    let fifty = json!({ "users": users });

    let role = json!({ "name": "Yard", "permissions": ["users.read"] });
    let made = owner.post("/v1/roles", role).await;
    costs.note("define a role", &made);
    let role = format!("/v1/roles/{}", text(&made.body["id"]));
    let more = json!({ "name": "Yard", "permissions": ["users.read", "users.write"] });
    costs.note("list roles", &owner.get("/v1/roles").await);
    costs.note("show a role", &owner.get(&role).await);
    costs.note("change a role", &owner.put(&role, 1, more).await);
    costs.note("delete a role", &owner.delete(&role).await);

    let group = json!({ "kind": "fleet", "name": "North" });
    let made = owner.post("/v1/groups", group).await;
    costs.note("make a group", &made);
    let group = text(&made.body["id"]);
    let path = format!("/v1/groups/{group}");
    let put_in = async || owner.post(&format!("{path}/add"), fifty.clone()).await;
    let take_out = async || owner.post(&format!("{path}/remove"), fifty.clone()).await;
    costs.note("list groups", &owner.get("/v1/groups").await);
    costs.note("show a group", &owner.get(&path).await);
    costs.note(
        "rename a group",
        &owner.put(&path, 1, json!({ "name": "West" })).await,
    );
    costs.note("put 50 into a group", &put_in().await);
    costs.note("put 50 into a group: unchanged", &put_in().await);
    costs.note("take 50 out of a group", &take_out().await);
    let scope = json!({ "class": "limited", "scope": { "groups": [group] } });
    let _ = put_in().await;
    costs.note(
        "preview of 50",
        &owner.post("/v1/users/preview", scope).await,
    );
    let preview = format!("/v1/users/{}/preview", users[0]);
    costs.note("preview of a user", &owner.get(&preview).await);
    costs.note("delete a group with 50 in it", &owner.delete(&path).await);

    costs.note("show the company", &owner.get("/v1/tenant").await);
    let locale = owner
        .patch("/v1/tenant", 1, json!({ "locale": "de" }))
        .await;
    costs.note("change the company", &locale);

    let client = json!({ "kind": "client", "name": "Wheels" });
    let client = text(&owner.post("/v1/accounts", client).await.expect(201)["id"]);
    let below = json!({ "kind": "employee", "name": "Dora", "parent": client, "rate": { "per_kwh": "0.25" } });
    let made = owner.post("/v1/accounts", below).await;
    costs.note("create a sub-account with a rate", &made);
    let path = format!("/v1/accounts/{}", text(&made.body["id"]));
    costs.note("show an account", &owner.get(&path).await);
    let renamed = json!({ "name": "Dora D." });
    costs.note("edit an account", &owner.patch(&path, 1, renamed).await);
    let rate = json!({ "per_kwh": "0.31", "from": "2026-04-01" });
    let rated = owner.post(&format!("{path}/rates"), rate).await;
    costs.note("agree on a rate", &rated);
    costs.note("delete an account", &owner.delete(&path).await);

    let invited = owner.post("/v1/invitations", fifty.clone()).await;
    let _ = invited.expect(200);
    world.stack.settled().await;
    let resent = owner.post("/v1/invitations/resend", fifty.clone()).await;
    costs.note("resend 50", &resent);
    world.stack.settled().await;
    let revoked = owner.post("/v1/invitations/revoke", fifty.clone()).await;
    costs.note("revoke 50", &revoked);

    costs.note("overview", &owner.get("/v1/overview").await);
    costs.note(
        "count users",
        &owner.post("/v1/overview/count", json!({})).await,
    );
    world.wait_hours(3).await;
    let owner = &world.sign_in(&company.owner_email).await;
    costs.note("audit, a page of 50", &owner.get("/v1/audit").await);
    let by_user = format!("/v1/audit?user={}", users[0]);
    costs.note("audit, of a user", &owner.get(&by_user).await);
    costs.note("seals", &owner.get("/v1/audit/seals").await);
    costs.note("verification", &owner.get("/v1/audit/verification").await);
    let trail = json!({ "format": "csv", "of": "audit" });
    costs.note(
        "start-export of the trail",
        &owner.post("/v1/exports", trail).await,
    );

    let second = owner.colleague("otto", "owner", &[]).await;
    for (call, order) in [
        (
            "support: set_class",
            json!({ "action": "set_class", "user": second.user, "class": "standard" }),
        ),
        (
            "support: suspend",
            json!({ "action": "suspend", "user": second.user }),
        ),
        (
            "support: set_seats",
            json!({ "action": "set_seats", "product": company.products[0], "seats": 60 }),
        ),
    ] {
        let consumed = support(&world, &company, call, order).await;
        costs.line(call, consumed);
    }
    insta::assert_snapshot!("capacity_of_administration", costs.0);
}

/// How many rows the files have.
const ROWS: u32 = 1_000;

#[tokio::test]
async fn files_cost_what_they_did() {
    let output = Output::captured("info");
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let mut costs = Costs::new();
    costs.note("sample file", &owner.get("/v1/imports/sample").await);
    let file = users(ROWS);
    for (work, begin, commit) in [
        ("an imported user", "begin an import", "commit an import"),
        (
            "an unchanged row",
            "begin another",
            "commit what changes nothing",
        ),
    ] {
        output.clear();
        let begun = owner.post("/v1/imports", json!({ "file_name": "users.csv" }));
        let begun = begun.await;
        costs.note(begin, &begun);
        let uploaded = world.upload(&begun.body["upload"], file.clone()).await;
        assert_eq!(uploaded, 200);
        world.stack.settled().await;
        let path = format!("/v1/imports/{}", text(&begun.body["id"]));
        let committed = owner.post(&format!("{path}/commit"), json!({})).await;
        costs.note(commit, &committed);
        world.stack.settled().await;
        assert_eq!(owner.get(&path).await.expect(200)["state"], "done");
        costs.line(work, share(&output, &["import", "import-chunk"]));
    }
    let begun = owner.post("/v1/imports", json!({})).await.expect(201);
    let path = format!("/v1/imports/{}", text(&begun["id"]));
    costs.note("show an import", &owner.get(&path).await);
    let cancelled = owner.post(&format!("{path}/cancel"), json!({})).await;
    costs.note("cancel an import", &cancelled);
    costs.note("list imports", &owner.get("/v1/imports").await);

    output.clear();
    let export = owner.post("/v1/exports", json!({ "format": "csv" })).await;
    world.stack.settled().await;
    costs.line("an exported user", share(&output, &["export"]));
    let path = format!("/v1/exports/{}", text(&export.expect(202)["id"]));
    costs.note("show an export", &owner.get(&path).await);
    costs.note("list exports", &owner.get("/v1/exports").await);
    costs.note("signing keys", &world.nobody().get("/v1/jwks.json").await);
    insta::assert_snapshot!("capacity_of_files", costs.0);
}

/// What these functions have said that they consumed, for one row of a file.
fn share(output: &Output, functions: &[&str]) -> (f64, f64) {
    let logs = output.logs();
    let ended = logs.iter().filter(|line| {
        let function = line["span"]["function"].as_str().unwrap_or_default();
        functions.contains(&function) && line.get("write").is_some()
    });
    let units = |line: &Value, name: &str| line[name].as_f64().unwrap() / f64::from(ROWS);
    let share = ended
        .map(|line| (units(line, "read"), units(line, "write")))
        .reduce(|sum, one| (sum.0 + one.0, sum.1 + one.1));
    share.unwrap()
}

/// Invites a person as a limited user; its id.
async fn invited(owner: &Actor<'_>, email: &str) -> String {
    let person = json!({ "person": { "email": email, "first_name": "Ada" } });
    let invited = owner.post("/v1/invitations", person).await;
    text(&invited.expect(201)["id"])
}

/// What an order of support consumes, which has no route.
async fn support(
    world: &World,
    company: &Company<'_>,
    reference: &str,
    mut order: Value,
) -> (f64, f64) {
    order["reference"] = json!(reference);
    order["tenant"] = json!(company.tenant);
    let mut functions = muster_local::functions::ALL.iter();
    let function = functions
        .find(|function| function.name == "support")
        .unwrap();
    let ctx = world.stack.context("support").unwrap();
    let order = LambdaEvent::new(order, Invocation::default());
    let (answer, consumed) = meter::measure(function.invoke(ctx, order)).await;
    let answer = answer.unwrap_or_else(|error| panic!("{error}"));
    assert!(answer["operation"].is_string(), "{answer}");
    (consumed.read, consumed.write)
}
