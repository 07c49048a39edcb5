//! What a row of an import says of a user.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::header::{Column, Header};
use super::row::Row;
use crate::domain::directory::{Directory, Kinds, NoSeatLeft, References};
use crate::domain::email::Email;
use crate::domain::field::Fault;
use crate::domain::id::ProductId;
use crate::domain::permission::{Class, Rights};
use crate::domain::phone::Phone;
use crate::domain::refusal::Refusal;
use crate::domain::tenant::Policy;
use crate::domain::text::{EmployeeNumber, ExternalId, Locale, Name};
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
    /// Phone number, in the form of the tenant's policy.
    pub phone: Option<Phone>,
    employee_number: Option<EmployeeNumber>,
    kind: Option<Kind>,
    class: Option<Class>,
    locale: Option<Locale>,
    /// The roles, groups, products and account.
    pub references: References,
}

/// Why a row is not taken: the first fault's code, and everything in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFault {
    /// For programs.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl From<NoSeatLeft> for RowFault {
    fn from(NoSeatLeft(product): NoSeatLeft) -> Self {
        match product {
            Some(name) => Self {
                code: "no_seats_left",
                message: format!("No licences are left of {name}."),
            },
            None => Self {
                code: "product_not_found",
                message: "There is no such product any more.".to_owned(),
            },
        }
    }
}

impl From<Refusal> for RowFault {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: refusal.code(),
            message: refusal.message().to_owned(),
        }
    }
}

/// What rows of a file with this header can refer to.
#[must_use]
pub fn kinds(header: &Header) -> Kinds {
    let has = |column| header.has(column);
    Kinds {
        roles: has(Column::Roles) || has(Column::Class) || has(Column::Account),
        groups: has(Column::Groups),
        products: has(Column::Products),
        accounts: has(Column::Account),
    }
}

impl UserRow {
    /// Reads a row under a tenant's policy; what it names is looked up in the directory.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(row: &Row, policy: &Policy, directory: &Directory) -> Result<Self, RowFault> {
        let phone = |text: &str| Phone::parse(text, policy.phone);
        Self::read_with(row, phone, |faults| References {
            roles: faults
                .take(row, Column::Roles, |cell| directory.roles(cell))
                .unwrap_or_default(),
            groups: faults
                .take(row, Column::Groups, |cell| directory.groups(cell))
                .unwrap_or_default(),
            products: faults
                .take(row, Column::Products, |cell| directory.products(cell))
                .unwrap_or_default(),
            accounts: faults
                .take(row, Column::Account, |cell| directory.account(cell))
                .unwrap_or_default(),
        })
    }

    /// Reads a row of a plan, which says what the row refers to, and the phone number as the policy had it when the plan was
    /// made.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn planned(
        row: &Row,
        policy: &Policy,
        references: References,
        phone: &str,
    ) -> Result<Self, RowFault> {
        let phone = |_: &str| Phone::in_form(phone, policy.phone);
        Self::read_with(row, phone, |_| references)
    }

    fn read_with(
        row: &Row,
        phone: impl FnOnce(&str) -> Result<Phone, Fault>,
        references: impl FnOnce(&mut Faults) -> References,
    ) -> Result<Self, RowFault> {
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
        let phone = faults.take(row, Column::PhoneNumber, phone);
        let employee_number = faults.take(row, Column::EmployeeNumber, EmployeeNumber::parse);
        let kind = faults.take(row, Column::Kind, Kind::parse);
        let class = faults.take(row, Column::Class, Class::parse);
        let locale = faults.take(row, Column::Locale, Locale::parse);
        let references = references(&mut faults);
        match (external_id, faults.finish()) {
            (Some(external_id), None) => Ok(Self {
                external_id,
                email,
                first_name,
                last_name,
                phone,
                employee_number,
                kind,
                class,
                locale,
                references,
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
            rights: Rights {
                class: self.class.unwrap_or_default(),
                roles: self.references.roles.clone(),
                accounts: self.references.accounts.clone(),
                ..Rights::default()
            },
            groups: self.references.groups.clone(),
            locale: self.locale.clone(),
        };
        match draft.missing(policy).first() {
            Some((field, fault)) => Err(RowFault {
                code: fault.code,
                message: format!("{field} {fault}."),
            }),
            None => go_together(&draft.rights).map(|()| draft),
        }
    }

    /// Whether the row says anything of what the user holds.
    #[must_use]
    pub fn gives_rights(&self) -> bool {
        let References {
            roles, accounts, ..
        } = &self.references;
        self.class.is_some() || !roles.is_empty() || !accounts.is_empty()
    }

    /// The products of which the row wants a licence for the user that the user does not hold yet.
    #[must_use]
    pub fn lacking(&self, user: Option<&User>) -> BTreeSet<ProductId> {
        let held =
            |product: &&ProductId| user.is_some_and(|user| user.licences.contains_key(*product));
        let wanted = self.references.products.iter();
        wanted.filter(|product| !held(product)).cloned().collect()
    }

    /// The user as the row wants it, apart from licences; none if it is so already.
    ///
    /// # Errors
    /// When the row may not change it so.
    pub fn applied(&self, user: &User, now: Timestamp) -> Result<Option<User>, RowFault> {
        if user.deleted_at.is_some() {
            return Err(Refusal::UserDeleted.into());
        }
        let mut after = user.clone();
        after.external_id = Some(self.external_id.clone());
        say(&mut after.first_name, self.first_name.as_ref());
        say(&mut after.last_name, self.last_name.as_ref());
        say(&mut after.phone, self.phone.as_ref());
        say(&mut after.employee_number, self.employee_number.as_ref());
        say(&mut after.email, self.email.as_ref());
        say(&mut after.locale, self.locale.as_ref());
        after.kind = self.kind.unwrap_or(user.kind);
        self.apply_references(&mut after);
        if after == *user {
            return Ok(None);
        }
        if after.rights != user.rights {
            go_together(&after.rights)?;
        }
        let folded = |user: &User| user.email.as_ref().map(Email::folded);
        if folded(user) != folded(&after) {
            if user.activated_at.is_some() {
                return Err(Refusal::EmailNeedsConfirmation.into());
            }
            // What was sent to the old address must not let anybody in.
            after.invited = None;
        }
        after.updated_at = now;
        Ok(Some(after))
    }

    fn apply_references(&self, after: &mut User) {
        let References {
            roles,
            groups,
            accounts,
            products: _,
        } = &self.references;
        after.rights.class = self.class.unwrap_or(after.rights.class);
        if !roles.is_empty() {
            after.rights.roles.clone_from(roles);
        }
        if !accounts.is_empty() {
            after.rights.accounts.clone_from(accounts);
        }
        if !groups.is_empty() {
            after.groups.clone_from(groups);
        }
    }
}

/// Refuses rights that contradict each other.
fn go_together(rights: &Rights) -> Result<(), RowFault> {
    let mut faults = Faults::default();
    for (field, fault) in rights.contradictions() {
        let column = match field {
            "account" => Column::Account,
            _ => Column::Roles,
        };
        faults.note(fault.code, format!("{} {fault}.", column.name()));
    }
    faults.finish().map_or(Ok(()), Err)
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
        match parse(&row.get(column)?) {
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
