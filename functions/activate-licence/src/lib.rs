//! An app redeems its licence code.

use muster_shared::context::Context;
use muster_shared::domain::audit::{Actor, Entry, Target};
use muster_shared::domain::field::Fields;
use muster_shared::domain::id::{AuditId, Seed};
use muster_shared::domain::licence::{Code, Redemption};
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::text::Device;
use muster_shared::domain::user::{Kind, User};
use muster_shared::error::{ApiError, Problem};
use muster_shared::http::{self, Request, Response};
use muster_shared::lambda::{self, Function};
use muster_shared::store::tenants::CodeHolder;
use muster_shared::store::transaction::Transaction;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

/// What runs, and how it is triggered.
pub const FUNCTION: Function = Function::http("activate-licence", |ctx, request| {
    Box::pin(handle(ctx, request))
});

#[derive(OpenApi)]
#[openapi(paths(handle))]
struct Api;

/// The OpenAPI description of its route.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// An app that activates its licence.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Redeem {
    /// The code from the mail or the console; case, spaces and dashes do not matter.
    #[schema(example = "7K3Q-9ZAB-0C1D-2E3F")]
    code: String,
    /// What the device calls itself; the same device may redeem again.
    #[schema(example = "Cab tablet 12")]
    device: String,
}

/// The licence is activated.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Redeemed {
    /// The product.
    product: String,
    /// Its name.
    product_name: String,
    /// The user whose licence it is.
    user: String,
    /// What the user is.
    kind: Kind,
    /// What the user is called.
    name: String,
    /// When the licence was activated, RFC 3339.
    #[schema(format = DateTime)]
    activated_at: String,
}

/// Activate a licence
///
/// Called by the app with the code that the user was given. Needs no access token: the code is the credential.
#[utoipa::path(post, path = "/v1/licences/activate", operation_id = "activateLicence", tag = "Licences", request_body = Redeem, security(()),
    responses((status = 200, description = "The licence is activated", body = Redeemed), (status = "4XX", description = "`not_found`, `code_used`, `user_suspended`, `invalid_fields`, `malformed_request`, `busy`", body = Problem, content_type = "application/problem+json")))]
async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    let Redeem { code, device } = http::parse_json(&request)?;
    let mut fields = Fields::new();
    let code = fields.required("code", Some(&code), Code::parse);
    let device = fields.required("device", Some(&device), Device::parse);
    let (code, device) = fields.finish(code.zip(device)).map_err(ApiError::Invalid)?;
    let holder = ctx
        .store
        .code_holder(&code)
        .await?
        .ok_or(ApiError::NotFound)?;
    lambda::concerns(&holder.tenant, Some(&holder.user));
    let product = ctx
        .store
        .product(&holder.tenant, &holder.product)
        .await?
        .ok_or(ApiError::NotFound)?;
    let (user, activated_at) = redeem(ctx, &holder, &code, &device).await?;
    http::ok(&Redeemed {
        product: product.id.to_string(),
        product_name: product.name.to_string(),
        user: user.id.to_string(),
        kind: user.kind,
        name: user.display_name(),
        activated_at: http::time(activated_at),
    })
}

/// Activates the licence, or finds that this device has done so before.
async fn redeem(
    ctx: &Context,
    holder: &CodeHolder,
    code: &Code,
    device: &Device,
) -> Result<(User, jiff::Timestamp), ApiError> {
    for _ in 0..5 {
        let now = ctx.clock.now();
        let user = ctx
            .store
            .user(&holder.tenant, &holder.user)
            .await?
            .filter(|user| user.deleted_at.is_none())
            .ok_or(ApiError::NotFound)?;
        let licence = user
            .licences
            .get(&holder.product)
            .filter(|licence| licence.code == *code)
            .ok_or(ApiError::NotFound)?;
        if user.suspended_at.is_some() {
            return Err(Refusal::UserSuspended.into());
        }
        match licence.redeem(device) {
            Redemption::UsedElsewhere => {
                return Err(ApiError::WrongState {
                    code: "code_used",
                    message: "Another device has activated this licence. Ask for a new code.",
                });
            }
            Redemption::Unchanged => {
                return Ok((user.clone(), licence.activated_at.unwrap_or(now)));
            }
            Redemption::Activates => {}
        }
        let mut after = User {
            updated_at: now,
            ..user.clone()
        };
        if let Some(licence) = after.licences.get_mut(&holder.product) {
            licence.activated_at = Some(now);
            licence.device = Some(device.clone());
        }
        let entry = Entry {
            id: AuditId::derive(&Seed::of(&["redeem", code.as_str()])),
            at: now,
            actor: Actor::App {
                id: user.id.clone(),
            },
            operation: "licences.activate".to_owned(),
            targets: vec![Target::changed(&user, &after)],
        };
        let mut transaction = Transaction::new(&ctx.store);
        transaction.edit_user(&holder.tenant, &user, &after, |_| ())?;
        transaction.audit(&holder.tenant, &entry)?;
        if transaction.commit().await?.is_ok() {
            return Ok((after, now));
        }
    }
    Err(Refusal::Busy.into())
}
