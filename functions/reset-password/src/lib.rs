//! New passwords: asked for by the person, or sent by an administrator, and chosen by a mailed link.

mod ask;
mod choose;
mod send;

use muster_shared::context::Context;
use muster_shared::error::ApiError;
use muster_shared::http::{self, Request, Response};
use muster_shared::lambda::Function;
use utoipa::OpenApi;

/// What runs, and how it is triggered.
pub const FUNCTION: Function = Function::http("reset-password", |ctx, request| {
    Box::pin(handle(ctx, request))
});

#[derive(OpenApi)]
#[openapi(paths(ask::ask, send::send, choose::check, choose::confirm))]
struct Api;

/// The OpenAPI description of its routes.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    match http::route(&request).as_str() {
        "POST /v1/password-resets" => ask::ask(ctx, &request).await,
        "POST /v1/users/{id}/password-reset" => send::send(ctx, &request).await,
        "POST /v1/password-resets/check" => choose::check(ctx, &request).await,
        "POST /v1/password-resets/confirm" => choose::confirm(ctx, &request).await,
        _ => Err(ApiError::NotFound),
    }
}
