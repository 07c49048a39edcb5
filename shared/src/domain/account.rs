//! Accounts: the tenant's customers, with their sub-accounts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::id::AccountId;
use super::text::Title;

/// What kind of account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// A customer of the tenant; at the top.
    Client,
    /// A sub-account of somebody who works for the customer.
    Employee,
    /// A sub-account of a company that belongs to the customer.
    Subsidiary,
}

/// A customer's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// What kind.
    pub kind: AccountKind,
    /// Its name.
    pub name: Title,
    /// The way to it from the client at the top, itself included. Accounts never move.
    pub path: Vec<AccountId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts its changes.
    pub version: u64,
}
