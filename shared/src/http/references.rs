//! What a user's rights and groups refer to: whether there are such roles, groups, users and accounts.

use super::accounts;
use crate::context::Context;
use crate::domain::field::{Fault, Fields};
use crate::domain::group::Group;
use crate::domain::id::{AccountId, GroupId, TenantId, UserId};
use crate::domain::permission::{Rights, RoleBook, unknown_role};
use crate::domain::powers::Powers;
use crate::domain::tenant::{Policy, ScopeKind, Tenant};
use crate::domain::user::User;
use crate::error::ApiError;

/// Completes the user's rights by the way to its account, and checks what they and the groups refer to and did not
/// refer to `before`, if the user is no new one: a role or group that is gone keeps nobody from being edited.
///
/// # Errors
/// Every field that refers to nothing, or to what the policy or the other fields rule out.
pub async fn resolve(
    ctx: &Context,
    powers: &Powers,
    tenant: &Tenant,
    before: Option<&User>,
    user: &mut User,
    account: Option<&AccountId>,
) -> Result<RoleBook, ApiError> {
    let mut fields = Fields::new();
    let held = before.map(|before| before.rights.accounts.as_slice());
    user.rights.accounts = path(
        ctx,
        powers,
        tenant,
        held.unwrap_or_default(),
        account,
        &mut fields,
    )
    .await?;
    check(ctx, powers, tenant, before, user, fields).await
}

/// As [`resolve`], of a new user whose rights hold the way to its account already.
///
/// # Errors
/// The same.
pub async fn resolve_within(
    ctx: &Context,
    powers: &Powers,
    tenant: &Tenant,
    user: &User,
) -> Result<RoleBook, ApiError> {
    check(ctx, powers, tenant, None, user, Fields::new()).await
}

async fn check(
    ctx: &Context,
    powers: &Powers,
    tenant: &Tenant,
    before: Option<&User>,
    user: &User,
    mut fields: Fields,
) -> Result<RoleBook, ApiError> {
    let mut new = user.clone();
    if let Some(before) = before {
        let (scope, had) = (&mut new.rights.scope, &before.rights.scope);
        new.groups.retain(|group| !before.groups.contains(group));
        scope.groups.retain(|group| !had.groups.contains(group));
        scope.users.retain(|user| !had.users.contains(user));
        (new.rights.roles).retain(|role| !before.rights.roles.contains(role));
    }
    groups(ctx, powers, tenant, &new, &mut fields).await?;
    single_users(ctx, powers, tenant, &new.rights, &mut fields).await?;
    let book = roles(ctx, &tenant.id, user, &new.rights, &mut fields).await?;
    let faulty = fields.faulty();
    for (field, fault) in user.rights.contradictions() {
        if !faulty.contains(field) {
            fields.fault(field, &fault);
        }
    }
    fields.finish(Some(book)).map_err(ApiError::Invalid)
}

/// The way to an account from the client at the top. One that the caller does not reach is not told from one that there
/// is not, unless the user is in it and stays there.
async fn path(
    ctx: &Context,
    powers: &Powers,
    tenant: &Tenant,
    held: &[AccountId],
    account: Option<&AccountId>,
    fields: &mut Fields,
) -> Result<Vec<AccountId>, ApiError> {
    let Some(id) = account else {
        if !held.is_empty() && !powers.see_accounts() {
            let fault = Fault::new("out_of_reach", "is changed by those who see accounts only");
            fields.fault("account", &fault);
        }
        return Ok(Vec::new());
    };
    let account = ctx.store.account(&tenant.id, id).await?;
    let account = account.filter(|account| powers.reaches(&account.path) || account.path == held);
    if account.is_none() {
        fields.fault("account", &accounts::unknown());
    }
    Ok(account.map(|account| account.path).unwrap_or_default())
}

/// A group that the caller does not see is not told from one that there is not: groups decide what others see.
async fn groups(
    ctx: &Context,
    powers: &Powers,
    tenant: &Tenant,
    user: &User,
    fields: &mut Fields,
) -> Result<(), ApiError> {
    let scope = &user.rights.scope;
    let ids: Vec<GroupId> = user.groups.union(&scope.groups).cloned().collect();
    let found = ctx.store.groups(&tenant.id, &ids).await?;
    let of = |id: &GroupId| {
        let found: Option<&Group> = found.iter().flatten().find(|group| group.id == *id);
        found.filter(|group| powers.sight.sees_group(&group.id))
    };
    let unknown = Fault::new(
        "unknown_group",
        "names a group that the company does not have",
    );
    if !user.groups.iter().all(|id| of(id).is_some()) {
        fields.fault("groups", &unknown);
    }
    if !scope.groups.iter().all(|id| of(id).is_some()) {
        fields.fault("scope.groups", &unknown);
    }
    let kinds = &tenant.policy.scope_kinds;
    let listed = scope.groups.iter().filter_map(of);
    for kind in listed.map(|group| group.kind.scope_kind()) {
        if !kinds.contains(&kind) {
            fields.fault("scope.groups", &not_allowed());
            break;
        }
    }
    Ok(())
}

async fn single_users(
    ctx: &Context,
    powers: &Powers,
    tenant: &Tenant,
    rights: &Rights,
    fields: &mut Fields,
) -> Result<(), ApiError> {
    let ids: Vec<UserId> = rights.scope.users.iter().cloned().collect();
    let allowed = |policy: &Policy| policy.scope_kinds.contains(&ScopeKind::User);
    if !ids.is_empty() && !allowed(&tenant.policy) {
        fields.fault("scope.users", &not_allowed());
        return Ok(());
    }
    let found = ctx.store.users(&tenant.id, &ids).await?;
    let known = |user: &Option<User>| {
        user.as_ref()
            .is_some_and(|user| user.deleted_at.is_none() && powers.sees(user))
    };
    if !found.iter().all(known) {
        let fault = Fault::new("unknown_user", "names a user that there is not");
        fields.fault("scope.users", &fault);
    }
    Ok(())
}

fn not_allowed() -> Fault {
    Fault::new(
        "scope_kind_not_allowed",
        "lists what the company's policy does not allow in a scope",
    )
}

async fn roles(
    ctx: &Context,
    tenant: &TenantId,
    user: &User,
    new: &Rights,
    fields: &mut Fields,
) -> Result<RoleBook, ApiError> {
    let book = ctx.store.book_of(tenant, &user.rights).await?;
    if !new.roles.iter().all(|role| book.knows(role)) {
        fields.fault("roles", &unknown_role());
    }
    Ok(book)
}
