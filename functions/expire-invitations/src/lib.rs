//! Ends invitations whose time is over; runs by the schedule.

use jiff::Timestamp;
use muster_shared::context::Context;
use muster_shared::domain::audit::{Actor, Entry, Target};
use muster_shared::domain::id::{AuditId, Seed, TenantId, UserId};
use muster_shared::domain::user::Status;
use muster_shared::error::Internal;
use muster_shared::lambda::Function;
use muster_shared::store::transaction::Transaction;
use serde_json::{Value, json};

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::event("expire-invitations", |ctx, _| Box::pin(handle(ctx)));

/// How many ended invitations of each part of the index are looked at in one go.
const PAGE: i32 = 100;

/// Whether an invitation has expired never waits for this: every read compares times. What is done here is the end
/// of the invitation item, and the audit entry that tells of it.
async fn handle(ctx: &Context) -> Result<Value, Internal> {
    let now = ctx.clock.now();
    let mut expired = 0;
    loop {
        let ended = ctx.store.ended_invitations(now, PAGE).await?;
        let mut moved = 0;
        for (tenant, user) in &ended {
            moved += usize::from(end(ctx, tenant, user, now).await?);
        }
        expired += moved;
        // Nothing moved: what is left was accepted or sent anew meanwhile, and the index has not caught up.
        if moved == 0 {
            tracing::info!(expired, "ended invitations");
            return Ok(json!({ "expired": expired }));
        }
    }
}

async fn end(
    ctx: &Context,
    tenant: &TenantId,
    user: &UserId,
    now: Timestamp,
) -> Result<bool, Internal> {
    let Some(invitation) = ctx.store.invitation(tenant, user).await? else {
        return Ok(false);
    };
    let entry = Entry {
        id: AuditId::derive(&Seed::of(&[
            "expire",
            user.as_str(),
            invitation.mail.as_str(),
        ])),
        at: now,
        actor: Actor::Schedule,
        operation: "invitations.expire".to_owned(),
        targets: vec![
            Target::of(user)
                .before(json!({ "status": Status::ActivationPending }))
                .after(json!({ "status": Status::InvitationExpired })),
        ],
    };
    let mut transaction = Transaction::new(&ctx.store);
    transaction.end_invitation(tenant, &invitation, now, ())?;
    transaction.audit(tenant, &entry)?;
    Ok(transaction.commit().await?.is_ok())
}
