//! The way in: what a function is, and how the Lambda runtime, or the local stack, calls it.

pub mod output;

use std::future::ready;
use std::sync::Arc;
use std::time::Instant;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use http_body_util::BodyExt;
use lambda_http::http::header::{CONTENT_TYPE, ETAG};
use lambda_http::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version};
use lambda_http::request::LambdaRequest;
use lambda_http::tower::{Layer, Service};
use lambda_http::{Adapter, Body, BoxFuture, IntoResponse, RequestExt, service_fn};
pub use lambda_runtime::{Context as Invocation, LambdaEvent};
use serde::Deserialize;
use serde_json::Value;
use tower_http::CompressionLevel;
use tower_http::compression::predicate::SizeAbove;
use tower_http::compression::{CompressionLayer, Predicate};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::clock::Clock;
use crate::config::{self, Config};
use crate::context::Context;
use crate::domain::id::{TenantId, UserId};
use crate::domain::trace::TraceId;
use crate::error::{ApiError, Internal};
use crate::http::{self, Request, Response};
use crate::metrics;
use crate::store::{meter, outbox};

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
        Self(Internal::from(error).to_string())
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
    pub async fn invoke(
        &self,
        ctx: &Arc<Context>,
        event: LambdaEvent<Value>,
    ) -> Result<Value, InvokeError> {
        let LambdaEvent {
            payload: event,
            context: invocation,
        } = event;
        match self.entry {
            Entry::Http(handle) => {
                let request: LambdaRequest = serde_json::from_value(event)?;
                let mut service = Adapter::from(service_fn(|request| {
                    compressed(ctx, self.name, handle, request)
                }));
                let response = service.call(LambdaEvent::new(request, invocation)).await?;
                Ok(serde_json::to_value(response)?)
            }
            Entry::Queue(handle) => Ok(serde_json::to_value(
                work(
                    ctx,
                    self.name,
                    handle,
                    serde_json::from_value(event)?,
                    &invocation,
                )
                .await,
            )?),
            Entry::Event(handle) => {
                let span = span(self.name, &invocation);
                let done = told(ctx, handle(ctx, event)).instrument(span);
                let done = outbox::traced(trace_of(&invocation), done).await;
                done.map_err(|fault| InvokeError(fault.to_string()))
            }
        }
    }
}

/// Compresses answers of more than a packet for whoever takes that: nothing in front of the functions does. A strong entity
/// tag is of one sequence of bytes, so what has one stays as it is; so does what has no body, whose size counts as unknown.
fn compression() -> CompressionLayer<impl Predicate> {
    let suits = |_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions| {
        headers.contains_key(CONTENT_TYPE) && !headers.contains_key(ETAG)
    };
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(1_400).and(suits))
}

/// An answer as the gateway gets it: text, or bytes in base 64. `lambda_http` would find out which of a body that it does not
/// know, and bring every encoding there is to the binaries.
struct Whole(Response);

impl IntoResponse for Whole {
    fn into_response(self) -> BoxFuture<'static, Response> {
        Box::pin(ready(self.0))
    }
}

/// Answers a request in as few bytes as the client takes.
async fn compressed(
    ctx: &Context,
    name: &'static str,
    handle: Handle<Request, Response, ApiError>,
    request: Request,
) -> Result<Whole, InvokeError> {
    let mut service = compression().layer(service_fn(|request| answer(ctx, name, handle, request)));
    let Ok(response) = service.call(request).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await;
    let body = body.map_err(|error| InvokeError(error.to_string()))?;
    let body = String::from_utf8(body.to_bytes().into())
        .map_or_else(|bytes| Body::Binary(bytes.into_bytes()), Body::Text);
    Ok(Whole(Response::from_parts(parts, body)))
}

/// Under which all that an invocation logs stands: ids, never people (rule 10). At the level of errors, so that no filter takes
/// the ids from those.
fn span(function: &'static str, invocation: &Invocation) -> Span {
    tracing::error_span!(
        output::INVOCATION,
        function,
        request = invocation.request_id,
        trace = trace_of(invocation).as_ref().map(TraceId::as_str),
        api_request = Empty,
        message = Empty,
        attempt = Empty,
        tenant = Empty,
        user = Empty,
    )
}

fn trace_of(invocation: &Invocation) -> Option<TraceId> {
    TraceId::of_header(invocation.xray_trace_id.as_deref()?)
}

/// Says in the logs which tenant, and which of its users, the rest is about.
pub fn concerns(tenant: &TenantId, user: Option<&UserId>) {
    let span = Span::current();
    span.record("tenant", tenant.as_str());
    if let Some(user) = user {
        span.record("user", user.as_str());
    }
}

/// Does `work` under the trace of what it is about, if that has one.
pub fn traced<F: Future>(trace: Option<TraceId>, work: F) -> impl Future<Output = F::Output> {
    outbox::traced(trace.clone(), async {
        if let Some(trace) = trace {
            Span::current().record("trace", trace.as_str());
        }
        work.await
    })
}

/// Tells how work went, how long it took, and with `METER` what it consumed.
async fn told<T>(
    ctx: &Context,
    work: impl Future<Output = Result<T, Internal>>,
) -> Result<T, Internal> {
    let began = Instant::now();
    let (done, consumed) = if ctx.config.meter {
        let (done, consumed) = meter::measure(work).await;
        (done, Some(consumed))
    } else {
        (work.await, None)
    };
    let duration_ms = milliseconds(began);
    let (read, write) = consumed.map(|units| (units.read, units.write)).unzip();
    match &done {
        Ok(_) => tracing::info!(duration_ms, read, write, "done"),
        Err(fault) => tracing::error!(%fault, duration_ms, "failed"),
    }
    done
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Answers a request; every error becomes a problem here, and nowhere else.
async fn answer(
    ctx: &Context,
    name: &'static str,
    handle: Handle<Request, Response, ApiError>,
    request: Request,
) -> Result<Response, std::convert::Infallible> {
    let began = Instant::now();
    let invocation = request.lambda_context_ref().cloned().unwrap_or_default();
    let (span, trace) = (span(name, &invocation), trace_of(&invocation));
    let id = http::request_id(&request).unwrap_or(invocation.request_id);
    span.record("api_request", &id);
    let answered = async {
        let (mut response, code) = match handle(ctx, request).await {
            Ok(response) => (response, None),
            Err(error) => (http::problem(&error), Some(error.problem().code)),
        };
        if let Some(code) = &code {
            metrics::refused(code);
        }
        let status = response.status().as_u16();
        tracing::info!(status, code, duration_ms = milliseconds(began), "answered");
        if let Ok(id) = HeaderValue::try_from(id) {
            response.headers_mut().insert("x-request-id", id);
        }
        response
    };
    let answered = outbox::traced(trace, answered).instrument(span);
    if !ctx.config.meter {
        return Ok(answered.await);
    }
    let (mut response, consumed) = meter::measure(answered).await;
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
    invocation: &Invocation,
) -> SqsBatchResponse {
    let mut failures = Vec::new();
    for message in batch.records {
        let id = message.message_id.unwrap_or_default();
        let body = message.body.unwrap_or_default();
        let span = span(name, invocation);
        span.record("message", &id);
        if let Some(attempt) = message.attributes.get("ApproximateReceiveCount") {
            span.record("attempt", attempt);
        }
        let trace = waiting(&body).ok().and_then(Waiting::trace);
        let trace = trace.or_else(|| trace_of(invocation));
        let done = traced(trace, told(ctx, handle(ctx, body)))
            .instrument(span)
            .await;
        if done.is_err() {
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
    let config = Config::from_env()?;
    let output = output::subscriber(&config::log_filter(), &config.table, std::io::stdout);
    tracing::subscriber::set_global_default(output)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let clock = config::clock_file().map_or(Clock::System, Clock::Told);
        let ctx = Arc::new(Context::connect(config, clock).await?);
        lambda_runtime::run(lambda_runtime::service_fn(|event: LambdaEvent<Value>| {
            let ctx = Arc::clone(&ctx);
            async move {
                let answer = function.invoke(&ctx, event).await;
                answer.map_err(lambda_runtime::Error::from)
            }
        }))
        .await
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
    let Waiting { dynamodb } = waiting(message)?;
    Ok((dynamodb.keys.pk.text, dynamodb.keys.sk.text))
}

/// The stream's record of an item that waits for a worker, as far as it is looked at.
#[derive(Deserialize)]
struct Waiting {
    dynamodb: Change,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    keys: Keys,
    new_image: Option<Image>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Keys {
    pk: Text<String>,
    sk: Text<String>,
}

#[derive(Deserialize)]
struct Image {
    trace: Option<Text<TraceId>>,
}

#[derive(Deserialize)]
struct Text<T> {
    #[serde(rename = "S")]
    text: T,
}

fn waiting(message: &str) -> Result<Waiting, Internal> {
    Ok(serde_json::from_str(message)?)
}

impl Waiting {
    /// The trace of the request that lets the item wait.
    fn trace(self) -> Option<TraceId> {
        Some(self.dynamodb.new_image?.trace?.text)
    }
}
