//! All letters but the invitation.

use jiff::Timestamp;
use muster_shared::auth::token::{self, Audience, Linked};
use muster_shared::context::Context;
use muster_shared::domain::letter::{Mail, MailKind};
use muster_shared::domain::link::Link;
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
        let link = match &mail.link {
            Some(lnk) => {
                let content = Linked {
                    lnk: lnk.clone(),
                    nonce: mail.nonce.clone(),
                };
                let token = token::sign(ctx, Audience::Reset, &content, expires_at)?;
                format!("{}/reset#{token}", ctx.config.base_url)
            }
            None => String::new(),
        };
        let letter = match mail.kind {
            MailKind::PasswordReset => Letter::PasswordReset(mail::PasswordReset {
                tenant: by.is_some().then_some(self.tenant.name.as_str()),
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
