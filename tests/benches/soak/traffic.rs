//! Who works, and at what.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use muster_tests::world::{Company, PASSWORD, World, text};
use reqwest::Method;
use serde_json::{Value, json};

use crate::tally::Tally;

/// How often whoever waits for a job looks after it.
const LOOK: Duration = Duration::from_millis(200);
/// After how long one signs in anew: access tokens are good for a quarter of an hour.
const SIGNED_IN: Duration = Duration::from_mins(5);
/// Rows of an import.
const ROWS: u32 = 2_000;

/// A company at work.
pub struct Office<'w> {
    world: &'w World,
    tally: &'w Tally,
    company: Company<'w>,
    users: Mutex<Vec<String>>,
}

/// A number below this one.
fn any(below: usize) -> usize {
    let drawn = getrandom::u32().unwrap();
    usize::try_from(drawn).unwrap_or_default() % below
}

/// Signs in; the access token.
async fn sign_in(world: &World, tally: &Tally, login: &str) -> Option<String> {
    let nobody = world.nobody();
    let form = json!({ "login": login, "password": PASSWORD });
    let request = nobody.request(Method::POST, "/v1/sessions").json(&form);
    let session = tally.send("signIn", &nobody, request).await?;
    session["access_token"].as_str().map(str::to_owned)
}

/// Follows links in mails, one of two, as they come in: looks at the page, takes the invitation, and signs in and out.
pub async fn accept(world: &World, tally: &Tally, end: Instant) {
    let mut read = 0;
    while Instant::now() < end {
        let mails = world.stack.inbox().all();
        for mail in mails.iter().skip(read) {
            let links = mail.links();
            let link = links.iter().find_map(|link| link.split_once("/activate#"));
            if let (Some((_, token)), Some(to), 0) = (link, mail.to.first(), any(2)) {
                take(world, tally, token, to).await;
            }
            if Instant::now() >= end {
                return;
            }
        }
        read = mails.len();
        tokio::time::sleep(LOOK).await;
    }
}

async fn take(world: &World, tally: &Tally, token: &str, address: &str) {
    let nobody = world.nobody();
    let post = |path: &str, form: Value| nobody.request(Method::POST, path).json(&form);
    let look = post("/v1/activations/check", json!({ "token": token }));
    let _ = tally.send("checkActivation", &nobody, look).await;
    let (username, _) = address.split_once('@').unwrap();
    let form = json!({ "token": token, "username": username, "password": PASSWORD });
    let accepted = tally.send("acceptInvitation", &nobody, post("/v1/activations", form));
    if accepted.await.is_none() {
        return;
    }
    let Some(token) = sign_in(world, tally, address).await else {
        return;
    };
    let person = world.bearer(token);
    let me = person.request(Method::GET, "/v1/me");
    let _ = tally.send("showCaller", &person, me).await;
    let out = person.request(Method::DELETE, "/v1/sessions/current");
    let _ = tally.send("signOut", &person, out).await;
}

impl<'w> Office<'w> {
    /// A company with a number.
    pub async fn open(world: &'w World, tally: &'w Tally, number: usize) -> Self {
        let products =
            json!([{ "name": "CoPilot", "seats": 500 }, { "name": "MileOn", "seats": 50 }]);
        let order = json!({ "products": products });
        Self {
            world,
            tally,
            company: world
                .company_with(&format!("Company {number}"), order)
                .await,
            users: Mutex::default(),
        }
    }

    /// Does what administrators do, in no order, until the end.
    pub async fn administer(&self, end: Instant) {
        while Instant::now() < end {
            let Some(token) = sign_in(self.world, self.tally, &self.company.owner_email).await
            else {
                tokio::time::sleep(LOOK).await;
                continue;
            };
            let until = end.min(Instant::now() + SIGNED_IN);
            let desk = Desk {
                office: self,
                token,
            };
            while Instant::now() < until {
                desk.do_something().await;
            }
        }
    }

    /// Imports file after file, each half new and half changed, until the end.
    pub async fn import(&self, end: Instant) {
        let mut round = 0;
        while Instant::now() < end {
            if let Some(token) = sign_in(self.world, self.tally, &self.company.owner_email).await {
                let desk = Desk {
                    office: self,
                    token,
                };
                let _ = desk.import(round).await;
                round += 1;
            }
        }
    }

    /// One to so many of the users.
    fn some(&self, most: usize) -> Vec<String> {
        let users = self.users.lock().unwrap();
        if users.is_empty() {
            return Vec::new();
        }
        let mut chosen: Vec<String> = (0..=any(most))
            .map(|_| users[any(users.len())].clone())
            .collect();
        chosen.sort();
        chosen.dedup();
        chosen
    }
}

/// Somebody at work.
struct Desk<'o> {
    office: &'o Office<'o>,
    token: String,
}

impl Desk<'_> {
    async fn send(
        &self,
        operation: &'static str,
        method: Method,
        path: &str,
        body: Value,
    ) -> Option<Value> {
        let actor = self.office.world.bearer(self.token.as_str());
        let mut request = actor.request(method, path);
        if !body.is_null() {
            request = request.json(&body);
        }
        self.office.tally.send(operation, &actor, request).await
    }

    async fn get(&self, operation: &'static str, path: &str) -> Option<Value> {
        self.send(operation, Method::GET, path, Value::Null).await
    }

    async fn post(&self, operation: &'static str, path: &str, body: Value) -> Option<Value> {
        self.send(operation, Method::POST, path, body).await
    }

    async fn do_something(&self) {
        let office = self.office;
        let product = &office.company.products[any(2)];
        let of = |most: usize| json!({ "users": office.some(most) });
        let _ = match any(20) {
            0..4 => self.add().await,
            4..6 => self.page().await,
            6 | 7 => self.edit().await,
            8 => self.post("invite", "/v1/invitations", of(20)).await,
            9 => {
                self.post("resendInvitations", "/v1/invitations/resend", of(5))
                    .await
            }
            10 => {
                self.post("revokeInvitations", "/v1/invitations/revoke", of(3))
                    .await
            }
            11 | 12 => {
                let path = format!("/v1/products/{product}/assign");
                self.post("assignLicences", &path, of(30)).await
            }
            13 => {
                let path = format!("/v1/products/{product}/unassign");
                self.post("unassignLicences", &path, of(30)).await
            }
            14 => self.post("suspendUsers", "/v1/users/suspend", of(3)).await,
            15 => {
                self.post("reactivateUsers", "/v1/users/reactivate", of(6))
                    .await
            }
            16 => {
                let users = office.some(4);
                let form = json!({ "users": users, "confirm": users.len() });
                self.post("deleteUsers", "/v1/users/delete", form).await
            }
            17 => self.post("restoreUsers", "/v1/users/restore", of(4)).await,
            18 => self.export().await,
            _ => {
                let _ = self.get("showOverview", "/v1/overview").await;
                self.get("listAudit", "/v1/audit?limit=50").await
            }
        };
    }

    /// Adds a person, invited at once or not.
    async fn add(&self) -> Option<Value> {
        let number = getrandom::u64().ok()?;
        let email = format!("p{number:x}@people.example");
        let form = json!({
            "external_id": format!("P-{number:x}"),
            "email": email,
            "first_name": "Pat",
            "last_name": format!("Person {}", number % 1_000),
            "invite": any(2) == 0,
        });
        let added = self.post("addUser", "/v1/users", form).await?;
        let mut users = self.office.users.lock().ok()?;
        users.push(text(&added["id"]));
        // The old ones are left alone, so that new ones are not drowned.
        let spare = users.len().saturating_sub(1_000);
        users.drain(..spare);
        None
    }

    /// Looks through up to three pages.
    async fn page(&self) -> Option<Value> {
        let filters = ["", "&status=active", "&invitation=delivered"];
        let path = format!("/v1/users?limit=50{}", filters[any(filters.len())]);
        let mut page = self.get("listUsers", &path).await?;
        for _ in 0..2 {
            let next = page["next"].as_str()?;
            page = self
                .get("listUsers", &format!("{path}&cursor={next}"))
                .await?;
        }
        Some(page)
    }

    /// Renames somebody, now and then somebody who has changed meanwhile.
    async fn edit(&self) -> Option<Value> {
        let user = self.office.some(1).pop()?;
        let path = format!("/v1/users/{user}");
        let shown = self.get("showUser", &path).await?;
        let version = shown["version"]
            .as_u64()?
            .saturating_sub(u64::from(any(10) == 0));
        let actor = self.office.world.bearer(self.token.as_str());
        let form = json!({ "first_name": format!("Pat {}", any(1_000)) });
        let request = actor.request(Method::PATCH, &path).json(&form);
        let request = request.header("If-Match", format!("\"{version}\""));
        self.office.tally.send("editUser", &actor, request).await
    }

    /// Exports all users, waits, and fetches the file.
    async fn export(&self) -> Option<Value> {
        let format = ["csv", "xlsx"][any(2)];
        let started = self
            .post("startExport", "/v1/exports", json!({ "format": format }))
            .await?;
        let path = format!("/v1/exports/{}", text(&started["id"]));
        let done = self.until("showExport", &path, &["done", "failed"]).await?;
        if done["state"] != "done" {
            self.office
                .tally
                .wrong(format!("an export ended so: {done}"));
            return None;
        }
        let file = self.office.world.download(&done["url"]).await;
        if file.is_empty() {
            self.office.tally.wrong("an export is empty".to_owned());
        }
        Some(done)
    }

    /// Imports the next file: every row of it is as the file of the round before has it, or comes after those.
    async fn import(&self, round: u32) -> Option<Value> {
        let first = round * ROWS / 2;
        let rows =
            (first..first + ROWS).map(|n| format!("R-{n},r{n}@rows.example,Round {round}\n"));
        let file = rows.fold("External ID,Email,First Name\n".to_owned(), |file, row| {
            file + &row
        });
        let form = json!({ "file_name": "users.csv" });
        let import = self.post("startImport", "/v1/imports", form).await?;
        let status = self.office.world.upload(&import["upload"], file).await;
        let path = format!("/v1/imports/{}", text(&import["id"]));
        let planned = self
            .until("showImport", &path, &["ready", "invalid", "failed"])
            .await?;
        self.post("commitImport", &format!("{path}/commit"), json!({}))
            .await?;
        let ended = ["done", "done_with_errors", "failed"];
        let done = self.until("showImport", &path, &ended).await?;
        let rows: u64 = ["created", "updated"]
            .iter()
            .filter_map(|kind| done["done"][kind].as_u64())
            .sum();
        if status != 200 || done["state"] != "done" || rows != u64::from(ROWS) {
            self.office.tally.wrong(format!(
                "an import of {ROWS} rows ended so: {planned} {done}"
            ));
        }
        Some(done)
    }

    /// Looks after a job until it is in one of these states.
    async fn until(&self, operation: &'static str, path: &str, states: &[&str]) -> Option<Value> {
        loop {
            let job = self.get(operation, path).await?;
            if states.iter().any(|state| job["state"] == *state) {
                return Some(job);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
