//! Edits a user; suspends and reactivates users.

mod form;

use jiff::Timestamp;
use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::audit::Target;
use muster_shared::domain::edit;
use muster_shared::domain::email::Email;
use muster_shared::domain::field::{Fault, Fields};
use muster_shared::domain::id::UserId;
use muster_shared::domain::leaving::Step;
use muster_shared::domain::permission::{Class, Permission, RoleBook};
use muster_shared::domain::person::Person;
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::tenant::Tenant;
use muster_shared::domain::user::User;
use muster_shared::error::{ApiError, Internal, Problem};
use muster_shared::http::forms::{MOST_LISTED, user_ids};
use muster_shared::http::leaving::{self, By};
use muster_shared::http::references;
use muster_shared::http::views::{Outcomes, UserView};
use muster_shared::http::{self, Request, Response};
use muster_shared::lambda::Function;
use muster_shared::store::transaction::Transaction;
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use form::EditForm;

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::http("edit-user", |ctx, request| Box::pin(handle(ctx, request)));

#[derive(OpenApi)]
#[openapi(paths(edit, suspend, reactivate))]
struct Api;

/// The OpenAPI description of its routes.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// Who is suspended, or reactivated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Barred {
    /// Ids of users, 1 to 1000.
    #[schema(value_type = Vec<UserId>, min_items = 1, max_items = 1000)]
    users: Vec<String>,
}

async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    match http::route(&request).as_str() {
        "PATCH /v1/users/{id}" => edit(ctx, &request).await,
        "POST /v1/users/suspend" => suspend(ctx, &request).await,
        "POST /v1/users/reactivate" => reactivate(ctx, &request).await,
        _ => Err(ApiError::NotFound),
    }
}

/// Edit a user
///
/// By a JSON merge patch of the version named in `If-Match`. Everybody but a limited user may change their own names,
/// phone number and locale. A patch that changes nothing writes nothing and leaves the version as it is.
#[utoipa::path(patch, path = "/v1/users/{id}", operation_id = "editUser", tag = "Users", request_body(content = EditForm, content_type = "application/merge-patch+json"),
    params(("id" = UserId, Path, description = "The user"), ("If-Match" = String, Header, description = "The `ETag` of the version that is edited")),
    responses((status = 200, description = "The user as it is now", body = UserView, headers(("ETag" = String, description = "The version"))), (status = "4XX", description = "`precondition_required`, `precondition_failed` (with the present version), `invalid_fields`, `not_found`, `user_deleted`, `email_taken`, `external_id_taken`, `username_taken`, `email_needs_confirmation`, `email_immutable`, `not_active`, `user_suspended`, `person_shared`, `not_yourself`, `owner_protected`, `last_owner`, `beyond_your_rights`, `busy`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn edit(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    let id = http::path_id(request, "id", UserId::parse)?;
    let before = editable(ctx, &caller, &id).await?;
    if http::if_match(request)? != before.version {
        return Err(ApiError::Outdated(before.version));
    }
    let form: EditForm = http::parse_json(request)?;
    let tenant = (ctx.store.tenant(&caller.tenant).await?)
        .ok_or(Internal::Broken("the token's tenant is gone"))?;
    let now = ctx.clock.now();
    let edited = Edited::read(ctx, &caller, &tenant, before, form, now).await?;
    let after = if edited.before == edited.after {
        edited.before
    } else {
        commit(ctx, &caller, edited, now).await?
    };
    let with_codes = caller.powers.permit(Permission::LicencesAssign);
    http::tagged(&UserView::new(&after, now, with_codes), after.version)
}

/// The user, if the caller may edit it at all: anybody with the permission, or themself.
async fn editable(ctx: &Context, caller: &Caller, id: &UserId) -> Result<User, ApiError> {
    let own = caller.user == *id;
    if own && caller.powers.class == Class::Limited {
        return Err(ApiError::Forbidden);
    }
    if !own {
        caller.require(Permission::UsersWrite)?;
    }
    let user = ctx.store.user(&caller.tenant, id).await?;
    let user = user.ok_or(ApiError::NotFound)?;
    match caller.powers.may(Permission::UsersWrite, &user) {
        Err(Refusal::UserNotFound) => Err(ApiError::NotFound),
        Err(refusal) if !own => Err(refusal.into()),
        _ if user.deleted_at.is_some() => Err(Refusal::UserDeleted.into()),
        _ => Ok(user),
    }
}

/// A user before and after an edit that nothing speaks against.
struct Edited {
    before: User,
    after: User,
    /// Whose username changes with the user's.
    person: Option<Person>,
}

impl Edited {
    async fn read(
        ctx: &Context,
        caller: &Caller,
        tenant: &Tenant,
        before: User,
        form: EditForm,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let mut fields = Fields::new();
        let mut after = form.read(&mut fields, &tenant.policy).applied(&before, now);
        let book = resolve(ctx, caller, tenant, &before, &mut after, &mut fields).await?;
        let modules = after.rights.modules.len();
        if modules > MOST_LISTED && modules > before.rights.modules.len() {
            let fault = Fault::new("out_of_range", format!("must be at most {MOST_LISTED}"));
            fields.fault("modules", &fault);
        }
        let faulty = fields.faulty();
        for (field, fault) in edit::taken_away(&tenant.policy, &before, &after) {
            if !faulty.contains(field) {
                fields.fault(field, &fault);
            }
        }
        fields.finish(Some(())).map_err(ApiError::Invalid)?;
        let mut refused = edit::refusals(&caller.powers, &tenant.policy, &before, &after, &book);
        let named = before.username != after.username;
        let mut person = None;
        if named && refused.iter().all(|(field, _)| *field != "username") {
            match person_of(ctx, caller, &before).await? {
                Ok(found) => person = Some(found),
                Err(refusal) => refused.push(("username", refusal)),
            }
        }
        if !refused.is_empty() {
            return Err(ApiError::RefusedFields(refused));
        }
        Ok(Self {
            before,
            after,
            person,
        })
    }
}

/// Completes what the change gives, and checks what it refers to.
async fn resolve(
    ctx: &Context,
    caller: &Caller,
    tenant: &Tenant,
    before: &User,
    after: &mut User,
    fields: &mut Fields,
) -> Result<RoleBook, ApiError> {
    if !edit::gives_anew(before, after) && before.groups == after.groups {
        return Ok(RoleBook::default());
    }
    let account = after.rights.account().cloned();
    let powers = &caller.powers;
    match references::resolve(ctx, powers, tenant, Some(before), after, account.as_ref()).await {
        Ok(book) => Ok(book),
        Err(ApiError::Invalid(errors)) => {
            fields.extend(errors);
            Ok(RoleBook::default())
        }
        Err(error) => Err(error),
    }
}

/// The person behind an active user, if no other company shares its username.
async fn person_of(
    ctx: &Context,
    caller: &Caller,
    user: &User,
) -> Result<Result<Person, Refusal>, ApiError> {
    let Some(email) = user.email.as_ref().map(Email::folded) else {
        return Ok(Err(Refusal::NotActive));
    };
    // The person first: whoever joins another company after that is no longer the person as read.
    let person = ctx.store.person(&email).await?;
    let joined = ctx.store.joined(&email).await?;
    if joined.iter().any(|tenant| *tenant != caller.tenant) {
        return Ok(Err(Refusal::PersonShared));
    }
    Ok(person.ok_or(Refusal::NotActive))
}

/// Writes the change in one transaction; the user as it is then.
async fn commit(
    ctx: &Context,
    caller: &Caller,
    edited: Edited,
    now: Timestamp,
) -> Result<User, ApiError> {
    let Edited {
        before,
        mut after,
        person,
    } = edited;
    let tenant = &caller.tenant;
    let mut transaction = Transaction::new(&ctx.store);
    transaction.edit_user(tenant, &before, &after, |refusal| refusal)?;
    transaction.leave_address(tenant, &before, &after);
    if let (Some(person), Some(username)) = (&person, &after.username) {
        transaction.rename_person(person, username, Refusal::Busy, Refusal::UsernameTaken)?;
    }
    let targets = vec![Target::changed(&before, &after)];
    let entry = caller.entry("users.edit", before.id.as_str(), targets, now);
    transaction.audit(tenant, &entry)?;
    let Err(failed) = transaction.commit().await? else {
        after.version = before.version + 1;
        return Ok(after);
    };
    let refusals: Vec<Refusal> = failed.into_iter().map(|failed| failed.tag).collect();
    if !refusals.contains(&Refusal::Busy) {
        return Err(refusals.into());
    }
    let present = ctx.store.user(tenant, &before.id).await?;
    let present = present.ok_or(ApiError::NotFound)?.version;
    Err(if present == before.version {
        Refusal::Busy.into()
    } else {
        ApiError::Outdated(present)
    })
}

/// Suspend users
///
/// 1 to 1000, at once: their seats are free, their codes and sessions work no more, standing invitations are withdrawn.
/// An owner is suspended alone, and only where the company's policy lets owners do so.
#[utoipa::path(post, path = "/v1/users/suspend", operation_id = "suspendUsers", tag = "Users", request_body = Barred,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, description = "User by user", body = Outcomes), (status = "4XX", description = "`invalid_fields`, `unauthenticated`, `forbidden`; of single users `user_not_found`, `user_deleted`, `not_yourself`, `owner_protected`, `last_owner`, `beyond_your_rights`, `busy`", body = Problem, content_type = "application/problem+json")))]
async fn suspend(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    take(ctx, request, Step::Suspend).await
}

/// Reactivate users
///
/// 1 to 1000. They can sign in again as before; seats that they gave up do not come back.
#[utoipa::path(post, path = "/v1/users/reactivate", operation_id = "reactivateUsers", tag = "Users", request_body = Barred,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, description = "User by user", body = Outcomes), (status = "4XX", description = "`invalid_fields`, `unauthenticated`, `forbidden`; of single users `user_not_found`, `user_deleted`, `not_yourself`, `owner_protected`, `beyond_your_rights`, `busy`", body = Problem, content_type = "application/problem+json")))]
async fn reactivate(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    take(ctx, request, Step::Reactivate).await
}

async fn take(ctx: &Context, request: &Request, step: Step) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    caller.require(step.permission())?;
    caller
        .once(ctx, request, async |caller| {
            let Barred { users } = http::parse_json(request)?;
            let users = user_ids(&users)?;
            let by = By {
                tenant: &caller.tenant,
                actor: &caller.user,
                powers: &caller.powers,
                seed: &caller.seed,
                now: ctx.clock.now(),
            };
            http::ok(&Outcomes::from(
                leaving::take(ctx, &by, step, &users).await?,
            ))
        })
        .await
}
