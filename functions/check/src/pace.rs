//! How fast the table is read, and for how long.

use std::time::{Duration, Instant};

use muster_shared::store::meter;

/// Keeps to so many read units a second, and to a time.
#[derive(Debug)]
pub struct Pace {
    began: Instant,
    units_per_second: f64,
    time: Duration,
}

impl Pace {
    /// Begins now.
    #[must_use]
    pub fn new(units_per_second: u32, seconds: u64) -> Self {
        Self {
            began: Instant::now(),
            units_per_second: f64::from(units_per_second),
            time: Duration::from_secs(seconds),
        }
    }

    /// Waits until no more was read than the time that has passed allows. To be called between any two reads.
    pub async fn wait(&self) {
        let due = Duration::from_secs_f64(meter::so_far().read / self.units_per_second);
        tokio::time::sleep(due.saturating_sub(self.began.elapsed())).await;
    }

    /// Whether the time is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.began.elapsed() >= self.time
    }

    /// The time that has passed.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}
