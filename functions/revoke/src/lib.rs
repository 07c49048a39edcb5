//! Withdraws standing invitations: their links work no more.

use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::id::UserId;
use muster_shared::domain::permission::Permission;
use muster_shared::error::{ApiError, Problem};
use muster_shared::http::forms::user_ids;
use muster_shared::http::views::Outcomes;
use muster_shared::http::{self, Request, Response};
use muster_shared::lambda::Function;
use muster_shared::store::invitations::Revoking;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::http("revoke", |ctx, request| Box::pin(handle(ctx, request)));

#[derive(OpenApi)]
#[openapi(paths(handle))]
struct Api;

/// The OpenAPI description of its route.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// Whose invitations to withdraw.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Revoke {
    /// Ids of users, 1 to 1000.
    #[schema(value_type = Vec<UserId>, min_items = 1, max_items = 1000)]
    users: Vec<String>,
}

/// Withdraw invitations
///
/// Each user who was invited and has not come is not invited any more: the link answers `link_revoked`, nobody can ask
/// for a new one, and a mail that still waits is not sent. Unchanged where there is nothing to withdraw.
#[utoipa::path(post, path = "/v1/invitations/revoke", operation_id = "revokeInvitations", tag = "Invitations", request_body = Revoke,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, description = "User by user", body = Outcomes), (status = "4XX", description = "`invalid_fields`, `unauthenticated`, `forbidden`; of single users `user_not_found`, `already_active`, `user_deleted`, `beyond_your_rights`, `busy`", body = Problem, content_type = "application/problem+json")))]
async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, &request).await?;
    caller.require(Permission::UsersInvite)?;
    caller
        .once(ctx, &request, async |caller| {
            let Revoke { users } = http::parse_json(&request)?;
            let users = user_ids(&users)?;
            let revoking = Revoking {
                tenant: &caller.tenant,
                revoker: &caller.user,
                powers: &caller.powers,
                seed: &caller.seed,
                now: ctx.clock.now(),
            };
            let done = ctx.store.change_each(&caller.tenant, &users, revoking);
            http::ok(&Outcomes::from(done.await?))
        })
        .await
}
