//! What only the local stack has, under `/local`: the inbox, SES events, support's door and the clock.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use minijinja::value::{Serde, Value as PageValue};
use minijinja::{Environment, context};
use muster_shared::clock::Clock;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::bus::Bus;
use crate::demo::Demo;
use crate::inbox::{Inbox, Mail};
use crate::invoke::{Functions, InvocationError};
use crate::problem::Problem;
use crate::queue::Queues;
use crate::schedule::Schedules;
use crate::ses_event::SesEvent;

/// Mails shown on the page.
const SHOWN: usize = 200;
/// What our own pages may load: nothing but their own style and the mail in its frame.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'";
/// What a mail may do: be looked at, and open links in new windows.
const MAIL_POLICY: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; \
    default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// The parts that `/local` lets one look into.
#[derive(Debug)]
pub struct LocalApi {
    /// The mails.
    pub inbox: Arc<Inbox>,
    /// The event bus.
    pub bus: Arc<Bus>,
    /// The functions.
    pub functions: Arc<Functions>,
    /// The operations that only support may call.
    pub support: Vec<String>,
    /// The queues.
    pub queues: Arc<Queues>,
    /// The schedules.
    pub schedules: Arc<Schedules>,
    /// The clock.
    pub clock: Clock,
    /// Where S3 answers.
    pub s3_url: String,
    /// Where `DynamoDB` answers.
    pub dynamodb_url: String,
    /// How to sign in to the demo tenant, once there is one.
    pub demo: OnceLock<Demo>,
}

type Local = State<Arc<LocalApi>>;

/// The routes.
pub fn routes(parts: Arc<LocalApi>) -> Router {
    Router::new()
        .route("/local", get(async || Redirect::permanent("/local/")))
        .route("/local/", get(start_page))
        .route("/local/inbox", get(inbox_page))
        .route("/local/inbox.json", get(inbox))
        .route("/local/inbox/{id}", get(mail_page))
        .route("/local/inbox/{id}/html", get(mail_html))
        .route("/local/ses-events", post(ses_event))
        .route("/local/support", post(support))
        .route("/local/clock", get(clock).post(move_clock))
        .route("/local/dead-letters.json", get(dead_letters))
        .route("/local/dead-letters/redrive", post(redrive))
        .with_state(parts)
}

/// A page of the local stack's own.
pub fn page(name: &str, values: PageValue) -> Response {
    let mut pages = Environment::new();
    pages.add_filter("in_words", in_words);
    let added = [
        ("base.html", include_str!("pages/base.html")),
        ("start.html", include_str!("pages/start.html")),
        ("inbox.html", include_str!("pages/inbox.html")),
        ("mail.html", include_str!("pages/mail.html")),
        ("no-console.html", include_str!("pages/no-console.html")),
    ]
    .into_iter()
    .try_for_each(|(name, source)| pages.add_template(name, source));
    match added
        .and_then(|()| pages.get_template(name))
        .and_then(|page| page.render(values))
    {
        Ok(html) => ([(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)], Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be shown");
            Problem::internal().into_response()
        }
    }
}

/// A moment as people write it: `3 March 2026, 08:00 UTC`.
fn in_words(moment: &str) -> String {
    moment.parse::<Timestamp>().map_or_else(
        |_| moment.to_owned(),
        |moment| moment.strftime("%-d %B %Y, %H:%M UTC").to_string(),
    )
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| invalid(error.to_string()))
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
}

async fn start_page(State(local): Local) -> Response {
    page(
        "start.html",
        context! {
            support => local.support.clone(),
            now => local.clock.now().to_string(),
            s3 => local.s3_url.clone(),
            dynamodb => local.dynamodb_url.clone(),
            demo => local.demo.get().map(|demo| PageValue::from(Serde(demo))),
        },
    )
}

#[derive(Deserialize)]
struct Filter {
    to: Option<String>,
}

impl Filter {
    fn mails(&self, inbox: &Inbox) -> Vec<Arc<Mail>> {
        self.to
            .as_deref()
            .map_or_else(|| inbox.all(), |address| inbox.to(address))
    }
}

async fn inbox(State(local): Local, Query(filter): Query<Filter>) -> Response {
    let mails = filter.mails(&local.inbox);
    let mails: Vec<_> = mails
        .iter()
        .map(|mail| MailView {
            mail,
            links: mail.links(),
        })
        .collect();
    Json(json!(mails)).into_response()
}

/// A mail as JSON, with its links picked out.
#[derive(Serialize)]
struct MailView<'a> {
    #[serde(flatten)]
    mail: &'a Mail,
    links: Vec<&'a str>,
}

async fn inbox_page(State(local): Local, Query(filter): Query<Filter>) -> Response {
    let mails = filter.mails(&local.inbox);
    let count = mails.len();
    let mails: Vec<_> = mails
        .iter()
        .rev()
        .take(SHOWN)
        .map(|mail| PageValue::from(Serde(mail.as_ref())))
        .collect();
    page("inbox.html", context! { mails, count, to => filter.to })
}

async fn mail_page(State(local): Local, Path(id): Path<String>) -> Response {
    let Some(mail) = local.inbox.find(&id) else {
        return Problem::not_found().into_response();
    };
    let links = PageValue::from(Serde(mail.links()));
    page(
        "mail.html",
        context! { mail => PageValue::from(Serde(&*mail)), links },
    )
}

async fn mail_html(State(local): Local, Path(id): Path<String>) -> Response {
    let Some(mail) = local.inbox.find(&id) else {
        return Problem::not_found().into_response();
    };
    // A link cannot open inside the frame.
    let html = mail
        .html
        .replacen("<head>", "<head><base target=\"_blank\">", 1);
    ([(header::CONTENT_SECURITY_POLICY, MAIL_POLICY)], Html(html)).into_response()
}

async fn ses_event(State(local): Local, body: Bytes) -> Result<Response, Problem> {
    let event = parse::<SesEvent>(&body)?
        .complete(&local.inbox, &local.clock)
        .map_err(invalid)?;
    match local.bus.put(&event) {
        Ok(0) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "no_rule",
            "No rule of the template takes this event.",
        )),
        Ok(queues) => Ok((
            StatusCode::ACCEPTED,
            Json(json!({ "event": event, "queues": queues })),
        )
            .into_response()),
        Err(error) => {
            tracing::error!(%error, "an event cannot be kept");
            Err(Problem::internal())
        }
    }
}

#[derive(Deserialize)]
struct Support {
    operation: String,
    #[serde(flatten)]
    event: Map<String, Value>,
}

/// Invokes a function that has no other trigger, as support does by IAM.
async fn support(State(local): Local, body: Bytes) -> Result<Response, Problem> {
    let Support { operation, event } = parse(&body)?;
    if !local.support.contains(&operation) {
        return Err(invalid(format!(
            "`operation` must be one of: {}",
            local.support.join(", ")
        )));
    }
    match local
        .functions
        .invoke(&operation, Value::Object(event))
        .await
    {
        Ok(answer) if answer.get("errors").is_some() => {
            Err(invalid("Nothing was done.").with_errors(&answer["errors"]))
        }
        Ok(answer) => Ok(Json(answer).into_response()),
        Err(InvocationError::Failed(refusal)) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "refused",
            refusal,
        )),
        Err(error) => {
            tracing::error!(operation, %error, "an invocation by support failed");
            Err(Problem::internal())
        }
    }
}

async fn clock(State(local): Local) -> Json<Value> {
    Json(json!({ "now": local.clock.now() }))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Move {
    By { advance_seconds: u32 },
    To { to: Timestamp },
}

/// Moves the clock forward and runs what became due.
async fn move_clock(State(local): Local, body: Bytes) -> Result<Json<Value>, Problem> {
    let request = serde_json::from_slice(&body);
    let request = request.map_err(|_| {
        invalid("send {\"advance_seconds\": 60} or {\"to\": \"2030-01-01T00:00:00Z\"}")
    })?;
    let by = match request {
        Move::By { advance_seconds } => SignedDuration::from_secs(advance_seconds.into()),
        Move::To { to } => to.duration_since(local.clock.now()),
    };
    if by.is_negative() {
        return Err(invalid("the clock moves forward only"));
    }
    if matches!(local.clock, Clock::System) {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "fixed_clock",
            "This stack runs by the machine's own clock.",
        ));
    }
    local.schedules.advance(by).await;
    Ok(Json(json!({ "now": local.clock.now() })))
}

async fn dead_letters(State(local): Local) -> Response {
    Json(local.queues.dead_letters()).into_response()
}

async fn redrive(State(local): Local) -> Json<Value> {
    Json(json!({ "redriven": local.queues.redrive() }))
}
