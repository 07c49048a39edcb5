//! What operators count. A fact is told where it is committed, so once, whatever is tried again; `lambda` writes it to standard
//! output as `CloudWatch` reads it. Every name is a metric; `Kind` and `Code` are dimensions and take few values.

use jiff::SignedDuration;

use crate::domain::import::{Counts, ImportState};
use crate::domain::invitation::MailState;
use crate::domain::letter::MailKind;

/// By this target facts are told from logs. Each field of such an event is a metric if it is a number, else a dimension.
pub const TARGET: &str = "muster::metrics";

/// What a transaction comes to once it is committed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Imports begun.
    pub imports_begun: u64,
    /// Rows of imports, by what became of them.
    pub rows: Counts,
    /// Seats taken.
    pub seats_assigned: u64,
    /// Seats given back.
    pub seats_freed: u64,
    /// Invitations offered, the first time or again.
    pub invitations_offered: u64,
    /// Invitations accepted.
    pub invitations_accepted: u64,
    /// Invitations whose time ran out.
    pub invitations_expired: u64,
}

impl Tally {
    /// Tells it, unless it is nothing.
    pub fn tell(&self) {
        if *self == Self::default() {
            return;
        }
        let some = |count: u64| (count > 0).then_some(count);
        tracing::info!(
            target: TARGET,
            ImportsBegun = some(self.imports_begun),
            RowsCreated = some(self.rows.created),
            RowsUpdated = some(self.rows.updated),
            RowsUnchanged = some(self.rows.unchanged),
            RowsRefused = some(self.rows.refused),
            SeatsAssigned = some(self.seats_assigned),
            SeatsFreed = some(self.seats_freed),
            InvitationsOffered = some(self.invitations_offered),
            InvitationsAccepted = some(self.invitations_accepted),
            InvitationsExpired = some(self.invitations_expired),
        );
    }
}

/// An import came to `state`; only ends count.
pub fn import_moved(state: ImportState) {
    match state {
        ImportState::Invalid => tracing::info!(target: TARGET, ImportsInvalid = 1_u64),
        ImportState::Done => tracing::info!(target: TARGET, ImportsDone = 1_u64),
        ImportState::DoneWithErrors => {
            tracing::info!(target: TARGET, ImportsDoneWithErrors = 1_u64);
        }
        ImportState::Uploading
        | ImportState::Checking
        | ImportState::Ready
        | ImportState::Importing
        | ImportState::Cancelled
        | ImportState::Failed => {}
    }
}

/// A mail came to `state`; only what it means outside counts.
pub fn mail_moved(kind: MailKind, state: MailState) {
    let kind = kind.as_str();
    match state {
        MailState::Sent => tracing::info!(target: TARGET, MailsSent = 1_u64, Kind = kind),
        MailState::Delivered => tracing::info!(target: TARGET, MailsDelivered = 1_u64, Kind = kind),
        MailState::Bounced => tracing::info!(target: TARGET, MailsBounced = 1_u64, Kind = kind),
        MailState::Complained => {
            tracing::info!(target: TARGET, MailsComplained = 1_u64, Kind = kind);
        }
        MailState::Failed => tracing::info!(target: TARGET, MailsFailed = 1_u64, Kind = kind),
        MailState::Queued | MailState::Sending => {}
    }
}

/// How long a mail waited before it was sent.
pub fn mail_age(kind: MailKind, age: SignedDuration) {
    let age = u64::try_from(age.as_millis()).unwrap_or_default();
    tracing::info!(target: TARGET, MailAge = age, Kind = kind.as_str());
}

/// Somebody signed in.
pub fn signed_in() {
    tracing::info!(target: TARGET, SignInsDone = 1_u64);
}

/// A sign-in was refused.
pub fn sign_in_refused() {
    tracing::info!(target: TARGET, SignInsRefused = 1_u64);
}

/// A request was answered with a problem of this code.
pub fn refused(code: &str) {
    tracing::info!(target: TARGET, Refusals = 1_u64, Code = code);
}
