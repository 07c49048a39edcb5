//! Deletes users, and restores them while that is possible.

use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::field::Fault;
use muster_shared::domain::id::UserId;
use muster_shared::domain::leaving::{Step, confirms};
use muster_shared::domain::permission::Permission;
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::user::User;
use muster_shared::error::{ApiError, Problem};
use muster_shared::http::forms::user_ids;
use muster_shared::http::leaving::{self, By};
use muster_shared::http::views::{Outcomes, UserView};
use muster_shared::http::{self, Request, Response};
use muster_shared::lambda::Function;
use muster_shared::store::bulk::Done;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

/// What runs, and how it is triggered.
pub const FUNCTION: Function = Function::http("delete-users", |ctx, request| {
    Box::pin(handle(ctx, request))
});

#[derive(OpenApi)]
#[openapi(paths(delete_one, delete_many, restore))]
struct Api;

/// The OpenAPI description of its routes.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// That really this user is meant.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeleteUser {
    /// The user's e-mail address or external ID, typed; of a user who has neither, its id. Case does not matter.
    #[schema(example = "ada@example.com")]
    confirm: String,
}

/// Who is deleted.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeleteUsers {
    /// Ids of users, 1 to 1000.
    #[schema(value_type = Vec<UserId>, min_items = 1, max_items = 1000)]
    users: Vec<String>,
    /// How many users these are, typed; one named twice counts once.
    #[schema(example = 2)]
    confirm: u32,
}

/// Who is restored.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RestoreUsers {
    /// Ids of users, 1 to 1000.
    #[schema(value_type = Vec<UserId>, min_items = 1, max_items = 1000)]
    users: Vec<String>,
}

async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    match http::route(&request).as_str() {
        "POST /v1/users/{id}/delete" => delete_one(ctx, &request).await,
        "POST /v1/users/delete" => delete_many(ctx, &request).await,
        "POST /v1/users/restore" => restore(ctx, &request).await,
        _ => Err(ApiError::NotFound),
    }
}

/// Delete a user
///
/// Confirmed by what names it. Its seats are free at once; its codes, sessions and invitation work no more; its address
/// and external ID are free for others. It can be restored for 30 days and is then erased for good. An owner is deleted
/// only where the company's policy lets owners do so.
#[utoipa::path(post, path = "/v1/users/{id}/delete", operation_id = "deleteUser", tag = "Users", request_body = DeleteUser,
    params(("id" = UserId, Path, description = "The user"), ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, description = "The user, deleted", body = UserView, headers(("ETag" = String, description = "The version"))), (status = "4XX", description = "`not_found`, `invalid_fields`, `not_yourself`, `owner_protected`, `last_owner`, `beyond_your_rights`, `busy`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn delete_one(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    caller.require(Permission::UsersDelete)?;
    let id = http::path_id(request, "id", UserId::parse)?;
    caller
        .once(ctx, request, async |caller| {
            let DeleteUser { confirm } = http::parse_json(request)?;
            let user = reachable(ctx, &caller, &id).await?;
            if !confirms(&user, &confirm) {
                let fault = Fault::new("not_confirmed", "is not what names the user");
                return Err(ApiError::field("confirm", &fault));
            }
            let done = take(ctx, &caller, Step::Delete, std::slice::from_ref(&id)).await?;
            if let Some((_, Done::Refused(refusal))) = done.into_iter().next() {
                return Err(refusal.into());
            }
            let user = reachable(ctx, &caller, &id).await?;
            let view = UserView::new(&user, ctx.clock.now(), false);
            http::tagged(&view, user.version)
        })
        .await
}

/// The user, if the caller may delete it at all.
async fn reachable(ctx: &Context, caller: &Caller, id: &UserId) -> Result<User, ApiError> {
    let user = ctx.store.user(&caller.tenant, id).await?;
    let user = user.ok_or(ApiError::NotFound)?;
    match caller.powers.may(Permission::UsersDelete, &user) {
        Ok(()) => Ok(user),
        Err(Refusal::UserNotFound) => Err(ApiError::NotFound),
        Err(refusal) => Err(refusal.into()),
    }
}

/// Delete users
///
/// 1 to 1000, confirmed by their number, as one by one; owners are deleted one by one only.
#[utoipa::path(post, path = "/v1/users/delete", operation_id = "deleteUsers", tag = "Users", request_body = DeleteUsers,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, description = "User by user", body = Outcomes), (status = "4XX", description = "`invalid_fields`, `unauthenticated`, `forbidden`; of single users `user_not_found`, `not_yourself`, `owner_protected`, `beyond_your_rights`, `busy`", body = Problem, content_type = "application/problem+json")))]
async fn delete_many(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    caller.require(Permission::UsersDelete)?;
    caller
        .once(ctx, request, async |caller| {
            let DeleteUsers { users, confirm } = http::parse_json(request)?;
            let users = user_ids(&users)?;
            if usize::try_from(confirm).ok() != Some(users.len()) {
                let fault = Fault::new("not_confirmed", "is not the number of users");
                return Err(ApiError::field("confirm", &fault));
            }
            let done = take(ctx, &caller, Step::Delete, &users).await?;
            http::ok(&Outcomes::from(done))
        })
        .await
}

/// Restore users
///
/// 1 to 1000 who were deleted less than 30 days ago. They come back without seats and without their credentials, to be
/// invited anew; one whose address or external ID somebody else has by now is refused.
#[utoipa::path(post, path = "/v1/users/restore", operation_id = "restoreUsers", tag = "Users", request_body = RestoreUsers,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, description = "User by user", body = Outcomes), (status = "4XX", description = "`invalid_fields`, `unauthenticated`, `forbidden`; of single users `user_not_found`, `too_late_to_restore`, `email_taken`, `external_id_taken`, `not_yourself`, `owner_protected`, `beyond_your_rights`, `busy`", body = Problem, content_type = "application/problem+json")))]
async fn restore(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    caller.require(Permission::UsersDelete)?;
    caller
        .once(ctx, request, async |caller| {
            let RestoreUsers { users } = http::parse_json(request)?;
            let users = user_ids(&users)?;
            let done = take(ctx, &caller, Step::Restore, &users).await?;
            http::ok(&Outcomes::from(done))
        })
        .await
}

async fn take(
    ctx: &Context,
    caller: &Caller,
    step: Step,
    users: &[UserId],
) -> Result<Vec<(UserId, Done)>, ApiError> {
    let by = By {
        tenant: &caller.tenant,
        actor: &caller.user,
        powers: &caller.powers,
        seed: &caller.seed,
        now: ctx.clock.now(),
    };
    leaving::take(ctx, &by, step, users).await
}
