//! Shows and changes the company's settings.

use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::audit::Target;
use muster_shared::domain::field::Fields;
use muster_shared::domain::id::TenantId;
use muster_shared::domain::permission::{Class, Permission};
use muster_shared::domain::tenant::{Policy, Tenant};
use muster_shared::domain::text::{Currency, Locale, Title};
use muster_shared::error::{ApiError, Problem};
use muster_shared::http::{self, Request, Response, time};
use muster_shared::lambda::Function;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{OpenApi, ToSchema};

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::http("tenant", |ctx, request| Box::pin(handle(ctx, request)));

#[derive(OpenApi)]
#[openapi(paths(show, change))]
struct Api;

/// The OpenAPI description of its routes.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// What to change; what is lacking stays.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TenantForm {
    /// The company's name.
    name: Option<String>,
    /// The language of its mails where the recipient has none, as a BCP 47 tag.
    #[schema(example = "de")]
    locale: Option<String>,
    /// The currency of its rates, as an ISO 4217 code.
    #[schema(example = "EUR")]
    currency: Option<String>,
    /// Fields of the policy; null is the default. `own_email` and `owner_demotion` are changed by support only, because
    /// they protect owners from each other, `standard_sees` by owners.
    #[schema(value_type = Option<Policy>)]
    policy: Option<Map<String, Value>>,
}

/// The company.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Tenant)]
struct TenantView {
    /// Its id.
    #[schema(example = "tnt_0zk0m7v2q8x1c9dj")]
    id: String,
    /// Its name.
    #[schema(example = "Northwind Haulage")]
    name: String,
    /// The language of its mails where the recipient has none.
    locale: String,
    /// The currency of its rates.
    currency: String,
    /// What it does otherwise than other companies.
    policy: Policy,
    /// When it was last changed, RFC 3339.
    #[schema(format = DateTime)]
    updated_at: Option<String>,
    /// Counts its changes; the `ETag`.
    version: u64,
}

impl From<&Tenant> for TenantView {
    fn from(tenant: &Tenant) -> Self {
        Self {
            id: tenant.id.to_string(),
            name: tenant.name.to_string(),
            locale: tenant.locale.to_string(),
            currency: tenant.currency.to_string(),
            policy: tenant.policy.clone(),
            updated_at: tenant.updated_at.map(time),
            version: tenant.version,
        }
    }
}

async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    match http::route(&request).as_str() {
        "GET /v1/tenant" => show(ctx, &request).await,
        "PATCH /v1/tenant" => change(ctx, &request).await,
        _ => Err(ApiError::NotFound),
    }
}

/// Show the company
///
/// Name, language, currency and policy; for everybody who is signed in.
#[utoipa::path(get, path = "/v1/tenant", operation_id = "showTenant", tag = "Company",
    responses((status = 200, description = "The company", body = TenantView, headers(("ETag" = String, description = "The version"))), (status = "4XX", description = "`unauthenticated`", body = Problem, content_type = "application/problem+json")))]
async fn show(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    shown(&read(ctx, &caller.tenant).await?)
}

/// Change the company
///
/// Its settings count from then on; what was set under earlier ones stays as it is.
#[utoipa::path(patch, path = "/v1/tenant", operation_id = "changeTenant", tag = "Company", request_body = TenantForm,
    params(("If-Match" = String, Header, description = "The version that is changed, as its `ETag` shows it")),
    responses((status = 200, description = "The company", body = TenantView, headers(("ETag" = String, description = "The version"))), (status = "4XX", description = "`precondition_required`, `precondition_failed`, `invalid_fields`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn change(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    caller.require(Permission::TenantManage)?;
    let version = http::if_match(request)?;
    let form: TenantForm = http::parse_json(request)?;
    let before = read(ctx, &caller.tenant).await?;
    let after = form.applied(&before, caller.powers.class)?;
    if before.version != version {
        return Err(ApiError::PreconditionFailed);
    }
    if after == before {
        return shown(&before);
    }
    let now = ctx.clock.now();
    let after = Tenant {
        updated_at: Some(now),
        ..after
    };
    let target = Target::altered(&before.id, facts(&before), facts(&after));
    let entry = caller.entry("tenants.change", "", vec![target], now);
    if !ctx.store.change_tenant(&before, &after, &entry).await? {
        return Err(ApiError::PreconditionFailed);
    }
    shown(&Tenant {
        version: before.version + 1,
        ..after
    })
}

/// The caller's own tenant; its token names no other.
async fn read(ctx: &Context, tenant: &TenantId) -> Result<Tenant, ApiError> {
    let tenant = ctx.store.tenant(tenant).await?;
    tenant.ok_or(ApiError::NotFound)
}

fn shown(tenant: &Tenant) -> Result<Response, ApiError> {
    http::tagged(&TenantView::from(tenant), tenant.version)
}

/// What the audit trail tells of a tenant.
fn facts(tenant: &Tenant) -> Value {
    json!({ "name": tenant.name, "locale": tenant.locale, "currency": tenant.currency, "policy": tenant.policy })
}

impl TenantForm {
    fn applied(&self, tenant: &Tenant, class: Class) -> Result<Tenant, ApiError> {
        let mut fields = Fields::new();
        let mut after = tenant.clone();
        if let Some(text) = &self.name {
            after.name = fields
                .take("name", Title::parse(text))
                .unwrap_or(after.name);
        }
        if let Some(text) = &self.locale {
            let locale = fields.take("locale", Locale::parse(text));
            after.locale = locale.unwrap_or(after.locale);
        }
        if let Some(text) = &self.currency {
            let currency = fields.take("currency", Currency::parse(text));
            after.currency = currency.unwrap_or(after.currency);
        }
        if let Some(changes) = &self.policy {
            match after.policy.with(changes) {
                Ok(policy) => {
                    for (field, fault) in tenant.policy.guarded(&policy, class) {
                        fields.fault(&format!("policy.{field}"), &fault);
                    }
                    after.policy = policy;
                }
                Err(faults) => {
                    for (field, fault) in faults {
                        fields.fault(&format!("policy.{field}"), &fault);
                    }
                }
            }
        }
        fields.finish(Some(after)).map_err(ApiError::Invalid)
    }
}
