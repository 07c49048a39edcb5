//! One change to many users: each is done, unchanged or refused, in transactions as large as the table takes.

use std::collections::HashMap;

use super::transaction::{Failed, MOST, Transaction};
use super::{Item, Store, StoreError};
use crate::domain::id::{TenantId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::user::User;

/// What a bulk change comes to for one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It was made.
    Done,
    /// It had been made before.
    Unchanged,
    /// It is not made, and why.
    Refused(Refusal),
}

/// A part of a bulk transaction that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A part of the user with this place in the batch.
    User(usize),
    /// A part that all users of the batch share.
    Shared,
}

/// A change that can be made to many users.
pub trait BulkChange {
    /// How many parts of a transaction one user takes.
    const PARTS: usize;

    /// Whether it is to be made to this user: `Ok(true)`, or has been: `Ok(false)`.
    ///
    /// # Errors
    /// Why it is not made.
    fn decide(&self, user: &User) -> Result<bool, Refusal>;

    /// Adds the parts that make it to one user.
    ///
    /// # Errors
    /// When something cannot be stored.
    fn add(
        &self,
        transaction: &mut Transaction<'_, Part>,
        place: usize,
        user: &User,
    ) -> Result<(), StoreError>;

    /// Adds the parts that the batch shares: the audit entry, at most one more.
    ///
    /// # Errors
    /// When something cannot be stored.
    fn seal(
        &self,
        transaction: &mut Transaction<'_, Part>,
        users: &[&User],
    ) -> Result<(), StoreError>;

    /// For how many users there is room at most, and what to say to the rest.
    fn room(&self) -> Option<(usize, Refusal)> {
        None
    }

    /// Learns that it was made to so many users.
    fn done(&mut self, _users: usize) {}

    /// Learns from what a shared part found instead.
    ///
    /// # Errors
    /// When that is corrupt.
    fn learn(&mut self, _found: Option<Item>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// How often a batch is tried anew because its users, or what it shares, changed meanwhile.
const TRIES: u32 = 20;

impl Store {
    /// Makes a change to users, in their order; each user at most once.
    ///
    /// # Errors
    /// When the table cannot be used; what was done until then stays done, and asking again completes the rest.
    pub async fn change_each(
        &self,
        tenant: &TenantId,
        ids: &[UserId],
        mut change: impl BulkChange,
    ) -> Result<Vec<(UserId, Done)>, StoreError> {
        let mut outcomes = Vec::with_capacity(ids.len());
        for batch in ids.chunks(batch_size(&change)) {
            let done = self.change_batch(tenant, batch, &mut change).await?;
            outcomes.extend(batch.iter().cloned().zip(done));
        }
        Ok(outcomes)
    }

    async fn change_batch<C: BulkChange>(
        &self,
        tenant: &TenantId,
        ids: &[UserId],
        change: &mut C,
    ) -> Result<Vec<Done>, StoreError> {
        let mut refused_at: HashMap<usize, u64> = HashMap::new();
        let mut outcomes = Vec::new();
        for _ in 0..TRIES {
            let users = self.users(tenant, ids).await?;
            outcomes = users
                .iter()
                .map(|user| judge(change, user.as_ref()))
                .collect();
            for (place, version) in &refused_at {
                // Nothing about the user has changed, so what stands in the way is what this request made before.
                if users[*place]
                    .as_ref()
                    .is_some_and(|user| user.version == *version)
                {
                    outcomes[*place] = Done::Unchanged;
                }
            }
            crowd_out(change, &mut outcomes);
            let chosen: Vec<(usize, &User)> = users
                .iter()
                .enumerate()
                .filter(|(place, _)| outcomes[*place] == Done::Done)
                .filter_map(|(place, user)| Some((place, user.as_ref()?)))
                .collect();
            if chosen.is_empty() {
                return Ok(outcomes);
            }
            let mut transaction = Transaction::new(self);
            for (place, user) in &chosen {
                change.add(&mut transaction, *place, user)?;
            }
            change.seal(
                &mut transaction,
                &chosen.iter().map(|(_, user)| *user).collect::<Vec<_>>(),
            )?;
            match transaction.commit().await {
                Ok(Ok(())) => {
                    change.done(chosen.len());
                    return Ok(outcomes);
                }
                Ok(Err(failed)) => {
                    for Failed { tag, found } in failed {
                        match tag {
                            Part::Shared => change.learn(found)?,
                            Part::User(place) => {
                                let version = users[place].as_ref().map_or(0, |user| user.version);
                                refused_at.insert(place, version);
                            }
                        }
                    }
                }
                Err(StoreError::Contended) => break,
                Err(error) => return Err(error),
            }
        }
        let busy = |outcome| {
            if outcome == Done::Done {
                Done::Refused(Refusal::Busy)
            } else {
                outcome
            }
        };
        Ok(outcomes.into_iter().map(busy).collect())
    }
}

fn batch_size<C: BulkChange>(_: &C) -> usize {
    (MOST - 2) / C::PARTS
}

fn judge(change: &impl BulkChange, user: Option<&User>) -> Done {
    match user.map(|user| change.decide(user)) {
        None => Done::Refused(Refusal::UserNotFound),
        Some(Err(refusal)) => Done::Refused(refusal),
        Some(Ok(false)) => Done::Unchanged,
        Some(Ok(true)) => Done::Done,
    }
}

fn crowd_out(change: &impl BulkChange, outcomes: &mut [Done]) {
    if let Some((room, refusal)) = change.room() {
        outcomes
            .iter_mut()
            .filter(|outcome| **outcome == Done::Done)
            .skip(room)
            .for_each(|outcome| *outcome = Done::Refused(refusal.clone()));
    }
}
