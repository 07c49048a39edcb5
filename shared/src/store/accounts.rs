//! Customers' accounts.

use super::keys;
use super::{Store, StoreError};
use crate::domain::account::Account;
use crate::domain::id::{AccountId, TenantId};

impl Store {
    /// An account.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn account(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        self.get(&keys::account(tenant, account)).await
    }
}
