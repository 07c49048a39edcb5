//! Makes, renames and deletes fleets and tags, and moves users in and out.

use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::audit::Target;
use muster_shared::domain::field::{Fault, Fields};
use muster_shared::domain::group::{Group, GroupKind};
use muster_shared::domain::id::{GroupId, UserId};
use muster_shared::domain::permission::Permission;
use muster_shared::domain::powers::Sight;
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::text::{MOST_FOLDED, Title, fold};
use muster_shared::error::{ApiError, Problem};
use muster_shared::http::forms::user_ids;
use muster_shared::http::views::Outcomes;
use muster_shared::http::{self, Request, Response, time};
use muster_shared::lambda::Function;
use muster_shared::store::groups::Grouping;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, OpenApi, ToSchema};

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::http("groups", |ctx, request| Box::pin(handle(ctx, request)));

#[derive(OpenApi)]
#[openapi(paths(list, make, show, rename, delete, put_in, take_out))]
struct Api;

/// The OpenAPI description of its routes.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// Which groups, and from where on.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct List {
    /// Only such.
    kind: Option<GroupKind>,
    /// Only groups whose name begins so.
    name: Option<String>,
    /// How many at most: 1 to 200, by default 50.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default, deserialize_with = "http::whole_number")]
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A new group, as filled in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GroupForm {
    /// What kind; it never changes.
    kind: GroupKind,
    /// Its name; unique among the company's groups.
    #[schema(example = "Fleet North")]
    name: String,
}

/// A group's new name.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GroupName {
    /// Its name; unique among the company's groups.
    #[schema(example = "Fleet North")]
    name: String,
}

/// Who is moved.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Moved {
    /// Ids of users, 1 to 1000.
    #[schema(value_type = Vec<UserId>, min_items = 1, max_items = 1000)]
    users: Vec<String>,
}

/// A fleet or a tag.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Group)]
struct GroupView {
    /// Its id.
    #[schema(value_type = GroupId)]
    id: String,
    /// What kind.
    kind: GroupKind,
    /// Its name.
    #[schema(example = "Fleet North")]
    name: String,
    /// When it was made, RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last changed, RFC 3339.
    #[schema(format = DateTime)]
    updated_at: String,
    /// Counts its changes; the `ETag`.
    version: u64,
}

/// A page of groups.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct GroupPage {
    /// The groups, in the order of their names.
    groups: Vec<GroupView>,
    /// Where the next page begins. A filtered page may be short and yet have a next one.
    next: Option<String>,
}

impl From<&Group> for GroupView {
    fn from(group: &Group) -> Self {
        Self {
            id: group.id.to_string(),
            kind: group.kind,
            name: group.name.to_string(),
            created_at: time(group.created_at),
            updated_at: time(group.updated_at),
            version: group.version,
        }
    }
}

async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    match http::route(&request).as_str() {
        "GET /v1/groups" => list(ctx, &request).await,
        "POST /v1/groups" => make(ctx, &request).await,
        "GET /v1/groups/{id}" => show(ctx, &request).await,
        "PUT /v1/groups/{id}" => rename(ctx, &request).await,
        "DELETE /v1/groups/{id}" => delete(ctx, &request).await,
        "POST /v1/groups/{id}/add" => put_in(ctx, &request).await,
        "POST /v1/groups/{id}/remove" => take_out(ctx, &request).await,
        _ => Err(ApiError::NotFound),
    }
}

/// List fleets and tags
///
/// In the order of their names: all, or those of the caller's scope where that is what the caller sees.
#[utoipa::path(get, path = "/v1/groups", operation_id = "listGroups", tag = "Groups", params(List),
    responses((status = 200, description = "A page of groups", body = GroupPage), (status = "4XX", description = "`invalid_fields`, `unauthenticated`", body = Problem, content_type = "application/problem+json")))]
async fn list(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    let List {
        kind,
        name,
        limit,
        cursor,
    } = http::parse_query(request)?;
    let mut fields = Fields::new();
    let after = fields.optional("cursor", cursor.as_deref(), http::cursor);
    let limit = http::limit(&mut fields, limit);
    let name = name.unwrap_or_default();
    if fold(&name).len() > MOST_FOLDED {
        fields.fault("name", &Fault::new("too_long", "is longer than any can be"));
    }
    fields.finish(Some(())).map_err(ApiError::Invalid)?;
    let admits = |group: &Group| {
        caller.powers.sight.sees_group(&group.id) && kind.is_none_or(|kind| group.kind == kind)
    };
    let (groups, next) = (ctx.store)
        .list_groups(&caller.tenant, &name, after.as_deref(), limit, admits)
        .await?;
    http::ok(&GroupPage {
        groups: groups.iter().map(GroupView::from).collect(),
        next: next.as_deref().map(http::next),
    })
}

/// Show a fleet or a tag
#[utoipa::path(get, path = "/v1/groups/{id}", operation_id = "showGroup", tag = "Groups", params(("id" = GroupId, Path, description = "The group")),
    responses((status = 200, description = "The group", body = GroupView, headers(("ETag" = String, description = "The version"))), (status = "4XX", description = "`not_found`, `unauthenticated`", body = Problem, content_type = "application/problem+json")))]
async fn show(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    shown(&seen(ctx, &caller, request).await?)
}

/// Make a fleet or a tag
///
/// For callers who see everybody.
#[utoipa::path(post, path = "/v1/groups", operation_id = "makeGroup", tag = "Groups", request_body = GroupForm,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 201, description = "The group", body = GroupView, headers(("ETag" = String, description = "The version"), ("Location" = String, description = "The group"))), (status = "4XX", description = "`invalid_fields`, `name_taken`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn make(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = manager(ctx, request).await?;
    caller
        .once(ctx, request, async |caller| {
            let now = ctx.clock.now();
            let form: GroupForm = http::parse_json(request)?;
            let group = Group {
                id: GroupId::derive(&caller.seed),
                kind: form.kind,
                name: name(&form.name)?,
                created_at: now,
                updated_at: now,
                version: 1,
            };
            let target = Target::of(&group.id).after(facts(&group));
            let entry = caller.entry("groups.make", "", vec![target], now);
            let group = ctx
                .store
                .add_group(&caller.tenant, &group, &entry)
                .await??;
            let place = format!("/v1/groups/{}", group.id);
            http::created_tagged(&place, &GroupView::from(&group), group.version)
        })
        .await
}

/// Rename a fleet or a tag
///
/// For callers who see everybody.
#[utoipa::path(put, path = "/v1/groups/{id}", operation_id = "renameGroup", tag = "Groups", request_body = GroupName,
    params(("id" = GroupId, Path, description = "The group"), ("If-Match" = String, Header, description = "The version that is changed, as its `ETag` shows it")),
    responses((status = 200, description = "The group", body = GroupView, headers(("ETag" = String, description = "The version"))), (status = "4XX", description = "`precondition_required`, `precondition_failed`, `invalid_fields`, `name_taken`, `not_found`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn rename(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = manager(ctx, request).await?;
    let before = seen(ctx, &caller, request).await?;
    let version = http::if_match(request)?;
    let GroupName { name: text } = http::parse_json(request)?;
    let name = name(&text)?;
    if before.version != version {
        return Err(ApiError::PreconditionFailed);
    }
    if name == before.name {
        return shown(&before);
    }
    let after = Group {
        name,
        updated_at: ctx.clock.now(),
        version: before.version + 1,
        ..before.clone()
    };
    let target = Target::altered(&before.id, facts(&before), facts(&after));
    let entry = caller.entry("groups.rename", "", vec![target], after.updated_at);
    (ctx.store)
        .change_group(&caller.tenant, &before, &after, &entry)
        .await??;
    shown(&after)
}

/// Delete a fleet or a tag
///
/// For callers who see everybody. From then on it shows nobody to anybody; its id stays on users and in scopes, without
/// effect, until those are next changed.
#[utoipa::path(delete, path = "/v1/groups/{id}", operation_id = "deleteGroup", tag = "Groups", params(("id" = GroupId, Path, description = "The group")),
    responses((status = 204, description = "It is deleted"), (status = "4XX", description = "`busy`, `not_found`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
async fn delete(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = manager(ctx, request).await?;
    let group = seen(ctx, &caller, request).await?;
    let target = Target::of(&group.id).before(facts(&group));
    let entry = caller.entry("groups.delete", "", vec![target], ctx.clock.now());
    let deleted = (ctx.store)
        .delete_group(&caller.tenant, &group, &entry)
        .await?;
    deleted.map_err(|_| Refusal::Busy)?;
    Ok(http::no_content())
}

/// Put users into a fleet or a tag
///
/// 1 to 1000 users whom the caller sees, by whoever manages groups or edits users; from then on whoever's scope lists the group sees them.
#[utoipa::path(post, path = "/v1/groups/{id}/add", operation_id = "addToGroup", tag = "Groups", request_body = Moved,
    params(("id" = GroupId, Path, description = "The group"), ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, description = "User by user", body = Outcomes), (status = "4XX", description = "`not_found`, `invalid_fields`, `unauthenticated`, `forbidden`; of single users `user_not_found`, `user_deleted`, `too_many_groups`, `beyond_your_rights`, `busy`", body = Problem, content_type = "application/problem+json")))]
async fn put_in(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    regroup(ctx, request, true).await
}

/// Take users out of a fleet or a tag
///
/// 1 to 1000 users whom the caller sees, and still sees afterwards.
#[utoipa::path(post, path = "/v1/groups/{id}/remove", operation_id = "removeFromGroup", tag = "Groups", request_body = Moved,
    params(("id" = GroupId, Path, description = "The group"), ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, description = "User by user", body = Outcomes), (status = "4XX", description = "`not_found`, `invalid_fields`, `unauthenticated`, `forbidden`; of single users `user_not_found`, `user_deleted`, `beyond_your_rights`, `busy`", body = Problem, content_type = "application/problem+json")))]
async fn take_out(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    regroup(ctx, request, false).await
}

async fn regroup(ctx: &Context, request: &Request, into: bool) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    // Groups are a field of users, so whoever edits users moves them as well.
    let managing = caller.require(Permission::GroupsManage);
    managing.or_else(|_| caller.require(Permission::UsersWrite))?;
    let group = seen(ctx, &caller, request).await?;
    caller
        .once(ctx, request, async |caller| {
            let Moved { users } = http::parse_json(request)?;
            let users = user_ids(&users)?;
            let grouping = Grouping {
                tenant: &caller.tenant,
                actor: &caller.user,
                powers: &caller.powers,
                group: &group.id,
                into,
                seed: &caller.seed,
                now: ctx.clock.now(),
            };
            let done = (ctx.store)
                .change_each(&caller.tenant, &users, grouping)
                .await?;
            http::ok(&Outcomes::from(done))
        })
        .await
}

/// A caller who may make, rename and delete groups: they show users to others, so only who sees everybody does that.
async fn manager(ctx: &Context, request: &Request) -> Result<Caller, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    caller.require(Permission::GroupsManage)?;
    if caller.powers.sight == Sight::All {
        Ok(caller)
    } else {
        Err(ApiError::Forbidden)
    }
}

/// The group of the path, if the caller sees it.
async fn seen(ctx: &Context, caller: &Caller, request: &Request) -> Result<Group, ApiError> {
    let id = http::path_id(request, "id", GroupId::parse)?;
    let group = ctx.store.group(&caller.tenant, &id).await?;
    group
        .filter(|group| caller.powers.sight.sees_group(&group.id))
        .ok_or(ApiError::NotFound)
}

fn name(text: &str) -> Result<Title, ApiError> {
    Title::parse(text).map_err(|fault| ApiError::field("name", &fault))
}

/// What the audit trail tells of a group.
fn facts(group: &Group) -> Value {
    json!({ "kind": group.kind, "name": group.name })
}

fn shown(group: &Group) -> Result<Response, ApiError> {
    http::tagged(&GroupView::from(group), group.version)
}
