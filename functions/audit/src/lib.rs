//! Shows the audit trail and its seals, and verifies them.

mod verification;

use jiff::Timestamp;
use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::audit::{AuditFilter, Operations, Told, Who};
use muster_shared::domain::field::{Fault, Fields};
use muster_shared::domain::id::{AuditId, UserId};
use muster_shared::domain::seal::Seal;
use muster_shared::error::{ApiError, Internal, Problem};
use muster_shared::http::{self, Request, Response};
use muster_shared::lambda::Function;
use muster_shared::store::audit::{Registration, Trail};
use muster_shared::store::keys::read_time;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, OpenApi, ToSchema};

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::http("audit", |ctx, request| Box::pin(handle(ctx, request)));

#[derive(OpenApi)]
#[openapi(paths(list, seals, verification::verify))]
struct Api;

/// The OpenAPI description of its routes.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// Which entries, and from where on.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct List {
    /// Only entries by this user or about it.
    #[param(example = "usr_4zk0m7v2q8x1c9dj")]
    user: Option<String>,
    /// Only entries by this actor: the id of a user or an import, or `support` or `schedule`.
    actor: Option<String>,
    /// Only entries of this operation, or with a dot at the end of all that begin so: `users.add`, `users.`.
    #[param(example = "users.")]
    operation: Option<String>,
    /// Only entries from this moment on, RFC 3339.
    #[param(format = "date-time")]
    from: Option<String>,
    /// Only entries before this moment, RFC 3339.
    #[param(format = "date-time")]
    to: Option<String>,
    /// How many at most: 1 to 200, by default 50.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default, deserialize_with = "http::whole_number")]
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A page of the audit trail.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct AuditPage {
    /// The entries, newest first.
    entries: Vec<EntryView>,
    /// Where the next page begins. A filtered page may be short and yet have a next one.
    next: Option<String>,
}

/// An entry of the audit trail.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditEntry)]
struct EntryView {
    /// Its id.
    #[schema(value_type = AuditId)]
    id: String,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    /// Who.
    actor: ActorView,
    /// What.
    #[schema(example = "users.add")]
    operation: String,
    /// To whom.
    targets: Vec<TargetView>,
}

/// Who acted.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditActor)]
struct ActorView {
    /// `user`; `invitee`, by the link in the mail; `app`, by its licence code; `import`, a file dropped for the company;
    /// `support`; `schedule`.
    kind: String,
    /// Its id, where it has one.
    id: Option<String>,
    /// What the user is called, while there is one; of support, its order.
    name: Option<String>,
}

/// One thing that an entry is about.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditTarget)]
struct TargetView {
    /// Its id.
    id: String,
    /// What the user is called, while there is one.
    name: Option<String>,
    /// The changed fields before the change.
    before: Option<Value>,
    /// The changed fields after the change.
    after: Option<Value>,
    /// Whether personal values stood here of a user who has been erased since.
    erased: bool,
    /// Whether personal values stand here that are not as they were written.
    damaged: bool,
}

/// Which seals.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListSeals {
    /// How many at most: 1 to 200, by default 50.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default, deserialize_with = "http::whole_number")]
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A page of seals.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct SealPage {
    /// The seals, newest first.
    seals: Vec<SealView>,
    /// Where the next page begins.
    next: Option<String>,
}

/// A seal over the entries of a window.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditSeal)]
struct SealView {
    /// Counts the company's seals, from 1.
    number: u64,
    /// Where its window begins, RFC 3339.
    #[schema(format = DateTime)]
    from: String,
    /// Where its window ends, RFC 3339.
    #[schema(format = DateTime)]
    to: String,
    /// How many entries it covers.
    entries: u64,
    /// The hash over them, hexadecimal.
    root: String,
    /// The hash of the seal before.
    previous: Option<String>,
    /// Its own hash: keep it, and nobody can replace it and what came before unnoticed by you.
    hash: String,
    /// When it was made, RFC 3339.
    #[schema(format = DateTime)]
    sealed_at: String,
    /// The key it was signed with; see `/v1/jwks.json`.
    key: String,
    /// The Ed25519 signature over `statement`, base64url.
    signature: String,
    /// What was signed; its SHA-256 is the hash.
    statement: String,
}

async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, &request).await?;
    caller.require_trail()?;
    match http::route(&request).as_str() {
        "GET /v1/audit" => list(ctx, &caller, &request).await,
        "GET /v1/audit/seals" => seals(ctx, &caller, &request).await,
        "GET /v1/audit/verification" => verification::verify(ctx, &caller, &request).await,
        _ => Err(ApiError::NotFound),
    }
}

/// List the audit trail
///
/// Who did what to whom, with the changed fields before and after, newest first. Secrets are never told; what is personal
/// is told until its user is erased.
#[utoipa::path(get, path = "/v1/audit", operation_id = "listAudit", tag = "Audit", params(List),
    responses((status = 200, description = "A page of entries", body = AuditPage), (status = "4XX", description = "`invalid_fields`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn list(ctx: &Context, caller: &Caller, request: &Request) -> Result<Response, ApiError> {
    let query = http::parse_query::<List>(request)?.read()?;
    let registration = registration(ctx, caller).await?;
    let span = (registration.beginning(), ctx.clock.now());
    let trail = ctx.store.trail(
        &caller.tenant,
        &query.filter,
        span,
        query.before.as_deref(),
        query.limit,
    );
    http::ok(&AuditPage::from(trail.await?))
}

/// List the seals
///
/// The schedule seals the trail window by window: a hash over the entries, chained to the seal before, and signed.
#[utoipa::path(get, path = "/v1/audit/seals", operation_id = "listAuditSeals", tag = "Audit", params(ListSeals),
    responses((status = 200, description = "A page of seals", body = SealPage), (status = "4XX", description = "`invalid_fields`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn seals(ctx: &Context, caller: &Caller, request: &Request) -> Result<Response, ApiError> {
    let ListSeals {
        limit: most,
        cursor,
    } = http::parse_query(request)?;
    let mut fields = Fields::new();
    let limit = fields.take("limit", limit(most));
    let before = fields.optional("cursor", cursor.as_deref(), place);
    let limit = fields.finish(limit).map_err(ApiError::Invalid)?;
    let wanted = i32::try_from(limit).unwrap_or(i32::MAX - 1) + 1;
    let mut found = ctx
        .store
        .seals_before(&caller.tenant, before.as_deref(), wanted)
        .await?;
    let next = found.get(limit).map(|first| http::next(&first.key));
    found.truncate(limit);
    let seals = found.into_iter().filter_map(|placed| placed.seal);
    http::ok(&SealPage {
        seals: seals.map(|seal| SealView::of(&seal, caller)).collect(),
        next,
    })
}

async fn registration(ctx: &Context, caller: &Caller) -> Result<Registration, ApiError> {
    let registration = ctx.store.registration(&caller.tenant).await?;
    Ok(registration.ok_or(Internal::Broken("the token's tenant is not registered"))?)
}

/// The parameters as read.
struct Query {
    filter: AuditFilter,
    before: Option<String>,
    limit: usize,
}

impl List {
    fn read(self) -> Result<Query, ApiError> {
        let mut fields = Fields::new();
        let filter = AuditFilter {
            user: fields.optional("user", self.user.as_deref(), UserId::parse),
            actor: fields.optional("actor", self.actor.as_deref(), Who::parse),
            operation: fields.optional("operation", self.operation.as_deref(), Operations::parse),
            from: fields.optional("from", self.from.as_deref(), moment),
            to: fields.optional("to", self.to.as_deref(), moment),
        };
        let before = fields.optional("cursor", self.cursor.as_deref(), place);
        let limit = fields.take("limit", limit(self.limit));
        let query = limit.map(|limit| Query {
            filter,
            before,
            limit,
        });
        fields.finish(query).map_err(ApiError::Invalid)
    }
}

fn limit(asked: Option<u32>) -> Result<usize, Fault> {
    match asked.unwrap_or(50) {
        limit @ 1..=200 => Ok(limit as usize),
        _ => Err(Fault::new("out_of_range", "must be 1 to 200")),
    }
}

/// Reads a moment.
fn moment(text: &str) -> Result<Timestamp, Fault> {
    text.parse().map_err(|_| {
        Fault::new(
            "invalid_time",
            "must be a moment such as 2026-03-02T08:00:00Z",
        )
    })
}

/// Reads a cursor: where the page before ended. It names no tenant, so it opens nothing of another one.
fn place(text: &str) -> Result<String, Fault> {
    let key = http::cursor_within(text, 100)?;
    match read_time(&key) {
        Some(_) => Ok(key),
        None => Err(http::invalid_cursor()),
    }
}

impl From<Trail> for AuditPage {
    fn from(trail: Trail) -> Self {
        let names = trail.names;
        let target = |target: Told| TargetView {
            name: names.get(&target.id).cloned(),
            id: target.id,
            before: target.before,
            after: target.after,
            erased: target.erased,
            damaged: target.damaged,
        };
        let entries = trail.entries.into_iter().map(|entry| EntryView {
            id: entry.id.to_string(),
            at: http::time(entry.at),
            actor: ActorView {
                kind: entry.actor.kind().to_owned(),
                id: entry.actor.id().map(str::to_owned),
                name: match entry.actor.id() {
                    Some(id) => names.get(id).cloned(),
                    None => entry.actor.reference().map(str::to_owned),
                },
            },
            operation: entry.operation,
            targets: entry.targets.into_iter().map(target).collect(),
        });
        Self {
            entries: entries.collect(),
            next: trail.next.as_deref().map(http::next),
        }
    }
}

impl SealView {
    fn of(seal: &Seal, caller: &Caller) -> Self {
        Self {
            number: seal.number,
            from: http::time(seal.from),
            to: http::time(seal.to),
            entries: seal.entries,
            root: seal.root.to_string(),
            previous: seal.previous.map(|hash| hash.to_string()),
            hash: seal.hash(&caller.tenant).to_string(),
            sealed_at: http::time(seal.sealed_at),
            key: seal.kid.clone(),
            signature: seal.signature.clone(),
            statement: seal.statement(&caller.tenant),
        }
    }
}
