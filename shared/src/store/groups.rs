//! Groups: fleets and tags.

use super::keys::{self, Key};
use super::{Store, StoreError};
use crate::domain::group::Group;
use crate::domain::id::{GroupId, TenantId};

impl Store {
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
}
