//! What a user sees and may do, before anybody finds out the hard way: of a user as it is, and of one as filled in.

use std::collections::BTreeMap;

use muster_shared::auth::Caller;
use muster_shared::context::Context;
use muster_shared::domain::export::Filter;
use muster_shared::domain::field::Fields;
use muster_shared::domain::group::{Group, GroupKind};
use muster_shared::domain::id::{AccountId, GroupId, UserId};
use muster_shared::domain::permission::{Class, ModuleRight, Permission, Rights, Role, Scope};
use muster_shared::domain::powers::{Powers, Sight};
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::user::{Draft, User};
use muster_shared::error::{ApiError, Problem};
use muster_shared::http::forms::{MOST_LISTED, ScopeForm, ids, modules};
use muster_shared::http::views::UserView;
use muster_shared::http::{self, Request, Response, references};
use muster_shared::store::users::Search;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which of the users that it would see.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// How many at most: 1 to 200, by default 50.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default, deserialize_with = "http::whole_number")]
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// The rights of a user, as filled in.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RightsForm {
    /// `limited` (default), `standard` or `owner`.
    #[schema(example = "limited")]
    class: Option<String>,
    /// Roles: names of built-in ones or ids of the company's own.
    roles: Vec<String>,
    /// How far it may go in which module of the fleet's apps.
    #[schema(example = json!({ "maps": "view" }))]
    modules: BTreeMap<String, ModuleRight>,
    /// What it can see, where class and policy leave it to that.
    scope: Option<ScopeForm>,
    /// Id of the customer's account it belongs to.
    account: Option<String>,
}

/// How far a sight reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Reach {
    /// Everybody in the company.
    All,
    /// Whoever belongs to an account or one below.
    Account,
    /// Whoever is listed, or in a listed group.
    Listed,
}

/// Whom a user sees besides itself.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Sight)]
struct SightView {
    /// How far it reaches.
    reach: Reach,
    /// The same in words.
    #[schema(example = "Whoever is in the fleet North or the tag Night, and 2 single users.")]
    words: String,
    /// The account, where it reaches so far and the caller sees it.
    account: Option<String>,
    /// The fleets and tags that there are of those listed, and that the caller sees.
    groups: Vec<SeenGroup>,
    /// The single users listed whom the caller sees.
    #[schema(value_type = Vec<UserId>)]
    users: Vec<String>,
}

/// A fleet or a tag that shows its users.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct SeenGroup {
    /// Its id.
    #[schema(value_type = GroupId)]
    id: String,
    /// What kind.
    kind: GroupKind,
    /// Its name.
    name: String,
}

/// What a user sees and may do once it can sign in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Preview {
    /// Whom it sees.
    sight: SightView,
    /// What it may do for all whom it sees. `accounts.manage` covers users in accounts too.
    permissions: Vec<Permission>,
    /// A page of the users whom it would see, in name order: of those that the caller sees.
    users: Vec<UserView>,
    /// Where the next page begins. A page may be short and yet have a next one.
    next: Option<String>,
}

/// Preview what a user sees
///
/// As its rights are now.
#[utoipa::path(get, path = "/v1/users/{id}/preview", operation_id = "previewUser", tag = "Users", params(("id" = UserId, Path, description = "The user"), Page),
    responses((status = 200, description = "What it sees and may do", body = Preview), (status = "4XX", description = "`not_found`, `invalid_fields`, `unauthenticated`", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn of_user(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    let id = http::path_id(request, "id", UserId::parse)?;
    let page = http::parse_query(request)?;
    let user = ctx.store.user(&caller.tenant, &id).await?;
    let user = user
        .filter(|user| caller.powers.sees(user))
        .ok_or(ApiError::NotFound)?;
    preview(ctx, &caller, Some(&user.id), &user.rights, page).await
}

/// Preview what a user would see
///
/// With rights as filled in, before they are saved: the caller must be one who may give them.
#[utoipa::path(post, path = "/v1/users/preview", operation_id = "previewRights", tag = "Users", request_body = RightsForm, params(Page),
    responses((status = 200, description = "What it would see and might do", body = Preview), (status = "4XX", description = "`invalid_fields`, `beyond_your_rights`, `unauthenticated`, `forbidden`", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn of_form(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    let giving = [Permission::UsersWrite, Permission::UsersInvite];
    let held = |permission: &Permission| caller.require(*permission).is_ok();
    let permission = giving.into_iter().find(held).ok_or(ApiError::Forbidden)?;
    let page = http::parse_query(request)?;
    let (rights, account) = http::parse_json::<RightsForm>(request)?.read()?;
    let tenant = ctx.store.tenant(&caller.tenant).await?;
    let tenant = tenant.ok_or(ApiError::NotFound)?;
    let draft = Draft {
        rights,
        ..Draft::default()
    };
    let mut user = User::new(UserId::derive(&caller.seed), draft, ctx.clock.now());
    let account = account.as_ref();
    let book = references::resolve(ctx, &caller.powers, &tenant, None, &mut user, account).await?;
    // In which groups it would be is not asked: that never changes what it sees itself.
    let within = match user.rights.account() {
        Some(_) => caller.powers.may(permission, &user).is_ok(),
        None => caller.powers.permit(permission),
    };
    if !(within && caller.powers.may_grant(&user.rights, &book)) {
        return Err(Refusal::BeyondYourRights.into());
    }
    preview(ctx, &caller, None, &user.rights, page).await
}

async fn preview(
    ctx: &Context,
    caller: &Caller,
    user: Option<&UserId>,
    rights: &Rights,
    page: Page,
) -> Result<Response, ApiError> {
    let mut fields = Fields::new();
    let after = fields.optional("cursor", page.cursor.as_deref(), http::cursor);
    let limit = http::limit(&mut fields, page.limit);
    fields.finish(Some(())).map_err(ApiError::Invalid)?;
    let now = ctx.clock.now();
    let book = ctx.store.role_book(&caller.tenant).await?;
    let sight = ctx.store.sight(&caller.tenant, rights).await?;
    let powers = Powers::of(user, rights, &book, sight);
    let filter = Filter::default();
    let (all, after) = (Search::Name(String::new()), after.as_deref());
    let listed = (ctx.store)
        .list_users(&caller.tenant, &all, after, limit, |user| {
            caller.powers.sees(user) && powers.sees(user) && filter.admits(user, now)
        })
        .await?;
    let views = listed.users.iter();
    http::ok(&Preview {
        sight: sight_view(ctx, caller, &powers.sight).await?,
        permissions: (Permission::ALL.into_iter())
            .filter(|permission| powers.permit(*permission))
            .collect(),
        users: views.map(|user| UserView::new(user, now, false)).collect(),
        next: listed.next.as_deref().map(http::next),
    })
}

async fn sight_view(ctx: &Context, caller: &Caller, sight: &Sight) -> Result<SightView, ApiError> {
    let nothing = Scope::default();
    let (reach, account, scope) = match sight {
        Sight::All => (Reach::All, None, &nothing),
        Sight::Account(account) => (Reach::Account, Some(account), &nothing),
        Sight::Listed(scope) if scope.all => (Reach::All, None, &nothing),
        Sight::Listed(scope) => (Reach::Listed, None, scope),
    };
    // What is listed is told as far as the caller sees it: a group or a user that is not there for it has no name either.
    let own = &caller.powers.sight;
    let listed = scope.groups.iter().filter(|id| own.sees_group(id));
    let ids: Vec<GroupId> = listed.cloned().collect();
    let mut groups = ctx.store.groups(&caller.tenant, &ids).await?;
    groups.sort_by_cached_key(|group| group.as_ref().map(|group| group.name.folded()));
    let groups: Vec<Group> = groups.into_iter().flatten().collect();
    let account = match account {
        Some(account) => ctx.store.account(&caller.tenant, account).await?,
        None => None,
    };
    let account = account.filter(|account| caller.powers.sees_account(&account.path));
    let account_name = account.as_ref().map(|account| account.name.to_string());
    let ids: Vec<UserId> = scope.users.iter().cloned().collect();
    let users = ctx.store.users(&caller.tenant, &ids).await?.into_iter();
    let users = users.flatten().filter(|user| caller.powers.sees(user));
    let users: Vec<String> = users.map(|user| user.id.to_string()).collect();
    Ok(SightView {
        reach,
        words: words(reach, account_name.as_deref(), &groups, users.len()),
        account: account.map(|account| account.id.to_string()),
        groups: groups.iter().map(SeenGroup::from).collect(),
        users,
    })
}

/// Whom somebody sees, as a sentence.
fn words(reach: Reach, account: Option<&str>, groups: &[Group], users: usize) -> String {
    let kind = |group: &Group| match group.kind {
        GroupKind::Fleet => format!("the fleet {}", group.name),
        GroupKind::Tag => format!("the tag {}", group.name),
    };
    let single = match users {
        0 => None,
        1 => Some("1 single user".to_owned()),
        more => Some(format!("{more} single users")),
    };
    let groups: Vec<String> = groups.iter().map(kind).collect();
    let within = match groups.split_last() {
        None => None,
        Some((last, [])) => Some(format!("Whoever is in {last}")),
        Some((last, first)) => Some(format!("Whoever is in {} or {last}", first.join(", "))),
    };
    match (reach, within, single) {
        (Reach::All, ..) => "Everybody in the company.".to_owned(),
        (Reach::Account, ..) => format!(
            "Whoever belongs to the account {} or one below.",
            account.unwrap_or_default()
        ),
        (Reach::Listed, None, None) => "Nobody but itself.".to_owned(),
        (Reach::Listed, Some(within), None) => format!("{within}."),
        (Reach::Listed, None, Some(single)) => format!("{single}."),
        (Reach::Listed, Some(within), Some(single)) => format!("{within}, and {single}."),
    }
}

impl From<&Group> for SeenGroup {
    fn from(group: &Group) -> Self {
        Self {
            id: group.id.to_string(),
            kind: group.kind,
            name: group.name.to_string(),
        }
    }
}

impl RightsForm {
    fn read(&self) -> Result<(Rights, Option<AccountId>), ApiError> {
        let mut fields = Fields::new();
        let into = &mut fields;
        let class = into.optional("class", self.class.as_deref(), Class::parse);
        let rights = Rights {
            class: class.unwrap_or_default(),
            roles: ids(into, "roles", &self.roles, MOST_LISTED, Role::parse),
            modules: modules(into, &self.modules),
            scope: (self.scope.as_ref()).map_or_else(Scope::default, |scope| scope.read(into)),
            accounts: Vec::new(),
        };
        let account = into.optional("account", self.account.as_deref(), AccountId::parse);
        fields
            .finish(Some((rights, account)))
            .map_err(ApiError::Invalid)
    }
}

#[cfg(test)]
mod tests {
    use muster_shared::domain::id::Seed;
    use muster_shared::domain::text::Title;

    use super::*;

    fn group(kind: GroupKind, name: &str) -> Group {
        Group {
            id: GroupId::derive(&Seed::of(&[name])),
            kind,
            name: Title::parse(name).unwrap(),
            created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            updated_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            version: 1,
        }
    }

    #[test]
    fn a_sight_is_told_in_words() {
        let north = group(GroupKind::Fleet, "North");
        let night = group(GroupKind::Tag, "Night");
        let groups = [north.clone(), group(GroupKind::Fleet, "South"), night];
        let listed = |groups: &[Group], users| words(Reach::Listed, None, groups, users);
        assert_eq!(listed(&[], 0), "Nobody but itself.");
        assert_eq!(listed(&[], 1), "1 single user.");
        assert_eq!(listed(&[north], 0), "Whoever is in the fleet North.");
        assert_eq!(
            listed(&groups, 2),
            "Whoever is in the fleet North, the fleet South or the tag Night, and 2 single users."
        );
        assert_eq!(words(Reach::All, None, &[], 0), "Everybody in the company.");
        assert_eq!(
            words(Reach::Account, Some("Acme"), &[], 0),
            "Whoever belongs to the account Acme or one below."
        );
    }
}
