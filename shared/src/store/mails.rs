//! Mails on their way: the outbox of `send-mail`.

use jiff::{SignedDuration, Timestamp};

use super::expression::{Change, Condition};
use super::keys;
use super::outbox;
use super::transaction::Transaction;
use super::{Store, StoreError, item, s, seconds, value};
use crate::domain::id::MailId;
use crate::domain::invitation::MailState;
use crate::domain::letter::{Mail, MailKind};
use crate::metrics;

/// What waits for `send-mail`.
pub const OUTBOX: &str = "mail";

/// How long a mail is remembered after it was asked for.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// How long a worker has to hand a mail to the mail service before another may try.
pub const LEASE: SignedDuration = SignedDuration::from_mins(2);

impl<T: Clone> Transaction<'_, T> {
    /// Queues a mail; `repeated` if the very same was queued before.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn queue_mail(&mut self, mail: &Mail, repeated: T) -> Result<(), StoreError> {
        let mut stored = item(&keys::mail(&mail.id), mail)?;
        outbox::wait(&mut stored, OUTBOX);
        stored.insert(
            keys::TTL.to_owned(),
            seconds(
                mail.created_at
                    .saturating_add(KEPT)
                    .unwrap_or(Timestamp::MAX),
            ),
        );
        self.create(stored, repeated);
        Ok(())
    }

    /// Takes a mail for sending, if no other worker is at it.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn take_mail(&mut self, mail: &Mail, now: Timestamp, taken: T) -> Result<(), StoreError> {
        let until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
        let change = Change::new()
            .set("state", value(&MailState::Sending)?)
            .set("lease_until", s(until.to_string()))
            .set("lease", seconds(until));
        let free = Condition::exists()
            .has(keys::OUTBOX)
            .lacks_or_at_most("lease", seconds(now));
        self.update(&keys::mail(&mail.id), change, free, taken);
        Ok(())
    }
}

impl Store {
    /// A mail.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn mail(&self, id: &MailId) -> Result<Option<Mail>, StoreError> {
        self.get(&keys::mail(id)).await
    }

    /// Notes that the mail service has the mail: the work is done.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn mail_sent(
        &self,
        mail: &Mail,
        message_id: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let change = done().set("message_id", s(message_id));
        if self.move_mail(mail, MailState::Sent, change).await? {
            metrics::mail_age(mail.kind, now.duration_since(mail.created_at));
        }
        Ok(())
    }

    /// Gives a mail back that could not be sent just now, so that the next delivery need not wait. The life of its link
    /// has not begun: the invitation stands however long the mail service is out of order.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn release_mail(&self, mail: &Mail) -> Result<(), StoreError> {
        let key = keys::mail(&mail.id);
        let free = Change::new().remove("lease").remove("lease_until");
        let waits = Condition::exists().has(keys::OUTBOX);
        let queued = free.clone().set("state", value(&MailState::Queued)?);
        let sending = waits.clone().equals("state", value(&MailState::Sending)?);
        let mut transaction = Transaction::new(self);
        transaction.update(&key, queued, sending, ());
        match (&mail.kind, &mail.link) {
            (MailKind::Invitation, _) => transaction.stop_link(mail, ())?,
            (MailKind::PasswordReset | MailKind::EmailChangeConfirm, Some(link)) => {
                transaction.stop_mailed_link(link, mail, ());
            }
            _ => {}
        }
        if transaction.commit().await?.is_ok() {
            return Ok(());
        }
        // The invitation was replaced or accepted, or there is news of the mail already: it alone is given back.
        self.update(&key, free, waits).await.map(|_| ())
    }

    /// Notes that a mail will never be sent, and why: the work is done.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn mail_given_up(&self, mail: &Mail, reason: &str) -> Result<(), StoreError> {
        let change = done().set("reason", because(reason));
        self.move_mail(mail, MailState::Failed, change)
            .await
            .map(|_| ())
    }

    /// Notes what became of a mail after it was sent: the mail service has it, so the work is done, also where the worker died
    /// before it could say so.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn mail_news(
        &self,
        mail: &Mail,
        state: MailState,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let change = match reason {
            Some(reason) => done().set("reason", because(reason)),
            None => done(),
        };
        self.move_mail(mail, state, change).await.map(|_| ())
    }

    /// Moves a mail on, on the mail and on the user it invited, unless it has come further already: news may come
    /// twice and in any order. What else changes of the mail changes in any case. Says whether the mail moved.
    async fn move_mail(
        &self,
        mail: &Mail,
        state: MailState,
        change: Change,
    ) -> Result<bool, StoreError> {
        let key = keys::mail(&mail.id);
        let mut current = Some(mail.clone());
        while let Some(mail) = current {
            if !mail.state.yields_to(state) {
                self.update(&key, change, Condition::exists()).await?;
                return Ok(false);
            }
            let change = change.clone().set("state", value(&state)?);
            let unmoved = Condition::exists().equals("state", value(&mail.state)?);
            let mut transaction = Transaction::new(self);
            transaction.update(&key, change.clone(), unmoved.clone(), Part::Mail);
            if mail.kind == MailKind::Invitation {
                transaction.show_mail_state(&mail, state, Part::User)?;
            }
            let moved = match transaction.commit().await? {
                Ok(()) => true,
                // The user has a newer invitation, or is gone: the mail alone moves on.
                Err(failed) if failed.iter().all(|failed| failed.tag == Part::User) => {
                    self.update(&key, change, unmoved).await?
                }
                Err(_) => false,
            };
            if moved {
                metrics::mail_moved(mail.kind, state);
                return Ok(true);
            }
            current = self.mail(&mail.id).await?;
        }
        Ok(false)
    }
}

/// The parts of moving a mail on.
#[derive(Clone, PartialEq)]
enum Part {
    Mail,
    User,
}

fn done() -> Change {
    Change::new()
        .remove(keys::OUTBOX)
        .remove("lease")
        .remove("lease_until")
}

fn because(reason: &str) -> aws_sdk_dynamodb::types::AttributeValue {
    s(reason.chars().take(300).collect::<String>())
}
