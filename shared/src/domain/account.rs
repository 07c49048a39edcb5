//! Accounts: the tenant's customers, with their sub-accounts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::field::Fault;
use super::id::AccountId;
use super::permission::{BuiltIn, Class};
use super::personal::AuditKey;
use super::rate::Rates;
use super::text::{Address, RegistrationNumber, Title};
use super::vat::VatNumber;

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

/// How private charging is paid back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reimbursement {
    /// By itself.
    Automated,
    /// By hand.
    Manual,
}

impl AccountKind {
    /// Reads a kind as people write it.
    ///
    /// # Errors
    /// When there is no such kind.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text.to_ascii_lowercase().as_str() {
            "client" => Ok(Self::Client),
            "employee" => Ok(Self::Employee),
            "subsidiary" => Ok(Self::Subsidiary),
            _ => Err(Fault::new(
                "unknown_kind",
                "must be client, employee or subsidiary",
            )),
        }
    }

    /// How private charging is paid back once a rate was agreed on. A client agrees on rates with its sub-accounts and
    /// has none of its own.
    #[must_use]
    pub fn reimbursement(self) -> Option<Reimbursement> {
        match self {
            Self::Client => None,
            Self::Employee => Some(Reimbursement::Automated),
            Self::Subsidiary => Some(Reimbursement::Manual),
        }
    }

    /// What the first user of such an account is, unless said otherwise.
    #[must_use]
    pub fn first_user(self) -> (Class, BuiltIn) {
        match self {
            Self::Client | Self::Subsidiary => (Class::Standard, BuiltIn::AccountOwner),
            Self::Employee => (Class::Limited, BuiltIn::Driver),
        }
    }
}

/// Who stands behind an account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Holder {
    /// A company.
    Business {
        /// Its name.
        company_name: Title,
        /// Under which it is registered.
        registration_number: RegistrationNumber,
        /// Its VAT number.
        vat_number: VatNumber,
        /// Where it is.
        address: Address,
    },
    /// A private person.
    #[default]
    Consumer,
}

/// A customer's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// What kind.
    pub kind: AccountKind,
    /// Its name; unique among the accounts beside it.
    pub name: Title,
    /// The way to it from the client at the top, itself included. Accounts never move.
    pub path: Vec<AccountId>,
    /// Who stands behind it.
    pub holder: Holder,
    /// What is paid back per kWh, from when on.
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub rates: Rates,
    /// What is personal of it in the audit trail is kept under this key, which stands nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_key: Option<AuditKey>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts its changes.
    pub version: u64,
}

/// How many accounts deep they go, the client at the top included.
pub const DEEPEST: usize = 8;

/// The way to an account below `parent`, or at the top.
///
/// # Errors
/// What is wrong with the parent.
pub fn path(
    id: &AccountId,
    kind: AccountKind,
    parent: Option<&Account>,
) -> Result<Vec<AccountId>, Fault> {
    let above = match (kind, parent) {
        (AccountKind::Client, None) => &[],
        (AccountKind::Client, Some(_)) => {
            return Err(Fault::new(
                "not_for_client",
                "must not be given: a client is at the top",
            ));
        }
        (_, None) => return Err(Fault::new("required", "is required for a sub-account")),
        (_, Some(parent)) if parent.kind == AccountKind::Employee => {
            return Err(Fault::new(
                "no_sub_accounts",
                "is an employee's account, which has no sub-accounts",
            ));
        }
        (_, Some(parent)) if parent.path.len() >= DEEPEST => {
            return Err(Fault::new(
                "too_deep",
                format!("is {DEEPEST} accounts deep already"),
            ));
        }
        (_, Some(parent)) => parent.path.as_slice(),
    };
    Ok(above.iter().chain([id]).cloned().collect())
}

impl Account {
    /// The account that it is below of; none for a client.
    #[must_use]
    pub fn parent(&self) -> Option<&AccountId> {
        self.path.iter().rev().nth(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Seed;

    fn account(kind: AccountKind, parent: Option<&Account>, label: &str) -> Account {
        let id = AccountId::derive(&Seed::of(&[label]));
        Account {
            path: path(&id, kind, parent).unwrap(),
            id,
            kind,
            name: Title::parse(label).unwrap(),
            holder: Holder::Consumer,
            rates: Rates::default(),
            audit_key: None,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            version: 1,
        }
    }

    #[test]
    fn sub_accounts_stand_below_clients_and_subsidiaries() {
        use AccountKind::{Client, Employee, Subsidiary};
        let id = AccountId::derive(&Seed::of(&["x"]));
        let code = |kind, parent| path(&id, kind, parent).unwrap_err().code;
        let client = account(Client, None, "c");
        let employee = account(Employee, Some(&client), "e");
        assert_eq!(client.parent(), None);
        assert_eq!(employee.parent(), Some(&client.id));
        assert_eq!(code(Client, Some(&client)), "not_for_client");
        assert_eq!(code(Employee, None), "required");
        assert_eq!(code(Subsidiary, None), "required");
        assert_eq!(code(Employee, Some(&employee)), "no_sub_accounts");
        let mut lowest = client.clone();
        for depth in 2..=DEEPEST {
            lowest = account(Subsidiary, Some(&lowest), &depth.to_string());
        }
        assert_eq!(lowest.path.len(), DEEPEST);
        assert_eq!(code(Employee, Some(&lowest)), "too_deep");
    }
}
