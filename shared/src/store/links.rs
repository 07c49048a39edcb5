//! Mailed links other than those of invitations, and what was asked for by people whom nobody has looked up yet.

use jiff::{SignedDuration, Timestamp};

use super::expression::{Change, Condition};
use super::keys;
use super::mails::OUTBOX;
use super::transaction::Transaction;
use super::{Store, StoreError, item, s, seconds, value};
use crate::domain::id::{LinkId, MailId};
use crate::domain::invitation::Nonce;
use crate::domain::letter::{Mail, ResetAsked};
use crate::domain::link::{Link, Spent};

/// How long a link is remembered after it was asked for, so that what became of it can be told.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// How long a request is kept that no worker gets to.
const ASKED_KEPT: SignedDuration = SignedDuration::from_hours(24 * 4);

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
        stored.insert(keys::OUTBOX.to_owned(), s(OUTBOX));
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

/// The link is the one with this nonce, and nothing has become of it.
fn unspent(nonce: &Nonce) -> Condition {
    Condition::exists()
        .equals("nonce", s(nonce.as_str()))
        .lacks("spent")
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

    /// Notes that the link goes out now and ends at `expires_at`.
    pub fn start_mailed_link(&mut self, id: &LinkId, mail: &Mail, expires_at: Timestamp, gone: T) {
        let change = Change::new()
            .set("expires_at", s(expires_at.to_string()))
            .set(keys::ENDS, seconds(expires_at));
        self.update(&keys::link(id), change, unspent(&mail.nonce), gone);
    }

    /// Takes back what [`Self::start_mailed_link`] noted.
    pub(super) fn stop_mailed_link(&mut self, id: &LinkId, mail: &Mail, moved_on: T) {
        let change = Change::new().remove("expires_at").remove(keys::ENDS);
        self.update(&keys::link(id), change, unspent(&mail.nonce), moved_on);
    }
}
