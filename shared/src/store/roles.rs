//! Roles that a tenant defined, and the powers that come of them.

use super::keys;
use super::{Store, StoreError};
use crate::domain::id::{TenantId, UserId};
use crate::domain::permission::{Class, Rights, Role, RoleBook};
use crate::domain::powers::{Powers, Sight};
use crate::domain::tenant::Policy;

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

    /// Whom the holder of these rights sees; the tenant's policy is read only where it matters.
    ///
    /// # Errors
    /// When the table cannot be read, or the tenant is gone.
    pub async fn sight(&self, tenant: &TenantId, rights: &Rights) -> Result<Sight, StoreError> {
        if rights.class != Class::Standard || rights.account().is_some() {
            return Ok(Sight::of(rights, &Policy::default()));
        }
        let key = keys::tenant(tenant);
        let tenant = self.tenant(tenant).await?;
        let tenant =
            tenant.ok_or_else(|| StoreError::corrupt((&key.pk, &key.sk), "the tenant is gone"))?;
        Ok(Sight::of(rights, &tenant.policy))
    }

    /// The powers that these rights give; the tenant's own roles are read only where some are held.
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
        let defined = |role: &Role| matches!(role, Role::Defined(_));
        let book = if rights.roles.iter().any(defined) {
            self.role_book(tenant).await?
        } else {
            RoleBook::default()
        };
        Ok(Powers::of(Some(user), rights, &book, sight))
    }
}
