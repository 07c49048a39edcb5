//! Who may do what: classes, roles, permissions (DESIGN, "Who may do what").

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::field::Fault;
use super::id::{AccountId, GroupId, RoleId, UserId};
use super::text::{Module, Title};

/// How far a user's power can reach. Ordered: a limited user is below a standard user is below an owner.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Reads within its scope, nothing else.
    #[default]
    Limited,
    /// Sees everything, does what its roles permit.
    Standard,
    /// Everything in the tenant.
    Owner,
}

impl Class {
    /// Reads a class as people write it.
    ///
    /// # Errors
    /// When there is no such class.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text.trim().to_ascii_lowercase().as_str() {
            "limited" => Ok(Self::Limited),
            "standard" => Ok(Self::Standard),
            "owner" => Ok(Self::Owner),
            _ => Err(Fault::new(
                "unknown_class",
                "must be owner, standard or limited",
            )),
        }
    }

    /// The class as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Limited => "limited",
            Self::Standard => "standard",
            Self::Owner => "owner",
        }
    }
}

/// One thing that one may do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub enum Permission {
    /// See users.
    #[serde(rename = "users.read")]
    UsersRead,
    /// Add and change users.
    #[serde(rename = "users.write")]
    UsersWrite,
    /// Delete and restore users.
    #[serde(rename = "users.delete")]
    UsersDelete,
    /// Invite users.
    #[serde(rename = "users.invite")]
    UsersInvite,
    /// Assign and un-assign licences.
    #[serde(rename = "licences.assign")]
    LicencesAssign,
    /// Import users.
    #[serde(rename = "imports.run")]
    ImportsRun,
    /// Export users.
    #[serde(rename = "exports.run")]
    ExportsRun,
    /// Manage customers' accounts.
    #[serde(rename = "accounts.manage")]
    AccountsManage,
    /// Manage fleets and tags.
    #[serde(rename = "groups.manage")]
    GroupsManage,
    /// Define roles.
    #[serde(rename = "roles.manage")]
    RolesManage,
    /// Change the company's settings.
    #[serde(rename = "tenant.manage")]
    TenantManage,
    /// Read the audit trail.
    #[serde(rename = "audit.read")]
    AuditRead,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::UsersRead,
        Self::UsersWrite,
        Self::UsersDelete,
        Self::UsersInvite,
        Self::LicencesAssign,
        Self::ImportsRun,
        Self::ExportsRun,
        Self::AccountsManage,
        Self::GroupsManage,
        Self::RolesManage,
        Self::TenantManage,
        Self::AuditRead,
    ];

    /// The permission as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UsersRead => "users.read",
            Self::UsersWrite => "users.write",
            Self::UsersDelete => "users.delete",
            Self::UsersInvite => "users.invite",
            Self::LicencesAssign => "licences.assign",
            Self::ImportsRun => "imports.run",
            Self::ExportsRun => "exports.run",
            Self::AccountsManage => "accounts.manage",
            Self::GroupsManage => "groups.manage",
            Self::RolesManage => "roles.manage",
            Self::TenantManage => "tenant.manage",
            Self::AuditRead => "audit.read",
        }
    }

    /// Reads a permission as it is written.
    ///
    /// # Errors
    /// When there is no such permission.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let known = Self::ALL
            .into_iter()
            .find(|one| one.as_str() == text.trim());
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            Fault::new("unknown_permission", format!("must be one of {names}"))
        })
    }
}

/// A built-in role.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum BuiltIn {
    /// Manages users of class standard and limited, never owners; invites.
    UserManager,
    /// Assigns licences.
    LicenceManager,
    /// Manages customers' accounts and the users in them.
    AccountManager,
    /// Reads everything, with the audit trail.
    Auditor,
    /// Of a customer: sees and manages its own account and those below.
    AccountOwner,
    /// Of a customer: drives, and sees itself.
    Driver,
}

impl BuiltIn {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::UserManager,
        Self::LicenceManager,
        Self::AccountManager,
        Self::Auditor,
        Self::AccountOwner,
        Self::Driver,
    ];

    /// The role's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserManager => "user_manager",
            Self::LicenceManager => "licence_manager",
            Self::AccountManager => "account_manager",
            Self::Auditor => "auditor",
            Self::AccountOwner => "account_owner",
            Self::Driver => "driver",
        }
    }

    /// What the role permits. `accounts.manage` covers the users in the accounts too, see [`super::powers`].
    #[must_use]
    pub fn permissions(self) -> &'static [Permission] {
        use Permission::{
            AccountsManage, AuditRead, ExportsRun, ImportsRun, LicencesAssign, UsersDelete,
            UsersInvite, UsersRead, UsersWrite,
        };
        match self {
            Self::UserManager => &[
                UsersRead,
                UsersWrite,
                UsersDelete,
                UsersInvite,
                ImportsRun,
                ExportsRun,
            ],
            Self::LicenceManager => &[UsersRead, LicencesAssign],
            Self::AccountManager | Self::AccountOwner => &[UsersRead, AccountsManage],
            Self::Auditor => &[UsersRead, AuditRead],
            Self::Driver => &[],
        }
    }
}

/// A named set of permissions: built in, or defined by the tenant. Written as its name, or as `rol_…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Role {
    /// A built-in one.
    BuiltIn(BuiltIn),
    /// One that the tenant defined.
    Defined(RoleId),
}

impl Role {
    /// Reads a role's name or id. Whether the tenant has defined it is for the [`RoleBook`] to say.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let text = text.trim();
        let built_in = BuiltIn::ALL.into_iter().find(|role| role.as_str() == text);
        let role = built_in.map(Self::BuiltIn);
        role.or_else(|| RoleId::parse(text).ok().map(Self::Defined))
            .ok_or_else(unknown_role)
    }
}

/// What is said of a role that there is not.
#[must_use]
pub fn unknown_role() -> Fault {
    let names = BuiltIn::ALL.map(BuiltIn::as_str).join(", ");
    Fault::new(
        "unknown_role",
        format!("must be {names} or the id of a role that the company defined"),
    )
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(role) => f.write_str(role.as_str()),
            Self::Defined(id) => id.fmt(f),
        }
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.to_string()
    }
}

impl TryFrom<String> for Role {
    type Error = Fault;
    fn try_from(text: String) -> Result<Self, Fault> {
        Self::parse(&text)
    }
}

/// A role that a tenant defined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleDefinition {
    /// Its id.
    pub id: RoleId,
    /// Its name; unique in the tenant.
    pub name: Title,
    /// What it permits.
    pub permissions: BTreeSet<Permission>,
    /// When it was defined.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts its changes.
    pub version: u64,
}

impl RoleDefinition {
    /// The most roles that a tenant defines: all of them are read wherever somebody has one.
    pub const MOST: u32 = 100;
}

/// The roles that a tenant defined, by id; a role that is not in it permits nothing.
#[derive(Debug, Clone, Default)]
pub struct RoleBook(BTreeMap<RoleId, RoleDefinition>);

impl RoleBook {
    /// The book of these definitions.
    #[must_use]
    pub fn new(definitions: Vec<RoleDefinition>) -> Self {
        Self(
            definitions
                .into_iter()
                .map(|role| (role.id.clone(), role))
                .collect(),
        )
    }

    /// The roles, by name.
    #[must_use]
    pub fn by_name(self) -> Vec<RoleDefinition> {
        let mut roles: Vec<RoleDefinition> = self.0.into_values().collect();
        roles.sort_by_cached_key(|role| role.name.folded());
        roles
    }

    /// Whether there is such a role.
    #[must_use]
    pub fn knows(&self, role: &Role) -> bool {
        match role {
            Role::BuiltIn(_) => true,
            Role::Defined(id) => self.0.contains_key(id),
        }
    }

    /// All definitions, in the order of their ids.
    pub fn definitions(&self) -> impl Iterator<Item = &RoleDefinition> {
        self.0.values()
    }

    /// What a role is called. One that is not in the book has no name but its id.
    #[must_use]
    pub fn name<'a>(&'a self, role: &'a Role) -> &'a str {
        match role {
            Role::BuiltIn(role) => role.as_str(),
            Role::Defined(id) => (self.0.get(id)).map_or(id.as_str(), |role| role.name.as_str()),
        }
    }

    /// What all these roles permit together.
    #[must_use]
    pub fn permissions<'a>(
        &self,
        roles: impl IntoIterator<Item = &'a Role>,
    ) -> BTreeSet<Permission> {
        let of = |role: &Role| match role {
            Role::BuiltIn(role) => role.permissions().to_vec(),
            Role::Defined(id) => self
                .0
                .get(id)
                .map_or_else(Vec::new, |role| role.permissions.iter().copied().collect()),
        };
        roles.into_iter().flat_map(of).collect()
    }
}

/// How far one may go in a module of the fleet's apps. Editing holds viewing.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ModuleRight {
    /// Look.
    View,
    /// Look and change.
    Edit,
}

/// What a user can see: everything, or listed groups and single users. An empty list sees nothing but the user itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scope {
    /// Everything; then nothing need be listed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    /// Whoever is in one of these fleets or tags.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<GroupId>,
    /// These.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub users: BTreeSet<UserId>,
}

impl Scope {
    /// The most groups, and the most single users, of a scope: it rides in the access token.
    pub const MOST: usize = 50;

    /// Whether it lists nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a user holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rights {
    /// How far the power can reach.
    pub class: Class,
    /// The named sets of permissions.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<Role>,
    /// How far the user may go in which module of the fleet's apps.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub modules: BTreeMap<Module, ModuleRight>,
    /// What the user can see, where class and policy leave it to that.
    #[serde(default, skip_serializing_if = "Scope::is_empty")]
    pub scope: Scope,
    /// The customer's account that the user belongs to: the way to it from the client at the top. Empty for the
    /// tenant's own people. Accounts never move, so the way can stand here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountId>,
}

impl Rights {
    /// An owner's rights.
    #[must_use]
    pub fn owner() -> Self {
        Self {
            class: Class::Owner,
            ..Self::default()
        }
    }

    /// The customer's account that the user belongs to.
    #[must_use]
    pub fn account(&self) -> Option<&AccountId> {
        self.accounts.last()
    }

    /// Whether the user sees everybody of its account and below, as an account owner does.
    #[must_use]
    pub fn sees_account(&self) -> bool {
        let standard = self.class == Class::Standard;
        standard && self.account().is_some() && self.has(BuiltIn::AccountOwner)
    }

    /// Whether the user has the built-in role.
    #[must_use]
    pub fn has(&self, role: BuiltIn) -> bool {
        self.roles.contains(&Role::BuiltIn(role))
    }

    /// What of it does not go together: the field, and why.
    #[must_use]
    pub fn contradictions(&self) -> Vec<(&'static str, Fault)> {
        let driver = Role::BuiltIn(BuiltIn::Driver);
        let mut found = Vec::new();
        let bare = self.roles.iter().all(|role| *role == driver);
        if self.class == Class::Limited && !bare {
            found.push((
                "roles",
                Fault::new(
                    "class_without_roles",
                    "other than driver are for class standard only",
                ),
            ));
        }
        if self.class == Class::Owner && !self.roles.is_empty() {
            found.push((
                "roles",
                Fault::new(
                    "class_without_roles",
                    "are for class standard only: an owner may do everything",
                ),
            ));
        }
        if self.class == Class::Owner && !self.accounts.is_empty() {
            found.push((
                "account",
                Fault::new(
                    "owner_in_account",
                    "cannot be given to an owner of the company",
                ),
            ));
        }
        if self.has(BuiltIn::AccountOwner) && self.accounts.is_empty() {
            found.push((
                "account",
                Fault::new("required", "is required for an account owner"),
            ));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Seed;

    #[test]
    fn a_role_is_a_built_in_name_or_an_id() {
        for role in BuiltIn::ALL {
            assert_eq!(Role::parse(role.as_str()), Ok(Role::BuiltIn(role)));
        }
        let id = RoleId::derive(&Seed::of(&["r"]));
        assert_eq!(Role::parse(id.as_str()), Ok(Role::Defined(id)));
        assert_eq!(Role::parse("boss").unwrap_err().code, "unknown_role");
    }

    #[test]
    fn permissions_are_read_as_they_are_written() {
        for permission in Permission::ALL {
            assert_eq!(Permission::parse(permission.as_str()), Ok(permission));
            assert_eq!(
                serde_json::to_value(permission).unwrap(),
                permission.as_str()
            );
        }
        let unknown = Permission::parse("users.everything").unwrap_err();
        assert_eq!(unknown.code, "unknown_permission");
    }

    #[test]
    fn what_does_not_go_together_is_told_by_field() {
        let with = |class, roles: &[BuiltIn]| Rights {
            class,
            roles: roles.iter().copied().map(Role::BuiltIn).collect(),
            ..Rights::default()
        };
        let fields = |rights: &Rights| {
            let found = rights.contradictions().into_iter();
            found
                .map(|(field, fault)| (field, fault.code))
                .collect::<Vec<_>>()
        };
        assert_eq!(fields(&with(Class::Limited, &[BuiltIn::Driver])), []);
        assert_eq!(fields(&with(Class::Standard, &[BuiltIn::Auditor])), []);
        let roles = [("roles", "class_without_roles")];
        assert_eq!(fields(&with(Class::Limited, &[BuiltIn::Auditor])), roles);
        assert_eq!(fields(&with(Class::Owner, &[BuiltIn::Auditor])), roles);
        let mut owner = with(Class::Standard, &[BuiltIn::AccountOwner]);
        assert_eq!(fields(&owner), [("account", "required")]);
        owner.accounts = vec![AccountId::derive(&Seed::of(&["a"]))];
        assert_eq!(fields(&owner), []);
        let in_account = Rights {
            accounts: owner.accounts,
            ..Rights::owner()
        };
        assert_eq!(fields(&in_account), [("account", "owner_in_account")]);
    }
}
