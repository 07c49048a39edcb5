//! Suspending, reactivating, deleting and restoring on behalf of a caller: what these have in common.

use jiff::Timestamp;

use crate::context::Context;
use crate::domain::id::{Seed, TenantId, UserId};
use crate::domain::leaving::{Step, Wanted};
use crate::domain::permission::RoleBook;
use crate::domain::powers::Powers;
use crate::domain::user::User;
use crate::error::{ApiError, Internal};
use crate::store::bulk::Done;
use crate::store::leaving::Leaving;

/// Who wants the step, and where.
#[derive(Debug)]
pub struct By<'a> {
    /// The caller's tenant.
    pub tenant: &'a TenantId,
    /// The caller.
    pub actor: &'a UserId,
    /// What the caller may do.
    pub powers: &'a Powers,
    /// What the ids are made from; the same for a retry.
    pub seed: &'a Seed,
    /// The present moment.
    pub now: Timestamp,
}

/// Takes the step with each of the users.
///
/// # Errors
/// When the table cannot be used.
pub async fn take(
    ctx: &Context,
    by: &By<'_>,
    step: Step,
    users: &[UserId],
) -> Result<Vec<(UserId, Done)>, ApiError> {
    const GONE: Internal = Internal::Broken("the token's tenant is gone");
    let tenant = match users {
        [_] => Some(ctx.store.tenant(by.tenant).await?.ok_or(GONE)?),
        _ => None,
    };
    let book = match step {
        Step::Restore => ctx.store.role_book(by.tenant).await?,
        Step::Suspend | Step::Reactivate | Step::Delete => RoleBook::default(),
    };
    let leaving = Leaving {
        tenant: by.tenant,
        actor: by.actor,
        step,
        wanted: Wanted {
            powers: by.powers,
            book: &book,
            single: tenant.as_ref().map(|tenant| &tenant.policy),
            now: by.now,
        },
        seed: by.seed,
    };
    let done = ctx.store.change_each(by.tenant, users, leaving).await?;
    if step == Step::Delete {
        let deleted = done
            .iter()
            .filter(|(_, done)| !matches!(done, Done::Refused(_)));
        let ids: Vec<UserId> = deleted.map(|(id, _)| id.clone()).collect();
        let users = ctx.store.users(by.tenant, &ids).await?;
        let users: Vec<User> = users.into_iter().flatten().collect();
        ctx.store.forget_people(&users).await?;
    }
    Ok(done)
}
