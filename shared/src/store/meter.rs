//! What a request consumed of the table's capacity, for tests and for the cost table.

use std::sync::Mutex;

use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};

/// Capacity units consumed, over the table and its indexes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Consumed {
    /// Read capacity units.
    pub read: f64,
    /// Write capacity units.
    pub write: f64,
}

tokio::task_local! {
    static METER: Mutex<Consumed>;
}

/// Runs `work` and says what it consumed, which a measurement around this one counts too.
pub async fn measure<F: Future>(work: F) -> (F::Output, Consumed) {
    let measured = METER.scope(Mutex::default(), async {
        let output = work.await;
        (output, so_far())
    });
    let (output, consumed) = measured.await;
    note(|meter| {
        meter.read += consumed.read;
        meter.write += consumed.write;
    });
    (output, consumed)
}

/// What the work that is being measured has consumed so far; nothing outside of [`measure`].
#[must_use]
pub fn so_far() -> Consumed {
    let consumed = METER.try_with(|meter| meter.lock().map(|consumed| *consumed).ok());
    consumed.ok().flatten().unwrap_or_default()
}

/// Whether anybody wants to know: asked with every request.
pub(super) fn wanted() -> Option<ReturnConsumedCapacity> {
    METER.try_with(|_| ReturnConsumedCapacity::Indexes).ok()
}

/// Notes what a reading request consumed.
pub(super) fn read<'a>(consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
    add(consumed, |meter, units| meter.read += units);
}

/// Notes what a writing request consumed.
pub(super) fn write<'a>(consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
    add(consumed, |meter, units| meter.write += units);
}

fn add<'a>(
    consumed: impl IntoIterator<Item = &'a ConsumedCapacity>,
    count: impl Fn(&mut Consumed, f64),
) {
    note(|meter| {
        let units = consumed.into_iter().filter_map(|each| each.capacity_units);
        units.for_each(|units| count(meter, units));
    });
}

/// Notes something on the innermost meter, if there is one.
fn note(change: impl FnOnce(&mut Consumed)) {
    let _ = METER.try_with(|meter| {
        if let Ok(mut meter) = meter.lock() {
            change(&mut meter);
        }
    });
}
