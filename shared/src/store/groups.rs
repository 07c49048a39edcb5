//! Groups: fleets and tags.

use super::bulk::{BulkChange, Part};
use super::keys::{self, Key};
use super::named::{HOLDER, Named, NotSaved};
use super::transaction::Transaction;
use super::{Item, SK, Store, StoreError};
use crate::domain::audit::{Actor, Entry, Target};
use crate::domain::group::Group;
use crate::domain::id::{AuditId, GroupId, Seed, TenantId, UserId};
use crate::domain::powers::Powers;
use crate::domain::refusal::Refusal;
use crate::domain::text::fold;
use crate::domain::user::User;

/// The most groups looked through for one page.
const LOOKED_THROUGH: usize = 2_000;

fn named<'a>(tenant: &TenantId, group: &'a Group) -> Named<'a, Group> {
    Named {
        id: group.id.as_str(),
        key: keys::group(tenant, &group.id),
        name: keys::group_name(tenant, &group.name.folded()),
        version: group.version,
        content: group,
    }
}

impl Store {
    /// A group.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn group(
        &self,
        tenant: &TenantId,
        group: &GroupId,
    ) -> Result<Option<Group>, StoreError> {
        self.get(&keys::group(tenant, group)).await
    }

    /// Groups in the order of their ids.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn groups(
        &self,
        tenant: &TenantId,
        ids: &[GroupId],
    ) -> Result<Vec<Option<Group>>, StoreError> {
        let keys: Vec<Key> = ids.iter().map(|id| keys::group(tenant, id)).collect();
        self.get_many(&keys).await
    }

    /// A page of at most `limit` groups in the order of their names, of names that begin with `prefix` and of groups that
    /// `admits` lets through; and where the next page begins. Looks through a bounded number of groups.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn list_groups(
        &self,
        tenant: &TenantId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        admits: impl Fn(&Group) -> bool,
    ) -> Result<(Vec<Group>, Option<String>), StoreError> {
        let partition = keys::tenant_partition(tenant);
        let prefix = format!("{}{}", keys::GROUP_NAME, fold(prefix));
        let most = i32::try_from(limit).unwrap_or(i32::MAX);
        let (mut groups, mut last) = (Vec::new(), after.map(str::to_owned));
        let mut looked_through = 0;
        loop {
            let page = self
                .page(None, &partition, &prefix, last.as_deref(), most)
                .await?;
            let names: Vec<(String, GroupId)> = page.items.iter().filter_map(holder).collect();
            let ids: Vec<GroupId> = names.iter().map(|(_, id)| id.clone()).collect();
            let found = self.groups(tenant, &ids).await?;
            let count = names.len();
            for (place, ((name, _), group)) in names.into_iter().zip(found).enumerate() {
                last = Some(name);
                groups.extend(group.filter(&admits));
                if groups.len() == limit {
                    let more = place + 1 < count || page.more;
                    return Ok((groups, last.filter(|_| more)));
                }
            }
            looked_through += count;
            if !page.more || looked_through >= LOOKED_THROUGH {
                return Ok((groups, last.filter(|_| page.more)));
            }
        }
    }

    /// Adds a group, or finds that this very request added it before.
    ///
    /// # Errors
    /// When the table cannot be used.
    pub async fn add_group(
        &self,
        tenant: &TenantId,
        group: &Group,
        entry: &Entry,
    ) -> Result<Result<Group, NotSaved>, StoreError> {
        self.add_named(tenant, &named(tenant, group), None, entry)
            .await
    }

    /// Makes `after` of the group read as `before`.
    ///
    /// # Errors
    /// When the table cannot be used.
    pub async fn change_group(
        &self,
        tenant: &TenantId,
        before: &Group,
        after: &Group,
        entry: &Entry,
    ) -> Result<Result<(), NotSaved>, StoreError> {
        self.change_named(tenant, &named(tenant, before), &named(tenant, after), entry)
            .await
    }

    /// Deletes the group as read. Whoever is in it, and whose scope lists it, keeps its id, and it shows nobody.
    ///
    /// # Errors
    /// When the table cannot be used.
    pub async fn delete_group(
        &self,
        tenant: &TenantId,
        group: &Group,
        entry: &Entry,
    ) -> Result<Result<(), NotSaved>, StoreError> {
        self.delete_named(tenant, &named(tenant, group), None, entry)
            .await
    }
}

/// The name's key, and whose name it is.
fn holder(guard: &Item) -> Option<(String, GroupId)> {
    let key = guard.get(SK)?.as_s().ok()?.clone();
    let id = GroupId::parse(guard.get(HOLDER)?.as_s().ok()?).ok()?;
    Some((key, id))
}

/// Puts users into a group, or takes them out.
#[derive(Debug)]
pub struct Grouping<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// Who does it.
    pub actor: &'a UserId,
    /// What that user may do.
    pub powers: &'a Powers,
    /// The group.
    pub group: &'a GroupId,
    /// Into it, or out of it.
    pub into: bool,
    /// What the ids of audit entries are made from.
    pub seed: &'a Seed,
    /// The present moment.
    pub now: jiff::Timestamp,
}

impl Grouping<'_> {
    fn applied(&self, user: &User) -> User {
        let mut after = User {
            updated_at: self.now,
            ..user.clone()
        };
        if self.into {
            after.groups.insert(self.group.clone());
        } else {
            after.groups.remove(self.group);
        }
        after
    }
}

impl BulkChange for Grouping<'_> {
    const PARTS: usize = 1;

    fn decide(&self, user: &User) -> Result<bool, Refusal> {
        self.powers.may_regroup(user, &self.applied(user))?;
        Ok(user.groups.contains(self.group) != self.into)
    }

    fn add(
        &self,
        transaction: &mut Transaction<'_, Part>,
        place: usize,
        user: &User,
    ) -> Result<(), StoreError> {
        transaction.edit_user(self.tenant, user, &self.applied(user), |_| {
            Part::User(place)
        })
    }

    fn seal(
        &self,
        transaction: &mut Transaction<'_, Part>,
        users: &[&User],
    ) -> Result<(), StoreError> {
        let operation = if self.into {
            "groups.add"
        } else {
            "groups.remove"
        };
        let first = users.first().map_or("", |user| user.id.as_str());
        let changed = users
            .iter()
            .map(|user| Target::changed(user, &self.applied(user)));
        let entry = Entry {
            id: AuditId::derive(&self.seed.child(&format!("{operation}/{first}"))),
            at: self.now,
            actor: Actor::User {
                id: self.actor.clone(),
            },
            operation: operation.to_owned(),
            targets: changed.chain([Target::of(self.group)]).collect(),
        };
        transaction.audit(self.tenant, &entry)
    }
}
