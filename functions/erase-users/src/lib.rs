//! Erases users for good who were deleted 30 days ago; runs by the schedule.

use jiff::Timestamp;
use muster_shared::context::Context;
use muster_shared::domain::audit::{Actor, Entry, Target};
use muster_shared::domain::id::{AuditId, Seed, TenantId, UserId};
use muster_shared::domain::invitation::expired;
use muster_shared::domain::leaving::restorable_until;
use muster_shared::error::Internal;
use muster_shared::lambda::Function;
use muster_shared::store::transaction::Transaction;
use serde_json::{Value, json};

/// What runs, and how it is triggered.
pub const FUNCTION: Function = Function::event("erase-users", |ctx, _| Box::pin(handle(ctx)));

/// How many users of each part of the index are looked at in one go.
const PAGE: i32 = 100;

/// Whether a user can still be restored never waits for this: that is decided by comparing times.
async fn handle(ctx: &Context) -> Result<Value, Internal> {
    let now = ctx.clock.now();
    let mut erased = 0;
    loop {
        let due = ctx.store.erasable(now, PAGE).await?;
        let mut gone = 0;
        for (tenant, user) in &due {
            gone += usize::from(erase(ctx, tenant, user, now).await?);
        }
        erased += gone;
        // Nothing moved: what is left was restored or erased meanwhile, and the index has not caught up.
        if gone == 0 {
            tracing::info!(erased, "erased users");
            return Ok(json!({ "erased": erased }));
        }
    }
}

/// Erases one user; false if it was restored, or is gone already. With the user's item goes the key to all that is
/// personal in the audit trail. What is left of the person goes first: a run that breaks off is repeated as long as
/// there is the user.
async fn erase(
    ctx: &Context,
    tenant: &TenantId,
    id: &UserId,
    now: Timestamp,
) -> Result<bool, Internal> {
    let user = ctx.store.user(tenant, id).await?;
    let due = |at: Timestamp| expired(at, now);
    let Some(user) = user.filter(|user| restorable_until(user).is_some_and(due)) else {
        return Ok(false);
    };
    if let Some(email) = &user.email {
        ctx.store.forget_person(&email.folded()).await?;
    }
    let entry = Entry {
        id: AuditId::derive(&Seed::of(&["erase", tenant.as_str(), id.as_str()])),
        at: now,
        actor: Actor::Schedule,
        operation: "users.erase".to_owned(),
        targets: vec![Target::of(id)],
    };
    let mut transaction = Transaction::new(&ctx.store);
    transaction.erase_user(tenant, &user, ());
    transaction.audit(tenant, &entry)?;
    Ok(transaction.commit().await?.is_ok())
}
