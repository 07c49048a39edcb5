//! Defines, changes and deletes the company's own roles, and shows all there are.

use std::collections::BTreeSet;

use jiff::Timestamp;
use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::audit::Target;
use muster_shared::domain::field::{Fault, Fields};
use muster_shared::domain::id::RoleId;
use muster_shared::domain::permission::{BuiltIn, Permission, Role, RoleDefinition};
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::text::Title;
use muster_shared::error::{ApiError, Problem};
use muster_shared::http::{self, Request, Response, time};
use muster_shared::lambda::Function;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{OpenApi, ToSchema};

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::http("roles", |ctx, request| Box::pin(handle(ctx, request)));

#[derive(OpenApi)]
#[openapi(paths(list, define, show, change, delete))]
struct Api;

/// The OpenAPI description of its routes.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// A role, as filled in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RoleForm {
    /// Its name; unique in the company.
    #[schema(example = "Dispatcher")]
    name: String,
    /// What it permits: only what the caller may do.
    #[schema(example = json!(["users.read", "licences.assign"]))]
    permissions: Vec<String>,
}

/// A role.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Role)]
struct RoleView {
    /// What users have in `roles`: `rol_…`, or a built-in role's name.
    #[schema(example = "rol_4zk0m7v2q8x1c9dj")]
    id: String,
    /// Its name.
    #[schema(example = "Dispatcher")]
    name: String,
    /// Whether every company has it; such a role never changes.
    built_in: bool,
    /// What it permits. `accounts.manage` covers the users in the accounts too.
    permissions: Vec<Permission>,
    /// When it was defined, RFC 3339; not of a built-in one.
    #[schema(format = DateTime)]
    created_at: Option<String>,
    /// When it was last changed, RFC 3339; not of a built-in one.
    #[schema(format = DateTime)]
    updated_at: Option<String>,
    /// Counts its changes; the `ETag`. Not of a built-in one.
    version: Option<u64>,
}

/// All roles that there are.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Roles {
    /// The built-in ones, then the company's own by name.
    roles: Vec<RoleView>,
}

impl From<BuiltIn> for RoleView {
    fn from(role: BuiltIn) -> Self {
        Self {
            id: role.as_str().to_owned(),
            name: role.as_str().to_owned(),
            built_in: true,
            permissions: role.permissions().to_vec(),
            created_at: None,
            updated_at: None,
            version: None,
        }
    }
}

impl From<&RoleDefinition> for RoleView {
    fn from(role: &RoleDefinition) -> Self {
        Self {
            id: role.id.to_string(),
            name: role.name.to_string(),
            built_in: false,
            permissions: role.permissions.iter().copied().collect(),
            created_at: Some(time(role.created_at)),
            updated_at: Some(time(role.updated_at)),
            version: Some(role.version),
        }
    }
}

async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    match http::route(&request).as_str() {
        "GET /v1/roles" => list(ctx, &request).await,
        "POST /v1/roles" => define(ctx, &request).await,
        "GET /v1/roles/{id}" => show(ctx, &request).await,
        "PUT /v1/roles/{id}" => change(ctx, &request).await,
        "DELETE /v1/roles/{id}" => delete(ctx, &request).await,
        _ => Err(ApiError::NotFound),
    }
}

/// List roles
///
/// The built-in ones and the company's own, with what they permit; for everybody who is signed in. A customer's people see
/// those that they could give.
#[utoipa::path(get, path = "/v1/roles", operation_id = "listRoles", tag = "Roles",
    responses((status = 200, description = "All roles", body = Roles), (status = "4XX", description = "`unauthenticated`", body = Problem, content_type = "application/problem+json")))]
async fn list(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    let defined = ctx.store.role_book(&caller.tenant).await?.by_name();
    let built_in = BuiltIn::ALL.into_iter().map(RoleView::from);
    let mut roles: Vec<RoleView> = built_in.chain(defined.iter().map(RoleView::from)).collect();
    roles.retain(|role| sees(&caller, &role.permissions));
    http::ok(&Roles { roles })
}

/// Show a role
#[utoipa::path(get, path = "/v1/roles/{id}", operation_id = "showRole", tag = "Roles", params(("id" = String, Path, description = "The role: `rol_…`, or a built-in role's name")),
    responses((status = 200, description = "The role", body = RoleView, headers(("ETag" = Option<String>, description = "The version; a built-in role has none"))), (status = "4XX", description = "`not_found`, `unauthenticated`", body = Problem, content_type = "application/problem+json")))]
async fn show(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    match http::path_id(request, "id", Role::parse)? {
        Role::BuiltIn(role) => http::ok(&RoleView::from(role)),
        Role::Defined(id) => {
            let role = ctx.store.role(&caller.tenant, &id).await?;
            let role = role.filter(|role| sees(&caller, &role.permissions));
            shown(&role.ok_or(ApiError::NotFound)?)
        }
    }
}

/// Whether the caller sees a role that permits this: a customer's people see what they could give, the company's own
/// people all.
fn sees<'p>(caller: &Caller, permissions: impl IntoIterator<Item = &'p Permission>) -> bool {
    let powers = &caller.powers;
    let mut permissions = permissions.into_iter();
    powers.account.is_none() || permissions.all(|permission| powers.permit(*permission))
}

/// Define a role
///
/// At most 100, and with no permission that the caller does not hold.
#[utoipa::path(post, path = "/v1/roles", operation_id = "defineRole", tag = "Roles", request_body = RoleForm,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 201, description = "The role", body = RoleView, headers(("ETag" = String, description = "The version"), ("Location" = String, description = "The role"))), (status = "4XX", description = "`invalid_fields`, `name_taken`, `too_many_roles`, `beyond_your_rights`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn define(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    caller.require(Permission::RolesManage)?;
    caller
        .once(ctx, request, async |caller| {
            let now = ctx.clock.now();
            let (name, permissions) = http::parse_json::<RoleForm>(request)?.read()?;
            within_rights(&caller, &permissions)?;
            let role = RoleDefinition {
                id: RoleId::derive(&caller.seed),
                name,
                permissions,
                created_at: now,
                updated_at: now,
                version: 1,
            };
            let target = Target::of(&role.id).after(facts(&role));
            let entry = caller.entry("roles.define", "", vec![target], now);
            let role = (ctx.store)
                .define_role(&caller.tenant, &role, &entry)
                .await??;
            let place = format!("/v1/roles/{}", role.id);
            http::created_tagged(&place, &RoleView::from(&role), role.version)
        })
        .await
}

/// Change a role
///
/// Whoever has it may do so much from then on. Nobody changes a role that they have themselves.
#[utoipa::path(put, path = "/v1/roles/{id}", operation_id = "changeRole", tag = "Roles", request_body = RoleForm,
    params(("id" = String, Path, description = "The role"), ("If-Match" = String, Header, description = "The version that is changed, as its `ETag` shows it")),
    responses((status = 200, description = "The role", body = RoleView, headers(("ETag" = String, description = "The version"))), (status = "4XX", description = "`precondition_required`, `precondition_failed`, `invalid_fields`, `name_taken`, `built_in_role`, `not_yourself`, `beyond_your_rights`, `not_found`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn change(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    caller.require(Permission::RolesManage)?;
    let before = in_hand(ctx, &caller, request).await?;
    let version = http::if_match(request)?;
    let (name, permissions) = http::parse_json::<RoleForm>(request)?.read()?;
    if before.version != version {
        return Err(ApiError::PreconditionFailed);
    }
    within_rights(&caller, &permissions)?;
    let after = RoleDefinition {
        name,
        permissions,
        ..before.clone()
    };
    if after == before {
        return shown(&before);
    }
    let after = changed(after, ctx.clock.now());
    let target = Target::altered(&before.id, facts(&before), facts(&after));
    let entry = caller.entry("roles.change", "", vec![target], after.updated_at);
    (ctx.store)
        .change_role(&caller.tenant, &before, &after, &entry)
        .await??;
    shown(&after)
}

/// Delete a role
///
/// From then on it permits nothing to whoever has it; its id stays on them, without effect, until their roles are next
/// changed. Nobody deletes a role that they have themselves.
#[utoipa::path(delete, path = "/v1/roles/{id}", operation_id = "deleteRole", tag = "Roles", params(("id" = String, Path, description = "The role")),
    responses((status = 204, description = "It is deleted"), (status = "4XX", description = "`built_in_role`, `not_yourself`, `beyond_your_rights`, `busy`, `not_found`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn delete(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    caller.require(Permission::RolesManage)?;
    let role = in_hand(ctx, &caller, request).await?;
    let target = Target::of(&role.id).before(facts(&role));
    let entry = caller.entry("roles.delete", "", vec![target], ctx.clock.now());
    let deleted = ctx.store.delete_role(&caller.tenant, &role, &entry).await?;
    deleted.map_err(|_| Refusal::Busy)?;
    Ok(http::no_content())
}

/// The role of the path, if the caller may change and delete it.
async fn in_hand(
    ctx: &Context,
    caller: &Caller,
    request: &Request,
) -> Result<RoleDefinition, ApiError> {
    let Role::Defined(id) = http::path_id(request, "id", Role::parse)? else {
        return Err(ApiError::WrongState {
            code: "built_in_role",
            message: "A built-in role cannot be changed or deleted.",
        });
    };
    let role = ctx.store.role(&caller.tenant, &id).await?;
    let role = role.ok_or(ApiError::NotFound)?;
    let own = ctx.store.user(&caller.tenant, &caller.user).await?;
    let has = |roles: &BTreeSet<Role>| roles.contains(&Role::Defined(id));
    if own.is_some_and(|own| has(&own.rights.roles)) {
        return Err(Refusal::NotYourself.into());
    }
    within_rights(caller, &role.permissions)?;
    Ok(role)
}

fn within_rights(caller: &Caller, permissions: &BTreeSet<Permission>) -> Result<(), ApiError> {
    if caller.powers.may_define(permissions) {
        Ok(())
    } else {
        Err(Refusal::BeyondYourRights.into())
    }
}

fn changed(role: RoleDefinition, now: Timestamp) -> RoleDefinition {
    RoleDefinition {
        updated_at: now,
        version: role.version + 1,
        ..role
    }
}

/// What the audit trail tells of a role.
fn facts(role: &RoleDefinition) -> Value {
    json!({ "name": role.name, "permissions": role.permissions })
}

fn shown(role: &RoleDefinition) -> Result<Response, ApiError> {
    http::tagged(&RoleView::from(role), role.version)
}

impl RoleForm {
    fn read(&self) -> Result<(Title, BTreeSet<Permission>), ApiError> {
        let mut fields = Fields::new();
        let name = fields.take("name", Title::parse(&self.name));
        let built_in = |name: &Title| {
            let mut names = BuiltIn::ALL.iter();
            names.any(|role| role.as_str() == name.folded())
        };
        if name.as_ref().is_some_and(built_in) {
            let fault = Fault::new("name_taken", "is that of a built-in role");
            fields.fault("name", &fault);
        }
        let most = Permission::ALL.len();
        let permissions = http::forms::ids(
            &mut fields,
            "permissions",
            &self.permissions,
            most,
            Permission::parse,
        );
        if self.permissions.is_empty() {
            let fault = Fault::new("required", "must name one permission at least");
            fields.fault("permissions", &fault);
        }
        let read = name.map(|name| (name, permissions));
        fields.finish(read).map_err(ApiError::Invalid)
    }
}
