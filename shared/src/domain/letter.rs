//! A mail on its way: an item of the outbox until the mail service has it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::email::Email;
use super::id::{LinkId, MailId, Seed, TenantId, UserId};
use super::invitation::{MailState, Nonce};
use super::trace::TraceId;

/// What a mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailKind {
    /// Invites a user to activate.
    Invitation,
    /// Lets a person choose a new password.
    PasswordReset,
    /// Tells a person that the password was changed.
    PasswordChanged,
    /// Tells the present address that it is to be changed, with a link to cancel by.
    EmailChangeNotice,
    /// Asks the new address to confirm, with link and code.
    EmailChangeConfirm,
    /// Tells the old address that it was changed.
    EmailChanged,
}

impl MailKind {
    /// The kind as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::PasswordReset => "password_reset",
            Self::PasswordChanged => "password_changed",
            Self::EmailChangeNotice => "email_change_notice",
            Self::EmailChangeConfirm => "email_change_confirm",
            Self::EmailChanged => "email_changed",
        }
    }
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
    /// The nonce of the invitation, or of the link it carries: if that has another by now, this mail is not sent.
    pub nonce: Nonce,
    /// The link it carries, if it is not that of an invitation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkId>,
    /// The new address that the letter is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Email>,
    /// The user on whose behalf it is sent, where the letter tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// How far it has come.
    pub state: MailState,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Until when a worker that began to send it may take; afterwards another tries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<Timestamp>,
    /// The trace of the request that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceId>,
    /// The mail service's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Why it was refused or bounced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Mail {
    /// A new mail about a user, waiting to be sent; the same `seed` gives the same.
    #[must_use]
    pub fn new(
        kind: MailKind,
        tenant: &TenantId,
        user: &UserId,
        to: &Email,
        seed: &Seed,
        now: Timestamp,
    ) -> Self {
        Self {
            id: MailId::derive(seed),
            kind,
            tenant: tenant.clone(),
            user: user.clone(),
            to: to.clone(),
            nonce: Nonce::derive(seed),
            link: None,
            about: None,
            by: None,
            state: MailState::Queued,
            created_at: now,
            lease_until: None,
            trace: None,
            message_id: None,
            reason: None,
        }
    }

    /// Whether it has not been handed to the mail service yet, nor given up.
    #[must_use]
    pub fn waits(&self) -> bool {
        matches!(self.state, MailState::Queued | MailState::Sending)
    }
}

/// That somebody asked for a new password, by a login that nobody has looked up yet: an item of the outbox until a worker
/// has.
#[derive(Clone, Serialize, Deserialize)]
pub struct ResetAsked {
    /// Its id.
    pub id: MailId,
    /// E-mail address or username, as typed.
    pub login: String,
    /// When it was asked.
    pub at: Timestamp,
}

/// Without the login: logs carry ids, never people.
impl std::fmt::Debug for ResetAsked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ResetAsked({})", self.id)
    }
}
