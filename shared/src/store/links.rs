//! Mailed links other than those of invitations, and what was asked for by people whom nobody has looked up yet.

use jiff::{SignedDuration, Timestamp};

use super::expression::{Change, Condition};
use super::keys;
use super::mails::OUTBOX;
use super::outbox;
use super::transaction::Transaction;
use super::{Store, StoreError, item, n, s, seconds, value};
use crate::domain::email_change::Started;
use crate::domain::id::{LinkId, MailId, TenantId};
use crate::domain::invitation::Nonce;
use crate::domain::letter::{Mail, MailKind, ResetAsked};
use crate::domain::link::{Link, MOST_WRONG_CODES, Spent};
use crate::domain::user::User;

/// How long a link is remembered after it was asked for, so that what became of it can be told.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// How long a request is kept that no worker gets to.
pub const ASKED_KEPT: SignedDuration = SignedDuration::from_hours(24 * 4);

fn swept(at: Timestamp, kept: SignedDuration) -> aws_sdk_dynamodb::types::AttributeValue {
    seconds(at.saturating_add(kept).unwrap_or(Timestamp::MAX))
}

impl Store {
    /// The item that a mailed link leads to.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn link(&self, id: &LinkId) -> Result<Option<Link>, StoreError> {
        self.get(&keys::link(id)).await
    }

    /// Takes a request for a new password on; whether there is such a person is for the worker to find out.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn ask_for_reset(&self, asked: &ResetAsked) -> Result<(), StoreError> {
        let mut stored = item(&keys::reset_asked(&asked.id), asked)?;
        outbox::wait(&mut stored, OUTBOX);
        stored.insert(keys::TTL.to_owned(), swept(asked.at, ASKED_KEPT));
        // What stands in the way is this very request, made before.
        self.put_if(stored, Condition::absent()).await.map(|_| ())
    }

    /// A request for a new password, if it still waits.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn reset_asked(&self, id: &MailId) -> Result<Option<ResetAsked>, StoreError> {
        self.get(&keys::reset_asked(id)).await
    }

    /// Forgets a request for a new password: the work is done.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn forget_reset_asked(&self, id: &MailId) -> Result<(), StoreError> {
        self.delete(&keys::reset_asked(id)).await
    }
}

impl Store {
    /// The link of the change of the user's address that a new one takes the place of.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn replaced_link(&self, user: &User) -> Result<Option<Link>, StoreError> {
        let Some(change) = &user.email_change else {
            return Ok(None);
        };
        let link = self.link(&change.link).await?;
        Ok(link.filter(|link| link.spent.is_none()))
    }

    /// Counts a code as wrong before it is looked at; how many more may be, or none if there were too many, or something
    /// has become of the link.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn count_wrong_code(&self, link: &Link) -> Result<Option<u32>, StoreError> {
        let most = MOST_WRONG_CODES;
        for taken in link.wrong_codes..most {
            let same = unspent(&link.nonce).equals("wrong_codes", n(taken));
            let change = Change::new().set("wrong_codes", n(taken + 1));
            if self.update(&keys::link(&link.id), change, same).await? {
                return Ok(Some(most - taken - 1));
            }
        }
        Ok(None)
    }

    /// Takes a counted code back, because it was right.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn forgive_code(&self, link: &Link) -> Result<(), StoreError> {
        let counted = unspent(&link.nonce).greater("wrong_codes", n(0_u32));
        let change = Change::new().add("wrong_codes", -1);
        self.update(&keys::link(&link.id), change, counted)
            .await
            .map(|_| ())
    }
}

/// The link is the one with this nonce, and nothing has become of it.
fn unspent(nonce: &Nonce) -> Condition {
    Condition::exists()
        .equals("nonce", s(nonce.as_str()))
        .lacks("spent")
}

/// The user waits for this very change of its address.
fn waits(id: &LinkId) -> Condition {
    Condition::exists().equals("email_change.link", s(id.as_str()))
}

impl<T: Clone> Transaction<'_, T> {
    /// Makes a link, in place of an earlier one with the same id.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn make_link(&mut self, link: &Link) -> Result<(), StoreError> {
        let mut stored = item(&keys::link(&link.id), link)?;
        stored.insert(keys::TTL.to_owned(), swept(link.created_at, KEPT));
        self.replace(stored);
        Ok(())
    }

    /// Starts a change of the user's address, in place of the one that waits: what the user remembers, the link, and the
    /// mails to both addresses. Fails with `moved_on` where the user was changed meanwhile, or this was done before.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn start_email_change(
        &mut self,
        tenant: &TenantId,
        user: &User,
        started: &Started,
        replaced: Option<&Link>,
        moved_on: T,
    ) -> Result<(), StoreError> {
        self.edit_user(tenant, user, &started.applied(user), |_| moved_on.clone())?;
        if let Some(replaced) = replaced {
            self.spend_link(&replaced.id, Spent::Replaced, moved_on.clone())?;
        }
        self.make_link(&started.link)?;
        self.queue_mail(&started.notice, moved_on.clone())?;
        self.queue_mail(&started.confirm, moved_on)
    }

    /// Uses a link up: at most one transaction can (rule 4). Fails with `gone` where its time is over, or something has
    /// become of it.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn use_link(&mut self, link: &Link, now: Timestamp, gone: T) -> Result<(), StoreError> {
        let good = unspent(&link.nonce).lacks_or_greater(keys::ENDS, seconds(now));
        let change = Change::new().set("spent", value(&Spent::Used)?);
        self.update(&keys::link(&link.id), change, good, gone);
        Ok(())
    }

    /// Notes what became of a link that can be used no more; fails with `gone` if something has before.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn spend_link(&mut self, id: &LinkId, spent: Spent, gone: T) -> Result<(), StoreError> {
        let change = Change::new().set("spent", value(&spent)?);
        self.update(
            &keys::link(id),
            change,
            Condition::exists().lacks("spent"),
            gone,
        );
        Ok(())
    }

    /// Forgets a link, if there is one.
    pub fn forget_link(&mut self, id: &LinkId) {
        self.delete(&keys::link(id));
    }

    /// Notes that the link goes out now and ends at `expires_at`.
    pub fn start_mailed_link(&mut self, id: &LinkId, mail: &Mail, expires_at: Timestamp, gone: T) {
        let change = Change::new()
            .set("expires_at", s(expires_at.to_string()))
            .set(keys::ENDS, seconds(expires_at));
        self.update(&keys::link(id), change, unspent(&mail.nonce), gone.clone());
        if mail.kind == MailKind::EmailChangeConfirm {
            let change = Change::new().set("email_change.expires_at", s(expires_at.to_string()));
            self.update(
                &keys::user(&mail.tenant, &mail.user),
                change,
                waits(id),
                gone,
            );
        }
    }

    /// Takes back what [`Self::start_mailed_link`] noted.
    pub(super) fn stop_mailed_link(&mut self, id: &LinkId, mail: &Mail, moved_on: T) {
        let change = Change::new().remove("expires_at").remove(keys::ENDS);
        self.update(
            &keys::link(id),
            change,
            unspent(&mail.nonce),
            moved_on.clone(),
        );
        if mail.kind == MailKind::EmailChangeConfirm {
            let change = Change::new().remove("email_change.expires_at");
            self.update(
                &keys::user(&mail.tenant, &mail.user),
                change,
                waits(id),
                moved_on,
            );
        }
    }
}
