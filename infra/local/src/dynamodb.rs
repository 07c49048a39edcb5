//! The table: the embedded `DynamoDB` engine, on a thread of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use dynoxide::{Database, DynoxideError};
use serde_json::Value;
use tokio::sync::Notify;

use crate::data_dir::{DataDir, write_whole};
use crate::faults::{self, Faults, Service};
use crate::iam::dynamodb::Schema;
use crate::iam::{self, Roles};
use crate::template::Table;

/// How often expired items are removed, by the machine's clock, and for the first time when so much time has passed: a
/// test whose clock stands in the past is over by then. Nothing depends on it: expiry is decided by comparing times.
const SWEEP: Duration = Duration::from_hours(1);

/// The largest request that `DynamoDB` takes, in bytes.
const LARGEST: usize = 16 * 1024 * 1024;

/// The running engine.
pub struct Dynamo {
    /// Where it answers.
    pub url: String,
    /// The engine's file.
    pub file: PathBuf,
    /// The engine itself.
    pub database: Database,
    stop: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Dynamo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dynamo")
            .field("url", &self.url)
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// Why the engine does not run.
#[derive(Debug, thiserror::Error)]
pub enum DynamoError {
    /// It refuses its file, or the table.
    #[error("the embedded DynamoDB refuses: {0}")]
    Engine(#[from] dynoxide::DynoxideError),
    /// The template's table cannot be requested.
    #[error("the template's table is no valid request: {0}")]
    Table(#[from] serde_json::Error),
    /// The folder holds a table of another definition.
    #[error("the data was written by another version of the table; choose another folder with --data, or remove {}", .0.display())]
    Changed(PathBuf),
    /// No port, thread or file.
    #[error("the embedded DynamoDB cannot start: {0}")]
    Io(#[from] std::io::Error),
}

impl Dynamo {
    /// Opens the engine's file, creates the table where needed, and serves it.
    ///
    /// # Errors
    /// When the file, the table or a port is refused.
    pub fn start(
        data: &DataDir,
        table: &Table,
        roles: Arc<Roles>,
        faults: Option<&Arc<Faults>>,
    ) -> Result<Self, DynamoError> {
        let file = data.join("table.sqlite");
        let database = open(&file, data, table)?;
        let listener = std::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        // Requests hold the engine's lock for as long as they take: on another runtime they would stall its timers.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("dynamodb")
            .enable_all()
            .build()?;
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let engine = Engine {
            database: database.clone(),
            schema: Schema::of(table),
            roles,
        };
        let sweeper = database.clone();
        let app = faults::before(routes(engine), faults, Service::Dynamo);
        let thread = std::thread::Builder::new()
            .name("dynamodb".to_owned())
            .spawn(move || {
                if let Err(error) = runtime.block_on(serve(listener, app, sweeper, stopped)) {
                    tracing::error!(%error, "the embedded DynamoDB stopped");
                }
            })?;
        Ok(Self {
            url,
            file,
            database,
            stop,
            thread: Some(thread),
        })
    }

    /// Stops serving and closes the file.
    pub fn stop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the embedded DynamoDB panicked");
        }
    }
}

/// A stack that is dropped stops its engine too, without waiting for it.
impl Drop for Dynamo {
    fn drop(&mut self) {
        self.stop.notify_one();
    }
}

fn open(file: &Path, data: &DataDir, table: &Table) -> Result<Database, DynamoError> {
    let definition = data.join("table.json");
    let wanted = serde_json::to_vec_pretty(&table.create)?;
    let exists = file.exists();
    if exists && std::fs::read(&definition).is_ok_and(|found| found != wanted) {
        return Err(DynamoError::Changed(data.join("")));
    }
    let database = Database::new(&file.to_string_lossy())?;
    if data.is_temporary() {
        database.enable_bulk_loading()?;
    } else {
        // Leaves the file as a killed process needs it, and no slower.
        database.disable_bulk_loading()?;
    }
    if database.get_table_metadata(&table.name)?.is_none() {
        database.create_table(serde_json::from_value(table.create.clone())?)?;
        database.update_time_to_live(serde_json::from_value(table.time_to_live.clone())?)?;
    }
    write_whole(&definition, &wanted)?;
    Ok(database)
}

fn routes(engine: Engine) -> Router {
    Router::new()
        .route("/", post(answer))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(Arc::new(engine))
}

async fn serve(
    listener: std::net::TcpListener,
    app: Router,
    sweeper: Database,
    stop: Arc<Notify>,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let sweep = tokio::spawn(async move {
        let mut due = tokio::time::interval_at(tokio::time::Instant::now() + SWEEP, SWEEP);
        loop {
            due.tick().await;
            let database = sweeper.clone();
            if let Ok(Err(error)) = tokio::task::spawn_blocking(move || database.sweep_ttl()).await
            {
                tracing::warn!(%error, "expired items stay");
            }
        }
    });
    let served = axum::serve(listener, app)
        .with_graceful_shutdown(async move { stop.notified().await })
        .await;
    sweep.abort();
    served
}

/// The engine behind its door.
struct Engine {
    database: Database,
    schema: Schema,
    roles: Arc<Roles>,
}

async fn answer(State(engine): State<Arc<Engine>>, headers: HeaderMap, body: Bytes) -> Response {
    let (status, body) = match engine.call(&headers, &body) {
        Ok(answer) => (StatusCode::OK, answer),
        Err(error) => (
            StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::BAD_REQUEST),
            error.to_json(),
        ),
    };
    let json = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
    (status, json, body).into_response()
}

impl Engine {
    /// Carries out a request, if whoever sends it may.
    fn call(&self, headers: &HeaderMap, body: &[u8]) -> Result<String, DynoxideError> {
        let operation = iam::header(headers, "x-amz-target").strip_prefix("DynamoDB_20120810.");
        let operation = operation.unwrap_or_default();
        let request: Value = serde_json::from_slice(body).map_err(unreadable)?;
        let accesses = self.schema.accesses(operation, &request);
        let accesses = accesses.map_err(unreadable)?;
        let access_key = iam::access_key(headers).unwrap_or_default();
        self.roles
            .authorize(access_key, &accesses)
            .map_err(|denied| DynoxideError::AccessDeniedException(denied.to_string()))?;
        self.carry_out(operation, request)
    }

    fn carry_out(&self, operation: &str, request: Value) -> Result<String, DynoxideError> {
        macro_rules! by_name {
            ($($name:literal => $method:ident,)*) => {
                match operation {
                    $($name => {
                        let request = serde_json::from_value(request).map_err(unreadable)?;
                        serde_json::to_string(&self.database.$method(request)?).map_err(unreadable)
                    })*
                    _ => Err(unreadable("the local stack does not serve this operation")),
                }
            };
        }
        by_name! {
            "GetItem" => get_item,
            "PutItem" => put_item,
            "UpdateItem" => update_item,
            "DeleteItem" => delete_item,
            "Query" => query,
            "Scan" => scan,
            "BatchGetItem" => batch_get_item,
            "BatchWriteItem" => batch_write_item,
            "TransactGetItems" => transact_get_items,
            "TransactWriteItems" => transact_write_items,
            "DescribeTable" => describe_table,
            "ListTables" => list_tables,
        }
    }
}

fn unreadable(problem: impl std::fmt::Display) -> DynoxideError {
    DynoxideError::ValidationException(problem.to_string())
}
