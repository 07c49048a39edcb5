//! Sends the mails that wait in the table.

mod asked;
mod invitation;
mod letters;

use jiff::Timestamp;
use muster_shared::context::Context;
use muster_shared::domain::invitation::{MailState, link_end};
use muster_shared::domain::letter::{Mail, MailKind};
use muster_shared::domain::link::{CHANGE_HOURS, RESET_HOURS};
use muster_shared::error::Internal;
use muster_shared::lambda::{self, Function, outbox_keys};
use muster_shared::mail::{Rendered, SendError};
use muster_shared::store::keys;
use muster_shared::store::transaction::Transaction;

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::queue("send-mail", |ctx, message| Box::pin(handle(ctx, message)));

/// Why a mail is not sent after all.
const MOOT: &str = "what it carries was replaced, used or withdrawn";

async fn handle(ctx: &Context, message: String) -> Result<(), Internal> {
    let (pk, _) = outbox_keys(&message)?;
    if let Some(asked) = keys::read_reset_asked(&pk) {
        return asked::answer(ctx, &asked).await;
    }
    let id = keys::read_mail(&pk).ok_or(Internal::Broken("the message names no mail"))?;
    // A mail that is gone was asked for a month ago.
    let Some(mail) = ctx.store.mail(&id).await?.filter(Mail::waits) else {
        return Ok(());
    };
    lambda::concerns(&mail.tenant, Some(&mail.user));
    match Addressed::read(ctx, &mail).await? {
        Some(addressed) => {
            ctx.mailer()
                .in_turn(Box::pin(deliver(ctx, mail, addressed)))
                .await
        }
        None => Ok(ctx.store.mail_given_up(&mail, MOOT).await?),
    }
}

/// Sends the mail now, if it is still to be sent: whatever time it gives its link begins here.
async fn deliver(ctx: &Context, mail: Mail, addressed: Addressed) -> Result<(), Internal> {
    let now = ctx.clock.now();
    let expires_at = link_end(now, addressed.link_hours(&mail));
    match take(ctx, &mail, now, expires_at).await? {
        Taken::Ours => {}
        Taken::Replaced => {
            return Ok(ctx.store.mail_given_up(&mail, MOOT).await?);
        }
        Taken::Busy => return Err(Internal::Broken("another worker is sending this mail")),
    }
    let mail = Mail {
        state: MailState::Sending,
        ..mail
    };
    let rendered = addressed.render(ctx, &mail, now, expires_at)?;
    match ctx
        .mailer()
        .send(&mail.to.deliverable(), mail.id.as_str(), &rendered)
        .await
    {
        Ok(message_id) => Ok(ctx.store.mail_sent(&mail, &message_id, now).await?),
        Err(SendError::Refused { reason }) => Ok(ctx.store.mail_given_up(&mail, &reason).await?),
        Err(SendError::Later { reason }) => {
            ctx.store.release_mail(&mail).await?;
            tracing::warn!(reason, "the mail service cannot take the mail now");
            Err(Internal::Broken(
                "the mail service cannot take the mail now",
            ))
        }
    }
}

/// All that a letter needs to know.
enum Addressed {
    Invitation(Box<invitation::Addressed>),
    Other(Box<letters::Addressed>),
}

impl Addressed {
    /// Reads it; `None` if what the mail carries no longer stands.
    async fn read(ctx: &Context, mail: &Mail) -> Result<Option<Self>, Internal> {
        Ok(if mail.kind == MailKind::Invitation {
            let addressed = invitation::Addressed::read(ctx, mail).await?;
            addressed.map(|addressed| Self::Invitation(Box::new(addressed)))
        } else {
            let addressed = letters::Addressed::read(ctx, mail).await?;
            addressed.map(|addressed| Self::Other(Box::new(addressed)))
        })
    }

    /// How many hours the link is good.
    fn link_hours(&self, mail: &Mail) -> u16 {
        match (self, mail.kind) {
            (Self::Invitation(addressed), _) => addressed.link_hours(),
            (Self::Other(_), MailKind::PasswordReset) => RESET_HOURS,
            (Self::Other(_), _) => CHANGE_HOURS,
        }
    }

    fn render(
        &self,
        ctx: &Context,
        mail: &Mail,
        sent_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Rendered, Internal> {
        match self {
            Self::Invitation(addressed) => addressed.render(ctx, mail, sent_at, expires_at),
            Self::Other(addressed) => addressed.render(ctx, mail, sent_at, expires_at),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Taken {
    Ours,
    Replaced,
    Busy,
}

/// Takes the mail and starts the life of its link, in one transaction.
async fn take(
    ctx: &Context,
    mail: &Mail,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<Taken, Internal> {
    let mut transaction = Transaction::new(&ctx.store);
    transaction.take_mail(mail, now, Taken::Busy)?;
    match (mail.kind, &mail.link) {
        (MailKind::Invitation, _) => {
            transaction.start_link(&mail.tenant, mail, now, expires_at, Taken::Replaced)?;
        }
        (MailKind::PasswordReset | MailKind::EmailChangeConfirm, Some(link)) => {
            transaction.start_mailed_link(link, mail, expires_at, Taken::Replaced);
        }
        _ => {}
    }
    Ok(match transaction.commit().await? {
        Ok(()) => Taken::Ours,
        Err(failed) if failed.iter().any(|failed| failed.tag == Taken::Replaced) => Taken::Replaced,
        Err(_) => Taken::Busy,
    })
}
