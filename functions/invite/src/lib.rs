//! Invites users in bulk, or a new person by e-mail in one go.

use jiff::Timestamp;
use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::field::{Fault, Fields};
use muster_shared::domain::id::UserId;
use muster_shared::domain::permission::{BuiltIn, Class, Permission};
use muster_shared::domain::tenant::Tenant;
use muster_shared::domain::throttle::Spending;
use muster_shared::error::{ApiError, Internal, Problem};
use muster_shared::http::accounts::{AccountForm, NewAccount, Opening};
use muster_shared::http::adding::{self, Adding};
use muster_shared::http::forms::{NewUser, UserForm, user_ids};
use muster_shared::http::views::{Outcomes, UserView};
use muster_shared::http::{self, Request, Response};
use muster_shared::lambda::Function;
use muster_shared::store::invitations::Inviting;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::http("invite", |ctx, request| Box::pin(handle(ctx, request)));

#[derive(OpenApi)]
#[openapi(paths(handle))]
struct Api;

/// The OpenAPI description of its route.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// Whom to invite: users of the list, or a new person, who may get a new account. Users or person, not both.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Invite {
    /// Ids of users, 1 to 1000.
    #[schema(value_type = Option<Vec<UserId>>, min_items = 1, max_items = 1000)]
    users: Option<Vec<String>>,
    /// A person who is not in the list yet; needs an e-mail address. `invite` is taken for granted. With `account`, or
    /// here `account`, class and roles may be left out: the first user of a client or subsidiary is an account owner,
    /// everybody else a driver.
    person: Option<UserForm>,
    /// An account made at the same time, with the person as its first user: a client, or a sub-account.
    account: Option<AccountForm>,
}

/// What inviting came to.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
enum Invited {
    /// User by user.
    Users(Outcomes),
    /// The person added and invited.
    Person(Box<UserView>),
}

/// Invite
///
/// Users of the list in bulk, or a new person by e-mail in one go: one of the company's own people, an end user in an
/// account, or the first user of a client's or sub-account's new account, which is made together with the person or not
/// at all. Each gets a mail with a link good for one use; its time counts from the moment the mail is sent. A user whose
/// invitation stands already is left as it is.
#[utoipa::path(post, path = "/v1/invitations", operation_id = "invite", tag = "Invitations", request_body = Invite,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, description = "User by user", body = Invited), (status = 201, description = "The person added and invited", body = UserView, headers(("ETag" = String, description = "The version"), ("Location" = String, description = "The user"))), (status = "4XX", description = "`invalid_fields`, `email_taken`, `external_id_taken`, `no_seats_left`, `product_not_found`, `no_email`, `beyond_your_rights`, `account_name_taken`, `account_not_found`, `too_many_requests`, `unauthenticated`, `forbidden`; of single users also `user_not_found`, `user_deleted`, `user_suspended`, `already_active`, `too_many_invitations`, `no_invitations_left`, `busy`", body = Problem, content_type = "application/problem+json")))]
async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, &request).await?;
    caller.require(Permission::UsersInvite)?;
    caller
        .once(ctx, &request, async |caller| {
            match http::parse_json(&request)? {
                Invite {
                    users: Some(users),
                    person: None,
                    account: None,
                } => invite_users(ctx, &caller, &users).await,
                Invite {
                    users: None,
                    person: Some(person),
                    account,
                } => invite_person(ctx, &caller, person, account).await,
                Invite {
                    users: Some(_),
                    person: None,
                    account: Some(_),
                } => Err(ApiError::field(
                    "account",
                    &Fault::new("not_for_users", "is made for a new person only"),
                )),
                Invite { .. } => Err(ApiError::field(
                    "users",
                    &Fault::new("required", "or person is required, and not both"),
                )),
            }
        })
        .await
}

async fn invite_users(
    ctx: &Context,
    caller: &Caller,
    users: &[String],
) -> Result<Response, ApiError> {
    let users = user_ids(users)?;
    let tenant = tenant(ctx, caller).await?;
    let inviting = Inviting {
        tenant: &caller.tenant,
        inviter: &caller.user,
        powers: &caller.powers,
        seed: &caller.seed,
        again: false,
        invitations: Spending::of(tenant.invitations()),
        now: ctx.clock.now(),
    };
    let done = ctx
        .store
        .change_each(&caller.tenant, &users, inviting)
        .await?;
    http::ok(&Outcomes::from(done))
}

async fn invite_person(
    ctx: &Context,
    caller: &Caller,
    person: UserForm,
    account: Option<AccountForm>,
) -> Result<Response, ApiError> {
    caller.require(Permission::UsersWrite)?;
    if account.is_some() && !caller.powers.permit(Permission::AccountsManage) {
        return Err(ApiError::Forbidden);
    }
    let tenant = tenant(ctx, caller).await?;
    let now = ctx.clock.now();
    let (new, account) = read(person, account.as_ref(), &tenant, now)?;
    let opening = Opening {
        powers: &caller.powers,
        tenant: &tenant,
        seed: &caller.seed,
        at: "account.",
        now,
    };
    let opens = match account {
        Some(account) => Some(opening.account(ctx, account).await?),
        None => None,
    };
    let adding = Adding {
        powers: &caller.powers,
        actor: &caller.user,
        tenant: &tenant,
        seed: &caller.seed,
        invite: true,
        opens: opens.as_ref(),
        now,
    };
    let user = adding::add(ctx, &adding, new).await?;
    http::created_tagged(
        &format!("/v1/users/{}", user.id),
        &UserView::new(&user, now, caller.powers.permit(Permission::LicencesAssign)),
        user.version,
    )
}

async fn tenant(ctx: &Context, caller: &Caller) -> Result<Tenant, ApiError> {
    let tenant = ctx.store.tenant(&caller.tenant).await?;
    Ok(tenant.ok_or(Internal::Broken("the token's tenant is gone"))?)
}

/// Reads both forms, so that one answer names every faulty field of either.
fn read(
    person: UserForm,
    account: Option<&AccountForm>,
    tenant: &Tenant,
    now: Timestamp,
) -> Result<(NewUser, Option<NewAccount>), ApiError> {
    let mut fields = Fields::new();
    let in_account = person.account.is_some();
    let account = account.map(|form| form.read(&mut fields, "account.", tenant, now));
    if account.is_some() && in_account {
        let fault = Fault::new("too_many", "cannot be given together with a new account");
        fields.fault("person.account", &fault);
    }
    let account = account.flatten();
    let person = match &account {
        Some(account) => person.within_account(account.kind.first_user()),
        None if in_account => person.within_account((Class::Limited, BuiltIn::Driver)),
        None => person,
    };
    let new = person.read_with(&mut fields, &tenant.policy);
    fields
        .finish(Some((new, account)))
        .map_err(ApiError::Invalid)
}
