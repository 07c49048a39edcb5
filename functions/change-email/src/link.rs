//! What the links of a change lead to: looking at them, and cancelling from the old address.

use jiff::Timestamp;
use muster_shared::auth::token::{self, Audience, ChangeLink, Verified};
use muster_shared::context::Context;
use muster_shared::domain::audit::{Actor, Entry, Target};
use muster_shared::domain::email_change::{changeable, changeable_by_support};
use muster_shared::domain::field::Fault;
use muster_shared::domain::id::{AuditId, LinkId, Seed, TenantId};
use muster_shared::domain::invitation::{LinkFacts, LinkState, Nonce};
use muster_shared::domain::link::{Link, Purpose, Spent, judge};
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::tenant::Tenant;
use muster_shared::domain::user::{EmailChange, Status, User};
use muster_shared::error::{ApiError, Problem};
use muster_shared::http::{self, Request, Response};
use muster_shared::lambda;
use muster_shared::store::transaction::Transaction;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::confirm::{Needed, Plan};

/// How often it is tried anew because the user was changed meanwhile.
const TRIES: u32 = 5;

/// A link to look at, or to cancel by.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeToken {
    /// The token behind the `#` of the link.
    token: String,
}

/// What a link can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeAction {
    /// Confirm the change, from the new address.
    Confirm,
    /// Cancel the change, from the old address.
    Cancel,
}

/// What a link is good for.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EmailChangeChecked {
    /// Whether it can be used, and if not, why.
    state: LinkState,
    /// What it can do.
    action: ChangeAction,
    /// The company; only while the link can be used, like all that follows.
    tenant_name: Option<String>,
    /// The new address.
    new_email: Option<String>,
    /// What confirming needs beside link and code.
    needed: Option<Needed>,
    /// When the change can be confirmed no more, RFC 3339; set once the mail to the new address was sent.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// A change was cancelled.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EmailChangeCancelled {
    /// The address that stays.
    email: String,
}

/// A change with all that it is about, as things stand.
pub struct Followed {
    pub state: LinkState,
    pub link: Option<Link>,
    pub tenant: Option<Tenant>,
    pub user: Option<User>,
}

/// A change that waits.
pub struct Waiting {
    pub link: Link,
    pub tenant: Tenant,
    pub user: User,
    pub change: EmailChange,
}

impl Followed {
    pub fn waiting(self) -> Result<Waiting, ApiError> {
        match self {
            Self {
                state: LinkState::Valid,
                link: Some(link),
                tenant: Some(tenant),
                user: Some(user),
            } => {
                let change = user.email_change.clone();
                let change = change.ok_or(ApiError::Link(LinkState::Revoked))?;
                Ok(Waiting {
                    link,
                    tenant,
                    user,
                    change,
                })
            }
            Self { state, .. } => Err(ApiError::Link(state)),
        }
    }
}

/// What a link of ours says.
pub async fn verified(ctx: &Context, token: &str) -> Result<Verified<ChangeLink>, ApiError> {
    let verified = token::verify(ctx, Audience::Email, token).await?;
    verified.ok_or_else(|| {
        let fault = Fault::new(
            "invalid_token",
            "is not that of a link about an e-mail address",
        );
        ApiError::field("token", &fault)
    })
}

/// Follows a change, to do this to it; without a nonce, who names it has the code.
pub async fn follow(
    ctx: &Context,
    id: &LinkId,
    nonce: Option<(&Nonce, Timestamp)>,
    action: ChangeAction,
) -> Result<Followed, ApiError> {
    let link = ctx.store.link(id).await?;
    let now = ctx.clock.now();
    let own = link.as_ref().map(|link| &link.nonce);
    let (nonce, expires_at) = match (nonce, own) {
        (Some(nonce), _) => nonce,
        (None, Some(own)) => (own, Timestamp::MAX),
        (None, None) => return Err(ApiError::Link(LinkState::Revoked)),
    };
    let mut state = judge(LinkFacts { nonce, expires_at }, link.as_ref(), now);
    let (mut tenant, mut user) = (None, None);
    if let Some(Purpose::Email {
        tenant: tid,
        user: uid,
    }) = link.as_ref().map(|link| &link.purpose)
    {
        lambda::concerns(tid, Some(uid));
        tenant = ctx.store.tenant(tid).await?;
        user = ctx.store.user(tid, uid).await?;
    }
    let waits = |user: &User| {
        let change = user.email_change.as_ref();
        user.status(now) == Status::Active && change.is_some_and(|change| change.link == *id)
    };
    if state == LinkState::Valid {
        let waiting = tenant
            .as_ref()
            .zip(user.as_ref().filter(|user| waits(user)));
        let good = match waiting {
            Some((tenant, user)) if action == ChangeAction::Confirm => {
                still_wanted(ctx, tenant, user).await?
            }
            waiting => waiting.is_some(),
        };
        if !good {
            state = LinkState::Revoked;
        }
    }
    Ok(Followed {
        state,
        link,
        tenant,
        user,
    })
}

/// Whether the change that waits might be started now: whoever started it may have less power by now, the user more, or
/// the policy be another.
async fn still_wanted(ctx: &Context, tenant: &Tenant, user: &User) -> Result<bool, ApiError> {
    let change = user.email_change.as_ref();
    let Some(by) = change.and_then(|change| change.by.as_ref()) else {
        return Ok(changeable_by_support(user).is_ok());
    };
    let powers = ctx
        .store
        .present_powers(tenant, by, ctx.clock.now())
        .await?;
    let Some(powers) = powers else {
        return Ok(false);
    };
    let book = ctx.store.book_of(&tenant.id, &user.rights).await?;
    Ok(changeable(user, &powers, &tenant.policy, &book).is_ok())
}

/// Look at a link about an e-mail address
///
/// Changes nothing, however often it is asked: mail scanners open links.
#[utoipa::path(post, path = "/v1/email-changes/check", operation_id = "checkEmailChange", tag = "E-mail changes", request_body = ChangeToken, security(()),
    responses((status = 200, description = "What the link is good for", body = EmailChangeChecked), (status = "4XX", description = "`invalid_fields`, `malformed_request`", body = Problem, content_type = "application/problem+json")))]
pub async fn check(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let ChangeToken { token } = http::parse_json(request)?;
    let Verified {
        content,
        expires_at,
    } = verified(ctx, &token).await?;
    let action = if content.cancel {
        ChangeAction::Cancel
    } else {
        ChangeAction::Confirm
    };
    let link = Some((&content.nonce, expires_at));
    let followed = follow(ctx, &content.lnk, link, action).await?;
    let mut checked = EmailChangeChecked {
        state: followed.state,
        action,
        tenant_name: None,
        new_email: None,
        needed: None,
        expires_at: None,
    };
    if let Ok(waiting) = followed.waiting() {
        if !content.cancel {
            checked.needed = Some(Plan::of(ctx, &waiting).await?.needed());
        }
        checked.tenant_name = Some(waiting.tenant.name.to_string());
        checked.new_email = Some(waiting.change.to.to_string());
        checked.expires_at = waiting.link.expires_at.map(http::time);
    }
    http::ok(&checked)
}

/// Cancel a change of an e-mail address
///
/// By the link that the old address got. Everything stays as it is.
#[utoipa::path(post, path = "/v1/email-changes/cancel", operation_id = "cancelEmailChange", tag = "E-mail changes", request_body = ChangeToken, security(()),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, description = "The old address stays", body = EmailChangeCancelled), (status = "4XX", description = "`link_expired`, `link_used`, `link_replaced`, `link_revoked`, `invalid_fields`, `malformed_request`, `busy`", body = Problem, content_type = "application/problem+json")))]
pub async fn cancel(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let ChangeToken { token } = http::parse_json(request)?;
    let Verified {
        content,
        expires_at,
    } = verified(ctx, &token).await?;
    if !content.cancel {
        let fault = Fault::new("invalid_token", "is not that of a link to cancel by");
        return Err(ApiError::field("token", &fault));
    }
    let fingerprint = http::digest(&[token.as_bytes()]);
    let scope = format!("email-cancel#{}", content.lnk);
    http::once(ctx, &scope, request, &fingerprint, async |once| {
        for _ in 0..TRIES {
            let link = Some((&content.nonce, expires_at));
            let followed = follow(ctx, &content.lnk, link, ChangeAction::Cancel).await?;
            let waiting = followed.waiting()?;
            let (tenant, user, now) = (&waiting.tenant.id, &waiting.user, ctx.clock.now());
            let entry = entry("users.email.cancel", &waiting, now);
            let email = user.email.as_ref().map(ToString::to_string);
            let answer = http::ok(&EmailChangeCancelled {
                email: email.unwrap_or_default(),
            })?;
            let keep = |transaction: &mut Transaction<'_, _>| once.keep(transaction, &answer, ());
            if end(ctx, tenant, user, &entry, now, keep).await? {
                return Ok(answer);
            }
        }
        Err(Refusal::Busy.into())
    })
    .await
}

/// Tells of something that was done to a change by link or code.
pub fn entry(operation: &str, waiting: &Waiting, now: Timestamp) -> Entry {
    let after = waiting.user.without_email_change(now);
    Entry {
        id: AuditId::derive(&Seed::of(&[operation, waiting.link.id.as_str()])),
        at: now,
        actor: Actor::Recipient {
            id: waiting.user.id.clone(),
        },
        operation: operation.to_owned(),
        targets: vec![Target::changed(&waiting.user, &after)],
    }
}

/// Ends the change that waits, if one does, together with what `besides` adds; false if the user was changed meanwhile.
pub async fn end(
    ctx: &Context,
    tenant: &TenantId,
    user: &User,
    entry: &Entry,
    now: Timestamp,
    besides: impl FnOnce(&mut Transaction<'_, ()>),
) -> Result<bool, ApiError> {
    let Some(change) = &user.email_change else {
        return Ok(true);
    };
    let link = ctx.store.link(&change.link).await?;
    let mut transaction = Transaction::new(&ctx.store);
    transaction.edit_user(tenant, user, &user.without_email_change(now), |_| ())?;
    if link.is_some_and(|link| link.spent.is_none()) {
        transaction.spend_link(&change.link, Spent::Revoked, ())?;
    }
    transaction.audit(tenant, entry)?;
    besides(&mut transaction);
    Ok(transaction.commit().await?.is_ok())
}
