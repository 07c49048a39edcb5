//! The people of the table: who acts, and on whom.

use std::collections::HashMap;
use std::sync::Mutex;

use muster_shared::auth::token::{self, Activation, Audience};
use muster_shared::domain::id::{TenantId, UserId};
use muster_tests::world::{Actor, Company, PASSWORD, World, text};
use serde_json::{Value, json};

use super::operations::Operation;

/// On whom things are done: users of each class, one of class standard who holds what few others do, a customer's driver,
/// the actor, and another tenant's user.
pub const TARGETS: [&str; 7] = [
    "owner",
    "standard",
    "auditor",
    "limited",
    "customer",
    "self",
    "elsewhere",
];

/// Who comes from another company.
pub const STRANGER: &str = "other tenant's owner";

/// A customer's person who manages users, as far as a fleet.
const CLERK: &str = "clerk of a customer";

/// Somebody who tries.
pub struct Named<'w> {
    /// What the table calls them.
    pub name: &'static str,
    /// Who they are.
    pub actor: Actor<'w>,
    /// Their e-mail address.
    email: String,
}

impl<'w> Named<'w> {
    fn of(name: &'static str, actor: Actor<'w>) -> Self {
        let email = format!("{}@people.example", name.replace(' ', "."));
        Self { name, actor, email }
    }
}

/// An operation (route, and what it does) on a target.
type Doing = (&'static str, &'static str, &'static str);

/// Somebody on whom it is tried.
#[derive(Clone)]
pub struct Target {
    /// The user's id.
    pub id: String,
    /// The user's e-mail address.
    pub email: String,
    /// Whether it is another tenant's user.
    pub elsewhere: bool,
    /// What the table calls the target.
    pub class: &'static str,
}

/// A company with everybody in it, and another one.
pub struct Scene<'w> {
    world: &'w World,
    pub company: Company<'w>,
    pub elsewhere: Company<'w>,
    /// Everybody who tries.
    pub actors: Vec<Named<'w>>,
    /// Ids of things that paths and bodies name.
    things: Mutex<HashMap<&'static str, String>>,
    /// The targets in use: one whom nothing was done to serves again.
    fresh: Mutex<HashMap<Doing, Target>>,
    made: Mutex<u32>,
}

impl<'w> Scene<'w> {
    /// Sets the scene.
    pub async fn set(world: &'w World) -> Self {
        let company = world.company("Northwind").await;
        let elsewhere = world.company("Southwind").await;
        let owner = &company.owner;
        let mut things = HashMap::from([("product", company.products[0].clone())]);
        let client =
            json!({ "kind": "client", "name": "Globex", "holder": { "kind": "consumer" } });
        let account = owner.post("/v1/accounts", client).await.expect(201);
        let account = text(&account["id"]);
        let role = json!({ "name": "Dispatcher", "permissions": ["users.read", "users.write"] });
        let role = owner.post("/v1/roles", role).await.expect(201);
        let office = json!({ "name": "Office", "permissions": ["groups.manage", "roles.manage", "tenant.manage"] });
        let office = owner.post("/v1/roles", office).await.expect(201);
        let office = text(&office["id"]);
        let group = json!({ "kind": "fleet", "name": "North" });
        let group = owner.post("/v1/groups", group).await.expect(201);
        things.insert("account", account.clone());
        things.insert("role", text(&role["id"]));
        things.insert("group", text(&group["id"]));

        let mut actors = Vec::new();
        let colleagues: [(&'static str, &str, Vec<&str>, Option<&str>); 13] = [
            ("owner", "owner", vec![], None),
            ("user_manager", "standard", vec!["user_manager"], None),
            ("licence_manager", "standard", vec!["licence_manager"], None),
            ("account_manager", "standard", vec!["account_manager"], None),
            ("auditor", "standard", vec!["auditor"], None),
            ("defined role", "standard", vec![&things["role"]], None),
            ("office", "standard", vec![&office], None),
            ("standard", "standard", vec![], None),
            ("limited", "limited", vec![], None),
            (
                "account_owner",
                "standard",
                vec!["account_owner"],
                Some(&account),
            ),
            ("driver", "limited", vec!["driver"], Some(&account)),
            (CLERK, "standard", vec!["user_manager"], Some(&account)),
            ("suspended", "standard", vec!["user_manager"], None),
        ];
        for (name, class, roles, account) in colleagues {
            let actor = colleague(world, owner, name, class, &roles, account).await;
            if name == CLERK {
                let path = format!("/v1/users/{}", actor.user);
                let scope = json!({ "scope": { "groups": [things["group"]] } });
                let version = owner.show(&actor.user).await["version"].as_u64();
                let scoped = owner.patch(&path, version.unwrap(), scope).await;
                let _ = scoped.expect(200);
            }
            actors.push(Named::of(name, actor));
        }
        let deleted = colleague(world, owner, "deleted", "standard", &["user_manager"], None).await;
        let suspended = &actors.last().unwrap().actor;
        let body = json!({ "users": [suspended.user] });
        let _ = owner.post("/v1/users/suspend", body).await.expect(200);
        let typed = json!({ "confirm": "deleted@people.example" });
        let path = format!("/v1/users/{}/delete", deleted.user);
        let _ = owner.post(&path, typed).await.expect(200);
        actors.push(Named::of("deleted", deleted));
        actors.push(Named {
            name: STRANGER,
            actor: elsewhere.owner.clone(),
            email: elsewhere.owner_email.clone(),
        });
        actors.push(Named::of("no token", world.nobody()));
        for (name, token) in worthless(world, &company) {
            let mut actor = world.bearer(token);
            actor.user.clone_from(&company.owner.user);
            actors.push(Named::of(name, actor));
        }
        Self {
            world,
            company,
            elsewhere,
            actors,
            things: Mutex::new(things),
            fresh: Mutex::default(),
            made: Mutex::default(),
        }
    }

    /// The id of a thing.
    pub fn thing(&self, name: &str) -> String {
        self.things.lock().unwrap()[name].clone()
    }

    /// From now on the thing with this id is meant.
    pub fn name_thing(&self, name: &'static str, id: String) {
        self.things.lock().unwrap().insert(name, id);
    }

    /// Whom `actor` is to try it on: nothing was done to them yet but what the operation needs.
    pub async fn target(
        &self,
        operation: &Operation,
        actor: &Named<'_>,
        target: &'static str,
    ) -> Target {
        if target == "self" && !actor.actor.user.is_empty() {
            return Target {
                id: actor.actor.user.clone(),
                email: actor.email.clone(),
                elsewhere: actor.name == STRANGER,
                class: "self",
            };
        }
        let key = (operation.route, operation.what, target);
        if let Some(known) = self.fresh.lock().unwrap().get(&key) {
            return known.clone();
        }
        let made = self.make(target).await;
        (operation.prepare)(self, &made).await;
        self.fresh.lock().unwrap().insert(key, made.clone());
        made
    }

    /// Something was done to the target: the next one gets another.
    pub fn spent(&self, target: &'static str) {
        self.fresh
            .lock()
            .unwrap()
            .retain(|(_, _, known), _| *known != target);
    }

    /// An owner of the target's company.
    pub fn owner_of(&self, target: &Target) -> &Actor<'w> {
        if target.elsewhere {
            &self.elsewhere.owner
        } else {
            &self.company.owner
        }
    }

    /// Has support do something to the target: with owners it can, too.
    pub async fn support(&self, mut order: Value, target: &Target) {
        let company = if target.elsewhere {
            &self.elsewhere
        } else {
            &self.company
        };
        order["reference"] = json!(format!("{} {}", text(&order["action"]), target.id));
        order["tenant"] = json!(company.tenant);
        order["user"] = json!(target.id);
        let answer = self.world.stack.invoke("support", order).await.unwrap();
        assert!(answer["operation"].is_string(), "{answer}");
    }

    /// Has support start a change of the address of the target, who is active.
    pub async fn move_address(&self, target: &Target) {
        self.activate(target).await;
        let email = format!("{}@moving.example", &target.id[4..]);
        let order = json!({ "action": "set_email", "email": email });
        self.support(order, target).await;
    }

    /// Has the target take up an invitation.
    pub async fn activate(&self, target: &Target) {
        let owner = self.owner_of(target);
        let users = json!({ "users": [target.id] });
        let _ = owner.post("/v1/invitations", users).await.expect(200);
        let username = target.email.replace('@', ".");
        let _ = self.world.activate(&target.email, &username).await;
    }

    async fn make(&self, target: &'static str) -> Target {
        let number = {
            let mut made = self.made.lock().unwrap();
            *made += 1;
            *made
        };
        let email = format!("target-{number}@northwind.example");
        let mut form = json!({ "email": email, "last_name": "Target" });
        match target {
            "owner" | "standard" | "limited" => form["class"] = target.into(),
            "auditor" => (form["class"], form["roles"]) = ("standard".into(), json!(["auditor"])),
            "customer" => form["account"] = self.thing("account").into(),
            _ => {}
        }
        let owner = if target == "elsewhere" {
            &self.elsewhere.owner
        } else {
            &self.company.owner
        };
        Target {
            id: owner.add(form).await,
            email,
            elsewhere: target == "elsewhere",
            class: target,
        }
    }
}

/// Tokens that are not, or no longer, good.
fn worthless(world: &World, company: &Company<'_>) -> [(&'static str, String); 3] {
    let ctx = world.stack.context("sign-in").unwrap();
    let real = company.owner.token.clone().unwrap();
    let (signed, signature) = real.rsplit_once('.').unwrap();
    let mut parts = signed.split('.');
    let (header, claims) = (parts.next().unwrap(), parts.next().unwrap());
    let claims = data_encoding::BASE64URL_NOPAD
        .decode(claims.as_bytes())
        .unwrap();
    let mut claims: Value = serde_json::from_slice(&claims).unwrap();
    let past = ctx.clock.now() - jiff::SignedDuration::from_secs(1);
    let expired = token::sign(ctx, Audience::Api, &claims, past).unwrap();
    let activation = Activation {
        sub: UserId::parse(&company.owner.user).unwrap(),
        tid: TenantId::parse(&company.tenant).unwrap(),
        nonce: muster_shared::domain::invitation::Nonce::derive(
            &muster_shared::domain::id::Seed::of(&["powers"]),
        ),
    };
    let later = ctx.clock.now() + jiff::SignedDuration::from_hours(1);
    let other = token::sign(ctx, Audience::Activate, &activation, later).unwrap();
    claims["tid"] = json!("tnt_0000000000000000");
    let claims = data_encoding::BASE64URL_NOPAD.encode(claims.to_string().as_bytes());
    [
        ("expired token", expired),
        ("token of another audience", other),
        ("tampered token", format!("{header}.{claims}.{signature}")),
    ]
}

async fn colleague<'w>(
    world: &'w World,
    owner: &Actor<'w>,
    name: &str,
    class: &str,
    roles: &[&str],
    account: Option<&str>,
) -> Actor<'w> {
    let login = name.replace(' ', ".");
    let email = format!("{login}@people.example");
    let form = json!({
        "email": email, "last_name": name, "class": class, "roles": roles, "account": account, "invite": true,
    });
    let _ = owner.add(form).await;
    let token = world.link_token(&email).await;
    let accept = json!({ "token": token, "username": format!("{login}.n"), "password": PASSWORD });
    let _ = world
        .nobody()
        .post("/v1/activations", accept)
        .await
        .expect(200);
    world.sign_in(&email).await
}
