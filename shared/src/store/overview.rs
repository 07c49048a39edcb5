//! What the overview knows of a company's users: the outbox of the `count-users` worker.

use jiff::Timestamp;

use super::expression::{Change, Condition};
use super::keys;
use super::outbox;
use super::{Store, StoreError, s, value};
use crate::domain::id::TenantId;
use crate::domain::overview::{Counts, Overview, PATIENCE};

/// What waits for `count-users`.
pub const OUTBOX: &str = "count";

impl Store {
    /// What is known of the company's users.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn overview(&self, tenant: &TenantId) -> Result<Overview, StoreError> {
        Ok(self.get(&keys::overview(tenant)).await?.unwrap_or_default())
    }

    /// Has the company's users counted, unless that is under way.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn ask_to_count(&self, tenant: &TenantId, now: Timestamp) -> Result<(), StoreError> {
        let key = keys::overview(tenant);
        let lost = now.saturating_sub(PATIENCE).unwrap_or(Timestamp::MIN);
        // The stream tells of work where `outbox` was not there before.
        let lost = Condition::exists()
            .has(keys::OUTBOX)
            .at_most("asked_at", s(lost.to_string()));
        (self.update(&key, Change::new().remove(keys::OUTBOX), lost)).await?;
        let ask = Change::new()
            .wait(OUTBOX, outbox::current().as_ref())
            .set("asked_at", s(now.to_string()));
        let idle = Condition::default().lacks(keys::OUTBOX);
        self.update(&key, ask, idle).await.map(|_| ())
    }

    /// Notes what the count that began at `began` came to. The work is done.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn counted(
        &self,
        tenant: &TenantId,
        counts: &Counts,
        began: Timestamp,
    ) -> Result<(), StoreError> {
        let change = Change::new()
            .remove(keys::OUTBOX)
            .remove("asked_at")
            .set("counts", value(counts)?)
            .set("counted_at", s(began.to_string()));
        self.update(&keys::overview(tenant), change, Condition::exists())
            .await
            .map(|_| ())
    }
}
