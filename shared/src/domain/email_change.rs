//! A change of an e-mail address: who may start one, and what starting it makes.

use jiff::Timestamp;

use super::edit::touches_owner;
use super::email::Email;
use super::id::{LinkId, Seed, TenantId, UserId};
use super::letter::{Mail, MailKind};
use super::link::{Link, Purpose};
use super::permission::{Class, Permission, RoleBook};
use super::powers::Powers;
use super::refusal::Refusal;
use super::tenant::{EmailChangePolicy, OwnEmail, Policy};
use super::user::{EmailChange, User};

/// The present address of a user whom `powers` may have changed by confirmation: their own, or that of somebody whom they
/// might make, because whoever has the address gets all that the user holds. Asked when the change is started and again
/// when it is confirmed. `book` knows the user's roles.
///
/// # Errors
/// Why it cannot.
pub fn changeable<'a>(
    user: &'a User,
    powers: &Powers,
    policy: &Policy,
    book: &RoleBook,
) -> Result<&'a Email, Refusal> {
    let own = powers.user.as_ref() == Some(&user.id);
    if !own {
        powers.may(Permission::UsersWrite, user)?;
        powers.may_hand_over(Permission::UsersWrite, user, book)?;
        touches_owner(policy, user)?;
    }
    let email = changeable_by_support(user)?;
    if policy.email_change == EmailChangePolicy::Immutable {
        Err(Refusal::EmailImmutable)
    } else if own && user.rights.class == Class::Owner && policy.own_email == OwnEmail::Support {
        Err(Refusal::OwnEmailBySupport)
    } else {
        Ok(email)
    }
}

/// The present address of a user that support can have changed by confirmation, whatever the policy says.
///
/// # Errors
/// Why it cannot.
pub fn changeable_by_support(user: &User) -> Result<&Email, Refusal> {
    if user.deleted_at.is_some() {
        Err(Refusal::UserDeleted)
    } else if user.suspended_at.is_some() {
        Err(Refusal::UserSuspended)
    } else if user.activated_at.is_none() {
        Err(Refusal::NotActive)
    } else {
        user.email.as_ref().ok_or(Refusal::NoEmail)
    }
}

/// All that starting a change makes.
#[derive(Debug, Clone)]
pub struct Started {
    /// What the links and the code lead to.
    pub link: Link,
    /// What the user remembers.
    pub change: EmailChange,
    /// Tells the present address, with a link to cancel by.
    pub notice: Mail,
    /// Asks the new address, with link and code.
    pub confirm: Mail,
}

impl Started {
    /// A change of the user's address; the same `seed` gives the same. None if the user has no address.
    #[must_use]
    pub fn new(
        tenant: &TenantId,
        user: &User,
        to: &Email,
        seed: &Seed,
        now: Timestamp,
    ) -> Option<Self> {
        let old = user.email.as_ref()?;
        let seed = seed.child("email-change");
        let id = LinkId::derive(&seed);
        let mail = |kind, address, label| Mail {
            link: Some(id.clone()),
            about: Some(to.clone()),
            ..Mail::new(kind, tenant, &user.id, address, &seed.child(label), now)
        };
        let confirm = mail(MailKind::EmailChangeConfirm, to, "confirm");
        let notice = Mail {
            nonce: confirm.nonce.clone(),
            ..mail(MailKind::EmailChangeNotice, old, "notice")
        };
        let purpose = Purpose::Email {
            tenant: tenant.clone(),
            user: user.id.clone(),
        };
        Some(Self {
            link: Link::new(id.clone(), purpose, &confirm),
            change: EmailChange {
                to: to.clone(),
                link: id.clone(),
                at: now,
                by: None,
                expires_at: None,
            },
            notice,
            confirm,
        })
    }

    /// Asked for by this user, as the notice tells; else by support.
    #[must_use]
    pub fn by(mut self, user: &UserId) -> Self {
        self.notice.by = Some(user.clone());
        self.change.by = Some(user.clone());
        self
    }

    /// The user with the change that waits.
    #[must_use]
    pub fn applied(&self, user: &User) -> User {
        User {
            email_change: Some(self.change.clone()),
            updated_at: self.change.at,
            ..user.clone()
        }
    }
}
