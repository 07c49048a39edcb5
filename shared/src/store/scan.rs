//! The whole table, page by page, for the one function that may read all of it; and what a rule is judged by.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::transact_get_items::TransactGetItemsError;
use aws_sdk_dynamodb::types::{Get, TransactGetItem};
use futures::future::try_join_all;

use super::keys::{self, Key};
use super::{Item, Store, StoreError, content, meter};
use crate::domain::id::TenantId;
use crate::domain::user::User;

/// The most items that `DynamoDB` reads in one transaction.
const OF_ONE_MOMENT: usize = 100;

/// How often a snapshot is asked for anew because others were writing the same items.
const TRIES: u32 = 8;

/// How many batches are read at a time.
const AT_ONCE: usize = 4;

impl Store {
    /// At most `limit` items of one of `segments` parts of the table after `after`, and where to go on.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn scan(
        &self,
        (segment, segments): (i32, i32),
        after: Option<&Key>,
        limit: i32,
    ) -> Result<(Vec<Item>, Option<Key>), StoreError> {
        let page = self
            .db
            .scan()
            .table_name(&self.table)
            .segment(segment)
            .total_segments(segments)
            .set_exclusive_start_key(after.map(Key::item))
            .limit(limit)
            .set_return_consumed_capacity(meter::wanted());
        let page = page.send().await;
        let page = page.map_err(|error| StoreError::unavailable("scan", &error))?;
        meter::read(page.consumed_capacity());
        let next = page.last_evaluated_key.as_ref().map(Key::of);
        Ok((page.items.unwrap_or_default(), next))
    }

    /// The items at these keys, as far as there are any, each key at most once. Not strongly consistent: half the price,
    /// and good enough for what is looked at again before anything is made of it.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn look(&self, keys: &[Key]) -> Result<HashMap<Key, Item>, StoreError> {
        let mut found = HashMap::with_capacity(keys.len());
        let hundreds: Vec<&[Key]> = keys.chunks(100).collect();
        for some in hundreds.chunks(AT_ONCE) {
            let reads = some.iter().map(async |keys| {
                let mut found = HashMap::with_capacity(keys.len());
                self.get_hundred(keys, false, &mut found).await?;
                Ok::<_, StoreError>(found)
            });
            try_join_all(reads)
                .await?
                .into_iter()
                .for_each(|read| found.extend(read));
        }
        Ok(found)
    }

    /// The items at these keys as they stood at one moment, as far as there are any, each key at most once. Beyond a
    /// hundred, which is the most that the table reads so, each hundred has a moment of its own.
    ///
    /// # Errors
    /// When the table cannot be read, or others were writing these items throughout.
    pub async fn snapshot(&self, keys: &[Key]) -> Result<HashMap<Key, Item>, StoreError> {
        let mut found = HashMap::with_capacity(keys.len());
        for keys in keys.chunks(OF_ONE_MOMENT) {
            let items = self.of_one_moment(keys).await?;
            found.extend(items.into_iter().map(|item| (Key::of(&item), item)));
        }
        Ok(found)
    }

    async fn of_one_moment(&self, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        let get = |key: &Key| {
            let get = Get::builder()
                .table_name(&self.table)
                .set_key(Some(key.item()));
            let get = get.build().map_err(|error| StoreError::Unavailable {
                call: "transact_get_items",
                message: error.to_string(),
            })?;
            Ok(TransactGetItem::builder().get(get).build())
        };
        let gets: Vec<TransactGetItem> = keys.iter().map(get).collect::<Result<_, StoreError>>()?;
        for attempt in 0..TRIES {
            let got = self
                .db
                .transact_get_items()
                .set_transact_items(Some(gets.clone()))
                .set_return_consumed_capacity(meter::wanted())
                .send()
                .await;
            match got {
                Ok(got) => {
                    meter::read(got.consumed_capacity());
                    let items = got.responses.unwrap_or_default().into_iter();
                    return Ok(items.filter_map(|response| response.item).collect());
                }
                // Cancelled: a transaction was writing one of them.
                Err(error)
                    if (error.as_service_error())
                        .is_some_and(TransactGetItemsError::is_transaction_canceled_exception) =>
                {
                    tokio::time::sleep(super::transaction::backoff(attempt)).await;
                }
                Err(error) => return Err(StoreError::unavailable("transact_get_items", &error)),
            }
        }
        Err(StoreError::Contended)
    }

    /// Users of one shard of a tenant after `after`, strongly consistent, each if it can be read, and where the next of
    /// them begin.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn users_of_shard(
        &self,
        tenant: &TenantId,
        shard: u16,
        after: Option<&str>,
    ) -> Result<(Vec<Result<User, StoreError>>, Option<String>), StoreError> {
        let partition = keys::user_partition(tenant, shard);
        let page = self
            .page(None, &partition, keys::USER, after, 1_000)
            .await?;
        let next = page.items.last().map(|item| Key::of(item).sk);
        let users = page.items.into_iter().map(content).collect();
        Ok((users, next.filter(|_| page.more)))
    }
}
