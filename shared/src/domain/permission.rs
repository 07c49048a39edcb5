//! Who may do what: classes, roles, permissions (DESIGN, "Who may do what").

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::field::Fault;

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

/// A built-in role.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Manages users of class standard and limited, never owners; invites.
    UserManager,
    /// Assigns licences.
    LicenceManager,
    /// Manages customers' accounts.
    AccountManager,
    /// Reads everything, with the audit trail.
    Auditor,
}

impl Role {
    /// Reads a role's name.
    ///
    /// # Errors
    /// When there is no such role.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text.trim() {
            "user_manager" => Ok(Self::UserManager),
            "licence_manager" => Ok(Self::LicenceManager),
            "account_manager" => Ok(Self::AccountManager),
            "auditor" => Ok(Self::Auditor),
            _ => Err(Fault::new(
                "unknown_role",
                "must be user_manager, licence_manager, account_manager or auditor",
            )),
        }
    }

    /// The role's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserManager => "user_manager",
            Self::LicenceManager => "licence_manager",
            Self::AccountManager => "account_manager",
            Self::Auditor => "auditor",
        }
    }

    /// What the role permits.
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
            Self::AccountManager => &[UsersRead, AccountsManage],
            Self::Auditor => &[UsersRead, AuditRead],
        }
    }
}

/// What a user holds: a class and roles.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rights {
    /// How far the power can reach.
    pub class: Class,
    /// The named sets of permissions; they count for class `standard` only.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<Role>,
}

impl Rights {
    /// An owner's rights.
    #[must_use]
    pub fn owner() -> Self {
        Self {
            class: Class::Owner,
            roles: BTreeSet::new(),
        }
    }

    /// Whether these rights permit it.
    #[must_use]
    pub fn permit(&self, permission: Permission) -> bool {
        match self.class {
            Class::Owner => true,
            Class::Standard => {
                permission == Permission::UsersRead
                    || self
                        .roles
                        .iter()
                        .any(|role| role.permissions().contains(&permission))
            }
            Class::Limited => permission == Permission::UsersRead,
        }
    }

    /// Whether who holds these rights may give `other` to somebody: nobody grants more than they hold (rule 5).
    #[must_use]
    pub fn may_grant(&self, other: &Self) -> bool {
        other.class <= self.class
            && other.roles.iter().all(|role| {
                role.permissions()
                    .iter()
                    .all(|permission| self.permit(*permission))
            })
    }

    /// Whether who holds these rights may act on a user holding `other`: a user manager never touches owners.
    #[must_use]
    pub fn reach(&self, other: &Self) -> bool {
        other.class <= self.class
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standard(roles: &[Role]) -> Rights {
        Rights {
            class: Class::Standard,
            roles: roles.iter().copied().collect(),
        }
    }

    #[test]
    fn an_owner_may_everything_and_a_limited_user_only_reads() {
        assert!(Rights::owner().permit(Permission::TenantManage));
        let limited = Rights {
            class: Class::Limited,
            roles: [Role::UserManager].into(),
        };
        assert!(limited.permit(Permission::UsersRead));
        assert!(!limited.permit(Permission::UsersInvite));
    }

    #[test]
    fn a_standard_user_does_what_its_roles_permit() {
        assert!(standard(&[Role::UserManager]).permit(Permission::UsersInvite));
        assert!(!standard(&[Role::UserManager]).permit(Permission::LicencesAssign));
        assert!(
            standard(&[Role::UserManager, Role::LicenceManager]).permit(Permission::LicencesAssign)
        );
    }

    #[test]
    fn nobody_grants_more_than_they_hold() {
        let manager = standard(&[Role::UserManager]);
        assert!(manager.may_grant(&standard(&[])));
        assert!(manager.may_grant(&standard(&[Role::UserManager])));
        assert!(!manager.may_grant(&standard(&[Role::LicenceManager])));
        assert!(!manager.may_grant(&Rights::owner()));
        assert!(Rights::owner().may_grant(&Rights::owner()));
        assert!(!manager.reach(&Rights::owner()));
    }
}
