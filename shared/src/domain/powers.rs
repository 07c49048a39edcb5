//! What somebody may do to whom, worked out from class, roles, scope and policy: the one home of rule 5.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::group::Group;
use super::id::{AccountId, GroupId, UserId};
use super::permission::{BuiltIn, Class, ModuleRight, Permission, Rights, Role, RoleBook, Scope};
use super::refusal::Refusal;
use super::tenant::{Policy, StandardSees};
use super::text::Module;
use super::user::User;

/// Whom somebody sees. Everybody sees themself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// Everybody in the tenant.
    All,
    /// Whoever belongs to this account or one below.
    Account(AccountId),
    /// Whoever is listed.
    Listed(Scope),
}

impl Sight {
    /// Whom the holder of these rights sees.
    #[must_use]
    pub fn of(rights: &Rights, policy: &Policy) -> Self {
        let listed = || {
            if rights.scope.all {
                Self::All
            } else {
                Self::Listed(rights.scope.clone())
            }
        };
        match (rights.class, rights.account()) {
            (Class::Owner, _) => Self::All,
            (Class::Standard, Some(account)) if rights.sees_account() => {
                Self::Account(account.clone())
            }
            // A customer's people see what they were given to see, whatever the tenant's own people do.
            (_, Some(_)) => Self::Listed(Scope {
                all: false,
                ..rights.scope.clone()
            }),
            (Class::Standard, None) if policy.standard_sees == StandardSees::All => Self::All,
            (Class::Standard | Class::Limited, None) => listed(),
        }
    }

    /// Whether it takes in this group.
    #[must_use]
    pub fn sees_group(&self, group: &GroupId) -> bool {
        match self {
            Self::All => true,
            Self::Account(_) => false,
            Self::Listed(scope) => scope.all || scope.groups.contains(group),
        }
    }

    /// Whether it takes in this user.
    #[must_use]
    pub fn sees(&self, user: &User) -> bool {
        match self {
            Self::All => true,
            Self::Account(account) => user.rights.accounts.contains(account),
            Self::Listed(scope) => {
                scope.all
                    || scope.users.contains(&user.id)
                    || !scope.groups.is_disjoint(&user.groups)
            }
        }
    }
}

/// What somebody may do.
#[derive(Debug, Clone)]
pub struct Powers {
    /// Who; nobody where a file was dropped for the tenant.
    pub user: Option<UserId>,
    /// How far the power can reach.
    pub class: Class,
    /// What the roles permit.
    pub permissions: BTreeSet<Permission>,
    /// How far the power goes in the fleet's apps.
    pub modules: BTreeMap<Module, ModuleRight>,
    /// Whom it reaches.
    pub sight: Sight,
    /// The customer's account that the user belongs to.
    pub account: Option<AccountId>,
}

impl Powers {
    /// The powers of a user who holds these rights.
    #[must_use]
    pub fn of(user: Option<&UserId>, rights: &Rights, book: &RoleBook, sight: Sight) -> Self {
        let permissions = match rights.class {
            Class::Standard => book.permissions(&rights.roles),
            Class::Owner | Class::Limited => BTreeSet::new(),
        };
        Self {
            user: user.cloned(),
            class: rights.class,
            permissions,
            modules: rights.modules.clone(),
            sight,
            account: rights.account().cloned(),
        }
    }

    /// The powers of a user manager who is nobody in particular: those of a file that was dropped for the tenant.
    #[must_use]
    pub fn of_user_manager() -> Self {
        let rights = Rights {
            class: Class::Standard,
            roles: [Role::BuiltIn(BuiltIn::UserManager)].into(),
            ..Rights::default()
        };
        Self::of(None, &rights, &RoleBook::default(), Sight::All)
    }

    /// The powers of a user who may not act any more: it sees itself.
    #[must_use]
    pub fn none(user: &UserId) -> Self {
        let sight = Sight::Listed(Scope::default());
        Self::of(Some(user), &Rights::default(), &RoleBook::default(), sight)
    }

    /// Whether users may be placed in the account at the end of this way: a customer's people reach their own account
    /// and below.
    #[must_use]
    pub fn reaches(&self, path: &[AccountId]) -> bool {
        match (&self.account, &self.sight) {
            (Some(own), _) => path.contains(own),
            (None, Sight::All) => true,
            (None, Sight::Account(_) | Sight::Listed(_)) => false,
        }
    }

    /// Whether the permission is held for everything that the sight takes in.
    #[must_use]
    pub fn permit(&self, permission: Permission) -> bool {
        match self.class {
            Class::Owner => true,
            Class::Standard => {
                permission == Permission::UsersRead || self.permissions.contains(&permission)
            }
            Class::Limited => permission == Permission::UsersRead,
        }
    }

    /// Whether the permission is held for some users at least: who manages accounts manages the users in them.
    #[must_use]
    pub fn permit_for_some(&self, permission: Permission) -> bool {
        self.permit(permission) || (managing(permission) && self.permit(Permission::AccountsManage))
    }

    /// Whether the user is seen.
    #[must_use]
    pub fn sees(&self, user: &User) -> bool {
        self.user.as_ref() == Some(&user.id) || self.sight.sees(user)
    }

    /// Whether this may be done to the user: it must be seen, the permission held for it, and its class no higher than
    /// one's own (a user manager never touches owners).
    ///
    /// # Errors
    /// Why not.
    pub fn may(&self, permission: Permission, user: &User) -> Result<(), Refusal> {
        if !self.sees(user) {
            return Err(Refusal::UserNotFound);
        }
        let in_account = user.rights.account().is_some();
        let permitted = self.permit(permission) || (in_account && self.permit_for_some(permission));
        if permitted && user.rights.class <= self.class {
            Ok(())
        } else {
            Err(Refusal::BeyondYourRights)
        }
    }

    /// Whether accounts are seen at all: by whoever sees everybody in the tenant, or everybody of an account; not in
    /// class limited.
    #[must_use]
    pub fn see_accounts(&self) -> bool {
        self.class > Class::Limited && !matches!(self.sight, Sight::Listed(_))
    }

    /// Whether the account at the end of this way is seen.
    #[must_use]
    pub fn sees_account(&self, path: &[AccountId]) -> bool {
        let reached = match &self.sight {
            Sight::All => true,
            Sight::Account(own) => path.contains(own),
            Sight::Listed(_) => false,
        };
        self.see_accounts() && reached
    }

    /// Whether the account at the end of this way may be changed, and sub-accounts made below it. An empty way stands
    /// for the tenant itself, below which clients are made.
    #[must_use]
    pub fn manages_account(&self, path: &[AccountId]) -> bool {
        self.permit(Permission::AccountsManage) && self.sees_account(path)
    }

    /// Whether one manages the account from above: its rates are agreed with the level above, and it is deleted there.
    #[must_use]
    pub fn manages_from_above(&self, path: &[AccountId]) -> bool {
        let above = path.split_last().map_or(path, |(_, above)| above);
        self.manages_account(above)
    }

    /// Whether such a user may be made, or be left so by a change: still seen, and holding nothing that one does not
    /// hold oneself.
    ///
    /// # Errors
    /// [`Refusal::BeyondYourRights`].
    pub fn may_make(
        &self,
        permission: Permission,
        user: &User,
        book: &RoleBook,
    ) -> Result<(), Refusal> {
        if self.may(permission, user).is_ok() && self.may_grant(&user.rights, book) {
            Ok(())
        } else {
            Err(Refusal::BeyondYourRights)
        }
    }

    /// Whether the user's address may become this one's: whoever has it gets all that the user holds, and sees whom it sees
    /// one by one.
    ///
    /// # Errors
    /// [`Refusal::BeyondYourRights`].
    pub fn may_hand_over(
        &self,
        permission: Permission,
        user: &User,
        book: &RoleBook,
    ) -> Result<(), Refusal> {
        let users = &user.rights.scope.users;
        let sees = match &self.sight {
            Sight::All => true,
            Sight::Account(_) => users.is_empty(),
            Sight::Listed(own) => users.is_subset(&own.users),
        };
        if sees {
            self.may_make(permission, user, book)
        } else {
            Err(Refusal::BeyondYourRights)
        }
    }

    /// Whether the user may be put into groups, or taken out of them, by whoever manages groups or edits users: groups
    /// decide what others see, so who moves a user sees it before and after.
    ///
    /// # Errors
    /// Why not.
    pub fn may_regroup(&self, user: &User, after: &User) -> Result<(), Refusal> {
        let either = self.may(Permission::GroupsManage, user);
        either.or_else(|_| self.may(Permission::UsersWrite, user))?;
        if user.deleted_at.is_some() {
            return Err(Refusal::UserDeleted);
        }
        if after.groups.len() > Group::MOST_OF_A_USER && after.groups.len() > user.groups.len() {
            return Err(Refusal::TooManyGroups);
        }
        if self.sees(after) {
            Ok(())
        } else {
            Err(Refusal::BeyondYourRights)
        }
    }

    /// Whether a role with these permissions may be defined, changed or deleted: nobody handles what they do not hold
    /// themselves (rule 5).
    #[must_use]
    pub fn may_define(&self, permissions: &BTreeSet<Permission>) -> bool {
        self.permit(Permission::RolesManage)
            && permissions
                .iter()
                .all(|permission| self.permit(*permission))
    }

    /// Whether these rights may be given to somebody: nobody grants more than they hold (rule 5).
    #[must_use]
    pub fn may_grant(&self, rights: &Rights, book: &RoleBook) -> bool {
        let permissions = book.permissions(&rights.roles);
        let modules = rights.modules.iter().all(|(module, right)| {
            self.class == Class::Owner || self.modules.get(module).is_some_and(|own| own >= right)
        });
        let scope = match &self.sight {
            Sight::All => true,
            Sight::Account(_) => !rights.scope.all && rights.scope.groups.is_empty(),
            Sight::Listed(own) => {
                !rights.scope.all
                    && rights.scope.groups.is_subset(&own.groups)
                    && !rights.sees_account()
            }
        };
        // A customer's people make people of that customer only: others would see beyond it.
        let account = self.account.is_none() || self.reaches(&rights.accounts);
        rights.class <= self.class
            && permissions
                .iter()
                .all(|permission| self.permit(*permission))
            && modules
            && scope
            && account
    }
}

/// What a manager of accounts may do to the users in them.
fn managing(permission: Permission) -> bool {
    matches!(
        permission,
        Permission::UsersRead
            | Permission::UsersWrite
            | Permission::UsersDelete
            | Permission::UsersInvite
    )
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::id::{GroupId, Seed};
    use super::super::permission::Role;
    use super::super::user::Draft;
    use super::*;

    fn user(name: &str, rights: Rights) -> User {
        let draft = Draft {
            rights,
            ..Draft::default()
        };
        User::new(
            UserId::derive(&Seed::of(&[name])),
            draft,
            Timestamp::UNIX_EPOCH,
        )
    }

    fn standard(roles: &[BuiltIn]) -> Rights {
        Rights {
            class: Class::Standard,
            roles: roles.iter().copied().map(Role::BuiltIn).collect(),
            ..Rights::default()
        }
    }

    fn powers(user: &User) -> Powers {
        let sight = Sight::of(&user.rights, &Policy::default());
        Powers::of(Some(&user.id), &user.rights, &RoleBook::default(), sight)
    }

    fn account(name: &str) -> AccountId {
        AccountId::derive(&Seed::of(&[name]))
    }

    #[test]
    fn an_owner_may_everything_and_a_limited_user_only_reads() {
        assert!(powers(&user("o", Rights::owner())).permit(Permission::TenantManage));
        let limited = powers(&user("l", Rights::default()));
        assert!(limited.permit(Permission::UsersRead));
        assert!(!limited.permit(Permission::UsersInvite));
    }

    #[test]
    fn a_standard_user_does_what_its_roles_permit() {
        let manager = powers(&user("m", standard(&[BuiltIn::UserManager])));
        assert!(manager.permit(Permission::UsersInvite));
        assert!(!manager.permit(Permission::LicencesAssign));
        let both = standard(&[BuiltIn::UserManager, BuiltIn::LicenceManager]);
        assert!(powers(&user("b", both)).permit(Permission::LicencesAssign));
    }

    #[test]
    fn nobody_grants_more_than_they_hold() {
        let book = RoleBook::default();
        let manager = powers(&user("m", standard(&[BuiltIn::UserManager])));
        assert!(manager.may_grant(&standard(&[]), &book));
        assert!(manager.may_grant(&standard(&[BuiltIn::UserManager]), &book));
        assert!(!manager.may_grant(&standard(&[BuiltIn::LicenceManager]), &book));
        assert!(!manager.may_grant(&Rights::owner(), &book));
        let owner = powers(&user("o", Rights::owner()));
        assert!(owner.may_grant(&Rights::owner(), &book));
        let mut editor = standard(&[]);
        editor.modules = [(Module::parse("maps").unwrap(), ModuleRight::Edit)].into();
        assert!(owner.may_grant(&editor, &book));
        assert!(!manager.may_grant(&editor, &book));
        let other = user("other", Rights::owner());
        let refused = manager.may(Permission::UsersWrite, &other);
        assert_eq!(refused, Err(Refusal::BeyondYourRights));
    }

    #[test]
    fn a_limited_user_sees_itself_and_what_is_listed() {
        let fleet = GroupId::derive(&Seed::of(&["g"]));
        let mut rights = Rights::default();
        let (mut truck, friend) = (
            user("truck", Rights::default()),
            user("f", Rights::default()),
        );
        assert!(!powers(&user("l", rights.clone())).sees(&truck));
        rights.scope.groups = [fleet.clone()].into();
        rights.scope.users = [friend.id.clone()].into();
        let limited = user("l", rights);
        let powers = powers(&limited);
        assert!(powers.sees(&limited) && powers.sees(&friend));
        assert!(!powers.sees(&truck));
        truck.groups = [fleet].into();
        assert!(powers.sees(&truck));
    }

    #[test]
    fn who_moves_a_user_between_groups_sees_it_before_and_after() {
        let group = |name: &str| GroupId::derive(&Seed::of(&[name]));
        let within = |groups: &[&str]| User {
            groups: groups.iter().map(|name| group(name)).collect(),
            ..user("u", Rights::default())
        };
        let manager = |listed: &[&str]| Powers {
            user: None,
            class: Class::Standard,
            permissions: BTreeSet::from([Permission::GroupsManage]),
            modules: BTreeMap::new(),
            account: None,
            sight: Sight::Listed(Scope {
                groups: listed.iter().map(|name| group(name)).collect(),
                ..Scope::default()
            }),
        };
        let moved = |listed: &[&str], before: &[&str], after: &[&str]| {
            manager(listed).may_regroup(&within(before), &within(after))
        };
        assert_eq!(moved(&["a", "b"], &["a"], &["a", "b"]), Ok(()));
        assert_eq!(moved(&["a"], &["a", "b"], &["a"]), Ok(()));
        assert_eq!(
            moved(&["a"], &["b"], &["a", "b"]),
            Err(Refusal::UserNotFound)
        );
        assert_eq!(moved(&["a"], &["a"], &[]), Err(Refusal::BeyondYourRights));
        let full: Vec<String> = (0..41).map(|n| format!("g{n}")).collect();
        let full: Vec<&str> = full.iter().map(String::as_str).collect();
        assert_eq!(
            moved(&["g0"], &full[..40], &full),
            Err(Refusal::TooManyGroups)
        );
        assert_eq!(moved(&["g0"], &full, &full[..40]), Ok(()));
    }

    #[test]
    fn a_role_is_defined_by_who_holds_what_it_permits() {
        let with = |permissions: &[Permission]| Powers {
            permissions: permissions.iter().copied().collect(),
            ..powers(&user("m", standard(&[])))
        };
        let invites = BTreeSet::from([Permission::UsersInvite]);
        assert!(with(&[Permission::RolesManage, Permission::UsersInvite]).may_define(&invites));
        assert!(!with(&[Permission::RolesManage]).may_define(&invites));
        assert!(!with(&[Permission::UsersInvite]).may_define(&invites));
        // What comes with managing accounts is held for some users only.
        let accounts = [Permission::RolesManage, Permission::AccountsManage];
        assert!(!with(&accounts).may_define(&invites));
    }

    #[test]
    fn an_account_owner_manages_its_own_account_and_below_and_nothing_else() {
        let mut rights = standard(&[BuiltIn::AccountOwner]);
        rights.accounts = vec![account("a")];
        let owner = powers(&user("ao", rights));
        let within = |accounts: &[&str]| {
            let rights = Rights {
                accounts: accounts.iter().map(|name| account(name)).collect(),
                ..Rights::default()
            };
            user("d", rights)
        };
        assert_eq!(owner.may(Permission::UsersInvite, &within(&["a"])), Ok(()));
        assert_eq!(
            owner.may(Permission::UsersWrite, &within(&["a", "b"])),
            Ok(())
        );
        for other in [within(&[]), within(&["b"])] {
            assert_eq!(
                owner.may(Permission::UsersRead, &other),
                Err(Refusal::UserNotFound)
            );
        }
        assert!(!owner.permit(Permission::UsersWrite));
        assert!(owner.permit_for_some(Permission::UsersWrite));
        assert!(!owner.permit_for_some(Permission::LicencesAssign));
    }

    #[test]
    fn an_account_owner_agrees_on_rates_below_its_own_account_only() {
        let mut rights = standard(&[BuiltIn::AccountOwner]);
        rights.accounts = vec![account("top"), account("own")];
        let owner = powers(&user("ao", rights));
        let path = |names: &[&str]| names.iter().map(|name| account(name)).collect::<Vec<_>>();
        let judged = |names: &[&str]| {
            let path = path(names);
            (
                owner.sees_account(&path),
                owner.manages_account(&path),
                owner.manages_from_above(&path),
            )
        };
        assert_eq!(judged(&["top", "own"]), (true, true, false));
        assert_eq!(judged(&["top", "own", "below"]), (true, true, true));
        for other in [&[][..], &["top"], &["top", "beside"], &["other"]] {
            assert_eq!(judged(other), (false, false, false), "{other:?}");
        }
        let manager = powers(&user("am", standard(&[BuiltIn::AccountManager])));
        assert!(manager.manages_account(&[]) && manager.manages_from_above(&path(&["top"])));
        let auditor = powers(&user("au", standard(&[BuiltIn::Auditor])));
        assert!(auditor.sees_account(&path(&["top"])) && !auditor.manages_account(&path(&["top"])));
        let limited = Rights {
            scope: Scope {
                all: true,
                ..Scope::default()
            },
            ..Rights::default()
        };
        assert!(!powers(&user("l", limited)).see_accounts());
        // A customer's own people see no accounts, whatever else they may do.
        let mut clerk = standard(&[BuiltIn::AccountManager]);
        clerk.accounts = vec![account("top")];
        assert!(!powers(&user("c", clerk)).see_accounts());
    }

    #[test]
    fn an_account_manager_manages_users_in_accounts_only() {
        let manager = powers(&user("am", standard(&[BuiltIn::AccountManager])));
        let staff = user("s", Rights::default());
        assert_eq!(
            manager.may(Permission::UsersWrite, &staff),
            Err(Refusal::BeyondYourRights)
        );
        let mut rights = standard(&[BuiltIn::AccountOwner]);
        rights.accounts = vec![account("a")];
        let book = RoleBook::default();
        let customer = user("c", rights);
        assert_eq!(
            manager.may_make(Permission::UsersInvite, &customer, &book),
            Ok(())
        );
    }

    #[test]
    fn where_the_policy_says_assigned_a_standard_user_sees_its_scope() {
        let policy = Policy {
            standard_sees: StandardSees::Assigned,
            ..Policy::default()
        };
        let rights = standard(&[]);
        assert_eq!(Sight::of(&rights, &policy), Sight::Listed(Scope::default()));
        assert_eq!(Sight::of(&rights, &Policy::default()), Sight::All);
        assert_eq!(Sight::of(&Rights::owner(), &policy), Sight::All);
    }
}
