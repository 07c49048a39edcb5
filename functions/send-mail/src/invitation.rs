//! The invitation: what it says, and whether it still stands.

use jiff::Timestamp;
use muster_shared::auth::token::{self, Activation, Audience};
use muster_shared::context::Context;
use muster_shared::domain::account::Account;
use muster_shared::domain::invitation::{Invitation, LinkFacts, LinkState, invitable, judge};
use muster_shared::domain::letter::Mail;
use muster_shared::domain::permission::Class;
use muster_shared::domain::tenant::{Product, Tenant};
use muster_shared::domain::text::{Locale, Name, Title};
use muster_shared::domain::user::User;
use muster_shared::error::Internal;
use muster_shared::mail::{self, AppLink, Letter, Rendered};

/// All that a letter needs to know.
pub struct Addressed {
    tenant: Tenant,
    user: User,
    account: Option<Account>,
    inviter: Option<User>,
    products: Vec<Product>,
}

impl Addressed {
    /// How many hours the link is good.
    pub fn link_hours(&self) -> u16 {
        self.tenant.policy.invitation_ttl_hours
    }

    /// Reads it; `None` if the mail is no longer that of a standing invitation.
    pub async fn read(ctx: &Context, mail: &Mail) -> Result<Option<Self>, Internal> {
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
        let account = match user.rights.account() {
            Some(account) => ctx.store.account(&mail.tenant, account).await?,
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
            account,
            inviter,
            products,
        }))
    }

    pub fn render(
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
        let account = self.account.as_ref().map(|account| &account.name);
        let letter = Letter::Invitation(mail::Invitation {
            tenant: self.tenant.name.as_str(),
            account: account.map(Title::as_str),
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
