//! Carries out a piece of a plan, and writes the report after the last.

mod apply;
mod known;
mod report;

use jiff::SignedDuration;
use muster_shared::context::Context;
use muster_shared::domain::id::TenantId;
use muster_shared::domain::import::{Chunk, Import, ImportState};
use muster_shared::error::Internal;
use muster_shared::lambda::{self, Function, outbox_keys};
use muster_shared::store::imports::PlanOf;
use muster_shared::store::keys;
use muster_shared::store::transaction::Transaction;

/// What runs, and how it is triggered.
pub const FUNCTION: Function = Function::queue("import-chunk", |ctx, message| {
    Box::pin(handle(ctx, message))
});

/// How long a worker goes on with a chunk before it hands over to another: less than half of the time it has, because the
/// transaction that is under way may be throttled for as long again.
pub const SHIFT: SignedDuration = SignedDuration::from_mins(2);

/// How many workers an import has at most: a chunk that is done releases the one that is so many further on. It takes two
/// partitions to take what one worker writes, so more workers would only throttle each other, and be missing for other imports.
#[must_use]
pub fn lanes(tenant: &TenantId) -> u32 {
    (u32::from(tenant.shards()) / 2).max(2)
}

async fn handle(ctx: &Context, message: String) -> Result<(), Internal> {
    let (pk, _) = outbox_keys(&message)?;
    let (tenant, import, plan, number) =
        keys::read_chunk(&pk).ok_or(Internal::Broken("the message names no chunk"))?;
    lambda::concerns(&tenant, None);
    let plan = PlanOf {
        tenant,
        import,
        plan,
    };
    let Some(import) = ctx.store.import(&plan.tenant, &plan.import).await? else {
        return Ok(());
    };
    if import.state != ImportState::Importing || import.plan.as_ref() != Some(&plan.plan) {
        return Ok(());
    }
    let lanes = lanes(&plan.tenant);
    if number == 0 {
        release(ctx, &plan, &import, 1..lanes).await?;
    }
    let chunk = ctx
        .store
        .chunk(&plan, number)
        .await?
        .ok_or(Internal::Broken("the plan lacks a chunk"))?;
    if !chunk.finished {
        let chunk = apply::run(ctx, &plan, &import, chunk).await?;
        if chunk.next < chunk.rows {
            return Ok(ctx.store.hand_over_chunk(&plan, number).await?);
        }
        finish(ctx, &plan, &chunk).await?;
    }
    release(ctx, &plan, &import, [number + lanes]).await?;
    end(ctx, &plan).await
}

/// Lets workers take those of the chunks that there are.
async fn release(
    ctx: &Context,
    plan: &PlanOf,
    import: &Import,
    chunks: impl IntoIterator<Item = u32>,
) -> Result<(), Internal> {
    let chunks = chunks.into_iter().filter(|chunk| *chunk < import.chunks);
    for chunk in chunks {
        ctx.store.release_chunk(plan, chunk).await?;
    }
    Ok(())
}

async fn finish(ctx: &Context, plan: &PlanOf, chunk: &Chunk) -> Result<(), Internal> {
    let mut transaction = Transaction::new(&ctx.store);
    transaction.finish_chunk(plan, chunk, ctx.clock.now(), ())?;
    // Another delivery may have finished it: it is counted once.
    let _ = transaction.commit().await?;
    Ok(())
}

/// Writes the report if this was the last chunk. Two workers may both find so: they write the same.
async fn end(ctx: &Context, plan: &PlanOf) -> Result<(), Internal> {
    let Some(import) = ctx.store.import(&plan.tenant, &plan.import).await? else {
        return Ok(());
    };
    if import.state != ImportState::Importing || import.chunks_done < import.chunks {
        return Ok(());
    }
    report::write(ctx, plan, &import).await?;
    ctx.store
        .finish_import(
            &plan.tenant,
            &plan.import,
            Import::final_state(import.done),
            ctx.clock.now(),
        )
        .await?;
    tracing::info!(import = %import.id, rows = import.done.rows(), "imported");
    Ok(())
}
