//! Every operation that takes an `Idempotency-Key`, in one table: what becomes of the key when the request is refused,
//! carried out, sent again, sent with another body, or when its answer was lost.

use jiff::SignedDuration;
use muster_tests::openapi;
use muster_tests::world::{Actor, Answer, Company, PASSWORD, Table, World, text};
use reqwest::Method;
use serde_json::{Value, json};

use super::{email_change, outcomes, resetting};

const KEY: &str = "one-key-for-all";
const ADA: &str = "ada@colleagues.example";
const MOVED: &str = "ada@moved.example";

/// The operations that take a key, as the API's document names them.
fn routes() -> Vec<String> {
    let document: Value = serde_json::from_str(&openapi::document()).unwrap();
    let takes_key = |operation: &Value| {
        let mut parameters = operation["parameters"].as_array().into_iter().flatten();
        parameters.any(|parameter| parameter["name"] == "Idempotency-Key")
    };
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, operations)| {
        let operations = operations.as_object().unwrap().iter();
        operations.map(move |(method, operation)| {
            (format!("{} {path}", method.to_uppercase()), operation)
        })
    });
    let routes = operations.filter(|(_, operation)| takes_key(operation));
    routes.map(|(route, _)| route).collect()
}

/// What some of them do in other ways.
const FURTHER: [&str; 1] = ["POST /v1/invitations (a client)"];

/// A request that can be carried out once.
struct Asking<'w> {
    by: Actor<'w>,
    path: String,
    body: Value,
    /// Under the same key it is another request. Lacking where a link is all that tells requests apart: there the key is
    /// the link's own, so that another link has others.
    other: Option<Value>,
    refused: Value,
    /// What the refused one is refused with.
    code: &'static str,
    /// What whoever asks again is told when it was done and the answer got lost.
    lost: Lost,
}

/// What was done is found done.
enum Lost {
    /// The answer is the same.
    Same,
    /// The users are said to be so already.
    Unchanged,
    /// The link is said to be good no more.
    Link(&'static str),
}

impl<'w> Asking<'w> {
    /// As `by` asks it, with this body, with another one, and with one that is refused.
    fn new(by: &Actor<'w>, route: &str, [body, other, refused]: [Value; 3]) -> Self {
        Self {
            by: by.clone(),
            path: route.split(' ').nth(1).unwrap().to_owned(),
            body,
            other: Some(other),
            refused,
            code: "invalid_fields",
            lost: Lost::Same,
        }
    }

    /// Of the thing or user with this id.
    fn of(self, id: &str) -> Self {
        let path = self.path.replace("{id}", id);
        Self { path, ..self }
    }

    fn without_other(self) -> Self {
        let other = None;
        Self { other, ..self }
    }

    fn lost(self, lost: Lost) -> Self {
        Self { lost, ..self }
    }

    /// Asked so often, each time for its own sake, that it is refused for an hour.
    async fn too_often(self) -> Self {
        loop {
            let request = self.by.request(Method::POST, &self.path);
            let answer = self.by.send(request.json(&self.body)).await;
            if answer.status == 429 {
                break;
            }
            assert_eq!(answer.status, 202, "{}", answer.text);
        }
        let (refused, code) = (self.body.clone(), "too_many_requests");
        Self {
            refused,
            code,
            ..self
        }
    }

    async fn send(&self, body: &Value) -> Answer {
        let request = self.by.request(Method::POST, &self.path);
        let mut request = request.header("Idempotency-Key", KEY);
        if !body.is_null() {
            request = request.json(body);
        }
        self.by.send(request).await
    }
}

/// How each operation is asked: whoever adds one adds it here.
async fn asking<'w>(world: &'w World, company: &Company<'w>, route: &str) -> Asking<'w> {
    let owner = &company.owner;
    let asking = |bodies| Asking::new(owner, route, bodies);
    let client =
        |name: &str| json!({ "kind": "client", "name": name, "holder": { "kind": "consumer" } });
    match route {
        "POST /v1/users" => asking([
            json!({ "email": ADA, "products": [company.products[0]], "invite": true }),
            json!({ "external_id": "D-2" }),
            json!({ "email": "nowhere" }),
        ]),
        "POST /v1/invitations (a client)" => {
            let person =
                |email| json!({ "person": { "email": email }, "account": client("Globex") });
            asking([
                person(ADA),
                person("bob@colleagues.example"),
                person("nowhere"),
            ])
        }
        "POST /v1/accounts" => asking(["Globex", "Initech", ""].map(client)),
        "POST /v1/accounts/{id}/rates" => {
            let above = world.open_account(&company.tenant, "Globex", &[]);
            let below = world.open_account(&company.tenant, "Wheels", &[&above]);
            let rate = |per_kwh| json!({ "per_kwh": per_kwh, "from": "2026-04-01" });
            asking(["0.29", "0.31", "much"].map(rate)).of(&below)
        }
        "POST /v1/roles" => {
            let role = |name| json!({ "name": name, "permissions": ["users.read"] });
            asking(["Clerk", "Agent", ""].map(role))
        }
        "POST /v1/groups" => {
            let group = |name| json!({ "kind": "fleet", "name": name });
            asking(["North", "South", ""].map(group))
        }
        "POST /v1/imports" => {
            let import = |name: &str| json!({ "file_name": name });
            asking([import("a.csv"), import("b.csv"), import(&"c".repeat(201))])
        }
        "POST /v1/exports" => {
            let export = |of| json!({ "of": of, "columns": ["kind"] });
            asking([export("users"), json!({}), export("audit")])
        }
        "POST /v1/users/{id}/delete" => {
            let confirm = |what| json!({ "confirm": what });
            asking([ADA, "Ada", "Bob"].map(confirm)).of(&add(owner, "ada").await)
        }
        "POST /v1/users/{id}/email" => {
            let email = |email| json!({ "email": email });
            let ada = owner.colleague("ada", "limited", &[]).await;
            asking([MOVED, "ada@other.example", "nowhere"].map(email)).of(&ada.user)
        }
        "POST /v1/users/{id}/password-reset" => {
            let ada = owner.colleague("ada", "limited", &[]).await;
            asking([Value::Null, json!({}), Value::Null])
                .of(&ada.user)
                .too_often()
                .await
        }
        _ => match by_link(world, company, route).await {
            Some(asking) => asking,
            None => in_bulk(company, route).await,
        },
    }
}

/// The operations of those who have a link, or want one.
async fn by_link<'w>(world: &'w World, company: &Company<'w>, route: &str) -> Option<Asking<'w>> {
    let owner = &company.owner;
    let asking = |bodies| Asking::new(&world.nobody(), route, bodies);
    let token = |token: &str| json!({ "token": token });
    Some(match route {
        "POST /v1/activations" => {
            let token = invited(world, owner).await;
            let accept = |(username, password)| json!({ "token": token, "username": username, "password": password });
            let bodies = [("ada", PASSWORD), ("lovelace", PASSWORD), ("ada", "short")];
            asking(bodies.map(accept)).lost(Lost::Link("link_used"))
        }
        "POST /v1/activations/renew" => {
            let old = token(&invited(world, owner).await);
            let asking = asking([old, Value::Null, Value::Null]).too_often().await;
            let other = Some(token(&world.link_token(ADA).await));
            Asking { other, ..asking }
        }
        "POST /v1/password-resets" => {
            let _ = owner.colleague("ada", "limited", &[]).await;
            let login = |login| json!({ "login": login });
            let bodies = [ADA, " ada@colleagues.example", ADA].map(login);
            asking(bodies).too_often().await
        }
        "POST /v1/password-resets/confirm" => {
            let ada = owner.colleague("ada", "limited", &[]).await;
            let send = format!("/v1/users/{}/password-reset", ada.user);
            let _ = owner.post(&send, json!({})).await.expect(202);
            let link = resetting::reset_token(world, ADA).await;
            let choose = |password| json!({ "token": link, "password": password });
            let bodies = ["plum orchard tricycle moon", "", "short"].map(choose);
            asking(bodies).without_other().lost(Lost::Link("link_used"))
        }
        "POST /v1/email-changes/confirm" | "POST /v1/email-changes/cancel" => {
            let ada = owner.colleague("ada", "limited", &[]).await;
            let start = format!("/v1/users/{}/email", ada.user);
            let started = owner
                .post(&start, json!({ "email": MOVED }))
                .await
                .expect(202);
            let by_code = |code: &str| json!({ "change": started["change"], "code": code });
            let confirm = token(&email_change::token(world, MOVED).await);
            if route.ends_with("confirm") {
                let code = email_change::code(world, MOVED).await;
                let bodies = [confirm, by_code(&code), by_code("none")];
                asking(bodies).lost(Lost::Link("link_used"))
            } else {
                let cancel = token(&email_change::token(world, ADA).await);
                let bodies = [cancel, Value::Null, confirm];
                asking(bodies)
                    .without_other()
                    .lost(Lost::Link("link_revoked"))
            }
        }
        _ => return None,
    })
}

/// The operations on many users: on one user, on another one, on none.
async fn in_bulk<'w>(company: &Company<'w>, route: &str) -> Asking<'w> {
    let before = match route {
        "POST /v1/users/suspend"
        | "POST /v1/users/delete"
        | "POST /v1/invitations"
        | "POST /v1/groups/{id}/add"
        | "POST /v1/products/{id}/assign" => None,
        "POST /v1/users/reactivate" => Some("/v1/users/suspend"),
        "POST /v1/users/restore" => Some("/v1/users/delete"),
        "POST /v1/invitations/resend" | "POST /v1/invitations/revoke" => Some("/v1/invitations"),
        "POST /v1/groups/{id}/remove" => Some("/v1/groups/{id}/add"),
        "POST /v1/products/{id}/unassign" => Some("/v1/products/{id}/assign"),
        _ => panic!("how {route} keeps to its key is not tested"),
    };
    let owner = &company.owner;
    let id = if route.contains("/groups/") {
        let north = json!({ "kind": "fleet", "name": "North" });
        text(&owner.post("/v1/groups", north).await.expect(201)["id"])
    } else {
        company.products[0].clone()
    };
    let (ada, bob) = (add(owner, "ada").await, add(owner, "bob").await);
    let body = |route: &str, users: &[&String]| {
        let mut body = json!({ "users": users });
        if route.ends_with("/users/delete") {
            body["confirm"] = json!(users.len());
        }
        body
    };
    if let Some(before) = before {
        let (path, both) = (before.replace("{id}", &id), body(before, &[&ada, &bob]));
        let _ = owner.post(&path, both).await.expect(200);
    }
    let bodies = [body(route, &[&ada]), body(route, &[&bob]), body(route, &[])];
    Asking::new(owner, route, bodies)
        .of(&id)
        .lost(Lost::Unchanged)
}

/// Adds a colleague who is not invited; the id.
async fn add(owner: &Actor<'_>, name: &str) -> String {
    let email = format!("{name}@colleagues.example");
    owner.add(json!({ "email": email })).await
}

/// Invites Ada; the link's token.
async fn invited(world: &World, owner: &Actor<'_>) -> String {
    let _ = owner.add(json!({ "email": ADA, "invite": true })).await;
    world.link_token(ADA).await
}

/// The table once all that is on its way has arrived, but for items of these kinds.
async fn table(world: &World, without: &[&str]) -> Table {
    world.stack.settled().await;
    world.table(|pk, _| !without.iter().any(|kind| pk.starts_with(kind)))
}

/// What an answer says, beside how far the mail or the export is, and the address of an upload, which is signed anew.
fn said(answer: &Answer) -> (u16, Value, [Option<String>; 2]) {
    let mut body = answer.body.clone();
    for moving in ["invitation", "state", "rows", "upload"] {
        body.as_object_mut().unwrap().remove(moving);
    }
    let header = |name| Some(answer.headers.get(name)?.to_str().unwrap().to_owned());
    (answer.status, body, ["location", "etag"].map(header))
}

/// What was refused leaves nothing behind but that it was tried, so that the key is free for a better request.
async fn refusal_leaves_the_key_free<'w>(
    world: &'w World,
    company: &Company<'w>,
    asking: &mut Asking<'w>,
) {
    // Tries are counted in buckets, and with the link whose code was wrong.
    let before = table(world, &["R#", "L#"]).await;
    let refused = asking.send(&asking.refused).await;
    assert_eq!(text(&refused.body["code"]), asking.code, "{}", refused.text);
    assert!((400..500).contains(&refused.status), "{}", refused.text);
    assert_eq!(table(world, &["R#", "L#"]).await, before);
    if asking.code == "too_many_requests" {
        world.wait_hours(1).await;
        if asking.by.token.is_some() {
            asking.by = world.sign_in(&company.owner_email).await;
        }
    }
}

/// The request is carried out; the same again gets the same answer and does nothing, another one with its key is refused.
async fn acts_once(world: &World, asking: &Asking<'_>) -> Answer {
    let before = table(world, &["R#", "I#"]).await;
    let first = asking.send(&asking.body).await;
    assert!((200..300).contains(&first.status), "{}", first.text);
    assert!(!first.headers.contains_key("idempotency-replayed"));
    assert_ne!(table(world, &["R#", "I#"]).await, before);
    let after = table(world, &[]).await;
    let again = asking.send(&asking.body).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(said(&again), said(&first));
    if let Some(other) = &asking.other {
        let reused = asking.send(other).await;
        assert_eq!(reused.refused(422), "idempotency_key_reused");
    }
    assert_eq!(table(world, &[]).await, after);
    first
}

/// Whoever carried the request out died before the answer was kept: nobody takes over while it may still run, and whoever
/// does then finds it done.
async fn what_was_done_is_found_done(world: &World, asking: &Asking<'_>, first: &Answer) {
    lose_answer(world);
    let before = table(world, &["R#", "I#"]).await;
    let waits = asking.send(&asking.body).await;
    assert_eq!(waits.headers["retry-after"], "2");
    assert_eq!(waits.refused(409), "request_in_progress");
    world.wait(SignedDuration::from_secs(40)).await;
    let again = asking.send(&asking.body).await;
    match asking.lost {
        Lost::Same => assert_eq!(said(&again), said(first)),
        Lost::Unchanged => assert_eq!(outcomes(&again.expect(200)), ["unchanged"]),
        Lost::Link(code) => assert_eq!(again.refused(410), code),
    }
    assert_eq!(table(world, &["R#", "I#"]).await, before);
}

fn lose_answer(world: &World) {
    for (_, mut item) in world.table(|pk, _| pk.starts_with("I#")) {
        for kept in ["status", "body", "location", "etag"] {
            item.as_object_mut().unwrap().remove(kept);
        }
        world.put(&item);
    }
}

#[tokio::test]
async fn whatever_takes_a_key_acts_once_under_it_and_leaves_it_free_when_refused() {
    let further = FURTHER.map(str::to_owned);
    for route in routes().into_iter().chain(further) {
        let world = World::start().await;
        let company = world.company("Acme").await;
        let mut asking = asking(&world, &company, &route).await;
        refusal_leaves_the_key_free(&world, &company, &mut asking).await;
        let first = acts_once(&world, &asking).await;
        what_was_done_is_found_done(&world, &asking, &first).await;
    }
}
