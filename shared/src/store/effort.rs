//! How much of the table a worker takes that nobody waits for: as much as there is.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The concurrency of a worker that writes one transaction after the other, as a part of one: for which part of its time
/// it has one under way. So the efforts of all workers add up to how many transactions are under way at once.
///
/// It goes up by a fixed step with each transaction that was taken, and down by half with each that was throttled (Chiu and
/// Jain 1989): so workers who know nothing of each other find what the table takes, come to equal shares of it, and leave
/// room for requests that somebody waits for, which do not give way.
#[derive(Debug)]
pub struct Effort(Mutex<f64>);

/// What a transaction that was taken adds.
const STEP: f64 = 1.0 / 4096.0;
/// The least: a worker goes on trying.
const LEAST: f64 = 1.0 / 512.0;
/// The longest rest, however long it took to hear of a throttle.
const LONGEST: Duration = Duration::from_secs(5);

impl Default for Effort {
    /// All, until it turns out to be too much.
    fn default() -> Self {
        Self(Mutex::new(1.0))
    }
}

impl Effort {
    /// How long to rest after a transaction that was taken, by how long that took.
    pub fn taken(&self, took: Duration) -> Duration {
        self.change(took, |effort| (effort + STEP).min(1.0))
    }

    /// How long to rest until a transaction that was throttled is tried again, by how long it took to hear so.
    pub fn throttled(&self, took: Duration) -> Duration {
        self.change(took, |effort| (effort / 2.0).max(LEAST))
    }

    fn change(&self, took: Duration, to: impl Fn(f64) -> f64) -> Duration {
        let mut effort = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *effort = to(*effort);
        took.mul_f64(1.0 / *effort - 1.0).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_millis(10);

    fn at(effort: f64) -> Effort {
        Effort(Mutex::new(effort))
    }

    fn level(effort: &Effort) -> f64 {
        *effort.0.lock().unwrap()
    }

    fn is(one: f64, other: f64) {
        assert!((one - other).abs() < 1e-9, "{one} is not {other}");
    }

    #[test]
    fn who_is_never_throttled_never_rests() {
        let effort = Effort::default();
        let rests = (0..100).map(|_| effort.taken(TOOK));
        assert_eq!(rests.max(), Some(Duration::ZERO));
    }

    #[test]
    fn a_throttled_transaction_halves_the_effort_and_one_that_was_taken_adds_a_step() {
        let effort = Effort::default();
        assert_eq!(effort.throttled(TOOK), TOOK, "half of the time is rest");
        assert_eq!(effort.throttled(TOOK), 3 * TOOK);
        effort.taken(TOOK);
        is(level(&effort), 0.25 + STEP);
        effort.taken(TOOK);
        is(level(&effort), 0.25 + 2.0 * STEP);
    }

    #[test]
    fn it_is_never_given_up() {
        let effort = Effort::default();
        let took = Duration::from_millis(1);
        let rests = (0..100).map(|_| effort.throttled(took));
        assert_eq!(rests.max(), Some(511 * took));
        assert_eq!(effort.throttled(Duration::from_secs(2)), LONGEST);
    }

    #[test]
    fn workers_come_to_equal_shares_wherever_they_began() {
        let workers = [at(1.0), at(0.01)];
        for _ in 0..10_000 {
            // A table that takes six transactions at once for every ten that both would have under way.
            let full = workers.iter().map(level).sum::<f64>() > 1.2;
            for worker in &workers {
                if full {
                    worker.throttled(TOOK);
                } else {
                    worker.taken(TOOK);
                }
            }
        }
        let [one, other] = workers.map(|worker| level(&worker));
        assert!((one - other).abs() < 0.01, "{one} {other}");
    }
}
