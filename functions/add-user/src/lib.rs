//! Adds one user, with licences and an invitation if asked for.

use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::permission::Permission;
use muster_shared::domain::tenant::InviteOnCreate;
use muster_shared::error::{ApiError, Internal, Problem};
use muster_shared::http::adding::{self, Adding};
use muster_shared::http::forms::UserForm;
use muster_shared::http::views::UserView;
use muster_shared::http::{self, Request, Response};
use muster_shared::lambda::Function;
use utoipa::OpenApi;

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::http("add-user", |ctx, request| Box::pin(handle(ctx, request)));

#[derive(OpenApi)]
#[openapi(paths(handle))]
struct Api;

/// The OpenAPI description of its route.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// Add a user
///
/// A person, vehicle or device; with licences, and an invitation if asked for. All of it is done, or nothing.
#[utoipa::path(post, path = "/v1/users", operation_id = "addUser", tag = "Users", request_body = UserForm,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 201, description = "The user", body = UserView, headers(("ETag" = String, description = "The version"), ("Location" = String, description = "The user"))), (status = "4XX", description = "`invalid_fields`, `email_taken`, `external_id_taken`, `no_seats_left`, `product_not_found`, `no_email`, `beyond_your_rights`, `too_many_requests`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, &request).await?;
    caller.require(Permission::UsersWrite)?;
    caller
        .once(ctx, &request, async |caller| {
            let form: UserForm = http::parse_json(&request)?;
            let tenant = ctx
                .store
                .tenant(&caller.tenant)
                .await?
                .ok_or(Internal::Broken("the token's tenant is gone"))?;
            let new = form.read(&tenant.policy)?;
            let automatic = tenant.policy.invite_on_create == InviteOnCreate::Automatic
                && new.draft.email.is_some();
            let invite = form.invite.unwrap_or(automatic);
            if invite {
                caller.require(Permission::UsersInvite)?;
            }
            let now = ctx.clock.now();
            let user = adding::add(
                ctx,
                &Adding {
                    powers: &caller.powers,
                    actor: &caller.user,
                    tenant: &tenant,
                    seed: &caller.seed,
                    invite,
                    opens: None,
                    now,
                },
                new,
            )
            .await?;
            let view = UserView::new(&user, now, caller.powers.permit(Permission::LicencesAssign));
            http::created_tagged(&format!("/v1/users/{}", user.id), &view, user.version)
        })
        .await
}
