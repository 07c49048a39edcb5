//! A new password sent by an administrator, who never learns it.

use jiff::{SignedDuration, Timestamp};
use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::audit::Target;
use muster_shared::domain::email::Email;
use muster_shared::domain::id::UserId;
use muster_shared::domain::invitation::{Offer, TO_AN_ADDRESS, invitable};
use muster_shared::domain::letter::{Mail, MailKind};
use muster_shared::domain::link::{Link, Purpose};
use muster_shared::domain::permission::Permission;
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::throttle::{Allowance, Subject};
use muster_shared::domain::user::User;
use muster_shared::error::{ApiError, Internal, Problem};
use muster_shared::http::{self, Request, Response};
use muster_shared::store::transaction::Transaction;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How often administrators can have such a mail sent to one user.
const OF_A_USER: Allowance = Allowance {
    most: 5,
    window: SignedDuration::from_hours(1),
};

/// Which mail was sent.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SentMail {
    /// A link to choose a new password.
    PasswordReset,
    /// The activation mail again: the user was invited and has not come.
    Activation,
}

/// What was sent.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ResetSent {
    /// Which mail is on its way.
    mail: SentMail,
}

/// Send a new password
///
/// The user gets a mail with a link to choose a new password, which tells who sent it; a user who was invited and has not
/// come gets the activation mail again instead.
#[utoipa::path(post, path = "/v1/users/{id}/password-reset", operation_id = "sendPasswordReset", tag = "Passwords",
    params(("id" = UserId, Path, description = "The user"), ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 202, description = "The mail is on its way", body = ResetSent), (status = "4XX", description = "`user_not_found`, `not_found`, `beyond_your_rights`, `not_invited`, `no_email`, `user_suspended`, `user_deleted`, `too_many_requests`, `busy`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
pub async fn send(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    caller.require(Permission::UsersWrite)?;
    let id = http::path_id(request, "id", UserId::parse)?;
    caller
        .once(ctx, request, async |caller| {
            let user = ctx.store.user(&caller.tenant, &id).await?;
            let user = user.ok_or(Refusal::UserNotFound)?;
            caller.powers.may(Permission::UsersWrite, &user)?;
            let now = ctx.clock.now();
            let subject = Subject::of("send-reset", &[caller.tenant.as_str(), id.as_str()]);
            ctx.store.take(&subject, OF_A_USER, now).await??;
            let mail = match invitable(&user) {
                Ok(_) => send_activation(ctx, &caller, &user, now).await?,
                Err(Refusal::AlreadyActive) => send_reset(ctx, &caller, &user, now).await?,
                Err(refusal) => return Err(refusal.into()),
            };
            http::accepted(&ResetSent { mail })
        })
        .await
}

async fn send_activation(
    ctx: &Context,
    caller: &Caller,
    user: &User,
    now: Timestamp,
) -> Result<SentMail, ApiError> {
    if user.invited.is_none() {
        return Err(Refusal::NotInvited.into());
    }
    let tenant = &caller.tenant;
    let owner = ctx.store.tenant(tenant).await?;
    let owner = owner.ok_or(Internal::Broken("the token's tenant is gone"))?;
    let email = invitable(user)?;
    let to = Subject::invitations_to(tenant, email);
    ctx.store.take(&to, TO_AN_ADDRESS, now).await??;
    let invitations = Subject::invitations(tenant);
    ctx.store
        .take(&invitations, owner.invitations(), now)
        .await??;
    let offer = Offer::to(user, tenant, Some(&caller.user), &caller.seed, now)?;
    let after = offer.applied(user);
    let mut transaction = Transaction::new(&ctx.store);
    transaction.edit_user(tenant, user, &after, |_| ())?;
    transaction.offer(tenant, &offer, ())?;
    let target = vec![Target::changed(user, &after)];
    transaction.audit(
        tenant,
        &caller.entry("invitations.resend", "reset", target, now),
    )?;
    finish(ctx, transaction, &offer.mail).await?;
    Ok(SentMail::Activation)
}

async fn send_reset(
    ctx: &Context,
    caller: &Caller,
    user: &User,
    now: Timestamp,
) -> Result<SentMail, ApiError> {
    let email: &Email = user.email.as_ref().ok_or(Refusal::NoEmail)?;
    let tenant = &caller.tenant;
    let person = ctx.store.person(&email.folded()).await?;
    let person = person.ok_or(Refusal::NotInvited)?;
    let folded = person.email.folded();
    let mut mail = Mail::new(
        MailKind::PasswordReset,
        tenant,
        &user.id,
        &person.email,
        &caller.seed,
        now,
    );
    let id = Link::reset_of(&folded);
    let purpose = Purpose::Reset { person: folded };
    let link = Link::new(id.clone(), purpose, &mail);
    mail.link = Some(id);
    mail.by = Some(caller.user.clone());
    let mut transaction = Transaction::new(&ctx.store);
    transaction.make_link(&link)?;
    transaction.queue_mail(&mail, ())?;
    let target = vec![Target::of(&user.id)];
    transaction.audit(
        tenant,
        &caller.entry("users.password_reset", "", target, now),
    )?;
    finish(ctx, transaction, &mail).await?;
    Ok(SentMail::PasswordReset)
}

/// Commits; what stands in the way may be this very request, carried out before.
async fn finish(
    ctx: &Context,
    transaction: Transaction<'_, ()>,
    mail: &Mail,
) -> Result<(), ApiError> {
    if transaction.commit().await?.is_ok() || ctx.store.mail(&mail.id).await?.is_some() {
        Ok(())
    } else {
        Err(Refusal::Busy.into())
    }
}
