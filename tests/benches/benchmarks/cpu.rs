//! What processor time requests take of a function's process: all of it, and the handler's own.

use std::io;
use std::ops::RangeInclusive;

use aws_sdk_dynamodb::Client;

use muster_tests::report::{Report, Row, Unit};
use muster_tests::usage::{Usage, thread_cpu};
use muster_tests::world::World;

use crate::scene::{Bare, CALLS, Call, Scene};
use crate::{bare, stacks};

/// How often each is done, after it was done a few times unmeasured.
const TIMES: u32 = 1_000;
const BEFORE: u32 = 20;
const CAPTION: &str = "Processor time (the process's and the kernel's for it) that a request takes of the function's own process, over \
    1,000 requests one after the other; the function is the code of this program, built as benchmarks are. The ceiling is what \
    it takes without the handler: a request that the same function refuses before it reads anything, and the same reads and \
    writes of the store by a bare client of the SDK. The handler's own is the difference: authorising, rules, JSON, building and \
    reading items.";

pub async fn measure() -> io::Result<Report> {
    let folder = tempfile::tempdir()?;
    let world = World::with(stacks::of_processes(folder.path(), true, "warn")?).await;
    let scene = Scene::set(&world, (TIMES + BEFORE) as usize + 1).await;
    let mut report = Report::new("cpu", "Processor time of a request", CAPTION);
    for call in &CALLS {
        let bare = scene.bare(call, 0).await;
        world.stack.settled().await;
        let all = of_function(call, async |n| drop(scene.call(call, n).await)).await?;
        world.stack.settled().await;
        let nothing = of_function(call, async |n| scene.call_in_vain(call, n).await).await?;
        let sdk = of_client(&scene, &bare, &world.stack.dynamodb_url)?;
        let remark = format!("{nothing:.0} for nothing, {sdk:.0} for the store");
        let unit = Unit::Cost("µs");
        report.push(Row::new(call.name, all, unit).ceiling(nothing + sdk, remark));
        let own = Row::new(
            format!("{}: the handler's own", call.name),
            all - nothing - sdk,
            unit,
        );
        report.push(own.aim(200.0));
    }
    drop(scene);
    world.stack.shutdown().await;
    Ok(report)
}

/// Microseconds of its process for each of many requests.
async fn of_function(call: &Call, request: impl AsyncFn(usize)) -> io::Result<f64> {
    for n in 1..=BEFORE {
        request(n as usize).await;
    }
    let before = Usage::of_function(call.function)?;
    for n in BEFORE + 1..=BEFORE + TIMES {
        request(n as usize).await;
    }
    let used = Usage::of_function(call.function)? - before;
    Ok(used.cpu * 1_000_000.0 / f64::from(TIMES))
}

/// The same of a thread that does for the store what the calls do. It has a runtime of its own, as functions have.
fn of_client(scene: &Scene<'_>, bare: &Bare, store: &str) -> io::Result<f64> {
    let run = async |client: &Client, times: RangeInclusive<u32>| {
        for n in times {
            scene.call_bare(client, bare, n as usize).await;
        }
    };
    let used = stacks::apart(async || {
        let client = bare::client(store);
        run(&client, 1..=BEFORE).await;
        let before = thread_cpu()?;
        run(&client, BEFORE + 1..=BEFORE + TIMES).await;
        Ok(thread_cpu()? - before)
    });
    Ok(used? * 1_000_000.0 / f64::from(TIMES))
}
