//! All letters but the invitation.

use jiff::Timestamp;
use muster_shared::auth::token::{self, Audience, ChangeLink, Linked};
use muster_shared::context::Context;
use muster_shared::domain::email::Email;
use muster_shared::domain::invitation::link_end;
use muster_shared::domain::letter::{Mail, MailKind};
use muster_shared::domain::link::{CANCEL_HOURS, Link};
use muster_shared::domain::tenant::Tenant;
use muster_shared::domain::text::{Locale, Name};
use muster_shared::domain::user::User;
use muster_shared::error::Internal;
use muster_shared::mail::{self, Letter, Rendered};

/// All that a letter needs to know.
pub struct Addressed {
    tenant: Tenant,
    user: Option<User>,
    by: Option<User>,
}

impl Addressed {
    /// Reads it; `None` if the letter carries a link that is no longer the newest, or has been used or withdrawn.
    pub async fn read(ctx: &Context, mail: &Mail) -> Result<Option<Self>, Internal> {
        let Some(tenant) = ctx.store.tenant(&mail.tenant).await? else {
            return Ok(None);
        };
        if let Some(id) = &mail.link {
            let link = ctx.store.link(id).await?;
            // An attempt whose own link has meanwhile ended is made again: its life counts from the sending.
            let stands = |link: &Link| link.nonce == mail.nonce && link.spent.is_none();
            if !link.as_ref().is_some_and(stands) {
                return Ok(None);
            }
        }
        let user = ctx.store.user(&mail.tenant, &mail.user).await?;
        let by = match &mail.by {
            Some(by) => ctx.store.user(&mail.tenant, by).await?,
            None => None,
        };
        Ok(Some(Self { tenant, user, by }))
    }

    pub fn render(
        &self,
        ctx: &Context,
        mail: &Mail,
        sent_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Rendered, Internal> {
        let user = self.user.as_ref();
        let recipient = user.and_then(|user| user.first_name.as_ref());
        let recipient = recipient.map(Name::as_str);
        let by = self.by.as_ref().map(User::display_name);
        let link = link(ctx, mail, sent_at, expires_at)?;
        let code = match ctx.signer.as_ref() {
            Some(signer) if mail.kind == MailKind::EmailChangeConfirm => {
                let code = signer.code(mail.nonce.as_str());
                let (first, second) = code.split_at(3);
                format!("{first} {second}")
            }
            _ => String::new(),
        };
        let tenant = self.tenant.name.as_str();
        let about = mail.about.as_ref().map_or("", Email::as_str);
        let letter = match mail.kind {
            MailKind::PasswordReset => Letter::PasswordReset(mail::PasswordReset {
                tenant: by.is_some().then_some(tenant),
                recipient,
                link: &link,
                sent_at,
                expires_at,
                asked_by_admin: by.as_deref(),
            }),
            MailKind::PasswordChanged => Letter::PasswordChanged(mail::PasswordChanged {
                recipient,
                at: mail.created_at,
            }),
            MailKind::EmailChangeNotice => Letter::EmailChangeNotice(mail::EmailChangeNotice {
                tenant,
                recipient,
                new_address: about,
                requested_by: by.as_deref(),
                cancel_link: &link,
                sent_at,
                expires_at,
            }),
            MailKind::EmailChangeConfirm => Letter::EmailChangeConfirm(mail::EmailChangeConfirm {
                tenant,
                recipient,
                code: &code,
                link: &link,
                sent_at,
                expires_at,
            }),
            MailKind::EmailChanged => Letter::EmailChanged(mail::EmailChanged {
                tenant,
                recipient,
                new_address: about,
                at: mail.created_at,
            }),
            MailKind::Invitation => {
                return Err(Internal::Broken("invitations are written elsewhere"));
            }
        };
        let locale = user.and_then(|user| user.locale.as_ref());
        let locale = locale.map_or("", Locale::as_str);
        letter
            .render(&[locale, self.tenant.locale.as_str()])
            .map_err(|_| Internal::Broken("the letter cannot be rendered"))
    }
}

/// The link that a mail carries; empty if it carries none.
fn link(
    ctx: &Context,
    mail: &Mail,
    sent_at: Timestamp,
    expires_at: Timestamp,
) -> Result<String, Internal> {
    let Some(lnk) = mail.link.clone() else {
        return Ok(String::new());
    };
    let (nonce, base) = (mail.nonce.clone(), &ctx.config.base_url);
    if mail.kind == MailKind::PasswordReset {
        let content = Linked { lnk, nonce };
        let token = token::sign(ctx, Audience::Reset, &content, expires_at)?;
        return Ok(format!("{base}/reset#{token}"));
    }
    let cancel = mail.kind == MailKind::EmailChangeNotice;
    let content = ChangeLink { lnk, nonce, cancel };
    let end = if cancel {
        link_end(sent_at, CANCEL_HOURS)
    } else {
        expires_at
    };
    let token = token::sign(ctx, Audience::Email, &content, end)?;
    Ok(format!("{base}/email#{token}"))
}
