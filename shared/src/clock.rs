//! The one source of time: every rule that depends on time gets `now` from here.

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
        };
        Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
    }

    /// Moves a clock that can be moved; the machine's own stays as it is.
    pub fn advance(&self, by: SignedDuration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        match self {
            Self::System => {}
            Self::Fixed(at) | Self::Shifted(at) => {
                at.fetch_add(by, Ordering::SeqCst);
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the machine's clock"
)]
fn system() -> i64 {
    Timestamp::now().as_millisecond()
}
