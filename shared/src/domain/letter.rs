//! A mail on its way: an item of the outbox until the mail service has it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::email::Email;
use super::id::{MailId, TenantId, UserId};
use super::invitation::{MailState, Nonce};

/// What a mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailKind {
    /// Invites a user to activate.
    Invitation,
}

/// A mail on its way. Its words and its link are made when it is sent, so none of them is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mail {
    /// Its id.
    pub id: MailId,
    /// What it is for.
    pub kind: MailKind,
    /// Whose tenant.
    pub tenant: TenantId,
    /// To which user.
    pub user: UserId,
    /// To which address.
    pub to: Email,
    /// The invitation's nonce: if the invitation has another by now, this mail is not sent.
    pub nonce: Nonce,
    /// How far it has come.
    pub state: MailState,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Until when a worker that began to send it may take; afterwards another tries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<Timestamp>,
    /// The mail service's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Why it was refused or bounced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Mail {
    /// Whether it has not been handed to the mail service yet, nor given up.
    #[must_use]
    pub fn waits(&self) -> bool {
        matches!(self.state, MailState::Queued | MailState::Sending)
    }
}
