//! A running Muster and the people who use it: everything goes through HTTP, mail and S3, as it does for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use muster_local::{Mail, OPERATOR, Options, Roles, Spawn, Stack};
use muster_shared::clock::Clock;
use muster_shared::context::Context;
use muster_shared::domain::id::{AccountId, GroupId, RoleId, Seed};
use muster_shared::lambda::Function;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{binaries, permissions};

/// The password of everybody in the tests.
pub const PASSWORD: &str = "correct horse battery staple";

/// A local stack in memory, with a clock that stands still until it is moved.
pub struct World {
    /// The stack.
    pub stack: Stack,
    http: Client,
    _watched: Watched,
}

/// The functions' roles, until the world ends: a function that was refused anything lacks a permission, whatever came of
/// it.
struct Watched(Arc<Roles>);

impl Drop for Watched {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let review = self.0.review();
        assert!(review.denied.is_empty(), "{:#?}", review.denied);
        permissions::record(&review).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// What an API call was answered with.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked, as `POST /v1/users`.
    pub request: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body, if it is JSON.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// The body, of an answer with this status.
    ///
    /// # Panics
    /// When the status is another one; the body tells why.
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// The problem's code, of an answer with this status.
    ///
    /// # Panics
    /// When the status is another one.
    #[must_use]
    #[track_caller]
    pub fn refused(self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        text(&self.body["code"])
    }

    /// The faulty fields of a 422, as `field: code`.
    ///
    /// # Panics
    /// When the answer is another one.
    #[must_use]
    #[track_caller]
    pub fn faults(self) -> Vec<String> {
        assert_eq!(self.status, 422, "{}", self.text);
        let faults = self.body["errors"].as_array().cloned().unwrap_or_default();
        faults
            .iter()
            .map(|fault| format!("{}: {}", text(&fault["field"]), text(&fault["code"])))
            .collect()
    }

    /// What the call consumed of the table: read and write units.
    ///
    /// # Panics
    /// When the answer does not say.
    #[must_use]
    #[track_caller]
    pub fn consumed(&self) -> (f64, f64) {
        let told = self.headers["x-consumed-capacity"]
            .to_str()
            .unwrap_or_default();
        let unit = |name: &str| {
            told.split(' ')
                .find_map(|part| part.strip_prefix(name))
                .and_then(|units| units.parse().ok())
        };
        unit("read=")
            .zip(unit("write="))
            .unwrap_or_else(|| panic!("{told}"))
    }
}

/// Items of the table by partition and sort key, as `DynamoDB` writes them.
pub type Table = BTreeMap<(String, String), Value>;

/// A JSON string's text.
///
/// # Panics
/// When it is none.
#[must_use]
#[track_caller]
pub fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| panic!("{value} is no text"), str::to_owned)
}

/// Somebody who is signed in, or nobody.
#[derive(Clone)]
pub struct Actor<'w> {
    world: &'w World,
    http: Client,
    /// The access token.
    pub token: Option<String>,
    /// The user's id.
    pub user: String,
}

/// A tenant with its owner signed in.
pub struct Company<'w> {
    /// The tenant's id.
    pub tenant: String,
    /// Its owner.
    pub owner: Actor<'w>,
    /// The owner's e-mail address.
    pub owner_email: String,
    /// Its products, in the order asked for.
    pub products: Vec<String>,
}

impl World {
    /// A stack of its own, at a moment that tests can name: 2026-03-02T08:00:00Z.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Self {
        Self::with(|options| options).await
    }

    /// The same with functions that are processes of their own.
    ///
    /// # Panics
    /// When their binaries cannot be built, or it does not start.
    pub async fn spawned() -> Self {
        let spawn = Spawn {
            folder: binaries::built(),
            log: "warn".to_owned(),
        };
        Self::with(|options| Options {
            spawn: Some(spawn),
            ..options
        })
        .await
    }

    /// A stack started otherwise.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn with(change: impl FnOnce(Options) -> Options) -> Self {
        Self::with_code(change, muster_local::functions::ALL).await
    }

    /// A stack of this code, started otherwise: for tests that hold a worker back, or take its mail service away.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn with_code(
        change: impl FnOnce(Options) -> Options,
        code: &[&'static Function],
    ) -> Self {
        let morning: Timestamp = "2026-03-02T08:00:00Z"
            .parse()
            .unwrap_or_else(|error| panic!("{error}"));
        let options = Options {
            demo: false,
            clock: Clock::fixed(morning),
            longest_rest: Duration::from_millis(10),
            meter: true,
            ..Options::default()
        };
        let stack = Box::pin(muster_local::start(change(options), code)).await;
        let stack = stack.unwrap_or_else(|error| panic!("{error}"));
        Self {
            _watched: Watched(Arc::clone(stack.roles())),
            stack,
            http: Client::new(),
        }
    }

    /// What whoever runs the stack has: all rights, for a look past the functions.
    ///
    /// # Panics
    /// When the stack has no functions.
    #[must_use]
    pub fn operator(&self) -> &Context {
        let operator = self.stack.context(OPERATOR);
        operator.unwrap_or_else(|| panic!("nobody runs the stack"))
    }

    /// Everything in the table whose partition and sort key pass: for a look past the functions.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn table(&self, passes: impl Fn(&str, &str) -> bool) -> Table {
        let (mut table, mut start) = (Table::new(), Value::Null);
        loop {
            let mut request = json!({ "TableName": "muster" });
            if !start.is_null() {
                request["ExclusiveStartKey"] = start;
            }
            let request = serde_json::from_value(request).unwrap_or_else(|error| panic!("{error}"));
            let page = self.stack.database().scan(request);
            let mut page = json!(page.unwrap_or_else(|error| panic!("{error}")));
            for item in page["Items"].as_array().into_iter().flatten() {
                let (pk, sk) = (text(&item["PK"]["S"]), text(&item["SK"]["S"]));
                if passes(&pk, &sk) {
                    table.insert((pk, sk), item.clone());
                }
            }
            start = page["LastEvaluatedKey"].take();
            if start.is_null() {
                return table;
            }
        }
    }

    /// Somebody who is not signed in.
    #[must_use]
    pub fn nobody(&self) -> Actor<'_> {
        Actor {
            world: self,
            http: self.http.clone(),
            token: None,
            user: String::new(),
        }
    }

    /// Somebody who is not signed in and comes from this address, one of 127.0.0.0/8.
    ///
    /// # Panics
    /// When it is no such address.
    #[must_use]
    pub fn nobody_at(&self, address: &str) -> Actor<'_> {
        let address: std::net::IpAddr = address
            .parse()
            .unwrap_or_else(|error| panic!("{address}: {error}"));
        let http = Client::builder().local_address(address).build();
        Actor {
            http: http.unwrap_or_else(|error| panic!("{error}")),
            ..self.nobody()
        }
    }

    /// Whoever presents this access token.
    #[must_use]
    pub fn bearer(&self, token: impl Into<String>) -> Actor<'_> {
        Actor {
            token: Some(token.into()),
            ..self.nobody()
        }
    }

    /// Moves the clock forward, runs what became due, and waits until all of it is done.
    pub async fn wait_hours(&self, hours: i64) {
        self.wait(SignedDuration::from_hours(hours)).await;
    }

    /// Moves the clock forward, runs what became due, and waits until all of it is done.
    pub async fn wait(&self, time: SignedDuration) {
        self.stack.advance(time).await;
        self.stack.settled().await;
    }

    /// The mails to an address, oldest first, once all that are on their way have arrived.
    pub async fn mails_to(&self, address: &str) -> Vec<Arc<Mail>> {
        self.stack.settled().await;
        self.stack.inbox().to(address)
    }

    /// The token of the activation link in the newest mail to an address.
    ///
    /// # Panics
    /// When there is no such mail.
    pub async fn link_token(&self, address: &str) -> String {
        let mails = self.mails_to(address).await;
        let newest = mails
            .last()
            .unwrap_or_else(|| panic!("no mail to {address}"));
        let link = newest.links().into_iter().find_map(|link| {
            link.split_once("/activate#")
                .map(|(_, token)| token.to_owned())
        });
        link.unwrap_or_else(|| panic!("no link in {}", newest.text))
    }

    /// The token of the newest link to a page that an address got: what stands behind its `#`.
    ///
    /// # Panics
    /// When there is no such link.
    pub async fn link(&self, address: &str, page: &str) -> String {
        let mails = self.mails_to(address).await;
        let links = mails.iter().rev().flat_map(|mail| mail.links());
        let page = format!("/{page}#");
        let mut tokens = links.filter_map(|link| Some(link.split_once(&page)?.1.to_owned()));
        tokens
            .next()
            .unwrap_or_else(|| panic!("no link to {page} for {address}"))
    }

    /// Who did an operation to whom, oldest first, by a tenant's audit trail: `user usr_… -> usr_…`.
    #[must_use]
    pub fn audited(&self, tenant: &str, operation: &str) -> Vec<String> {
        let prefix = format!("T#{tenant}#A#");
        let line = |item: &Value| {
            let actor = &item["actor"]["M"];
            let who = [&actor["kind"]["S"], &actor["id"]["S"]];
            let who: Vec<&str> = who.into_iter().filter_map(Value::as_str).collect();
            let targets = item["targets"]["L"].as_array().into_iter().flatten();
            let targets: Vec<&str> = targets
                .filter_map(|target| target["M"]["id"]["S"].as_str())
                .collect();
            format!("{} -> {}", who.join(" "), targets.join(" "))
        };
        let trail = self.table(|pk, _| pk.starts_with(&prefix));
        let entries = trail.values();
        entries
            .filter(|entry| entry["operation"]["S"].as_str() == Some(operation))
            .map(line)
            .collect()
    }

    /// Fails where the table does not keep every rule, as `check` reads it.
    ///
    /// # Panics
    /// When a rule does not hold.
    pub async fn keeps_every_rule(&self) {
        for part in self.checked().await {
            assert_eq!(part["clean"], true, "{part:#}");
        }
    }

    /// What `check` says of the whole table, part by part.
    ///
    /// # Panics
    /// When the function fails.
    pub async fn checked(&self) -> Vec<Value> {
        self.checked_as(json!({})).await
    }

    /// The same by this order, as fast as it goes, asked as many times as it takes.
    ///
    /// # Panics
    /// When the function fails.
    pub async fn checked_as(&self, mut order: Value) -> Vec<Value> {
        let mut parts = Vec::new();
        order["units_per_second"] = json!(100_000);
        loop {
            let part = self.stack.invoke("check", order.clone()).await;
            let part = part.unwrap_or_else(|error| panic!("{error}"));
            order["next"] = part["next"].clone();
            parts.push(part);
            if order["next"].is_null() {
                return parts;
            }
        }
    }

    /// What support orders, with the answer.
    ///
    /// # Panics
    /// When the function fails.
    pub async fn provision(&self, order: Value) -> Value {
        self.stack
            .invoke("provision", order)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// A company called `name` with an active owner and two products of 50 seats each.
    ///
    /// # Panics
    /// When any step of the way is refused.
    pub async fn company(&self, name: &str) -> Company<'_> {
        self.company_with(name, json!({})).await
    }

    /// A company whose order has these fields changed.
    ///
    /// # Panics
    /// When any step of the way is refused.
    pub async fn company_with(&self, name: &str, changes: Value) -> Company<'_> {
        let owner_email = format!("owner@{}.example", name.to_lowercase().replace(' ', "-"));
        let links = json!([{ "label": "Google Play", "url": "https://play.example/app" }, { "label": "App Store", "url": "https://apps.example/app" }]);
        let mut order = json!({
            "reference": name,
            "name": name,
            "owner": { "email": owner_email, "first_name": "Olivia", "last_name": "Owner" },
            "products": [
                { "name": "CoPilot Truck with ActiveTraffic", "seats": 50, "links": links },
                { "name": "MileOn", "seats": 50, "links": links },
            ],
        });
        for (field, value) in changes.as_object().into_iter().flatten() {
            order[field] = value.clone();
        }
        let answer = self.provision(order).await;
        let username = format!("owner.{}", name.to_lowercase().replace(' ', "."));
        let owner = self.activate(&owner_email, &username).await;
        let products = answer["products"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|product| text(&product["id"]))
            .collect();
        Company {
            tenant: text(&answer["tenant"]),
            owner,
            owner_email,
            products,
        }
    }

    /// Follows the newest activation link that an address got, and signs in.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn activate(&self, email: &str, username: &str) -> Actor<'_> {
        let token = self.link_token(email).await;
        let accept = json!({ "token": token, "username": username, "password": PASSWORD });
        let _ = self
            .nobody()
            .post("/v1/activations", accept)
            .await
            .expect(200);
        self.sign_in(email).await
    }

    /// Signs in with everybody's password.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn sign_in(&self, login: &str) -> Actor<'_> {
        let session = self
            .nobody()
            .post(
                "/v1/sessions",
                json!({ "login": login, "password": PASSWORD }),
            )
            .await
            .expect(200);
        Actor {
            world: self,
            http: self.http.clone(),
            token: Some(text(&session["access_token"])),
            user: text(&session["user"]),
        }
    }

    /// A role that a company defines, written into the table past the functions; its id.
    ///
    /// # Panics
    /// When the table does not take it.
    #[must_use]
    pub fn define_role(&self, tenant: &str, name: &str, permissions: &[&str]) -> String {
        let id = RoleId::derive(&Seed::of(&[tenant, name])).to_string();
        let permissions = permissions.iter().map(|one| json!({ "S": one }));
        let own = json!({ "permissions": { "L": permissions.collect::<Vec<_>>() } });
        self.put_named(tenant, &format!("ROLE#{id}"), (&id, name), &own);
        id
    }

    /// A fleet of a company, written into the table past the functions; its id.
    ///
    /// # Panics
    /// When the table does not take it.
    #[must_use]
    pub fn make_fleet(&self, tenant: &str, name: &str) -> String {
        let id = GroupId::derive(&Seed::of(&[tenant, name])).to_string();
        let own = json!({ "kind": { "S": "fleet" } });
        self.put_named(tenant, &format!("GROUP#{id}"), (&id, name), &own);
        id
    }

    /// An account below these others, written into the table past the functions; its id.
    ///
    /// # Panics
    /// When the table does not take it.
    #[must_use]
    pub fn open_account(&self, tenant: &str, name: &str, above: &[&str]) -> String {
        let seed = Seed::of(&[tenant, name, &above.join("/")]);
        let id = AccountId::derive(&seed).to_string();
        let path = above.iter().copied().chain([id.as_str()]);
        let path: Vec<Value> = path.map(|id| json!({ "S": id })).collect();
        let kind = if above.is_empty() {
            "client"
        } else {
            "subsidiary"
        };
        let own = json!({
            "kind": { "S": kind },
            "path": { "L": path },
            "holder": { "M": { "kind": { "S": "consumer" } } },
        });
        self.put_named(tenant, &format!("ACCOUNT#{id}"), (&id, name), &own);
        id
    }

    fn put_named(&self, tenant: &str, sk: &str, (id, name): (&str, &str), own: &Value) {
        let now = self.stack.clock().now().to_string();
        let mut item = json!({
            "PK": { "S": format!("T#{tenant}") },
            "SK": { "S": sk },
            "id": { "S": id },
            "name": { "S": name },
            "created_at": { "S": now },
            "updated_at": { "S": now },
            "version": { "N": "1" },
        });
        for (attribute, value) in own.as_object().into_iter().flatten() {
            item[attribute] = value.clone();
        }
        self.put(&item);
    }

    /// Puts an item past all functions, as somebody who got hold of the table would.
    ///
    /// # Panics
    /// When it cannot be put.
    pub fn put(&self, item: &Value) {
        let request = json!({ "TableName": "muster", "Item": item });
        let request = serde_json::from_value(request).unwrap_or_else(|error| panic!("{error}"));
        let put = self.stack.database().put_item(request);
        put.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Puts a file to a pre-signed address with the headers it asks for; the status.
    ///
    /// # Panics
    /// When the bucket does not answer.
    pub async fn upload(&self, upload: &Value, content: impl Into<Vec<u8>>) -> u16 {
        let mut request = self.http.request(Method::PUT, text(&upload["url"]));
        for header in upload["headers"].as_array().into_iter().flatten() {
            request = request.header(text(&header["name"]), text(&header["value"]));
        }
        let sent = request
            .body(content.into())
            .send()
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        sent.status().as_u16()
    }

    /// Fetches a file by a pre-signed link.
    ///
    /// # Panics
    /// When the link does not work.
    pub async fn download(&self, url: &Value) -> Vec<u8> {
        let got = self
            .http
            .get(text(url))
            .send()
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(got.status().as_u16(), 200, "{url}");
        got.bytes()
            .await
            .unwrap_or_else(|error| panic!("{error}"))
            .to_vec()
    }
}

impl<'w> Actor<'w> {
    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body))
            .await
    }

    /// POST with a JSON body and an idempotency key.
    pub async fn post_once(&self, path: &str, key: &str, body: Value) -> Answer {
        self.send(
            self.request(Method::POST, path)
                .header("Idempotency-Key", key)
                .json(&body),
        )
        .await
    }

    /// PUT with a JSON body, of this version.
    pub async fn put(&self, path: &str, version: u64, body: Value) -> Answer {
        self.edit(Method::PUT, path, version, body).await
    }

    /// PATCH with a JSON body, of this version.
    pub async fn patch(&self, path: &str, version: u64, body: Value) -> Answer {
        self.edit(Method::PATCH, path, version, body).await
    }

    async fn edit(&self, method: Method, path: &str, version: u64, body: Value) -> Answer {
        let request = self.request(method, path);
        let request = request.header("If-Match", format!("\"{version}\""));
        self.send(request.json(&body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// A request as this actor, to be completed.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .http
            .request(method, format!("{}{path}", self.world.stack.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request.
    ///
    /// # Panics
    /// When the stack does not answer.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let request = request.build().unwrap_or_else(|error| panic!("{error}"));
        let asked = format!("{} {}", request.method(), request.url().path());
        let response = self.http.execute(request).await;
        let response = response.unwrap_or_else(|error| panic!("{error}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response
            .text()
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        Answer {
            request: asked,
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        }
    }

    /// Adds a user; its id.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn add(&self, form: Value) -> String {
        text(&self.post("/v1/users", form).await.expect(201)["id"])
    }

    /// A user as it stands.
    ///
    /// # Panics
    /// When there is none.
    pub async fn show(&self, user: &str) -> Value {
        self.get(&format!("/v1/users/{user}")).await.expect(200)
    }

    /// Adds, invites and activates a person with class and roles; signed in.
    ///
    /// # Panics
    /// When any step is refused.
    pub async fn colleague(&self, name: &str, class: &str, roles: &[&str]) -> Actor<'w> {
        let email = format!("{name}@colleagues.example");
        let form = json!({ "email": email, "first_name": name, "class": class, "roles": roles, "invite": true });
        let _ = self.add(form).await;
        self.world
            .activate(&email, &format!("{name}.colleague"))
            .await
    }

    /// Uploads a file and waits for its plan; the import as it stands then.
    ///
    /// # Panics
    /// When any step is refused.
    pub async fn upload_import(&self, content: impl Into<Vec<u8>>) -> Value {
        let import = self
            .post("/v1/imports", json!({ "file_name": "users.csv" }))
            .await
            .expect(201);
        assert_eq!(self.world.upload(&import["upload"], content).await, 200);
        self.world.stack.settled().await;
        self.get(&format!("/v1/imports/{}", text(&import["id"])))
            .await
            .expect(200)
    }

    /// Commits an import and waits until it is over; the import as it stands then.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn commit_import(&self, import: &Value) -> Value {
        let path = format!("/v1/imports/{}", text(&import["id"]));
        let _ = self
            .post(&format!("{path}/commit"), json!({}))
            .await
            .expect(202);
        self.world.stack.settled().await;
        self.get(&path).await.expect(200)
    }
}
