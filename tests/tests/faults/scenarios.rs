//! What makes each function do its work: every function, and every route.

use muster_tests::world::PASSWORD;
use serde_json::{Value, json};

use super::scene::FILE;

/// Something that somebody does. `{name}` in paths, keys and bodies stands for a thing of the scene.
#[derive(Debug, Clone)]
pub enum Step {
    /// A request.
    Call {
        /// Whose token it carries; none if empty.
        who: &'static str,
        /// For example `POST`.
        method: &'static str,
        /// With the query.
        path: &'static str,
        /// Null for none.
        body: Value,
        /// What it is answered with.
        status: u16,
        /// What a second attempt may be answered with instead, because the first was carried out.
        again: &'static [u16],
    },
    /// Support, or the schedule, invokes the function.
    Invoke(&'static str, Value),
    /// A file is put into the bucket.
    Put(&'static str, &'static str),
    /// SES tells what became of the newest mail to an address.
    News(Value),
}

/// The function whose calls go wrong, and what makes it call.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The function.
    pub function: &'static str,
    /// What is done; one thing.
    pub step: Step,
}

fn call(
    function: &'static str,
    who: &'static str,
    route: &'static str,
    body: Value,
    status: u16,
) -> Scenario {
    let (method, path) = route.split_once(' ').unwrap();
    let step = Step::Call {
        who,
        method,
        path,
        body,
        status,
        again: &[],
    };
    Scenario { function, step }
}

/// The owner does something to get this status.
fn owner(function: &'static str, route: &'static str, body: Value, status: u16) -> Scenario {
    call(function, "owner's token", route, body, status)
}

/// The owner looks at something.
fn look(function: &'static str, path: &'static str) -> Scenario {
    let (who, method, body) = ("owner's token", "GET", Value::Null);
    let step = Step::Call {
        who,
        method,
        path,
        body,
        status: 200,
        again: &[],
    };
    Scenario { function, step }
}

/// Somebody who is not signed in does something.
fn nobody(function: &'static str, route: &'static str, body: Value, status: u16) -> Scenario {
    call(function, "", route, body, status)
}

fn invoked(function: &'static str, event: Value) -> Scenario {
    let step = Step::Invoke(function, event);
    Scenario { function, step }
}

impl Scenario {
    /// Whoever repeats it may be answered with this instead.
    fn or(mut self, statuses: &'static [u16]) -> Self {
        if let Step::Call { again, .. } = &mut self.step {
            *again = statuses;
        }
        self
    }

    /// The same, with other calls to go wrong: those of a function that it leads to.
    fn for_the_sake_of(self, function: &'static str) -> Self {
        Self { function, ..self }
    }
}

impl std::fmt::Display for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: ", self.function)?;
        match &self.step {
            Step::Call {
                method, path, body, ..
            } => write!(f, "{method} {path} {body}"),
            Step::Invoke(function, event) => write!(f, "invoke {function} {event}"),
            Step::Put(key, _) => write!(f, "put {key}"),
            Step::News(event) => write!(f, "news {event}"),
        }
    }
}

/// All of them.
pub fn all() -> Vec<Scenario> {
    let parts = [
        sessions(),
        links(),
        users(),
        licences(),
        company(),
        files(),
        support(),
        workers(),
    ];
    parts.into_iter().flatten().collect()
}

fn sessions() -> Vec<Scenario> {
    let sign_in = |login: &str| json!({ "login": login, "password": PASSWORD });
    vec![
        nobody(
            "sign-in",
            "POST /v1/sessions",
            sign_in("bea@colleagues.example"),
            200,
        ),
        nobody(
            "sign-in",
            "POST /v1/sessions",
            sign_in("bea.colleague"),
            200,
        ),
        // Whoever keeps the token alone cannot tell a lost answer from a theft: the family ends, and the person signs in.
        nobody(
            "sign-in",
            "POST /v1/sessions/refresh",
            json!({ "refresh_token": "{refresh}" }),
            200,
        )
        .or(&[401]),
        call(
            "sign-in",
            "bea's token",
            "GET /v1/sessions/tenants",
            Value::Null,
            200,
        ),
        call(
            "sign-in",
            "bea's token",
            "POST /v1/sessions/switch",
            json!({ "tenant": "{tenant}" }),
            200,
        )
        .or(&[401]),
        call(
            "sign-in",
            "bea's token",
            "DELETE /v1/sessions/current",
            Value::Null,
            204,
        ),
        nobody("sign-in", "GET /v1/jwks.json", Value::Null, 200),
    ]
}

fn links() -> Vec<Scenario> {
    let token = |token: &str| json!({ "token": token });
    let chosen = "plum orchard tricycle moon";
    vec![
        nobody(
            "activate",
            "POST /v1/activations/check",
            token("{ada's link}"),
            200,
        ),
        nobody(
            "activate",
            "POST /v1/activations",
            json!({ "token": "{ada's link}", "username": "ada.new", "password": PASSWORD }),
            200,
        ),
        nobody(
            "activate",
            "POST /v1/activations",
            json!({ "token": "{jo's link}", "password": PASSWORD }),
            200,
        ),
        nobody(
            "activate",
            "POST /v1/activations/renew",
            token("{renewing's link}"),
            202,
        ),
        nobody(
            "reset-password",
            "POST /v1/password-resets",
            json!({ "login": "finn.colleague" }),
            202,
        ),
        nobody(
            "reset-password",
            "POST /v1/password-resets/check",
            token("{gus's reset}"),
            200,
        ),
        nobody(
            "reset-password",
            "POST /v1/password-resets/confirm",
            json!({ "token": "{gus's reset}", "password": chosen }),
            200,
        ),
        owner(
            "reset-password",
            "POST /v1/users/{finn}/password-reset",
            json!({}),
            202,
        ),
        owner(
            "change-email",
            "POST /v1/users/{ivy}/email",
            json!({ "email": "ivy@new.example" }),
            202,
        ),
        owner(
            "change-email",
            "DELETE /v1/users/{hal}/email",
            Value::Null,
            204,
        )
        .or(&[404]),
        nobody(
            "change-email",
            "POST /v1/email-changes/check",
            token("{hal's change}"),
            200,
        ),
        nobody(
            "change-email",
            "POST /v1/email-changes/confirm",
            token("{hal's change}"),
            200,
        ),
        nobody(
            "change-email",
            "POST /v1/email-changes/cancel",
            token("{hal's cancellation}"),
            200,
        ),
    ]
}

fn users() -> Vec<Scenario> {
    let full = json!({
        "external_id": "D-1", "email": "grace@drivers.example", "first_name": "Grace", "class": "standard", "roles": ["{role}"],
        "groups": ["{group}"], "products": ["{product}"], "invite": true,
    });
    let users = |name: &str| json!({ "users": [name] });
    vec![
        owner("add-user", "POST /v1/users", full, 201),
        owner(
            "add-user",
            "POST /v1/users",
            json!({ "kind": "vehicle", "external_id": "V-1", "account": "{sub-account}" }),
            201,
        ),
        look("list-users", "/v1/users?limit=2"),
        look("list-users", "/v1/users?email=bea"),
        look("list-users", "/v1/users?group={group}&name=t"),
        look("list-users", "/v1/users/{bea}"),
        look("list-users", "/v1/users/{bea}/preview"),
        owner(
            "list-users",
            "POST /v1/users/preview",
            json!({ "class": "limited", "scope": { "groups": ["{group}"] } }),
            200,
        ),
        look("list-users", "/v1/me"),
        owner(
            "edit-user",
            "PATCH /v1/users/{bea}",
            json!({ "first_name": "Beatrice", "groups": ["{group}"] }),
            200,
        ),
        owner(
            "edit-user",
            "PATCH /v1/users/{eve}",
            json!({ "email": "eve@new.example", "external_id": "E-1" }),
            200,
        ),
        owner(
            "edit-user",
            "PATCH /v1/users/{kim}",
            json!({ "username": "kim.other" }),
            200,
        ),
        owner(
            "edit-user",
            "POST /v1/users/suspend",
            json!({ "users": ["{leo}", "{licensed truck}"] }),
            200,
        ),
        owner(
            "edit-user",
            "POST /v1/users/reactivate",
            users("{cyd}"),
            200,
        ),
        owner(
            "delete-users",
            "POST /v1/users/{leo}/delete",
            json!({ "confirm": "leo@colleagues.example" }),
            200,
        ),
        owner(
            "delete-users",
            "POST /v1/users/delete",
            json!({ "users": ["{kim}", "{licensed truck}"], "confirm": 2 }),
            200,
        ),
        owner(
            "delete-users",
            "POST /v1/users/restore",
            users("{dan}"),
            200,
        ),
    ]
}

fn licences() -> Vec<Scenario> {
    let users = |name: &str| json!({ "users": [name] });
    let person = json!({ "person": { "email": "pia@wheels.example" }, "account": { "kind": "employee", "name": "Pia", "parent": "{client}" } });
    vec![
        owner(
            "invite",
            "POST /v1/invitations",
            json!({ "users": ["{eve}", "{eve again}"] }),
            200,
        ),
        owner("invite", "POST /v1/invitations", person, 201),
        owner(
            "resend",
            "POST /v1/invitations/resend",
            users("{resent}"),
            200,
        ),
        owner(
            "revoke",
            "POST /v1/invitations/revoke",
            users("{revoked}"),
            200,
        ),
        look("assign", "/v1/products"),
        owner(
            "assign",
            "POST /v1/products/{product}/assign",
            users("{truck}"),
            200,
        ),
        owner(
            "assign",
            "POST /v1/products/{product}/unassign",
            users("{licensed truck}"),
            200,
        ),
        nobody(
            "activate-licence",
            "POST /v1/licences/activate",
            json!({ "code": "{code}", "device": "Cab" }),
            200,
        ),
    ]
}

fn company() -> Vec<Scenario> {
    let holder = json!({ "kind": "consumer" });
    vec![
        look("roles", "/v1/roles"),
        look("roles", "/v1/roles/{role}"),
        owner(
            "roles",
            "POST /v1/roles",
            json!({ "name": "Planner", "permissions": ["users.read"] }),
            201,
        ),
        owner(
            "roles",
            "PUT /v1/roles/{role}",
            json!({ "name": "Chief", "permissions": ["users.write"] }),
            200,
        ),
        owner("roles", "DELETE /v1/roles/{role}", Value::Null, 204).or(&[404]),
        look("groups", "/v1/groups"),
        look("groups", "/v1/groups?name=v"),
        look("groups", "/v1/groups/{group}"),
        owner(
            "groups",
            "POST /v1/groups",
            json!({ "kind": "tag", "name": "New" }),
            201,
        ),
        owner(
            "groups",
            "PUT /v1/groups/{group}",
            json!({ "name": "Lorries" }),
            200,
        ),
        owner("groups", "DELETE /v1/groups/{group}", Value::Null, 204).or(&[404]),
        owner(
            "groups",
            "POST /v1/groups/{group}/add",
            json!({ "users": ["{truck}", "{bea}"] }),
            200,
        ),
        owner(
            "groups",
            "POST /v1/groups/{group}/remove",
            json!({ "users": ["{licensed truck}"] }),
            200,
        ),
        look("accounts", "/v1/accounts"),
        look("accounts", "/v1/accounts?parent={client}"),
        look("accounts", "/v1/accounts/{client}"),
        owner(
            "accounts",
            "POST /v1/accounts",
            json!({ "kind": "client", "name": "Hubs", "holder": holder }),
            201,
        ),
        owner(
            "accounts",
            "PATCH /v1/accounts/{client}",
            json!({ "name": "Tyres" }),
            200,
        ),
        owner(
            "accounts",
            "DELETE /v1/accounts/{sub-account}",
            Value::Null,
            204,
        )
        .or(&[404]),
        owner(
            "accounts",
            "POST /v1/accounts/{sub-account}/rates",
            json!({ "per_kwh": "0.29", "from": "2027-01-01" }),
            200,
        ),
        look("tenant", "/v1/tenant"),
        owner(
            "tenant",
            "PATCH /v1/tenant",
            json!({ "name": "Acme Haulage", "policy": { "invitation_ttl_hours": 48 } }),
            200,
        ),
        look("overview", "/v1/overview"),
        owner("overview", "POST /v1/overview/count", json!({}), 202),
        look("audit", "/v1/audit?limit=5"),
        look("audit", "/v1/audit?user={bea}&operation=users."),
        look("audit", "/v1/audit/seals"),
        look("audit", "/v1/audit/verification"),
    ]
}

fn files() -> Vec<Scenario> {
    vec![
        owner(
            "start-import",
            "POST /v1/imports",
            json!({ "file_name": "users.csv" }),
            201,
        ),
        look("start-import", "/v1/imports"),
        look("start-import", "/v1/imports/sample"),
        look("start-import", "/v1/imports/{ready import}"),
        owner(
            "start-import",
            "POST /v1/imports/{ready import}/commit",
            json!({}),
            202,
        ),
        owner(
            "start-import",
            "POST /v1/imports/{import to cancel}/cancel",
            json!({}),
            200,
        ),
        owner(
            "start-export",
            "POST /v1/exports",
            json!({ "format": "xlsx" }),
            202,
        ),
        owner(
            "start-export",
            "POST /v1/exports",
            json!({ "format": "csv", "of": "audit" }),
            202,
        ),
        look("start-export", "/v1/exports"),
        look("start-export", "/v1/exports/{export}"),
    ]
}

fn support() -> Vec<Scenario> {
    let order = |action: &str, more: Value| {
        let mut order = json!({ "reference": "ticket 1", "tenant": "{tenant}", "action": action });
        order
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        invoked("support", order)
    };
    let company = json!({
        "reference": "South", "name": "South", "owner": { "email": "owner@south.example" }, "products": [{ "name": "App", "seats": 5, "links": [] }],
    });
    vec![
        invoked("provision", company),
        order("set_class", json!({ "user": "{bea}", "class": "owner" })),
        order(
            "set_username",
            json!({ "user": "{bea}", "username": "beatrice" }),
        ),
        order(
            "set_email",
            json!({ "user": "{leo}", "email": "leo@new.example" }),
        ),
        order("delete", json!({ "user": "{leo}" })),
        order("restore", json!({ "user": "{dan}" })),
        order("suspend", json!({ "user": "{kim}" })),
        order("reactivate", json!({ "user": "{cyd}" })),
        order("invite_again", json!({ "user": "{resent}" })),
        order(
            "set_policy",
            json!({ "policy": { "owner_demotion": "co_owner" } }),
        ),
        order("set_seats", json!({ "product": "{product}", "seats": 60 })),
        order(
            "add_product",
            json!({ "product": { "name": "Third App", "seats": 5, "links": [] } }),
        ),
        order("set_limits", json!({ "invitations_per_day": 77 })),
        invoked("check", json!({ "units_per_second": 100_000 })),
    ]
}

/// What runs where nobody waits for it.
fn workers() -> Vec<Scenario> {
    let asked = json!({ "login": "finn.colleague" });
    let moving = json!({ "email": "ivy@new.example" });
    vec![
        owner(
            "invite",
            "POST /v1/invitations",
            json!({ "users": ["{eve}"] }),
            200,
        )
        .for_the_sake_of("send-mail"),
        nobody("reset-password", "POST /v1/password-resets", asked, 202)
            .for_the_sake_of("send-mail"),
        owner("change-email", "POST /v1/users/{ivy}/email", moving, 202)
            .for_the_sake_of("send-mail"),
        owner(
            "start-export",
            "POST /v1/exports",
            json!({ "format": "xlsx" }),
            202,
        )
        .for_the_sake_of("export"),
        owner(
            "start-export",
            "POST /v1/exports",
            json!({ "format": "csv", "of": "audit" }),
            202,
        )
        .for_the_sake_of("export"),
        owner("overview", "POST /v1/overview/count", json!({}), 202).for_the_sake_of("count-users"),
        owner(
            "start-import",
            "POST /v1/imports/{ready import}/commit",
            json!({}),
            202,
        )
        .for_the_sake_of("import-chunk"),
        Scenario {
            function: "import",
            step: Step::Put("uploads/{tenant}/{import}.csv", FILE),
        },
        Scenario {
            function: "import",
            step: Step::Put("drop/{tenant}/night.csv", FILE),
        },
        Scenario {
            function: "record-delivery",
            step: Step::News(json!({ "to": "ada@drivers.example", "type": "Delivery" })),
        },
        Scenario {
            function: "record-delivery",
            step: Step::News(json!({ "to": "ada@drivers.example", "type": "Bounce" })),
        },
        invoked("expire-invitations", json!({})),
        invoked("erase-users", json!({})),
        invoked("seal-audit", json!({})),
    ]
}
