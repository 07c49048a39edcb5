//! Customers' accounts.

use super::keys::{self, Key};
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

    /// Accounts in the order of their ids.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn accounts(
        &self,
        tenant: &TenantId,
        ids: &[AccountId],
    ) -> Result<Vec<Option<Account>>, StoreError> {
        let keys: Vec<Key> = ids.iter().map(|id| keys::account(tenant, id)).collect();
        self.get_many(&keys).await
    }
}
