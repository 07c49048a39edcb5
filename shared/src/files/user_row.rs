//! What a row of an import says of a user.

use jiff::Timestamp;

use super::header::Column;
use super::row::Row;
use crate::domain::email::Email;
use crate::domain::field::Fault;
use crate::domain::phone::Phone;
use crate::domain::refusal::Refusal;
use crate::domain::tenant::Policy;
use crate::domain::text::{EmployeeNumber, ExternalId, Name};
use crate::domain::user::{Draft, Kind, User};

/// What a row says of a user. What is blank or absent is not said: it never erases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// The one thing that every row must say.
    pub external_id: ExternalId,
    /// E-mail address.
    pub email: Option<Email>,
    first_name: Option<Name>,
    last_name: Option<Name>,
    phone: Option<Phone>,
    employee_number: Option<EmployeeNumber>,
    kind: Option<Kind>,
}

/// Why a row is not taken: the first fault's code, and everything in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFault {
    /// For programs.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl From<Refusal> for RowFault {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: refusal.code(),
            message: refusal.message().to_owned(),
        }
    }
}

impl UserRow {
    /// Reads a row under a tenant's policy.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(row: &Row, policy: &Policy) -> Result<Self, RowFault> {
        let mut faults = Faults::default();
        for damage in &row.damage {
            faults.note(damage.code(), damage.to_string());
        }
        let external_id = faults.take(row, Column::ExternalId, ExternalId::parse);
        if external_id.is_none() && row.get(Column::ExternalId).is_none() {
            faults.note("required", "External ID is required.".to_owned());
        }
        let email = faults.take(row, Column::Email, Email::parse);
        let first_name = faults.take(row, Column::FirstName, Name::parse);
        let last_name = faults.take(row, Column::LastName, Name::parse);
        let phone = faults.take(row, Column::PhoneNumber, |text| {
            Phone::parse(text, policy.phone)
        });
        let employee_number = faults.take(row, Column::EmployeeNumber, EmployeeNumber::parse);
        let kind = faults.take(row, Column::Kind, Kind::parse);
        match (external_id, faults.finish()) {
            (Some(external_id), None) => Ok(Self {
                external_id,
                email,
                first_name,
                last_name,
                phone,
                employee_number,
                kind,
            }),
            (_, fault) => Err(fault.unwrap_or(RowFault {
                code: "required",
                message: "External ID is required.".to_owned(),
            })),
        }
    }

    /// The user that the row would add.
    ///
    /// # Errors
    /// When the policy asks for more than the row says.
    pub fn draft(&self, policy: &Policy) -> Result<Draft, RowFault> {
        let draft = Draft {
            kind: self.kind.unwrap_or_default(),
            external_id: Some(self.external_id.clone()),
            email: self.email.clone(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            phone: self.phone.clone(),
            employee_number: self.employee_number.clone(),
            ..Draft::default()
        };
        match draft.missing(policy).first() {
            Some((field, fault)) => Err(RowFault {
                code: fault.code,
                message: format!("{field} {fault}."),
            }),
            None => Ok(draft),
        }
    }

    /// The user as the row wants it; none if it is so already.
    ///
    /// # Errors
    /// When the row may not change it so.
    pub fn applied(&self, user: &User, now: Timestamp) -> Result<Option<User>, Refusal> {
        if user.deleted_at.is_some() {
            return Err(Refusal::UserDeleted);
        }
        let mut after = user.clone();
        after.external_id = Some(self.external_id.clone());
        say(&mut after.first_name, self.first_name.as_ref());
        say(&mut after.last_name, self.last_name.as_ref());
        say(&mut after.phone, self.phone.as_ref());
        say(&mut after.employee_number, self.employee_number.as_ref());
        say(&mut after.email, self.email.as_ref());
        after.kind = self.kind.unwrap_or(user.kind);
        if after == *user {
            return Ok(None);
        }
        let folded = |user: &User| user.email.as_ref().map(Email::folded);
        if folded(user) != folded(&after) {
            if user.activated_at.is_some() {
                return Err(Refusal::EmailNeedsConfirmation);
            }
            // What was sent to the old address must not let anybody in.
            after.invited = None;
        }
        after.updated_at = now;
        Ok(Some(after))
    }
}

fn say<T: Clone>(field: &mut Option<T>, said: Option<&T>) {
    if said.is_some() {
        *field = said.cloned();
    }
}

/// Collects what is wrong with a row.
#[derive(Default)]
struct Faults {
    code: Option<&'static str>,
    messages: Vec<String>,
}

impl Faults {
    fn note(&mut self, code: &'static str, message: String) {
        self.code.get_or_insert(code);
        self.messages.push(message);
    }

    fn take<T>(
        &mut self,
        row: &Row,
        column: Column,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        match parse(row.get(column)?) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.note(fault.code, format!("{} {fault}.", column.name()));
                None
            }
        }
    }

    fn finish(self) -> Option<RowFault> {
        self.code.map(|code| RowFault {
            code,
            message: self.messages.join(" "),
        })
    }
}
