//! Random operations by several people against the local stack and a simple model of it, side by side: the same
//! answers, and after each step the rules of DESIGN section 4 hold in the table itself.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod model;
mod rules;

use std::collections::HashMap;

use model::{Expected, Model, Op, Step};
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
    entries: usize,
}

/// What the test knows of a user.
struct Held {
    id: String,
    email: String,
    token: Option<String>,
    links: Vec<String>,
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
            let mut users = vec![Held {
                id: company.owner.user.clone(),
                email: company.owner_email.clone(),
                token: company.owner.token.clone(),
                links: Vec::new(),
            }];
            for user in &model.users[1..] {
                let slot = user.email;
                let email = model::address(slot);
                let form = json!({ "email": email, "class": user.class.word(), "roles": user.roles(), "invite": true });
                let id = company.owner.add(form).await;
                let actor = world.activate(&email, &model::username(slot)).await;
                users.push(Held { id, email, token: actor.token, links: Vec::new() });
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
            entries: 0,
        };
        muster.entries = rules::entries(&muster.world, &muster.tenant);
        muster
    }

    fn apply(mut muster: Muster, model: &Model, step: Step) -> Muster {
        // The model has taken the step already; what it expected stands there.
        let expected = model.expected.clone();
        let told = muster.take(&step, model);
        assert_eq!(told, expected, "{step:?}\n{model:?}");
        let entries = rules::entries(&muster.world, &muster.tenant);
        let more = entries - muster.entries;
        let changed = expected.changes();
        let by_itself = matches!(step.op, Op::Wait(_)) && more > 0;
        assert_eq!(
            more >= 1,
            changed || by_itself,
            "{step:?}: {more} audit entries"
        );
        muster.entries = entries;
        muster
    }

    fn check_invariants(muster: &Muster, model: &Model) {
        rules::hold(&muster.world, &muster.tenant, model);
    }

    fn teardown(muster: Muster, _: Model) {
        let Muster { runtime, world, .. } = muster;
        runtime.block_on(async move {
            // Everything that happened is sealed, and the seals verify.
            world.wait_hours(3).await;
            let owner = world.sign_in("owner.acme").await;
            let verified = owner.get("/v1/audit/verification").await;
            rules::verified(&verified);
        });
    }
}

impl Muster {
    /// Takes the step, and says what it was answered.
    fn take(&mut self, step: &Step, model: &Model) -> Expected {
        let Self {
            runtime,
            world,
            products,
            users,
            ..
        } = self;
        runtime.block_on(async {
            let target = &users[step.target];
            let users_body = json!({ "users": [target.id] });
            let actor = acting(world, &users[step.actor]);
            let answer = match step.op {
                Op::Add { email, class } => {
                    let form = json!({ "email": model::address(email), "class": class.word() });
                    let answer = actor.post("/v1/users", form).await;
                    if answer.status == 201 {
                        let id = text(&answer.body["id"]);
                        users.push(Held {
                            id,
                            email: model::address(email),
                            token: None,
                            links: Vec::new(),
                        });
                    }
                    answer
                }
                Op::Class(class) => {
                    let version = version(world, &users[0], &target.id).await;
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
                    let username = model::username(model.users[step.target].email);
                    let body = json!({ "token": link, "username": username, "password": PASSWORD });
                    world.nobody().post("/v1/activations", body).await
                }
                Op::Wait(hours) => {
                    world.wait_hours(hours).await;
                    sign_all_in(world, users, model).await;
                    return Expected::Waited;
                }
            };
            let told = told(&answer);
            if told == Expected::Done && matches!(step.op, Op::Accept { .. }) {
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

/// A user's version, as an owner sees it.
async fn version(world: &World, owner: &Held, user: &str) -> u64 {
    acting(world, owner).show(user).await["version"]
        .as_u64()
        .unwrap()
}

/// Access tokens have ended meanwhile.
async fn sign_all_in(world: &World, users: &mut [Held], model: &Model) {
    for (held, user) in users.iter_mut().zip(&model.users) {
        if user.active() {
            held.token = world.sign_in(&held.email).await.token;
        }
    }
}

/// The links of all mails, by user.
async fn collect_links(world: &World, users: &mut [Held]) {
    world.stack.settled().await;
    let mut by_address: HashMap<String, Vec<String>> = HashMap::new();
    for mail in world.stack.inbox().all() {
        let tokens = mail.links().into_iter().filter_map(|link| {
            link.split_once("/activate#")
                .map(|(_, token)| token.to_owned())
        });
        by_address
            .entry(mail.to[0].clone())
            .or_default()
            .extend(tokens);
    }
    for held in users {
        let of = |link: &&String| rules::user_of(link) == held.id;
        let links = by_address.get(&held.email).into_iter().flatten();
        held.links = links.filter(of).cloned().collect();
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
