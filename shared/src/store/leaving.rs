//! Users suspended, reactivated, deleted and restored, many at once; and those that are erased for good.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use jiff::Timestamp;

use super::bulk::{BulkChange, Part};
use super::expression::Condition;
use super::keys;
use super::transaction::{MOST, Transaction};
use super::users::Unique;
use super::{Store, StoreError, n};
use crate::domain::audit::{Actor, Entry, Target};
use crate::domain::email::Email;
use crate::domain::id::{AuditId, ProductId, Seed, TenantId, UserId};
use crate::domain::leaving::{Step, Wanted};
use crate::domain::refusal::Refusal;
use crate::domain::user::User;

/// A step of users out of the tenant, or back into it.
#[derive(Debug)]
pub struct Leaving<'a> {
    /// The caller's tenant.
    pub tenant: &'a TenantId,
    /// The caller.
    pub actor: &'a UserId,
    /// The step.
    pub step: Step,
    /// Under what rules.
    pub wanted: Wanted<'a>,
    /// What the ids are made from.
    pub seed: &'a Seed,
}

impl Leaving<'_> {
    fn applied(&self, user: &User) -> User {
        self.step.applied(user, self.wanted.now)
    }

    /// How many parts of a transaction the user takes, beside the products' counters.
    fn parts(&self, user: &User) -> usize {
        let membership = self.step == Step::Delete && user.email.is_some();
        let after = self.applied(user);
        // Guards come or go; never both.
        let guards = Unique::of(user).len().abs_diff(Unique::of(&after).len());
        let codes = if after.licences.is_empty() {
            user.licences.len()
        } else {
            0
        };
        // That it is in its account comes or goes, and whoever comes in makes sure that the account is there.
        let account = match (user.rights.account(), self.step) {
            (Some(_), Step::Delete | Step::Restore) => 2,
            _ => 0,
        };
        1 + guards
            + codes
            + account
            + usize::from(membership)
            + usize::from(withdraws(user, &after))
    }

    /// How many seats of which product the users leave.
    fn seats(&self, users: &[&User]) -> BTreeMap<ProductId, u32> {
        let mut seats = BTreeMap::new();
        for user in users {
            if self.applied(user).licences.is_empty() {
                for product in user.licences.keys() {
                    *seats.entry(product.clone()).or_default() += 1;
                }
            }
        }
        seats
    }
}

fn withdraws(before: &User, after: &User) -> bool {
    before.invited.is_some() && after.invited.is_none()
}

impl BulkChange for Leaving<'_> {
    const PARTS: usize = 3;

    fn decide(&self, user: &User) -> Result<bool, Refusal> {
        self.step.decide(&self.wanted, user)
    }

    fn fits(&self, chosen: &[&User], next: &User) -> bool {
        // Two deleted users may have had one address: the guard cannot be taken twice in one transaction.
        let wants = Unique::of(&self.applied(next));
        let taken = |user: &&User| {
            let values = Unique::of(&self.applied(user));
            values.iter().any(|value| wants.contains(value))
        };
        // Nor can acting owners be counted twice.
        let counted = |user: &User| user.is_acting_owner() != self.applied(user).is_acting_owner();
        if chosen.iter().any(taken) || counted(next) && chosen.iter().any(|user| counted(user)) {
            return false;
        }
        let all: Vec<&User> = chosen.iter().copied().chain([next]).collect();
        let parts: usize = all.iter().map(|user| self.parts(user)).sum();
        // And the audit entry, and the counter of owners.
        parts + self.seats(&all).len() + 2 <= MOST
    }

    fn add(
        &self,
        transaction: &mut Transaction<'_, Part>,
        place: usize,
        user: &User,
    ) -> Result<(), StoreError> {
        let after = self.applied(user);
        transaction.edit_user(self.tenant, user, &after, |refusal| match refusal {
            Refusal::Busy => Part::User(place),
            refusal => Part::Refused(place, refusal),
        })?;
        if after.licences.is_empty() {
            for licence in user.licences.values() {
                transaction.remove_code(&licence.code);
            }
        }
        if withdraws(user, &after) {
            transaction.withdraw_invitation(self.tenant, &user.id);
        }
        if self.step == Step::Delete
            && let Some(email) = &user.email
        {
            transaction.remove_membership(&email.folded(), self.tenant);
        }
        Ok(())
    }

    fn seal(
        &self,
        transaction: &mut Transaction<'_, Part>,
        users: &[&User],
    ) -> Result<(), StoreError> {
        for (product, count) in self.seats(users) {
            transaction.free_seats(self.tenant, &product, count, Part::Shared);
        }
        let operation = self.step.operation();
        let label = users.first().map_or("", |user| user.id.as_str());
        let targets = users
            .iter()
            .map(|user| Target::changed(user, &self.applied(user)));
        let entry = Entry {
            id: AuditId::derive(&self.seed.child(&format!("{operation}/{label}"))),
            at: self.wanted.now,
            actor: Actor::User {
                id: self.actor.clone(),
            },
            operation: operation.to_owned(),
            targets: targets.collect(),
        };
        transaction.audit(self.tenant, &entry)
    }
}

impl Store {
    /// Forgets the credentials of deleted users who are members nowhere any more. A step of its own, that asking again
    /// completes: nobody signs in with them meanwhile, because that takes a membership.
    ///
    /// # Errors
    /// When the table cannot be used.
    pub async fn forget_people(&self, users: &[User]) -> Result<(), StoreError> {
        let gone = users.iter().filter(|user| user.deleted_at.is_some());
        let emails: Vec<String> = gone
            .filter(|user| user.activated_at.is_some())
            .filter_map(|user| user.email.as_ref().map(Email::folded))
            .collect();
        for some in emails.chunks(8) {
            let forgotten: Vec<_> = some.iter().map(|email| self.forget_person(email)).collect();
            try_join_all(forgotten).await?;
        }
        Ok(())
    }

    /// Users of any tenant who were deleted so long ago that they are to be erased by `now`, at most `most` of each
    /// shard of the index.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn erasable(
        &self,
        now: Timestamp,
        most: i32,
    ) -> Result<Vec<(TenantId, UserId)>, StoreError> {
        self.due(keys::erasure_shard, now, most).await
    }
}

impl<T: Clone> Transaction<'_, T> {
    /// Erases a deleted user as read; `moved_on` if it was restored, or is gone already.
    pub fn erase_user(&mut self, tenant: &TenantId, user: &User, moved_on: T) {
        let still = Condition::exists()
            .has("deleted_at")
            .equals("version", n(user.version));
        self.delete_if(&keys::user(tenant, &user.id), still, moved_on);
    }
}
