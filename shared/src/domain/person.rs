//! A person: the human behind an e-mail address, with one password for all tenants.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::email::Email;
use super::id::{TenantId, UserId};
use super::password::PasswordHash;
use super::text::Username;

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
}

/// That a person is a user of a tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Membership {
    /// The tenant.
    pub tenant: TenantId,
    /// The tenant's name, for choosing at sign-in.
    pub tenant_name: String,
    /// The user that the person is there.
    pub user: UserId,
}
