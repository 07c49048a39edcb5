//! Imports and their chunks: the plan's bookkeeping, and the outbox of `import-chunk`.

use jiff::Timestamp;

use super::expression::{Change, Condition};
use super::keys::{self, Key};
use super::outbox;
use super::transaction::Transaction;
use super::{Item, Store, StoreError, item, n, s, seconds, value};
use crate::domain::id::{ImportId, PlanId, TenantId};
use crate::domain::import::{Chunk, Counts, Import, ImportState, kept_until};
use crate::domain::trace::TraceId;
use crate::metrics;

/// What waits for `import-chunk`.
pub const OUTBOX: &str = "import-chunk";

/// Which plan of which import of which tenant: what a chunk belongs to.
#[derive(Debug, Clone)]
pub struct PlanOf {
    /// The tenant.
    pub tenant: TenantId,
    /// The import.
    pub import: ImportId,
    /// The plan.
    pub plan: PlanId,
}

impl PlanOf {
    fn chunk(&self, number: u32) -> Key {
        keys::chunk(&self.tenant, &self.import, &self.plan, number)
    }
}

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

    /// Puts the import's new state in place of `from`, if it still is in that state and its plan is still being made
    /// by the same attempt; says whether it was.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn move_import(
        &self,
        tenant: &TenantId,
        from: &Import,
        to: &Import,
    ) -> Result<bool, StoreError> {
        let unmoved = Condition::exists().equals("state", value(&from.state)?);
        let unmoved = match &from.plan {
            Some(plan) => unmoved.equals("plan", s(plan.as_str())),
            None => unmoved.lacks("plan"),
        };
        let moved = self
            .put_if(import_item(tenant, to)?, unmoved)
            .await?
            .is_ok();
        if moved {
            metrics::import_moved(to.state);
        }
        Ok(moved)
    }

    /// Puts a chunk of a plan, waiting for the commit. It is remembered as long as its import, which was begun at
    /// `begun`.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn put_chunk(
        &self,
        plan: &PlanOf,
        chunk: &Chunk,
        begun: Timestamp,
    ) -> Result<(), StoreError> {
        let mut stored = item(&plan.chunk(chunk.number), chunk)?;
        stored.insert(keys::TTL.to_owned(), seconds(kept_until(begun)));
        self.put_if(stored, Condition::absent()).await.map(|_| ())
    }

    /// A chunk.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn chunk(&self, plan: &PlanOf, number: u32) -> Result<Option<Chunk>, StoreError> {
        self.get(&plan.chunk(number)).await
    }

    /// Lets a worker take a chunk, once.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn release_chunk(&self, plan: &PlanOf, number: u32) -> Result<(), StoreError> {
        let waiting = Condition::exists().lacks("released");
        let release = release(outbox::current().as_ref());
        self.update(&plan.chunk(number), release, waiting)
            .await
            .map(|_| ())
    }

    /// Lets another worker go on with a chunk that this one had no time to finish. The outbox tells of what begins to wait, so the
    /// chunk leaves it first. Who dies between the two has its message come again.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn hand_over_chunk(&self, plan: &PlanOf, number: u32) -> Result<(), StoreError> {
        let left = Change::new().remove(keys::OUTBOX);
        let release = release(outbox::current().as_ref());
        for change in [left, release] {
            let unfinished = Condition::exists().equals("finished", value(&false)?);
            self.update(&plan.chunk(number), change, unfinished).await?;
        }
        Ok(())
    }

    /// Notes that the report was written and the import is over.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn finish_import(
        &self,
        tenant: &TenantId,
        import: &ImportId,
        state: ImportState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let change = Change::new()
            .set("state", value(&state)?)
            .set("updated_at", s(now.to_string()));
        let running = Condition::exists().equals("state", value(&ImportState::Importing)?);
        if self
            .update(&keys::import(tenant, import), change, running)
            .await?
        {
            metrics::import_moved(state);
        }
        Ok(())
    }
}

/// The stored form of an import.
fn import_item(tenant: &TenantId, import: &Import) -> Result<Item, StoreError> {
    let mut stored = item(&keys::import(tenant, &import.id), import)?;
    stored.insert(keys::TTL.to_owned(), seconds(kept_until(import.created_at)));
    Ok(stored)
}

fn release(trace: Option<&TraceId>) -> Change {
    Change::new().wait(OUTBOX, trace).set("released", n(1))
}

impl<T: Clone> Transaction<'_, T> {
    /// Adds an import, which belongs to the present trace from now on; `there` if it is there already.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn add_import(
        &mut self,
        tenant: &TenantId,
        import: &Import,
        there: T,
    ) -> Result<(), StoreError> {
        let mut stored = import_item(tenant, import)?;
        outbox::keep_trace(&mut stored);
        self.create(stored, there);
        self.tally.imports_begun += 1;
        Ok(())
    }

    /// Commits the plan of an import, which goes from ready to importing, and releases its first chunk. What the plan
    /// leaves as it is, or refuses, is counted at once. The chunks belong to the trace that the import began with.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn commit_import(
        &mut self,
        plan: &PlanOf,
        import: &Import,
        now: Timestamp,
        not_ready: T,
    ) -> Result<(), StoreError> {
        let done = Counts {
            unchanged: import.planned.unchanged,
            refused: import.planned.refused,
            ..Counts::default()
        };
        let change = Change::new()
            .set("state", value(&ImportState::Importing)?)
            .set("done", value(&done)?)
            .set("updated_at", s(now.to_string()));
        let ready = Condition::exists()
            .equals("state", value(&ImportState::Ready)?)
            .equals("plan", s(plan.plan.as_str()));
        self.update(
            &keys::import(&plan.tenant, &plan.import),
            change,
            ready,
            not_ready.clone(),
        );
        let release = release(import.trace.as_ref());
        self.update(&plan.chunk(0), release, Condition::exists(), not_ready);
        self.tally.rows += done;
        Ok(())
    }

    /// Withdraws an import that has not been committed.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn cancel_import(
        &mut self,
        tenant: &TenantId,
        import: &Import,
        now: Timestamp,
        moved: T,
    ) -> Result<(), StoreError> {
        let change = Change::new()
            .set("state", value(&ImportState::Cancelled)?)
            .set("updated_at", s(now.to_string()));
        let unmoved = Condition::exists().equals("state", value(&import.state)?);
        self.update(&keys::import(tenant, &import.id), change, unmoved, moved);
        Ok(())
    }

    /// Moves a chunk's checkpoint from where `before` was read to `after`; fails with `overtaken` if another worker
    /// was faster.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn checkpoint(
        &mut self,
        plan: &PlanOf,
        before: &Chunk,
        after: &Chunk,
        overtaken: T,
    ) -> Result<(), StoreError> {
        let mut change = Change::new()
            .set("next", n(after.next))
            .set("done", value(&after.done)?);
        if after.exceptions.len() != before.exceptions.len() {
            change = change.set("exceptions", value(&after.exceptions)?);
        }
        let here = Condition::exists().equals("next", n(before.next));
        self.update(&plan.chunk(before.number), change, here, overtaken);
        Ok(())
    }

    /// Counts a finished chunk in its import, once.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn finish_chunk(
        &mut self,
        plan: &PlanOf,
        chunk: &Chunk,
        now: Timestamp,
        before: T,
    ) -> Result<(), StoreError> {
        let change = Change::new()
            .set("finished", value(&true)?)
            .remove(keys::OUTBOX);
        let running = Condition::exists().equals("finished", value(&false)?);
        self.update(&plan.chunk(chunk.number), change, running, before.clone());
        let counts = [
            ("created", chunk.done.created),
            ("updated", chunk.done.updated),
            ("unchanged", chunk.done.unchanged),
            ("refused", chunk.done.refused),
        ];
        let count = Change::new()
            .add("chunks_done", 1)
            .set("updated_at", s(now.to_string()));
        let count = counts.into_iter().fold(count, |count, (name, rows)| {
            count.add(
                &format!("done.{name}"),
                i64::try_from(rows).unwrap_or(i64::MAX),
            )
        });
        self.update(
            &keys::import(&plan.tenant, &plan.import),
            count,
            Condition::exists(),
            before,
        );
        self.tally.rows += chunk.done;
        Ok(())
    }
}
