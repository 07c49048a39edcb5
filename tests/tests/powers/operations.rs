//! Every operation of the API, called as somebody would who may do it.

use std::future::Future;
use std::pin::Pin;

use muster_tests::world::{Answer, PASSWORD, text};
use reqwest::Method;
use serde_json::{Value, json};

use super::scene::{Named, STRANGER, Scene, Target};

/// What an operation is done to.
pub enum On {
    /// Nobody in particular.
    Nobody,
    /// A user.
    Target,
}

type Body = fn(&Scene<'_>, &Named<'_>, &Target) -> Value;
type Preparing<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// An operation of the API.
pub struct Operation {
    /// Method and path template.
    pub route: &'static str,
    /// Which of several things that the route does, if it does several.
    pub what: &'static str,
    /// What it is done to.
    pub on: On,
    /// What stands in the path for `{id}`, if not the target.
    pub id: &'static str,
    body: Body,
    /// Brings a new target to where the operation makes sense.
    pub prepare: for<'a> fn(&'a Scene<'_>, &'a Target) -> Preparing<'a>,
}

impl Operation {
    const fn on_target(route: &'static str, body: Body) -> Self {
        Self {
            route,
            what: "",
            on: On::Target,
            id: "",
            body,
            prepare: |_, _| Box::pin(async {}),
        }
    }

    const fn of_thing(route: &'static str, id: &'static str, body: Body) -> Self {
        Self {
            on: On::Nobody,
            id,
            ..Self::on_target(route, body)
        }
    }

    const fn plain(route: &'static str, body: Body) -> Self {
        Self::of_thing(route, "", body)
    }

    const fn doing(self, what: &'static str) -> Self {
        Self { what, ..self }
    }

    const fn with(self, id: &'static str) -> Self {
        Self { id, ..self }
    }

    const fn after(self, prepare: for<'a> fn(&'a Scene<'_>, &'a Target) -> Preparing<'a>) -> Self {
        Self { prepare, ..self }
    }

    /// Does it as `actor`.
    pub async fn call(
        &self,
        scene: &Scene<'_>,
        actor: &Named<'_>,
        target: Option<&Target>,
    ) -> Answer {
        let nobody = Target {
            id: String::new(),
            email: String::new(),
            elsewhere: false,
            class: "",
        };
        let target = target.unwrap_or(&nobody);
        let (method, path) = self.route.split_once(' ').unwrap();
        let id = if self.id.is_empty() {
            target.id.clone()
        } else {
            scene.thing(self.id)
        };
        let method: Method = method.parse().unwrap();
        let body = (self.body)(scene, actor, target);
        let path = path.replace("{id}", &id);
        let (path, body) = match (&method, body) {
            (&Method::GET, Value::String(query)) => (format!("{path}?{query}"), Value::Null),
            (_, body) => (path, body),
        };
        let request = actor.actor.request(method.clone(), &path);
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        if !matches!(method, Method::PUT | Method::PATCH) {
            return actor.actor.send(request).await;
        }
        let version = version(scene, actor, target, &path).await;
        let request = request.header("If-Match", &version);
        let mut answer = actor.actor.send(request).await;
        let now = answer
            .headers
            .get("etag")
            .and_then(|etag| etag.to_str().ok());
        if now == Some(version.as_str()) {
            answer.body = json!({ "outcomes": [{ "outcome": "unchanged" }] });
        }
        answer
    }
}

/// The version of what stands at a path now, as those know it who may see it.
async fn version(scene: &Scene<'_>, actor: &Named<'_>, target: &Target, path: &str) -> String {
    let owner = match path {
        "/v1/tenant" if actor.name == STRANGER => &scene.elsewhere.owner,
        _ => scene.owner_of(target),
    };
    let shown = owner.get(path).await;
    let etag = shown.headers.get("etag").map(|etag| etag.to_str().unwrap());
    etag.unwrap_or("\"1\"").to_owned()
}

const NOTHING: Body = |_, _, _| Value::Null;
const EMPTY: Body = |_, _, _| json!({});
const USERS: Body = |_, _, target| json!({ "users": [target.id] });
const LINK: Body = |_, _, _| json!({ "token": "no link" });

/// An owner of the target's company did this to the target before.
macro_rules! before {
    ($path:expr) => {
        |scene, target| {
            Box::pin(async move {
                let owner = scene.owner_of(target);
                let body = json!({ "users": [target.id] });
                let _ = owner.post($path, body).await.expect(200);
            })
        }
    };
}

/// Support did this to the target before.
macro_rules! by_support {
    ($action:expr) => {
        |scene, target| Box::pin(scene.support(json!({ "action": $action }), target))
    };
}

/// The target is among those of a thing: its owner did this before, where the company has the thing.
macro_rules! among {
    ($thing:literal, $path:literal) => {
        |scene, target| {
            Box::pin(async move {
                let path = format!($path, scene.thing($thing));
                let users = json!({ "users": [target.id] });
                let _ = scene.owner_of(target).post(&path, users).await;
            })
        }
    };
}

/// The target has taken up an invitation.
macro_rules! active {
    () => {
        |scene, target| Box::pin(scene.activate(target))
    };
}

/// A change of the target's address waits to be confirmed.
macro_rules! moving {
    () => {
        |scene, target| Box::pin(scene.move_address(target))
    };
}

/// A thing's name that nobody has.
fn new_name(actor: &Named<'_>, what: &str) -> String {
    format!("{what} of {}", actor.name)
}

/// A name as it may stand in an address.
fn plain(name: &str) -> String {
    name.replace([' ', '\''], ".")
}

/// Every operation; a test fails when one is missing.
pub const OPERATIONS: &[Operation] = &[
    // Sessions
    Operation::plain(
        "POST /v1/sessions",
        |scene, _, _| json!({ "login": scene.company.owner_email, "password": PASSWORD }),
    ),
    Operation::plain(
        "POST /v1/sessions/refresh",
        |_, _, _| json!({ "refresh_token": "none" }),
    ),
    Operation::plain("GET /v1/sessions/tenants", NOTHING),
    Operation::plain(
        "POST /v1/sessions/switch",
        |scene, _, _| json!({ "tenant": scene.company.tenant }),
    ),
    Operation::plain("GET /v1/jwks.json", NOTHING),
    // Links, which nobody signs in for
    Operation::plain("POST /v1/activations/check", LINK),
    Operation::plain("POST /v1/activations/renew", LINK),
    Operation::plain(
        "POST /v1/activations",
        |_, _, _| json!({ "token": "no link", "password": PASSWORD }),
    ),
    Operation::plain(
        "POST /v1/password-resets",
        |_, actor, _| json!({ "login": format!("{}@nowhere.example", plain(actor.name)) }),
    ),
    Operation::plain("POST /v1/password-resets/check", LINK),
    Operation::plain(
        "POST /v1/password-resets/confirm",
        |_, _, _| json!({ "token": "no link", "password": PASSWORD }),
    ),
    Operation::plain("POST /v1/email-changes/check", LINK),
    Operation::plain("POST /v1/email-changes/confirm", LINK),
    Operation::plain("POST /v1/email-changes/cancel", LINK),
    Operation::plain(
        "POST /v1/licences/activate",
        |_, _, _| json!({ "code": "0000-0000-0000-0000", "device": "table" }),
    ),
    // Looking
    Operation::plain("GET /v1/me", NOTHING),
    Operation::plain("GET /v1/users", NOTHING),
    Operation::on_target("GET /v1/users/{id}", NOTHING),
    Operation::on_target("GET /v1/users/{id}/preview", NOTHING),
    Operation::plain(
        "POST /v1/users/preview",
        |_, _, _| json!({ "class": "limited" }),
    ),
    Operation::plain("GET /v1/products", NOTHING),
    Operation::plain("GET /v1/tenant", NOTHING),
    Operation::plain("GET /v1/roles", NOTHING),
    Operation::of_thing("GET /v1/roles/{id}", "role", NOTHING),
    Operation::plain("GET /v1/groups", NOTHING),
    Operation::of_thing("GET /v1/groups/{id}", "group", NOTHING),
    Operation::plain("GET /v1/accounts", NOTHING),
    Operation::of_thing("GET /v1/accounts/{id}", "account", NOTHING),
    Operation::of_thing("GET /v1/accounts/{id}", "spare account", NOTHING)
        .doing("of another customer"),
    Operation::plain("GET /v1/overview", NOTHING),
    Operation::plain("POST /v1/overview/count", EMPTY),
    Operation::plain("GET /v1/audit", NOTHING),
    Operation::plain("GET /v1/audit/seals", NOTHING),
    Operation::plain("GET /v1/audit/verification", NOTHING),
    // Users
    Operation::plain(
        "POST /v1/users",
        |_, actor, _| json!({ "external_id": new_name(actor, "T") }),
    ),
    Operation::plain(
        "POST /v1/users",
        |scene, actor, _| json!({ "external_id": new_name(actor, "C"), "account": scene.thing("account") }),
    )
    .doing("into a customer's account"),
    Operation::plain(
        "POST /v1/users",
        |scene, actor, _| json!({ "external_id": new_name(actor, "O"), "account": scene.thing("spare account") }),
    )
    .doing("into another customer's account"),
    Operation::plain(
        "POST /v1/users",
        |_, actor, _| json!({ "external_id": new_name(actor, "M"), "class": "standard", "roles": ["user_manager"] }),
    )
    .doing("a user manager"),
    Operation::plain(
        "POST /v1/users",
        |_, actor, _| json!({ "email": format!("{}@owners.example", plain(actor.name)), "class": "owner" }),
    )
    .doing("an owner"),
    Operation::on_target(
        "PATCH /v1/users/{id}",
        |_, actor, _| json!({ "first_name": new_name(actor, "F") }),
    )
    .doing("the name"),
    Operation::on_target(
        "PATCH /v1/users/{id}",
        |scene, _, _| json!({ "groups": [scene.thing("group")] }),
    )
    .doing("the groups"),
    Operation::on_target("PATCH /v1/users/{id}", |_, _, target| match target.class {
        "standard" => json!({ "class": "limited" }),
        _ => json!({ "class": "standard" }),
    })
    .doing("the class"),
    Operation::on_target("PATCH /v1/users/{id}", |_, _, _| json!({ "class": "owner", "roles": [], "account": null }))
        .doing("the class: an owner"),
    Operation::on_target(
        "PATCH /v1/users/{id}",
        |_, _, _| json!({ "class": "standard", "roles": ["user_manager"] }),
    )
    .doing("the roles: a user manager"),
    Operation::on_target(
        "PATCH /v1/users/{id}",
        |_, _, _| json!({ "class": "standard", "roles": ["licence_manager"] }),
    )
    .doing("the roles: a licence manager"),
    Operation::on_target(
        "PATCH /v1/users/{id}",
        |scene, _, _| json!({ "class": "standard", "roles": ["account_owner"], "account": scene.thing("account") }),
    )
    .doing("the roles: an account owner"),
    Operation::on_target(
        "PATCH /v1/users/{id}",
        |_, actor, target| json!({ "email": format!("{}.{}@moved.example", plain(actor.name), &target.id[4..]) }),
    )
    .doing("the address, before activation"),
    Operation::on_target("PATCH /v1/users/{id}", |_, _, _| json!({ "modules": { "maps": "edit" } }))
        .doing("the modules"),
    Operation::on_target(
        "PATCH /v1/users/{id}",
        |scene, _, _| json!({ "scope": { "all": false, "groups": [scene.thing("group")] } }),
    )
    .doing("the scope"),
    Operation::on_target(
        "PATCH /v1/users/{id}",
        |scene, _, _| json!({ "account": scene.thing("account") }),
    )
    .doing("the account"),
    Operation::on_target(
        "PATCH /v1/users/{id}",
        |scene, _, _| json!({ "account": scene.thing("spare account") }),
    )
    .doing("the account: another customer's"),
    Operation::on_target("POST /v1/users/suspend", USERS),
    Operation::on_target("POST /v1/users/reactivate", USERS).after(by_support!("suspend")),
    Operation::on_target(
        "POST /v1/users/{id}/delete",
        |_, _, target| json!({ "confirm": target.email }),
    ),
    Operation::on_target(
        "POST /v1/users/delete",
        |_, _, target| json!({ "users": [target.id], "confirm": 1 }),
    ),
    Operation::on_target("POST /v1/users/restore", USERS).after(by_support!("delete")),
    Operation::on_target("POST /v1/users/{id}/email", |_, actor, target| {
        let name = plain(actor.name);
        json!({ "email": format!("{name}.{}@elsewhere.example", &target.id[4..]) })
    })
    .after(active!()),
    Operation::on_target("DELETE /v1/users/{id}/email", NOTHING).after(moving!()),
    Operation::on_target("POST /v1/users/{id}/password-reset", EMPTY).after(active!()),
    // Invitations and licences
    Operation::on_target("POST /v1/invitations", USERS),
    Operation::plain("POST /v1/invitations", |_, actor, _| {
        let email = format!("{}@clients.example", plain(actor.name));
        let account = json!({ "kind": "client", "name": new_name(actor, "I"), "holder": { "kind": "consumer" } });
        json!({ "person": { "email": email }, "account": account })
    })
    .doing("a client with a new account"),
    Operation::plain("POST /v1/invitations", |scene, actor, _| {
        let email = format!("{}@workers.example", plain(actor.name));
        let account = json!({ "kind": "employee", "name": new_name(actor, "E"), "parent": scene.thing("account") });
        json!({ "person": { "email": email }, "account": account })
    })
    .doing("an employee with a new sub-account"),
    Operation::plain("POST /v1/invitations", |scene, actor, _| {
        let email = format!("{}@rivals.example", plain(actor.name));
        json!({ "person": { "email": email, "account": scene.thing("spare account") } })
    })
    .doing("into another customer's account"),
    Operation::plain("POST /v1/invitations", |_, actor, _| {
        let email = format!("{}@chiefs.example", plain(actor.name));
        json!({ "person": { "email": email, "class": "owner" } })
    })
    .doing("an owner"),
    Operation::plain("POST /v1/invitations", |_, actor, _| {
        let email = format!("{}@staff.example", plain(actor.name));
        json!({ "person": { "email": email, "class": "standard", "roles": ["user_manager"] } })
    })
    .doing("a user manager"),
    Operation::on_target("POST /v1/invitations/resend", USERS).after(before!("/v1/invitations")),
    Operation::on_target("POST /v1/invitations/revoke", USERS).after(before!("/v1/invitations")),
    Operation::on_target("POST /v1/products/{id}/assign", USERS).with("product"),
    Operation::on_target("POST /v1/products/{id}/unassign", USERS)
        .with("product")
        .after(among!("product", "/v1/products/{}/assign")),
    // Imports and exports
    Operation::plain(
        "POST /v1/imports",
        |_, _, _| json!({ "file_name": "users.csv" }),
    ),
    Operation::plain("GET /v1/imports", NOTHING),
    Operation::plain("GET /v1/imports/sample", NOTHING),
    Operation::of_thing("GET /v1/imports/{id}", "import", NOTHING),
    Operation::of_thing("POST /v1/imports/{id}/commit", "import", EMPTY),
    Operation::of_thing("POST /v1/imports/{id}/cancel", "import", EMPTY),
    Operation::plain("POST /v1/exports", |_, _, _| json!({ "format": "csv" })),
    Operation::plain(
        "POST /v1/exports",
        |_, _, _| json!({ "format": "csv", "of": "audit" }),
    )
    .doing("of the audit trail"),
    Operation::plain("GET /v1/exports", NOTHING),
    Operation::of_thing("GET /v1/exports/{id}", "export", NOTHING),
    Operation::of_thing("GET /v1/exports/{id}", "export of the audit trail", NOTHING)
        .doing("of the audit trail"),
    // The company
    Operation::plain(
        "PATCH /v1/tenant",
        |_, actor, _| json!({ "name": new_name(actor, "C") }),
    ),
    Operation::plain(
        "PATCH /v1/tenant",
        |_, actor, _| json!({ "policy": { "invitation_ttl_hours": 24 + actor.name.len() } }),
    )
    .doing("its policy"),
    Operation::plain(
        "POST /v1/roles",
        |_, actor, _| json!({ "name": new_name(actor, "R"), "permissions": ["users.read"] }),
    ),
    Operation::plain(
        "POST /v1/roles",
        |_, actor, _| json!({ "name": new_name(actor, "R3"), "permissions": ["audit.read", "users.delete"] }),
    )
    .doing("that permits more"),
    Operation::of_thing(
        "PUT /v1/roles/{id}",
        "role",
        |_, actor, _| json!({ "name": new_name(actor, "R2"), "permissions": ["users.read", "users.write"] }),
    ),
    Operation::plain(
        "POST /v1/groups",
        |_, actor, _| json!({ "kind": "tag", "name": new_name(actor, "G") }),
    ),
    Operation::of_thing(
        "PUT /v1/groups/{id}",
        "group",
        |_, actor, _| json!({ "name": new_name(actor, "G2") }),
    ),
    Operation::on_target("POST /v1/groups/{id}/add", USERS).with("group"),
    Operation::on_target("POST /v1/groups/{id}/remove", USERS)
        .with("group")
        .after(among!("group", "/v1/groups/{}/add")),
    Operation::plain(
        "POST /v1/accounts",
        |_, actor, _| json!({ "kind": "client", "name": new_name(actor, "A"), "holder": { "kind": "consumer" } }),
    ),
    Operation::plain(
        "POST /v1/accounts",
        |scene, actor, _| json!({ "kind": "subsidiary", "name": new_name(actor, "S"), "parent": scene.thing("account"), "holder": { "kind": "consumer" } }),
    )
    .doing("a sub-account"),
    Operation::plain(
        "POST /v1/accounts",
        |scene, actor, _| json!({ "kind": "subsidiary", "name": new_name(actor, "O"), "parent": scene.thing("spare account"), "holder": { "kind": "consumer" } }),
    )
    .doing("a sub-account of another customer"),
    Operation::of_thing(
        "PATCH /v1/accounts/{id}",
        "account",
        |_, actor, _| json!({ "name": new_name(actor, "A2") }),
    ),
    Operation::of_thing(
        "PATCH /v1/accounts/{id}",
        "spare account",
        |_, actor, _| json!({ "name": new_name(actor, "A3") }),
    )
    .doing("of another customer"),
    Operation::of_thing(
        "POST /v1/accounts/{id}/rates",
        "account",
        |_, _, _| json!({ "per_kwh": "0.29", "from": "2026-04-01" }),
    ),
    Operation::of_thing(
        "POST /v1/accounts/{id}/rates",
        "sub-account",
        |_, _, _| json!({ "per_kwh": "0.31", "from": "2026-04-01" }),
    )
    .doing("of a sub-account"),
    Operation::of_thing("DELETE /v1/accounts/{id}", "account", NOTHING).doing("with users in it"),
    Operation::of_thing("DELETE /v1/accounts/{id}", "sub-account", NOTHING).doing("a sub-account"),
    Operation::of_thing("DELETE /v1/accounts/{id}", "spare account", NOTHING)
        .doing("of another customer"),
    Operation::of_thing("DELETE /v1/groups/{id}", "spare group", NOTHING),
    Operation::of_thing("DELETE /v1/roles/{id}", "spare role", NOTHING),
    Operation::plain("DELETE /v1/sessions/current", NOTHING),
];

/// Makes anew what an operation is done to beside users; the old one was deleted, or there was none.
pub async fn make_thing(scene: &Scene<'_>, name: &'static str) {
    let holder = json!({ "kind": "consumer" });
    let (path, body) = match name {
        "spare role" => (
            "/v1/roles",
            json!({ "name": "Spare", "permissions": ["users.read"] }),
        ),
        "spare group" => ("/v1/groups", json!({ "kind": "tag", "name": "Spare" })),
        "spare account" => (
            "/v1/accounts",
            json!({ "kind": "client", "name": "Spare", "holder": holder }),
        ),
        "sub-account" => (
            "/v1/accounts",
            json!({ "kind": "subsidiary", "name": "Sub", "parent": scene.thing("account"), "holder": holder }),
        ),
        "import" => ("/v1/imports", json!({ "file_name": "users.csv" })),
        "export" => ("/v1/exports", json!({ "format": "csv" })),
        "export of the audit trail" => ("/v1/exports", json!({ "format": "csv", "of": "audit" })),
        _ => return,
    };
    let answer = scene.company.owner.post(path, body).await;
    assert!(answer.status < 300, "{name}: {}", answer.text);
    scene.name_thing(name, text(&answer.body["id"]));
}
