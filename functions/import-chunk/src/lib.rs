//! Carries out a piece of a plan, and writes the report after the last.

mod apply;
mod known;
mod report;

use muster_shared::context::Context;
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
    for next in [2 * number + 1, 2 * number + 2] {
        if next < import.chunks {
            ctx.store.release_chunk(&plan, next).await?;
        }
    }
    let chunk = ctx
        .store
        .chunk(&plan, number)
        .await?
        .ok_or(Internal::Broken("the plan lacks a chunk"))?;
    if !chunk.finished {
        carry_out(ctx, &plan, &import, chunk).await?;
    }
    end(ctx, &plan).await
}

/// Carries the chunk out from its checkpoint on.
async fn carry_out(
    ctx: &Context,
    plan: &PlanOf,
    import: &Import,
    chunk: Chunk,
) -> Result<(), Internal> {
    let chunk = apply::run(ctx, plan, import, chunk).await?;
    let mut transaction = Transaction::new(&ctx.store);
    transaction.finish_chunk(plan, &chunk, ctx.clock.now(), ())?;
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
