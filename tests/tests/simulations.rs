//! What the benchmarks simulate at full size, smaller: it must hold.

#[path = "../benches/benchmarks/quotas/simulation.rs"]
mod quotas;
#[path = "../benches/benchmarks/simulation.rs"]
mod sending;
#[path = "../benches/benchmarks/quotas/table.rs"]
mod table;
#[path = "../benches/benchmarks/virtual_time.rs"]
mod virtual_time;

use std::rc::Rc;
use std::time::Duration;

use quotas::Shape;
use sending::{INVITATIONS, Scene};
use table::Warm;
use virtual_time::Chance;

#[test]
fn invitations_use_what_ses_takes_and_none_is_throttled_or_lost() {
    let scene = Scene {
        mails: 5_000,
        ..INVITATIONS
    };
    let outcome = sending::run(scene);
    assert!(outcome.used(scene.rate) >= 0.95, "{outcome:?}");
    assert!(outcome.throttled() < 0.001, "{outcome:?}");
    assert_eq!(
        (outcome.sent, outcome.lost),
        (scene.mails, 0),
        "{outcome:?}"
    );
    assert!(outcome.oldest_link < Duration::from_secs(5), "{outcome:?}");
    assert!(outcome.ahead < f64::from(scene.burst), "{outcome:?}");
}

/// The simulated SES throttles, and what it throttled comes again.
#[test]
fn without_a_pace_ses_throttles_and_still_none_is_lost() {
    let scene = Scene {
        mails: 5_000,
        paced: false,
        ..INVITATIONS
    };
    let outcome = sending::run(scene);
    assert!(outcome.throttled() > 0.1, "{outcome:?}");
    assert_eq!(
        (outcome.sent, outcome.lost),
        (scene.mails, 0),
        "{outcome:?}"
    );
}

/// What a row of an import writes, as `make bench` measures it, into a company with so many shards.
fn shape(shards: u16) -> Rc<Shape> {
    let chance = Chance::new(64);
    let shard = || format!("T#big#{:.0}", (f64::from(shards) * chance.unit()).floor());
    Rc::new(Shape {
        rows: (0..20_000)
            .map(|_| (0..3).map(|_| (shard(), 2.0)).collect())
            .collect(),
        index: 1.0,
        group: 30,
        audit: ("T#big#A#2026-11".to_owned(), 4.0),
        checkpoint: 2.0,
    })
}

/// A large import into a warm table, as long as it may be for a test.
const IMPORT: quotas::Scene = quotas::Scene {
    rows: 300_000,
    workers: 32,
    warm: Warm {
        table: 16_000,
        index: 8_000,
    },
    adaptive: true,
    split: false,
    draw: 0,
    quiet: Duration::ZERO,
};

/// The same, of workers that do not give way.
const STUBBORN: quotas::Scene = quotas::Scene {
    adaptive: false,
    ..IMPORT
};

/// An import into a company with one shard of a table that was quiet, by as many workers as such an import has.
const SMALL: quotas::Scene = quotas::Scene {
    rows: 100_000,
    workers: 2,
    warm: Warm {
        table: 4_000,
        index: 4_000,
    },
    ..IMPORT
};

/// None of its rows is lost, and none written twice.
fn import(shape: &Rc<Shape>, scene: quotas::Scene) -> quotas::Outcome {
    let outcome = quotas::run(shape, scene);
    assert_eq!((outcome.rows, outcome.given_up), (scene.rows, 0));
    let expected = f64::from(scene.rows) * (shape.units() + shape.index);
    let written = outcome.written / expected;
    assert!((0.99..1.02).contains(&written), "{written}");
    outcome
}

#[test]
fn a_million_rows_take_three_minutes_where_nothing_but_the_quota_is_in_the_way() {
    let shape = shape(64);
    let scene = quotas::Scene {
        rows: 1_000_000,
        warm: Warm {
            table: 40_000,
            index: 10_000,
        },
        split: true,
        ..IMPORT
    };
    // By how the keys fall: the middle of three.
    let mut times = [0, 1, 2].map(|draw| import(&shape, quotas::Scene { draw, ..scene }).time);
    times.sort();
    let used = shape.least(scene.rows).as_secs_f64() / times[1].as_secs_f64();
    assert!(used > 0.9, "{used}");
    assert!(times[1] < Duration::from_mins(3), "{times:?}");
}

#[test]
fn import_workers_find_what_the_table_takes_and_are_seldom_throttled() {
    let shape = shape(64);
    let outcome = import(&shape, IMPORT);
    let part = outcome.part_throttled();
    assert!(part < 0.03, "{part}");
    let stubborn = import(&shape, STUBBORN);
    assert!(stubborn.part_throttled() > 0.5);
    // And they are nearly as fast.
    let times = (outcome.time, stubborn.time);
    assert!(times.0 < times.1.mul_f64(1.3), "{times:?}");
}

/// Far more workers than one partition takes, as no import has: chunks take longer than a worker may.
#[test]
fn an_import_that_is_far_too_slow_for_its_workers_goes_from_hand_to_hand_and_ends() {
    let outcome = import(
        &shape(1),
        quotas::Scene {
            workers: 32,
            ..SMALL
        },
    );
    assert!(outcome.handed_over > 50, "{}", outcome.handed_over);
}

/// How many times as long as without the import one in a hundred calls of others takes: of all of them, and of the company that
/// waits longest, which is the one in the partition that the import writes most to.
fn slower(shape: &Rc<Shape>, scene: quotas::Scene) -> (f64, f64) {
    let outcome = import(shape, scene);
    let alone = quotas::run(shape, scene.without_import(outcome.time));
    let times = |ours: Duration| ours.as_secs_f64() / alone.p99().as_secs_f64();
    (times(outcome.p99()), times(outcome.worst_p99()))
}

#[test]
fn others_hardly_notice_an_import_even_where_they_share_its_busiest_partition() {
    let middle = quotas::Scene {
        rows: 200_000,
        workers: 4,
        ..SMALL
    };
    // Where all of an import goes to one partition, its neighbours there notice more of it.
    for (shards, scene, most) in [(64, IMPORT, 1.5), (8, middle, 1.5), (1, SMALL, 2.0)] {
        let (all, worst) = slower(&shape(shards), scene);
        assert!(all < 1.2 && worst < most, "{shards}: {all} {worst}");
    }
    let (all, worst) = slower(&shape(64), STUBBORN);
    assert!(all > 1.5 && worst > 1.5, "{all} {worst}");
}
