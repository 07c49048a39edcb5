//! What the functions write to standard output, as operators get to see it.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use muster_shared::lambda::output::subscriber;
use serde_json::Value;
use tracing::Dispatch;
use tracing::subscriber::{DefaultGuard, NoSubscriber};

/// The output of everything that runs on the thread that captures it, as long as this lives: of a whole world, because tests
/// have one thread each.
pub struct Output {
    written: Written,
    _capturing: DefaultGuard,
}

/// As long as there is one subscriber only, `tracing` asks none but the thread that first comes to a place in the code whether
/// what happens there is wanted at all. That may be another test's thread, which wants nothing; so there are two.
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::default()));

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output {
    /// Captures the output of functions whose `LOG` is this.
    ///
    /// # Panics
    /// When that is no filter.
    #[must_use]
    pub fn captured(log: &str) -> Self {
        LazyLock::force(&ANOTHER);
        let written = Written::default();
        let out = written.clone();
        let filter = log.parse().unwrap_or_else(|error| panic!("{log}: {error}"));
        let output = subscriber(&filter, "muster", move || out.clone());
        Self {
            written,
            _capturing: tracing::subscriber::set_default(output),
        }
    }

    /// All of it so far.
    #[must_use]
    pub fn text(&self) -> String {
        let written = self
            .written
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&written).into_owned()
    }

    /// Forgets what was written so far.
    pub fn clear(&self) {
        let mut written = self
            .written
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        written.clear();
    }

    fn lines(&self) -> Vec<Value> {
        let text = self.text();
        let line = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        };
        text.lines().map(line).collect()
    }

    /// The lines of the logs.
    ///
    /// # Panics
    /// When a line is no JSON document.
    #[must_use]
    pub fn logs(&self) -> Vec<Value> {
        let mut lines = self.lines();
        lines.retain(|line| line.get("_aws").is_none());
        lines
    }

    /// The documents with metrics.
    ///
    /// # Panics
    /// When a line is no JSON document.
    #[must_use]
    pub fn metrics(&self) -> Vec<Value> {
        let mut lines = self.lines();
        lines.retain(|line| line.get("_aws").is_some());
        lines
    }
}
