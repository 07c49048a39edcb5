//! Lists users, shows one, shows the caller, and previews what a user would see.

mod preview;

use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::export::Filter;
use muster_shared::domain::field::{Fault, Fields};
use muster_shared::domain::id::{AccountId, GroupId, ProductId, UserId};
use muster_shared::domain::invitation::MailState;
use muster_shared::domain::licence::LicenceState;
use muster_shared::domain::permission::{Class, Permission, Role};
use muster_shared::domain::text::{MOST_FOLDED, fold};
use muster_shared::domain::user::{Kind, Status, User};
use muster_shared::error::{ApiError, Problem};
use muster_shared::http::views::UserView;
use muster_shared::http::{self, Request, Response};
use muster_shared::lambda::Function;
use muster_shared::store::users::Search;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::http("list-users", |ctx, request| Box::pin(handle(ctx, request)));

#[derive(OpenApi)]
#[openapi(paths(list, one, me, preview::of_user, preview::of_form))]
struct Api;

/// The OpenAPI description of its routes.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// The user who is signed in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Me)]
struct MeView {
    #[serde(flatten)]
    user: UserView,
    /// What the user may do: for all whom it sees, or, by `accounts.manage`, for those in accounts.
    permissions: Vec<Permission>,
}

/// Which users, and from where on.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct List {
    /// Only users who stand there; deleted ones are listed only so.
    status: Option<Status>,
    /// Only such.
    kind: Option<Kind>,
    /// Only users of this class.
    class: Option<Class>,
    /// Only users who have this role: the name of a built-in one, or the id of one of the company's own.
    role: Option<String>,
    /// Only users in this fleet or tag.
    group: Option<String>,
    /// Only users who belong to this customer's account, or to one below it.
    account: Option<String>,
    /// Only users with a licence of this product.
    product: Option<String>,
    /// Only users whose licence has come so far: that of the product, where one is named (`unassigned`: they hold none of
    /// it), else the highest over all products.
    licence: Option<LicenceState>,
    /// Only users whose newest invitation's mail has come so far.
    invitation: Option<MailState>,
    /// Only users whose name begins so.
    name: Option<String>,
    /// Only users whose e-mail address begins so, in that order.
    email: Option<String>,
    /// Only users whose external ID begins so, in that order.
    external_id: Option<String>,
    /// How many at most: 1 to 200, by default 50.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default, deserialize_with = "http::whole_number")]
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A page of users.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct UserPage {
    /// The users.
    users: Vec<UserView>,
    /// Where the next page begins. A filtered page may be short and yet have a next one.
    next: Option<String>,
}

async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    match http::route(&request).as_str() {
        "GET /v1/users" => list(ctx, &request).await,
        "GET /v1/users/{id}" => one(ctx, &request).await,
        "GET /v1/users/{id}/preview" => preview::of_user(ctx, &request).await,
        "POST /v1/users/preview" => preview::of_form(ctx, &request).await,
        "GET /v1/me" => me(ctx, &request).await,
        _ => Err(ApiError::NotFound),
    }
}

/// List users
///
/// In name order, or in the order of what is searched: those that the caller sees.
#[utoipa::path(get, path = "/v1/users", operation_id = "listUsers", tag = "Users", params(List),
    responses((status = 200, description = "A page of users", body = UserPage), (status = "4XX", description = "`invalid_fields`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn list(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    caller.require(Permission::UsersRead)?;
    let Query {
        filter,
        search,
        after,
        limit,
    } = http::parse_query::<List>(request)?.read()?;
    let now = ctx.clock.now();
    let listed = ctx
        .store
        .list_users(&caller.tenant, &search, after.as_deref(), limit, |user| {
            caller.powers.sees(user) && filter.admits(user, now)
        })
        .await?;
    let with_codes = caller.powers.permit(Permission::LicencesAssign);
    let users = listed
        .users
        .iter()
        .map(|user| UserView::new(user, now, with_codes))
        .collect();
    http::ok(&UserPage {
        users,
        next: listed.next.as_deref().map(http::next),
    })
}

/// Show a user
///
/// The `ETag` is what an edit names in `If-Match`.
#[utoipa::path(get, path = "/v1/users/{id}", operation_id = "showUser", tag = "Users", params(("id" = UserId, Path, description = "The user")),
    responses((status = 200, description = "The user", body = UserView, headers(("ETag" = String, description = "The version"))), (status = "4XX", description = "`not_found`, `unauthenticated`", body = Problem, content_type = "application/problem+json")))]
async fn one(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    let id = http::path_id(request, "id", UserId::parse)?;
    let user = seen(ctx, &caller, &id).await?;
    http::tagged(&view(ctx, &caller, &user), user.version)
}

/// Show the caller
#[utoipa::path(get, path = "/v1/me", operation_id = "showCaller", tag = "Users",
    responses((status = 200, description = "The user who is signed in", body = MeView, headers(("ETag" = String, description = "The version"))), (status = "4XX", description = "`unauthenticated`", body = Problem, content_type = "application/problem+json")))]
async fn me(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    let user = seen(ctx, &caller, &caller.user).await?;
    let me = MeView {
        user: view(ctx, &caller, &user),
        permissions: (Permission::ALL.into_iter())
            .filter(|permission| caller.powers.permit_for_some(*permission))
            .collect(),
    };
    http::tagged(&me, user.version)
}

async fn seen(ctx: &Context, caller: &Caller, id: &UserId) -> Result<User, ApiError> {
    let user = ctx.store.user(&caller.tenant, id).await?;
    user.filter(|user| caller.powers.sees(user))
        .ok_or(ApiError::NotFound)
}

fn view(ctx: &Context, caller: &Caller, user: &User) -> UserView {
    let with_codes = caller.powers.permit(Permission::LicencesAssign);
    UserView::new(user, ctx.clock.now(), with_codes)
}

/// The parameters as read.
struct Query {
    filter: Filter,
    search: Search,
    after: Option<String>,
    limit: usize,
}

impl List {
    fn read(self) -> Result<Query, ApiError> {
        let mut fields = Fields::new();
        let role = fields.optional("role", self.role.as_deref(), Role::parse);
        let group = fields.optional("group", self.group.as_deref(), GroupId::parse);
        let account = fields.optional("account", self.account.as_deref(), AccountId::parse);
        let product = fields.optional("product", self.product.as_deref(), ProductId::parse);
        let after = fields.optional("cursor", self.cursor.as_deref(), http::cursor);
        let limit = http::limit(&mut fields, self.limit);
        for (field, text) in [
            ("name", &self.name),
            ("email", &self.email),
            ("external_id", &self.external_id),
        ] {
            if text
                .as_ref()
                .is_some_and(|text| fold(text).len() > MOST_FOLDED)
            {
                fields.fault(field, &Fault::new("too_long", "is longer than any can be"));
            }
        }
        let search = match (self.name, self.email, self.external_id) {
            (name, None, None) => Some(Search::Name(name.unwrap_or_default())),
            (None, Some(email), None) => Some(Search::Email(email)),
            (None, None, Some(id)) => Some(Search::ExternalId(id)),
            _ => fields.take(
                "name",
                Err(Fault::new(
                    "too_many",
                    "email and external_id cannot be searched together",
                )),
            ),
        };
        let filter = Filter {
            status: self.status,
            kind: self.kind,
            class: self.class,
            role,
            group,
            account,
            product,
            licence: self.licence,
            invitation: self.invitation,
        };
        let query = search.map(|search| Query {
            filter,
            search,
            after,
            limit,
        });
        fields.finish(query).map_err(ApiError::Invalid)
    }
}
