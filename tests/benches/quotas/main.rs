//! What an import of a million rows takes on AWS's default quotas, and what other companies notice of it: simulated, by
//! the real effort of the workers and by what a real import wrote here.
//!
//! `cargo bench -p muster-tests --bench quotas -- [rows]`, a million rows unless told otherwise.
#![expect(
    clippy::expect_used,
    clippy::format_push_string,
    reason = "a benchmark that cannot go on says so, and what it prepares need not be fast"
)]

mod shape;
mod simulation;
mod table;
#[path = "../benchmarks/virtual_time.rs"]
mod virtual_time;

use std::io::{self, Write as _};
use std::rc::Rc;
use std::time::Duration;

use muster_shared::domain::id::{Seed, TenantId};
use simulation::{Outcome, Scene, Shape, run};
use table::Warm;

/// Rows of the real import.
const MEASURED: u32 = 20_000;
/// How often each import is simulated, with other hashes; the middle one is told.
const DRAWS: u32 = 5;

/// Dollars in us-east-1, as in docs/operations.md (aws.amazon.com/dynamodb/pricing/on-demand, /lambda/pricing).
const MILLION_WRITES: f64 = 0.625;
const MILLION_READS: f64 = 0.125;
const GIGABYTE_SECOND: f64 = 0.000_016_666_7;
/// Gigabytes of a worker, in the template.
const WORKER: f64 = 0.5;
/// Units that the plan reads for a row: who has its external ID, and who its address.
const READS: f64 = 2.0;

/// A table that was quiet, one that was warmed up as docs/operations.md says, and one that was for all that the quota allows.
const QUIET: Warm = Warm {
    table: 4_000,
    index: 4_000,
};
const WARMED: Warm = Warm {
    table: 16_000,
    index: 8_000,
};
const FULL: Warm = Warm {
    table: 40_000,
    index: 10_000,
};

/// The most that a company has, as many as it takes to come to the quota.
const MOST_SHARDS: u16 = TenantId::MAX_SHARDS;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let rows = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let rows = rows.unwrap_or(1_000_000);
    let [one, few, many] =
        [1, 8, MOST_SHARDS].map(|shards| Rc::new(shape::measure(MEASURED, shards)));
    writeln!(
        out,
        "A row writes {:.2} units and {:.2} in the index; {} rows a transaction, whose audit entry is {:.1} units.",
        many.units(),
        many.index,
        many.group,
        many.audit.1
    )?;
    let least = many.least(rows).as_secs_f64() / 60.0;
    writeln!(
        out,
        "At the table's quota {rows} rows take {least:.1} minutes.\n"
    )?;
    writeln!(
        out,
        "{:<37}workers  minutes  of quota  throttled  rows/s  handed over  given up  dollars  p99 of others  worst of them",
        format!("{rows} rows")
    )?;
    let plain = Scene {
        rows,
        workers: 0,
        warm: QUIET,
        adaptive: true,
        split: false,
        draw: 0,
        quiet: Duration::ZERO,
    };
    let with = |change: fn(&mut Scene)| {
        let mut scene = plain;
        change(&mut scene);
        scene
    };
    let cold = plain;
    let warm = with(|scene| scene.warm = WARMED);
    let full = with(|scene| scene.warm = FULL);
    for (name, (shape, shards), scene) in [
        ("quiet table, 1 shard", (&one, 1), cold),
        ("quiet table, 8 shards", (&few, 8), cold),
        ("16,000 units warm, 8 shards", (&few, 8), warm),
        ("16,000 units warm, 64 shards", (&many, 64), warm),
        (
            "the same, workers that do not give way",
            (&many, 64),
            with(|scene| (scene.warm, scene.adaptive) = (WARMED, false)),
        ),
        ("40,000 units warm, 64 shards", (&many, 64), full),
        (
            "the same, hot partitions split",
            (&many, 64),
            with(|scene| (scene.warm, scene.split) = (FULL, true)),
        ),
    ] {
        let tenant = TenantId::with_shards(&Seed::of(&["large"]), shards);
        let workers = import_chunk::lanes(&tenant);
        let scene = Scene { workers, ..scene };
        let draws = (0..DRAWS).map(|draw| run(shape, Scene { draw, ..scene }));
        let mut outcomes: Vec<Outcome> = draws.collect();
        outcomes.sort_by_key(|outcome| outcome.time);
        let middle = &outcomes[outcomes.len() / 2];
        let alone = run(shape, scene.without_import(middle.time));
        tell(&mut out, name, (shape, scene), middle, &alone)?;
    }
    Ok(())
}

fn tell(
    out: &mut impl io::Write,
    name: &str,
    (shape, scene): (&Shape, Scene),
    outcome: &Outcome,
    alone: &Outcome,
) -> io::Result<()> {
    let seconds = outcome.time.as_secs_f64();
    let times = |ours: Duration, alone: Duration| ours.as_secs_f64() / alone.as_secs_f64();
    writeln!(
        out,
        "{name:<40}{:>4}{:>9.1}{:>8.0} %{:>9.1} %{:>8.0}{:>13}{:>10}{:>9.2}{:>13.2} x{:>13.2} x",
        scene.workers,
        seconds / 60.0,
        100.0 * shape.least(scene.rows).as_secs_f64() / seconds,
        100.0 * outcome.part_throttled(),
        f64::from(scene.rows) / seconds,
        outcome.handed_over,
        outcome.given_up,
        dollars(scene, outcome),
        times(outcome.p99(), alone.p99()),
        times(outcome.worst_p99(), alone.p99()),
    )
}

/// What table and workers cost, without what others wrote meanwhile, and without warming up.
fn dollars(scene: Scene, outcome: &Outcome) -> f64 {
    let reads = f64::from(scene.rows) * READS;
    let workers = f64::from(scene.workers) * outcome.time.as_secs_f64() * WORKER;
    (outcome.written * MILLION_WRITES + reads * MILLION_READS) / 1e6 + workers * GIGABYTE_SECOND
}
