//! What support asked for under its own numbers: each is carried out once.

use serde::{Deserialize, Serialize};

use super::keys;
use super::transaction::Transaction;
use super::{Store, StoreError, item};
use crate::domain::id::TenantId;
use crate::domain::text::Title;

/// An order that was carried out, kept for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// What tells it from another order.
    pub fingerprint: String,
    /// What the audit trail calls it; none where everything was so already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The user, the product or the tenant.
    pub target: String,
}

impl Store {
    /// What was carried out under this reference.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn support_reference(
        &self,
        tenant: &TenantId,
        reference: &Title,
    ) -> Result<Option<Noted>, StoreError> {
        self.get(&keys::support_reference(tenant, reference)).await
    }
}

impl<T: Clone> Transaction<'_, T> {
    /// Notes what is carried out under this reference; `used` if something was.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn note_reference(
        &mut self,
        tenant: &TenantId,
        reference: &Title,
        noted: &Noted,
        used: T,
    ) -> Result<(), StoreError> {
        self.create(
            item(&keys::support_reference(tenant, reference), noted)?,
            used,
        );
        Ok(())
    }
}
