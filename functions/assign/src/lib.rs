//! Products with their seats; assigns and un-assigns licences in bulk.

use jiff::Timestamp;
use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::audit::Target;
use muster_shared::domain::id::{ProductId, TenantId, UserId};
use muster_shared::domain::licence::{Code, Licence};
use muster_shared::domain::permission::Permission;
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::tenant::Product;
use muster_shared::domain::user::User;
use muster_shared::error::{ApiError, Problem};
use muster_shared::http::forms::user_ids;
use muster_shared::http::views::{AppLinkView, OutcomeView, Outcomes};
use muster_shared::http::{self, Request, Response};
use muster_shared::lambda::Function;
use muster_shared::store::bulk::{BulkChange, Part};
use muster_shared::store::tenants::{CodeHolder, read_product};
use muster_shared::store::transaction::Transaction;
use muster_shared::store::{Item, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::http("assign", |ctx, request| Box::pin(handle(ctx, request)));

#[derive(OpenApi)]
#[openapi(paths(products, assign, unassign))]
struct Api;

/// The OpenAPI description of its routes.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// Who gets, or gives back, a licence.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Holders {
    /// Ids of users, 1 to 1000.
    #[schema(value_type = Vec<UserId>, min_items = 1, max_items = 1000)]
    users: Vec<String>,
}

/// A product with its seats.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Product)]
struct ProductView {
    /// Its id.
    #[schema(value_type = ProductId)]
    id: String,
    /// Its name.
    #[schema(example = "CoPilot Truck with ActiveTraffic")]
    name: String,
    /// Seats bought; like those in use and left, for the company's own people only.
    #[serde(skip_serializing_if = "Option::is_none")]
    seats: Option<u32>,
    /// Seats in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<u32>,
    /// Seats left.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<u32>,
    /// Where the app is to be had.
    links: Vec<AppLinkView>,
}

/// The company's products.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Products {
    /// By name.
    products: Vec<ProductView>,
}

/// What assigning came to, and the seats left.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Assigned {
    /// How many were done.
    done: usize,
    /// How many had been done before.
    unchanged: usize,
    /// How many were refused.
    refused: usize,
    /// User by user, in the order asked for.
    outcomes: Vec<OutcomeView>,
    /// The product as it stands now.
    product: ProductView,
}

impl ProductView {
    /// What the caller is shown: how much the company bought is not its customers' affair.
    fn of(product: &Product, caller: &Caller) -> Self {
        let own = caller.powers.account.is_none();
        Self {
            id: product.id.to_string(),
            name: product.name.to_string(),
            seats: own.then_some(product.seats),
            used: own.then_some(product.used),
            remaining: own.then(|| product.remaining()),
            links: product.links.iter().map(AppLinkView::from).collect(),
        }
    }
}

async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    match http::route(&request).as_str() {
        "GET /v1/products" => products(ctx, &request).await,
        "POST /v1/products/{id}/assign" => assign(ctx, &request).await,
        "POST /v1/products/{id}/unassign" => unassign(ctx, &request).await,
        _ => Err(ApiError::NotFound),
    }
}

/// List products
///
/// With seats bought, in use and left, which people of the company's customers are not shown.
#[utoipa::path(get, path = "/v1/products", operation_id = "listProducts", tag = "Licences",
    responses((status = 200, description = "The products", body = Products), (status = "4XX", description = "`unauthenticated`", body = Problem, content_type = "application/problem+json")))]
async fn products(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    let products = ctx.store.products(&caller.tenant).await?;
    http::ok(&Products {
        products: (products.iter())
            .map(|product| ProductView::of(product, &caller))
            .collect(),
    })
}

/// Assign licences
///
/// To 1 to 1000 users, in their order; when the seats run out the rest is refused, and never is one seat too many taken.
#[utoipa::path(post, path = "/v1/products/{id}/assign", operation_id = "assignLicences", tag = "Licences", request_body = Holders,
    params(("id" = ProductId, Path, description = "The product"), ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, description = "User by user, and the seats left", body = Assigned), (status = "4XX", description = "`not_found`, `invalid_fields`, `unauthenticated`, `forbidden`; of single users `user_not_found`, `no_seats_left`, `user_deleted`, `user_suspended`, `beyond_your_rights`, `busy`", body = Problem, content_type = "application/problem+json")))]
async fn assign(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    change(ctx, request, |caller, product, now| Assigning {
        caller,
        product,
        now,
    })
    .await
}

/// Un-assign licences
///
/// Of 1 to 1000 users; their seats are free at once and their codes work no more.
#[utoipa::path(post, path = "/v1/products/{id}/unassign", operation_id = "unassignLicences", tag = "Licences", request_body = Holders,
    params(("id" = ProductId, Path, description = "The product"), ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, description = "User by user, and the seats left", body = Assigned), (status = "4XX", description = "`not_found`, `invalid_fields`, `unauthenticated`, `forbidden`; of single users `user_not_found`, `user_deleted`, `beyond_your_rights`, `busy`", body = Problem, content_type = "application/problem+json")))]
async fn unassign(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    change(ctx, request, |caller, product, now| Unassigning {
        caller,
        product: product.id,
        now,
    })
    .await
}

async fn change<C: BulkChange>(
    ctx: &Context,
    request: &Request,
    change: impl FnOnce(Caller, Product, Timestamp) -> C,
) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    caller.require(Permission::LicencesAssign)?;
    let id = http::path_id(request, "id", ProductId::parse)?;
    caller
        .once(ctx, request, async |caller| {
            let Holders { users } = http::parse_json(request)?;
            let users = user_ids(&users)?;
            let product = ctx
                .store
                .product(&caller.tenant, &id)
                .await?
                .ok_or(ApiError::NotFound)?;
            let tenant = caller.tenant.clone();
            let done = ctx
                .store
                .change_each(
                    &tenant,
                    &users,
                    change(caller.clone(), product, ctx.clock.now()),
                )
                .await?;
            let Outcomes {
                done,
                unchanged,
                refused,
                outcomes,
            } = Outcomes::from(done);
            let product = ctx
                .store
                .product(&tenant, &id)
                .await?
                .ok_or(ApiError::NotFound)?;
            http::ok(&Assigned {
                done,
                unchanged,
                refused,
                outcomes,
                product: ProductView::of(&product, &caller),
            })
        })
        .await
}

/// Gives users a licence of a product.
struct Assigning {
    caller: Caller,
    /// As read; learned anew when others took seats.
    product: Product,
    now: Timestamp,
}

impl Assigning {
    fn tenant(&self) -> &TenantId {
        &self.caller.tenant
    }

    /// The user with the licence, and the licence.
    fn applied(&self, user: &User) -> (User, Licence) {
        let code = Code::derive(
            &self
                .caller
                .seed
                .child(&format!("{}/{}/{}", self.product.id, user.id, user.version)),
        );
        let licence = Licence::assigned(code, self.now);
        let mut after = User {
            updated_at: self.now,
            ..user.clone()
        };
        after
            .licences
            .insert(self.product.id.clone(), licence.clone());
        (after, licence)
    }
}

impl BulkChange for Assigning {
    const PARTS: usize = 2;

    fn decide(&self, user: &User) -> Result<bool, Refusal> {
        within_reach(&self.caller, user)?;
        if user.suspended_at.is_some() {
            return Err(Refusal::UserSuspended);
        }
        Ok(!user.licences.contains_key(&self.product.id))
    }

    fn add(
        &self,
        transaction: &mut Transaction<'_, Part>,
        place: usize,
        user: &User,
    ) -> Result<(), StoreError> {
        let (after, licence) = self.applied(user);
        let holder = CodeHolder {
            tenant: self.tenant().clone(),
            user: user.id.clone(),
            product: self.product.id.clone(),
        };
        transaction.add_code(&licence.code, &holder, Part::User(place))?;
        transaction.edit_user(self.tenant(), user, &after, |_| Part::User(place))
    }

    fn seal(
        &self,
        transaction: &mut Transaction<'_, Part>,
        users: &[&User],
    ) -> Result<(), StoreError> {
        let count = u32::try_from(users.len()).unwrap_or(u32::MAX);
        transaction.take_seats(self.tenant(), &self.product, count, Part::Shared);
        audit(
            transaction,
            &self.caller,
            "licences.assign",
            &self.product.id,
            users.iter().map(|user| (*user, self.applied(user).0)),
            self.now,
        )
    }

    fn room(&self) -> Option<(usize, Refusal)> {
        Some((
            self.product.remaining() as usize,
            Refusal::NoSeatsLeft(self.product.id.clone()),
        ))
    }

    fn learn(&mut self, found: Option<Item>) -> Result<(), StoreError> {
        match found {
            Some(found) => self.product = read_product(found)?,
            None => self.product.seats = 0,
        }
        Ok(())
    }

    fn done(&mut self, users: usize) {
        self.product.used += u32::try_from(users).unwrap_or(u32::MAX);
    }
}

/// Takes a licence of a product from users.
struct Unassigning {
    caller: Caller,
    product: ProductId,
    now: Timestamp,
}

impl Unassigning {
    /// The user without the licence, and the licence.
    fn applied(&self, user: &User) -> (User, Option<Licence>) {
        let mut after = User {
            updated_at: self.now,
            ..user.clone()
        };
        let licence = after.licences.remove(&self.product);
        (after, licence)
    }
}

impl BulkChange for Unassigning {
    const PARTS: usize = 2;

    fn decide(&self, user: &User) -> Result<bool, Refusal> {
        within_reach(&self.caller, user)?;
        Ok(user.licences.contains_key(&self.product))
    }

    fn add(
        &self,
        transaction: &mut Transaction<'_, Part>,
        place: usize,
        user: &User,
    ) -> Result<(), StoreError> {
        let (after, licence) = self.applied(user);
        if let Some(licence) = licence {
            transaction.remove_code(&licence.code);
        }
        transaction.edit_user(&self.caller.tenant, user, &after, |_| Part::User(place))
    }

    fn seal(
        &self,
        transaction: &mut Transaction<'_, Part>,
        users: &[&User],
    ) -> Result<(), StoreError> {
        transaction.free_seats(
            &self.caller.tenant,
            &self.product,
            u32::try_from(users.len()).unwrap_or(u32::MAX),
            Part::Shared,
        );
        audit(
            transaction,
            &self.caller,
            "licences.unassign",
            &self.product,
            users.iter().map(|user| (*user, self.applied(user).0)),
            self.now,
        )
    }
}

fn within_reach(caller: &Caller, user: &User) -> Result<(), Refusal> {
    caller.powers.may(Permission::LicencesAssign, user)?;
    if user.deleted_at.is_some() {
        Err(Refusal::UserDeleted)
    } else {
        Ok(())
    }
}

fn audit<'a>(
    transaction: &mut Transaction<'_, Part>,
    caller: &Caller,
    operation: &str,
    product: &ProductId,
    users: impl Iterator<Item = (&'a User, User)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let changed = users.map(|(before, after)| Target::changed(before, &after));
    let targets: Vec<Target> = changed.chain([Target::of(product)]).collect();
    let label = format!(
        "{product}/{}",
        targets.first().map_or("", |target| target.id.as_str())
    );
    transaction.audit(
        &caller.tenant,
        &caller.entry(operation, &label, targets, now),
    )
}
