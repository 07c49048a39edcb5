//! Invitations: the standing offer to a user to activate, good for a while and one use.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::email::Email;
use super::id::{MailId, Seed, TenantId, UserId, base32};
use super::letter::{Mail, MailKind};
use super::refusal::Refusal;
use super::throttle::Allowance;
use super::user::User;

/// How far the mail of an invitation has come.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum MailState {
    /// Waiting to be sent.
    Queued,
    /// Being handed to the mail service.
    Sending,
    /// Handed to the mail service.
    Sent,
    /// Taken by the recipient's server.
    Delivered,
    /// Turned away by the recipient's server.
    Bounced,
    /// Reported as spam by the recipient.
    Complained,
    /// Refused by the mail service, or not sent in half a day.
    Failed,
}

impl MailState {
    /// Whether news of `next` may replace this state: events come twice and in any order, so a mail only moves on,
    /// and a bounce or complaint is never forgotten for a late "delivered".
    #[must_use]
    pub fn yields_to(self, next: Self) -> bool {
        next > self
    }

    /// The state as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
            Self::Failed => "failed",
        }
    }
}

/// What makes one link differ from the one sent before it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nonce(String);

impl Nonce {
    /// The nonce that `seed` gives.
    #[must_use]
    pub fn derive(seed: &Seed) -> Self {
        Self(base32(&seed.bytes::<15>("nonce")))
    }

    /// As it stands in the table and in the link.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Without its content: a nonce is half of what a link holds.
impl std::fmt::Debug for Nonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nonce(…)")
    }
}

/// The invitation item of a user; there is at most one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Invitation {
    /// Whom it invites.
    pub user: UserId,
    /// What the newest link carries.
    pub nonce: Nonce,
    /// Who invited, if it was a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inviter: Option<UserId>,
    /// The newest mail.
    pub mail: MailId,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its link was sent; the link's life counts from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// When its link ends, once it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// The most mails that one address gets by a tenant's invitations within a day, whatever becomes of the users there.
pub const TO_AN_ADDRESS: Allowance = Allowance::per_day(5);

/// What the user's own item remembers of its newest invitation, so that a list needs no further read. Written in the
/// same transactions as the invitation, and left when the invitation item is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invited {
    /// The newest mail.
    pub mail: MailId,
    /// How far it has come.
    pub state: MailState,
    /// Who invited, if it was a user: the invitation itself may be gone when somebody asks for a new link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inviter: Option<UserId>,
    /// When the invitation was asked for.
    pub at: Timestamp,
    /// When its link was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// When its link ends, once it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// How long after it was asked for a mail is tried to be sent; longer than the mail service is ever out of order, or else it
/// is to be asked for anew.
pub const SENDING: SignedDuration = SignedDuration::from_hours(13);

impl Invited {
    /// How far the mail has come at `now`. What is not sent by the time that its queue gives up on it has failed, though
    /// nobody is there to say so; should support have it sent after all, it goes on from there.
    #[must_use]
    pub fn mail_state(&self, now: Timestamp) -> MailState {
        let waits = matches!(self.state, MailState::Queued | MailState::Sending);
        if waits && now.duration_since(self.at) > SENDING {
            MailState::Failed
        } else {
            self.state
        }
    }
}

/// An invitation and the mail that carries it.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The invitation.
    pub invitation: Invitation,
    /// Its mail.
    pub mail: Mail,
}

impl Offer {
    /// Invites a user; the same `seed` gives the same offer. The link's life begins when the mail is sent.
    ///
    /// # Errors
    /// Why the user cannot be invited.
    pub fn to(
        user: &User,
        tenant: &TenantId,
        inviter: Option<&UserId>,
        seed: &Seed,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let email = invitable(user)?.clone();
        let seed = seed.child(user.id.as_str());
        let kind = MailKind::Invitation;
        let mail = Mail::new(kind, tenant, &user.id, &email, &seed, now);
        let invitation = Invitation {
            user: user.id.clone(),
            nonce: mail.nonce.clone(),
            inviter: inviter.cloned(),
            mail: mail.id.clone(),
            created_at: now,
            sent_at: None,
            expires_at: None,
        };
        Ok(Self { invitation, mail })
    }

    /// The user as invited by this offer.
    #[must_use]
    pub fn applied(&self, user: &User) -> User {
        let at = self.invitation.created_at;
        let invited = Invited {
            mail: self.mail.id.clone(),
            state: MailState::Queued,
            inviter: self.invitation.inviter.clone(),
            at,
            sent_at: None,
            expires_at: None,
        };
        User {
            invited: Some(invited),
            updated_at: at,
            ..user.clone()
        }
    }
}

/// The address that an invitation of this user goes to.
///
/// # Errors
/// Why it cannot be invited.
pub fn invitable(user: &User) -> Result<&Email, Refusal> {
    if user.deleted_at.is_some() {
        Err(Refusal::UserDeleted)
    } else if user.suspended_at.is_some() {
        Err(Refusal::UserSuspended)
    } else if user.activated_at.is_some() {
        Err(Refusal::AlreadyActive)
    } else {
        user.email.as_ref().ok_or(Refusal::NoEmail)
    }
}

/// Whether a user who holds an old link may have a new one: invited, not withdrawn, and not come yet.
#[must_use]
pub fn renewable(user: &User) -> bool {
    user.invited.is_some() && invitable(user).is_ok()
}

/// Whether something that ends at `expires_at` has ended: at that very second it has.
#[must_use]
pub fn expired(expires_at: Timestamp, now: Timestamp) -> bool {
    now >= expires_at
}

/// When a link sent at `sent_at` ends: whole seconds, as tokens and the table's TTL count them.
#[must_use]
pub fn link_end(sent_at: Timestamp, ttl_hours: u16) -> Timestamp {
    let end = sent_at
        .saturating_add(SignedDuration::from_hours(i64::from(ttl_hours)))
        .unwrap_or(Timestamp::MAX);
    Timestamp::from_second(end.as_second()).unwrap_or(end)
}

/// What an activation link says of itself, once its signature is verified.
#[derive(Debug, Clone, Copy)]
pub struct LinkFacts<'a> {
    /// The nonce it carries.
    pub nonce: &'a Nonce,
    /// When it says it ends.
    pub expires_at: Timestamp,
}

/// What following an activation link comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// It can be used.
    Valid,
    /// Its time is over; a new one can be sent.
    Expired,
    /// It has done its work: the user is active.
    Used,
    /// A newer link was sent; only the newest works.
    Replaced,
    /// The invitation was withdrawn, or the user is gone.
    Revoked,
}

/// Judges a link against the user and the invitation as they stand.
#[must_use]
pub fn judge(
    link: LinkFacts<'_>,
    user: Option<&User>,
    invitation: Option<&Invitation>,
    now: Timestamp,
) -> LinkState {
    let Some(user) = user.filter(|user| user.deleted_at.is_none()) else {
        return LinkState::Revoked;
    };
    if user.activated_at.is_some() {
        return LinkState::Used;
    }
    match invitation {
        Some(invitation) if invitation.nonce != *link.nonce => LinkState::Replaced,
        // An expired invitation leaves its trace on the user; a withdrawn one leaves none.
        None if user.invited.is_none() => LinkState::Revoked,
        _ if expired(link.expires_at, now) => LinkState::Expired,
        Some(invitation) if invitation.expires_at.is_some_and(|end| expired(end, now)) => {
            LinkState::Expired
        }
        Some(_) => LinkState::Valid,
        None => LinkState::Revoked,
    }
}
