//! Invitations: offered, sent, and ended.

use jiff::{SignedDuration, Timestamp};

use super::bulk::{BulkChange, Part};
use super::expression::{Change, Condition};
use super::keys;
use super::throttle::read_taken;
use super::transaction::Transaction;
use super::{BY_EXPIRY, Item, Store, StoreError, item, s, seconds};
use crate::domain::audit::{Actor, Entry, Target};
use crate::domain::email::Email;
use crate::domain::id::{AuditId, Seed, TenantId, UserId};
use crate::domain::invitation::{Invitation, MailState, Offer, TO_AN_ADDRESS, expired, renewable};
use crate::domain::letter::Mail;
use crate::domain::permission::Permission;
use crate::domain::person::Membership;
use crate::domain::powers::Powers;
use crate::domain::refusal::Refusal;
use crate::domain::throttle::{Spending, Subject};
use crate::domain::user::User;

/// How long an invitation is kept after its end, for a cleanup that was held up.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24 * 7);

impl Store {
    /// The invitation of a user.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn invitation(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Option<Invitation>, StoreError> {
        self.get(&keys::invitation(tenant, user)).await
    }

    /// Users of any tenant whose invitations have ended by `now`, at most `most` of each shard of the index.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn ended_invitations(
        &self,
        now: Timestamp,
        most: i32,
    ) -> Result<Vec<(TenantId, UserId)>, StoreError> {
        self.due(keys::expiry_shard, now, most).await
    }

    /// Users whose time in [`BY_EXPIRY`] has come by `now`, at most `most` of each of these partitions.
    pub(super) async fn due(
        &self,
        partition: impl Fn(u16) -> String,
        now: Timestamp,
        most: i32,
    ) -> Result<Vec<(TenantId, UserId)>, StoreError> {
        let mut ended = Vec::new();
        for shard in 0..keys::EXPIRY_SHARDS {
            let page = self
                .page(Some(&BY_EXPIRY), &partition(shard), "", None, most)
                .await?;
            let keys = page
                .items
                .iter()
                .filter_map(|item| item.get(keys::EXPIRY_KEY)?.as_s().ok());
            // The key begins with the end, so the page is in order and everything after the first later one is later.
            let due = keys.take_while(|key| {
                key.split('#')
                    .next()
                    .is_some_and(|end| end <= keys::sortable(now).as_str())
            });
            ended.extend(due.filter_map(|key| keys::read_expiry(key)));
        }
        Ok(ended)
    }
}

/// How often an invitation is offered anew because the user was changed meanwhile.
const TRIES: u32 = 5;

impl Store {
    /// Offers an invitation anew to the user's present address because the invitee asked; nothing if there is none that
    /// stands or has expired, or user or tenant have had all their invitations of the day. The same `seed` does it once.
    ///
    /// # Errors
    /// When the table cannot be used.
    pub async fn renew_invitation(
        &self,
        tenant: &TenantId,
        user: &UserId,
        seed: &Seed,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let user = self.user(tenant, user).await?;
            let (Some(user), Some(owner)) = (user.filter(renewable), self.tenant(tenant).await?)
            else {
                return Ok(());
            };
            let inviter = (user.invited.as_ref()).and_then(|invited| invited.inviter.as_ref());
            let Ok(offer) = Offer::to(&user, tenant, inviter, seed, now) else {
                return Ok(());
            };
            if self.mail(&offer.mail.id).await?.is_some() {
                return Ok(());
            }
            let after = offer.applied(&user);
            let entry = Entry {
                id: AuditId::derive(&seed.child(user.id.as_str())),
                at: now,
                actor: Actor::Invitee {
                    id: user.id.clone(),
                },
                operation: "invitations.renew".to_owned(),
                targets: vec![Target::changed(&user, &after)],
            };
            let mut transaction = Transaction::new(self);
            transaction.edit_user(tenant, &user, &after, |_| false)?;
            transaction.offer(tenant, &offer, false)?;
            transaction.count_offer(tenant, &offer, true);
            let subject = Subject::invitations(tenant);
            transaction.take(&subject, owner.invitations(), 1, now, true);
            transaction.audit(tenant, &entry)?;
            match transaction.commit().await? {
                Ok(()) => return Ok(()),
                Err(failed) if failed.iter().any(|failed| failed.tag) => return Ok(()),
                Err(_) => {}
            }
        }
        Err(StoreError::Contended)
    }
}

impl<T: Clone> Transaction<'_, T> {
    /// Offers an invitation in place of any earlier one, queues its mail, and notes with the address that there is
    /// something to join: 3 parts; `repeated` if this very offer was made before. The user is to be edited, or added, in
    /// the same transaction.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn offer(
        &mut self,
        tenant: &TenantId,
        offer: &Offer,
        repeated: T,
    ) -> Result<(), StoreError> {
        self.replace(item(
            &keys::invitation(tenant, &offer.invitation.user),
            &offer.invitation,
        )?);
        let membership = Membership {
            tenant: tenant.clone(),
            user: offer.invitation.user.clone(),
        };
        self.add_membership(&offer.mail.to.folded(), &membership)?;
        self.tally.invitations_offered += 1;
        self.queue_mail(&offer.mail, repeated)
    }

    /// Counts the mail of an offer among those that its address gets within a day; `full` if there were enough.
    pub fn count_offer(&mut self, tenant: &TenantId, offer: &Offer, full: T) {
        let subject = Subject::invitations_to(tenant, &offer.mail.to);
        self.take(&subject, TO_AN_ADDRESS, 1, offer.mail.created_at, full);
    }

    /// Ends an invitation whose time is over; fails with `moved_on` if it was accepted or sent anew meanwhile.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn end_invitation(
        &mut self,
        tenant: &TenantId,
        invitation: &Invitation,
        now: Timestamp,
        moved_on: T,
    ) -> Result<(), StoreError> {
        let over = Condition::exists()
            .equals("nonce", s(invitation.nonce.as_str()))
            .at_most(keys::ENDS, seconds(now));
        self.delete_if(&keys::invitation(tenant, &invitation.user), over, moved_on);
        self.tally.invitations_expired += 1;
        Ok(())
    }

    /// Withdraws an invitation, whatever its state.
    pub fn withdraw_invitation(&mut self, tenant: &TenantId, user: &UserId) {
        self.delete(&keys::invitation(tenant, user));
    }

    /// Takes away what hangs on an address that a change takes from the user: the invitation that went there, and that
    /// whoever has it is a member.
    pub fn leave_address(&mut self, tenant: &TenantId, before: &User, after: &User) {
        if before.invited.is_some() && after.invited.is_none() {
            self.withdraw_invitation(tenant, &before.id);
        }
        let address = |user: &User| user.email.as_ref().map(Email::folded);
        if let Some(left) = address(before).filter(|left| Some(left) != address(after).as_ref()) {
            self.remove_membership(&left, tenant);
        }
    }

    /// Uses an invitation up: at most one transaction can (rule 4). Where its end is not noted, only the mail service
    /// knows whether the link went out; then the end that the link itself carries is the one that counts.
    pub fn consume_invitation(
        &mut self,
        tenant: &TenantId,
        invitation: &Invitation,
        now: Timestamp,
        gone: T,
    ) {
        let good = Condition::exists()
            .equals("nonce", s(invitation.nonce.as_str()))
            .lacks_or_greater(keys::ENDS, seconds(now));
        self.delete_if(&keys::invitation(tenant, &invitation.user), good, gone);
        self.tally.invitations_accepted += 1;
    }

    /// Notes on invitation and user that the link goes out now and ends at `expires_at`.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn start_link(
        &mut self,
        tenant: &TenantId,
        mail: &Mail,
        sent_at: Timestamp,
        expires_at: Timestamp,
        replaced: T,
    ) -> Result<(), StoreError> {
        let mut change = Change::new()
            .set("sent_at", s(sent_at.to_string()))
            .set("expires_at", s(expires_at.to_string()))
            .set(keys::ENDS, seconds(expires_at))
            .set(
                keys::TTL,
                seconds(expires_at.saturating_add(KEPT).unwrap_or(Timestamp::MAX)),
            );
        for (name, key) in keys::expiry(tenant, &mail.user, expires_at) {
            change = change.set(name, s(key));
        }
        let newest = Condition::exists().equals("nonce", s(mail.nonce.as_str()));
        self.update(
            &keys::invitation(tenant, &mail.user),
            change,
            newest,
            replaced.clone(),
        );
        let change = Change::new()
            .set("invited.sent_at", s(sent_at.to_string()))
            .set("invited.expires_at", s(expires_at.to_string()))
            .set("invited.state", super::value(&MailState::Sending)?);
        self.update(
            &keys::user(tenant, &mail.user),
            change,
            newest_mail(mail),
            replaced,
        );
        Ok(())
    }

    /// Takes back what [`Self::start_link`] noted: the mail waits again, and with it the life of its link.
    pub(super) fn stop_link(&mut self, mail: &Mail, moved_on: T) -> Result<(), StoreError> {
        let change = Change::new()
            .remove("sent_at")
            .remove("expires_at")
            .remove(keys::ENDS)
            .remove(keys::TTL)
            .remove(keys::EXPIRY_SHARD)
            .remove(keys::EXPIRY_KEY);
        let newest = Condition::exists().equals("nonce", s(mail.nonce.as_str()));
        self.update(
            &keys::invitation(&mail.tenant, &mail.user),
            change,
            newest,
            moved_on.clone(),
        );
        let change = Change::new()
            .remove("invited.sent_at")
            .remove("invited.expires_at")
            .set("invited.state", super::value(&MailState::Queued)?);
        let sending = newest_mail(mail).equals("invited.state", super::value(&MailState::Sending)?);
        self.update(
            &keys::user(&mail.tenant, &mail.user),
            change,
            sending,
            moved_on,
        );
        Ok(())
    }

    /// Shows on the user how far the mail has come, if it still is that of the newest invitation.
    pub(super) fn show_mail_state(
        &mut self,
        mail: &Mail,
        state: MailState,
        replaced: T,
    ) -> Result<(), StoreError> {
        let change = Change::new().set("invited.state", super::value(&state)?);
        self.update(
            &keys::user(&mail.tenant, &mail.user),
            change,
            newest_mail(mail),
            replaced,
        );
        Ok(())
    }
}

/// The user's newest invitation went by this mail, and nobody came yet.
fn newest_mail(mail: &Mail) -> Condition {
    Condition::exists().equals("invited.mail", s(mail.id.as_str()))
}

/// Invites many users, or sends their invitations again.
#[derive(Debug)]
pub struct Inviting<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// Who invites.
    pub inviter: &'a UserId,
    /// What that user may do: nobody invites above themselves.
    pub powers: &'a Powers,
    /// What the offers are made from.
    pub seed: &'a Seed,
    /// Whether only users are meant who were invited before.
    pub again: bool,
    /// The invitations that the tenant may send today.
    pub invitations: Spending,
    /// The present moment.
    pub now: Timestamp,
}

impl Inviting<'_> {
    fn offer_to(&self, user: &User) -> Result<Offer, Refusal> {
        Offer::to(user, self.tenant, Some(self.inviter), self.seed, self.now)
    }

    fn target(&self, user: &User) -> Target {
        match self.offer_to(user) {
            Ok(offer) => Target::changed(user, &offer.applied(user)),
            Err(_) => Target::of(&user.id),
        }
    }

    fn operation(&self) -> &'static str {
        if self.again {
            "invitations.resend"
        } else {
            "invitations.send"
        }
    }
}

impl BulkChange for Inviting<'_> {
    const PARTS: usize = 5;

    fn decide(&self, user: &User) -> Result<bool, Refusal> {
        self.powers.may(Permission::UsersInvite, user)?;
        let offer = self.offer_to(user)?;
        let invited = user.invited.as_ref();
        Ok(match invited {
            // This very request has done it before.
            Some(invited) if invited.mail == offer.mail.id => false,
            Some(_) if self.again => true,
            None if self.again => return Err(Refusal::NotInvited),
            // A standing invitation whose mail is on its way or arrived stays; one that came to nothing is made anew.
            Some(invited) => {
                invited.mail_state(self.now) > MailState::Delivered
                    || invited.expires_at.is_some_and(|end| expired(end, self.now))
            }
            None => true,
        })
    }

    fn add(
        &self,
        transaction: &mut Transaction<'_, Part>,
        place: usize,
        user: &User,
    ) -> Result<(), StoreError> {
        let Ok(offer) = self.offer_to(user) else {
            return Ok(());
        };
        transaction.edit_user(self.tenant, user, &offer.applied(user), |_| {
            Part::User(place)
        })?;
        let full = Part::Refused(place, Refusal::TooManyInvitations);
        transaction.count_offer(self.tenant, &offer, full);
        transaction.offer(self.tenant, &offer, Part::User(place))
    }

    fn seal(
        &self,
        transaction: &mut Transaction<'_, Part>,
        users: &[&User],
    ) -> Result<(), StoreError> {
        let label = users.first().map_or("", |user| user.id.as_str());
        let entry = Entry {
            id: AuditId::derive(&self.seed.child(label)),
            at: self.now,
            actor: Actor::User {
                id: self.inviter.clone(),
            },
            operation: self.operation().to_owned(),
            targets: users.iter().map(|user| self.target(user)).collect(),
        };
        let count = u32::try_from(users.len()).unwrap_or(u32::MAX);
        transaction.take(
            &Subject::invitations(self.tenant),
            self.invitations.allowance,
            count,
            self.now,
            Part::Shared,
        );
        transaction.audit(self.tenant, &entry)
    }

    fn room(&self) -> Option<(usize, Refusal)> {
        let left = usize::try_from(self.invitations.left()).unwrap_or(usize::MAX);
        Some((left, Refusal::NoInvitationsLeft))
    }

    fn done(&mut self, users: usize) {
        self.invitations
            .spend(u32::try_from(users).unwrap_or(u32::MAX));
    }

    fn learn(&mut self, found: Option<Item>) -> Result<(), StoreError> {
        self.invitations.learn(read_taken(found)?);
        Ok(())
    }
}

/// Withdraws the standing invitations of many users.
#[derive(Debug)]
pub struct Revoking<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// Who withdraws.
    pub revoker: &'a UserId,
    /// What that user may do.
    pub powers: &'a Powers,
    /// What the ids are made from.
    pub seed: &'a Seed,
    /// The present moment.
    pub now: Timestamp,
}

impl Revoking<'_> {
    fn revoked(&self, user: &User) -> User {
        User {
            invited: None,
            updated_at: self.now,
            ..user.clone()
        }
    }
}

impl BulkChange for Revoking<'_> {
    const PARTS: usize = 2;

    fn decide(&self, user: &User) -> Result<bool, Refusal> {
        self.powers.may(Permission::UsersInvite, user)?;
        if user.deleted_at.is_some() {
            Err(Refusal::UserDeleted)
        } else if user.activated_at.is_some() {
            Err(Refusal::AlreadyActive)
        } else {
            Ok(user.invited.is_some())
        }
    }

    fn add(
        &self,
        transaction: &mut Transaction<'_, Part>,
        place: usize,
        user: &User,
    ) -> Result<(), StoreError> {
        let tag = |_| Part::User(place);
        transaction.edit_user(self.tenant, user, &self.revoked(user), tag)?;
        transaction.withdraw_invitation(self.tenant, &user.id);
        Ok(())
    }

    fn seal(
        &self,
        transaction: &mut Transaction<'_, Part>,
        users: &[&User],
    ) -> Result<(), StoreError> {
        let label = users.first().map_or("", |user| user.id.as_str());
        let told = |user: &&User| Target::changed(user, &self.revoked(user));
        let entry = Entry {
            id: AuditId::derive(&self.seed.child(label)),
            at: self.now,
            actor: Actor::User {
                id: self.revoker.clone(),
            },
            operation: "invitations.revoke".to_owned(),
            targets: users.iter().map(told).collect(),
        };
        transaction.audit(self.tenant, &entry)
    }
}
