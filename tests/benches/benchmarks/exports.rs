//! How fast what reads all users is: exports, and the check of the table, beside what it takes to read the same pages of the
//! embedded store alone.

use std::io;
use std::time::Instant;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use muster_tests::bench::users;
use muster_tests::report::{Report, Row, Unit};
use muster_tests::usage::{Usage, forget_peak, processes};
use muster_tests::world::{Company, World, text};
use serde_json::{Value, json};

use crate::bare::{self, Item, TABLE};
use crate::stacks;

/// How many users an export reads at a time.
const PAGE: i32 = 500;
const CAPTION: &str = "Users a second from the order of an export to the finished file in the bucket, by the function's own process, \
    built as benchmarks are, with the most memory that it had, temporary files apart; and the check of the whole table by its process. \
    The ceiling is a bare client of the SDK that reads the same pages one after the other: 500 users for an export, the \
    whole table for the check.";

pub async fn measure(sizes: &[u32]) -> io::Result<Report> {
    let mut report = Report::new("exports", "Exports, and the check", CAPTION);
    for users in sizes {
        let folder = tempfile::tempdir()?;
        let world = World::with(stacks::of_processes(folder.path(), false, "warn")?).await;
        let company = world.company("Northwind").await;
        fill(&company, *users).await;
        let scene = Scene {
            users: *users,
            store: bare::client(&world.stack.dynamodb_url),
            world: &world,
            company,
        };
        scene.export("csv", &mut report).await?;
        scene.export("xlsx", &mut report).await?;
        scene.check(&mut report).await?;
        world.stack.shutdown().await;
    }
    Ok(report)
}

async fn fill(company: &Company<'_>, count: u32) {
    let import = company.owner.upload_import(users(count)).await;
    let done = company.owner.commit_import(&import).await;
    assert_eq!(done["state"], "done", "{done}");
}

/// A company with many users, and a client of its own for the store.
struct Scene<'w> {
    world: &'w World,
    company: Company<'w>,
    users: u32,
    store: Client,
}

impl Scene<'_> {
    async fn export(&self, format: &str, report: &mut Report) -> io::Result<()> {
        let ceiling = rate(|| self.pages()).await;
        forget_peaks("export")?;
        let ours = rate(async || {
            self.exported(format).await;
            self.users
        });
        let what = format!("{} users as {}", self.users, format.to_uppercase());
        let row = Row::new(&what, ours.await, Unit::Rate("users/s")).ceiling(ceiling, "");
        let csv = format == "csv";
        report.push(if csv { row.aim_of_ceiling(0.8) } else { row });
        report.push(memory(&what, "export")?.aim(64.0));
        Ok(())
    }

    async fn check(&self, report: &mut Report) -> io::Result<()> {
        let ceiling = rate(|| self.table()).await;
        let mut units = 0.0;
        let ours = rate(async || {
            let (items, read) = self.checked().await;
            units = read;
            items
        });
        let what = format!("{} users checked", self.users);
        let row = Row::new(&what, ours.await, Unit::Rate("items/s")).ceiling(ceiling, "");
        let each = units / f64::from(self.users);
        report.push(row.remark(format!("{each:.2} read units a user")));
        report.push(memory(&what, "check")?);
        Ok(())
    }

    /// Has the users exported.
    async fn exported(&self, format: &str) {
        let order = json!({ "format": format });
        let owner = &self.company.owner;
        let export = owner.post("/v1/exports", order).await.expect(202);
        self.world.stack.settled().await;
        let path = format!("/v1/exports/{}", text(&export["id"]));
        let done = owner.get(&path).await.expect(200);
        assert_eq!(done["state"], "done", "{done}");
    }

    /// Has the table checked; how many items it read, and with how many units.
    async fn checked(&self) -> (u32, f64) {
        let mut order = json!({ "units_per_second": 100_000, "seconds": 600 });
        let (mut items, mut units) = (0, 0.0);
        loop {
            let answer = self.world.stack.invoke("check", order.clone()).await;
            let mut answer = answer.unwrap();
            assert_eq!(answer["clean"], true, "{answer:#}");
            let counts = answer["items"].as_object().unwrap().values();
            items += counts.filter_map(Value::as_u64).sum::<u64>();
            units += answer["read_units"].as_f64().unwrap();
            if answer["next"].is_null() {
                return (u32::try_from(items).unwrap(), units);
            }
            order["next"] = answer["next"].take();
        }
    }

    /// Reads the pages of an export; how many users there are.
    async fn pages(&self) -> u32 {
        let partition = AttributeValue::S(format!("T#{}#0", self.company.tenant));
        read(async |next| {
            let page = self.store.query().table_name(TABLE).index_name("by-name");
            let page = page.key_condition_expression("PK = :pk").limit(PAGE);
            let page = page.expression_attribute_values(":pk", partition.clone());
            let page = page.set_exclusive_start_key(next).send().await.unwrap();
            (page.count, page.last_evaluated_key)
        })
        .await
    }

    /// Reads the whole table; how many items there are.
    async fn table(&self) -> u32 {
        read(async |next| {
            let page = self.store.scan().table_name(TABLE);
            let page = page.set_exclusive_start_key(next).send().await.unwrap();
            (page.count, page.last_evaluated_key)
        })
        .await
    }
}

/// How many items there are, reading page by page.
async fn read(page: impl AsyncFn(Option<Item>) -> (i32, Option<Item>)) -> u32 {
    let (mut items, mut next) = (0, None);
    loop {
        let (count, last) = page(next).await;
        items += u32::try_from(count).unwrap();
        next = last;
        if next.is_none() {
            return items;
        }
    }
}

/// How many a second are worked off by something that says how many they were.
async fn rate(work: impl AsyncFnOnce() -> u32) -> f64 {
    let began = Instant::now();
    f64::from(work().await) / began.elapsed().as_secs_f64()
}

/// Lets the most memory of a function's processes be counted anew.
fn forget_peaks(function: &str) -> io::Result<()> {
    processes(function)?.into_iter().try_for_each(forget_peak)
}

fn memory(what: &str, function: &str) -> io::Result<Row> {
    let peak = Usage::of_function(function)?.peak;
    Ok(Row::new(format!("{what}: memory"), peak, Unit::Cost("MB")))
}
