//! One `DynamoDB` transaction: all of it or nothing, and for each part that could not be done, which one it was.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use tokio::time::sleep;

use super::expression::{Change, Condition, Names};
use super::keys::Key;
use super::{Item, Store, StoreError, meter};
use crate::metrics::Tally;

/// The most parts that `DynamoDB` takes in one transaction.
pub const MOST: usize = 100;

/// A transaction in the making. `T` tells its caller which part failed.
pub struct Transaction<'a, T> {
    store: &'a Store,
    parts: Vec<TransactWriteItem>,
    tags: Vec<Option<T>>,
    known: HashSet<Key>,
    /// What operators count of it, once it is committed.
    pub(super) tally: Tally,
}

/// How often a transaction is tried while others hold its items.
const MOST_ATTEMPTS: u32 = 8;
/// How often one that gives way is throttled until it is given up: after two minutes at most.
pub const MOST_THROTTLED: u32 = 24;

/// What came of trying once.
enum Attempt<T> {
    /// It was done, or these parts failed.
    Settled(Result<(), Vec<Failed<T>>>),
    /// Another transaction holds an item of it.
    Held,
    /// A partition, the table or an index takes no more just now. If that was said of the request as a `whole`, the client has
    /// tried again itself before; of what is said of a part it knows nothing.
    Throttled { whole: bool, error: StoreError },
}

/// Whether `DynamoDB` says by this code that it takes no more just now: of a part of a transaction, or of all of it.
fn throttles(code: &str) -> bool {
    matches!(
        code,
        "ThrottlingError"
            | "ThrottlingException"
            | "ProvisionedThroughputExceeded"
            | "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
    )
}

/// A part whose condition did not hold.
#[derive(Debug)]
pub struct Failed<T> {
    /// What the caller called the part.
    pub tag: T,
    /// The item as it stood, if there was one.
    pub found: Option<Item>,
}

impl<'a, T: Clone> Transaction<'a, T> {
    /// An empty transaction on the table.
    #[must_use]
    pub fn new(store: &'a Store) -> Self {
        Self {
            store,
            parts: Vec::new(),
            tags: Vec::new(),
            known: HashSet::new(),
            tally: Tally::default(),
        }
    }

    /// Puts a new item where there is none; `tag` if there is one.
    pub fn create(&mut self, item: Item, tag: T) {
        self.put(item, Some(Condition::absent()), Some(tag));
    }

    /// Puts an item, whatever is there.
    pub fn replace(&mut self, item: Item) {
        self.put(item, None, None);
    }

    fn put(&mut self, item: Item, condition: Option<Condition>, tag: Option<T>) {
        let mut names = Names::default();
        let condition = condition.map(|condition| condition.build(&mut names));
        let put = Put::builder()
            .table_name(&self.store.table)
            .set_item(Some(item))
            .set_condition_expression(condition)
            .set_expression_attribute_names(names.names())
            .set_expression_attribute_values(names.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        self.push(
            put.map(|put| TransactWriteItem::builder().put(put).build()),
            tag,
        );
    }

    /// Changes an item if the condition holds; `tag` if not.
    pub fn update(&mut self, key: &Key, change: Change, condition: Condition, tag: T) {
        let mut names = Names::default();
        let change = change.build(&mut names);
        let condition = condition.build(&mut names);
        let update = Update::builder()
            .table_name(&self.store.table)
            .set_key(Some(key.item()))
            .update_expression(change)
            .condition_expression(condition)
            .set_expression_attribute_names(names.names())
            .set_expression_attribute_values(names.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        self.push(
            update.map(|update| TransactWriteItem::builder().update(update).build()),
            Some(tag),
        );
    }

    /// Only if the condition holds of an item that the transaction leaves as it is; `tag` if not. Several parts may ask
    /// for the same: the table takes each item once.
    pub fn check(&mut self, key: &Key, condition: Condition, tag: T) {
        if !self.known.insert(key.clone()) {
            return;
        }
        let mut names = Names::default();
        let condition = condition.build(&mut names);
        let check = ConditionCheck::builder()
            .table_name(&self.store.table)
            .set_key(Some(key.item()))
            .condition_expression(condition)
            .set_expression_attribute_names(names.names())
            .set_expression_attribute_values(names.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        self.push(
            check.map(|check| TransactWriteItem::builder().condition_check(check).build()),
            Some(tag),
        );
    }

    /// Takes for granted what [`Self::check`] would ask of this item: another part makes it so.
    pub fn take_for_granted(&mut self, key: Key) {
        self.known.insert(key);
    }

    /// Deletes an item if the condition holds; `tag` if not.
    pub fn delete_if(&mut self, key: &Key, condition: Condition, tag: T) {
        self.remove(key, Some(condition), Some(tag));
    }

    /// Deletes an item, if it is there.
    pub fn delete(&mut self, key: &Key) {
        self.remove(key, None, None);
    }

    fn remove(&mut self, key: &Key, condition: Option<Condition>, tag: Option<T>) {
        let mut names = Names::default();
        let condition = condition.map(|condition| condition.build(&mut names));
        let delete = Delete::builder()
            .table_name(&self.store.table)
            .set_key(Some(key.item()))
            .set_condition_expression(condition)
            .set_expression_attribute_names(names.names())
            .set_expression_attribute_values(names.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        self.push(
            delete.map(|delete| TransactWriteItem::builder().delete(delete).build()),
            tag,
        );
    }

    /// The builders fail only on a missing table name, key or item, and those are always set.
    fn push(
        &mut self,
        part: Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError>,
        tag: Option<T>,
    ) {
        match part {
            Ok(part) => {
                self.parts.push(part);
                self.tags.push(tag);
            }
            Err(error) => debug_assert!(false, "{error}"),
        }
    }

    /// Does all of it, or nothing and says which parts failed. Waits and tries again while other transactions hold
    /// the same items, or the table has no room.
    ///
    /// # Errors
    /// When the table cannot be reached, or others held the items throughout.
    pub async fn commit(self) -> Result<Result<(), Vec<Failed<T>>>, StoreError> {
        for attempt in 0..MOST_ATTEMPTS {
            match self.attempt().await? {
                Attempt::Settled(settled) => return Ok(settled),
                Attempt::Throttled { whole: true, error } => return Err(error),
                Attempt::Throttled { .. } | Attempt::Held => sleep(backoff(attempt)).await,
            }
        }
        Err(StoreError::Contended)
    }

    /// The same for work that nobody waits for: it takes no more of the table than its [`Effort`] says, so that there is
    /// room for those who do wait, and goes on trying for longer.
    ///
    /// # Errors
    /// When the table cannot be reached or has had no room for minutes, or others held the items throughout.
    ///
    /// [`Effort`]: super::effort::Effort
    pub async fn commit_giving_way(self) -> Result<Result<(), Vec<Failed<T>>>, StoreError> {
        let effort = &self.store.effort;
        let (mut held, mut throttled) = (0, 0);
        loop {
            let began = Instant::now();
            match self.attempt().await? {
                Attempt::Settled(settled) => {
                    sleep(effort.taken(began.elapsed())).await;
                    return Ok(settled);
                }
                Attempt::Throttled { .. } if throttled < MOST_THROTTLED => {
                    throttled += 1;
                    sleep(effort.throttled(began.elapsed())).await;
                }
                Attempt::Throttled { error, .. } => return Err(error),
                Attempt::Held if held < MOST_ATTEMPTS => {
                    sleep(backoff(held)).await;
                    held += 1;
                }
                Attempt::Held => return Err(StoreError::Contended),
            }
        }
    }

    async fn attempt(&self) -> Result<Attempt<T>, StoreError> {
        let sent = self
            .store
            .db
            .transact_write_items()
            .set_transact_items(Some(self.parts.clone()))
            .set_return_consumed_capacity(meter::wanted())
            .send()
            .await;
        let error = match sent {
            Ok(done) => {
                meter::write(done.consumed_capacity());
                self.tally.tell();
                return Ok(Attempt::Settled(Ok(())));
            }
            Err(error) => error,
        };
        let unavailable = || StoreError::unavailable("transact_write_items", &error);
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                let reasons = cancelled.cancellation_reasons();
                let failed = self.failed(reasons);
                if !failed.is_empty() {
                    return Ok(Attempt::Settled(Err(failed)));
                }
                let codes = || reasons.iter().filter_map(|reason| reason.code());
                let held = |code| matches!(code, "None" | "TransactionConflict");
                if codes().all(held) {
                    Ok(Attempt::Held)
                } else if codes().all(|code| held(code) || throttles(code)) {
                    Ok(Attempt::Throttled {
                        whole: false,
                        error: unavailable(),
                    })
                } else {
                    Err(unavailable())
                }
            }
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => Ok(Attempt::Held),
            _ => match error.code() {
                Some("TransactionConflictException") => Ok(Attempt::Held),
                Some(code) if throttles(code) => Ok(Attempt::Throttled {
                    whole: true,
                    error: unavailable(),
                }),
                _ => Err(unavailable()),
            },
        }
    }

    fn failed(&self, reasons: &[aws_sdk_dynamodb::types::CancellationReason]) -> Vec<Failed<T>> {
        let failed = reasons
            .iter()
            .zip(&self.tags)
            .filter(|(reason, _)| reason.code() == Some("ConditionalCheckFailed"));
        failed
            .filter_map(|(reason, tag)| {
                Some(Failed {
                    tag: tag.clone()?,
                    found: reason.item().cloned(),
                })
            })
            .collect()
    }
}

/// Doubles from 10 ms with full jitter (AWS Architecture Blog, "Exponential Backoff and Jitter").
pub(super) fn backoff(attempt: u32) -> Duration {
    let ceiling = 10_u64 << attempt.min(6);
    let mut random = [0_u8; 8];
    let _ = getrandom::fill(&mut random);
    Duration::from_millis(1 + u64::from_le_bytes(random) % ceiling)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use aws_sdk_dynamodb::Client;
    use aws_sdk_dynamodb::config::retry::RetryConfig;
    use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};

    use super::*;
    use crate::store::s;

    /// What a table says that has no room for the second of two parts.
    const THROTTLED: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":[{"Code":"None"},{"Code":"ThrottlingError"}]}"#;
    /// And one of which somebody else holds an item.
    const HELD: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":[{"Code":"TransactionConflict"}]}"#;
    const DONE: &str = "{}";

    /// A table that answers so, one answer after the other.
    fn table(answers: Vec<&'static str>) -> (Store, JoinHandle<()>) {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", socket.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            for body in answers {
                let (stream, _) = socket.accept().unwrap();
                read_request(&mut BufReader::new(&stream));
                let status = if body == DONE {
                    "200 OK"
                } else {
                    "400 Bad Request"
                };
                let length = body.len();
                let head = format!("content-length: {length}\r\nconnection: close");
                write!(&stream, "HTTP/1.1 {status}\r\n{head}\r\n\r\n{body}").unwrap();
            }
        });
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
            .endpoint_url(endpoint)
            .build();
        (Store::new(Client::from_conf(config), "muster"), served)
    }

    fn read_request(request: &mut impl BufRead) {
        let mut length = 0;
        loop {
            let mut header = String::new();
            request.read_line(&mut header).unwrap();
            if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if header.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        request.read_exact(&mut body).unwrap();
    }

    fn transaction(store: &Store) -> Transaction<'_, ()> {
        let mut transaction = Transaction::new(store);
        let item = |sk: &str| Item::from([("PK".to_owned(), s("T")), ("SK".to_owned(), s(sk))]);
        transaction.replace(item("1"));
        transaction.replace(item("2"));
        transaction
    }

    /// How long a worker would now rest for each ten milliseconds of work.
    fn rest(store: &Store) -> Duration {
        store.effort.taken(Duration::from_millis(10))
    }

    #[tokio::test]
    async fn work_that_gives_way_is_done_after_all_and_takes_less_of_the_table_from_then_on() {
        let (store, served) = table(vec![THROTTLED, THROTTLED, DONE]);
        let done = transaction(&store).commit_giving_way().await.unwrap();
        assert!(done.is_ok());
        served.join().unwrap();
        // A quarter of its time, and two steps.
        let rest = rest(&store).as_millis();
        assert!((28..30).contains(&rest), "{rest}");
    }

    #[tokio::test]
    async fn work_that_gives_way_is_throttled_more_often_than_a_request_until_it_is_given_up() {
        let (store, served) = table(vec![THROTTLED; 8]);
        let given_up = transaction(&store).commit().await.unwrap_err();
        assert!(matches!(given_up, StoreError::Contended));
        served.join().unwrap();
        let (store, served) = table([vec![THROTTLED; 9], vec![DONE]].concat());
        let done = transaction(&store).commit_giving_way().await.unwrap();
        assert!(done.is_ok());
        served.join().unwrap();
    }

    #[tokio::test]
    async fn an_item_that_others_hold_is_no_reason_to_take_less_of_the_table() {
        let (store, served) = table(vec![HELD, DONE]);
        let done = transaction(&store).commit_giving_way().await.unwrap();
        assert!(done.is_ok());
        served.join().unwrap();
        assert_eq!(rest(&store), Duration::ZERO);
    }

    /// The client tries again what is throttled as a whole, three times altogether, and only then says so.
    const WHOLE: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}"#;

    #[tokio::test]
    async fn who_is_throttled_as_a_whole_gives_way_too() {
        let (store, served) = table(vec![WHOLE, WHOLE, WHOLE, DONE]);
        let done = transaction(&store).commit_giving_way().await.unwrap();
        assert!(done.is_ok());
        served.join().unwrap();
        assert!(rest(&store) > Duration::from_millis(9));
    }

    #[tokio::test]
    async fn whoever_waits_is_told_at_once_when_the_client_has_tried_in_vain() {
        let (store, served) = table(vec![WHOLE; 3]);
        let told = transaction(&store).commit().await.unwrap_err();
        assert!(matches!(told, StoreError::Unavailable { .. }), "{told}");
        served.join().unwrap();
    }
}
