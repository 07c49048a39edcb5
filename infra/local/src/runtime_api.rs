//! The Lambda Runtime API, as one process of a function sees it: it asks for the next event and posts its answer.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use muster_shared::clock::Clock;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::gateway::LARGEST_EVENT;
use crate::invoke::trace_header;

/// An event on its way to a process.
struct Invocation {
    event: String,
    trace: String,
    function_arn: String,
    timeout: Duration,
    answer: oneshot::Sender<Answer>,
}

/// What a process said of an event: its answer, or the message of its error.
pub type Answer = Result<Value, String>;

/// How far a process is.
#[derive(Clone)]
enum Phase {
    Starting,
    Ready,
    Failed(String),
}

/// The runtime API of one process, on a port of its own; it is gone when this is dropped.
pub struct RuntimeApi {
    /// Where it answers.
    pub address: SocketAddr,
    phase: watch::Receiver<Phase>,
    events: mpsc::Sender<Invocation>,
    _server: JoinSet<()>,
}

impl RuntimeApi {
    /// Serves it.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (phase_told, phase) = watch::channel(Phase::Starting);
        let (events, taken) = mpsc::channel(1);
        let desk = Arc::new(Desk {
            phase: phase_told,
            events: tokio::sync::Mutex::new(taken),
            current: Mutex::new(None),
        });
        let mut server = JoinSet::new();
        server.spawn(async move {
            if let Err(error) = axum::serve(listener, routes(desk)).await {
                tracing::error!(%error, "a runtime API stopped");
            }
        });
        Ok(Self {
            address,
            phase,
            events,
            _server: server,
        })
    }

    /// Resolves when the process first asks for an event.
    ///
    /// # Errors
    /// With its message, when it says that it cannot start.
    pub async fn ready(&mut self) -> Result<(), String> {
        let known = |phase: &Phase| !matches!(phase, Phase::Starting);
        match self.phase.wait_for(known).await.as_deref() {
            Ok(Phase::Failed(message)) => Err(message.clone()),
            Ok(_) => Ok(()),
            Err(_) => Err("its runtime API is gone".to_owned()),
        }
    }

    /// Gives the process an event, as soon as it asks for one, and takes its answer.
    pub async fn invoke(&self, function_arn: &str, event: &Value, timeout: Duration) -> Answer {
        let (answer, answered) = oneshot::channel();
        let invocation = Invocation {
            event: event.to_string(),
            trace: trace_header(event, &Clock::System),
            function_arn: function_arn.to_owned(),
            timeout,
            answer,
        };
        let given = self.events.send(invocation).await.is_ok();
        match answered.await {
            Ok(answer) if given => answer,
            _ => Err("the event was lost".to_owned()),
        }
    }
}

/// Where events lie until they are taken, and whose answer is awaited.
struct Desk {
    phase: watch::Sender<Phase>,
    events: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    current: Mutex<Option<(String, oneshot::Sender<Answer>)>>,
}

impl Desk {
    fn current(&self) -> MutexGuard<'_, Option<(String, oneshot::Sender<Answer>)>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the answer to the event with this id, which must be the one that was given last.
    fn answered(&self, id: &str, answer: Answer) -> Response {
        let mut current = self.current();
        match current.take_if(|(given, _)| given == id) {
            Some((_, sender)) => {
                // Nobody waits any more for an answer that came too late.
                let _ = sender.send(answer);
                accepted()
            }
            None => (StatusCode::BAD_REQUEST, "InvalidRequestID").into_response(),
        }
    }
}

type TheDesk = State<Arc<Desk>>;

fn routes(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route(
            "/2018-06-01/runtime/invocation/{id}/response",
            post(respond),
        )
        .route("/2018-06-01/runtime/invocation/{id}/error", post(fail))
        .route("/2018-06-01/runtime/init/error", post(fail_to_start))
        .layer(DefaultBodyLimit::max(LARGEST_EVENT))
        .with_state(desk)
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, r#"{"status":"OK"}"#).into_response()
}

async fn next(State(desk): TheDesk) -> Response {
    desk.phase.send_replace(Phase::Ready);
    let Some(invocation) = desk.events.lock().await.recv().await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let id = Uuid::new_v4().to_string();
    let deadline = Clock::System.now().as_millisecond().unsigned_abs();
    let deadline = u128::from(deadline) + invocation.timeout.as_millis();
    let headers = [
        ("lambda-runtime-aws-request-id", id.clone()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            invocation.function_arn,
        ),
        ("lambda-runtime-trace-id", invocation.trace),
        (header::CONTENT_TYPE.as_str(), "application/json".to_owned()),
    ];
    *desk.current() = Some((id, invocation.answer));
    (headers, invocation.event).into_response()
}

async fn respond(
    State(desk): TheDesk,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(body) = body else {
        let message = "the answer is larger than Lambda allows".to_owned();
        let _ = desk.answered(&id, Err(message));
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let answer = serde_json::from_slice(&body);
    desk.answered(&id, answer.map_err(|_| "the answer is no JSON".to_owned()))
}

async fn fail(State(desk): TheDesk, Path(id): Path<String>, body: Bytes) -> Response {
    desk.answered(&id, Err(message(&body)))
}

async fn fail_to_start(State(desk): TheDesk, body: Bytes) -> Response {
    desk.phase.send_replace(Phase::Failed(message(&body)));
    accepted()
}

/// What an error that a process posted says.
fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Report {
        error_message: String,
    }
    serde_json::from_slice(body).map_or_else(
        |_| String::from_utf8_lossy(body).into_owned(),
        |Report { error_message }| error_message,
    )
}
