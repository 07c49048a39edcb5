//! Rate buckets: what was tried or asked for, counted under conditions, so that parallel attempts cannot slip past.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::expression::{Change, Condition};
use super::keys::{self, Key};
use super::transaction::{Transaction, backoff};
use super::{Item, Store, StoreError, content, item, n, seconds};
use crate::domain::throttle::{Allowance, Guesses, Login, Place, Subject, Wait};

/// How long a bucket outlives its window.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// How often a count is tried anew because others changed it meanwhile.
const TRIES: u32 = 40;

/// The count of a window.
#[derive(Default, Serialize, Deserialize)]
struct Taken {
    #[serde(default)]
    count: u32,
}

/// The change that takes `count` of an allowance, and what must hold for it.
fn taking(allowance: Allowance, count: u32, now: Timestamp) -> (Change, Condition) {
    let swept = allowance.end(now).saturating_add(KEPT);
    let change = Change::new()
        .count("count", i64::from(count))
        .set(keys::TTL, seconds(swept.unwrap_or(Timestamp::MAX)));
    let left = i64::from(allowance.most) - i64::from(count);
    (
        change,
        Condition::default().lacks_or_at_most("count", n(left)),
    )
}

fn bucket(subject: &Subject, allowance: Allowance, now: Timestamp) -> Key {
    keys::window(subject, allowance.window_at(now))
}

impl Store {
    /// Takes one of the subject's allowance, or says when to come again. For anything that may be asked for only so
    /// often; give `subject` a kind of its own.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn take(
        &self,
        subject: &Subject,
        allowance: Allowance,
        now: Timestamp,
    ) -> Result<Result<(), Wait>, StoreError> {
        let taken = self.take_up_to(subject, allowance, 1, now).await?;
        Ok(if taken == 1 {
            Ok(())
        } else {
            Err(allowance.wait(now))
        })
    }

    /// Takes `count` of the subject's allowance, or as many as are left; how many.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn take_up_to(
        &self,
        subject: &Subject,
        allowance: Allowance,
        count: u32,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let key = bucket(subject, allowance, now);
        let mut count = count.min(allowance.most);
        for attempt in 0..TRIES {
            if count == 0 {
                return Ok(0);
            }
            let (change, condition) = taking(allowance, count, now);
            match self.update_if(&key, change, condition).await {
                Ok(Ok(())) => return Ok(count),
                Ok(Err(found)) => {
                    count = count.min(allowance.most.saturating_sub(read_taken(Some(found))?));
                }
                Err(StoreError::Contended) => tokio::time::sleep(backoff(attempt)).await,
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Contended)
    }

    /// Gives back what was taken at `taken_at` and not used after all.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn give_back(
        &self,
        subject: &Subject,
        allowance: Allowance,
        count: u32,
        taken_at: Timestamp,
    ) -> Result<(), StoreError> {
        let there = Condition::exists().greater("count", n(i64::from(count) - 1));
        let change = Change::new().add("count", -i64::from(count));
        self.update(&bucket(subject, allowance, taken_at), change, there)
            .await
            .map(|_| ())
    }

    /// What is remembered of the attempts at signing in by a login.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn guesses(&self, login: &Login) -> Result<Guesses, StoreError> {
        let found: Option<Guesses> = self.get(&keys::bucket(login.subject())).await?;
        Ok(found.unwrap_or_default())
    }

    /// Counts an attempt before it is known whether it is right; what is remembered then, or how long to wait. Each attempt builds on the
    /// one before it, so of many at once only those pass that would have passed one after the other.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn count_attempt(
        &self,
        login: &Login,
        place: &Place,
        read: Guesses,
        now: Timestamp,
    ) -> Result<Result<Guesses, Wait>, StoreError> {
        self.change_guesses(login, read, |guesses| guesses.attempted(place, now))
            .await
    }

    /// Takes failures back after a success; `counted` is what was remembered with the attempt.
    ///
    /// # Errors
    /// When the table cannot be used.
    pub async fn note_success(
        &self,
        login: &Login,
        place: &Place,
        counted: Guesses,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change_guesses(login, counted, |guesses| Ok(guesses.succeeded(place, now)))
            .await
            .map(|_| ())
    }

    /// Knows a place as the person's.
    ///
    /// # Errors
    /// When the table cannot be used.
    pub async fn learn_place(
        &self,
        login: &Login,
        place: &Place,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let read = self.guesses(login).await?;
        self.change_guesses(login, read, |guesses| Ok(guesses.learned(place, now)))
            .await
            .map(|_| ())
    }

    async fn change_guesses(
        &self,
        login: &Login,
        mut guesses: Guesses,
        change: impl Fn(&Guesses) -> Result<Guesses, Wait>,
    ) -> Result<Result<Guesses, Wait>, StoreError> {
        let key = keys::bucket(login.subject());
        for _ in 0..TRIES {
            let next = match change(&guesses) {
                Ok(next) => next,
                Err(wait) => return Ok(Err(wait)),
            };
            let unchanged = if guesses.version == 0 {
                Condition::absent()
            } else {
                Condition::exists().equals("version", n(guesses.version))
            };
            let mut stored = item(&key, &next)?;
            stored.insert(keys::TTL.to_owned(), seconds(next.end()));
            guesses = match self.put_if(stored, unchanged).await? {
                Ok(()) => return Ok(Ok(next)),
                // Swept away meanwhile.
                Err(found) if found.is_empty() => Guesses::default(),
                Err(found) => content(found)?,
            };
        }
        Ok(Err(Wait::SHORT))
    }
}

/// How many a bucket that stood in the way counts.
///
/// # Errors
/// When it is no bucket.
pub fn read_taken(found: Option<Item>) -> Result<u32, StoreError> {
    let found = found.filter(|found| !found.is_empty());
    let taken: Taken = found.map(content).transpose()?.unwrap_or_default();
    Ok(taken.count)
}

impl<T: Clone> Transaction<'_, T> {
    /// Takes `count`, at most the whole, of the subject's allowance; `short` with the bucket if fewer are left.
    pub fn take(
        &mut self,
        subject: &Subject,
        allowance: Allowance,
        count: u32,
        now: Timestamp,
        short: T,
    ) {
        let (change, condition) = taking(allowance, count, now);
        self.update(&bucket(subject, allowance, now), change, condition, short);
    }
}
