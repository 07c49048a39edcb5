//! What the functions are measured with: a company in an embedded `DynamoDB`, and an event for each function that asks for it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;

use muster_local::Options;
use muster_shared::clock::Clock;
use muster_tests::bench::target;
use muster_tests::event;
use muster_tests::world::{World, text};
use serde_json::{Value, json};
use tokio::process::Command;

/// How many users the company has: a full page.
const USERS: usize = 50;
/// A path that no function knows.
const NOTHING: &str = "/v1/nothing";

/// A function to be measured.
#[derive(Clone)]
pub struct Subject {
    pub name: String,
    pub binary: PathBuf,
    pub event: Value,
    /// The status of the answer, if it is one of HTTP.
    pub status: u16,
    variables: BTreeMap<String, String>,
}

impl Subject {
    /// A command with the function's environment.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        // What they log would drown the table.
        command.env_clear().envs(&self.variables).env("LOG", "off");
        command
    }

    /// The same function, with all that the libraries have by default.
    pub fn with_library_defaults(&self) -> Self {
        Self {
            name: format!("  {} + defaults", self.name),
            binary: target().join("library-defaults/release").join(&self.name),
            ..self.clone()
        }
    }

    /// Sets a variable of its environment.
    pub fn set(&mut self, variable: &str, value: String) {
        self.variables.insert(variable.to_owned(), value);
    }
}

/// The company.
pub struct Scene {
    world: World,
    login: String,
    user: String,
    /// Keys of items that are done with: of a mail, an import chunk and an export.
    done: BTreeMap<&'static str, (String, String)>,
}

impl Scene {
    pub async fn set() -> Self {
        let world = World::with(|options| Options {
            clock: Clock::shifted(),
            meter: false,
            ..options
        })
        .await;
        let company = world.company("Northwind").await;
        let rows = (0..USERS).map(|n| format!("C-{n:02},c{n}@bench.example\n"));
        let file = rows.fold("External ID,Email\n".to_owned(), |file, row| file + &row);
        let owner = &company.owner;
        let import = owner.upload_import(file).await;
        let _ = owner.commit_import(&import).await;
        let export = owner.post("/v1/exports", json!({ "format": "csv" })).await;
        let _ = export.expect(202);
        let found = owner.get("/v1/users?external_id=C-00").await.expect(200);
        let user = text(&found["users"][0]["id"]);
        let invited = owner.post("/v1/invitations", json!({ "users": [user] }));
        let _ = invited.await.expect(200);
        world.stack.settled().await;
        let key = |prefix: &str, sort: &str| {
            let table = world.table(|pk, sk| pk.starts_with(prefix) && sk.starts_with(sort));
            let first = table.into_keys().next();
            first.unwrap_or_else(|| panic!("no {prefix} {sort}"))
        };
        let done = BTreeMap::from([
            ("send-mail", key("M#", "MAIL")),
            ("import-chunk", key("C#", "CHUNK")),
            ("export", key("T#", "EXPORT#")),
        ]);
        let login = company.owner_email.clone();
        Self {
            world,
            login,
            user,
            done,
        }
    }

    /// Where `DynamoDB` answers.
    pub fn dynamodb(&self) -> &str {
        &self.world.stack.dynamodb_url
    }

    /// The function that does nothing.
    pub fn hello(&self) -> Subject {
        self.with("hello", "sign-in", request("GET", "/", None, &Value::Null))
    }

    /// A function, with an event for which it reads the table: a request of a signed-in owner, or a message about something that
    /// is done already. Those that are not among the usual ones get an event that they answer at once.
    pub async fn subject(&self, name: &str) -> Subject {
        let token = self.world.sign_in(&self.login).await.token;
        let token = token.as_deref();
        let event = match name {
            "sign-in" => request("GET", "/v1/jwks.json", None, &Value::Null),
            "list-users" => request("GET", "/v1/users", token, &Value::Null),
            "invite" => {
                let users = json!({ "users": [self.user] });
                request("POST", "/v1/invitations", token, &users)
            }
            "send-mail" | "import-chunk" | "export" => {
                let (pk, sk) = &self.done[name];
                let keys = json!({ "PK": { "S": pk }, "SK": { "S": sk } });
                let body = json!({ "dynamodb": { "Keys": keys } }).to_string();
                event::message(&body)
            }
            "import" | "count-users" | "record-delivery" => json!({ "Records": [] }),
            "provision" | "support" | "expire-invitations" | "seal-audit" | "erase-users" => {
                json!({})
            }
            _ => request("GET", NOTHING, None, &Value::Null),
        };
        self.with(name, name, event)
    }

    fn with(&self, name: &str, environment_of: &str, event: Value) -> Subject {
        let variables = self.world.stack.variables(environment_of);
        Subject {
            name: name.to_owned(),
            binary: target().join("release").join(name),
            status: if event["rawPath"] == NOTHING {
                404
            } else {
                200
            },
            event,
            variables: variables
                .cloned()
                .unwrap_or_else(|| panic!("no function {name}")),
        }
    }

    pub async fn end(self) {
        self.world.stack.shutdown().await;
    }
}

/// A request, of whoever has the token.
fn request(method: &str, path: &str, token: Option<&str>, body: &Value) -> Value {
    let mut headers = json!({ "content-type": "application/json", "host": "bench" });
    if let Some(token) = token {
        headers["authorization"] = json!(format!("Bearer {token}"));
    }
    let mut event = event::request(method, path, &headers);
    if !body.is_null() {
        event["body"] = json!(body.to_string());
    }
    event
}
