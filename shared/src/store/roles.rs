//! Roles that a tenant defined, and the powers that come of them.

use futures::future::try_join_all;
use jiff::Timestamp;

use super::keys;
use super::named::{Bound, Named, NotSaved};
use super::{Store, StoreError};
use crate::domain::audit::Entry;
use crate::domain::group::Group;
use crate::domain::id::{RoleId, TenantId, UserId};
use crate::domain::permission::{Class, Rights, Role, RoleBook, RoleDefinition, Scope};
use crate::domain::powers::{Powers, Sight};
use crate::domain::tenant::{Policy, Tenant};
use crate::domain::user::Status;

fn named<'a>(tenant: &TenantId, role: &'a RoleDefinition) -> Named<'a, RoleDefinition> {
    Named {
        id: role.id.as_str(),
        key: keys::role(tenant, &role.id),
        name: keys::role_name(tenant, &role.name.folded()),
        version: role.version,
        content: role,
    }
}

fn bound(tenant: &TenantId) -> Bound {
    Bound {
        key: keys::role_count(tenant),
        most: RoleDefinition::MOST,
    }
}

impl Store {
    /// All roles that the tenant defined.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn role_book(&self, tenant: &TenantId) -> Result<RoleBook, StoreError> {
        let roles = self
            .all(&keys::tenant_partition(tenant), keys::ROLE)
            .await?;
        Ok(RoleBook::new(roles))
    }

    /// How many roles the tenant defined, as counted; none before the first one.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn counted_roles(&self, tenant: &TenantId) -> Result<Option<u32>, StoreError> {
        self.count(&keys::role_count(tenant)).await
    }

    /// A role that the tenant defined.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn role(
        &self,
        tenant: &TenantId,
        role: &RoleId,
    ) -> Result<Option<RoleDefinition>, StoreError> {
        self.get(&keys::role(tenant, role)).await
    }

    /// Adds a role, or finds that this very request added it before.
    ///
    /// # Errors
    /// When the table cannot be used.
    pub async fn define_role(
        &self,
        tenant: &TenantId,
        role: &RoleDefinition,
        entry: &Entry,
    ) -> Result<Result<RoleDefinition, NotSaved>, StoreError> {
        self.add_named(tenant, &named(tenant, role), Some(&bound(tenant)), entry)
            .await
    }

    /// Makes `after` of the role read as `before`.
    ///
    /// # Errors
    /// When the table cannot be used.
    pub async fn change_role(
        &self,
        tenant: &TenantId,
        before: &RoleDefinition,
        after: &RoleDefinition,
        entry: &Entry,
    ) -> Result<Result<(), NotSaved>, StoreError> {
        self.change_named(tenant, &named(tenant, before), &named(tenant, after), entry)
            .await
    }

    /// Deletes the role as read. Whoever has it keeps its id, and it permits nothing.
    ///
    /// # Errors
    /// When the table cannot be used.
    pub async fn delete_role(
        &self,
        tenant: &TenantId,
        role: &RoleDefinition,
        entry: &Entry,
    ) -> Result<Result<(), NotSaved>, StoreError> {
        self.delete_named(tenant, &named(tenant, role), Some(&bound(tenant)), entry)
            .await
    }

    /// Whom the holder of these rights sees: groups that are no more show nobody. The tenant's policy is read only where
    /// it matters.
    ///
    /// # Errors
    /// When the table cannot be read, or the tenant is gone.
    pub async fn sight(&self, tenant: &TenantId, rights: &Rights) -> Result<Sight, StoreError> {
        match self.sight_by_policy(tenant, rights).await? {
            Sight::Listed(mut scope) => {
                self.keep_living(tenant, &mut scope).await?;
                Ok(Sight::Listed(scope))
            }
            sight => Ok(sight),
        }
    }

    /// Leaves out the groups that are no more. Their ids stay on users, so that deleting a group need not look for them.
    async fn keep_living(&self, tenant: &TenantId, scope: &mut Scope) -> Result<(), StoreError> {
        // Not as one batch: functions that only ever ask for this need no further right for it.
        let look = |id| async move { self.get::<Group>(&keys::group(tenant, id)).await };
        let found = try_join_all(scope.groups.iter().map(look)).await?;
        scope.groups = found.into_iter().flatten().map(|group| group.id).collect();
        Ok(())
    }

    async fn sight_by_policy(
        &self,
        tenant: &TenantId,
        rights: &Rights,
    ) -> Result<Sight, StoreError> {
        if rights.class != Class::Standard || rights.account().is_some() {
            return Ok(Sight::of(rights, &Policy::default()));
        }
        let key = keys::tenant(tenant);
        let tenant = self.tenant(tenant).await?;
        let tenant =
            tenant.ok_or_else(|| StoreError::corrupt((&key.pk, &key.sk), "the tenant is gone"))?;
        Ok(Sight::of(rights, &tenant.policy))
    }

    /// The powers that these rights give.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn powers(
        &self,
        tenant: &TenantId,
        user: &UserId,
        rights: &Rights,
        sight: Sight,
    ) -> Result<Powers, StoreError> {
        let book = self.book_of(tenant, rights).await?;
        Ok(Powers::of(Some(user), rights, &book, sight))
    }

    /// A book that knows the roles of these rights; the tenant's own ones are read only where some are held.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn book_of(
        &self,
        tenant: &TenantId,
        rights: &Rights,
    ) -> Result<RoleBook, StoreError> {
        let defined = |role: &Role| matches!(role, Role::Defined(_));
        if rights.roles.iter().any(defined) {
            self.role_book(tenant).await
        } else {
            Ok(RoleBook::default())
        }
    }

    /// What a user may do at present, for work that is done on its behalf later; none if it may not act any more.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn present_powers(
        &self,
        tenant: &Tenant,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Option<Powers>, StoreError> {
        let present = self.user(&tenant.id, user).await?;
        let Some(present) = present.filter(|user| user.status(now) == Status::Active) else {
            return Ok(None);
        };
        let sight = self.sight(&tenant.id, &present.rights).await?;
        let powers = self
            .powers(&tenant.id, user, &present.rights, sight)
            .await?;
        Ok(Some(powers))
    }
}
