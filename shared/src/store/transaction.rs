//! One `DynamoDB` transaction: all of it or nothing, and for each part that could not be done, which one it was.

use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

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
    /// the same items.
    ///
    /// # Errors
    /// When the table cannot be reached, or others held the items throughout.
    pub async fn commit(self) -> Result<Result<(), Vec<Failed<T>>>, StoreError> {
        for attempt in 0..8_u32 {
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
                    return Ok(Ok(()));
                }
                Err(error) => error,
            };
            match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    let failed = self.failed(cancelled.cancellation_reasons());
                    if !failed.is_empty() {
                        return Ok(Err(failed));
                    }
                    let codes: Vec<&str> = cancelled
                        .cancellation_reasons()
                        .iter()
                        .filter_map(|reason| reason.code())
                        .collect();
                    let passing = |code: &&str| {
                        matches!(
                            *code,
                            "None"
                                | "TransactionConflict"
                                | "ThrottlingError"
                                | "ProvisionedThroughputExceeded"
                        )
                    };
                    if !codes.iter().all(passing) {
                        return Err(StoreError::unavailable("transact_write_items", &error));
                    }
                }
                Some(TransactWriteItemsError::TransactionInProgressException(_)) => {}
                _ if error.code() == Some("TransactionConflictException") => {}
                _ => return Err(StoreError::unavailable("transact_write_items", &error)),
            }
            tokio::time::sleep(backoff(attempt)).await;
        }
        Err(StoreError::Contended)
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
