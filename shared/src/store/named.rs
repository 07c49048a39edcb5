//! What roles and groups have in common: a name that no other of the tenant's has, and a version.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::expression::{Change, Condition};
use super::keys::Key;
use super::transaction::{Failed, Transaction};
use super::{Store, StoreError, content, item, n, s};
use crate::domain::audit::Entry;
use crate::domain::id::TenantId;

/// Why it is not saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSaved {
    /// Another one has the name.
    NameTaken,
    /// The tenant has as many as it may have.
    Full,
    /// It was changed or deleted meanwhile.
    Changed,
}

/// A thing with a name.
pub(super) struct Named<'a, C> {
    /// Its id.
    pub id: &'a str,
    /// Where it stands.
    pub key: Key,
    /// Where the guard of its name stands.
    pub name: Key,
    /// Counts its changes.
    pub version: u64,
    /// What is kept of it.
    pub content: &'a C,
}

/// How many things there are, and how many there may be.
pub(super) struct Bound {
    /// Where the number stands.
    pub key: Key,
    /// The most.
    pub most: u32,
}

/// The attribute of the guard that says whose name it is.
pub const HOLDER: &str = "holder";
const COUNT: &str = "count";
const TRIES: u32 = 20;

#[derive(Clone, Copy)]
enum Part {
    Itself,
    Name,
    Count,
}

impl Store {
    /// Adds the thing, or finds what this very request added before.
    pub(super) async fn add_named<C: Clone + Serialize + DeserializeOwned>(
        &self,
        tenant: &TenantId,
        named: &Named<'_, C>,
        bound: Option<&Bound>,
        entry: &Entry,
    ) -> Result<Result<C, NotSaved>, StoreError> {
        for _ in 0..TRIES {
            let mut transaction = Transaction::new(self);
            transaction.create(item(&named.key, named.content)?, Part::Itself);
            transaction.take_name(named, Part::Name);
            if let Some(bound) = bound {
                let count = self.count(&bound.key).await?;
                if count.is_some_and(|count| count >= bound.most) {
                    return Ok(Err(NotSaved::Full));
                }
                transaction.count_up(bound, count.is_some(), Part::Count);
            }
            transaction.audit(tenant, entry)?;
            let Err(failed) = transaction.commit().await? else {
                return Ok(Ok(named.content.clone()));
            };
            for Failed { tag, found } in failed {
                match (tag, found) {
                    (Part::Itself, Some(found)) => return Ok(Ok(content(found)?)),
                    (Part::Name, _) => return Ok(Err(NotSaved::NameTaken)),
                    (Part::Itself | Part::Count, _) => {}
                }
            }
        }
        Err(StoreError::Contended)
    }

    /// Makes `after` of what was read as `before`.
    pub(super) async fn change_named<C: Serialize>(
        &self,
        tenant: &TenantId,
        before: &Named<'_, C>,
        after: &Named<'_, C>,
        entry: &Entry,
    ) -> Result<Result<(), NotSaved>, StoreError> {
        let mut transaction = Transaction::new(self);
        let change = Change::between(
            &item(&before.key, before.content)?,
            &item(&after.key, after.content)?,
        );
        transaction.update(&before.key, change, unchanged(before), Part::Itself);
        if before.name != after.name {
            transaction.delete(&before.name);
            transaction.take_name(after, Part::Name);
        }
        transaction.audit(tenant, entry)?;
        let Err(failed) = transaction.commit().await? else {
            return Ok(Ok(()));
        };
        let moved = failed
            .iter()
            .any(|failed| matches!(failed.tag, Part::Itself));
        Ok(Err(if moved {
            NotSaved::Changed
        } else {
            NotSaved::NameTaken
        }))
    }

    /// Deletes what was read as `named`, and gives its name free.
    pub(super) async fn delete_named<C>(
        &self,
        tenant: &TenantId,
        named: &Named<'_, C>,
        bound: Option<&Bound>,
        entry: &Entry,
    ) -> Result<Result<(), NotSaved>, StoreError> {
        let mut transaction = Transaction::new(self);
        transaction.delete_if(&named.key, unchanged(named), Part::Itself);
        transaction.delete(&named.name);
        if let Some(bound) = bound {
            let some = Condition::exists().greater(COUNT, n(0));
            let down = Change::new().add(COUNT, -1);
            transaction.update(&bound.key, down, some, Part::Count);
        }
        transaction.audit(tenant, entry)?;
        let done = transaction.commit().await?;
        Ok(done.map_err(|_| NotSaved::Changed))
    }

    pub(super) async fn count(&self, key: &Key) -> Result<Option<u32>, StoreError> {
        #[derive(serde::Deserialize)]
        struct Counted {
            count: u32,
        }
        let counted: Option<Counted> = self.get(key).await?;
        Ok(counted.map(|counted| counted.count))
    }
}

fn unchanged<C>(named: &Named<'_, C>) -> Condition {
    Condition::exists().equals("version", n(named.version))
}

impl Transaction<'_, Part> {
    fn take_name<C>(&mut self, named: &Named<'_, C>, taken: Part) {
        let mut guard = named.name.item();
        guard.insert(HOLDER.to_owned(), s(named.id));
        self.create(guard, taken);
    }

    /// The first one brings the number along.
    fn count_up(&mut self, bound: &Bound, begun: bool, full: Part) {
        if begun {
            let room = Condition::exists().at_most(COUNT, n(i64::from(bound.most) - 1));
            self.update(&bound.key, Change::new().add(COUNT, 1), room, full);
        } else {
            let mut first = bound.key.item();
            first.insert(COUNT.to_owned(), n(1));
            self.create(first, full);
        }
    }
}
