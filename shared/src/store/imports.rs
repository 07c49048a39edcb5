//! Imports and their chunks: the plan's bookkeeping, and the outbox of `import-chunk`.

use jiff::Timestamp;

use super::expression::{Change, Condition};
use super::keys;
use super::transaction::Transaction;
use super::{Store, StoreError, content, item, n, s, value};
use crate::domain::id::{ImportId, TenantId};
use crate::domain::import::{Chunk, Counts, Exception, Import, ImportState};

/// What waits for `import-chunk`.
pub const OUTBOX: &str = "import-chunk";

impl Store {
    /// An import.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn import(
        &self,
        tenant: &TenantId,
        id: &ImportId,
    ) -> Result<Option<Import>, StoreError> {
        self.get(&keys::import(tenant, id)).await
    }

    /// All imports of a tenant, newest first.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn imports(&self, tenant: &TenantId) -> Result<Vec<Import>, StoreError> {
        let mut imports: Vec<Import> = self
            .all(&keys::tenant_partition(tenant), keys::IMPORT)
            .await?;
        imports.sort_by(|a, b| {
            b.created_at
                .cmp(&a.created_at)
                .then_with(|| a.id.cmp(&b.id))
        });
        Ok(imports)
    }

    /// Adds an import where there is none with its id; otherwise the one there is.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn add_import(
        &self,
        tenant: &TenantId,
        import: &Import,
    ) -> Result<Option<Import>, StoreError> {
        let put = self
            .put_if(
                item(&keys::import(tenant, &import.id), import)?,
                Condition::absent(),
            )
            .await?;
        put.err().map(content).transpose()
    }

    /// Puts the import's new state in place of `from`, if it still is in that state; says whether it was.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn move_import(
        &self,
        tenant: &TenantId,
        from: ImportState,
        import: &Import,
    ) -> Result<bool, StoreError> {
        let stored = item(&keys::import(tenant, &import.id), import)?;
        let put = self
            .put_if(stored, Condition::exists().equals("state", value(&from)?))
            .await?;
        Ok(put.is_ok())
    }

    /// Puts chunks of a plan, waiting for the commit; the same chunk put twice is put once.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn put_chunk(
        &self,
        tenant: &TenantId,
        import: &ImportId,
        chunk: &Chunk,
    ) -> Result<(), StoreError> {
        let stored = item(&keys::chunk(tenant, import, chunk.number), chunk)?;
        // A chunk that a worker has begun is never put back to its beginning.
        self.put_if(stored, Condition::default().lacks_or_at_most("next", n(0)))
            .await
            .map(|_| ())
    }

    /// A chunk.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn chunk(
        &self,
        tenant: &TenantId,
        import: &ImportId,
        number: u32,
    ) -> Result<Option<Chunk>, StoreError> {
        self.get(&keys::chunk(tenant, import, number)).await
    }

    /// Lets a worker take a chunk. Each worker releases two further ones, so that a commit is one small
    /// transaction and yet all chunks run soon.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn release_chunk(
        &self,
        tenant: &TenantId,
        import: &ImportId,
        number: u32,
    ) -> Result<(), StoreError> {
        let waiting = Condition::exists().lacks("released");
        self.update(&keys::chunk(tenant, import, number), release(), waiting)
            .await
            .map(|_| ())
    }

    /// Notes on the import that a report was written and the commit is over.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn finish_import(
        &self,
        tenant: &TenantId,
        import: &Import,
        state: ImportState,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let change = Change::new()
            .set("state", value(&state)?)
            .set("updated_at", s(now.to_string()));
        let running = Condition::exists().equals("state", value(&ImportState::Importing)?);
        self.update(&keys::import(tenant, &import.id), change, running)
            .await
    }
}

fn release() -> Change {
    Change::new()
        .set(keys::OUTBOX, s(OUTBOX))
        .set("released", n(1))
}

impl<T: Clone> Transaction<'_, T> {
    /// Commits a plan: the import goes from ready to importing, and its first chunk is released.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn commit_import(
        &mut self,
        tenant: &TenantId,
        import: &Import,
        now: Timestamp,
        not_ready: T,
    ) -> Result<(), StoreError> {
        let change = Change::new()
            .set("state", value(&ImportState::Importing)?)
            .set("updated_at", s(now.to_string()));
        let ready = Condition::exists().equals("state", value(&ImportState::Ready)?);
        self.update(
            &keys::import(tenant, &import.id),
            change,
            ready,
            not_ready.clone(),
        );
        if import.chunks > 0 {
            self.update(
                &keys::chunk(tenant, &import.id, 0),
                release(),
                Condition::exists(),
                not_ready,
            );
        }
        Ok(())
    }

    /// Moves a chunk's checkpoint from `chunk.next` to `next`; fails with `overtaken` if another worker was faster.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn checkpoint(
        &mut self,
        tenant: &TenantId,
        import: &ImportId,
        chunk: &Chunk,
        next: u32,
        done: Counts,
        exceptions: &[Exception],
        overtaken: T,
    ) -> Result<(), StoreError> {
        let mut change = Change::new()
            .set("next", n(next))
            .set("done", value(&done)?);
        if exceptions.len() != chunk.exceptions.len() {
            change = change.set("exceptions", value(&exceptions)?);
        }
        let here = Condition::exists().equals("next", n(chunk.next));
        self.update(
            &keys::chunk(tenant, import, chunk.number),
            change,
            here,
            overtaken,
        );
        Ok(())
    }

    /// Counts a finished chunk in its import, once.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn finish_chunk(
        &mut self,
        tenant: &TenantId,
        import: &ImportId,
        chunk: &Chunk,
        now: Timestamp,
        finished_before: T,
    ) -> Result<(), StoreError> {
        let change = Change::new()
            .set("finished", value(&true)?)
            .remove(keys::OUTBOX);
        let running = Condition::exists().equals("finished", value(&false)?);
        self.update(
            &keys::chunk(tenant, import, chunk.number),
            change,
            running,
            finished_before.clone(),
        );
        let mut count = Change::new()
            .add("chunks_done", 1)
            .set("updated_at", s(now.to_string()));
        for (name, rows) in [
            ("created", chunk.done.created),
            ("updated", chunk.done.updated),
            ("unchanged", chunk.done.unchanged),
            ("refused", chunk.done.refused),
        ] {
            count = count.add(
                &format!("done.{name}"),
                i64::try_from(rows).unwrap_or(i64::MAX),
            );
        }
        self.update(
            &keys::import(tenant, import),
            count,
            Condition::exists(),
            finished_before,
        );
        Ok(())
    }
}
