//! The caller: one value that every handler behind sign-in cannot do without.

use jiff::Timestamp;
use lambda_http::http::header::AUTHORIZATION;

use super::token::{self, Access, Audience};
use crate::context::Context;
use crate::domain::audit::{Actor, Entry, Target};
use crate::domain::id::{AuditId, Seed, TenantId, UserId};
use crate::domain::invitation::expired;
use crate::domain::permission::Permission;
use crate::domain::powers::{Powers, Sight};
use crate::domain::user::Status;
use crate::error::ApiError;
use crate::http::{self, Request, Response};

/// Who is calling, for which tenant, with which rights.
#[derive(Clone)]
pub struct Caller {
    /// The tenant, from the token and nowhere else (rule 1).
    pub tenant: TenantId,
    /// The user.
    pub user: UserId,
    /// What the user may do now, by the table.
    pub powers: Powers,
    /// The session.
    pub session: String,
    /// What the ids of this request are made from.
    pub seed: Seed,
}

impl Caller {
    /// Verifies the access token and reads the user anew, so that a demotion, suspension or deletion works at once:
    /// for what is changed and for what is shown.
    ///
    /// # Errors
    /// When there is no valid token, or the user may not act any more.
    pub async fn from_request(ctx: &Context, request: &Request) -> Result<Self, ApiError> {
        let token =
            bearer(request).ok_or(ApiError::Unauthenticated("An access token is needed."))?;
        let verified = token::verify::<Access>(ctx, Audience::Api, token).await?;
        let verified =
            verified.ok_or(ApiError::Unauthenticated("The access token is not valid."))?;
        if expired(verified.expires_at, ctx.clock.now()) {
            return Err(ApiError::Unauthenticated("The access token has expired."));
        }
        let access = verified.content;
        let powers = present_powers(ctx, &access).await?;
        let Access { sub, tid, sid, .. } = access;
        let seed = Seed::random()?;
        tracing::Span::current()
            .record("tenant", tid.as_str())
            .record("user", sub.as_str());
        Ok(Self {
            tenant: tid,
            user: sub,
            powers,
            session: sid,
            seed,
        })
    }

    /// Goes on only with the permission, for some users at least; which ones is judged user by user
    /// ([`Powers::may`]).
    ///
    /// # Errors
    /// [`ApiError::Forbidden`].
    pub fn require(&self, permission: Permission) -> Result<(), ApiError> {
        if self.powers.permit_for_some(permission) {
            Ok(())
        } else {
            Err(ApiError::Forbidden)
        }
    }

    /// Goes on only if the audit trail may be read. It tells of everybody, so it needs the permission and to see
    /// everybody.
    ///
    /// # Errors
    /// [`ApiError::Forbidden`].
    pub fn require_trail(&self) -> Result<(), ApiError> {
        self.require(Permission::AuditRead)?;
        if self.powers.sight == Sight::All {
            Ok(())
        } else {
            Err(ApiError::Forbidden)
        }
    }

    /// Carries a request out once per `Idempotency-Key` of this caller; `work` gets the caller with the seed that a retry
    /// has too.
    ///
    /// # Errors
    /// Those of `work`; when the key was used for something else, or its request still runs.
    pub async fn once(
        &self,
        ctx: &Context,
        request: &Request,
        work: impl AsyncFnOnce(Self) -> Result<Response, ApiError>,
    ) -> Result<Response, ApiError> {
        let scope = format!("{}#{}", self.tenant, self.user);
        let fingerprint = http::fingerprint(request);
        http::once(ctx, &scope, request, &fingerprint, async |once| {
            work(Self {
                seed: once.seed,
                ..self.clone()
            })
            .await
        })
        .await
    }

    /// An audit entry of something that the caller does. `label` tells several entries of one request apart.
    #[must_use]
    pub fn entry(
        &self,
        operation: &str,
        label: &str,
        targets: Vec<Target>,
        at: Timestamp,
    ) -> Entry {
        let id = AuditId::derive(&self.seed.child(&format!("{operation}/{label}")));
        Entry {
            id,
            at,
            actor: Actor::User {
                id: self.user.clone(),
            },
            operation: operation.to_owned(),
            targets,
        }
    }
}

/// What the user may do now, by the table.
async fn present_powers(ctx: &Context, access: &Access) -> Result<Powers, ApiError> {
    let user = ctx.store.user(&access.tid, &access.sub).await?;
    let user = user.filter(|user| {
        user.status(ctx.clock.now()) == Status::Active && user.sessions == access.sessions
    });
    let rights = user
        .ok_or(ApiError::Unauthenticated("The user may not act any more."))?
        .rights;
    let sight = ctx.store.sight(&access.tid, &rights).await?;
    Ok((ctx.store)
        .powers(&access.tid, &access.sub, &rights, sight)
        .await?)
}

fn bearer(request: &Request) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
