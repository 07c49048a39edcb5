//! Starting a change, and taking it back, by a signed-in user.

use jiff::Timestamp;
use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::audit::Target;
use muster_shared::domain::email::Email;
use muster_shared::domain::email_change::{Started, changeable};
use muster_shared::domain::field::{Fault, Fields};
use muster_shared::domain::id::{LinkId, UserId};
use muster_shared::domain::permission::Permission;
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::throttle::{Allowance, Subject};
use muster_shared::domain::user::User;
use muster_shared::error::{ApiError, Internal, Problem};
use muster_shared::http::{self, Request, Response};
use muster_shared::store::transaction::Transaction;
use muster_shared::store::users::Unique;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How often the address of one user can be asked to be changed.
const OF_A_USER: Allowance = Allowance::per_day(10);

/// How often it is tried anew because the user was changed meanwhile.
const TRIES: u32 = 5;

/// The address to change to.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartEmailChange {
    /// The new e-mail address.
    #[schema(example = "ada@example.com")]
    email: String,
}

/// A change that waits to be confirmed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EmailChangeStarted {
    /// Its id: with the code from the mail it confirms the change.
    #[schema(value_type = LinkId)]
    change: String,
    /// The new address.
    pending_email: String,
}

async fn find(ctx: &Context, caller: &Caller, id: &UserId) -> Result<User, ApiError> {
    let user = ctx.store.user(&caller.tenant, id).await?;
    Ok(user.ok_or(Refusal::UserNotFound)?)
}

/// Change an e-mail address
///
/// One's own, or that of an active user who holds no more than the caller: whoever has the address gets all of it. The present address is told and can cancel; the new one gets a code and a link, good
/// for 24 hours. Until the change is confirmed the present address stays valid. A newer change takes the place of one that
/// waits.
#[utoipa::path(post, path = "/v1/users/{id}/email", operation_id = "startEmailChange", tag = "E-mail changes", request_body = StartEmailChange,
    params(("id" = UserId, Path, description = "The user"), ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 202, description = "Both addresses get a mail", body = EmailChangeStarted), (status = "4XX", description = "`invalid_fields`, `email_taken`, `email_immutable`, `own_email_by_support`, `not_active`, `user_suspended`, `user_deleted`, `user_not_found`, `not_found`, `beyond_your_rights`, `owner_protected`, `too_many_requests`, `busy`, `unauthenticated`", body = Problem, content_type = "application/problem+json")))]
pub async fn start(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    let id = http::path_id(request, "id", UserId::parse)?;
    caller
        .once(ctx, request, async |caller| {
            let StartEmailChange { email } = http::parse_json(request)?;
            let mut fields = Fields::new();
            let email = fields.take("email", Email::parse(&email));
            let email = fields.finish(email).map_err(ApiError::Invalid)?;
            let user = find(ctx, &caller, &id).await?;
            let tenant = ctx.store.tenant(&caller.tenant).await?;
            let tenant = tenant.ok_or(Internal::Broken("the token's tenant is gone"))?;
            let book = ctx.store.book_of(&caller.tenant, &user.rights).await?;
            let present = changeable(&user, &caller.powers, &tenant.policy, &book)?;
            if present.folded() == email.folded() {
                let fault = Fault::new("unchanged", "is the present address");
                return Err(ApiError::field("email", &fault));
            }
            let guard = [Unique::Email(email.folded())];
            let holders = ctx.store.holders(&caller.tenant, &guard).await?;
            if holders.iter().any(Option::is_some) {
                return Err(Refusal::EmailTaken.into());
            }
            let now = ctx.clock.now();
            let parts = [caller.tenant.as_str(), user.id.as_str()];
            let subject = Subject::of("email-change", &parts);
            ctx.store.take(&subject, OF_A_USER, now).await??;
            let started = Started::new(&caller.tenant, &user, &email, &caller.seed, now)
                .ok_or(Refusal::NoEmail)?
                .by(&caller.user);
            commit(ctx, &caller, &user, &started, now).await?;
            http::accepted(&EmailChangeStarted {
                change: started.link.id.to_string(),
                pending_email: email.to_string(),
            })
        })
        .await
}

async fn commit(
    ctx: &Context,
    caller: &Caller,
    user: &User,
    started: &Started,
    now: Timestamp,
) -> Result<(), ApiError> {
    let replaced = ctx.store.replaced_link(user).await?;
    if replaced
        .as_ref()
        .is_some_and(|link| link.id == started.link.id)
    {
        // The change that waits is this very one, started before.
        return Ok(());
    }
    let mut transaction = Transaction::new(&ctx.store);
    transaction.start_email_change(&caller.tenant, user, started, replaced.as_ref(), ())?;
    let target = vec![Target::changed(user, &started.applied(user))];
    transaction.audit(
        &caller.tenant,
        &caller.entry("users.email.start", "", target, now),
    )?;
    // What stands in the way may be this very request, carried out before.
    if transaction.commit().await?.is_ok() || ctx.store.link(&started.link.id).await?.is_some() {
        Ok(())
    } else {
        Err(Refusal::Busy.into())
    }
}

/// Take a change of an e-mail address back
///
/// By the user, who still signs in with the present address, or by an administrator. Done as well where none waits.
#[utoipa::path(delete, path = "/v1/users/{id}/email", operation_id = "withdrawEmailChange", tag = "E-mail changes",
    params(("id" = UserId, Path, description = "The user")),
    responses((status = 204, description = "None waits any more"), (status = "4XX", description = "`user_not_found`, `not_found`, `beyond_your_rights`, `busy`, `unauthenticated`", body = Problem, content_type = "application/problem+json")))]
pub async fn withdraw(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    let id = http::path_id(request, "id", UserId::parse)?;
    for _ in 0..TRIES {
        let user = find(ctx, &caller, &id).await?;
        if user.id != caller.user {
            caller.powers.may(Permission::UsersWrite, &user)?;
        }
        let now = ctx.clock.now();
        let after = user.without_email_change(now);
        let target = vec![Target::changed(&user, &after)];
        let entry = caller.entry("users.email.cancel", "", target, now);
        if super::link::end(ctx, &caller.tenant, &user, &entry, now, |_| ()).await? {
            return Ok(http::no_content());
        }
    }
    Err(Refusal::Busy.into())
}
