//! Verifies the caller's audit trail.

use jiff::Timestamp;
use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::context::verification::verify_trail;
use muster_shared::domain::field::Fields;
use muster_shared::domain::seal::{Finding, FindingKind};
use muster_shared::error::{ApiError, Internal, Problem};
use muster_shared::http::{self, Request, Response};
use muster_shared::store::keys::sortable;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How far entries that wait for their seal are counted.
const COUNTED: usize = 1_000;

/// What to verify.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Verify {
    /// Only windows that end after this moment, RFC 3339; the whole trail by default.
    #[param(format = "date-time")]
    from: Option<String>,
    /// Only windows that begin before this moment, RFC 3339.
    #[param(format = "date-time")]
    to: Option<String>,
    /// The `next` of the call before.
    cursor: Option<String>,
}

/// What a verification came to.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Verification {
    /// Whether nothing was found. What is not yet sealed is not verified.
    intact: bool,
    /// How many seals were verified.
    seals: u64,
    /// How many entries were found under them.
    entries: u64,
    /// What was found, at most a hundred.
    findings: Vec<FindingView>,
    /// Up to where the trail is sealed, RFC 3339.
    #[schema(format = DateTime)]
    sealed_until: String,
    /// How many entries wait for their seal; 1000 means that or more.
    unsealed: usize,
    /// Ask again with it as `cursor` to verify the rest.
    next: Option<String>,
}

/// One thing that was found.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditFinding)]
struct FindingView {
    /// What.
    kind: FindingKind,
    /// At which seal.
    seal: u64,
    /// Where its window begins, RFC 3339.
    #[schema(format = DateTime)]
    from: String,
    /// Where its window ends, RFC 3339.
    #[schema(format = DateTime)]
    to: String,
    /// How many entries were sealed, where they were changed.
    sealed: Option<u64>,
    /// How many there are now, where they were changed.
    found: Option<u64>,
}

/// Verify the audit trail
///
/// Finds any entry that was edited, removed or slipped in before the newest seal, and any seal that was edited, removed or
/// re-ordered. Seals count only if they were signed with this service's own key.
#[utoipa::path(get, path = "/v1/audit/verification", operation_id = "verifyAudit", tag = "Audit", params(Verify),
    responses((status = 200, description = "What was found", body = Verification), (status = "4XX", description = "`invalid_fields`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn verify(
    ctx: &Context,
    caller: &Caller,
    request: &Request,
) -> Result<Response, ApiError> {
    let Verify { from, to, cursor } = http::parse_query(request)?;
    let mut fields = Fields::new();
    let from = fields.optional("from", from.as_deref(), super::moment);
    let to = fields.optional("to", to.as_deref(), super::moment);
    let cursor = fields.optional("cursor", cursor.as_deref(), super::place);
    fields.finish(Some(())).map_err(ApiError::Invalid)?;
    let trusted = ctx.trusted().await?;
    let trusted = trusted.ok_or(Internal::Broken("verifying needs the signing secret"))?;
    let registration = super::registration(ctx, caller).await?;
    let after = cursor.unwrap_or_else(|| from.map(sortable).unwrap_or_default());
    let to = to.unwrap_or(Timestamp::MAX);
    let verified = verify_trail(&ctx.store, &trusted, &registration, after, to).await?;
    let (until, now) = (registration.sealed_until(), ctx.clock.now());
    let unsealed = ctx
        .store
        .entries_since(&caller.tenant, until, now, COUNTED)
        .await?;
    http::ok(&Verification {
        intact: verified.findings.is_empty(),
        seals: verified.seals,
        entries: verified.entries,
        findings: verified
            .findings
            .into_iter()
            .map(FindingView::from)
            .collect(),
        sealed_until: http::time(until),
        unsealed,
        next: verified.next.as_deref().map(http::next),
    })
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        Self {
            kind: finding.kind,
            seal: finding.seal,
            from: http::time(finding.from),
            to: http::time(finding.to),
            sealed: finding.sealed,
            found: finding.found,
        }
    }
}
