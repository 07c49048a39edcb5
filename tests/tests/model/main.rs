//! Random operations by several people against the local stack and a simple model of it, side by side: the same
//! answers, and after each step the rules of DESIGN section 4 hold in the table itself.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod model;
mod rules;

use std::collections::BTreeSet;

use model::{Expected, Model, Op, Order, Step, Told, Who};
use muster_tests::world::{Actor, Answer, PASSWORD, World, text};
use proptest::prelude::{ProptestConfig, any, prop};
use proptest::sample::Index;
use proptest::strategy::{BoxedStrategy, Just, Strategy};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

prop_state_machine! {
    #![proptest_config(ProptestConfig {
        cases: 20,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_people_do_answers_and_rules_are_those_of_the_model(sequential 40..90 => Muster);
}

impl ReferenceStateMachine for Model {
    type State = Model;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Model> {
        Just(Model::new()).boxed()
    }

    fn transitions(state: &Model) -> BoxedStrategy<Step> {
        // Owners mostly may, others mostly may not; both are worth a try.
        let actor = prop::sample::select(vec![0, 0, 0, 0, 1, 2, 2, 3, 4]);
        let state = state.clone();
        (actor, any::<[u8; 3]>(), any::<Index>(), any::<bool>())
            .prop_map(move |(actor, dice, target, apt)| {
                let op = Op::thrown(dice);
                let targets = state.targets(op, apt);
                let target = targets[target.index(targets.len())];
                Step { actor, target, op }
            })
            .boxed()
    }

    fn preconditions(state: &Model, step: &Step) -> bool {
        state.allows(step)
    }

    fn apply(mut state: Model, step: &Step) -> Model {
        state.apply(step);
        state
    }
}

/// The stack, with what its people hold.
struct Muster {
    runtime: Runtime,
    world: World,
    tenant: String,
    products: Vec<String>,
    users: Vec<Held>,
    /// Keys of the audit entries so far.
    entries: BTreeSet<String>,
    /// How many orders support has got.
    orders: u32,
    /// How many steps were taken.
    steps: u32,
}

/// What the test knows of a user.
struct Held {
    id: String,
    email: String,
    token: Option<String>,
    /// To activate by, oldest first.
    links: Vec<String>,
    /// To confirm a change of the address by, and to cancel it by: the newest.
    moving: [Option<String>; 2],
}

impl Held {
    fn of(id: String, email: String, token: Option<String>) -> Self {
        Self {
            id,
            email,
            token,
            links: Vec::new(),
            moving: [None, None],
        }
    }
}

impl StateMachineTest for Muster {
    type SystemUnderTest = Muster;
    type Reference = Model;

    fn init_test(model: &Model) -> Muster {
        let runtime = Runtime::new().unwrap();
        let (world, tenant, products, users) = runtime.block_on(async {
            let world = World::start().await;
            let seats = |name: &str| json!({ "name": name, "seats": model::SEATS });
            let order = json!({ "products": [seats("CoPilot"), seats("MileOn")] });
            let company = world.company_with("Acme", order).await;
            let owner = company.owner.clone();
            let mut users = vec![Held::of(owner.user, company.owner_email.clone(), owner.token)];
            for (index, user) in model.users.iter().enumerate().skip(1) {
                let email = model::address(user.email);
                let form = json!({ "email": email, "class": user.class.word(), "roles": user.roles(), "invite": true });
                let id = company.owner.add(form).await;
                let actor = world.activate(&email, &model::username(index)).await;
                users.push(Held::of(id, email, actor.token));
            }
            let (tenant, products) = (company.tenant, company.products);
            collect_links(&world, &mut users).await;
            (world, tenant, products, users)
        });
        let mut muster = Muster {
            runtime,
            world,
            tenant,
            products,
            users,
            entries: BTreeSet::new(),
            orders: 0,
            steps: 0,
        };
        let entries = rules::entries(&muster.world, &muster.tenant);
        muster.entries = entries.into_keys().collect();
        muster
    }

    fn apply(mut muster: Muster, model: &Model, step: Step) -> Muster {
        // The model has taken the step already; what it expected stands there.
        muster.steps += 1;
        let expected = model.expected.clone();
        let told = muster.take(&step, model);
        assert_eq!(told, expected, "{step:?}\n{model:?}");
        muster.told(&step, model);
        muster.links(&step, model);
        if matches!(step.op, Op::Wait(_)) {
            let verified = muster.runtime.block_on(async {
                let owner = owner(&muster.world, &muster.users, model).await;
                owner.get("/v1/audit/verification").await
            });
            rules::verified(&verified);
        }
        muster
    }

    fn check_invariants(muster: &Muster, model: &Model) {
        rules::hold(&muster.world, &muster.tenant, model);
        // It reads far more than a step writes, so not after each; at the end in any case.
        if muster.steps.is_multiple_of(10) {
            muster.runtime.block_on(muster.world.keeps_every_rule());
        }
    }

    fn teardown(muster: Muster, model: Model) {
        let Muster {
            runtime,
            world,
            users,
            ..
        } = muster;
        runtime.block_on(async move {
            // Everything that happened is sealed, and the seals verify.
            world.wait_hours(3).await;
            let owner = world.sign_in(&users[model.owner()].email).await;
            let verified = owner.get("/v1/audit/verification").await;
            rules::verified(&verified);
            world.keeps_every_rule().await;
        });
    }
}

impl Muster {
    /// Rule 6: the audit trail tells of the step, and of nothing else.
    fn told(&mut self, step: &Step, model: &Model) {
        let mut new = rules::entries(&self.world, &self.tenant);
        new.retain(|key, _| self.entries.insert(key.clone()));
        let mut told: Vec<String> = new.into_values().collect();
        let id = |user: usize| &self.users[user].id;
        let line = |told: &Told| {
            let target = id(told.target);
            let actor = match told.actor {
                Who::User(actor) => format!("user {}", id(actor)),
                Who::Invitee => format!("invitee {target}"),
                Who::Recipient => format!("recipient {target}"),
                Who::Support => format!("support T-{}", self.orders),
                Who::Schedule => "schedule".to_owned(),
            };
            let product = told.product.map(|product| self.products[product].as_str());
            let targets: Vec<&str> = [target.as_str()].into_iter().chain(product).collect();
            format!("{actor}: {} {}", told.operation, targets.join(" "))
        };
        let mut expected: Vec<String> = model.told.iter().map(line).collect();
        told.sort();
        expected.sort();
        assert_eq!(told, expected, "{step:?}\n{model:?}");
    }

    /// Rule 4: of all links that a user ever got the newest is good while the invitation stands, and no other. After a
    /// wait of all users, otherwise of the target.
    fn links(&self, step: &Step, model: &Model) {
        for (index, held) in self.users.iter().enumerate() {
            if index != step.target && !matches!(step.op, Op::Wait(_)) {
                continue;
            }
            let good = held.links.iter().filter(|link| {
                let body = json!({ "token": link });
                let nobody = self.world.nobody();
                let checked = nobody.post("/v1/activations/check", body);
                self.runtime.block_on(checked).expect(200)["state"] == "valid"
            });
            let good: Vec<&String> = good.collect();
            let newest = held.links.last().filter(|_| model.stands(index));
            assert_eq!(good, newest.into_iter().collect::<Vec<_>>(), "{step:?}");
        }
    }

    /// Takes the step, and says what it was answered.
    #[expect(clippy::too_many_lines, reason = "an arm for each operation")]
    fn take(&mut self, step: &Step, model: &Model) -> Expected {
        let Self {
            runtime,
            world,
            products,
            users,
            tenant,
            orders,
            ..
        } = self;
        runtime.block_on(async {
            let target = &users[step.target];
            let users_body = json!({ "users": [target.id] });
            let actor = acting(world, &users[step.actor]);
            let answer = match step.op {
                Op::Add {
                    email,
                    external,
                    class,
                } => {
                    let external = external.map(model::external);
                    let form = json!({ "email": model::address(email), "external_id": external, "class": class.word() });
                    let answer = actor.post("/v1/users", form).await;
                    if answer.status == 201 {
                        let id = text(&answer.body["id"]);
                        users.push(Held::of(id, model::address(email), None));
                    }
                    answer
                }
                Op::Class(class) => {
                    let version = rules::version(world, &target.id);
                    let body = json!({ "class": class.word(), "roles": [] });
                    let path = format!("/v1/users/{}", target.id);
                    let answer = actor.patch(&path, version, body).await;
                    if answer.body["version"] == version {
                        return Expected::Unchanged;
                    }
                    answer
                }
                Op::Suspend => actor.post("/v1/users/suspend", users_body).await,
                Op::Reactivate => actor.post("/v1/users/reactivate", users_body).await,
                Op::Delete => {
                    let body = json!({ "users": [target.id], "confirm": 1 });
                    actor.post("/v1/users/delete", body).await
                }
                Op::Restore => actor.post("/v1/users/restore", users_body).await,
                Op::Invite => actor.post("/v1/invitations", users_body).await,
                Op::Resend => actor.post("/v1/invitations/resend", users_body).await,
                Op::Revoke => actor.post("/v1/invitations/revoke", users_body).await,
                Op::Assign(product) => {
                    let path = format!("/v1/products/{}/assign", products[product]);
                    actor.post(&path, users_body).await
                }
                Op::Unassign(product) => {
                    let path = format!("/v1/products/{}/unassign", products[product]);
                    actor.post(&path, users_body).await
                }
                Op::Accept { newest } => {
                    let link = if newest {
                        target.links.last()
                    } else {
                        target.links.first()
                    };
                    let Some(link) = link.cloned() else {
                        return Expected::NoLink;
                    };
                    let username = model::username(step.target);
                    let body = json!({ "token": link, "username": username, "password": PASSWORD });
                    world.nobody().post("/v1/activations", body).await
                }
                Op::Move(to) => {
                    let before = mailed(world).await.len();
                    let path = format!("/v1/users/{}/email", target.id);
                    let body = json!({ "email": model::address(to) });
                    let answer = actor.post(&path, body).await;
                    let new = mailed(world).await.split_off(before);
                    for (cancel, link) in new.into_iter().map(|(_, link)| (cancels(&link), link)) {
                        users[step.target].moving[usize::from(cancel)] = Some(link);
                    }
                    answer
                }
                Op::Confirm | Op::Cancel => {
                    let (what, place) = match step.op {
                        Op::Confirm => ("confirm", 0),
                        _ => ("cancel", 1),
                    };
                    let Some(link) = target.moving[place].clone() else {
                        return Expected::NoLink;
                    };
                    let path = format!("/v1/email-changes/{what}");
                    world.nobody().post(&path, json!({ "token": link })).await
                }
                Op::Reset => {
                    let before = mailed(world).await.len();
                    let body = json!({ "login": target.email });
                    let asked = world.nobody().post("/v1/password-resets", body).await;
                    let _ = asked.expect(202);
                    let link = mailed(world).await.split_off(before).pop();
                    let Some((page, token)) = link else {
                        return Expected::NoLink;
                    };
                    if page == "activate" {
                        collect_links(world, users).await;
                        return Expected::Done;
                    }
                    let body = json!({ "token": token, "password": PASSWORD });
                    world.nobody().post("/v1/password-resets/confirm", body).await
                }
                Op::Support(what) => {
                    *orders += 1;
                    let mut order = match what {
                        Order::Suspend => json!({ "action": "suspend" }),
                        Order::Reactivate => json!({ "action": "reactivate" }),
                        Order::Delete => json!({ "action": "delete" }),
                        Order::Demote => json!({ "action": "set_class", "class": "standard" }),
                    };
                    order["reference"] = json!(format!("T-{orders}"));
                    order["tenant"] = json!(tenant);
                    order["user"] = json!(target.id);
                    let answer = world.stack.invoke("support", order).await.unwrap();
                    return match answer["errors"][0]["code"].as_str() {
                        Some(code) => Expected::Refused(code.to_owned()),
                        None if answer["operation"].is_null() => Expected::Unchanged,
                        None => Expected::Done,
                    };
                }
                Op::Wait(hours) => {
                    world.wait_hours(hours).await;
                    sign_all_in(world, users, model).await;
                    return Expected::Waited;
                }
            };
            let told = told(&answer);
            if told == Expected::Done && step.op == Op::Confirm {
                users[step.target].email = model::address(model.users[step.target].email);
            }
            if told == Expected::Done && matches!(step.op, Op::Accept { .. } | Op::Reset) {
                let login = users[step.target].email.clone();
                users[step.target].token = world.sign_in(&login).await.token;
            }
            collect_links(world, users).await;
            told
        })
    }
}

fn acting<'w>(world: &'w World, held: &Held) -> Actor<'w> {
    match &held.token {
        Some(token) => world.bearer(token.clone()),
        None => world.nobody(),
    }
}

/// Somebody who is an owner by now.
async fn owner<'w>(world: &'w World, users: &[Held], model: &Model) -> Actor<'w> {
    let (held, user) = (&users[model.owner()], &model.users[model.owner()]);
    if user.token() {
        acting(world, held)
    } else {
        world.sign_in(&held.email).await
    }
}

/// Access tokens have ended meanwhile.
async fn sign_all_in(world: &World, users: &mut [Held], model: &Model) {
    for (held, user) in users.iter_mut().zip(&model.users) {
        if user.active() {
            held.token = world.sign_in(&held.email).await.token;
        }
    }
}

/// The links in all mails, in the order they were sent: the page, and the token for it.
async fn mailed(world: &World) -> Vec<(String, String)> {
    world.stack.settled().await;
    let mails = world.stack.inbox().all();
    let links = mails.iter().flat_map(|mail| mail.links());
    let read = links.filter_map(|link| {
        let (place, token) = link.split_once('#')?;
        let (_, page) = place.rsplit_once('/')?;
        Some((page.to_owned(), token.to_owned()))
    });
    read.collect()
}

/// Whether a link about an address is the one to cancel by.
fn cancels(link: &str) -> bool {
    rules::claim(link, "cancel") == json!(true)
}

/// Everybody's links to activate by.
async fn collect_links(world: &World, users: &mut [Held]) {
    let mailed = mailed(world).await;
    for held in users {
        let of = |(page, token): &(String, String)| {
            let own = page == "activate" && rules::claim(token, "sub") == json!(held.id);
            own.then(|| token.clone())
        };
        held.links = mailed.iter().filter_map(of).collect();
    }
}

/// An answer, as the model speaks of it.
fn told(answer: &Answer) -> Expected {
    let refused = |code: &Value| Expected::Refused(text(code));
    if answer.status >= 300 {
        return refused(&answer.body["code"]);
    }
    let outcome = &answer.body["outcomes"][0];
    match outcome["outcome"].as_str() {
        Some("refused") => refused(&outcome["code"]),
        Some("unchanged") => Expected::Unchanged,
        _ => Expected::Done,
    }
}
