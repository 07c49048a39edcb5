//! What callers say of a user they edit.

use std::collections::{BTreeMap, BTreeSet};

use muster_shared::domain::edit::{Edit, Said};
use muster_shared::domain::email::Email;
use muster_shared::domain::field::{Fault, Fields};
use muster_shared::domain::id::{AccountId, GroupId, UserId};
use muster_shared::domain::permission::{Class, ModuleRight, Role, Scope};
use muster_shared::domain::phone::Phone;
use muster_shared::domain::tenant::Policy;
use muster_shared::domain::text::{EmployeeNumber, ExternalId, Locale, Module, Name, Username};
use muster_shared::domain::user::Kind;
use muster_shared::http::forms::{MOST_LISTED, ids};
use serde::Deserialize;
use utoipa::ToSchema;

/// A JSON merge patch (RFC 7396): what is absent stays, null clears, lists are replaced, of objects only the members named
/// change.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserPatch)]
pub struct EditForm {
    /// `person`, `vehicle` or `device`.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "person")]
    kind: Said<String>,
    /// The company's own name for it; unique in the company.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "D-1042")]
    external_id: Said<String>,
    /// E-mail address; unique in the company. Only before activation, and then a standing invitation is withdrawn.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "ada@example.com")]
    email: Said<String>,
    /// First name.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "Ada")]
    first_name: Said<String>,
    /// Last name.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "Lovelace")]
    last_name: Said<String>,
    /// Phone number, in the form that the company's policy asks for.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "+4915112345678")]
    phone: Said<String>,
    /// Employee number or licence of the trade.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    employee_number: Said<String>,
    /// What the person signs in with; only of an active user who is a member of no other company.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "ada.lovelace")]
    username: Said<String>,
    /// `limited`, `standard` or `owner`; at most the caller's own.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "limited")]
    class: Said<String>,
    /// Roles: names of built-in ones or ids of the company's own.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    roles: Said<Vec<String>>,
    /// How far the user may go in which module: `view` or `edit`; null takes a module away.
    #[serde(default)]
    #[schema(value_type = Option<Object>, example = json!({ "maps": "view" }))]
    modules: Said<BTreeMap<String, Said<ModuleRight>>>,
    /// What the user can see, where class and policy leave it to that.
    #[serde(default)]
    #[schema(value_type = Option<ScopePatch>)]
    scope: Said<ScopePatch>,
    /// Ids of the fleets and tags it is in.
    #[serde(default)]
    #[schema(value_type = Option<Vec<GroupId>>)]
    groups: Said<Vec<String>>,
    /// Id of the customer's account it belongs to.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    account: Said<String>,
    /// The language of its mails, as a BCP 47 tag; cleared: the company's.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "de-AT")]
    locale: Said<String>,
}

/// What of a scope changes.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopePatch {
    /// Everything.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    all: Said<bool>,
    /// Whoever is in one of these groups: ids, at most 50.
    #[serde(default)]
    #[schema(value_type = Option<Vec<GroupId>>, max_items = 50)]
    groups: Said<Vec<String>>,
    /// Single users: ids, at most 50.
    #[serde(default)]
    #[schema(value_type = Option<Vec<UserId>>, max_items = 50)]
    users: Said<Vec<String>>,
}

impl EditForm {
    /// Reads it under a tenant's policy. What is faulty is noted and counts as not said.
    pub fn read(self, fields: &mut Fields, policy: &Policy) -> Edit {
        let scope = match self.scope {
            Said::Nothing => ScopePatch::default(),
            Said::Cleared => ScopePatch {
                all: Said::Cleared,
                groups: Said::Cleared,
                users: Said::Cleared,
            },
            Said::Set(scope) => scope,
        };
        let phone = |text: &str| Phone::parse(text, policy.phone);
        Edit {
            kind: lasting(fields, "kind", self.kind, Kind::parse),
            external_id: said(fields, "external_id", self.external_id, ExternalId::parse),
            email: said(fields, "email", self.email, Email::parse),
            first_name: said(fields, "first_name", self.first_name, Name::parse),
            last_name: said(fields, "last_name", self.last_name, Name::parse),
            phone: said(fields, "phone", self.phone, phone),
            employee_number: said(
                fields,
                "employee_number",
                self.employee_number,
                EmployeeNumber::parse,
            ),
            locale: said(fields, "locale", self.locale, Locale::parse),
            username: lasting(fields, "username", self.username, Username::parse),
            class: lasting(fields, "class", self.class, Class::parse),
            roles: list(fields, "roles", self.roles, MOST_LISTED, Role::parse),
            modules: modules(fields, self.modules),
            sees_all: scope.all,
            sees_groups: list(
                fields,
                "scope.groups",
                scope.groups,
                Scope::MOST,
                GroupId::parse,
            ),
            sees_users: list(
                fields,
                "scope.users",
                scope.users,
                Scope::MOST,
                UserId::parse,
            ),
            groups: list(fields, "groups", self.groups, MOST_LISTED, GroupId::parse),
            account: said(fields, "account", self.account, AccountId::parse),
        }
    }
}

fn said<T>(
    fields: &mut Fields,
    field: &str,
    text: Said<String>,
    parse: impl FnOnce(&str) -> Result<T, Fault>,
) -> Said<T> {
    text.map(|text| fields.take(field, parse(&text)))
}

/// A field that every user has: it cannot be cleared.
fn lasting<T>(
    fields: &mut Fields,
    field: &str,
    text: Said<String>,
    parse: impl FnOnce(&str) -> Result<T, Fault>,
) -> Option<T> {
    match said(fields, field, text, parse) {
        Said::Nothing => None,
        Said::Cleared => fields.take(field, Err(Fault::new("required", "cannot be cleared"))),
        Said::Set(value) => Some(value),
    }
}

fn list<T: Ord>(
    fields: &mut Fields,
    field: &str,
    texts: Said<Vec<String>>,
    most: usize,
    parse: impl Fn(&str) -> Result<T, Fault>,
) -> Said<BTreeSet<T>> {
    texts.map(|texts| Some(ids(fields, field, &texts, most, parse)))
}

fn modules(
    fields: &mut Fields,
    form: Said<BTreeMap<String, Said<ModuleRight>>>,
) -> Said<BTreeMap<Module, Said<ModuleRight>>> {
    let mut read = |(name, right): (String, Said<ModuleRight>)| {
        let name = fields.take(&format!("modules.{name}"), Module::parse(&name))?;
        Some((name, right))
    };
    form.map(|form| Some(form.into_iter().filter_map(&mut read).collect()))
}
