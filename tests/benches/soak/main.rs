//! Half an hour of everything at once: several companies whose administrators, invitees and imports work against the release
//! binaries, each a process as on AWS, while one in a hundred calls of theirs goes wrong. In the end nobody was told anything
//! that `openapi.json` does not say, no process has grown, and `check` finds every rule kept.
//!
//! `make soak`, or `make soak ARGS=5` for so many minutes; Linux only.
#![expect(
    clippy::unwrap_used,
    reason = "a program for the terminal that cannot go on says so"
)]

mod memory;
mod tally;
mod traffic;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_local::faults::Faults;
use muster_local::{Options, Spawn};
use muster_shared::clock::Clock;
use muster_tests::bench::{target, words};
use muster_tests::world::World;
use tokio::runtime::Runtime;

use memory::Memory;
use tally::Tally;
use traffic::Office;

/// One in how many calls to the services goes wrong.
const ODDS: u64 = 100;
/// Companies whose administrators work by hand, beside one that imports without end.
const COMPANIES: usize = 3;
/// How often memory is looked at.
const LOOK: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let minutes = words().next().map_or(30, |word| word.parse().unwrap());
    let runtime = Runtime::new().unwrap();
    if runtime.block_on(soak(Duration::from_mins(minutes))) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Lets the companies work for so long; whether all was well.
async fn soak(time: Duration) -> bool {
    let faults = Arc::new(Faults::default());
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(|options| Options {
        data: Some(folder.path().to_owned()),
        clock: Clock::shifted(),
        faults: Some(Arc::clone(&faults)),
        spawn: Some(Spawn {
            folder: target().join("release"),
            log: "error".to_owned(),
        }),
        meter: false,
        ..options
    })
    .await;
    let tally = Tally::of_documented_answers();
    let mut offices = Vec::new();
    for number in 0..=COMPANIES {
        offices.push(Office::open(&world, &tally, number).await);
    }
    faults.now_and_then(ODDS);
    let end = Instant::now() + time;
    let mut memory = Memory::default();
    let watching = async {
        while Instant::now() < end {
            memory.look();
            tokio::time::sleep(LOOK).await;
        }
    };
    let (importing, others) = offices.split_first().unwrap();
    let by_hand = others
        .iter()
        .flat_map(|office| [office.administer(end), office.administer(end)]);
    tokio::join!(
        watching,
        importing.import(end),
        traffic::accept(&world, &tally, end),
        futures::future::join_all(by_hand),
    );
    faults.plan(&[]);
    // What is left to do is done, and what is due within a day comes due: links expire, the audit trail is sealed.
    world.stack.settled().await;
    world.wait_hours(25).await;
    let checked = world.checked().await;
    let dead = world.stack.dead_letters();
    let mut out = io::stdout().lock();
    tally.write(&mut out).unwrap();
    memory.write(&mut out).unwrap();
    for letter in &dead {
        writeln!(out, "given up: {letter:?}").unwrap();
    }
    let clean = checked.iter().all(|part| part["clean"] == true);
    for part in &checked {
        writeln!(out, "checked: {}", part["items"]).unwrap();
        if part["clean"] != true {
            writeln!(out, "NOT CLEAN: {part:#}").unwrap();
        }
    }
    let well = tally.is_as_documented() && memory.is_flat() && dead.is_empty() && clean;
    world.stack.shutdown().await;
    well
}
