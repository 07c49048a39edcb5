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
    /// A part of the user with this place in the batch, and why it is refused then.
    Refused(usize, Refusal),
    /// A part that all users of the batch share.
    Shared,
}

/// A change that can be made to many users.
pub trait BulkChange {
    /// How many parts of a transaction one user takes, for all that is known before it is read.
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

    /// Whether `next` can go into one transaction with those chosen before it. The first always can.
    fn fits(&self, chosen: &[&User], _next: &User) -> bool {
        (chosen.len() + 1) * Self::PARTS + 2 <= MOST
    }

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
        let mut rest = ids;
        while !rest.is_empty() {
            let batch = &rest[..rest.len().min(batch_size(&change))];
            let done = self.change_batch(tenant, batch, &mut change).await?;
            rest = &rest[done.len()..];
            outcomes.extend(batch.iter().cloned().zip(done));
        }
        Ok(outcomes)
    }

    /// Changes as many of the users as one transaction takes, from the first on; at least one.
    async fn change_batch<C: BulkChange>(
        &self,
        tenant: &TenantId,
        ids: &[UserId],
        change: &mut C,
    ) -> Result<Vec<Done>, StoreError> {
        let mut refused_at: HashMap<usize, u64> = HashMap::new();
        let mut refused: HashMap<usize, Refusal> = HashMap::new();
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
            for (place, refusal) in &refused {
                outcomes[*place] = Done::Refused(refusal.clone());
            }
            crowd_out(change, &mut outcomes);
            let chosen = choose(change, &users, &mut outcomes);
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
                    let changed: Vec<Part> = failed.iter().map(|part| part.tag.clone()).collect();
                    for Failed { tag, found } in failed {
                        match tag {
                            Part::Shared => change.learn(found)?,
                            Part::User(place) => {
                                let version = users[place].as_ref().map_or(0, |user| user.version);
                                refused_at.insert(place, version);
                            }
                            // Of a user who changed meanwhile, that is decided anew.
                            Part::Refused(place, _) if changed.contains(&Part::User(place)) => {}
                            Part::Refused(place, refusal) => {
                                refused.insert(place, refusal);
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

/// Those to whom it is to be made, as many from the first on as fit into one transaction; the outcomes end there.
fn choose<'u>(
    change: &impl BulkChange,
    users: &'u [Option<User>],
    outcomes: &mut Vec<Done>,
) -> Vec<(usize, &'u User)> {
    let mut chosen: Vec<(usize, &User)> = Vec::new();
    let mut together: Vec<&User> = Vec::new();
    for (place, user) in users.iter().enumerate() {
        if let (Done::Done, Some(user)) = (&outcomes[place], user) {
            if !together.is_empty() && !change.fits(&together, user) {
                outcomes.truncate(place);
                break;
            }
            together.push(user);
            chosen.push((place, user));
        }
    }
    chosen
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
