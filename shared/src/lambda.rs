//! The way in: what a function is, and how the Lambda runtime, or the local stack, calls it.

use std::sync::Arc;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use lambda_http::http::header::ETAG;
use lambda_http::http::{Extensions, HeaderMap, StatusCode, Version};
use lambda_http::request::LambdaRequest;
use lambda_http::tower::{Layer, Service};
use lambda_http::{Adapter, BoxFuture, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::Value;
use tower_http::CompressionLevel;
use tower_http::compression::predicate::SizeAbove;
use tower_http::compression::{CompressionLayer, Predicate};
use tracing::Instrument;

use crate::clock::Clock;
use crate::config::{self, Config};
use crate::context::Context;
use crate::error::{ApiError, Internal};
use crate::http::{self, Request, Response};
use crate::store::meter;

/// A function of Muster: its name, and how it is triggered.
#[derive(Clone, Copy)]
pub struct Function {
    /// The operation, as its folder is called.
    pub name: &'static str,
    entry: Entry,
}

type Handle<I, O, E> = for<'a> fn(&'a Context, I) -> BoxFuture<'a, Result<O, E>>;

#[derive(Clone, Copy)]
enum Entry {
    Http(Handle<Request, Response, ApiError>),
    Queue(Handle<String, (), Internal>),
    Event(Handle<Value, Value, Internal>),
}

/// An invocation failed as a whole: the platform will repeat it, or tell whoever invoked it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvokeError(String);

impl From<serde_json::Error> for InvokeError {
    fn from(error: serde_json::Error) -> Self {
        Self(format!("the event is not of the expected form: {error}"))
    }
}

impl Function {
    /// A function behind the HTTP API.
    #[must_use]
    pub const fn http(name: &'static str, handle: Handle<Request, Response, ApiError>) -> Self {
        Self {
            name,
            entry: Entry::Http(handle),
        }
    }

    /// A worker behind a queue: `handle` gets the body of one message, and repeats it safely.
    #[must_use]
    pub const fn queue(name: &'static str, handle: Handle<String, (), Internal>) -> Self {
        Self {
            name,
            entry: Entry::Queue(handle),
        }
    }

    /// A function that is invoked directly or by the schedule.
    #[must_use]
    pub const fn event(name: &'static str, handle: Handle<Value, Value, Internal>) -> Self {
        Self {
            name,
            entry: Entry::Event(handle),
        }
    }

    /// Handles one event, as the Lambda runtime delivers it: JSON in, JSON out.
    ///
    /// # Errors
    /// When the event is not of the expected form, or a directly invoked function failed.
    pub async fn invoke(&self, ctx: &Arc<Context>, event: Value) -> Result<Value, InvokeError> {
        match self.entry {
            Entry::Http(handle) => {
                let request: LambdaRequest = serde_json::from_value(event)?;
                let mut service = Adapter::from(compression().layer(service_fn(|request| {
                    answer(ctx, self.name, handle, request)
                })));
                let Ok(response) = service
                    .call(LambdaEvent::new(request, lambda_http::Context::default()))
                    .await;
                Ok(serde_json::to_value(response)?)
            }
            Entry::Queue(handle) => Ok(serde_json::to_value(
                work(ctx, self.name, handle, serde_json::from_value(event)?).await,
            )?),
            Entry::Event(handle) => {
                let span = tracing::info_span!("invocation", function = self.name);
                handle(ctx, event).instrument(span).await.map_err(|fault| {
                    tracing::error!(%fault, "internal fault");
                    InvokeError(fault.to_string())
                })
            }
        }
    }
}

/// Compresses answers of more than a packet for whoever takes that: nothing in front of the functions does. A strong entity
/// tag is of one sequence of bytes, so what has one stays as it is.
fn compression() -> CompressionLayer<impl Predicate> {
    let untagged =
        |_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions| !headers.contains_key(ETAG);
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(1_400).and(untagged))
}

/// Answers a request; every error becomes a problem here, and nowhere else.
async fn answer(
    ctx: &Context,
    name: &'static str,
    handle: Handle<Request, Response, ApiError>,
    request: Request,
) -> Result<Response, std::convert::Infallible> {
    let span = tracing::info_span!(
        "request",
        function = name,
        tenant = tracing::field::Empty,
        user = tracing::field::Empty
    );
    let answered = async {
        let response = handle(ctx, request)
            .await
            .unwrap_or_else(|error| http::problem(&error));
        tracing::info!(status = response.status().as_u16(), "answered");
        response
    };
    if !ctx.config.meter {
        return Ok(answered.instrument(span).await);
    }
    let (mut response, consumed) = meter::measure(answered.instrument(span)).await;
    if let Ok(value) = format!("read={} write={}", consumed.read, consumed.write).parse() {
        response.headers_mut().insert("x-consumed-capacity", value);
    }
    Ok(response)
}

/// Works through a batch; messages that failed, and only those, are delivered again.
async fn work(
    ctx: &Context,
    name: &'static str,
    handle: Handle<String, (), Internal>,
    batch: SqsEvent,
) -> SqsBatchResponse {
    let mut failures = Vec::new();
    for message in batch.records {
        let id = message.message_id.unwrap_or_default();
        let span = tracing::info_span!("message", function = name, message = id);
        let done = handle(ctx, message.body.unwrap_or_default())
            .instrument(span.clone())
            .await;
        if let Err(fault) = done {
            span.in_scope(|| tracing::error!(%fault, "message failed"));
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failures.push(failure);
        }
    }
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures;
    response
}

/// Runs a function on AWS: the whole of its `main`.
///
/// # Errors
/// When it cannot start.
pub fn serve(function: &'static Function) -> Result<(), lambda_runtime::Error> {
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(config::log_filter())
        .with_current_span(true)
        .with_span_list(false)
        .flatten_event(true)
        .init();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let clock = config::clock_file().map_or(Clock::System, Clock::Told);
        let ctx = Arc::new(Context::connect(Config::from_env()?, clock).await?);
        match function.entry {
            Entry::Http(handle) => {
                lambda_http::run(compression().layer(service_fn(|request| {
                    answer(&ctx, function.name, handle, request)
                })))
                .await
            }
            Entry::Queue(_) | Entry::Event(_) => {
                lambda_runtime::run(lambda_runtime::service_fn(|event: LambdaEvent<Value>| {
                    let ctx = Arc::clone(&ctx);
                    async move {
                        function
                            .invoke(&ctx, event.payload)
                            .await
                            .map_err(lambda_runtime::Error::from)
                    }
                }))
                .await
            }
        }
    })
}

/// Runs CPU-bound work, such as hashing a password, off the thread that serves requests.
///
/// # Errors
/// When the work panicked.
pub async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Internal> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Internal::Broken("work off the thread panicked"))
}

/// The keys of an item that waits for a worker, from the stream's record in a message.
///
/// # Errors
/// When the message is no such record.
pub fn outbox_keys(message: &str) -> Result<(String, String), Internal> {
    #[derive(Deserialize)]
    struct Record {
        dynamodb: Change,
    }
    #[derive(Deserialize)]
    struct Change {
        #[serde(rename = "Keys")]
        keys: Keys,
    }
    #[derive(Deserialize)]
    struct Keys {
        #[serde(rename = "PK")]
        pk: Text,
        #[serde(rename = "SK")]
        sk: Text,
    }
    #[derive(Deserialize)]
    struct Text {
        #[serde(rename = "S")]
        text: String,
    }
    let record: Record = serde_json::from_str(message)?;
    Ok((record.dynamodb.keys.pk.text, record.dynamodb.keys.sk.text))
}
