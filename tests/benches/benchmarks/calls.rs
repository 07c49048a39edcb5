//! How long calls take, so many at a time, beside what the embedded store alone takes for what they read and write: as many
//! reads of an item as the call consumed read units, and one transaction of the items that it left behind.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use muster_tests::report::{Report, Row, Unit, percentiles};
use muster_tests::world::World;
use tokio::task::JoinSet;

use crate::scene::{CALLS, Scene};
use crate::{bare, stacks};

/// How many calls are made at a time, and how many in all.
const RUNS: [(usize, usize); 3] = [(1, 400), (8, 1_600), (64, 1_600)];
const CAPTION: &str = "How many calls are answered in a second, so many at a time, over HTTP, with all functions and the file-backed \
    store in one process beside the client; mails go out meanwhile. The ceiling is what the store alone does, as many at a time: \
    as many reads of a user as the call consumed read units, for the list the query itself, and one transaction of the items that \
    the call left behind, with what came of it.";

pub async fn measure() -> io::Result<Report> {
    let folder = tempfile::tempdir()?;
    let world = World::with(stacks::of_one_process(folder.path(), true)).await;
    let world: &'static World = Box::leak(Box::new(world));
    let calls: usize = RUNS.iter().map(|(_, calls)| calls).sum();
    let scene: &'static Scene<'_> = Box::leak(Box::new(Scene::set(world, calls + 1).await));
    let store = bare::client(&world.stack.dynamodb_url);
    let mut report = Report::new("calls", "Calls", CAPTION);
    for call in &CALLS {
        let bare = Arc::new(scene.bare(call, 0).await);
        let mut first = 1;
        for (at_once, calls) in RUNS {
            let ours = rush(first, calls, at_once, move |n| async move {
                drop(scene.call(call, n).await);
            });
            let (rate, times) = ours.await;
            let (bare, store) = (Arc::clone(&bare), store.clone());
            let ceiling = rush(first, calls, at_once, move |n| {
                let (bare, store) = (Arc::clone(&bare), store.clone());
                async move { scene.call_bare(&store, &bare, n).await }
            });
            let (ceiling, at_best) = ceiling.await;
            let what = format!("{}, {at_once} at once", call.name);
            let row = Row::new(what, rate, Unit::Rate("/s")).remark(times);
            report.push(row.ceiling(ceiling, at_best));
            first += calls;
        }
    }
    Ok(report)
}

/// Does something so many times, so many at a time; how often in a second, and how long each took.
async fn rush<F>(
    first: usize,
    times: usize,
    at_once: usize,
    work: impl Fn(usize) -> F + Clone + Send + 'static,
) -> (f64, String)
where
    F: Future<Output = ()> + Send + 'static,
{
    let next = Arc::new(AtomicUsize::new(first));
    let (mut workers, start) = (JoinSet::new(), Instant::now());
    for _ in 0..at_once {
        let (next, work) = (Arc::clone(&next), work.clone());
        workers.spawn(async move {
            let mut took = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= first + times {
                    return took;
                }
                let start = Instant::now();
                work(n).await;
                took.push(start.elapsed().as_secs_f64() * 1_000.0);
            }
        });
    }
    let took = workers.join_all().await.concat();
    let rate = f64::from(u32::try_from(times).unwrap()) / start.elapsed().as_secs_f64();
    let (p50, p99) = percentiles(took);
    (rate, format!("p50 {p50:.2} ms, p99 {p99:.2} ms"))
}
