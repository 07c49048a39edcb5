//! The audit trail as a file: a row for each target of each entry, newest first.

use muster_shared::context::Context;
use muster_shared::domain::audit::Told;
use muster_shared::domain::export::Export;
use muster_shared::domain::id::TenantId;
use muster_shared::error::Internal;
use muster_shared::files::{Cell, Heading, Sheet};
use muster_shared::store::audit::{Listed, Trail};
use tempfile::tempfile;

/// How many entries are read at a time.
const PAGE: usize = 200;

const COLUMNS: [(&str, f64); 11] = [
    ("Time", 20.0),
    ("Entry", 22.0),
    ("Actor", 10.0),
    ("Actor ID", 22.0),
    ("Actor Name", 28.0),
    ("Operation", 22.0),
    ("Target ID", 22.0),
    ("Target Name", 28.0),
    ("Before", 60.0),
    ("After", 60.0),
    ("Remark", 40.0),
];

/// Writes the entries that the filter lets through, up to the moment the export was asked for; how many rows.
pub(crate) async fn write(
    ctx: &Context,
    tenant: &TenantId,
    export: &Export,
) -> Result<u64, Internal> {
    let registration = ctx.store.registration(tenant).await?;
    let registration = registration.ok_or(Internal::Broken("the tenant is not registered"))?;
    let span = (registration.beginning(), ctx.clock.now());
    let headings = COLUMNS.map(|(name, width)| Heading { name, width });
    let mut sheet = Sheet::new(export.format, tempfile()?, &headings)?;
    let (mut rows, mut before) = (0, None);
    loop {
        let trail = ctx
            .store
            .trail(tenant, &export.audit, span, before.as_deref(), PAGE)
            .await?;
        for entry in &trail.entries {
            for target in &entry.targets {
                sheet.write(&cells(&trail, entry, target))?;
                rows += 1;
            }
        }
        match trail.next {
            Some(next) => before = Some(next),
            None => break,
        }
    }
    super::upload(ctx, tenant, export, sheet.finish()?).await?;
    Ok(rows)
}

fn cells<'a>(trail: &'a Trail, entry: &'a Listed, target: &'a Told) -> [Cell<'a>; 11] {
    let name = |id: &str| trail.names.get(id).map(String::as_str);
    let actor = entry.actor.id();
    let json = |value: &Option<serde_json::Value>| value.as_ref().map(ToString::to_string);
    let remark = if target.erased {
        Some("Personal values were erased with the user")
    } else if target.damaged {
        Some("Personal values are not as they were written")
    } else {
        None
    };
    [
        Cell::from(entry.at),
        Cell::from(entry.id.as_str()),
        Cell::from(entry.actor.kind()),
        Cell::from(actor),
        Cell::from(actor.and_then(name).or(entry.actor.reference())),
        Cell::from(entry.operation.as_str()),
        Cell::from(target.id.as_str()),
        Cell::from(name(&target.id)),
        Cell::from(json(&target.before)),
        Cell::from(json(&target.after)),
        Cell::from(remark),
    ]
}
