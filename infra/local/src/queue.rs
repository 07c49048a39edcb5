//! Queues as SQS keeps them: batches, retries that back off, dead letters, and workers that are functions.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_shared::clock::Clock;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore, watch};

use crate::cloudformation::REGION;
use crate::invoke::Functions;
use crate::stack::Options;
use crate::template::{QueueSource, Template};

/// How long a failed message rests before it comes again; doubled each time, up to what the stack's options say.
const FIRST_RETRY: Duration = Duration::from_millis(200);

/// All queues.
#[derive(Debug)]
pub struct Queues {
    queues: BTreeMap<String, Arc<Queue>>,
    unfinished: Arc<watch::Sender<usize>>,
}

/// One queue.
#[derive(Debug)]
struct Queue {
    name: String,
    arn: String,
    max_receives: u32,
    longest_rest: Duration,
    clock: Clock,
    unfinished: Arc<watch::Sender<usize>>,
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug)]
struct State {
    waiting: VecDeque<Message>,
    dead: Vec<Message>,
    /// Every body that ever came in, where someone wants to see them again.
    history: Option<Vec<Arc<str>>>,
}

#[derive(Debug, Clone)]
struct Message {
    id: String,
    body: Arc<str>,
    sent: i64,
    receives: u32,
    origin: Option<Arc<Origin>>,
}

/// Where a message came from; told once all queues that it went to are through with it.
pub struct Origin {
    open: AtomicUsize,
    done: Box<dyn Fn() + Send + Sync>,
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Origin")
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

/// A message that was given up.
#[derive(Debug, Serialize)]
pub struct DeadLetter {
    /// The queue it was in.
    pub queue: String,
    /// The message's id.
    pub message_id: String,
    /// How often it was tried.
    pub receives: u32,
    /// What it says.
    pub body: Value,
}

/// What a function says about the batch it was given.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct BatchResponse {
    #[serde(default)]
    batch_item_failures: Vec<ItemFailure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: String,
}

impl Queues {
    /// The queues of a template, empty.
    #[must_use]
    pub fn new(template: &Template, options: &Options) -> Self {
        let unfinished = Arc::new(watch::Sender::new(0));
        let queue = |name: &String, queue: &crate::template::Queue| Queue {
            name: name.clone(),
            arn: queue.arn.clone(),
            max_receives: queue.max_receives,
            longest_rest: options.longest_rest,
            clock: options.clock.clone(),
            unfinished: Arc::clone(&unfinished),
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                dead: Vec::new(),
                history: options.keep_history.then(Vec::new),
            }),
            arrived: Notify::new(),
        };
        let queues = template
            .queues
            .iter()
            .map(|(name, model)| (name.clone(), Arc::new(queue(name, model))))
            .collect();
        Self { queues, unfinished }
    }

    /// Puts a body into each of `targets` and calls `done` when all of them are through with it. Until then the sender keeps
    /// the body itself, so that it can send it again after a crash; a dead letter is not done.
    pub fn send<'a>(
        &self,
        targets: impl IntoIterator<Item = &'a str>,
        body: &str,
        done: impl Fn() + Send + Sync + 'static,
    ) {
        let targets: Vec<_> = targets
            .into_iter()
            .filter_map(|name| self.queues.get(name))
            .collect();
        if targets.is_empty() {
            return done();
        }
        let body: Arc<str> = body.into();
        let origin = Arc::new(Origin {
            open: AtomicUsize::new(targets.len()),
            done: Box::new(done),
        });
        for queue in targets {
            queue.send(Arc::clone(&body), Some(Arc::clone(&origin)));
        }
    }

    /// Sends every body that ever came in once more, in random order.
    pub fn send_all_again(&self) {
        let mut bodies: Vec<_> = self.queues.values().flat_map(Queue::history).collect();
        bodies.sort_by_cached_key(|_| uuid::Uuid::new_v4());
        for (queue, body) in bodies {
            queue.put(Message::new(&queue.clock, body, None));
        }
    }

    /// The messages that were given up.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.queues
            .values()
            .flat_map(|queue| queue.dead_letters())
            .collect()
    }

    /// Puts the messages that were given up back into their queues, and says how many.
    #[must_use]
    pub fn redrive(&self) -> usize {
        self.queues.values().map(|queue| queue.redrive()).sum()
    }

    /// Resolves when no message waits, is being worked on, or rests before it is tried again.
    pub async fn drained(&self) {
        let mut unfinished = self.unfinished.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = unfinished.wait_for(|count| *count == 0).await;
    }

    /// Whether `drained` would resolve at once.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        *self.unfinished.borrow() == 0
    }

    /// Hands a queue's messages to a function, until the task is dropped.
    pub async fn work(
        self: Arc<Self>,
        source: QueueSource,
        function: String,
        functions: Arc<Functions>,
    ) {
        let Some(queue) = self.queues.get(&source.queue) else {
            return;
        };
        let free = Arc::new(Semaphore::new(source.concurrency));
        loop {
            let Ok(permit) = Arc::clone(&free).acquire_owned().await else {
                return;
            };
            let batch = queue.receive(source.batch_size).await;
            let (queue, functions, function) =
                (Arc::clone(queue), Arc::clone(&functions), function.clone());
            tokio::spawn(async move {
                let answer = functions.invoke(&function, queue.event(&batch)).await;
                let failed = match answer {
                    Ok(answer) => failed_items(answer, &batch),
                    Err(error) => {
                        tracing::warn!(function, %error, "a batch failed");
                        batch.iter().map(|message| message.id.clone()).collect()
                    }
                };
                for message in batch {
                    if failed.contains(&message.id) {
                        queue.retry(message);
                    } else {
                        queue.finish(&message);
                    }
                }
                drop(permit);
            });
        }
    }
}

/// The ids of the messages that a function wants again; all, when its answer makes no sense.
fn failed_items(answer: Value, batch: &[Message]) -> Vec<String> {
    let response = match answer {
        Value::Null => Some(BatchResponse::default()),
        answer => serde_json::from_value::<BatchResponse>(answer).ok(),
    };
    let known = |failure: &ItemFailure| {
        batch
            .iter()
            .any(|message| message.id == failure.item_identifier)
    };
    match response {
        Some(response) if response.batch_item_failures.iter().all(known) => response
            .batch_item_failures
            .into_iter()
            .map(|failure| failure.item_identifier)
            .collect(),
        _ => batch.iter().map(|message| message.id.clone()).collect(),
    }
}

impl Message {
    fn new(clock: &Clock, body: Arc<str>, origin: Option<Arc<Origin>>) -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            body,
            sent: clock.now().as_millisecond(),
            receives: 0,
            origin,
        }
    }

    fn record(&self, queue: &Queue) -> Value {
        json!({
            "messageId": self.id,
            "receiptHandle": self.id,
            "body": self.body,
            "attributes": {
                "ApproximateReceiveCount": self.receives.to_string(),
                "ApproximateFirstReceiveTimestamp": self.sent.to_string(),
                "SentTimestamp": self.sent.to_string(),
                "SenderId": "local",
            },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": queue.arn,
            "awsRegion": REGION,
        })
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, body: Arc<str>, origin: Option<Arc<Origin>>) {
        if let Some(history) = &mut self.state().history {
            history.push(Arc::clone(&body));
        }
        self.put(Message::new(&self.clock, body, origin));
    }

    /// Takes a message in as unfinished.
    fn put(&self, message: Message) {
        self.unfinished.send_modify(|count| *count += 1);
        self.put_back(message);
    }

    fn put_back(&self, message: Message) {
        self.state().waiting.push_back(message);
        self.arrived.notify_one();
    }

    /// Up to `limit` messages, waiting for the first.
    async fn receive(&self, limit: usize) -> Vec<Message> {
        loop {
            let arrived = self.arrived.notified();
            {
                let waiting = &mut self.state().waiting;
                if !waiting.is_empty() {
                    let count = limit.min(waiting.len());
                    let batch = waiting.drain(..count);
                    return batch
                        .map(|message| Message {
                            receives: message.receives + 1,
                            ..message
                        })
                        .collect();
                }
            }
            arrived.await;
        }
    }

    fn event(&self, batch: &[Message]) -> Value {
        json!({ "Records": batch.iter().map(|message| message.record(self)).collect::<Vec<_>>() })
    }

    fn finish(&self, message: &Message) {
        if let Some(origin) = &message.origin
            && origin.open.fetch_sub(1, Ordering::AcqRel) == 1
        {
            (origin.done)();
        }
        self.unfinished.send_modify(|count| *count -= 1);
    }

    /// Lets a failed message come again after a rest, or gives it up.
    fn retry(self: &Arc<Self>, message: Message) {
        if message.receives >= self.max_receives {
            tracing::error!(
                queue = self.name,
                message = message.id,
                "a message became a dead letter"
            );
            self.state().dead.push(message);
            self.unfinished.send_modify(|count| *count -= 1);
            return;
        }
        let rest = FIRST_RETRY
            .saturating_mul(1 << (message.receives - 1).min(16))
            .min(self.longest_rest);
        let queue = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(rest).await;
            queue.put_back(message);
        });
    }

    fn history(self: &Arc<Self>) -> Vec<(Arc<Self>, Arc<str>)> {
        let state = self.state();
        state
            .history
            .iter()
            .flatten()
            .map(|body| (Arc::clone(self), Arc::clone(body)))
            .collect()
    }

    fn dead_letters(&self) -> Vec<DeadLetter> {
        let letter = |message: &Message| DeadLetter {
            queue: self.name.clone(),
            message_id: message.id.clone(),
            receives: message.receives,
            body: serde_json::from_str(&message.body).unwrap_or_else(|_| json!(message.body)),
        };
        self.state().dead.iter().map(letter).collect()
    }

    fn redrive(&self) -> usize {
        let dead = std::mem::take(&mut self.state().dead);
        let count = dead.len();
        for message in dead {
            self.put(Message {
                receives: 0,
                ..message
            });
        }
        count
    }
}
