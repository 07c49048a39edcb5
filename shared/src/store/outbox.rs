//! The outbox: what waits for a worker, and the trace of the request that let it wait. A worker goes on under that trace, so
//! that whatever it lets wait in turn belongs to it too.

use super::expression::Change;
use super::keys::{OUTBOX, TRACE};
use super::{Item, s};
use crate::domain::trace::TraceId;

tokio::task_local! {
    static CURRENT: TraceId;
}

/// Runs `work` under a trace, if there is one.
pub fn traced<F: Future>(trace: Option<TraceId>, work: F) -> impl Future<Output = F::Output> {
    // Boxed, because each layer around a future would hold it twice.
    let work = Box::pin(work);
    async {
        match trace {
            Some(trace) => CURRENT.scope(trace, work).await,
            None => work.await,
        }
    }
}

/// The trace that what is written now belongs to.
pub(super) fn current() -> Option<TraceId> {
    CURRENT.try_with(TraceId::clone).ok()
}

/// Lets a new item wait for `worker`.
pub(super) fn wait(item: &mut Item, worker: &str) {
    item.insert(OUTBOX.to_owned(), s(worker));
    keep_trace(item);
}

/// Notes the present trace on a new item.
pub(super) fn keep_trace(item: &mut Item) {
    if let Some(trace) = current() {
        item.insert(TRACE.to_owned(), s(trace.as_str()));
    }
}

impl Change {
    /// Lets the item wait for `worker`, under `trace`.
    #[must_use]
    pub(super) fn wait(self, worker: &str, trace: Option<&TraceId>) -> Self {
        let waits = self.set(OUTBOX, s(worker));
        match trace {
            Some(trace) => waits.set(TRACE, s(trace.as_str())),
            None => waits.remove(TRACE),
        }
    }
}
