//! The one source of time: every rule that depends on time gets `now` from here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// Where `now` comes from.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock that stands still until it is moved, in milliseconds since the epoch.
    Fixed(Arc<AtomicI64>),
    /// The machine's clock, moved by a number of milliseconds: time travel for a running local stack.
    Shifted(Arc<AtomicI64>),
    /// A clock of a local stack, as this file tells of it: for functions that are processes of their own. The machine's
    /// clock, when the file cannot be read.
    Told(PathBuf),
}

impl Clock {
    /// A clock that stands at `at`.
    #[must_use]
    pub fn fixed(at: Timestamp) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(at.as_millisecond())))
    }

    /// The machine's clock, which `advance` can move.
    #[must_use]
    pub fn shifted() -> Self {
        Self::Shifted(Arc::default())
    }

    /// The present moment, to the millisecond.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let milliseconds = match self {
            Self::System => system(),
            Self::Fixed(at) => at.load(Ordering::SeqCst),
            Self::Shifted(by) => system() + by.load(Ordering::SeqCst),
            Self::Told(file) => read(file).unwrap_or_else(system),
        };
        Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
    }

    /// What a file must say for `Told` to go as this clock does now: milliseconds since the epoch where it stands, or, after a
    /// plus, by which the machine's clock is moved.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::System | Self::Told(_) => "+0".to_owned(),
            Self::Fixed(at) => at.load(Ordering::SeqCst).to_string(),
            Self::Shifted(by) => format!("+{}", by.load(Ordering::SeqCst)),
        }
    }

    /// Moves a clock that can be moved from here; the others stay as they are.
    pub fn advance(&self, by: SignedDuration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        match self {
            Self::System | Self::Told(_) => {}
            Self::Fixed(at) | Self::Shifted(at) => {
                at.fetch_add(by, Ordering::SeqCst);
            }
        }
    }
}

fn read(file: &Path) -> Option<i64> {
    let told = std::fs::read_to_string(file).ok()?;
    match told.strip_prefix('+') {
        Some(by) => Some(system() + by.parse::<i64>().ok()?),
        None => told.parse().ok(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the machine's clock"
)]
fn system() -> i64 {
    Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_its_own_is_told_the_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clock");
        let told = Clock::Told(file.clone());
        let day = SignedDuration::from_hours(24);

        let fixed = Clock::fixed("2026-03-02T08:00:00Z".parse().unwrap());
        for _ in 0..2 {
            std::fs::write(&file, fixed.told()).unwrap();
            assert_eq!(told.now(), fixed.now());
            fixed.advance(day);
        }

        let shifted = Clock::shifted();
        shifted.advance(day);
        std::fs::write(&file, shifted.told()).unwrap();
        let before = shifted.now();
        let now = told.now();
        assert!((before..=shifted.now()).contains(&now), "{now}");
    }
}
