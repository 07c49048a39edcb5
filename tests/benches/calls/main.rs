//! How long calls take, beside what the embedded store alone takes for what they read and write: as many reads of an item
//! as the call consumed read units, and one transaction of the items that it left behind.
//!
//! `cargo bench -p muster-tests --bench calls -- [times]`, 200 of each unless told otherwise.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on says so")]

#[path = "../bare/mod.rs"]
mod bare;

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use bare::{Item, TABLE, attributes, client, scan};
use muster_local::Options;
use muster_shared::clock::Clock;
use muster_tests::bench::words;
use muster_tests::world::{Actor, Answer, Company, World, text};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// What is called for the so-many-th time: a path with its body, or none to GET it.
type Call = fn(&Scene<'_>, usize) -> (String, Value);

const CALLS: [(&str, Call); 7] = [
    ("get a user", |scene, n| {
        (format!("/v1/users/{}", scene.user(n)), Value::Null)
    }),
    ("list of 50", |_, _| ("/v1/users".to_owned(), Value::Null)),
    ("add a user", |_, n| {
        let form =
            json!({ "external_id": format!("B-{n}"), "email": format!("b{n}@bench.example") });
        ("/v1/users".to_owned(), form)
    }),
    ("invite a user", |scene, n| {
        (
            "/v1/invitations".to_owned(),
            json!({ "users": [scene.user(n)] }),
        )
    }),
    ("put into a group", |scene, n| {
        let path = format!("/v1/groups/{}/add", scene.group);
        (path, json!({ "users": [scene.user(n)] }))
    }),
    ("assign a licence", |scene, n| {
        let path = format!("/v1/products/{}/assign", scene.product);
        (path, json!({ "users": [scene.user(n)] }))
    }),
    ("suspend a user", |scene, n| {
        (
            "/v1/users/suspend".to_owned(),
            json!({ "users": [scene.user(n)] }),
        )
    }),
];

struct Scene<'w> {
    world: &'w World,
    owner: Actor<'w>,
    users: Vec<String>,
    group: String,
    product: String,
}

fn main() {
    let times = words().next();
    let times = times.map_or(200, |times| times.parse().unwrap());
    let runtime = Runtime::new().unwrap();
    runtime.block_on(measure(times)).unwrap();
}

async fn measure(times: usize) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let world = World::with(|options| Options {
        data: Some(folder.path().join("stack")),
        clock: Clock::shifted(),
        ..options
    })
    .await;
    let seats = json!({ "products": [{ "name": "MileOn", "seats": times + 50 }] });
    let company = world.company_with("Northwind", seats).await;
    let scene = Scene::set(&world, company, times + 50).await;
    let store = client(&world.stack.dynamodb_url);
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:<24}{:>9}{:>9}{:>13}{:>9}",
        "milliseconds", "p50", "p99", "store, p50", "ratio"
    )?;
    for (name, call) in CALLS {
        let (mut calls, mut bare) = (Vec::new(), Vec::new());
        let before = scene.table();
        let (sample, _) = scene.call(call, 0).await;
        let written = scene.written(&before);
        let reads = sample.consumed().0;
        for n in 1..times {
            calls.push(scene.call(call, n).await.1);
            let began = Instant::now();
            alone(&store, &written, reads, n).await;
            bare.push(began.elapsed());
        }
        let [(p50, p99), (ceiling, _)] = [percentiles(calls), percentiles(bare)];
        let ratio = ceiling / p50;
        writeln!(
            out,
            "{name:<24}{p50:>9.2}{p99:>9.2}{ceiling:>13.2}{ratio:>9.2}"
        )?;
    }
    world.stack.shutdown().await;
    Ok(())
}

impl<'w> Scene<'w> {
    async fn set(world: &'w World, company: Company<'w>, users: usize) -> Self {
        let owner = company.owner;
        let rows = (0..users).map(|n| format!("C-{n:05},c{n}@bench.example\n"));
        let file = rows.fold("External ID,Email\n".to_owned(), |file, row| file + &row);
        let import = owner.upload_import(file).await;
        let _ = owner.commit_import(&import).await;
        let group = json!({ "kind": "fleet", "name": "North" });
        let group = owner.post("/v1/groups", group).await.expect(201);
        let mut scene = Self {
            world,
            owner,
            users: Vec::new(),
            group: text(&group["id"]),
            product: company.products[0].clone(),
        };
        let imported = |item: &Value| {
            let id = item["SK"]["S"].as_str()?.strip_prefix("USER#")?;
            item.get("external_id").map(|_| id.to_owned())
        };
        scene.users = scene.table().values().filter_map(imported).collect();
        scene
    }

    fn user(&self, n: usize) -> &str {
        &self.users[n]
    }

    /// Calls, and waits until nothing is left to do in the background.
    async fn call(&self, call: Call, n: usize) -> (Answer, Duration) {
        let (path, body) = call(self, n);
        let began = Instant::now();
        let answer = match body {
            Value::Null => self.owner.get(&path).await,
            body => self.owner.post(&path, body).await,
        };
        let took = began.elapsed();
        assert!(answer.status < 300, "{path}: {}", answer.text);
        self.world.stack.settled().await;
        (answer, took)
    }

    fn table(&self) -> HashMap<String, Value> {
        let key = |item: &Value| format!("{} {}", item["PK"], item["SK"]);
        scan(&self.world.stack)
            .map(|item| (key(&item), item))
            .collect()
    }

    /// The items that are new or different.
    fn written(&self, before: &HashMap<String, Value>) -> Vec<Item> {
        let table = self.table();
        let new = table
            .iter()
            .filter(|(key, item)| before.get(*key) != Some(item));
        new.map(|(_, item)| attributes(item)).collect()
    }
}

/// The same by the store alone; the items under keys that nobody looks at.
async fn alone(store: &Client, written: &[Item], reads: f64, n: usize) {
    let mut left = reads;
    while left > 0.0 {
        let got = store.get_item().table_name(TABLE).consistent_read(true);
        let key = |name: &str| AttributeValue::S(format!("BARE#{name}"));
        let _ = got
            .key("PK", key("PK"))
            .key("SK", key("SK"))
            .send()
            .await
            .unwrap();
        left -= 1.0;
    }
    let put = |item: &Item| {
        let mut item = item.clone();
        if let Some(AttributeValue::S(key)) = item.get_mut("PK") {
            *key = format!("BARE#{n}#{key}");
        }
        item.remove("outbox");
        let put = Put::builder()
            .table_name(TABLE)
            .set_item(Some(item))
            .build();
        TransactWriteItem::builder().put(put.unwrap()).build()
    };
    if written.is_empty() {
        return;
    }
    let parts = written.iter().map(put).collect();
    let sent = store.transact_write_items().set_transact_items(Some(parts));
    sent.send().await.unwrap();
}

/// The median, and what one of a hundred exceeds, in milliseconds.
fn percentiles(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1_000.0;
    (at(50), at(99))
}
