//! Checks an uploaded file and makes the plan.

mod duplicates;
mod plan;

use std::cmp::Ordering;

use muster_shared::context::Context;
use muster_shared::domain::audit::{Actor, Entry};
use muster_shared::domain::id::{AuditId, ImportId, PlanId, Seed, TenantId};
use muster_shared::domain::import::{Counts, Import, ImportState, RowProblem, Source};
use muster_shared::domain::tenant::{ImportMode, Tenant};
use muster_shared::error::Internal;
use muster_shared::files::FileError;
use muster_shared::lambda::{self, Function};
use muster_shared::store::imports::PlanOf;
use muster_shared::store::transaction::Transaction;
use plan::Planner;
use serde::Deserialize;

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::queue("import", |ctx, message| Box::pin(handle(ctx, message)));

/// An "object created" event of S3 as the event bus delivers it (Amazon S3 user guide, "`EventBridge` event message
/// structure"). Fields that nothing is done with are left out.
#[derive(Debug, Deserialize)]
struct Event {
    detail: Detail,
}

#[derive(Debug, Deserialize)]
struct Detail {
    object: Object,
}

#[derive(Debug, Deserialize)]
struct Object {
    key: String,
    /// Orders the events of one key.
    #[serde(default)]
    sequencer: String,
}

async fn handle(ctx: &Context, message: String) -> Result<(), Internal> {
    let Event {
        detail: Detail { object },
    } = serde_json::from_str(&message)?;
    let Some(source) = Source::of_key(&object.key) else {
        return Ok(());
    };
    let (Source::Upload { tenant: id, .. } | Source::Drop { tenant: id, .. }) = &source;
    let Some(tenant) = ctx.store.tenant(id).await? else {
        return Ok(());
    };
    lambda::concerns(id, None);
    let Some(import) = find(ctx, &source, &object).await? else {
        return Ok(());
    };
    lambda::traced(
        import.trace.clone(),
        take_on(ctx, &tenant, import, &source, &object),
    )
    .await
}

/// Makes the plan, and commits it where the tenant wants that.
async fn take_on(
    ctx: &Context,
    tenant: &Tenant,
    import: Import,
    source: &Source,
    object: &Object,
) -> Result<(), Internal> {
    let known = import.id.clone();
    if let Some(import) = claim(ctx, &tenant.id, import, object).await? {
        let checked = check(ctx, tenant, import.clone()).await?;
        if !ctx.store.move_import(&tenant.id, &import, &checked).await? {
            // A newer upload, or another delivery of this event, took over; its plan counts.
            return Ok(());
        }
        tracing::info!(import = %checked.id, rows = checked.planned.rows(), "planned");
    }
    if matches!(source, Source::Drop { .. }) && tenant.policy.import_mode == ImportMode::Direct {
        // Also when an earlier delivery has made the plan, and broke off before this.
        commit_faultless(ctx, &tenant.id, &known).await?;
    }
    Ok(())
}

/// The import that a file belongs to: begun through the API, or begun by the file itself.
async fn find(ctx: &Context, source: &Source, object: &Object) -> Result<Option<Import>, Internal> {
    let (tenant, file_name) = match source {
        Source::Upload { tenant, import } => return Ok(ctx.store.import(tenant, import).await?),
        Source::Drop { tenant, file_name } => (tenant, file_name),
    };
    let now = ctx.clock.now();
    let id = ImportId::derive(&Seed::of(&["drop", &object.key, &object.sequencer]));
    let import = Import::begun(
        id.clone(),
        Actor::Import { id: id.clone() },
        Some(file_name.clone()),
        object.key.clone(),
        now,
    );
    let mut transaction = Transaction::new(&ctx.store);
    transaction.add_import(tenant, &import, ())?;
    transaction.audit(
        tenant,
        &entry(&import, "imports.drop", ImportState::Uploading, now),
    )?;
    // An earlier delivery of the event may have begun it.
    let _ = transaction.commit().await?;
    Ok(ctx.store.import(tenant, &id).await?)
}

fn entry(import: &Import, operation: &str, state: ImportState, at: jiff::Timestamp) -> Entry {
    let id = AuditId::derive(&Seed::of(&[operation, import.id.as_str()]));
    Entry {
        id,
        at,
        actor: import.actor.clone(),
        operation: operation.to_owned(),
        targets: vec![import.moved(state)],
    }
}

/// Makes this the attempt whose plan counts; none if the event is old, or the import has been committed or cancelled.
async fn claim(
    ctx: &Context,
    tenant: &TenantId,
    import: Import,
    object: &Object,
) -> Result<Option<Import>, Internal> {
    let mut current = Some(import);
    while let Some(import) = current.filter(Import::plannable) {
        let known = import.sequencer.as_deref().unwrap_or_default();
        let order = in_order(&object.sequencer, known);
        if order.is_lt()
            || (order.is_eq()
                && import.sequencer.is_some()
                && import.state != ImportState::Checking)
        {
            return Ok(None);
        }
        let claimed = Import {
            state: ImportState::Checking,
            plan: Some(PlanId::derive(&Seed::random()?)),
            sequencer: Some(object.sequencer.clone()),
            updated_at: ctx.clock.now(),
            ..import.clone()
        };
        if ctx.store.move_import(tenant, &import, &claimed).await? {
            return Ok(Some(claimed));
        }
        current = ctx.store.import(tenant, &import.id).await?;
    }
    Ok(None)
}

/// Checks the file and stores plan and chunks; the import as it stands then.
async fn check(ctx: &Context, tenant: &Tenant, import: Import) -> Result<Import, Internal> {
    let powers = (ctx.store)
        .importing_powers(tenant, &import.actor, ctx.clock.now())
        .await?;
    let planned = match duplicates::find(ctx, &import.key).await? {
        Ok(duplicates) => {
            Planner::new(ctx, tenant, &import, powers)
                .run(duplicates)
                .await?
        }
        Err(fault) => Err(fault),
    };
    let now = ctx.clock.now();
    Ok(match planned {
        Ok(planned) => Import {
            state: ImportState::Ready,
            encoding: Some(planned.summary.encoding.to_string()),
            delimiter: Some(planned.summary.delimiter.name().to_owned()),
            ignored_columns: planned
                .summary
                .header
                .ignored()
                .take(50)
                .map(|name| name.chars().take(100).collect())
                .collect(),
            heading: planned.heading,
            planned: planned.counts,
            done: Counts::default(),
            problems: planned.problems,
            chunks: planned.chunks,
            chunks_done: 0,
            fault: None,
            updated_at: now,
            ..import
        },
        // Nothing may stay of an earlier upload's plan.
        Err(fault) => Import {
            state: ImportState::Invalid,
            plan: import.plan,
            sequencer: import.sequencer,
            fault: Some(told(&fault)),
            trace: import.trace,
            created_at: import.created_at,
            ..Import::begun(import.id, import.actor, import.file_name, import.key, now)
        },
    })
}

fn told(fault: &FileError) -> RowProblem {
    RowProblem {
        line: fault.line().unwrap_or(1),
        code: fault.code().to_owned(),
        message: fault.to_string(),
    }
}

/// Compares two sequencers of one key (Amazon S3 user guide, "Event message structure": the shorter one is filled up with
/// zeros at its end, then they are compared as texts).
fn in_order(a: &str, b: &str) -> Ordering {
    let length = a.len().max(b.len());
    let filled = |text: &str| {
        let zeros = std::iter::repeat_n(b'0', length - text.len());
        text.bytes().chain(zeros).collect::<Vec<u8>>()
    };
    filled(a).cmp(&filled(b))
}

/// Commits a plan that refuses no row.
async fn commit_faultless(
    ctx: &Context,
    tenant: &TenantId,
    import: &ImportId,
) -> Result<(), Internal> {
    let now = ctx.clock.now();
    let import = ctx.store.import(tenant, import).await?;
    let Some(import) =
        import.filter(|import| import.committable(now) && import.planned.refused == 0)
    else {
        return Ok(());
    };
    let Some(plan) = import.plan.clone() else {
        return Ok(());
    };
    let mut transaction = Transaction::new(&ctx.store);
    let plan = PlanOf {
        tenant: tenant.clone(),
        import: import.id.clone(),
        plan,
    };
    transaction.commit_import(&plan, &import, now, ())?;
    transaction.audit(
        tenant,
        &entry(&import, "imports.commit", ImportState::Importing, now),
    )?;
    // Somebody may have committed or cancelled it meanwhile.
    let _ = transaction.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequencers_of_unequal_length_are_filled_up_at_their_end() {
        assert_eq!(in_order("0055AED6", "0055AED5FF"), Ordering::Greater);
        assert_eq!(in_order("0055AED6", "0055AED600"), Ordering::Equal);
        assert_eq!(in_order("", "00"), Ordering::Equal);
        // Longer than any width that can be formatted.
        let long = "0".repeat(100_000);
        assert_eq!(in_order(&long, "1"), Ordering::Less);
        assert_eq!(in_order(&long, ""), Ordering::Equal);
    }
}
