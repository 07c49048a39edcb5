//! Sends invitations again; only the newest link works.

use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::id::UserId;
use muster_shared::domain::permission::Permission;
use muster_shared::domain::throttle::Spending;
use muster_shared::error::{ApiError, Internal, Problem};
use muster_shared::http::forms::user_ids;
use muster_shared::http::views::Outcomes;
use muster_shared::http::{self, Request, Response};
use muster_shared::lambda::Function;
use muster_shared::store::invitations::Inviting;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::http("resend", |ctx, request| Box::pin(handle(ctx, request)));

#[derive(OpenApi)]
#[openapi(paths(handle))]
struct Api;

/// The OpenAPI description of its route.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// Whose invitations to send again.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Resend {
    /// Ids of users, 1 to 1000.
    #[schema(value_type = Vec<UserId>, min_items = 1, max_items = 1000)]
    users: Vec<String>,
}

/// Send invitations again
///
/// Each user who was invited and has not come gets a new mail; from then on only its link works, and its time counts anew.
#[utoipa::path(post, path = "/v1/invitations/resend", operation_id = "resendInvitations", tag = "Invitations", request_body = Resend,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, description = "User by user", body = Outcomes), (status = "4XX", description = "`invalid_fields`, `unauthenticated`, `forbidden`; of single users `user_not_found`, `not_invited`, `already_active`, `no_email`, `user_deleted`, `user_suspended`, `beyond_your_rights`, `too_many_invitations`, `no_invitations_left`, `busy`", body = Problem, content_type = "application/problem+json")))]
async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, &request).await?;
    caller.require(Permission::UsersInvite)?;
    caller
        .once(ctx, &request, async |caller| {
            let Resend { users } = http::parse_json(&request)?;
            let users = user_ids(&users)?;
            let tenant = ctx.store.tenant(&caller.tenant).await?;
            let tenant = tenant.ok_or(Internal::Broken("the token's tenant is gone"))?;
            let again = Inviting {
                tenant: &caller.tenant,
                inviter: &caller.user,
                powers: &caller.powers,
                seed: &caller.seed,
                again: true,
                invitations: Spending::of(tenant.invitations()),
                now: ctx.clock.now(),
            };
            http::ok(&Outcomes::from(
                ctx.store.change_each(&caller.tenant, &users, again).await?,
            ))
        })
        .await
}
