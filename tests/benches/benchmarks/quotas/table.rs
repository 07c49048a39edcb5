//! An on-demand table as AWS limits it: 1,000 write units a second for a partition, 40,000 for the table and as many for its
//! index. No bursts, and no partition that is split because it is hot: what comes of those is better than this.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// Write units a second of a partition (docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html).
const PARTITION: u32 = 1_000;
/// Write units a second of a table, and of each of its indexes, unless the account asked for more (…/ServiceQuotas.html).
pub const TABLE: u32 = 40_000;
/// How often a table that has all it can take of writes can take twice as many (…/on-demand-capacity-mode.html).
const DOUBLING: Duration = Duration::from_mins(30);

/// For how many write units a second table and index have partitions when the import begins.
#[derive(Clone, Copy)]
pub struct Warm {
    pub table: u32,
    pub index: u32,
}

/// One partition key's write: where, and how many units.
#[derive(Clone, Copy)]
pub struct Write {
    /// The key, as `DynamoDB`'s hash would see it.
    pub hash: u64,
    pub units: f64,
    pub index: bool,
}

/// Where on the ring of hashes a partition key stands; each `draw` is another ring.
pub fn hash(key: &str, draw: u32) -> u64 {
    let digest = Sha256::new()
        .chain_update(draw.to_be_bytes())
        .chain_update(key)
        .finalize();
    digest
        .iter()
        .take(8)
        .fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

/// So many units a second, at most those of one second at once.
struct Bucket {
    rate: f64,
    room: f64,
    since: Instant,
}

impl Bucket {
    fn new(rate: u32, now: Instant) -> Self {
        let rate = f64::from(rate);
        Self {
            rate,
            room: rate,
            since: now,
        }
    }

    /// Whether anything is left.
    fn left(&mut self, now: Instant) -> bool {
        let passed = now.duration_since(self.since).as_secs_f64();
        self.since = now;
        self.room = (self.room + passed * self.rate).min(self.rate);
        self.room > 0.0
    }
}

impl Write {
    /// The partition that it goes to.
    fn part<'p>(&self, parts: &'p mut [Vec<Bucket>; 2]) -> &'p mut Bucket {
        let parts = &mut parts[usize::from(self.index)];
        let place = place(self.hash, parts.len());
        &mut parts[place]
    }
}

/// The table with its index.
pub struct Table {
    start: Instant,
    warm: Warm,
    split: bool,
    doublings: Cell<u32>,
    /// The table and the index.
    whole: RefCell<[Bucket; 2]>,
    /// The partitions of each.
    parts: RefCell<[Vec<Bucket>; 2]>,
}

impl Table {
    /// A table with so many partitions; with `split` so many more that each key has one of its own.
    pub fn new(warm: Warm, split: bool, now: Instant) -> Self {
        Self {
            start: now,
            warm,
            doublings: Cell::new(0),
            whole: RefCell::new([(); 2].map(|()| Bucket::new(TABLE, now))),
            split,
            parts: RefCell::new(parts(warm, split, 0, now)),
        }
    }

    /// Writes all of it, or nothing when one of its partitions, or the table or index, has nothing left. What has something left takes
    /// the whole write, and makes up for that: so a large write takes room from small ones.
    pub fn write(&self, writes: &[Write], now: Instant) -> bool {
        self.grow(now);
        let mut parts = self.parts.borrow_mut();
        let mut whole = self.whole.borrow_mut();
        let mut fits = true;
        for write in writes {
            fits &= write.part(&mut parts).left(now);
            fits &= whole[usize::from(write.index)].left(now);
        }
        if fits {
            for write in writes {
                write.part(&mut parts).room -= write.units;
                whole[usize::from(write.index)].room -= write.units;
            }
        }
        fits
    }

    /// The partition of the table that a key is in.
    pub fn place(&self, hash: u64) -> usize {
        place(hash, self.parts.borrow()[0].len())
    }

    /// Splits every partition where that is due.
    fn grow(&self, now: Instant) {
        let due = now.duration_since(self.start).as_secs() / DOUBLING.as_secs();
        let due = u32::try_from(due).unwrap_or(u32::MAX).min(6);
        if due > self.doublings.replace(due) {
            *self.parts.borrow_mut() = parts(self.warm, self.split, due, now);
        }
    }
}

/// So many that no two of some dozens of keys share one.
const SPLIT: u32 = 65_536;

fn parts(warm: Warm, split: bool, doublings: u32, now: Instant) -> [Vec<Bucket>; 2] {
    [warm.table, warm.index].map(|units| {
        let units = (units << doublings).min(TABLE);
        let count = if split {
            SPLIT
        } else {
            units.div_ceil(PARTITION)
        };
        (0..count).map(|_| Bucket::new(PARTITION, now)).collect()
    })
}

/// Each partition has an equal part of the ring.
fn place(hash: u64, partitions: usize) -> usize {
    let place = (u128::from(hash) * partitions as u128) >> 64;
    usize::try_from(place).unwrap_or_default()
}
