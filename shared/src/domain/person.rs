//! A person: the human behind an e-mail address, with one password for all tenants.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::email::Email;
use super::id::{TenantId, UserId};
use super::password::PasswordHash;
use super::text::Username;
use super::user::User;

/// What a person signs in with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Person {
    /// The address.
    pub email: Email,
    /// The name to sign in with.
    pub username: Username,
    /// The password, as kept.
    pub password: PasswordHash,
    /// When the person first activated.
    pub created_at: Timestamp,
    /// When the person last joined a further tenant, or joined one anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined_at: Option<Timestamp>,
}

/// That the person behind an address is a user of a tenant, or is invited to be. Written with each invitation, and not
/// undone: it is followed only to a user who still has the address ([`Membership::leads_to`]).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Membership {
    /// The tenant.
    pub tenant: TenantId,
    /// The user that the person is there.
    pub user: UserId,
}

impl Membership {
    /// Whether it still leads to this user: one whose address is that of the person.
    #[must_use]
    pub fn leads_to(user: &User, folded_email: &str) -> bool {
        let email = user.email.as_ref();
        user.deleted_at.is_none() && email.is_some_and(|email| email.folded() == folded_email)
    }
}
