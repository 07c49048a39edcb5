//! A new link for somebody whose own has expired or was replaced, asked for from the page that the link leads to.

use jiff::SignedDuration;
use muster_shared::context::Context;
use muster_shared::domain::throttle::{Allowance, Subject};
use muster_shared::error::{ApiError, Problem};
use muster_shared::http::{self, Request, Response};
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
    http::once(ctx, &scope, request, &fingerprint, async |once| {
        let now = ctx.clock.now();
        let source = http::source(ctx, request).subject("renewal");
        ctx.store.take(&source, FROM_A_SOURCE, now).await??;
        let user = Subject::of("renewal", &["user", link.tid.as_str(), link.sub.as_str()]);
        ctx.store.take(&user, OF_A_USER, now).await??;
        ctx.store
            .renew_invitation(&link.tid, &link.sub, &once.seed, now)
            .await?;
        http::accepted(&LinkRenewed {
            message: "If the invitation still stands, a new link is on its way.".to_owned(),
        })
    })
    .await
}
