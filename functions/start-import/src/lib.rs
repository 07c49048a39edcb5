//! Begins, shows, commits and cancels imports.

use std::time::Duration;

use jiff::Timestamp;
use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::audit::Actor;
use muster_shared::domain::field::Fields;
use muster_shared::domain::id::ImportId;
use muster_shared::domain::import::{Counts, Import, ImportState, RowProblem, Source};
use muster_shared::domain::permission::{Class, Permission};
use muster_shared::domain::powers::Sight;
use muster_shared::domain::text::clean;
use muster_shared::error::{ApiError, Problem};
use muster_shared::http::{self, Request, Response};
use muster_shared::lambda::Function;
use muster_shared::store::imports::PlanOf;
use muster_shared::store::transaction::Transaction;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

/// What runs, and how it is triggered.
pub const FUNCTION: Function = Function::http("start-import", |ctx, request| {
    Box::pin(handle(ctx, request))
});

#[derive(OpenApi)]
#[openapi(paths(start, list, sample, show, commit, cancel))]
struct Api;

/// The OpenAPI description of its routes.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// How long an upload address is good.
const UPLOAD: Duration = Duration::from_hours(1);
/// How long a link to a plan or report is good.
const LINK: Duration = Duration::from_mins(10);
/// What the upload must be declared as.
const CSV: &str = "text/csv";

/// A file to import users from, with every column; only External ID is required.
const SAMPLE: &str = include_str!("sample.csv");

/// An import to begin.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct StartImport {
    /// The file's name, to be shown.
    #[schema(example = "drivers.csv")]
    file_name: Option<String>,
}

/// Where to put the file.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = UploadAddress)]
struct UploadView {
    /// The HTTP method.
    #[schema(example = "PUT")]
    method: String,
    /// The address, good for an hour.
    url: String,
    /// The headers to send.
    headers: Vec<HeaderView>,
}

/// A header to send.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Header)]
struct HeaderView {
    /// Its name.
    name: String,
    /// Its value.
    value: String,
}

/// An import.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Import)]
struct ImportView {
    /// Its id.
    #[schema(value_type = ImportId)]
    id: String,
    /// Where it stands.
    state: ImportState,
    /// Who began it.
    begun_by: Actor,
    /// The file's name.
    file_name: Option<String>,
    /// Where to put the file; while it is awaited, for whoever began the import.
    upload: Option<UploadView>,
    /// The encoding found.
    #[schema(example = "UTF-8")]
    encoding: Option<String>,
    /// The delimiter found.
    #[schema(example = "comma")]
    delimiter: Option<String>,
    /// Columns that are not understood and therefore not used.
    ignored_columns: Vec<String>,
    /// What the plan says, in rows.
    planned: Counts,
    /// What was done so far, in rows.
    done: Counts,
    /// What is wrong with the file as a whole.
    fault: Option<RowProblem>,
    /// The first rows that the plan refuses; the plan file has all.
    problems: Vec<RowProblem>,
    /// The plan as CSV, a line per row; once the file was checked.
    plan_url: Option<String>,
    /// The report as CSV, a line per row; once the import is over.
    report_url: Option<String>,
    /// When it was begun, RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it last moved on, RFC 3339.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// The company's imports.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Imports {
    /// Newest first.
    imports: Vec<ImportView>,
}

async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    let route = http::route(&request);
    let caller = Caller::from_request(ctx, &request).await?;
    caller.require(Permission::ImportsRun)?;
    match route.as_str() {
        "POST /v1/imports" => start(ctx, &caller, &request).await,
        "GET /v1/imports" => list(ctx, &caller).await,
        "GET /v1/imports/sample" => Ok(sample()),
        "GET /v1/imports/{id}" => show(ctx, &caller, &request).await,
        "POST /v1/imports/{id}/commit" => commit(ctx, &caller, &request).await,
        "POST /v1/imports/{id}/cancel" => cancel(ctx, &caller, &request).await,
        _ => Err(ApiError::NotFound),
    }
}

/// Begin an import
///
/// The answer says where to put the file. As soon as it is there it is checked, and the import shows the plan.
#[utoipa::path(post, path = "/v1/imports", operation_id = "startImport", tag = "Imports", request_body = StartImport,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 201, description = "The import, and where to put the file", body = ImportView, headers(("Location" = String, description = "The import"))), (status = "4XX", description = "`invalid_fields`, `malformed_request`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn start(ctx: &Context, caller: &Caller, request: &Request) -> Result<Response, ApiError> {
    let begun = caller
        .once(ctx, request, async |caller| {
            begin(ctx, &caller, request).await
        })
        .await?;
    // The address ends, so it is no part of the answer that is kept for retries.
    let Begun { id } = serde_json::from_slice(begun.body())?;
    let import = ctx
        .store
        .import(&caller.tenant, &id)
        .await?
        .ok_or(ApiError::NotFound)?;
    http::with_body(begun, &view(ctx, caller, import, true).await?)
}

/// What is kept of the answer for retries.
#[derive(Serialize, Deserialize)]
struct Begun {
    id: ImportId,
}

async fn begin(ctx: &Context, caller: &Caller, request: &Request) -> Result<Response, ApiError> {
    let StartImport { file_name } = http::parse_json(request)?;
    let mut fields = Fields::new();
    let file_name = fields.optional("file_name", file_name.as_deref(), |name| clean(name, 200));
    fields.finish(Some(())).map_err(ApiError::Invalid)?;
    let id = ImportId::derive(&caller.seed);
    let now = ctx.clock.now();
    let actor = Actor::User {
        id: caller.user.clone(),
    };
    let import = Import::begun(
        id.clone(),
        actor,
        file_name,
        Source::upload_key(&caller.tenant, &id),
        now,
    );
    let mut transaction = Transaction::new(&ctx.store);
    transaction.add_import(&caller.tenant, &import, ())?;
    transaction.audit(
        &caller.tenant,
        &caller.entry(
            "imports.start",
            "",
            vec![import.moved(ImportState::Uploading)],
            now,
        ),
    )?;
    // What is there already is this very import: its id follows from the seed kept with the request's key.
    let _ = transaction.commit().await?;
    http::created(&format!("/v1/imports/{id}"), &Begun { id })
}

/// How many imports a list shows.
const LISTED: usize = 100;

/// List imports
///
/// The newest hundred of the last 28 days; who does not see everybody sees those that they began.
#[utoipa::path(get, path = "/v1/imports", operation_id = "listImports", tag = "Imports",
    responses((status = 200, description = "The imports, newest first", body = Imports), (status = "4XX", description = "`unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn list(ctx: &Context, caller: &Caller) -> Result<Response, ApiError> {
    let now = ctx.clock.now();
    let mut imports = Vec::new();
    for import in ctx
        .store
        .imports(&caller.tenant)
        .await?
        .into_iter()
        .filter(|import| shown(caller, import, now))
        .take(LISTED)
    {
        imports.push(view(ctx, caller, import, false).await?);
    }
    http::ok(&Imports { imports })
}

/// Get the sample file
#[utoipa::path(get, path = "/v1/imports/sample", operation_id = "getSampleFile", tag = "Imports",
    responses((status = 200, description = "A CSV file with every column", body = String, content_type = "text/csv", headers(("Content-Disposition" = String, description = "To be saved as a file"))), (status = "4XX", description = "`unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
fn sample() -> Response {
    http::file("text/csv; charset=utf-8", "muster-sample.csv", SAMPLE)
}

/// Show an import
///
/// With its plan or report once there is one.
#[utoipa::path(get, path = "/v1/imports/{id}", operation_id = "showImport", tag = "Imports", params(("id" = ImportId, Path, description = "The import")),
    responses((status = 200, description = "The import", body = ImportView), (status = "4XX", description = "`not_found`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn show(ctx: &Context, caller: &Caller, request: &Request) -> Result<Response, ApiError> {
    let import = find(ctx, caller, request).await?;
    http::ok(&view(ctx, caller, import, true).await?)
}

/// Commit an import
///
/// Does what the plan says. Committing twice commits once.
#[utoipa::path(post, path = "/v1/imports/{id}/commit", operation_id = "commitImport", tag = "Imports",
    params(("id" = ImportId, Path, description = "The import")),
    responses((status = 202, description = "The import, being carried out", body = ImportView), (status = "4XX", description = "`import_not_ready`, `not_found`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn commit(ctx: &Context, caller: &Caller, request: &Request) -> Result<Response, ApiError> {
    let import = find(ctx, caller, request).await?;
    // The plan was made with the rights of whoever began it.
    let own = matches!(&import.actor, Actor::User { id } if *id == caller.user);
    if !own && caller.powers.class != Class::Owner && matches!(import.actor, Actor::User { .. }) {
        return Err(ApiError::Forbidden);
    }
    let now = ctx.clock.now();
    if let (true, Some(plan)) = (import.committable(now), import.plan.clone()) {
        let plan = PlanOf {
            tenant: caller.tenant.clone(),
            import: import.id.clone(),
            plan,
        };
        let mut transaction = Transaction::new(&ctx.store);
        transaction.commit_import(&plan, &import, now, ())?;
        transaction.audit(
            &caller.tenant,
            &caller.entry(
                "imports.commit",
                import.id.as_str(),
                vec![import.moved(ImportState::Importing)],
                now,
            ),
        )?;
        // Whoever was faster has committed, cancelled or replaced it: the state tells.
        let _ = transaction.commit().await?;
    }
    let import = find(ctx, caller, request).await?;
    match import.state {
        ImportState::Importing | ImportState::Done | ImportState::DoneWithErrors => {
            http::accepted(&view(ctx, caller, import, true).await?)
        }
        _ => Err(ApiError::WrongState {
            code: "import_not_ready",
            message: "Only an import whose plan is ready can be committed, and within 27 days after it was begun.",
        }),
    }
}

/// Cancel an import
///
/// Before it is committed; nothing of it is kept but the entry itself. Cancelling twice cancels once.
#[utoipa::path(post, path = "/v1/imports/{id}/cancel", operation_id = "cancelImport", tag = "Imports",
    params(("id" = ImportId, Path, description = "The import")),
    responses((status = 200, description = "The import, cancelled", body = ImportView), (status = "4XX", description = "`import_not_cancellable`, `not_found`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn cancel(ctx: &Context, caller: &Caller, request: &Request) -> Result<Response, ApiError> {
    let mut import = find(ctx, caller, request).await?;
    while import.plannable() {
        let now = ctx.clock.now();
        let mut transaction = Transaction::new(&ctx.store);
        transaction.cancel_import(&caller.tenant, &import, now, ())?;
        transaction.audit(
            &caller.tenant,
            &caller.entry(
                "imports.cancel",
                import.id.as_str(),
                vec![import.moved(ImportState::Cancelled)],
                now,
            ),
        )?;
        let _ = transaction.commit().await?;
        import = find(ctx, caller, request).await?;
    }
    match import.state {
        ImportState::Cancelled => http::ok(&view(ctx, caller, import, true).await?),
        _ => Err(ApiError::WrongState {
            code: "import_not_cancellable",
            message: "The import has been committed and cannot be cancelled any more.",
        }),
    }
}

async fn find(ctx: &Context, caller: &Caller, request: &Request) -> Result<Import, ApiError> {
    let id = http::path_id(request, "id", ImportId::parse)?;
    let now = ctx.clock.now();
    ctx.store
        .import(&caller.tenant, &id)
        .await?
        .filter(|import| shown(caller, import, now))
        .ok_or(ApiError::NotFound)
}

/// Whether an import is shown to the caller while it is there: its plan and report hold whole rows, so who does not see
/// everybody sees only what they began.
fn shown(caller: &Caller, import: &Import, now: Timestamp) -> bool {
    let own = matches!(&import.actor, Actor::User { id } if *id == caller.user);
    !import.over(now) && (own || caller.powers.sight == Sight::All)
}

/// Shows an import; addresses and single problems only `in_full`.
async fn view(
    ctx: &Context,
    caller: &Caller,
    import: Import,
    in_full: bool,
) -> Result<ImportView, ApiError> {
    let over = matches!(
        import.state,
        ImportState::Done | ImportState::DoneWithErrors
    );
    let planned = over || matches!(import.state, ImportState::Ready | ImportState::Importing);
    // The file is imported with the rights of who began the import, so it is theirs alone to put.
    let own = matches!(&import.actor, Actor::User { id } if *id == caller.user);
    let upload = if in_full && own && import.state == ImportState::Uploading {
        Some(upload(ctx, &import).await?)
    } else {
        None
    };
    let plan_key = import
        .plan_key(&caller.tenant)
        .filter(|_| in_full && planned);
    let report_key = (in_full && over).then(|| import.report_key(&caller.tenant));
    Ok(ImportView {
        id: import.id.to_string(),
        state: import.state_at(ctx.clock.now()),
        begun_by: import.actor,
        file_name: import.file_name,
        upload,
        encoding: import.encoding,
        delimiter: import.delimiter,
        ignored_columns: import.ignored_columns,
        planned: import.planned,
        done: import.done,
        fault: import.fault,
        problems: if in_full { import.problems } else { Vec::new() },
        plan_url: link(ctx, plan_key, "plan.csv").await?,
        report_url: link(ctx, report_key, "report.csv").await?,
        created_at: http::time(import.created_at),
        updated_at: http::time(import.updated_at),
    })
}

async fn upload(ctx: &Context, import: &Import) -> Result<UploadView, ApiError> {
    let address = ctx.files().upload_address(&import.key, CSV, UPLOAD).await?;
    let headers = address
        .headers
        .into_iter()
        .map(|(name, value)| HeaderView { name, value })
        .collect();
    Ok(UploadView {
        method: address.method,
        url: address.url,
        headers,
    })
}

async fn link(ctx: &Context, key: Option<String>, name: &str) -> Result<Option<String>, ApiError> {
    match key {
        Some(key) => Ok(Some(ctx.files().download_link(&key, LINK, name).await?)),
        None => Ok(None),
    }
}
