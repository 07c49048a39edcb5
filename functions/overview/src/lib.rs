//! Tells how many users stand where.

use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::overview::{Counts, Overview};
use muster_shared::domain::permission::Permission;
use muster_shared::domain::powers::Sight;
use muster_shared::error::{ApiError, Problem};
use muster_shared::http::{self, Request, Response, time};
use muster_shared::lambda::Function;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::http("overview", |ctx, request| Box::pin(handle(ctx, request)));

#[derive(OpenApi)]
#[openapi(paths(show, count))]
struct Api;

/// The OpenAPI description of its routes.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// How many of the company's users stand where.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Overview)]
struct OverviewView {
    /// The newest count; null before the first one.
    counts: Option<Counts>,
    /// The moment that it tells of.
    counted_at: Option<String>,
    /// Whether the users are being counted anew.
    counting: bool,
}

impl From<Overview> for OverviewView {
    fn from(overview: Overview) -> Self {
        Self {
            counts: overview.counts,
            counted_at: overview.counted_at.map(time),
            counting: overview.asked_at.is_some(),
        }
    }
}

async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    match http::route(&request).as_str() {
        "GET /v1/overview" => show(ctx, &request).await,
        "POST /v1/overview/count" => count(ctx, &request).await,
        _ => Err(ApiError::NotFound),
    }
}

/// Show the overview
///
/// How many users stood where when they were last counted; for whoever sees everybody.
#[utoipa::path(get, path = "/v1/overview", operation_id = "showOverview", tag = "Company",
    responses((status = 200, description = "The newest count", body = OverviewView), (status = "4XX", description = "`unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn show(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = looking(ctx, request).await?;
    http::ok(&OverviewView::from(
        ctx.store.overview(&caller.tenant).await?,
    ))
}

/// Count anew
///
/// The users are counted in the background; asking again meanwhile changes nothing.
#[utoipa::path(post, path = "/v1/overview/count", operation_id = "countUsers", tag = "Company",
    responses((status = 202, description = "Being counted", body = OverviewView), (status = "4XX", description = "`unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn count(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = looking(ctx, request).await?;
    (ctx.store)
        .ask_to_count(&caller.tenant, ctx.clock.now())
        .await?;
    http::accepted(&OverviewView::from(
        ctx.store.overview(&caller.tenant).await?,
    ))
}

async fn looking(ctx: &Context, request: &Request) -> Result<Caller, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    caller.require(Permission::UsersRead)?;
    if caller.powers.sight == Sight::All {
        Ok(caller)
    } else {
        Err(ApiError::Forbidden)
    }
}
