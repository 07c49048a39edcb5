//! Workers that are killed anywhere, or work twice at once: what they began is completed, once.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Poll;

use data_encoding::BASE64URL_NOPAD;
use muster_local::Options;
use muster_shared::context::Context;
use muster_shared::domain::audit::Actor;
use muster_shared::domain::id::{ImportId, Seed, TenantId, UserId};
use muster_shared::domain::import::{Import, Source};
use muster_shared::error::Internal;
use muster_shared::lambda::{Function, Invocation, LambdaEvent, outbox_keys};
use muster_shared::store::imports::PlanOf;
use muster_shared::store::keys;
use muster_shared::store::transaction::Transaction;
use muster_tests::world::{World, text};
use serde_json::{Value, json};

use super::{Table, download, show};

/// What the workers of these tests are built from.
type Contexts = OnceLock<BTreeMap<&'static str, Arc<Context>>>;

/// Enough for several chunks.
const ROWS: usize = 3_300;

/// The functions of a stack, some of them replaced.
fn code(replaced: &[&'static Function]) -> Vec<&'static Function> {
    let all = muster_local::functions::ALL.iter().copied();
    all.map(|function| {
        let other = replaced.iter().find(|other| other.name == function.name);
        other.copied().unwrap_or(function)
    })
    .collect()
}

fn remember(contexts: &Contexts, world: &World) {
    let of = |name: &'static str| (name, Arc::clone(world.stack.context(name).unwrap()));
    contexts
        .set(["import", "import-chunk"].map(of).into())
        .unwrap();
}

/// Lets a function handle a message as its queue does.
async fn handle(real: Function, contexts: &Contexts, message: &str) -> Result<(), Internal> {
    let context = &contexts.get().unwrap()[real.name];
    let event = json!({ "Records": [{ "messageId": "m", "body": message }] });
    let event = LambdaEvent::new(event, Invocation::default());
    let answer = real.invoke(context, event).await.unwrap();
    match answer["batchItemFailures"].as_array().unwrap().as_slice() {
        [] => Ok(()),
        failures => panic!("{failures:?}"),
    }
}

/// Drops work when it waits for the `steps`th time, as a killed process drops it; none if it was.
async fn killed_after<T>(steps: usize, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut left = steps;
    poll_fn(|context| {
        left = left.saturating_sub(1);
        match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

async fn until_half_done(contexts: &Contexts, message: &str) {
    while !half_done(contexts, message).await {
        tokio::task::yield_now().await;
    }
}

/// Whether the message is about a chunk whose checkpoint stands between its first and its last row.
async fn half_done(contexts: &Contexts, message: &str) -> bool {
    let Some((tenant, import, plan, number)) = outbox_keys(message)
        .ok()
        .and_then(|(pk, _)| keys::read_chunk(&pk))
    else {
        return false;
    };
    let store = &contexts.get().unwrap()["import-chunk"].store;
    let plan = PlanOf {
        tenant,
        import,
        plan,
    };
    let chunk = store.chunk(&plan, number).await.unwrap().unwrap();
    0 < chunk.next && chunk.next < chunk.rows
}

fn random(most: usize) -> usize {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    1 + usize::from_le_bytes(bytes) % most
}

/// One import in all its variety, the same in each world: what the table and the report say in the end.
async fn busy_import(world: &World) -> (Value, String, Table) {
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let known = begin(world, owner, "known", file(0, 200, "Lee")).await;
    assert_eq!(owner.commit_import(&known).await["state"], "done");
    let ready = begin(world, owner, "busy", file(100, ROWS, "Fox")).await;
    assert_eq!(ready["state"], "ready", "{ready}");
    // Meanwhile somebody else takes some of the addresses.
    let mut taken = "External ID,Email\n".to_owned();
    for row in [555, 1_111, 2_222, 3_333] {
        taken += &format!("taken {row},N{row}@new.example\n");
    }
    let taken = begin(world, owner, "taken", taken).await;
    assert_eq!(owner.commit_import(&taken).await["state"], "done");
    let done = owner.commit_import(&ready).await;
    let report = download(world, &done["report_url"]).await;
    let tenant = company.tenant;
    let table = world.table(|pk, _| pk.starts_with(&format!("T#{tenant}")));
    (show(owner, &ready).await, report, timeless(table))
}

/// Begins an import by an id that is the same in each world.
async fn begin(
    world: &World,
    owner: &muster_tests::world::Actor<'_>,
    name: &str,
    file: String,
) -> Value {
    let access = owner.get("/v1/me").await.expect(200);
    let (tenant, user) = (
        tenant_of(owner),
        UserId::parse(&text(&access["id"])).unwrap(),
    );
    let id = ImportId::derive(&Seed::of(&[name]));
    let key = Source::upload_key(&tenant, &id);
    let import = Import::begun(
        id.clone(),
        Actor::User { id: user },
        None,
        key,
        world.stack.clock().now(),
    );
    let store = &world.operator().store;
    let mut transaction = Transaction::new(store);
    transaction.add_import(&tenant, &import, ()).unwrap();
    transaction.commit().await.unwrap().unwrap();
    let begun = owner.get(&format!("/v1/imports/{id}")).await.expect(200);
    assert_eq!(world.upload(&begun["upload"], file).await, 200);
    world.stack.settled().await;
    show(owner, &begun).await
}

/// The tenant that an access token names.
fn tenant_of(owner: &muster_tests::world::Actor<'_>) -> TenantId {
    let claims = owner.token.as_deref().unwrap().split('.').nth(1).unwrap();
    let claims: Value =
        serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap()).unwrap();
    TenantId::parse(&text(&claims["tid"])).unwrap()
}

/// Users with an own address each, and among them rows that are refused.
fn file(from: usize, rows: usize, last_name: &str) -> String {
    let mut file = "External ID,Email,First Name,Last Name,Class,Products\n".to_owned();
    for row in from..from + rows {
        let email = if row % 500 == 499 {
            "none".to_owned()
        } else {
            format!("n{row}@new.example")
        };
        // Of every tenth the licences run out while the file is planned.
        let said = if row % 10 == 7 {
            "standard,MileOn"
        } else {
            ","
        };
        file += &format!("N-{row},{email},Ann {row},{last_name},{said}\n");
    }
    file
}

/// A tenant's table without what is random: the attempt whose plan counts, the keys of users and what is veiled with
/// them, and requests that carry no key.
fn timeless(mut table: Table) -> Table {
    table.retain(|_, item| {
        let operation = item["operation"]["S"].as_str();
        operation.is_none_or(|operation| operation == "users.import")
    });
    for item in table.values_mut() {
        let attributes = item.as_object_mut().unwrap();
        attributes.remove("plan");
        attributes.remove("audit_key");
        attributes.remove("put_by");
        // Licence codes are secret, and so no two attempts make the same.
        let licences = attributes.get_mut("licences");
        let licences = licences.and_then(|licences| licences["M"].as_object_mut());
        for licence in licences.into_iter().flat_map(|held| held.values_mut()) {
            let code = licence["M"].as_object_mut().unwrap().remove("code");
            assert!(code.is_some(), "{licence}");
        }
        let targets = item["targets"]["L"].as_array_mut();
        for target in targets.into_iter().flatten() {
            target["M"].as_object_mut().unwrap().remove("personal");
        }
    }
    table
}

/// The import as shown, without its addresses.
fn without_links(mut import: Value) -> Value {
    for link in ["plan_url", "report_url"] {
        assert!(import[link].take().is_string(), "{link}");
    }
    import
}

fn assert_same(disturbed: (Value, String, Table), undisturbed: (Value, String, Table)) {
    assert_eq!(undisturbed.0["state"], "done_with_errors");
    assert_eq!(without_links(disturbed.0), without_links(undisturbed.0));
    assert!(disturbed.1 == undisturbed.1, "the reports differ");
    let differing = undisturbed
        .2
        .iter()
        .find(|(key, item)| disturbed.2.get(*key) != Some(*item));
    assert_eq!(
        differing.map(|(key, item)| (Some(item), disturbed.2.get(key))),
        None
    );
    assert_eq!(disturbed.2.len(), undisturbed.2.len());
}

mod killed {
    use super::*;

    static CONTEXTS: Contexts = OnceLock::new();
    static IMPORT: Function = Function::queue("import", |_, message| {
        Box::pin(async move { mortal(import::FUNCTION, message, 40).await })
    });
    static CHUNK: Function = Function::queue("import-chunk", |_, message| {
        Box::pin(async move { mortal(import_chunk::FUNCTION, message, 100).await })
    });
    /// How often each message was killed.
    static DEATHS: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());
    /// Deaths that left a chunk half done.
    static WITHIN: AtomicUsize = AtomicUsize::new(0);
    const LIVES: usize = 3;

    /// Handles a message after having been killed three times over it, somewhere within so many steps.
    async fn mortal(real: Function, message: String, steps: usize) -> Result<(), Internal> {
        let deaths = {
            let mut deaths = DEATHS.lock().unwrap_or_else(PoisonError::into_inner);
            let count = deaths.entry(message.clone()).or_default();
            *count += 1;
            *count
        };
        let work = handle(real, &CONTEXTS, &message);
        if deaths > LIVES {
            return work.await;
        }
        let killed = if deaths == 1 && real.name == "import-chunk" {
            tokio::select! {
                biased;
                done = work => Some(done),
                () = until_half_done(&CONTEXTS, &message) => None,
            }
        } else {
            killed_after(random(steps), work).await
        };
        match killed {
            Some(done) => done,
            None => {
                if half_done(&CONTEXTS, &message).await {
                    WITHIN.fetch_add(1, Ordering::SeqCst);
                }
                Err(Internal::Broken("killed"))
            }
        }
    }

    #[tokio::test]
    async fn an_import_killed_between_and_inside_chunks_resumes_to_the_same_result() {
        let world = World::with_code(
            |options| Options {
                keep_history: true,
                ..options
            },
            &code(&[&IMPORT, &CHUNK]),
        )
        .await;
        remember(&CONTEXTS, &world);
        let mut disturbed = busy_import(&world).await;
        let within = WITHIN.load(Ordering::SeqCst);
        assert!(within >= 2, "only {within} workers died inside a chunk");
        assert_eq!(json!(world.stack.dead_letters()), json!([]));

        // Now that all lives are used up, everything comes once more.
        world.stack.redeliver_all();
        world.stack.settled().await;
        let tenant = text(
            &disturbed
                .2
                .values()
                .find_map(|item| item.get("PK"))
                .unwrap()["S"],
        );
        let tenant = tenant.split('#').nth(1).unwrap().to_owned();
        disturbed.2 = timeless(world.table(|pk, _| pk.starts_with(&format!("T#{tenant}"))));

        assert_same(disturbed, busy_import(&World::start().await).await);
    }
}

mod twins {
    use super::*;

    static CONTEXTS: Contexts = OnceLock::new();
    static CHUNK: Function = Function::queue("import-chunk", |_, message| {
        Box::pin(async move { twice(message).await })
    });

    /// Two deliveries of a message at once, of which the first is killed on its way.
    async fn twice(message: String) -> Result<(), Internal> {
        let (first, second) = tokio::join!(
            killed_after(
                random(60),
                handle(import_chunk::FUNCTION, &CONTEXTS, &message)
            ),
            handle(import_chunk::FUNCTION, &CONTEXTS, &message),
        );
        first.unwrap_or(Ok(())).and(second)
    }

    #[tokio::test]
    async fn of_two_workers_on_the_same_chunk_either_may_die_and_the_chunk_is_done_once() {
        let world = World::with_code(|options| options, &code(&[&CHUNK])).await;
        remember(&CONTEXTS, &world);
        let disturbed = busy_import(&world).await;
        assert_same(disturbed, busy_import(&World::start().await).await);
    }
}

mod slow {
    use super::*;

    static CONTEXTS: Contexts = OnceLock::new();
    static CHUNK: Function = Function::queue("import-chunk", |_, message| {
        Box::pin(async move { slow(message).await })
    });
    static DELIVERED: AtomicUsize = AtomicUsize::new(0);

    /// Handles a message; the first is only half done when its worker's shift is over.
    async fn slow(message: String) -> Result<(), Internal> {
        let work = handle(import_chunk::FUNCTION, &CONTEXTS, &message);
        if DELIVERED.fetch_add(1, Ordering::SeqCst) > 0 {
            return work.await;
        }
        let shift = async {
            until_half_done(&CONTEXTS, &message).await;
            let clock = &CONTEXTS.get().unwrap()["import-chunk"].clock;
            clock.advance(import_chunk::SHIFT);
        };
        tokio::join!(work, shift).0
    }

    #[tokio::test]
    async fn a_chunk_that_takes_too_long_is_handed_over_half_done_and_without_a_failure() {
        let world = World::with_code(|options| options, &code(&[&CHUNK])).await;
        remember(&CONTEXTS, &world);
        let company = world.company("Northwind").await;
        let planned = begin(&world, &company.owner, "slow", file(0, 300, "Lee")).await;
        let done = company.owner.commit_import(&planned).await;
        assert_eq!(done["done"], done["planned"], "{done}");
        assert_eq!(done["state"], "done", "{done}");
        assert_eq!(DELIVERED.load(Ordering::SeqCst), 2);
    }
}

mod lanes {
    use tokio::sync::Semaphore;

    use super::*;

    static CONTEXTS: Contexts = OnceLock::new();
    static CHUNK: Function = Function::queue("import-chunk", |_, message| {
        Box::pin(async move { held(message).await })
    });
    /// A permit for each worker that came.
    static CAME: Semaphore = Semaphore::const_new(0);
    /// One for each that may go on.
    static LET_ON: Semaphore = Semaphore::const_new(0);

    async fn held(message: String) -> Result<(), Internal> {
        CAME.add_permits(1);
        LET_ON.acquire().await.unwrap().forget();
        handle(import_chunk::FUNCTION, &CONTEXTS, &message).await
    }

    async fn come(workers: u32) {
        CAME.acquire_many(workers).await.unwrap().forget();
    }

    /// Chunks that wait for a worker or have one, and those that are done.
    fn under_way(world: &World) -> (usize, usize) {
        let chunks = world.table(|_, sk| sk == "CHUNK");
        let (done, left): (Vec<_>, Vec<_>) = chunks
            .values()
            .partition(|chunk| chunk["finished"]["BOOL"] == true);
        let released = left.iter().filter(|chunk| !chunk["released"].is_null());
        (released.count(), done.len())
    }

    #[tokio::test]
    async fn an_import_has_never_more_workers_than_lanes() {
        const CHUNKS: usize = 6;
        let world = World::with_code(|options| options, &code(&[&CHUNK])).await;
        remember(&CONTEXTS, &world);
        let company = world.company("Northwind").await;
        let lanes = import_chunk::lanes(&tenant_of(&company.owner));
        assert_eq!(lanes, 2);
        let rows = (0..=1_000 * (CHUNKS - 1)).map(|row| format!("N-{row}\n"));
        let file: String = ["External ID\n".to_owned()]
            .into_iter()
            .chain(rows)
            .collect();
        let planned = begin(&world, &company.owner, "wide", file).await;
        let commit = format!("/v1/imports/{}/commit", text(&planned["id"]));
        let _ = company.owner.post(&commit, json!({})).await.expect(202);

        // The first releases the other lanes, and each the one that follows it in its lane.
        come(1).await;
        assert_eq!(under_way(&world), (1, 0));
        LET_ON.add_permits(1);
        come(lanes).await;
        for done in 1..CHUNKS - 1 {
            assert_eq!(under_way(&world), (lanes as usize, done));
            LET_ON.add_permits(1);
            if done + (lanes as usize) < CHUNKS {
                come(1).await;
            }
        }
        LET_ON.add_permits(CHUNKS);
        world.stack.settled().await;
        let done = show(&company.owner, &planned).await;
        assert_eq!(
            done["done"]["created"], planned["planned"]["created"],
            "{done}"
        );
        assert_eq!(under_way(&world), (0, CHUNKS));
    }
}

mod replaced {
    use super::*;

    /// What the bucket told of files.
    static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());
    static IMPORT: Function = Function::queue("import", |_, message| {
        told().push(message);
        Box::pin(async { Ok(()) })
    });

    fn told() -> std::sync::MutexGuard<'static, Vec<String>> {
        TOLD.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the file checked that the message is about; whether that succeeded.
    async fn check(ctx: &Arc<Context>, message: &str) -> bool {
        let event = json!({ "Records": [{ "messageId": "m", "body": message }] });
        let event = LambdaEvent::new(event, Invocation::default());
        let answer = import::FUNCTION.invoke(ctx, event).await.unwrap();
        answer["batchItemFailures"] == json!([])
    }

    #[tokio::test]
    async fn a_plan_is_about_one_file_whenever_that_is_replaced() {
        let world = World::with_code(|options| options, &code(&[&IMPORT])).await;
        let company = world.company("Northwind").await;
        let owner = &company.owner;
        let ctx = world.stack.context("import").unwrap();
        let mut given_up = 0;
        for steps in 1..=40 {
            let begun = owner.post("/v1/imports", json!({})).await.expect(201);
            let twice = "External ID\nA-1\nA-1\n";
            assert_eq!(world.upload(&begun["upload"], twice).await, 200);
            world.stack.settled().await;
            let message = told().pop().unwrap();
            let mut work = pin!(check(ctx, &message));
            let over = killed_after(steps, work.as_mut()).await;
            let once = "External ID\nB-1\nB-2\n";
            assert_eq!(world.upload(&begun["upload"], once).await, 200);
            let planned = match over {
                Some(planned) => planned,
                None => work.await,
            };
            if !planned {
                given_up += 1;
                assert!(check(ctx, &message).await);
            }
            let ready = show(owner, &begun).await;
            let plan = download(&world, &ready["plan_url"]).await;
            let refused = usize::from(plan.contains("A-1"));
            assert_eq!(ready["planned"]["refused"], refused, "{steps}: {plan}");
        }
        assert!(given_up > 0, "no file was replaced in between");
    }
}
