//! Sends the mails that wait in the table.

use jiff::Timestamp;
use muster_shared::auth::token::{self, Activation, Audience};
use muster_shared::context::Context;
use muster_shared::domain::invitation::LinkFacts;
use muster_shared::domain::invitation::{
    Invitation, LinkState, MailState, invitable, judge, link_end,
};
use muster_shared::domain::letter::Mail;
use muster_shared::domain::permission::Class;
use muster_shared::domain::tenant::{Product, Tenant};
use muster_shared::domain::text::{Locale, Name};
use muster_shared::domain::user::User;
use muster_shared::error::Internal;
use muster_shared::lambda::{Function, outbox_keys};
use muster_shared::mail::{self, AppLink, Letter, Rendered, SendError};
use muster_shared::store::keys;
use muster_shared::store::transaction::Transaction;

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::queue("send-mail", |ctx, message| Box::pin(handle(ctx, message)));

async fn handle(ctx: &Context, message: String) -> Result<(), Internal> {
    let (pk, _) = outbox_keys(&message)?;
    let id = keys::read_mail(&pk).ok_or(Internal::Broken("the message names no mail"))?;
    // A mail that is gone was asked for a month ago.
    let Some(mail) = ctx.store.mail(&id).await?.filter(Mail::waits) else {
        return Ok(());
    };
    let Some(addressed) = Addressed::read(ctx, &mail).await? else {
        return Ok(ctx
            .store
            .mail_given_up(&mail, "the invitation was replaced, accepted or withdrawn")
            .await?);
    };
    let now = ctx.clock.now();
    let expires_at = link_end(now, addressed.tenant.policy.invitation_ttl_hours);
    match take(ctx, &mail, now, expires_at).await? {
        Taken::Ours => {}
        Taken::Replaced => {
            return Ok(ctx
                .store
                .mail_given_up(&mail, "the invitation was replaced, accepted or withdrawn")
                .await?);
        }
        Taken::Busy => return Err(Internal::Broken("another worker is sending this mail")),
    }
    let mail = Mail {
        state: MailState::Sending,
        ..mail
    };
    let rendered = addressed.render(ctx, &mail, now, expires_at)?;
    match ctx
        .mailer
        .send(&mail.to.deliverable(), mail.id.as_str(), &rendered)
        .await
    {
        Ok(message_id) => Ok(ctx.store.mail_sent(&mail, &message_id).await?),
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
struct Addressed {
    tenant: Tenant,
    user: User,
    inviter: Option<User>,
    products: Vec<Product>,
}

impl Addressed {
    /// Reads it; `None` if the mail is no longer that of a standing invitation.
    async fn read(ctx: &Context, mail: &Mail) -> Result<Option<Self>, Internal> {
        let Some(tenant) = ctx.store.tenant(&mail.tenant).await? else {
            return Ok(None);
        };
        let user = ctx.store.user(&mail.tenant, &mail.user).await?;
        let invitation = ctx.store.invitation(&mail.tenant, &mail.user).await?;
        let (Some(user), Some(invitation)) = (user, invitation) else {
            return Ok(None);
        };
        if !stands(mail, &user, &invitation, ctx.clock.now()) {
            return Ok(None);
        }
        let inviter = match &invitation.inviter {
            Some(inviter) => ctx.store.user(&mail.tenant, inviter).await?,
            None => None,
        };
        let products = if user.licences.is_empty() {
            Vec::new()
        } else {
            ctx.store.products(&mail.tenant).await?
        };
        let products = products
            .into_iter()
            .filter(|product| user.licences.contains_key(&product.id))
            .collect();
        Ok(Some(Self {
            tenant,
            user,
            inviter,
            products,
        }))
    }

    fn render(
        &self,
        ctx: &Context,
        mail: &Mail,
        sent_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Rendered, Internal> {
        let activation = Activation {
            sub: mail.user.clone(),
            tid: mail.tenant.clone(),
            nonce: mail.nonce.clone(),
        };
        let token = token::sign(ctx, Audience::Activate, &activation, expires_at)?;
        let link = format!("{}/activate#{token}", ctx.config.base_url);
        let codes: Vec<Option<String>> = self
            .products
            .iter()
            .map(|product| {
                self.user
                    .licences
                    .get(&product.id)
                    .map(|licence| licence.code.shown())
            })
            .collect();
        let products = self
            .products
            .iter()
            .zip(&codes)
            .map(|(product, code)| mail::Product {
                name: product.name.as_str(),
                links: product
                    .links
                    .iter()
                    .map(|link| AppLink {
                        label: link.label.as_str(),
                        url: link.url.as_str(),
                    })
                    .collect(),
                code: code.as_deref(),
            });
        let first_name = self.user.first_name.as_ref().map(Name::as_str);
        let inviter = self.inviter.as_ref().map(User::display_name);
        let letter = Letter::Invitation(mail::Invitation {
            tenant: self.tenant.name.as_str(),
            account: None,
            recipient: first_name,
            inviter: inviter.as_deref(),
            link: &link,
            sent_at,
            expires_at,
            products: products.collect(),
            first_owner: self.inviter.is_none() && self.user.rights.class == Class::Owner,
            sign_in_as: Some(mail.to.as_str()),
        });
        let locale = self.user.locale.as_ref().map_or("", Locale::as_str);
        letter
            .render(&[locale, self.tenant.locale.as_str()])
            .map_err(|_| Internal::Broken("the letter cannot be rendered"))
    }
}

/// Whether the mail still carries a standing invitation's newest link to the user's present address.
fn stands(mail: &Mail, user: &User, invitation: &Invitation, now: Timestamp) -> bool {
    let link = LinkFacts {
        nonce: &mail.nonce,
        expires_at: Timestamp::MAX,
    };
    // An attempt whose own link has meanwhile ended is made again: its life counts from the sending.
    let unsent = Invitation {
        expires_at: None,
        ..invitation.clone()
    };
    invitable(user).is_ok_and(|email| email.folded() == mail.to.folded())
        && judge(link, Some(user), Some(&unsent), now) == LinkState::Valid
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
    transaction.start_link(&mail.tenant, mail, now, expires_at, Taken::Replaced)?;
    Ok(match transaction.commit().await? {
        Ok(()) => Taken::Ours,
        Err(failed) if failed.iter().any(|failed| failed.tag == Taken::Replaced) => Taken::Replaced,
        Err(_) => Taken::Busy,
    })
}
