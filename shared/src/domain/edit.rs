//! Editing a user: what is asked for, what it makes of the user, and what speaks against it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use super::email::Email;
use super::field::Fault;
use super::id::{AccountId, GroupId, UserId};
use super::permission::{Class, ModuleRight, Permission, Role, RoleBook, Scope};
use super::phone::Phone;
use super::powers::Powers;
use super::refusal::Refusal;
use super::tenant::{EmailChangePolicy, OwnerDemotion, Policy};
use super::text::{EmployeeNumber, ExternalId, Locale, Module, Name, Username};
use super::user::{Kind, User};

/// What an edit says of a field, as a JSON merge patch does (RFC 7396): nothing, that it is cleared, or its new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Said<T> {
    /// Absent: it stays as it is.
    #[default]
    Nothing,
    /// Null: it is cleared.
    Cleared,
    /// It becomes this.
    Set(T),
}

impl<T> Said<T> {
    /// What is said, read further.
    pub fn map<U>(self, read: impl FnOnce(T) -> Option<U>) -> Said<U> {
        match self {
            Self::Nothing => Said::Nothing,
            Self::Cleared => Said::Cleared,
            Self::Set(value) => read(value).map_or(Said::Nothing, Said::Set),
        }
    }

    /// Makes the field what is said of it.
    pub fn apply(&self, field: &mut Option<T>)
    where
        T: Clone,
    {
        match self {
            Self::Nothing => {}
            Self::Cleared => *field = None,
            Self::Set(value) => *field = Some(value.clone()),
        }
    }

    /// Makes a field that is never lacking what is said of it; cleared, it is as in the beginning.
    pub fn apply_or_default(&self, field: &mut T)
    where
        T: Clone + Default,
    {
        match self {
            Self::Nothing => {}
            Self::Cleared => *field = T::default(),
            Self::Set(value) => *field = value.clone(),
        }
    }
}

/// With `#[serde(default)]`, so that absent and null are told apart.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Said<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Option::<T>::deserialize(deserializer)?;
        Ok(value.map_or(Self::Cleared, Self::Set))
    }
}

/// What is asked to become of a user. What is not said stays.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// What it is.
    pub kind: Option<Kind>,
    /// The tenant's own name for it.
    pub external_id: Said<ExternalId>,
    /// Where it gets mail.
    pub email: Said<Email>,
    /// First name.
    pub first_name: Said<Name>,
    /// Last name.
    pub last_name: Said<Name>,
    /// Phone number.
    pub phone: Said<Phone>,
    /// Employee number.
    pub employee_number: Said<EmployeeNumber>,
    /// The language of its mails.
    pub locale: Said<Locale>,
    /// What the person signs in with.
    pub username: Option<Username>,
    /// How far its power can reach.
    pub class: Option<Class>,
    /// What it may do.
    pub roles: Said<BTreeSet<Role>>,
    /// How far it may go in which module: only those that are said change.
    pub modules: Said<BTreeMap<Module, Said<ModuleRight>>>,
    /// Whether it can see everything.
    pub sees_all: Said<bool>,
    /// The groups that it can see.
    pub sees_groups: Said<BTreeSet<GroupId>>,
    /// The single users that it can see.
    pub sees_users: Said<BTreeSet<UserId>>,
    /// The fleets and tags it is in.
    pub groups: Said<BTreeSet<GroupId>>,
    /// The customer's account it belongs to; of the way to it only the account itself.
    pub account: Said<AccountId>,
}

impl Edit {
    /// The user as it would be; equal to what it was where nothing changes. An invitation that went to another address
    /// is withdrawn: what was sent there must not let anybody in.
    #[must_use]
    pub fn applied(&self, user: &User, now: Timestamp) -> User {
        let mut after = user.clone();
        after.kind = self.kind.unwrap_or(user.kind);
        self.external_id.apply(&mut after.external_id);
        self.email.apply(&mut after.email);
        self.first_name.apply(&mut after.first_name);
        self.last_name.apply(&mut after.last_name);
        self.phone.apply(&mut after.phone);
        self.employee_number.apply(&mut after.employee_number);
        self.locale.apply(&mut after.locale);
        if let Some(username) = &self.username {
            after.username = Some(username.clone());
        }
        self.groups.apply_or_default(&mut after.groups);
        self.apply_rights(&mut after);
        if after != *user {
            after.updated_at = now;
        }
        if address(&after) != address(user) {
            after.invited = None;
        }
        after
    }

    fn apply_rights(&self, after: &mut User) {
        let rights = &mut after.rights;
        rights.class = self.class.unwrap_or(rights.class);
        self.roles.apply_or_default(&mut rights.roles);
        match &self.modules {
            Said::Nothing => {}
            Said::Cleared => rights.modules.clear(),
            Said::Set(modules) => {
                for (module, said) in modules {
                    let mut right = rights.modules.remove(module);
                    said.apply(&mut right);
                    rights
                        .modules
                        .extend(right.map(|right| (module.clone(), right)));
                }
            }
        }
        let Scope { all, groups, users } = &mut rights.scope;
        self.sees_all.apply_or_default(all);
        self.sees_groups.apply_or_default(groups);
        self.sees_users.apply_or_default(users);
        match &self.account {
            Said::Cleared => rights.accounts.clear(),
            Said::Set(account) if rights.account() != Some(account) => {
                rights.accounts = vec![account.clone()];
            }
            Said::Nothing | Said::Set(_) => {}
        }
    }
}

fn address(user: &User) -> Option<String> {
    user.email.as_ref().map(Email::folded)
}

/// Whether the change gives or takes anything of what the user holds.
#[must_use]
pub fn changes_rights(before: &User, after: &User) -> bool {
    before.rights != after.rights
}

/// Whether the change puts the user under other powers than before, or its account into other hands: then all that it
/// holds is given anew.
#[must_use]
pub fn gives_anew(before: &User, after: &User) -> bool {
    changes_rights(before, after) || address(before) != address(after)
}

/// What the policy asks for and the change takes away. What lacked before may go on lacking: it would keep everything
/// else from being edited.
#[must_use]
pub fn taken_away(policy: &Policy, before: &User, after: &User) -> Vec<(&'static str, Fault)> {
    let lacked = before.missing(policy);
    let mut lacking = after.missing(policy);
    lacking.retain(|(field, _)| !lacked.iter().any(|(lacked, _)| lacked == field));
    lacking
}

/// Everything that speaks against making `after` of `before`, by field. `book` knows the roles of `after`.
#[must_use]
pub fn refusals(
    powers: &Powers,
    policy: &Policy,
    before: &User,
    after: &User,
    book: &RoleBook,
) -> Vec<(&'static str, Refusal)> {
    let mut refused = Vec::new();
    let own = powers.user.as_ref() == Some(&before.id);
    let changed = changed_fields(before, after);
    if own {
        let rights = changed.iter().filter(|field| RIGHTS.contains(field));
        refused.extend(rights.map(|field| (*field, Refusal::NotYourself)));
    }
    if powers.may(Permission::UsersWrite, before).is_err() {
        // Of themself everybody but a limited user may change what only they know.
        let allowed = |field: &&str| own && powers.class > Class::Limited && OWN.contains(field);
        let told = |field: &&str| own && RIGHTS.contains(field);
        let beyond = changed
            .iter()
            .filter(|field| !allowed(field) && !told(field));
        refused.extend(beyond.map(|field| (*field, Refusal::BeyondYourRights)));
        return refused;
    }
    if !own {
        refused.extend(against_rights(powers, policy, before, after, book));
    }
    refused.extend(against_email(policy, before, after));
    if before.username != after.username && before.activated_at.is_none() {
        refused.push(("username", Refusal::NotActive));
    } else if before.username != after.username && before.suspended_at.is_some() {
        refused.push(("username", Refusal::UserSuspended));
    }
    refused
}

/// What somebody holds: nobody changes it of themself.
const RIGHTS: [&str; 5] = ["class", "roles", "modules", "scope", "account"];

/// What everybody but a limited user may change of themself.
const OWN: [&str; 4] = ["first_name", "last_name", "phone", "locale"];

/// The fields that differ, as the API names them.
fn changed_fields(before: &User, after: &User) -> Vec<&'static str> {
    let (held, holds) = (&before.rights, &after.rights);
    let fields = [
        ("kind", before.kind != after.kind),
        ("external_id", before.external_id != after.external_id),
        ("email", before.email != after.email),
        ("first_name", before.first_name != after.first_name),
        ("last_name", before.last_name != after.last_name),
        ("phone", before.phone != after.phone),
        (
            "employee_number",
            before.employee_number != after.employee_number,
        ),
        ("locale", before.locale != after.locale),
        ("username", before.username != after.username),
        ("class", held.class != holds.class),
        ("roles", held.roles != holds.roles),
        ("modules", held.modules != holds.modules),
        ("scope", held.scope != holds.scope),
        ("groups", before.groups != after.groups),
        ("account", held.accounts != holds.accounts),
    ];
    let differ = fields.into_iter().filter(|(_, differs)| *differs);
    differ.map(|(field, _)| field).collect()
}

fn against_rights(
    powers: &Powers,
    policy: &Policy,
    before: &User,
    after: &User,
    book: &RoleBook,
) -> Option<(&'static str, Refusal)> {
    let demoted = before.rights.class == Class::Owner && after.rights.class != Class::Owner;
    if demoted && let Err(refusal) = touches_owner(policy, before) {
        return Some(("class", refusal));
    }
    let within = if address(before) != address(after) {
        powers.may_hand_over(Permission::UsersWrite, after, book)
    } else if changes_rights(before, after) {
        powers.may_make(Permission::UsersWrite, after, book)
    } else {
        powers.may(Permission::UsersWrite, after)
    };
    // A user who would be out of one's own sight is not lost by accident.
    let field = changed_fields(before, after)
        .into_iter()
        .find(|field| RIGHTS.contains(field) || matches!(*field, "groups" | "email"));
    within
        .err()
        .map(|_| (field.unwrap_or("user"), Refusal::BeyondYourRights))
}

fn against_email(policy: &Policy, before: &User, after: &User) -> Option<(&'static str, Refusal)> {
    if address(before) == address(after) || before.activated_at.is_none() {
        return None;
    }
    let refusal = match policy.email_change {
        EmailChangePolicy::Verified => Refusal::EmailNeedsConfirmation,
        EmailChangePolicy::Immutable => Refusal::EmailImmutable,
    };
    Some(("email", refusal))
}

/// Whether others of the tenant may demote, suspend or delete the user where it is an owner (rule 5).
///
/// # Errors
/// [`Refusal::OwnerProtected`].
pub fn touches_owner(policy: &Policy, user: &User) -> Result<(), Refusal> {
    if user.rights.class == Class::Owner && policy.owner_demotion == OwnerDemotion::Support {
        Err(Refusal::OwnerProtected)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::id::Seed;
    use super::super::permission::{BuiltIn, Rights};
    use super::super::powers::Sight;
    use super::super::tenant::RequiredField;
    use super::super::user::Draft;
    use super::*;

    fn user(name: &str, rights: Rights) -> User {
        let draft = Draft {
            email: Some(Email::parse(&format!("{name}@example.com")).unwrap()),
            rights,
            ..Draft::default()
        };
        let id = UserId::derive(&Seed::of(&[name]));
        User::new(id, draft, Timestamp::UNIX_EPOCH)
    }

    fn standard(roles: &[BuiltIn]) -> Rights {
        Rights {
            class: Class::Standard,
            roles: roles.iter().copied().map(Role::BuiltIn).collect(),
            ..Rights::default()
        }
    }

    fn powers(of: &User) -> Powers {
        let sight = Sight::of(&of.rights, &Policy::default());
        Powers::of(Some(&of.id), &of.rights, &RoleBook::default(), sight)
    }

    fn against(by: &User, policy: &Policy, before: &User, edit: &Edit) -> Vec<String> {
        let after = edit.applied(before, Timestamp::MAX);
        let refused = refusals(&powers(by), policy, before, &after, &RoleBook::default());
        let told = |(field, refusal): (&str, Refusal)| format!("{field}: {}", refusal.code());
        refused.into_iter().map(told).collect()
    }

    fn name(text: &str) -> Said<Name> {
        Said::Set(Name::parse(text).unwrap())
    }

    fn co_owner() -> Policy {
        Policy {
            owner_demotion: OwnerDemotion::CoOwner,
            ..Policy::default()
        }
    }

    #[test]
    fn absent_stays_null_clears_and_a_value_sets() {
        let mut before = user("ada", Rights::default());
        before.first_name = Some(Name::parse("Ada").unwrap());
        before.rights.modules = [
            (Module::parse("maps").unwrap(), ModuleRight::View),
            (Module::parse("fuel").unwrap(), ModuleRight::View),
        ]
        .into();
        let edit = Edit {
            first_name: Said::Cleared,
            last_name: name("Lovelace"),
            modules: Said::Set(
                [
                    (Module::parse("maps").unwrap(), Said::Cleared),
                    (
                        Module::parse("tolls").unwrap(),
                        Said::Set(ModuleRight::Edit),
                    ),
                ]
                .into(),
            ),
            ..Edit::default()
        };
        let after = edit.applied(&before, Timestamp::MAX);
        assert_eq!((after.first_name, &after.email), (None, &before.email));
        assert_eq!(after.last_name.unwrap().as_str(), "Lovelace");
        let modules: Vec<&str> = after.rights.modules.keys().map(Module::as_str).collect();
        assert_eq!(modules, ["fuel", "tolls"]);
        assert_eq!(after.updated_at, Timestamp::MAX);
        assert_eq!(Edit::default().applied(&before, Timestamp::MAX), before);
    }

    #[test]
    fn nobody_edits_their_own_rights() {
        let policy = Policy::default();
        let owner = user("o", Rights::owner());
        let edit = Edit {
            class: Some(Class::Standard),
            roles: Said::Set([Role::BuiltIn(BuiltIn::Auditor)].into()),
            first_name: name("Olivia"),
            ..Edit::default()
        };
        let told = against(&owner, &policy, &owner, &edit);
        assert_eq!(told, ["class: not_yourself", "roles: not_yourself"]);
        let clerk = user("c", standard(&[]));
        let edit = Edit {
            first_name: name("Carl"),
            sees_all: Said::Set(true),
            employee_number: Said::Set(EmployeeNumber::parse("7").unwrap()),
            ..Edit::default()
        };
        let told = against(&clerk, &policy, &clerk, &edit);
        assert_eq!(
            told,
            ["scope: not_yourself", "employee_number: beyond_your_rights"]
        );
        let limited = user("l", Rights::default());
        let edit = Edit {
            first_name: name("Lea"),
            ..Edit::default()
        };
        assert_eq!(
            against(&limited, &policy, &limited, &edit),
            ["first_name: beyond_your_rights"]
        );
        assert!(against(&clerk, &policy, &clerk, &edit).is_empty());
    }

    #[test]
    fn owners_make_owners_and_demote_them_only_where_the_policy_says_so() {
        let (owner, other) = (user("o", Rights::owner()), user("p", Rights::owner()));
        let demote = Edit {
            class: Some(Class::Limited),
            ..Edit::default()
        };
        let told = against(&owner, &Policy::default(), &other, &demote);
        assert_eq!(told, ["class: owner_protected"]);
        assert!(against(&owner, &co_owner(), &other, &demote).is_empty());
        let promote = Edit {
            class: Some(Class::Owner),
            ..Edit::default()
        };
        let driver = user("d", Rights::default());
        assert!(against(&owner, &Policy::default(), &driver, &promote).is_empty());
        let manager = user("m", standard(&[BuiltIn::UserManager]));
        assert_eq!(
            against(&manager, &Policy::default(), &driver, &promote),
            ["class: beyond_your_rights"]
        );
    }

    #[test]
    fn a_manager_renames_whoever_holds_more_but_gives_them_nothing_and_takes_over_nothing() {
        let manager = user("m", standard(&[BuiltIn::UserManager]));
        let auditor = user("a", standard(&[BuiltIn::Auditor]));
        let policy = Policy::default();
        let rename = Edit {
            last_name: name("Cash"),
            ..Edit::default()
        };
        assert!(against(&manager, &policy, &auditor, &rename).is_empty());
        let address = Edit {
            email: Said::Set(Email::parse("mine@example.com").unwrap()),
            ..Edit::default()
        };
        let told = against(&manager, &policy, &auditor, &address);
        assert_eq!(told, ["email: beyond_your_rights"]);
        let driver = user("d", Rights::default());
        assert!(against(&manager, &policy, &driver, &address).is_empty());
    }

    #[test]
    fn the_address_of_an_active_user_is_not_edited() {
        let owner = user("o", Rights::owner());
        let mut driver = user("d", Rights::default());
        let edit = |address: &str| Edit {
            email: Said::Set(Email::parse(address).unwrap()),
            ..Edit::default()
        };
        driver.activated_at = Some(Timestamp::UNIX_EPOCH);
        let moved = edit("elsewhere@example.com");
        assert_eq!(
            against(&owner, &Policy::default(), &driver, &moved),
            ["email: email_needs_confirmation"]
        );
        let immutable = Policy {
            email_change: EmailChangePolicy::Immutable,
            ..Policy::default()
        };
        assert_eq!(
            against(&owner, &immutable, &driver, &moved),
            ["email: email_immutable"]
        );
        assert!(against(&owner, &immutable, &driver, &edit("D@Example.com")).is_empty());
        driver.activated_at = None;
        assert!(against(&owner, &immutable, &driver, &moved).is_empty());
    }

    #[test]
    fn a_username_is_of_active_people() {
        let owner = user("o", Rights::owner());
        let mut driver = user("d", Rights::default());
        let edit = Edit {
            username: Some(Username::parse("dora").unwrap()),
            ..Edit::default()
        };
        let policy = Policy::default();
        let told = against(&owner, &policy, &driver, &edit);
        assert_eq!(told, ["username: not_active"]);
        driver.activated_at = Some(Timestamp::UNIX_EPOCH);
        assert!(against(&owner, &policy, &driver, &edit).is_empty());
        driver.suspended_at = Some(Timestamp::UNIX_EPOCH);
        let told = against(&owner, &policy, &driver, &edit);
        assert_eq!(told, ["username: user_suspended"]);
    }

    #[test]
    fn what_the_policy_asks_for_is_not_taken_away() {
        let policy = Policy {
            required_fields: vec![RequiredField::Email, RequiredField::LastName],
            ..Policy::default()
        };
        let before = user("ada", Rights::default());
        let edit = Edit {
            email: Said::Cleared,
            ..Edit::default()
        };
        let after = edit.applied(&before, Timestamp::MAX);
        let fields = |found: Vec<(&'static str, Fault)>| {
            let names: Vec<&str> = found.into_iter().map(|(field, _)| field).collect();
            names
        };
        assert_eq!(fields(taken_away(&policy, &before, &after)), ["email"]);
        assert_eq!(
            fields(taken_away(&Policy::default(), &before, &after)),
            ["external_id"]
        );
        assert!(taken_away(&policy, &before, &before).is_empty());
    }
}
