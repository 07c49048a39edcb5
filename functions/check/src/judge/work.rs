//! Work that waits for a worker, and what became of it: mails, imports, exports, counts.

use jiff::Timestamp;
use muster_shared::domain::export::{Export, ExportState};
use muster_shared::domain::id::TenantId;
use muster_shared::domain::import::{Chunk, Counts, Import, ImportState, KEPT};
use muster_shared::domain::letter::{Mail, ResetAsked};
use muster_shared::domain::overview::Overview;
use muster_shared::store::{exports, imports, keys, links, mails, overview};

use super::Judge;
use crate::report::Rule;

impl Judge<'_> {
    pub(super) fn mail(&mut self) {
        let Some(mail) = self.read::<Mail>() else {
            return;
        };
        self.stands_at(&keys::mail(&mail.id));
        self.is_swept(mail.created_at, mails::KEPT);
        let since = mail.lease_until.unwrap_or(mail.created_at);
        // News of a mail may be faster than whoever notes that it was sent: then it waits for that a little longer.
        let waits = mail.waits() || self.item.contains_key(keys::OUTBOX);
        self.waits_for(mails::OUTBOX, waits, since);
    }

    pub(super) fn reset_asked(&mut self) {
        if let Some(asked) = self.read::<ResetAsked>() {
            self.stands_at(&keys::reset_asked(&asked.id));
            self.is_swept(asked.at, links::ASKED_KEPT);
            self.waits_for(mails::OUTBOX, true, asked.at);
        }
    }

    pub(super) fn export(&mut self, tenant: &TenantId) {
        if let Some(export) = self.read::<Export>() {
            self.stands_at(&keys::export(tenant, &export.id));
            self.is_swept(export.kept_until(), jiff::SignedDuration::ZERO);
            let waits = matches!(export.state, ExportState::Queued | ExportState::Running);
            self.waits_for(exports::OUTBOX, waits, export.updated_at);
        }
    }

    pub(super) fn overview(&mut self) {
        if let Some(overview) = self.read::<Overview>() {
            let asked = overview.asked_at;
            let since = asked.unwrap_or(Timestamp::MAX);
            self.waits_for(overview::OUTBOX, asked.is_some(), since);
        }
    }

    pub(super) fn import(&mut self, tenant: &TenantId) {
        let Some(import) = self.read::<Import>() else {
            return;
        };
        self.stands_at(&keys::import(tenant, &import.id));
        self.is_swept(import.created_at, KEPT);
        let busy = matches!(import.state, ImportState::Checking | ImportState::Importing);
        self.in_time(!busy, import.updated_at);
        let chunks: Vec<Option<Chunk>> = self.chunks(tenant, &import);
        let lacking = chunks.iter().filter(|chunk| chunk.is_none()).count();
        self.expect_of(lacking == 0, Rule::ChunkMissing, &lacking);
        let over = matches!(
            import.state,
            ImportState::Done | ImportState::DoneWithErrors
        );
        if over && lacking == 0 {
            self.is_summed_up(&import, chunks.into_iter().flatten());
        }
    }

    /// The pieces of the plan, where there is one that counts.
    fn chunks(&self, tenant: &TenantId, import: &Import) -> Vec<Option<Chunk>> {
        let planned = matches!(
            import.state,
            ImportState::Ready
                | ImportState::Importing
                | ImportState::Done
                | ImportState::DoneWithErrors
        );
        let Some(plan) = import.plan.as_ref().filter(|_| planned) else {
            return Vec::new();
        };
        let chunk = |number| {
            self.around
                .get(&keys::chunk(tenant, &import.id, plan, number))
        };
        (0..import.chunks).map(chunk).collect()
    }

    fn is_summed_up(&mut self, import: &Import, chunks: impl Iterator<Item = Chunk>) {
        let mut done = Counts {
            unchanged: import.planned.unchanged,
            refused: import.planned.refused,
            ..Counts::default()
        };
        let mut finished = 0;
        for chunk in chunks {
            finished += u32::from(chunk.finished);
            done.created += chunk.done.created;
            done.updated += chunk.done.updated;
            done.unchanged += chunk.done.unchanged;
            done.refused += chunk.done.refused;
        }
        let right = done == import.done && finished == import.chunks;
        let right = right && import.chunks_done == import.chunks;
        self.expect(right, Rule::ImportMiscounted);
    }

    pub(super) fn chunk(&mut self, tenant: &TenantId) {
        let Some(chunk) = self.read::<Chunk>() else {
            return;
        };
        let Some((_, id, plan, _)) = keys::read_chunk(&self.key.pk) else {
            return;
        };
        self.stands_at(&keys::chunk(tenant, &id, &plan, chunk.number));
        let import: Option<Import> = self.around.get(&keys::import(tenant, &id));
        let Some(import) = import else {
            self.expect(false, Rule::ChunkOrphaned);
            return;
        };
        self.is_swept(import.created_at, KEPT);
        let released = self.item.contains_key("released");
        let waits = released && !chunk.finished;
        self.waits_for(imports::OUTBOX, waits, import.updated_at);
    }
}
