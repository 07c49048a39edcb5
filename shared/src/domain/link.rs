//! Mailed links other than those of invitations: each leads to an item of its own, which says what has become of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::{LinkId, MailId, Seed, TenantId, UserId};
use super::invitation::{LinkFacts, LinkState, Nonce, expired};
use super::letter::Mail;

/// How many hours a link to choose a new password is good, from the moment it was sent.
pub const RESET_HOURS: u16 = 1;

/// How many hours a change of an e-mail address can be confirmed, from the moment its mail was sent.
pub const CHANGE_HOURS: u16 = 24;

/// How many hours a link to cancel such a change is good, as long as the change waits: longer than that, for its mail may be
/// sent well before the other.
pub const CANCEL_HOURS: u16 = 24 * 7;

/// How many wrong codes end a change.
pub const MOST_WRONG_CODES: u32 = 5;

/// What a link is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Purpose {
    /// Choosing a new password.
    Reset {
        /// The person, by the folded address.
        person: String,
    },
    /// Changing a user's e-mail address.
    Email {
        /// The tenant.
        tenant: TenantId,
        /// The user.
        user: UserId,
    },
}

/// What became of a link that can be used no more, though its time is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spent {
    /// It has done its work.
    Used,
    /// A newer one took its place.
    Replaced,
    /// It was withdrawn, or guessed at too often.
    Revoked,
}

/// The item that a link leads to. Holds no link: that takes the signing key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// What it is for.
    #[serde(flatten)]
    pub purpose: Purpose,
    /// What tells the newest link from earlier ones.
    pub nonce: Nonce,
    /// The mail that carries it; its life begins when that is sent.
    pub mail: MailId,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ends, once it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<Spent>,
    /// How many wrong codes were tried.
    #[serde(default)]
    pub wrong_codes: u32,
}

impl Link {
    /// The id of the one link by which a person can choose a new password: a newer one takes its place.
    #[must_use]
    pub fn reset_of(folded_email: &str) -> LinkId {
        LinkId::derive(&Seed::of(&["reset", folded_email]))
    }

    /// The new link that a mail carries; its life begins when the mail is sent.
    #[must_use]
    pub fn new(id: LinkId, purpose: Purpose, mail: &Mail) -> Self {
        Self {
            id,
            purpose,
            nonce: mail.nonce.clone(),
            mail: mail.id.clone(),
            created_at: mail.created_at,
            expires_at: None,
            spent: None,
            wrong_codes: 0,
        }
    }

    /// Whether the link can still be used, however its own copy is dated.
    #[must_use]
    pub fn stands(&self, now: Timestamp) -> bool {
        self.spent.is_none() && !self.expires_at.is_some_and(|end| expired(end, now))
    }
}

/// Judges a mailed link against the item that it leads to.
#[must_use]
pub fn judge(link: LinkFacts<'_>, stored: Option<&Link>, now: Timestamp) -> LinkState {
    let ended = expired(link.expires_at, now);
    match stored {
        Some(stored) if stored.nonce != *link.nonce => LinkState::Replaced,
        Some(Link {
            spent: Some(Spent::Used),
            ..
        }) => LinkState::Used,
        Some(Link {
            spent: Some(Spent::Replaced),
            ..
        }) => LinkState::Replaced,
        Some(Link {
            spent: Some(Spent::Revoked),
            ..
        }) => LinkState::Revoked,
        _ if ended => LinkState::Expired,
        Some(stored) if !stored.stands(now) => LinkState::Expired,
        Some(_) => LinkState::Valid,
        None => LinkState::Revoked,
    }
}

#[cfg(test)]
mod tests {
    use super::super::email::Email;
    use super::super::letter::MailKind;
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_link_is_judged_by_nonce_fate_and_time() {
        let seed = Seed::of(&["one"]);
        let purpose = Purpose::Reset {
            person: "ada@example.com".to_owned(),
        };
        let id = Link::reset_of("ada@example.com");
        let (tenant, user) = (TenantId::derive(&seed), UserId::derive(&seed));
        let to = Email::parse("ada@example.com").unwrap();
        let mail = Mail::new(MailKind::PasswordReset, &tenant, &user, &to, &seed, at(0));
        let mut link = Link::new(id, purpose, &mail);
        let nonce = link.nonce.clone();
        let state = |link: Option<&Link>, nonce: &Nonce, now| {
            let expires_at = at(3_600);
            judge(LinkFacts { nonce, expires_at }, link, at(now))
        };
        link.expires_at = Some(at(3_600));
        assert_eq!(state(Some(&link), &nonce, 3_599), LinkState::Valid);
        assert_eq!(state(Some(&link), &nonce, 3_600), LinkState::Expired);
        let other = Nonce::derive(&Seed::of(&["two"]));
        assert_eq!(state(Some(&link), &other, 0), LinkState::Replaced);
        link.spent = Some(Spent::Used);
        assert_eq!(state(Some(&link), &nonce, 9_999), LinkState::Used);
        assert_eq!(state(None, &nonce, 0), LinkState::Revoked);
        assert_eq!(state(None, &nonce, 3_600), LinkState::Expired);
    }
}
