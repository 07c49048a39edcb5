//! What callers fill in about a new user, and the list of users of a bulk operation.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::email::Email;
use crate::domain::field::{Fault, Fields};
use crate::domain::group::Group;
use crate::domain::id::{AccountId, GroupId, ProductId, UserId};
use crate::domain::permission::{BuiltIn, Class, ModuleRight, Rights, Role, Scope};
use crate::domain::phone::Phone;
use crate::domain::tenant::{AppLink, Policy, Product};
use crate::domain::text::{EmployeeNumber, ExternalId, Link, Locale, Module, Name, Title};
use crate::domain::user::{Draft, Kind};
use crate::error::ApiError;

/// What a user can see, as filled in: everything, or what is listed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScopeForm {
    /// Everything.
    pub all: bool,
    /// Whoever is in one of these groups: ids, at most 50.
    #[schema(value_type = Vec<GroupId>, max_items = 50)]
    pub groups: Vec<String>,
    /// Single users: ids, at most 50.
    #[schema(value_type = Vec<UserId>, max_items = 50)]
    pub users: Vec<String>,
}

impl ScopeForm {
    /// Reads it; whether there are such groups and users is for [`super::references`] to say.
    pub fn read(&self, fields: &mut Fields) -> Scope {
        Scope {
            all: self.all,
            groups: ids(
                fields,
                "scope.groups",
                &self.groups,
                Scope::MOST,
                GroupId::parse,
            ),
            users: ids(
                fields,
                "scope.users",
                &self.users,
                Scope::MOST,
                UserId::parse,
            ),
        }
    }
}

/// Reads rights in modules, by module.
pub fn modules(
    fields: &mut Fields,
    form: &BTreeMap<String, ModuleRight>,
) -> BTreeMap<Module, ModuleRight> {
    if form.len() > MOST_LISTED {
        let fault = Fault::new("out_of_range", format!("must be at most {MOST_LISTED}"));
        fields.fault("modules", &fault);
    }
    let read = |(name, right): (&String, &ModuleRight)| {
        let name = fields.take(&format!("modules.{name}"), Module::parse(name))?;
        Some((name, *right))
    };
    form.iter().take(MOST_LISTED).filter_map(read).collect()
}

/// Reads a list of at most `most` ids, or names; what is listed twice counts once.
pub fn ids<T: Ord>(
    fields: &mut Fields,
    field: &str,
    texts: &[String],
    most: usize,
    parse: impl Fn(&str) -> Result<T, Fault>,
) -> BTreeSet<T> {
    if texts.len() > most {
        let fault = Fault::new("out_of_range", format!("must be at most {most}"));
        fields.fault(field, &fault);
    }
    let read =
        |(index, text): (usize, &String)| fields.take(&format!("{field}[{index}]"), parse(text));
    let texts = texts.iter().take(most).enumerate();
    texts.filter_map(read).collect()
}

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
    /// Roles: names of built-in ones or ids of the company's own; only such as give no more than the caller has. In
    /// class `limited` only `driver`.
    pub roles: Vec<String>,
    /// How far the user may go in which module of the fleet's apps; no further than the caller.
    #[schema(example = json!({ "maps": "view" }))]
    pub modules: BTreeMap<String, ModuleRight>,
    /// What the user can see, where class and policy leave it to that.
    pub scope: Option<ScopeForm>,
    /// Ids of the fleets and tags it is in.
    #[schema(value_type = Vec<GroupId>)]
    pub groups: Vec<String>,
    /// Id of the customer's account it belongs to.
    pub account: Option<String>,
    /// The language of its mails, as a BCP 47 tag; lacking: the company's.
    #[schema(example = "de-AT")]
    pub locale: Option<String>,
    /// Products to assign a licence of.
    #[schema(value_type = Vec<ProductId>)]
    pub products: Vec<String>,
    /// Whether to invite at once; by default as the company's policy says.
    pub invite: Option<bool>,
}

/// A new user, as read: what it is, and of which products it gets a licence.
#[derive(Debug)]
pub struct NewUser {
    /// What it is.
    pub draft: Draft,
    /// The customer's account it belongs to.
    pub account: Option<AccountId>,
    /// Products to assign a licence of.
    pub products: Vec<ProductId>,
}

/// The most roles, modules, groups or products of one user.
pub const MOST_LISTED: usize = Group::MOST_OF_A_USER;

impl UserForm {
    /// Fills in class and roles of somebody who is invited into an account, where the form leaves them out: a role other
    /// than driver is for class standard.
    #[must_use]
    pub fn within_account(mut self, (class, role): (Class, BuiltIn)) -> Self {
        let given = self.class.as_deref().map(str::trim);
        let given = given.filter(|class| !class.is_empty());
        let driver = |role: &String| role == BuiltIn::Driver.as_str();
        let class = match given {
            None if !self.roles.iter().all(driver) => Class::Standard,
            None if !self.roles.is_empty() => Class::Limited,
            None => class,
            Some(given) if self.roles.is_empty() && Class::parse(given) == Ok(class) => class,
            Some(_) => return self,
        };
        self.class = Some(class.as_str().to_owned());
        if self.roles.is_empty() {
            self.roles.push(role.as_str().to_owned());
        }
        self
    }

    /// Reads the form under a tenant's policy.
    ///
    /// # Errors
    /// Every faulty field.
    pub fn read(&self, policy: &Policy) -> Result<NewUser, ApiError> {
        let mut fields = Fields::new();
        let new = self.read_with(&mut fields, policy);
        let errors = fields.into_errors();
        if errors.is_empty() {
            Ok(new)
        } else {
            Err(ApiError::Invalid(errors))
        }
    }

    /// Reads the form as a part of one; it is good only if no fault was noted.
    pub fn read_with(&self, fields: &mut Fields, policy: &Policy) -> NewUser {
        let kind = fields
            .optional("kind", self.kind.as_deref(), Kind::parse)
            .unwrap_or_default();
        let class = fields
            .optional("class", self.class.as_deref(), Class::parse)
            .unwrap_or_default();
        let roles = ids(fields, "roles", &self.roles, MOST_LISTED, Role::parse);
        let groups = ids(fields, "groups", &self.groups, MOST_LISTED, GroupId::parse);
        let scope = self.scope.as_ref();
        let rights = Rights {
            class,
            roles,
            modules: modules(fields, &self.modules),
            scope: scope.map_or_else(Scope::default, |scope| scope.read(fields)),
            accounts: Vec::new(),
        };
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
            rights,
            groups,
            locale: fields.optional("locale", self.locale.as_deref(), Locale::parse),
        };
        // What is given but faulty is told as faulty, not as missing too.
        let faulty = fields.faulty();
        for (field, fault) in draft.missing(policy) {
            let one_of_two = policy.required_fields.is_empty() && faulty.contains("email");
            if !faulty.contains(field) && !one_of_two {
                fields.fault(field, &fault);
            }
        }
        let products = ids(
            fields,
            "products",
            &self.products,
            MOST_LISTED,
            ProductId::parse,
        );
        NewUser {
            draft,
            account: fields.optional("account", self.account.as_deref(), AccountId::parse),
            products: products.into_iter().collect(),
        }
    }
}

/// A product that a tenant buys, as support fills it in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductForm {
    /// Its name.
    pub name: String,
    /// Seats bought.
    pub seats: u32,
    /// Where the app is to be had.
    #[serde(default)]
    pub links: Vec<LinkForm>,
}

/// Where an app is to be had, as support fills it in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkForm {
    /// What the link is called.
    pub label: String,
    /// Where it leads.
    pub url: String,
}

impl ProductForm {
    /// Reads the form, which stands at the field `at`.
    pub fn read(&self, fields: &mut Fields, at: &str, id: ProductId) -> Option<Product> {
        let name = fields.required(&format!("{at}.name"), Some(&self.name), Title::parse)?;
        let link = |(place, form): (usize, &LinkForm)| {
            let at = format!("{at}.links[{place}]");
            let label = fields.required(&format!("{at}.label"), Some(&form.label), Title::parse);
            let url = fields.required(&format!("{at}.url"), Some(&form.url), Link::parse);
            Some(AppLink {
                label: label?,
                url: url?,
            })
        };
        let links = self.links.iter().enumerate().filter_map(link).collect();
        Some(Product {
            id,
            name,
            seats: self.seats,
            used: 0,
            links,
        })
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
