//! The table: the embedded `DynamoDB` engine, on a thread of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use dynoxide::Database;
use tokio::sync::Notify;

use crate::data_dir::{DataDir, write_whole};
use crate::template::Table;

/// How often expired items are removed, by the machine's clock, and for the first time when so much time has passed: a
/// test whose clock stands in the past is over by then. Nothing depends on it: expiry is decided by comparing times.
const SWEEP: Duration = Duration::from_hours(1);

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
    pub fn start(data: &DataDir, table: &Table) -> Result<Self, DynamoError> {
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
        let (stopped, served) = (Arc::clone(&stop), database.clone());
        let thread = std::thread::Builder::new()
            .name("dynamodb".to_owned())
            .spawn(move || {
                if let Err(error) = runtime.block_on(serve(listener, served, stopped)) {
                    tracing::error!(error, "the embedded DynamoDB stopped");
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

async fn serve(
    listener: std::net::TcpListener,
    database: Database,
    stop: Arc<Notify>,
) -> Result<(), String> {
    let listener =
        tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
    let sweeper = database.clone();
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
    let served =
        dynoxide::server::serve_with_shutdown(
            listener,
            database,
            async move { stop.notified().await },
        )
        .await;
    sweep.abort();
    served
}
