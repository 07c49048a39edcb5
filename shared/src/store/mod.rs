//! The table: every read and every change. Each method takes the tenant first; nothing can be looked up without one,
//! except what belongs to a person, a link or a job.

pub mod accounts;
pub mod audit;
pub mod bulk;
pub mod directory;
pub mod effort;
pub mod exports;
pub mod expression;
pub mod groups;
pub mod idempotency;
pub mod imports;
pub mod invitations;
pub mod keys;
pub mod kinds;
pub mod leaving;
pub mod links;
pub mod mails;
pub mod meter;
pub mod named;
pub mod outbox;
pub mod overview;
pub mod people;
pub mod roles;
pub mod scan;
pub mod signing_keys;
pub mod support;
pub mod tenants;
pub mod throttle;
pub mod transaction;
pub mod users;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use effort::Effort;
use expression::{Change, Condition, Names};
use keys::{Key, PK, SK};

use crate::domain::id::Seed;

/// By which of all puts an item came to stand, a random mark.
const PUT_BY: &str = "put_by";

/// An item of the table.
pub type Item = HashMap<String, AttributeValue>;

/// The table, through a client that `main` built.
#[derive(Debug, Clone)]
pub struct Store {
    db: Client,
    table: String,
    effort: Arc<Effort>,
}

/// Something is broken: never a refusal.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The table did not answer, or not as it should.
    #[error("{call}: {message}")]
    Unavailable {
        /// The call.
        call: &'static str,
        /// What the client says of it; holds keys and codes, no values.
        message: String,
    },
    /// Others held the same items throughout.
    #[error("the items stayed in use by other transactions")]
    Contended,
    /// What is stored is not what was written.
    #[error("stored item {pk} {sk} is corrupt: {message}")]
    Corrupt {
        /// Its partition key's kind and id, without a person's address.
        pk: String,
        /// Its sort key's kind.
        sk: String,
        /// Which attribute, and how.
        message: String,
    },
    /// A value cannot be stored.
    #[error("a value cannot be stored: {0}")]
    Unstorable(#[from] serde_dynamo::Error),
    /// The operating system has no randomness to give.
    #[error("randomness: {0}")]
    Random(#[from] getrandom::Error),
}

impl StoreError {
    fn unavailable<E, R>(call: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
        R: std::fmt::Debug,
    {
        if error.code() == Some("TransactionConflictException") {
            return Self::Contended;
        }
        // A cancelled transaction's reasons hold whole items; only their codes may be told.
        let message = match error.as_service_error() {
            Some(service) => format!(
                "{}: {}",
                service.code().unwrap_or("unknown"),
                service.message().unwrap_or_default()
            ),
            // Not the error's own text: it can hold an answer's body.
            None => kind_of(error).to_owned(),
        };
        Self::Unavailable { call, message }
    }

    /// That an item is not what was written. Keys of people hold addresses, so only the kind of key is told of those.
    fn corrupt(item_key: (&str, &str), message: impl std::fmt::Display) -> Self {
        let kind = |key: &str| key.split('#').next().unwrap_or_default().to_owned();
        let pk = if item_key.0.starts_with("T#") {
            item_key.0.to_owned()
        } else {
            kind(item_key.0)
        };
        let sk = if item_key.1.starts_with("USER#") {
            item_key.1.to_owned()
        } else {
            kind(item_key.1)
        };
        Self::Corrupt {
            pk,
            sk,
            message: message.to_string(),
        }
    }
}

/// What kind of fault kept a call from being answered.
fn kind_of<E, R>(error: &SdkError<E, R>) -> &'static str {
    match error {
        SdkError::ConstructionFailure(_) => "the request could not be made",
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(_) => "not reached",
        SdkError::ResponseError(_) => "the answer could not be read",
        _ => "unknown",
    }
}

/// A text as an attribute.
#[must_use]
pub fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number as an attribute.
#[must_use]
pub fn n(number: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(number.into().to_string())
}

/// Any value as an attribute.
///
/// # Errors
/// When it cannot be stored.
pub fn value(value: &impl Serialize) -> Result<AttributeValue, StoreError> {
    Ok(serde_dynamo::to_attribute_value(value)?)
}

/// The item that keeps `content` at `key`.
fn item(key: &Key, content: &impl Serialize) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(content)?;
    item.extend(key.item());
    Ok(item)
}

/// Reads what an item keeps.
///
/// # Errors
/// When it keeps something else.
pub fn content<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    let key = Key::of(&item);
    serde_dynamo::from_item(item).map_err(|error| StoreError::corrupt((&key.pk, &key.sk), error))
}

/// A time in whole seconds since the epoch, as `ttl` counts.
fn seconds(at: Timestamp) -> AttributeValue {
    n(at.as_second())
}

impl Store {
    /// The table behind a client.
    #[must_use]
    pub fn new(db: Client, table: impl Into<String>) -> Self {
        Self {
            db,
            table: table.into(),
            effort: Arc::default(),
        }
    }

    /// Reads one item, strongly consistent.
    async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, StoreError> {
        let got = self
            .db
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key.item()))
            .consistent_read(true)
            .set_return_consumed_capacity(meter::wanted())
            .send()
            .await;
        let got = got.map_err(|error| StoreError::unavailable("get_item", &error))?;
        meter::read(got.consumed_capacity());
        got.item.map(content).transpose()
    }

    /// Reads many items, strongly consistent, in the order of the keys.
    async fn get_many<T: DeserializeOwned>(
        &self,
        keys: &[Key],
    ) -> Result<Vec<Option<T>>, StoreError> {
        let mut found: HashMap<Key, Item> = HashMap::with_capacity(keys.len());
        // DynamoDB refuses a key that is asked for twice.
        let mut seen = HashSet::with_capacity(keys.len());
        let distinct: Vec<Key> = keys
            .iter()
            .filter(|key| seen.insert(*key))
            .cloned()
            .collect();
        for keys in distinct.chunks(100) {
            self.get_hundred(keys, true, &mut found).await?;
        }
        keys.iter()
            .map(|key| found.get(key).cloned().map(content).transpose())
            .collect()
    }

    async fn get_hundred(
        &self,
        keys: &[Key],
        consistent: bool,
        found: &mut HashMap<Key, Item>,
    ) -> Result<(), StoreError> {
        let request = KeysAndAttributes::builder()
            .consistent_read(consistent)
            .set_keys(Some(keys.iter().map(Key::item).collect()))
            .build();
        let request = request.map_err(|error| StoreError::Unavailable {
            call: "batch_get_item",
            message: error.to_string(),
        })?;
        let mut attempt = 0;
        let mut pending = Some(HashMap::from([(self.table.clone(), request)]));
        while let Some(request) = pending.take().filter(|request| !request.is_empty()) {
            let got = self
                .db
                .batch_get_item()
                .set_request_items(Some(request))
                .set_return_consumed_capacity(meter::wanted())
                .send()
                .await;
            let got = got.map_err(|error| StoreError::unavailable("batch_get_item", &error))?;
            meter::read(got.consumed_capacity());
            for item in got.responses.unwrap_or_default().into_values().flatten() {
                found.insert(Key::of(&item), item);
            }
            pending = got.unprocessed_keys.filter(|pending| !pending.is_empty());
            if pending.is_some() {
                tokio::time::sleep(transaction::backoff(attempt)).await;
                attempt += 1;
            }
        }
        Ok(())
    }

    /// One page of a partition: items whose sort key begins with `prefix`, after `after`, in order.
    async fn page(
        &self,
        index: Option<&Index>,
        partition: &str,
        prefix: &str,
        after: Option<&str>,
        limit: i32,
    ) -> Result<Page, StoreError> {
        let index = index.unwrap_or(&TABLE);
        // DynamoDB takes no empty key in a condition; no key is below NUL.
        let first = if prefix.is_empty() { "\0" } else { prefix };
        // `after` may come from another search: it never widens this one.
        let low = after.map_or_else(String::new, |after| format!("{after}\0"));
        let low = low.max(first.to_owned());
        let high = format!("{prefix}\u{10ffff}");
        self.query(index, partition, (&low, &high), true, limit)
            .await
    }

    /// One page of the table's items in a partition with sort keys from `low` to `high`, both included, in order.
    async fn between(
        &self,
        partition: &str,
        low: &str,
        high: &str,
        limit: i32,
    ) -> Result<Page, StoreError> {
        self.query(&TABLE, partition, (low, high), true, limit)
            .await
    }

    /// One page of the table's items in a partition with sort keys from `high` down to `low`, both included.
    async fn backwards(
        &self,
        partition: &str,
        low: &str,
        high: &str,
        limit: i32,
    ) -> Result<Page, StoreError> {
        self.query(&TABLE, partition, (low, high), false, limit)
            .await
    }

    async fn query(
        &self,
        index: &Index,
        partition: &str,
        (low, high): (&str, &str),
        forward: bool,
        limit: i32,
    ) -> Result<Page, StoreError> {
        if low > high {
            return Ok(Page {
                items: Vec::new(),
                more: false,
            });
        }
        let query = self
            .db
            .query()
            .table_name(&self.table)
            .set_index_name(index.name.map(str::to_owned))
            .scan_index_forward(forward);
        let query = query.key_condition_expression("#pk = :pk AND #sk BETWEEN :low AND :high");
        let query = query
            .expression_attribute_names("#pk", index.pk)
            .expression_attribute_names("#sk", index.sk);
        let query = query
            .expression_attribute_values(":pk", s(partition))
            .expression_attribute_values(":low", s(low));
        let query = query
            .expression_attribute_values(":high", s(high))
            .limit(limit);
        let query = query
            .consistent_read(index.name.is_none())
            .set_return_consumed_capacity(meter::wanted());
        let got = query
            .send()
            .await
            .map_err(|error| StoreError::unavailable("query", &error))?;
        meter::read(got.consumed_capacity());
        Ok(Page {
            more: got.last_evaluated_key.is_some(),
            items: got.items.unwrap_or_default(),
        })
    }

    /// Everything in a partition whose sort key begins with `prefix`. Only for collections that stay small.
    async fn all<T: DeserializeOwned>(
        &self,
        partition: &str,
        prefix: &str,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        self.each(partition, prefix, |found| all.push(found))
            .await?;
        Ok(all)
    }

    /// Shows everything in a partition whose sort key begins with `prefix`, one after the other, in memory that does not
    /// grow with it.
    async fn each<T: DeserializeOwned>(
        &self,
        partition: &str,
        prefix: &str,
        mut show: impl FnMut(T),
    ) -> Result<(), StoreError> {
        let mut after: Option<String> = None;
        loop {
            let page = self
                .page(None, partition, prefix, after.as_deref(), 1_000)
                .await?;
            after = page
                .items
                .last()
                .and_then(|item| item.get(SK))
                .and_then(|sk| sk.as_s().ok())
                .cloned();
            for item in page.items {
                show(content(item)?);
            }
            if !page.more {
                return Ok(());
            }
        }
    }

    /// Changes one item if the condition holds; says whether it did. For bookkeeping that is no change of a
    /// tenant's data, and so needs no audit entry.
    async fn update(
        &self,
        key: &Key,
        change: Change,
        condition: Condition,
    ) -> Result<bool, StoreError> {
        let changed = self.update_if(key, change, condition).await?;
        Ok(changed.is_ok())
    }

    /// Changes one item if the condition holds; otherwise the item that stood in the way, empty if there is none.
    async fn update_if(
        &self,
        key: &Key,
        change: Change,
        condition: Condition,
    ) -> Result<Result<(), Item>, StoreError> {
        use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
        let mut names = Names::default();
        let change = change.build(&mut names);
        let condition = condition.build(&mut names);
        let update = self
            .db
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key.item()))
            .update_expression(change)
            .condition_expression(condition);
        let update = update
            .set_expression_attribute_names(names.names())
            .set_expression_attribute_values(names.values());
        match update
            .return_values_on_condition_check_failure(AllOld)
            .set_return_consumed_capacity(meter::wanted())
            .send()
            .await
        {
            Ok(done) => {
                meter::write(done.consumed_capacity());
                Ok(Ok(()))
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Err(failed.item().cloned().unwrap_or_default()))
                }
                _ => Err(StoreError::unavailable("update_item", &error)),
            },
        }
    }

    /// Puts one item if the condition holds; otherwise the item that stood in the way. It bears a mark of its own: the client tries
    /// again by itself when an answer is lost, and what meets its own first attempt is put. Nobody else's counts for that, even
    /// if it is the same in all else.
    async fn put_if(
        &self,
        mut item: Item,
        condition: Condition,
    ) -> Result<Result<(), Item>, StoreError> {
        use aws_sdk_dynamodb::operation::put_item::PutItemError;
        use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
        let mark = s(Seed::random()?.to_text());
        item.insert(PUT_BY.to_owned(), mark.clone());
        let mut names = Names::default();
        let condition = condition.build(&mut names);
        let put = self
            .db
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(condition);
        let put = put
            .set_expression_attribute_names(names.names())
            .set_expression_attribute_values(names.values());
        match put
            .return_values_on_condition_check_failure(AllOld)
            .set_return_consumed_capacity(meter::wanted())
            .send()
            .await
        {
            Ok(done) => {
                meter::write(done.consumed_capacity());
                Ok(Ok(()))
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    let found = failed.item().cloned().unwrap_or_default();
                    let ours = found.get(PUT_BY) == Some(&mark);
                    Ok(if ours { Ok(()) } else { Err(found) })
                }
                _ => Err(StoreError::unavailable("put_item", &error)),
            },
        }
    }

    /// Deletes one item, if it is there.
    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let delete = self
            .db
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key.item()))
            .set_return_consumed_capacity(meter::wanted());
        let done = delete
            .send()
            .await
            .map_err(|error| StoreError::unavailable("delete_item", &error))?;
        meter::write(done.consumed_capacity());
        Ok(())
    }
}

/// An index, or the table itself.
struct Index {
    name: Option<&'static str>,
    pk: &'static str,
    sk: &'static str,
}

const TABLE: Index = Index {
    name: None,
    pk: PK,
    sk: SK,
};
const BY_NAME: Index = Index {
    name: Some(keys::BY_NAME),
    pk: PK,
    sk: keys::NAME_KEY,
};
const BY_EXPIRY: Index = Index {
    name: Some(keys::BY_EXPIRY),
    pk: keys::EXPIRY_SHARD,
    sk: keys::EXPIRY_KEY,
};

/// A page of a query.
struct Page {
    items: Vec<Item>,
    more: bool,
}
