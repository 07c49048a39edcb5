//! Changes of e-mail addresses: started, confirmed from the new address, cancelled from the old one.

mod confirm;
mod link;
mod start;

use muster_shared::context::Context;
use muster_shared::error::ApiError;
use muster_shared::http::{self, Request, Response};
use muster_shared::lambda::Function;
use utoipa::OpenApi;

/// What runs, and how it is triggered.
pub const FUNCTION: Function = Function::http("change-email", |ctx, request| {
    Box::pin(handle(ctx, request))
});

#[derive(OpenApi)]
#[openapi(paths(
    start::start,
    start::withdraw,
    link::check,
    link::cancel,
    confirm::confirm
))]
struct Api;

/// The OpenAPI description of its routes.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    match http::route(&request).as_str() {
        "POST /v1/users/{id}/email" => start::start(ctx, &request).await,
        "DELETE /v1/users/{id}/email" => start::withdraw(ctx, &request).await,
        "POST /v1/email-changes/check" => link::check(ctx, &request).await,
        "POST /v1/email-changes/cancel" => link::cancel(ctx, &request).await,
        "POST /v1/email-changes/confirm" => confirm::confirm(ctx, &request).await,
        _ => Err(ApiError::NotFound),
    }
}
