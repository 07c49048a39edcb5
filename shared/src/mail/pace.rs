//! The pace of a mail worker: its share of the rate at which SES takes the account's mails.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::sleep_until;

/// Gives turns to mails, one after the other, so that workers who know nothing of each other keep to a rate together.
///
/// It is a token bucket of one token whose price is paid before a mail is done, not before the next one begins: a mail
/// occupies its worker until its turn is over. So as many workers as share the rate send no more than it allows and a mail
/// each, whichever execution environments they run in and whenever these are replaced. What a slow mail, or the pause
/// between two batches, costs of the next turn is made up for; a longer rest is forgotten, because another environment
/// may have worked in the place of this one.
#[derive(Debug)]
pub struct Pace {
    turn: Duration,
    /// When the next turn begins, unless that is long ago.
    next: Mutex<Instant>,
}

/// A mail's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// When the mail may be sent.
    pub begin: Instant,
    /// When its worker may go on.
    pub end: Instant,
}

impl Pace {
    /// A pace of one mail in each `turn`: the number of workers over the rate they share.
    #[must_use]
    pub fn new(turn: Duration, now: Instant) -> Self {
        let next = Mutex::new(now);
        Self { turn, next }
    }

    /// The next turn.
    pub fn turn(&self, now: Instant) -> Turn {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(*next) > self.turn {
            *next = now;
        }
        let begin = *next;
        *next += self.turn;
        Turn { begin, end: *next }
    }

    /// Does `work` in the next turn, and comes back when both are over.
    pub async fn keep<T>(&self, work: impl Future<Output = T>) -> T {
        let turn = self.turn(Instant::now());
        sleep_until(turn.begin.into()).await;
        let done = work.await;
        sleep_until(turn.end.into()).await;
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN: Duration = Duration::from_millis(100);

    /// The turns of mails for which a worker is free at these milliseconds, as milliseconds too.
    fn turns(free: &[u64]) -> Vec<(u128, u128)> {
        let start = Instant::now();
        let pace = Pace::new(TURN, start);
        let turn = |at: &u64| {
            let turn = pace.turn(start + Duration::from_millis(*at));
            [turn.begin, turn.end].map(|time| time.duration_since(start).as_millis())
        };
        free.iter().map(turn).map(<(u128, u128)>::from).collect()
    }

    #[test]
    fn a_mail_that_finds_the_worker_rested_goes_at_once_and_occupies_it_for_a_turn() {
        assert_eq!(turns(&[5_000]), [(5_000, 5_100)]);
    }

    #[test]
    fn a_slow_mail_and_the_pause_between_batches_are_made_up_for() {
        let expected = [(0, 100), (100, 200), (200, 300)];
        assert_eq!(turns(&[0, 160, 260]), expected);
    }

    #[test]
    fn a_rest_of_more_than_a_turn_is_forgotten() {
        let expected = [(0, 100), (201, 301), (301, 401)];
        assert_eq!(turns(&[0, 201, 201]), expected);
    }

    #[test]
    fn mails_that_come_at_once_take_their_turns() {
        let expected = [(0, 100), (100, 200), (200, 300)];
        assert_eq!(turns(&[0, 0, 0]), expected);
    }

    #[tokio::test]
    async fn work_is_done_in_its_turn_and_comes_back_when_that_is_over() {
        let start = Instant::now();
        let pace = Pace::new(TURN, start);
        let work = || pace.keep(async { Instant::now() });
        let (_, second) = futures::join!(work(), work());
        assert!(second.duration_since(start) >= TURN);
        assert!(start.elapsed() >= 2 * TURN);
    }

    #[test]
    fn without_a_rate_nobody_waits() {
        let now = Instant::now();
        let pace = Pace::new(Duration::ZERO, now);
        for later in [0, 0, 5] {
            let now = now + Duration::from_millis(later);
            let (begin, end) = (now, now);
            assert_eq!(pace.turn(now), Turn { begin, end });
        }
    }
}
