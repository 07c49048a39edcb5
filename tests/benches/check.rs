//! How long it takes to check a table of so many users, what it reads, and what memory that takes.
//!
//! `cargo bench -p muster-tests --bench check -- [users]`, 100,000 users unless told otherwise.
#![expect(
    clippy::unwrap_used,
    clippy::format_push_string,
    reason = "a benchmark that cannot go on says so"
)]

use std::fs;
use std::io::{self, Write};
use std::process::{Command, Stdio};

use muster_local::Options;
use muster_shared::clock::Clock;
use muster_tests::bench::{peak_memory, words};
use muster_tests::world::World;
use serde_json::{Value, json};

/// Users of the small table, whose memory the large one's is compared with.
const SMALL: u32 = 10_000;

/// What a check came to: items, seconds, read units, and by how many kilobytes memory grew at most meanwhile.
type Checked = (f64, f64, f64, u64);

fn main() {
    let mut words = words();
    let mut out = io::stdout().lock();
    match (words.next(), words.next()) {
        (Some(users), Some(_)) => {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let checked = runtime.block_on(check(users.parse().unwrap()));
            writeln!(out, "{}", json!(checked)).unwrap();
        }
        (users, None) => {
            let users = users.map_or(100_000, |users| users.parse().unwrap());
            writeln!(
                out,
                "users      items  seconds  items/s  units/user  memory grew"
            )
            .unwrap();
            for users in [SMALL, users] {
                let (items, seconds, units, grew) = alone(users);
                let (rate, each) = (items / seconds, units / f64::from(users));
                writeln!(
                    out,
                    "{users:<9}{items:>7.0}{seconds:>9.2}{rate:>9.0}{each:>12.2}{grew:>10} kB"
                )
                .unwrap();
            }
        }
        (None, Some(_)) => {}
    }
}

/// Checks in a process of its own, so that its memory is its own too.
fn alone(users: u32) -> Checked {
    let mut program = Command::new(std::env::current_exe().unwrap());
    let done = program
        .args([&users.to_string(), "alone"])
        .stderr(Stdio::inherit())
        .output();
    serde_json::from_slice(&done.unwrap().stdout).unwrap()
}

/// Imports so many users, then checks them. The embedded store runs in the same process, and its memory counts.
async fn check(users: u32) -> Checked {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(|options| Options {
        data: Some(folder.path().join("stack")),
        clock: Clock::shifted(),
        meter: false,
        ..options
    })
    .await;
    let company = world.company("Northwind").await;
    let mut file = "External ID,Email,First Name,Last Name\n".to_owned();
    for row in 0..users {
        file += &format!("D-{row:07},driver.{row}@northwind.example,Ada {row},Lovelace\n");
    }
    let import = company.owner.upload_import(file).await;
    let done = company.owner.commit_import(&import).await;
    assert_eq!(done["state"], "done", "{done}");

    // From here on the most memory is counted anew (proc(5), `clear_refs`).
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = peak_memory("self");
    let mut order = json!({ "units_per_second": 100_000, "seconds": 600 });
    let (mut items, mut seconds, mut units) = (0.0, 0.0, 0.0);
    loop {
        let answer = world.stack.invoke("check", order.clone()).await.unwrap();
        assert_eq!(answer["clean"], true, "{answer:#}");
        let counts = answer["items"].as_object().unwrap().values();
        items += counts.filter_map(Value::as_f64).sum::<f64>();
        seconds += answer["seconds"].as_f64().unwrap();
        units += answer["read_units"].as_f64().unwrap();
        if answer["next"].is_null() {
            break;
        }
        order["next"] = answer["next"].clone();
    }
    let grew = u64::from(peak_memory("self") - before);
    world.stack.shutdown().await;
    (items, seconds, units, grew)
}
