//! A new link for somebody whose own has expired or was replaced, asked for from the page that the link leads to.

use jiff::{SignedDuration, Timestamp};
use muster_shared::auth::token::Activation;
use muster_shared::context::Context;
use muster_shared::domain::audit::{Actor, Entry, Target};
use muster_shared::domain::id::{AuditId, Seed};
use muster_shared::domain::invitation::{Offer, renewable};
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::throttle::{Allowance, Subject};
use muster_shared::domain::user::User;
use muster_shared::error::{ApiError, Problem};
use muster_shared::http::{self, Request, Response};
use muster_shared::store::transaction::Transaction;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How often a new link can be asked for, of one user.
const OF_A_USER: Allowance = Allowance {
    most: 3,
    window: SignedDuration::from_hours(1),
};

/// How often new links can be asked for from one address: an office, or a mobile network, has one.
const FROM_A_SOURCE: Allowance = Allowance {
    most: 30,
    window: SignedDuration::from_hours(1),
};

/// How often it is tried anew because the user was changed meanwhile.
const TRIES: u32 = 5;

/// A link whose time is over, or that was replaced.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewLink {
    /// The token behind the `#` of the link.
    token: String,
}

/// What is answered whoever asks.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct LinkRenewed {
    /// In words.
    #[schema(example = "If the invitation still stands, a new link is on its way.")]
    message: String,
}

/// Ask for a new activation link
///
/// With any activation link of ours, however old. If the invitation still stands, or nobody came in time, a new mail goes
/// to the user's present address. The answer is the same whatever became of the user.
#[utoipa::path(post, path = "/v1/activations/renew", operation_id = "renewActivation", tag = "Activation", request_body = RenewLink, security(()),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 202, description = "If the invitation still stands, a new link is on its way", body = LinkRenewed), (status = "4XX", description = "`invalid_fields`, `malformed_request`, `too_many_requests`, `busy`", body = Problem, content_type = "application/problem+json")))]
pub async fn renew(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let RenewLink { token } = http::parse_json(request)?;
    let link = super::verified(ctx, &token).await?.content;
    let scope = format!("renewal#{}#{}", link.tid, link.sub);
    let fingerprint = http::digest(&[token.as_bytes()]);
    http::once(ctx, &scope, request, &fingerprint, async |seed| {
        let now = ctx.clock.now();
        let source = http::source(request).subject("renewal");
        ctx.store.take(&source, FROM_A_SOURCE, now).await??;
        let user = Subject::of("renewal", &["user", link.tid.as_str(), link.sub.as_str()]);
        ctx.store.take(&user, OF_A_USER, now).await??;
        offer_anew(ctx, &link, &seed, now).await?;
        http::accepted(&LinkRenewed {
            message: "If the invitation still stands, a new link is on its way.".to_owned(),
        })
    })
    .await
}

/// Offers the invitation again, if it is one that can be.
async fn offer_anew(
    ctx: &Context,
    link: &Activation,
    seed: &Seed,
    now: Timestamp,
) -> Result<(), ApiError> {
    let tenant = &link.tid;
    for _ in 0..TRIES {
        let user = ctx.store.user(tenant, &link.sub).await?;
        let Some(user) = user.filter(|user| renewable(user)) else {
            return Ok(());
        };
        let inviter = (user.invited.as_ref()).and_then(|invited| invited.inviter.as_ref());
        let Ok(offer) = Offer::to(&user, tenant, inviter, seed, now) else {
            return Ok(());
        };
        let after = offer.applied(&user);
        let mut transaction = Transaction::new(&ctx.store);
        transaction.edit_user(tenant, &user, &after, |_| ())?;
        transaction.offer(tenant, &offer, ())?;
        transaction.audit(tenant, &entry(&user, &after, seed, now))?;
        if transaction.commit().await?.is_ok() {
            return Ok(());
        }
        let again = ctx.store.mail(&offer.mail.id).await?;
        if again.is_some() {
            // An earlier attempt of this very request has done it.
            return Ok(());
        }
    }
    Err(Refusal::Busy.into())
}

fn entry(user: &User, after: &User, seed: &Seed, at: Timestamp) -> Entry {
    Entry {
        id: AuditId::derive(seed),
        at,
        actor: Actor::Invitee {
            id: user.id.clone(),
        },
        operation: "invitations.renew".to_owned(),
        targets: vec![Target::changed(user, after)],
    }
}
