//! Begins and shows exports.

use std::time::Duration;

use jiff::Timestamp;
use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::audit::{AuditFilter, Target};
use muster_shared::domain::export::{Export, ExportOf, ExportState, ExtraColumn, Filter, Format};
use muster_shared::domain::field::{Fault, Fields};
use muster_shared::domain::id::ExportId;
use muster_shared::domain::invitation::expired;
use muster_shared::domain::permission::{Class, Permission};
use muster_shared::domain::refusal::Refusal;
use muster_shared::error::{ApiError, Problem};
use muster_shared::http::{self, Request, Response};
use muster_shared::lambda::Function;
use muster_shared::store::transaction::Transaction;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{OpenApi, ToSchema};

/// What runs, and how it is triggered.
pub const FUNCTION: Function = Function::http("start-export", |ctx, request| {
    Box::pin(handle(ctx, request))
});

#[derive(OpenApi)]
#[openapi(paths(start, list, show))]
struct Api;

/// The OpenAPI description of its routes.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// How long a link to the file is good.
const LINK: Duration = Duration::from_mins(10);

/// What to export.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StartExport {
    /// What to export: `users` (default) or `audit`, the audit trail.
    #[serde(default)]
    of: ExportOf,
    /// What kind of file: `xlsx` or `csv`. By default `xlsx` of users, `csv` of the audit trail.
    format: Option<Format>,
    /// Which entries of the audit trail; all by default. Only with `of: audit`.
    audit: Option<AuditFilter>,
    /// Which users; all by default.
    filter: Option<Filter>,
    /// Which columns after the usual ones: ID, Name, Username, Role, Email, Phone, Last Login, Employee Number,
    /// Company, Created, Updated, Status.
    #[serde(default)]
    columns: Vec<ExtraColumn>,
}

/// An export.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Export)]
struct ExportView {
    /// Its id.
    #[schema(value_type = ExportId)]
    id: String,
    /// Where it stands.
    state: ExportState,
    /// What it is of.
    of: ExportOf,
    /// What kind of file.
    format: Format,
    /// How many rows it holds, once done.
    rows: u64,
    /// Where the file can be fetched, for a few minutes; once done.
    url: Option<String>,
    /// When it was asked for, RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
}

/// Exports, newest first.
#[derive(Debug, Serialize, ToSchema)]
struct Exports {
    /// The exports.
    exports: Vec<ExportView>,
}

async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    match http::route(&request).as_str() {
        "POST /v1/exports" => start(ctx, &request).await,
        "GET /v1/exports" => list(ctx, &request).await,
        "GET /v1/exports/{id}" => show(ctx, &request).await,
        _ => Err(ApiError::NotFound),
    }
}

/// Start an export
///
/// Of the users, or the entries of the audit trail, that the filter lets through, as an Excel workbook or CSV. Ask for it
/// until it is done. Users need `exports.run`, the audit trail needs `audit.read`.
#[utoipa::path(post, path = "/v1/exports", operation_id = "startExport", tag = "Exports", request_body = StartExport,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 202, description = "The export, waiting for its turn", body = ExportView), (status = "4XX", description = "`invalid_fields`, `malformed_request`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn start(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    may_export_anything(&caller)?;
    caller
        .once(ctx, request, async |caller| {
            let order: StartExport = http::parse_json(request)?;
            may_export(&caller, order.of)?;
            let now = ctx.clock.now();
            let export = order.export(&caller, now)?;
            let mut transaction = Transaction::new(&ctx.store);
            transaction.queue_export(&caller.tenant, &export, ())?;
            transaction.audit(
                &caller.tenant,
                &caller.entry(
                    "exports.start",
                    "",
                    vec![
                        Target::of(&export.id)
                            .after(json!({ "of": export.of, "format": export.format })),
                    ],
                    now,
                ),
            )?;
            let export = if transaction.commit().await?.is_ok() {
                export
            } else {
                // Its id follows from the request's key: what is there already is this very export.
                let before = ctx.store.export(&caller.tenant, &export.id).await?;
                before.ok_or(Refusal::Busy)?
            };
            http::accepted(&view(&export, None, now))
        })
        .await
}

/// How many exports a list shows.
const LISTED: usize = 100;

/// List exports
///
/// The newest hundred of the last 7 days that the caller may fetch, without links: ask for one to get its link.
#[utoipa::path(get, path = "/v1/exports", operation_id = "listExports", tag = "Exports",
    responses((status = 200, description = "The exports, newest first", body = Exports), (status = "4XX", description = "`unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn list(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    may_export_anything(&caller)?;
    let now = ctx.clock.now();
    let exports = ctx.store.exports(&caller.tenant).await?;
    let exports = exports
        .iter()
        .filter(|export| may_fetch(&caller, export, now))
        .take(LISTED)
        .map(|export| view(export, None, now))
        .collect();
    http::ok(&Exports { exports })
}

/// Show an export
///
/// With a short-lived link to the file once it is done.
#[utoipa::path(get, path = "/v1/exports/{id}", operation_id = "showExport", tag = "Exports", params(("id" = ExportId, Path, description = "The export")),
    responses((status = 200, description = "The export", body = ExportView), (status = "4XX", description = "`not_found`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn show(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    may_export_anything(&caller)?;
    let id = http::path_id(request, "id", ExportId::parse)?;
    let export = ctx
        .store
        .export(&caller.tenant, &id)
        .await?
        .ok_or(ApiError::NotFound)?;
    may_export(&caller, export.of)?;
    let now = ctx.clock.now();
    if !may_fetch(&caller, &export, now) {
        return Err(ApiError::NotFound);
    }
    let url = if export.state == ExportState::Done {
        let name = format!(
            "{}-{}.{}",
            export.of.as_str(),
            export.created_at.strftime("%Y-%m-%d"),
            export.format.extension()
        );
        Some(
            ctx.files()
                .download_link(&export.key(&caller.tenant), LINK, &name)
                .await?,
        )
    } else {
        None
    };
    http::ok(&view(&export, url, now))
}

/// Goes on only if this may be exported.
fn may_export(caller: &Caller, of: ExportOf) -> Result<(), ApiError> {
    match of {
        ExportOf::Users => caller.require(Permission::ExportsRun),
        ExportOf::Audit => caller.require_trail(),
    }
}

/// Goes on only if anything may be exported.
fn may_export_anything(caller: &Caller) -> Result<(), ApiError> {
    may_export(caller, ExportOf::Users).or_else(|_| may_export(caller, ExportOf::Audit))
}

/// Whether the caller may have this export's file, which may hold more than another user of lesser class sees.
fn may_fetch(caller: &Caller, export: &Export, now: Timestamp) -> bool {
    let own = export.requested_by == caller.user || caller.powers.class == Class::Owner;
    own && may_export(caller, export.of).is_ok() && !expired(export.kept_until(), now)
}

impl StartExport {
    fn export(self, caller: &Caller, now: Timestamp) -> Result<Export, ApiError> {
        let mut fields = Fields::new();
        let foreign = Fault::new("not_applicable", "does not go with what is exported");
        let (format, of_users) = match self.of {
            ExportOf::Users => (Format::Xlsx, true),
            ExportOf::Audit => (Format::Csv, false),
        };
        for (field, misplaced) in [
            ("audit", of_users && self.audit.is_some()),
            ("filter", !of_users && self.filter.is_some()),
            ("columns", !of_users && !self.columns.is_empty()),
        ] {
            if misplaced {
                fields.fault(field, &foreign);
            }
        }
        fields.finish(Some(())).map_err(ApiError::Invalid)?;
        Ok(Export {
            id: ExportId::derive(&caller.seed),
            state: ExportState::Queued,
            of: self.of,
            format: self.format.unwrap_or(format),
            audit: self.audit.unwrap_or_default(),
            filter: self.filter.unwrap_or_default(),
            columns: distinct(self.columns),
            requested_by: caller.user.clone(),
            rows: 0,
            created_at: now,
            updated_at: now,
        })
    }
}

fn view(export: &Export, url: Option<String>, now: Timestamp) -> ExportView {
    ExportView {
        id: export.id.to_string(),
        state: export.state_at(now),
        of: export.of,
        format: export.format,
        rows: export.rows,
        url,
        created_at: http::time(export.created_at),
    }
}

/// Each column once, where it was first asked for.
fn distinct(columns: Vec<ExtraColumn>) -> Vec<ExtraColumn> {
    let mut distinct = Vec::new();
    for column in columns {
        if !distinct.contains(&column) {
            distinct.push(column);
        }
    }
    distinct
}
