//! What an `Idempotency-Key` was used for, so that a retry gets the first answer.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::expression::{Change, Condition};
use super::keys;
use super::transaction::Transaction;
use super::{Store, StoreError, content, item, n, s, seconds};
use crate::domain::id::Seed;

/// How long an answer is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// How long a request may take before a retry carries it out again; longer than any function runs for a client.
const LEASE: SignedDuration = SignedDuration::from_secs(40);

/// A request made under a key.
#[derive(Debug, Serialize, Deserialize)]
struct Request {
    /// The hash of what was asked.
    hash: String,
    /// What the ids of the request are made from, whoever carries it out.
    seed: String,
    /// Until when whoever carries it out may take.
    lease: i64,
    /// The end of the record's life.
    ttl: i64,
    /// The answer's status, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// The answer's body. Lacking, not null, until there is one: the condition of a takeover asks for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// Where the answer says that something was made.
    #[serde(default)]
    location: Option<String>,
    /// The version of what the answer shows.
    #[serde(default)]
    etag: Option<String>,
}

/// An answer, as kept.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// The place of what was made.
    pub location: Option<String>,
    /// The version of what it shows, as its `ETag` has it.
    pub etag: Option<String>,
}

impl Answer {
    fn kept(&self) -> Change {
        let mut change = Change::new()
            .set("status", n(self.status))
            .set("body", s(&self.body));
        if let Some(location) = &self.location {
            change = change.set("location", s(location));
        }
        if let Some(etag) = &self.etag {
            change = change.set("etag", s(etag));
        }
        change
    }
}

impl<T: Clone> Transaction<'_, T> {
    /// Keeps the answer for retries together with what it tells of; `forgotten` if the key was meanwhile.
    pub fn answer(&mut self, scope: &str, key: &str, answer: &Answer, forgotten: T) {
        let key = keys::idempotency(scope, key);
        self.update(&key, answer.kept(), Condition::exists(), forgotten);
    }
}

/// What a key says about a request.
#[derive(Debug)]
pub enum Claim {
    /// It is to be carried out, with ids made from this seed.
    Ours(Seed),
    /// It was carried out, with this answer.
    Answered(Answer),
    /// It is being carried out.
    InProgress,
    /// The key was used for something else.
    Reused,
}

impl Store {
    /// Claims a key for the request with this hash; `seed` counts if nobody has claimed it before.
    ///
    /// # Errors
    /// When the table cannot be used.
    pub async fn claim(
        &self,
        scope: &str,
        key: &str,
        hash: &str,
        seed: Seed,
        now: Timestamp,
    ) -> Result<Claim, StoreError> {
        let key = keys::idempotency(scope, key);
        let later = |by| now.saturating_add(by).unwrap_or(Timestamp::MAX).as_second();
        let request = Request {
            hash: hash.to_owned(),
            seed: seed.to_text(),
            lease: later(LEASE),
            ttl: later(KEPT),
            status: None,
            body: None,
            location: None,
            etag: None,
        };
        // An expired record may not have been swept yet: it counts as absent.
        let expired = Condition::default().lacks_or_at_most(keys::TTL, seconds(now));
        let Err(found) = self.put_if(item(&key, &request)?, expired).await? else {
            return Ok(Claim::Ours(seed));
        };
        let found: Request = content(found)?;
        if found.hash != hash {
            return Ok(Claim::Reused);
        }
        if let (Some(status), Some(body)) = (found.status, found.body) {
            return Ok(Claim::Answered(Answer {
                status,
                body,
                location: found.location,
                etag: found.etag,
            }));
        }
        let kept = Seed::from_text(&found.seed)
            .ok_or_else(|| StoreError::corrupt((&key.pk, &key.sk), "seed"))?;
        // Whoever began it is overdue: carry it out again. The ids it makes are the same, so it meets itself.
        let overdue = Condition::exists()
            .equals("lease", n(found.lease))
            .at_most("lease", seconds(now))
            .lacks("body");
        let taken = self
            .update(&key, Change::new().set("lease", n(request.lease)), overdue)
            .await?;
        Ok(if taken {
            Claim::Ours(kept)
        } else {
            Claim::InProgress
        })
    }

    /// Keeps the answer for retries.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn answer(&self, scope: &str, key: &str, answer: &Answer) -> Result<(), StoreError> {
        let key = keys::idempotency(scope, key);
        self.update(&key, answer.kept(), Condition::exists())
            .await
            .map(|_| ())
    }

    /// Lets a retry carry the request out again at once, with the same ids, because it broke off.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn release(&self, scope: &str, key: &str) -> Result<(), StoreError> {
        let change = Change::new().set("lease", n(0));
        self.update(&keys::idempotency(scope, key), change, Condition::exists())
            .await
            .map(|_| ())
    }

    /// Forgets a request that was refused: nothing was done, and the key may be used for a better one.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn forget(&self, scope: &str, key: &str) -> Result<(), StoreError> {
        self.delete(&keys::idempotency(scope, key)).await
    }
}
