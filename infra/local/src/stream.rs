//! The outbox on its way: table stream, pipe, topic, subscribed queues.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, Row, params};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::cloudformation::REGION;
use crate::pattern::Pattern;
use crate::queue::Queues;
use crate::template::{Subscription, Template};

/// How often the stream is looked at when nobody says that something was written.
const IDLE: Duration = Duration::from_millis(20);
/// Records read at once.
const PAGE: usize = 500;

/// The reader of the table's stream.
///
/// The engine keeps its stream in its file and never trims it. So the file itself is the durable outbox: a record is removed
/// when every queue is through with it, and what is found at the start was left open by an earlier process.
#[derive(Debug)]
pub struct Stream {
    commands: Sender<Command>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Command {
    /// Something may have been written.
    Look,
    /// Look, and say how many records were passed on.
    CatchUp(oneshot::Sender<usize>),
    /// Every queue is through with this record.
    Handled(i64),
    Stop,
}

/// Tells a stream that something may have been written, so that it need not wait to find out.
#[derive(Debug, Clone)]
pub struct Nudge(Sender<Command>);

impl Nudge {
    /// Makes the stream look.
    pub fn look(&self) {
        // Nobody listens once the stack has stopped.
        let _ = self.0.send(Command::Look);
    }
}

impl Stream {
    /// Starts reading the stream of the engine's `file`.
    ///
    /// # Errors
    /// When the file cannot be prepared.
    pub fn start(file: &Path, wiring: Wiring, queues: Arc<Queues>) -> Result<Self, StreamError> {
        let connection = Connection::open(file)?;
        prepare(&connection, &wiring)?;
        let (commands, inbox) = channel();
        let reader = Reader {
            connection,
            wiring,
            queues,
            commands: commands.clone(),
            last: 0,
            version: -1,
            handled: Vec::new(),
        };
        let thread = std::thread::Builder::new()
            .name("stream".to_owned())
            .spawn(move || reader.run(&inbox))?;
        Ok(Self {
            commands,
            thread: Some(thread),
        })
    }

    /// A handle to say that something may have been written.
    #[must_use]
    pub fn nudge(&self) -> Nudge {
        Nudge(self.commands.clone())
    }

    /// Passes on all that was written before this call, and says how many records that were.
    pub async fn catch_up(&self) -> usize {
        let (answer, passed_on) = oneshot::channel();
        if self.commands.send(Command::CatchUp(answer)).is_err() {
            return 0;
        }
        passed_on.await.unwrap_or(0)
    }

    /// Stops reading and closes the file.
    pub fn stop(&mut self) {
        let _ = self.commands.send(Command::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the stream's reader panicked");
        }
    }
}

/// A stack that is dropped stops reading too, without waiting for it.
impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Stop);
    }
}

/// What passes from the stream to which queue.
#[derive(Debug)]
pub struct Wiring {
    table: String,
    outbox: Vec<Pattern>,
    subscriptions: Vec<Subscription>,
}

impl Wiring {
    /// Takes the wiring out of a template.
    #[must_use]
    pub fn of(template: &mut Template) -> Self {
        Self {
            table: template.table.name.clone(),
            outbox: std::mem::take(&mut template.outbox),
            subscriptions: std::mem::take(&mut template.subscriptions),
        }
    }

    /// An attribute without which no new image passes any filter of the pipe.
    fn required_attribute(&self) -> Option<&str> {
        let mut required = self
            .outbox
            .iter()
            .map(|filter| filter.required_at(&["dynamodb", "NewImage"]));
        let first = required.next()?;
        let rest: Vec<_> = required.collect();
        first
            .into_iter()
            .find(|name| rest.iter().all(|names| names.contains(name)))
    }

    fn targets<'a>(&'a self, record: &'a Value) -> impl Iterator<Item = &'a str> {
        let passes = self.outbox.iter().any(|filter| filter.matches(record));
        let subscribed = self
            .subscriptions
            .iter()
            .filter(move |subscription| passes && subscription.filter.matches(record));
        subscribed.map(|subscription| subscription.queue.as_str())
    }
}

/// Why the stream cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The engine's file is not as expected.
    #[error("the table's stream cannot be read: {0}")]
    File(#[from] rusqlite::Error),
    /// No thread.
    #[error("the table's stream cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

/// Makes the engine's stream cheap: it looks for its last sequence number on every write, which without an index reads all
/// records, and it stores a record for every write, though few can ever pass the pipe.
fn prepare(connection: &Connection, wiring: &Wiring) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(30))?;
    connection.execute_batch(
        "PRAGMA synchronous = NORMAL;
         CREATE INDEX IF NOT EXISTS muster_stream ON _stream_records (table_name, CAST(sequence_number AS INTEGER));
         DROP TRIGGER IF EXISTS muster_outbox;",
    )?;
    if let Some(attribute) = wiring.required_attribute() {
        let name = format!("\"{attribute}\"").replace('\'', "''");
        connection.execute_batch(&format!(
            "CREATE TRIGGER muster_outbox BEFORE INSERT ON _stream_records
             WHEN NEW.new_image IS NULL OR instr(NEW.new_image, '{name}') = 0
             BEGIN SELECT RAISE(IGNORE); END;"
        ))?;
    }
    Ok(())
}

struct Reader {
    connection: Connection,
    wiring: Wiring,
    queues: Arc<Queues>,
    commands: Sender<Command>,
    /// The last record that was passed on; ids grow and are never used again.
    last: i64,
    /// What `SQLite` calls the file's state when it was last read.
    version: i64,
    handled: Vec<i64>,
}

impl Reader {
    fn run(mut self, inbox: &Receiver<Command>) {
        loop {
            let mut waiting = Vec::new();
            let mut next = match inbox.recv_timeout(IDLE) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            while let Some(command) = next {
                match command {
                    Command::Look => {}
                    Command::CatchUp(answer) => waiting.push(answer),
                    Command::Handled(record) => self.handled.push(record),
                    Command::Stop => {
                        self.forget_handled();
                        return;
                    }
                }
                next = inbox.try_recv().ok();
            }
            self.forget_handled();
            let passed_on = self.look().unwrap_or_else(|error| {
                tracing::error!(%error, "the table's stream cannot be read; trying again");
                0
            });
            for answer in waiting {
                let _ = answer.send(passed_on);
            }
        }
    }

    /// Passes on what was written since the last look, and says how many records that were.
    fn look(&mut self) -> rusqlite::Result<usize> {
        let version = self
            .connection
            .pragma_query_value(None, "data_version", |row| row.get(0))?;
        if version == self.version {
            return Ok(0);
        }
        let mut passed_on = 0;
        loop {
            let page = self.page()?;
            for (id, record) in &page {
                self.pass_on(*id, record);
                self.last = *id;
            }
            passed_on += page.len();
            if page.len() < PAGE {
                self.version = version;
                return Ok(passed_on);
            }
        }
    }

    fn page(&self) -> rusqlite::Result<Vec<(i64, Value)>> {
        let mut query = self.connection.prepare_cached(
            "SELECT id, event_id, event_name, keys_json, new_image, old_image, sequence_number, created_at
             FROM _stream_records WHERE id > ?1 AND table_name = ?2 ORDER BY id LIMIT ?3",
        )?;
        let rows = query.query_map(params![self.last, self.wiring.table, PAGE], |row| {
            Ok((row.get(0)?, record(row)?))
        })?;
        rows.collect()
    }

    fn pass_on(&self, id: i64, record: &Value) {
        let commands = self.commands.clone();
        self.queues.send(
            self.wiring.targets(record),
            &record.to_string(),
            move || {
                let _ = commands.send(Command::Handled(id));
            },
        );
    }

    fn forget_handled(&mut self) {
        if self.handled.is_empty() {
            return;
        }
        match forget(&mut self.connection, &self.handled) {
            Ok(()) => self.handled.clear(),
            Err(error) => tracing::warn!(%error, "handled records stay in the stream for now"),
        }
    }
}

fn forget(connection: &mut Connection, records: &[i64]) -> rusqlite::Result<()> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    {
        let mut delete = transaction.prepare_cached("DELETE FROM _stream_records WHERE id = ?1")?;
        for record in records {
            delete.execute([record])?;
        }
    }
    transaction.commit()
}

/// A stream record as Lambda, pipes and topics show it.
fn record(row: &Row<'_>) -> rusqlite::Result<Value> {
    let image = |index: usize| -> rusqlite::Result<Option<Value>> {
        let text: Option<String> = row.get(index)?;
        text.map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(
                    index,
                    rusqlite::types::Type::Text,
                    Box::new(error),
                )
            })
    };
    let mut change = json!({
        "ApproximateCreationDateTime": row.get::<_, i64>(7)?,
        "Keys": image(3)?,
        "SequenceNumber": row.get::<_, String>(6)?,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    });
    for (name, index) in [("NewImage", 4), ("OldImage", 5)] {
        if let Some(image) = image(index)? {
            change[name] = image;
        }
    }
    Ok(json!({
        "eventID": row.get::<_, Option<String>>(1)?,
        "eventName": row.get::<_, String>(2)?,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": change,
    }))
}
