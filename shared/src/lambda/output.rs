//! What a function writes to standard output: logs, and what operators count in `CloudWatch`'s embedded metric format (Amazon
//! `CloudWatch` user guide, "Specification: Embedded metric format"), a JSON document a line. The crates for that format bring
//! registries, queues and macros of their own; what is needed of it is this one document.

use std::io::Write;

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::fmt::{FormattedFields, MakeWriter};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use crate::clock::Clock;
use crate::metrics;

/// The span under which all that an invocation tells stands.
pub(super) const INVOCATION: &str = "invocation";

/// The namespace of all metrics.
const NAMESPACE: &str = "Muster";

/// Logs that pass `filter`, and all metrics, which are those of the deployment `stack`, written to `out`.
pub fn subscriber<W>(
    filter: &Targets,
    stack: &str,
    out: W,
) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'a> MakeWriter<'a> + Clone + Send + Sync + 'static,
{
    let logs = tracing_subscriber::fmt::layer()
        .json()
        .with_current_span(true)
        .with_span_list(false)
        .flatten_event(true)
        .with_writer(out.clone())
        .with_filter(
            filter
                .clone()
                .with_target(metrics::TARGET, LevelFilter::OFF),
        );
    let metrics = Embedded {
        stack: stack.to_owned(),
        out,
    };
    // Of spans only the invocation's: those of the SDK are many.
    let told = filter_fn(|what| what.target() == metrics::TARGET || what.name() == INVOCATION);
    let metrics = metrics.with_filter(told.with_max_level_hint(LevelFilter::INFO));
    Registry::default().with(logs).with(metrics)
}

/// Writes metrics.
struct Embedded<W> {
    stack: String,
    out: W,
}

impl<S, W> Layer<S> for Embedded<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let mut fact = Fact::default();
        event.record(&mut fact);
        // What the logs say of the invocation, ids only, stands beside it: nothing of that is a dimension.
        let span = ctx.lookup_current();
        let said = span.as_ref().and_then(|span| {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<JsonFields>>()?;
            serde_json::from_str(&fields.fields).ok()
        });
        let mut line = fact
            .document(&self.stack, said.unwrap_or_default())
            .to_string();
        line.push('\n');
        // There is nobody to tell that nobody can be told.
        let _ = self.out.make_writer().write_all(line.as_bytes());
    }
}

/// A fact: its metrics and its dimensions.
#[derive(Default)]
struct Fact {
    values: Vec<(&'static str, u64)>,
    dimensions: Vec<(&'static str, String)>,
}

impl Visit for Fact {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.values.push((field.name(), value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.dimensions.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl Fact {
    /// The document; each metric is counted of the whole deployment, and by each of its dimensions.
    fn document(self, stack: &str, said: Map<String, Value>) -> Value {
        let unit = |name: &str| {
            if name.ends_with("Age") {
                "Milliseconds"
            } else {
                "Count"
            }
        };
        let metrics = self
            .values
            .iter()
            .map(|(name, _)| json!({ "Name": name, "Unit": unit(name) }));
        let by = self
            .dimensions
            .iter()
            .map(|(name, _)| json!(["Stack", name]));
        let dimensions = std::iter::once(json!(["Stack"])).chain(by);
        let mut document = said;
        document.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": Clock::System.now().as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": dimensions.collect::<Vec<_>>(),
                    "Metrics": metrics.collect::<Vec<_>>(),
                }],
            }),
        );
        document.insert("Stack".to_owned(), json!(stack));
        let values = self
            .values
            .into_iter()
            .map(|(name, value)| (name, json!(value)));
        let dimensions = self
            .dimensions
            .into_iter()
            .map(|(name, value)| (name, json!(value)));
        document.extend(
            values
                .chain(dimensions)
                .map(|(name, value)| (name.to_owned(), value)),
        );
        Value::Object(document)
    }
}
