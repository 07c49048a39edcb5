//! What a file of users may do: judged when the plan is made, and again when it is carried out, by what whoever imports
//! may do at that moment.

use super::edit::touches_owner;
use super::email::Email;
use super::permission::{Class, Permission, RoleBook};
use super::powers::Powers;
use super::refusal::Refusal;
use super::tenant::Policy;
use super::user::User;

/// Whether a row may add this user, with licences or without.
///
/// # Errors
/// Why not.
pub fn may_add(
    powers: &Powers,
    user: &User,
    licences: bool,
    book: &RoleBook,
) -> Result<(), Refusal> {
    powers.may_make(Permission::UsersWrite, user, book)?;
    may_license(powers, user, licences)
}

/// Whether a row may make `after` of `before`, and assign licences to it or not. `book` knows the roles of `after`.
///
/// # Errors
/// Why not.
pub fn may_change(
    powers: &Powers,
    policy: &Policy,
    (before, after): (&User, &User),
    licences: bool,
    book: &RoleBook,
) -> Result<(), Refusal> {
    if before != after {
        powers.may(Permission::UsersWrite, before)?;
        if before.rights != after.rights {
            touches_rights(powers, policy, before, after)?;
        }
        // Another address puts the user into other hands: then all that it holds is given anew.
        if address(before) != address(after) {
            powers.may_hand_over(Permission::UsersWrite, after, book)?;
        } else if before.rights != after.rights {
            powers.may_make(Permission::UsersWrite, after, book)?;
        } else if !powers.sees(after) {
            return Err(Refusal::BeyondYourRights);
        }
    }
    if licences && after.suspended_at.is_some() {
        return Err(Refusal::UserSuspended);
    }
    may_license(powers, before, licences)
}

fn touches_rights(
    powers: &Powers,
    policy: &Policy,
    before: &User,
    after: &User,
) -> Result<(), Refusal> {
    if powers.user.as_ref() == Some(&before.id) {
        return Err(Refusal::NotYourself);
    }
    let demoted = before.rights.class == Class::Owner && after.rights.class != Class::Owner;
    if demoted {
        touches_owner(policy, before)?;
    }
    // One transaction can count one owner only, and a file is no place to decide on who leads the company.
    if before.is_acting_owner() != after.is_acting_owner() {
        return Err(Refusal::OwnersOneByOne);
    }
    Ok(())
}

fn may_license(powers: &Powers, user: &User, licences: bool) -> Result<(), Refusal> {
    if licences && powers.may(Permission::LicencesAssign, user).is_err() {
        return Err(Refusal::BeyondYourRights);
    }
    Ok(())
}

fn address(user: &User) -> Option<String> {
    user.email.as_ref().map(Email::folded)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;

    use super::super::id::{GroupId, Seed, UserId};
    use super::super::permission::{BuiltIn, Rights, Role, Scope};
    use super::super::powers::Sight;
    use super::super::text::Name;
    use super::super::user::Draft;
    use super::*;

    fn user(name: &str, class: Class, roles: &[BuiltIn]) -> User {
        let draft = Draft {
            rights: Rights {
                class,
                roles: roles.iter().copied().map(Role::BuiltIn).collect(),
                ..Rights::default()
            },
            email: Some(Email::parse(&format!("{name}@example.com")).unwrap()),
            ..Draft::default()
        };
        let id = UserId::derive(&Seed::of(&[name]));
        User::new(id, draft, Timestamp::UNIX_EPOCH)
    }

    fn powers(of: &User) -> Powers {
        Powers::of(Some(&of.id), &of.rights, &RoleBook::default(), Sight::All)
    }

    fn change(of: &User, before: &User, make: impl FnOnce(&mut User)) -> Result<(), Refusal> {
        let mut after = before.clone();
        make(&mut after);
        let policy = Policy::default();
        let users = (before, &after);
        may_change(&powers(of), &policy, users, false, &RoleBook::default())
    }

    #[test]
    fn nobody_changes_their_own_rights_and_owners_are_decided_on_one_by_one() {
        let owner = user("olivia", Class::Owner, &[]);
        let limited = |user: &mut User| user.rights.class = Class::Limited;
        let lead = |user: &mut User| user.rights.class = Class::Owner;
        assert_eq!(change(&owner, &owner, limited), Err(Refusal::NotYourself));
        assert_eq!(
            change(&owner, &owner, |user| user.first_name = None),
            Ok(())
        );
        let mut other = user("otto", Class::Owner, &[]);
        assert_eq!(
            change(&owner, &other, limited),
            Err(Refusal::OwnerProtected)
        );
        other.rights.class = Class::Standard;
        assert_eq!(change(&owner, &other, lead), Ok(()), "not active yet");
        other.activated_at = Some(Timestamp::UNIX_EPOCH);
        assert_eq!(change(&owner, &other, lead), Err(Refusal::OwnersOneByOne));
    }

    #[test]
    fn a_user_manager_gives_no_more_than_it_holds_not_even_by_an_address() {
        let manager = user("uma", Class::Standard, &[BuiltIn::UserManager]);
        let clerk = user("clerk", Class::Standard, &[BuiltIn::LicenceManager]);
        let beyond = Err(Refusal::BeyondYourRights);
        let mine = Email::parse("mine@example.com").unwrap();
        assert_eq!(
            change(&manager, &clerk, |user| user.email = Some(mine)),
            beyond
        );
        assert_eq!(
            change(&manager, &clerk, |user| user.employee_number = None),
            Ok(())
        );
        let fleet = GroupId::derive(&Seed::of(&["fleet"]));
        let mut moved = clerk.clone();
        moved.groups = BTreeSet::from([fleet]);
        assert_eq!(
            change(&manager, &clerk, |user| *user = moved.clone()),
            Ok(()),
            "groups give no rights"
        );
        let lead = |user: &mut User| user.rights.class = Class::Owner;
        assert_eq!(change(&manager, &clerk, lead), beyond);
        let book = RoleBook::default();
        let add = |user: &User, licences| may_add(&powers(&manager), user, licences, &book);
        assert_eq!(add(&user("new", Class::Standard, &[]), false), Ok(()));
        assert_eq!(add(&user("new", Class::Standard, &[]), true), beyond);
        assert_eq!(add(&clerk, false), beyond);
        assert_eq!(add(&user("new", Class::Owner, &[]), false), beyond);
    }

    #[test]
    fn who_assigns_licences_alone_changes_nothing_else() {
        let clerk = user("clerk", Class::Standard, &[BuiltIn::LicenceManager]);
        let mut driver = user("driver", Class::Limited, &[]);
        let (policy, book) = (Policy::default(), RoleBook::default());
        let assign =
            |driver: &User| may_change(&powers(&clerk), &policy, (driver, driver), true, &book);
        assert_eq!(assign(&driver), Ok(()));
        driver.suspended_at = Some(Timestamp::UNIX_EPOCH);
        assert_eq!(assign(&driver), Err(Refusal::UserSuspended));
        assert_eq!(
            change(&clerk, &driver, |user| user.email = None),
            Err(Refusal::BeyondYourRights)
        );
    }

    #[test]
    fn nobody_moves_a_user_out_of_their_own_sight() {
        let manager = user("uma", Class::Standard, &[BuiltIn::UserManager]);
        let groups = |names: &[&str]| -> BTreeSet<GroupId> {
            let ids = names.iter().map(|name| GroupId::derive(&Seed::of(&[name])));
            ids.collect()
        };
        let scope = Scope {
            groups: groups(&["own"]),
            ..Scope::default()
        };
        let mut powers = powers(&manager);
        powers.sight = Sight::Listed(scope);
        let (policy, book) = (Policy::default(), RoleBook::default());
        let mut truck = user("truck", Class::Limited, &[]);
        assert_eq!(
            may_add(&powers, &truck, false, &book),
            Err(Refusal::BeyondYourRights)
        );
        truck.groups = groups(&["own"]);
        assert_eq!(may_add(&powers, &truck, false, &book), Ok(()));
        let mut away = truck.clone();
        away.groups = groups(&["other"]);
        let judge = |before, after| may_change(&powers, &policy, (before, after), false, &book);
        assert_eq!(judge(&truck, &away), Err(Refusal::BeyondYourRights));
        assert_eq!(judge(&away, &truck), Err(Refusal::UserNotFound));
        // Whoever has its mailbox sees whom it sees.
        let mut sees = truck.clone();
        sees.rights.scope.users = BTreeSet::from([UserId::derive(&Seed::of(&["far"]))]);
        let mut mine = sees.clone();
        mine.email = Some(Email::parse("mine@example.com").unwrap());
        assert_eq!(judge(&sees, &mine), Err(Refusal::BeyondYourRights));
        let mut renamed = sees.clone();
        renamed.first_name = Some(Name::parse("Dan").unwrap());
        assert_eq!(judge(&sees, &renamed), Ok(()));
    }
}
