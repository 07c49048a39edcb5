//! Keeps the accounts of the company's customers, with their sub-accounts and reimbursement rates.

use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::account::{Account, AccountKind};
use muster_shared::domain::audit::{Entry, Target};
use muster_shared::domain::field::{Fault, Fields};
use muster_shared::domain::id::AccountId;
use muster_shared::domain::permission::Permission;
use muster_shared::domain::powers::Sight;
use muster_shared::domain::rate::{self, Rate};
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::tenant::Tenant;
use muster_shared::domain::text::{MOST_FOLDED, Title, fold};
use muster_shared::error::{ApiError, Internal, Problem};
use muster_shared::http::accounts::{AccountForm, AccountView, HolderForm, Opening, RateForm};
use muster_shared::http::{self, Request, Response};
use muster_shared::lambda::Function;
use muster_shared::store::accounts::{Edited, ListedAccounts, Opened};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::http("accounts", |ctx, request| Box::pin(handle(ctx, request)));

#[derive(OpenApi)]
#[openapi(paths(list, create, one, edit, add_rate, delete))]
struct Api;

/// The OpenAPI description of its routes.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    match http::route(&request).as_str() {
        "GET /v1/accounts" => list(ctx, &request).await,
        "POST /v1/accounts" => create(ctx, &request).await,
        "GET /v1/accounts/{id}" => one(ctx, &request).await,
        "PATCH /v1/accounts/{id}" => edit(ctx, &request).await,
        "POST /v1/accounts/{id}/rates" => add_rate(ctx, &request).await,
        "DELETE /v1/accounts/{id}" => delete(ctx, &request).await,
        _ => Err(ApiError::NotFound),
    }
}

/// Which accounts, and from where on.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct List {
    /// Those right below this account; lacking: the clients, or an account owner's own account.
    parent: Option<String>,
    /// Only accounts whose name begins so.
    name: Option<String>,
    /// How many at most: 1 to 100, by default 50.
    #[param(minimum = 1, maximum = 100)]
    #[serde(default, deserialize_with = "http::whole_number")]
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A page of accounts.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct AccountPage {
    /// The accounts.
    accounts: Vec<AccountView>,
    /// Where the next page begins.
    next: Option<String>,
}

struct Query {
    parent: Option<AccountId>,
    name: String,
    after: Option<String>,
    limit: i32,
}

impl List {
    fn read(&self) -> Result<Query, ApiError> {
        let mut fields = Fields::new();
        let parent = fields.optional("parent", self.parent.as_deref(), AccountId::parse);
        let after = fields.optional("cursor", self.cursor.as_deref(), cursor);
        let name = fold(self.name.as_deref().unwrap_or_default());
        if name.len() > MOST_FOLDED {
            fields.fault("name", &Fault::new("too_long", "is longer than any can be"));
        }
        let limit = self.limit.unwrap_or(50);
        if !(1..=100).contains(&limit) {
            fields.fault("limit", &Fault::new("out_of_range", "must be 1 to 100"));
        }
        let query = Query {
            parent,
            name,
            after,
            limit: i32::try_from(limit).unwrap_or(100),
        };
        fields.finish(Some(query)).map_err(ApiError::Invalid)
    }
}

/// Reads a cursor: the folded name where the page before ended.
fn cursor(text: &str) -> Result<String, Fault> {
    http::cursor_within(text, MOST_FOLDED)
}

/// List accounts
///
/// Level by level, in name order: the clients, or the accounts right below one. An account owner begins at its own.
#[utoipa::path(get, path = "/v1/accounts", operation_id = "listAccounts", tag = "Accounts", params(List),
    responses((status = 200, description = "A page of accounts", body = AccountPage), (status = "4XX", description = "`invalid_fields`, `not_found`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn list(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = looking(ctx, request).await?;
    let query = http::parse_query::<List>(request)?.read()?;
    let ListedAccounts { accounts, next } = match (&query.parent, &caller.powers.sight) {
        (None, Sight::Account(own)) => own_account(ctx, &caller, own, &query).await?,
        (parent, _) => {
            if let Some(parent) = parent {
                let _ = seen(ctx, &caller, parent).await?;
            }
            let Query {
                name, after, limit, ..
            } = &query;
            (ctx.store)
                .accounts_below(
                    &caller.tenant,
                    parent.as_ref(),
                    name,
                    after.as_deref(),
                    *limit,
                )
                .await?
        }
    };
    let now = ctx.clock.now();
    let views = accounts
        .iter()
        .map(|account| AccountView::new(account, now));
    http::ok(&AccountPage {
        accounts: views.collect(),
        next: next.as_deref().map(http::next),
    })
}

/// The one account that an account owner's list begins with.
async fn own_account(
    ctx: &Context,
    caller: &Caller,
    own: &AccountId,
    query: &Query,
) -> Result<ListedAccounts, ApiError> {
    let own = ctx.store.account(&caller.tenant, own).await?;
    let own = own.filter(|own| {
        let name = own.name.folded();
        name.starts_with(&query.name) && query.after.as_ref().is_none_or(|after| name > *after)
    });
    Ok(ListedAccounts {
        accounts: own.into_iter().collect(),
        next: None,
    })
}

/// Make an account
///
/// A client, or a sub-account below an account that the caller manages; without users.
/// [Inviting](#operation/invite) makes one together with its first user.
#[utoipa::path(post, path = "/v1/accounts", operation_id = "createAccount", tag = "Accounts", request_body = AccountForm,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 201, description = "The account", body = AccountView, headers(("ETag" = String, description = "The version"), ("Location" = String, description = "The account"))), (status = "4XX", description = "`invalid_fields`, `account_name_taken`, `account_not_found`, `busy`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn create(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = managing(ctx, request).await?;
    caller
        .once(ctx, request, async |caller| {
            let form: AccountForm = http::parse_json(request)?;
            let (tenant, now) = (tenant(ctx, &caller).await?, ctx.clock.now());
            let mut fields = Fields::new();
            let new = form.read(&mut fields, "", &tenant, now);
            let opening = Opening {
                powers: &caller.powers,
                tenant: &tenant,
                seed: &caller.seed,
                at: "",
                now,
            };
            let new = fields.finish(new).map_err(ApiError::Invalid)?;
            let account = opening.account(ctx, new).await?;
            let entry = entry(ctx, &caller, "accounts.create", None, Some(&account));
            let opened = ctx.store.open_account(&tenant.id, &account, &entry).await?;
            let account = match opened {
                Opened::Opened => account,
                Opened::Before(account) => *account,
                Opened::Refused(refusal) => return Err(refusal.into()),
            };
            let location = format!("/v1/accounts/{}", account.id);
            http::created_tagged(&location, &AccountView::new(&account, now), account.version)
        })
        .await
}

/// Show an account
///
/// With all its rates. The `ETag` is what an edit names in `If-Match`.
#[utoipa::path(get, path = "/v1/accounts/{id}", operation_id = "showAccount", tag = "Accounts", params(("id" = AccountId, Path, description = "The account")),
    responses((status = 200, description = "The account", body = AccountView, headers(("ETag" = String, description = "The version"))), (status = "4XX", description = "`not_found`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn one(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = looking(ctx, request).await?;
    let account = named(ctx, &caller, request).await?;
    shown(ctx, &account)
}

/// What may be changed of an account; what is left out stays. Kind and parent never change.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AccountEdit {
    /// Its name; unique among the accounts beside it.
    #[schema(example = "Fast Wheels")]
    name: Option<String>,
    /// Who stands behind it, as a whole.
    holder: Option<HolderForm>,
}

impl AccountEdit {
    fn apply(&self, account: &Account) -> Result<Account, ApiError> {
        let mut fields = Fields::new();
        let name = self.name.as_deref();
        let name = name.and_then(|name| fields.take("name", Title::parse(name)));
        let holder = self.holder.as_ref();
        let holder = holder.and_then(|holder| holder.read(&mut fields, "holder"));
        let mut after = account.clone();
        after.name = name.unwrap_or(after.name);
        after.holder = holder.unwrap_or(after.holder);
        fields.finish(Some(after)).map_err(ApiError::Invalid)
    }
}

/// Edit an account
///
/// Its name and who stands behind it. An account owner edits its own account too, but is called by others: a name must
/// not be one that another account beside it has, which it does not see.
#[utoipa::path(patch, path = "/v1/accounts/{id}", operation_id = "editAccount", tag = "Accounts", request_body = AccountEdit,
    params(("id" = AccountId, Path, description = "The account"), ("If-Match" = String, Header, description = "The `ETag` of the version that is edited")),
    responses((status = 200, description = "The account", body = AccountView, headers(("ETag" = String, description = "The version"))), (status = "4XX", description = "`invalid_fields`, `not_found`, `account_name_taken`, `beyond_your_rights`, `precondition_failed`, `precondition_required`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn edit(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = managing(ctx, request).await?;
    let before = named(ctx, &caller, request).await?;
    let version = http::if_match(request)?;
    let form: AccountEdit = http::parse_json(request)?;
    if version != before.version {
        return Err(ApiError::PreconditionFailed);
    }
    let mut after = form.apply(&before)?;
    if after == before {
        return shown(ctx, &before);
    }
    if after.name != before.name && !caller.powers.manages_from_above(&before.path) {
        let beyond = vec![("name", Refusal::BeyondYourRights)];
        return Err(ApiError::RefusedFields(beyond));
    }
    after.updated_at = ctx.clock.now();
    let entry = entry(ctx, &caller, "accounts.edit", Some(&before), Some(&after));
    let edited = ctx
        .store
        .edit_account(&caller.tenant, &before, &after, &entry)
        .await?;
    match edited {
        Edited::Edited => {
            after.version += 1;
            shown(ctx, &after)
        }
        Edited::Changed => Err(ApiError::PreconditionFailed),
        Edited::NameTaken => Err(Refusal::AccountNameTaken.into()),
    }
}

/// How often a rate is added anew because the account changed meanwhile.
const TRIES: u32 = 5;

/// Add a reimbursement rate
///
/// Of a sub-account, by whoever manages the account above it: they agree on it. It is in force from its first day on,
/// which is today or later. One that has not begun is replaced by another for the same day; one in force, or past, is
/// never rewritten.
#[utoipa::path(post, path = "/v1/accounts/{id}/rates", operation_id = "addRate", tag = "Accounts", request_body = RateForm,
    params(("id" = AccountId, Path, description = "The account"), ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, description = "The account with its rates", body = AccountView, headers(("ETag" = String, description = "The version"))), (status = "4XX", description = "`invalid_fields`, `not_found`, `busy`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn add_rate(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = managing(ctx, request).await?;
    caller
        .once(ctx, request, async |caller| {
            let form: RateForm = http::parse_json(request)?;
            let (tenant, now) = (tenant(ctx, &caller).await?, ctx.clock.now());
            let mut fields = Fields::new();
            let rate = form.read(&mut fields, "", &tenant, now);
            let rate = fields.finish(rate).map_err(ApiError::Invalid)?;
            for _ in 0..TRIES {
                let before = named(ctx, &caller, request).await?;
                let Some(after) = with_rate(&caller, &before, &rate)? else {
                    return shown(ctx, &before);
                };
                let entry = entry(ctx, &caller, "accounts.rate", Some(&before), Some(&after));
                let edited = ctx
                    .store
                    .edit_account(&tenant.id, &before, &after, &entry)
                    .await?;
                if edited == Edited::Edited {
                    let version = before.version + 1;
                    return shown(ctx, &Account { version, ..after });
                }
            }
            Err(Refusal::Busy.into())
        })
        .await
}

/// The account with a rate among its rates; `None` if it is there already.
fn with_rate(caller: &Caller, account: &Account, rate: &Rate) -> Result<Option<Account>, ApiError> {
    if !caller.powers.manages_from_above(&account.path) {
        return Err(ApiError::Forbidden);
    }
    if account.kind == AccountKind::Client {
        let fault = Fault::new("not_for_client", "is for sub-accounts only");
        return Err(ApiError::field("per_kwh", &fault));
    }
    let today = rate::today(rate.set_at);
    let rates = account.rates.with(rate.clone(), today);
    let rates = rates.map_err(|fault| ApiError::field("from", &fault))?;
    Ok(rates.map(|rates| Account {
        rates,
        updated_at: rate.set_at,
        ..account.clone()
    }))
}

/// Delete an account
///
/// By whoever manages the account above it; refused while users are in it or sub-accounts below it. Deleted users do not
/// count; restored ones are refused if their account is gone.
#[utoipa::path(delete, path = "/v1/accounts/{id}", operation_id = "deleteAccount", tag = "Accounts", params(("id" = AccountId, Path, description = "The account")),
    responses((status = 204, description = "It is gone"), (status = "4XX", description = "`not_found`, `account_not_empty`, `busy`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn delete(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = managing(ctx, request).await?;
    let account = named(ctx, &caller, request).await?;
    if !caller.powers.manages_from_above(&account.path) {
        return Err(ApiError::Forbidden);
    }
    let entry = entry(ctx, &caller, "accounts.delete", Some(&account), None);
    ctx.store
        .close_account(&caller.tenant, &account, entry.id.as_str(), &entry)
        .await??;
    Ok(http::no_content())
}

/// A caller who sees accounts.
async fn looking(ctx: &Context, request: &Request) -> Result<Caller, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    if caller.powers.see_accounts() {
        Ok(caller)
    } else {
        Err(ApiError::Forbidden)
    }
}

/// A caller who manages accounts.
async fn managing(ctx: &Context, request: &Request) -> Result<Caller, ApiError> {
    let caller = looking(ctx, request).await?;
    caller.require(Permission::AccountsManage)?;
    Ok(caller)
}

/// The account in the path, if the caller sees it.
async fn named(ctx: &Context, caller: &Caller, request: &Request) -> Result<Account, ApiError> {
    let id = http::path_id(request, "id", AccountId::parse)?;
    seen(ctx, caller, &id).await
}

async fn seen(ctx: &Context, caller: &Caller, id: &AccountId) -> Result<Account, ApiError> {
    let account = ctx.store.account(&caller.tenant, id).await?;
    account
        .filter(|account| caller.powers.sees_account(&account.path))
        .ok_or(ApiError::NotFound)
}

async fn tenant(ctx: &Context, caller: &Caller) -> Result<Tenant, ApiError> {
    let tenant = ctx.store.tenant(&caller.tenant).await?;
    Ok(tenant.ok_or(Internal::Broken("the token's tenant is gone"))?)
}

fn shown(ctx: &Context, account: &Account) -> Result<Response, ApiError> {
    let view = AccountView::new(account, ctx.clock.now());
    http::tagged(&view, account.version)
}

fn entry(
    ctx: &Context,
    caller: &Caller,
    operation: &str,
    before: Option<&Account>,
    after: Option<&Account>,
) -> Entry {
    let targets = vec![Target::account(before, after)];
    caller.entry(operation, "", targets, ctx.clock.now())
}
