//! Verifies the audit trail: seal by seal, and the entries under each.

use jiff::Timestamp;
use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::context::keys::Trusted;
use muster_shared::domain::field::Fields;
use muster_shared::domain::seal::{Finding, FindingKind, Head, Seal};
use muster_shared::error::{ApiError, Internal, Problem};
use muster_shared::http::{self, Request, Response};
use muster_shared::store::StoreError;
use muster_shared::store::audit::{Placed, Registration};
use muster_shared::store::keys::{read_time, sortable};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How many entries one call reads at least before it asks to be called again; the last seal is always finished.
const ENTRIES: u64 = 20_000;

/// The most seals that one call verifies.
const SEALS: u64 = 1_000;

/// The most that one call tells of.
const FINDINGS: usize = 100;

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
    let mut walk = Walk::begin(ctx, &trusted, &registration, after).await?;
    let next = walk.verify(to.unwrap_or(Timestamp::MAX)).await?;
    if next.is_none() {
        walk.verify_newest().await?;
    }
    let (until, now) = (registration.sealed_until(), ctx.clock.now());
    let unsealed = ctx
        .store
        .entries_since(&caller.tenant, until, now, COUNTED)
        .await?;
    http::ok(&Verification {
        intact: walk.findings.is_empty(),
        seals: walk.seals,
        entries: walk.entries,
        findings: walk.findings.into_iter().map(FindingView::from).collect(),
        sealed_until: http::time(until),
        unsealed,
        next,
    })
}

/// Goes from seal to seal.
struct Walk<'a> {
    ctx: &'a Context,
    trusted: &'a Trusted,
    registration: &'a Registration,
    /// The place of the last seal that was looked at.
    after: String,
    /// That seal.
    before: Option<Head>,
    seals: u64,
    entries: u64,
    findings: Vec<Finding>,
}

impl<'a> Walk<'a> {
    async fn begin(
        ctx: &'a Context,
        trusted: &'a Trusted,
        registration: &'a Registration,
        after: String,
    ) -> Result<Self, StoreError> {
        let tenant = &registration.tenant;
        let before = if after.is_empty() {
            None
        } else {
            let found = ctx.store.seals_before(tenant, Some(&after), 1).await?;
            let seal = found.into_iter().next().and_then(|placed| placed.seal);
            seal.map(|seal| seal.head(tenant))
        };
        Ok(Self {
            ctx,
            trusted,
            registration,
            after,
            before,
            seals: 0,
            entries: 0,
            findings: Vec::new(),
        })
    }

    /// Verifies seals whose windows begin before `to`; where to go on, if there was too much for one call.
    async fn verify(&mut self, to: Timestamp) -> Result<Option<String>, StoreError> {
        loop {
            let page = self
                .ctx
                .store
                .seals_after(&self.registration.tenant, &self.after, 100)
                .await?;
            if page.is_empty() {
                return Ok(None);
            }
            for placed in page {
                if placed.seal.as_ref().is_some_and(|seal| seal.from >= to) {
                    return Ok(None);
                }
                self.verify_seal(&placed).await?;
                self.after = placed.key;
                let much = self.entries >= ENTRIES || self.seals >= SEALS;
                if much || self.findings.len() >= FINDINGS {
                    return Ok(Some(super::encoded(&self.after)));
                }
            }
        }
    }

    async fn verify_seal(&mut self, placed: &Placed) -> Result<(), StoreError> {
        self.seals += 1;
        let Some(seal) = placed.seal.as_ref().filter(|seal| placed.belongs(seal)) else {
            self.misplaced(placed);
            return Ok(());
        };
        let tenant = &self.registration.tenant;
        let statement = seal.statement(tenant);
        let signed = self.trusted.signed(&seal.kid, &statement, &seal.signature);
        let wrong = seal.follows(self.before.as_ref());
        self.before = Some(seal.head(tenant));
        let forged = (!signed).then_some(FindingKind::SealForged);
        self.findings
            .extend(forged.or(wrong).map(|kind| Finding::of(kind, seal)));
        // Of a window that was not sealed by us, nothing can be said.
        if signed {
            self.verify_entries(seal).await?;
        }
        Ok(())
    }

    async fn verify_entries(&mut self, seal: &Seal) -> Result<(), StoreError> {
        let tenant = &self.registration.tenant;
        let (root, entries) = self.ctx.store.root(tenant, seal.from, seal.to).await?;
        self.entries += entries;
        if (root, entries) != (seal.root, seal.entries) {
            self.findings.push(Finding {
                sealed: Some(seal.entries),
                found: Some(entries),
                ..Finding::of(FindingKind::EntriesChanged, seal)
            });
        }
        Ok(())
    }

    /// What stands here is no seal, or belongs elsewhere.
    fn misplaced(&mut self, placed: &Placed) {
        let to = read_time(&placed.key).unwrap_or(Timestamp::MAX);
        let from = self.before.as_ref().map_or(to, |before| before.to);
        let seal = self.before.as_ref().map_or(1, |before| before.number + 1);
        self.findings.push(Finding {
            kind: FindingKind::SealForged,
            seal,
            from,
            to,
            sealed: None,
            found: None,
        });
    }

    /// Whether the newest seal is the one that was made last.
    async fn verify_newest(&mut self) -> Result<(), StoreError> {
        let tenant = &self.registration.tenant;
        let found = self.ctx.store.seals_before(tenant, None, 1).await?;
        let seal = found.into_iter().next().and_then(|placed| placed.seal);
        let newest = seal.map(|seal| seal.head(tenant));
        if newest != self.registration.sealed {
            let noted = self.registration.sealed.as_ref().or(newest.as_ref());
            let until = self.registration.sealed_until();
            self.findings.push(Finding {
                kind: FindingKind::NewestSealMissing,
                seal: noted.map_or(0, |head| head.number),
                from: newest.as_ref().map_or(until, |head| head.to),
                to: noted.map_or(until, |head| head.to),
                sealed: None,
                found: None,
            });
        }
        Ok(())
    }
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
