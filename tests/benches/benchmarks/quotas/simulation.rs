//! Import workers with the real effort before a table with AWS's limits, and other companies who use it meanwhile, in
//! virtual time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use import_chunk::SHIFT;
use muster_shared::store::effort::Effort;
use muster_shared::store::transaction::MOST_THROTTLED;

use super::table::{TABLE, Table, Warm, Write, hash};
use crate::virtual_time::{Chance, Task, VirtualTime};

/// What one row of an import, and a transaction of rows, writes; as measured.
#[derive(Debug)]
pub struct Shape {
    /// The items of each row: partition key and units.
    pub rows: Vec<Vec<(String, f64)>>,
    /// Units in the index of names, of a row.
    pub index: f64,
    /// Rows of a transaction.
    pub group: u32,
    /// Partition key and units of the audit entry of a transaction.
    pub audit: (String, f64),
    /// Units of a chunk's checkpoint.
    pub checkpoint: f64,
}

impl Shape {
    /// All that a row writes to the table.
    pub fn units(&self) -> f64 {
        let rows = self.rows.iter().flatten().map(|(_, units)| units);
        let row = rows.sum::<f64>() / number(self.rows.len());
        row + (self.audit.1 + self.checkpoint) / f64::from(self.group)
    }

    /// The least time that so many rows take, however many partitions there are: that of the table's quota.
    pub fn least(&self, rows: u32) -> Duration {
        Duration::from_secs_f64(f64::from(rows) * self.units() / f64::from(TABLE))
    }
}

/// A count, to reckon with.
pub fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Rows of a chunk.
const CHUNK: u32 = 1_000;

/// When the message of a worker that gave up comes again, in the template.
const VISIBILITY: Duration = Duration::from_mins(30);

/// What is simulated.
#[derive(Clone, Copy)]
pub struct Scene {
    /// Rows of the file.
    pub rows: u32,
    /// Import chunks at once.
    pub workers: u32,
    pub warm: Warm,
    /// Whether workers give way.
    pub adaptive: bool,
    /// Whether partitions were split until no two hot keys share one.
    pub split: bool,
    /// Which ring of hashes.
    pub draw: u32,
    /// How long it takes, where nothing is imported.
    pub quiet: Duration,
}

impl Scene {
    /// The others alone, for as long.
    pub fn without_import(self, quiet: Duration) -> Self {
        Self {
            rows: 0,
            workers: 0,
            quiet,
            ..self
        }
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How long the import took.
    pub time: Duration,
    /// Transactions that were taken, and attempts that were throttled.
    pub taken: u32,
    pub throttled: u32,
    /// Chunks that were handed over half done, as a worker's shift was over.
    pub handed_over: u32,
    /// Transactions that were throttled until their message came again.
    pub given_up: u32,
    /// Rows that were written.
    pub rows: u32,
    /// Units that the import wrote.
    pub written: f64,
    /// How long calls of each other company took, shortest first; and how many of them were given up.
    pub calls: Vec<Vec<Duration>>,
    pub failed: u32,
}

impl Outcome {
    /// The part of all attempts that was throttled.
    pub fn part_throttled(&self) -> f64 {
        f64::from(self.throttled) / f64::from(self.taken + self.throttled)
    }

    /// How long the call of others took that one in a hundred was longer than.
    pub fn p99(&self) -> Duration {
        p99(self.calls.concat())
    }

    /// The same of the company that had to wait longest.
    pub fn worst_p99(&self) -> Duration {
        let each = self.calls.iter().cloned().map(p99);
        each.max().unwrap_or_default()
    }
}

fn p99(mut calls: Vec<Duration>) -> Duration {
    calls.sort_unstable();
    let place = calls.len() * 99 / 100;
    calls.get(place).copied().unwrap_or_default()
}

/// Other companies, and calls a second of each.
const OTHERS: usize = 40;
const CALLS: f64 = 2.0;

struct Hall {
    time: VirtualTime,
    scene: Scene,
    chance: Chance,
    table: Table,
    rows: Vec<Vec<Write>>,
    shape: Rc<Shape>,
    next: Cell<u32>,
    importing: Cell<u32>,
    outcome: Rc<RefCell<Outcome>>,
    start: Instant,
}

/// Imports, while others use the table.
pub fn run(shape: &Rc<Shape>, scene: Scene) -> Outcome {
    let outcome = Rc::<RefCell<Outcome>>::default();
    outcome.borrow_mut().calls = vec![Vec::new(); OTHERS];
    VirtualTime::run(|time| {
        let hall = Rc::new(Hall::open(time, shape, scene, &outcome));
        let worker = |_| Box::pin(Rc::clone(&hall).import()) as Task;
        let other = |number| Box::pin(Rc::clone(&hall).other(number)) as Task;
        (0..scene.workers)
            .map(worker)
            .chain((0..OTHERS).map(other))
            .collect()
    });
    outcome.take()
}

impl Hall {
    fn open(
        time: &VirtualTime,
        shape: &Rc<Shape>,
        scene: Scene,
        outcome: &Rc<RefCell<Outcome>>,
    ) -> Self {
        let now = time.now();
        let place = |row: &Vec<(String, f64)>| {
            let write = |(key, units): &(String, f64)| Write {
                hash: hash(key, scene.draw),
                units: *units,
                index: false,
            };
            let mut writes: Vec<Write> = row.iter().map(write).collect();
            // The user comes first, and the index has its partition key.
            let user = writes[0].hash;
            writes.push(Write {
                hash: user,
                units: shape.index,
                index: true,
            });
            writes
        };
        Self {
            time: time.clone(),
            scene,
            chance: Chance::new(u64::from(scene.draw) + 1),
            table: Table::new(scene.warm, scene.split, now),
            rows: shape.rows.iter().map(place).collect(),
            shape: Rc::clone(shape),
            next: Cell::new(0),
            importing: Cell::new(scene.workers),
            outcome: Rc::clone(outcome),
            start: now,
        }
    }

    /// A worker, chunk after chunk.
    async fn import(self: Rc<Self>) {
        let effort = Effort::default();
        while self.next.get() < self.scene.rows {
            let first = self.next.get();
            let last = (first + CHUNK).min(self.scene.rows);
            self.next.set(last);
            let (mut row, mut began) = (first, self.take().await);
            while row < last {
                if self.time.now() - began >= SHIFT.unsigned_abs() {
                    self.outcome.borrow_mut().handed_over += 1;
                    began = self.take().await;
                }
                let rows = (last - row).min(self.shape.group);
                self.write(&effort, first, row, rows).await;
                self.outcome.borrow_mut().rows += rows;
                row += rows;
            }
        }
        self.importing.set(self.importing.get() - 1);
        self.outcome.borrow_mut().time = self.time.now() - self.start;
    }

    /// From one message to the next, and what a chunk reads first; when that began.
    async fn take(&self) -> Instant {
        self.pass(60.0, 250.0).await;
        let began = self.time.now();
        self.pass(90.0, 300.0).await;
        began
    }

    /// A transaction of rows, until it is taken.
    async fn write(&self, effort: &Effort, chunk: u32, row: u32, rows: u32) {
        let mut writes = vec![
            Write {
                hash: hash(&self.shape.audit.0, self.scene.draw),
                units: self.shape.audit.1,
                index: false,
            },
            Write {
                hash: hash(&format!("C#{chunk}"), self.scene.draw),
                units: self.shape.checkpoint,
                index: false,
            },
        ];
        let known = self.rows.len();
        let rows = (row as usize..).take(rows as usize);
        let rows = rows.flat_map(|row| &self.rows[row % known]);
        writes.extend(rows);
        // The processor's part of it.
        self.pass(15.0, 25.0).await;
        let mut attempt = 0;
        loop {
            let began = self.time.now();
            self.pass(30.0, 110.0).await;
            let taken = self.table.write(&writes, self.time.now());
            self.count(taken, &writes);
            let took = self.time.now() - began;
            let rest = match (self.scene.adaptive, taken) {
                (true, true) => effort.taken(took),
                (true, false) => effort.throttled(took),
                (false, true) => Duration::ZERO,
                (false, false) => self.backoff(attempt),
            };
            self.time.sleep(rest).await;
            if taken {
                return;
            }
            attempt += 1;
            if attempt > MOST_THROTTLED && self.scene.adaptive {
                // The message comes again.
                self.outcome.borrow_mut().given_up += 1;
                self.time.sleep(VISIBILITY).await;
                attempt = 0;
            }
        }
    }

    /// How long a transaction that somebody waits for rests before it is tried again.
    fn backoff(&self, attempt: u32) -> Duration {
        let longest = Duration::from_millis(10 << attempt.min(6));
        longest.mul_f64(self.chance.unit())
    }

    fn count(&self, taken: bool, writes: &[Write]) {
        let mut outcome = self.outcome.borrow_mut();
        if taken {
            outcome.taken += 1;
            outcome.written += writes.iter().map(|write| write.units).sum::<f64>();
        } else {
            outcome.throttled += 1;
        }
    }

    /// Another company, whose people add a user now and then: a transaction that is tried eight times.
    async fn other(self: Rc<Self>, number: usize) {
        let draw = self.scene.draw;
        let write = |key: String, units, index| Write {
            hash: hash(&key, draw),
            units,
            index,
        };
        // The first has its users beside those of the import's busiest shard.
        let users = if number == 0 {
            self.busiest()
        } else {
            format!("T#other{number}#0")
        };
        let writes = [
            write(users.clone(), 6.0, false),
            write(format!("T#other{number}#A#2026-11"), 2.0, false),
            write(users, 1.0, true),
        ];
        while self.importing.get() > 0 || self.time.now() - self.start < self.scene.quiet {
            let idle = -(1.0 - self.chance.unit()).ln() / CALLS;
            self.time.sleep(Duration::from_secs_f64(idle)).await;
            let began = self.time.now();
            // It is let in, read, and judged.
            self.pass(12.0, 40.0).await;
            let mut done = false;
            for attempt in 0..8 {
                self.pass(10.0, 40.0).await;
                done = self.table.write(&writes, self.time.now());
                if done {
                    break;
                }
                self.time.sleep(self.backoff(attempt)).await;
            }
            let mut outcome = self.outcome.borrow_mut();
            outcome.failed += u32::from(!done);
            outcome.calls[number].push(self.time.now() - began);
        }
    }

    /// A partition key in the partition that the import writes most to.
    fn busiest(&self) -> String {
        let mut written: BTreeMap<usize, f64> = BTreeMap::new();
        let rows = self.shape.rows.iter().flatten();
        let place = |key: &str| self.table.place(hash(key, self.scene.draw));
        for (key, units) in rows.clone() {
            *written.entry(place(key)).or_default() += units;
        }
        let most = written
            .into_iter()
            .max_by(|one, other| one.1.total_cmp(&other.1));
        let mut keys = rows.map(|(key, _)| key);
        let busiest = keys.find(|key| most.is_some_and(|(busiest, _)| place(key) == busiest));
        busiest.cloned().unwrap_or_default()
    }

    async fn pass(&self, median: f64, p99: f64) {
        self.time.sleep(self.chance.latency(median, p99)).await;
    }
}
