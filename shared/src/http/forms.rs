//! What callers fill in about a new user, and the list of users of a bulk operation.

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::email::Email;
use crate::domain::field::{Fault, Fields};
use crate::domain::id::{ProductId, UserId};
use crate::domain::permission::{Class, Rights, Role};
use crate::domain::phone::Phone;
use crate::domain::tenant::Policy;
use crate::domain::text::{EmployeeNumber, ExternalId, Name};
use crate::domain::user::{Draft, Kind};
use crate::error::ApiError;

/// A new user, as filled in.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UserForm {
    /// `person` (default), `vehicle` or `device`.
    #[schema(example = "person")]
    pub kind: Option<String>,
    /// The company's own name for it; unique in the company.
    #[schema(example = "D-1042")]
    pub external_id: Option<String>,
    /// E-mail address; unique in the company.
    #[schema(example = "ada@example.com")]
    pub email: Option<String>,
    /// First name.
    #[schema(example = "Ada")]
    pub first_name: Option<String>,
    /// Last name.
    #[schema(example = "Lovelace")]
    pub last_name: Option<String>,
    /// Phone number, in the form that the company's policy asks for.
    #[schema(example = "+4915112345678")]
    pub phone: Option<String>,
    /// Employee number or licence of the trade.
    pub employee_number: Option<String>,
    /// `limited` (default), `standard` or `owner`; at most the caller's own.
    #[schema(example = "limited")]
    pub class: Option<String>,
    /// Roles, in class `standard`; only such as give no more than the caller has.
    pub roles: Vec<String>,
    /// Products to assign a licence of.
    pub products: Vec<String>,
    /// Whether to invite at once; by default as the company's policy says.
    pub invite: Option<bool>,
}

/// A new user, as read: what it is, and of which products it gets a licence.
#[derive(Debug)]
pub struct NewUser {
    /// What it is.
    pub draft: Draft,
    /// Products to assign a licence of.
    pub products: Vec<ProductId>,
}

/// The most roles, or products, of one user.
const MOST_LISTED: usize = 40;

impl UserForm {
    /// Reads the form under a tenant's policy.
    ///
    /// # Errors
    /// Every faulty field.
    pub fn read(&self, policy: &Policy) -> Result<NewUser, ApiError> {
        let mut fields = Fields::new();
        let new = self.read_into(&mut fields, policy);
        let errors = fields.into_errors();
        if errors.is_empty() {
            Ok(new)
        } else {
            Err(ApiError::Invalid(errors))
        }
    }

    fn read_into(&self, fields: &mut Fields, policy: &Policy) -> NewUser {
        let kind = fields
            .optional("kind", self.kind.as_deref(), Kind::parse)
            .unwrap_or_default();
        let class = fields
            .optional("class", self.class.as_deref(), Class::parse)
            .unwrap_or_default();
        for (field, list) in [("roles", &self.roles), ("products", &self.products)] {
            if list.len() > MOST_LISTED {
                fields.fault(
                    field,
                    &Fault::new("out_of_range", format!("must be at most {MOST_LISTED}")),
                );
            }
        }
        let role = |(index, role): (usize, &String), fields: &mut Fields| {
            fields.take(&format!("roles[{index}]"), Role::parse(role))
        };
        let roles: BTreeSet<Role> = self
            .roles
            .iter()
            .take(MOST_LISTED)
            .enumerate()
            .filter_map(|each| role(each, fields))
            .collect();
        // A class that is none is told as that only.
        if !roles.is_empty() && class != Class::Standard && !fields.faulty().contains("class") {
            fields.fault(
                "roles",
                &Fault::new("class_without_roles", "are for class standard only"),
            );
        }
        let draft = Draft {
            kind,
            external_id: fields.optional(
                "external_id",
                self.external_id.as_deref(),
                ExternalId::parse,
            ),
            email: fields.optional("email", self.email.as_deref(), Email::parse),
            first_name: fields.optional("first_name", self.first_name.as_deref(), Name::parse),
            last_name: fields.optional("last_name", self.last_name.as_deref(), Name::parse),
            phone: fields.optional("phone", self.phone.as_deref(), |text| {
                Phone::parse(text, policy.phone)
            }),
            employee_number: fields.optional(
                "employee_number",
                self.employee_number.as_deref(),
                EmployeeNumber::parse,
            ),
            rights: Rights { class, roles },
        };
        // What is given but faulty is told as faulty, not as missing too.
        let faulty = fields.faulty();
        for (field, fault) in draft.missing(policy) {
            let one_of_two = policy.required_fields.is_empty() && faulty.contains("email");
            if !faulty.contains(field) && !one_of_two {
                fields.fault(field, &fault);
            }
        }
        let product = |(index, id): (usize, &String), fields: &mut Fields| {
            fields.take(&format!("products[{index}]"), ProductId::parse(id))
        };
        let products: BTreeSet<ProductId> = self
            .products
            .iter()
            .take(MOST_LISTED)
            .enumerate()
            .filter_map(|each| product(each, fields))
            .collect();
        NewUser {
            draft,
            products: products.into_iter().collect(),
        }
    }
}

/// The most users of one bulk operation.
pub const MOST_USERS: usize = 1_000;

/// Reads the users of a bulk operation; one named twice counts once.
///
/// # Errors
/// When there are none or too many, or one is no id of a user; all of those are told.
pub fn user_ids(texts: &[String]) -> Result<Vec<UserId>, ApiError> {
    let mut fields = Fields::new();
    if texts.is_empty() || texts.len() > MOST_USERS {
        fields.fault(
            "users",
            &Fault::new("out_of_range", format!("must be 1 to {MOST_USERS} ids")),
        );
    }
    let read = |(index, text): (usize, &String)| {
        fields.take(&format!("users[{index}]"), UserId::parse(text))
    };
    let mut seen = HashSet::new();
    let ids: Vec<UserId> = texts
        .iter()
        .take(MOST_USERS)
        .enumerate()
        .filter_map(read)
        .filter(|id| seen.insert(id.clone()))
        .collect();
    let errors = fields.into_errors();
    if errors.is_empty() {
        Ok(ids)
    } else {
        Err(ApiError::Invalid(errors))
    }
}
