//! Exports: the outbox of the `export` worker.

use jiff::Timestamp;

use super::expression::{Change, Condition};
use super::keys;
use super::outbox;
use super::transaction::Transaction;
use super::{Store, StoreError, item, n, s, seconds, value};
use crate::domain::export::{Export, ExportState};
use crate::domain::id::{ExportId, TenantId};

/// What waits for `export`.
pub const OUTBOX: &str = "export";

impl<T: Clone> Transaction<'_, T> {
    /// Queues an export; `repeated` if the very same was queued before.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn queue_export(
        &mut self,
        tenant: &TenantId,
        export: &Export,
        repeated: T,
    ) -> Result<(), StoreError> {
        let mut stored = item(&keys::export(tenant, &export.id), export)?;
        outbox::wait(&mut stored, OUTBOX);
        stored.insert(keys::TTL.to_owned(), seconds(export.kept_until()));
        self.create(stored, repeated);
        Ok(())
    }
}

impl Store {
    /// An export.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn export(
        &self,
        tenant: &TenantId,
        id: &ExportId,
    ) -> Result<Option<Export>, StoreError> {
        self.get(&keys::export(tenant, id)).await
    }

    /// The tenant's exports, newest first.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn exports(&self, tenant: &TenantId) -> Result<Vec<Export>, StoreError> {
        let mut exports: Vec<Export> = self
            .all(&keys::tenant_partition(tenant), keys::EXPORT)
            .await?;
        exports.sort_by(|a, b| {
            b.created_at
                .cmp(&a.created_at)
                .then_with(|| a.id.cmp(&b.id))
        });
        Ok(exports)
    }

    /// Notes that an export is being written.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn export_running(
        &self,
        tenant: &TenantId,
        id: &ExportId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.move_export(tenant, id, ExportState::Running, Change::new(), now)
            .await
    }

    /// Notes that an export ended, with how many rows if it can be fetched: the work is done.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn export_ended(
        &self,
        tenant: &TenantId,
        id: &ExportId,
        rows: Option<u64>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let change = Change::new().remove(keys::OUTBOX);
        match rows {
            Some(rows) => {
                self.move_export(
                    tenant,
                    id,
                    ExportState::Done,
                    change.set("rows", n(rows)),
                    now,
                )
                .await
            }
            None => {
                self.move_export(tenant, id, ExportState::Failed, change, now)
                    .await
            }
        }
    }

    async fn move_export(
        &self,
        tenant: &TenantId,
        id: &ExportId,
        state: ExportState,
        change: Change,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let change = change
            .set("state", value(&state)?)
            .set("updated_at", s(now.to_string()));
        self.update(
            &keys::export(tenant, id),
            change,
            Condition::exists().has(keys::OUTBOX),
        )
        .await
        .map(|_| ())
    }
}
