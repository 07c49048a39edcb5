//! Users who go, for a while or for good, and who come back: suspended, reactivated, deleted, restored.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::edit::touches_owner;
use super::invitation::expired;
use super::permission::{Class, Permission, RoleBook};
use super::powers::Powers;
use super::refusal::Refusal;
use super::tenant::Policy;
use super::user::User;

/// How long a deleted user can be restored; then it is erased for good.
pub const RESTORABLE: SignedDuration = SignedDuration::from_hours(24 * 30);

/// A step of a user out of the tenant, or back into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Barred for now: seats are free, sessions are over, an invitation is withdrawn.
    Suspend,
    /// No longer barred. Seats do not come back.
    Reactivate,
    /// Gone, with seats, sessions, invitation and membership; address and external ID are free for others.
    Delete,
    /// Back in the list, to be invited anew: without seats and without the credentials it had.
    Restore,
}

/// Who wants a step of users, and under what rules.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// What the caller may do.
    pub powers: &'a Powers,
    /// The tenant's roles: whoever is restored is given all that it held.
    pub book: &'a RoleBook,
    /// The tenant's policy, where a single user is named. Owners go one by one only.
    pub single: Option<&'a Policy>,
    /// The present moment.
    pub now: Timestamp,
}

impl Step {
    /// What permission it takes.
    #[must_use]
    pub fn permission(self) -> Permission {
        match self {
            Self::Suspend | Self::Reactivate => Permission::UsersWrite,
            Self::Delete | Self::Restore => Permission::UsersDelete,
        }
    }

    /// What the audit trail calls it.
    #[must_use]
    pub fn operation(self) -> &'static str {
        match self {
            Self::Suspend => "users.suspend",
            Self::Reactivate => "users.reactivate",
            Self::Delete => "users.delete",
            Self::Restore => "users.restore",
        }
    }

    /// Whether the user is to make the step: `Ok(true)`, or has made it: `Ok(false)`.
    ///
    /// # Errors
    /// Why it must not.
    pub fn decide(self, wanted: &Wanted<'_>, user: &User) -> Result<bool, Refusal> {
        wanted.powers.may(self.permission(), user)?;
        if wanted.powers.user.as_ref() == Some(&user.id) {
            return Err(Refusal::NotYourself);
        }
        let open = match self {
            Self::Suspend | Self::Reactivate if user.deleted_at.is_some() => {
                return Err(Refusal::UserDeleted);
            }
            Self::Suspend => user.suspended_at.is_none(),
            Self::Reactivate => user.suspended_at.is_some(),
            Self::Delete => user.deleted_at.is_none(),
            Self::Restore => user.deleted_at.is_some(),
        };
        if !open {
            return Ok(false);
        }
        // Owners make owners, so they also take them back; whom they make go is the policy's to say.
        let goes = matches!(self, Self::Suspend | Self::Delete);
        if goes && user.rights.class == Class::Owner {
            let policy = wanted.single.ok_or(Refusal::OwnerProtected)?;
            touches_owner(policy, user)?;
        }
        if self == Self::Restore {
            if restorable_until(user).is_none_or(|end| expired(end, wanted.now)) {
                return Err(Refusal::TooLateToRestore);
            }
            (wanted.powers).may_make(self.permission(), user, wanted.book)?;
        }
        Ok(true)
    }

    /// The user after the step.
    #[must_use]
    pub fn applied(self, user: &User, now: Timestamp) -> User {
        let mut after = User {
            updated_at: now,
            ..user.clone()
        };
        match self {
            Self::Suspend => {
                after.suspended_at = Some(now);
                leave(&mut after);
            }
            Self::Reactivate => after.suspended_at = None,
            Self::Delete => {
                after.deleted_at = Some(now);
                leave(&mut after);
            }
            // A bar stays: undoing a deletion does not undo a suspension.
            Self::Restore => {
                after.deleted_at = None;
                after.activated_at = None;
                after.username = None;
            }
        }
        after
    }
}

/// Whoever goes leaves seats, sessions, a standing invitation and a change of the address that waits behind.
fn leave(user: &mut User) {
    user.licences = BTreeMap::new();
    user.sessions = user.sessions.wrapping_add(1);
    user.invited = None;
    user.email_change = None;
}

/// Until when a deleted user can be restored: at that very second it no longer can, and is erased.
#[must_use]
pub fn restorable_until(user: &User) -> Option<Timestamp> {
    let deleted_at = user.deleted_at?;
    Some(
        deleted_at
            .saturating_add(RESTORABLE)
            .unwrap_or(Timestamp::MAX),
    )
}

/// Whether `typed` is what a deletion of the user is confirmed by: its e-mail address or its external ID, as compared;
/// of a user who has neither, its id.
#[must_use]
pub fn confirms(user: &User, typed: &str) -> bool {
    let address = (user.email.as_ref())
        .is_some_and(|email| email.folded() == super::email::fold_address(typed));
    let external_id =
        (user.external_id.as_ref()).is_some_and(|id| id.folded() == super::text::fold(typed));
    let neither = user.email.is_none() && user.external_id.is_none();
    address || external_id || (neither && user.id.as_str() == typed.trim())
}

#[cfg(test)]
mod tests {
    use super::super::email::Email;
    use super::super::id::{Seed, UserId};
    use super::super::permission::{BuiltIn, Rights, Role};
    use super::super::powers::Sight;
    use super::super::tenant::OwnerDemotion;
    use super::super::text::ExternalId;
    use super::super::user::{Draft, Status};
    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn user(name: &str, rights: Rights) -> User {
        let draft = Draft {
            email: Some(Email::parse(&format!("{name}@example.com")).unwrap()),
            rights,
            ..Draft::default()
        };
        User::new(UserId::derive(&Seed::of(&[name])), draft, START)
    }

    fn standard(role: BuiltIn) -> Rights {
        Rights {
            class: Class::Standard,
            roles: [Role::BuiltIn(role)].into(),
            ..Rights::default()
        }
    }

    fn decide(step: Step, by: &User, single: Option<&Policy>, of: &User) -> Result<bool, Refusal> {
        decide_at(START, step, by, single, of)
    }

    fn decide_at(
        now: Timestamp,
        step: Step,
        by: &User,
        single: Option<&Policy>,
        of: &User,
    ) -> Result<bool, Refusal> {
        let book = RoleBook::default();
        let sight = Sight::of(&by.rights, &Policy::default());
        let powers = Powers::of(Some(&by.id), &by.rights, &book, sight);
        let wanted = Wanted {
            powers: &powers,
            book: &book,
            single,
            now,
        };
        step.decide(&wanted, of)
    }

    #[test]
    fn owners_go_one_by_one_and_only_where_the_policy_says_so() {
        let (owner, other) = (user("o", Rights::owner()), user("p", Rights::owner()));
        let strict = Policy::default();
        let free = Policy {
            owner_demotion: OwnerDemotion::CoOwner,
            ..Policy::default()
        };
        for step in [Step::Suspend, Step::Delete] {
            assert_eq!(
                decide(step, &owner, Some(&strict), &other),
                Err(Refusal::OwnerProtected)
            );
            assert_eq!(decide(step, &owner, Some(&free), &other), Ok(true));
            assert_eq!(
                decide(step, &owner, None, &other),
                Err(Refusal::OwnerProtected)
            );
            assert_eq!(
                decide(step, &owner, Some(&free), &owner),
                Err(Refusal::NotYourself)
            );
        }
        let suspended = Step::Suspend.applied(&other, START);
        let back = decide(Step::Reactivate, &owner, None, &suspended);
        assert_eq!(back, Ok(true));
        let manager = user("m", standard(BuiltIn::UserManager));
        let beyond = decide(Step::Delete, &manager, Some(&free), &other);
        assert_eq!(beyond, Err(Refusal::BeyondYourRights));
    }

    #[test]
    fn what_was_done_before_is_not_done_again() {
        let owner = user("o", Rights::owner());
        let driver = user("d", Rights::default());
        let there = |step: Step, user: &User| decide(step, &owner, None, user);
        assert_eq!(there(Step::Reactivate, &driver), Ok(false));
        assert_eq!(there(Step::Restore, &driver), Ok(false));
        let suspended = Step::Suspend.applied(&driver, START);
        assert_eq!(there(Step::Suspend, &suspended), Ok(false));
        assert_eq!(there(Step::Reactivate, &suspended), Ok(true));
        let deleted = Step::Delete.applied(&suspended, START);
        assert_eq!(there(Step::Delete, &deleted), Ok(false));
        for step in [Step::Suspend, Step::Reactivate] {
            assert_eq!(there(step, &deleted), Err(Refusal::UserDeleted));
        }
        let restored = Step::Restore.applied(&deleted, START);
        assert_eq!(restored.status(START), Status::Suspended, "still barred");
    }

    #[test]
    fn a_deleted_user_can_be_restored_to_the_second() {
        let owner = user("o", Rights::owner());
        let deleted = Step::Delete.applied(&user("d", Rights::default()), START);
        let end = START + RESTORABLE;
        let before = end - SignedDuration::from_secs(1);
        let restore = |at| decide_at(at, Step::Restore, &owner, None, &deleted);
        assert_eq!(restore(before), Ok(true));
        assert_eq!(restore(end), Err(Refusal::TooLateToRestore));
    }

    #[test]
    fn whoever_restores_gives_what_the_user_held() {
        let manager = user("m", standard(BuiltIn::UserManager));
        let auditor = Step::Delete.applied(&user("a", standard(BuiltIn::Auditor)), START);
        let refused = decide(Step::Restore, &manager, None, &auditor);
        assert_eq!(refused, Err(Refusal::BeyondYourRights));
        let driver = Step::Delete.applied(&user("d", Rights::default()), START);
        assert_eq!(decide(Step::Restore, &manager, None, &driver), Ok(true));
    }

    #[test]
    fn a_restored_user_has_neither_credentials_nor_sessions() {
        let mut driver = user("d", Rights::default());
        driver.activated_at = Some(START);
        let deleted = Step::Delete.applied(&driver, START);
        assert_eq!(deleted.status(START), Status::Deleted);
        let restored = Step::Restore.applied(&deleted, START);
        assert_eq!(restored.status(START), Status::NotInvited);
        assert_eq!((restored.username, restored.sessions), (None, 1));
    }

    #[test]
    fn a_deletion_is_confirmed_by_what_names_the_user() {
        let mut driver = user("Dora", Rights::default());
        driver.external_id = Some(ExternalId::parse("D-7").unwrap());
        for typed in ["dora@EXAMPLE.com", " d-7 ", "Dora@example.com"] {
            assert!(confirms(&driver, typed), "{typed}");
        }
        for typed in ["", "dora", "D-70", driver.id.as_str()] {
            assert!(!confirms(&driver, typed), "{typed}");
        }
        (driver.email, driver.external_id) = (None, None);
        let id = driver.id.clone();
        assert!(confirms(&driver, id.as_str()) && !confirms(&driver, ""));
    }
}
