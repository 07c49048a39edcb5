//! What an import of a million rows takes on AWS's default quotas, and what other companies notice of it: simulated, by
//! the real effort of the workers and by what a real import wrote here.

mod shape;
mod simulation;
mod table;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use muster_shared::domain::id::{Seed, TenantId};
use muster_tests::report::{Report, Row, Unit};
use simulation::{Outcome, Scene, Shape, run};
use table::Warm;

/// Rows of the simulated import.
const ROWS: u32 = 1_000_000;
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

const QUIET_TABLE: Scene = Scene {
    rows: ROWS,
    workers: 0,
    warm: QUIET,
    adaptive: true,
    split: false,
    draw: 0,
    quiet: Duration::ZERO,
};

/// An import into a company with so many shards.
struct Import {
    name: &'static str,
    shards: u16,
    scene: Scene,
    /// The most minutes and dollars it is to take.
    aim: Option<(f64, f64)>,
}

/// The imports: what an import into an unprepared table takes, and what helps.
fn imports() -> [Import; 7] {
    let import = |name, shards, change: fn(&mut Scene)| {
        let mut scene = QUIET_TABLE;
        change(&mut scene);
        let aim = None;
        Import {
            name,
            shards,
            scene,
            aim,
        }
    };
    let aim = Some((3.0, 5.0));
    [
        import("quiet table, 1 shard", 1, |_| ()),
        import("quiet table, 8 shards", 8, |_| ()),
        import("16,000 units warm, 8 shards", 8, |scene| {
            scene.warm = WARMED;
        }),
        import("16,000 units warm, 64 shards", MOST_SHARDS, |scene| {
            scene.warm = WARMED;
        }),
        import(
            "the same, workers that do not give way",
            MOST_SHARDS,
            |scene| {
                (scene.warm, scene.adaptive) = (WARMED, false);
            },
        ),
        Import {
            aim,
            ..import(
                "40,000 units warm (the default quota), 64 shards",
                MOST_SHARDS,
                |scene| scene.warm = FULL,
            )
        },
        Import {
            aim,
            ..import(
                "the same, after AWS split the partitions that were hot",
                MOST_SHARDS,
                |scene| {
                    (scene.warm, scene.split) = (FULL, true);
                },
            )
        },
    ]
}

pub async fn measure() -> Report {
    let mut shapes = BTreeMap::new();
    for shards in [1, 8, MOST_SHARDS] {
        shapes.insert(shards, Rc::new(shape::measure(MEASURED, shards).await));
    }
    let mut report = Report::new(
        "quotas",
        "A million rows on AWS's quotas",
        caption(&shapes[&MOST_SHARDS]),
    );
    for import in imports() {
        tell(&mut report, &import, &shapes[&import.shards]);
    }
    report
}

fn caption(shape: &Shape) -> String {
    format!(
        "What an import of a million new users takes, and what other companies notice of it, simulated in virtual time: import \
         workers with their real effort, before a table that takes what AWS's does (1,000 write units a second in each partition, and \
         what the table is warm for; no bursts, which AWS grants beyond them). What is written where is that of a real import of \
         {MEASURED} rows: {:.2} units a row and {:.2} in the index of names; {} rows a transaction, whose audit entry is {:.1} units. Of {DRAWS} draws of \
         the hashes the middle one is told. The ceiling is what the table's default quota of 40,000 units a second alone allows. \
         p99 is that of the writes of 40 other companies, beside theirs without the import; the worst is that of the company whose \
         p99 is longest. Dollars are the table's and the workers' in us-east-1, without warming up.",
        shape.units(),
        shape.index,
        shape.group,
        shape.audit.1
    )
}

fn tell(report: &mut Report, import: &Import, shape: &Rc<Shape>) {
    let tenant = TenantId::with_shards(&Seed::of(&["large"]), import.shards);
    let workers = import_chunk::lanes(&tenant);
    let scene = Scene {
        workers,
        ..import.scene
    };
    let draws = (0..DRAWS).map(|draw| run(shape, Scene { draw, ..scene }));
    let mut outcomes: Vec<Outcome> = draws.collect();
    outcomes.sort_by_key(|outcome| outcome.time);
    let middle = &outcomes[outcomes.len() / 2];
    let alone = run(shape, scene.without_import(middle.time));
    let times = |ours: Duration, alone: Duration| ours.as_secs_f64() / alone.as_secs_f64();
    let remark = format!(
        "{workers} workers, {:.1} % of attempts throttled, {} chunks handed over, {} given up; p99 of others {:.2} ×, of the worst {:.2} ×",
        100.0 * middle.part_throttled(),
        middle.handed_over,
        middle.given_up,
        times(middle.p99(), alone.p99()),
        times(middle.worst_p99(), alone.p99()),
    );
    let minutes = |time: Duration| time.as_secs_f64() / 60.0;
    let time = Row::new(import.name, minutes(middle.time), Unit::Cost("min"));
    let time = time.remark(remark).ceiling(minutes(shape.least(ROWS)), "");
    let cost = Row::new(
        format!("{}: cost", import.name),
        dollars(scene, middle),
        Unit::Cost("dollars"),
    );
    let (time, cost) = match import.aim {
        Some((minutes, dollars)) => (time.aim(minutes), cost.aim(dollars)),
        None => (time, cost),
    };
    report.push(time);
    report.push(cost);
}

/// What table and workers cost, without what others wrote meanwhile, and without warming up.
fn dollars(scene: Scene, outcome: &Outcome) -> f64 {
    let reads = f64::from(scene.rows) * READS;
    let workers = f64::from(scene.workers) * outcome.time.as_secs_f64() * WORKER;
    (outcome.written * MILLION_WRITES + reads * MILLION_READS) / 1e6 + workers * GIGABYTE_SECOND
}
