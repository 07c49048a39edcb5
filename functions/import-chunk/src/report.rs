//! The report: the plan's rows with what became of them, one line per row, to be mended and uploaded again.

use std::collections::HashMap;

use muster_shared::context::Context;
use muster_shared::domain::import::{Chunk, Exception, Import};
use muster_shared::error::Internal;
use muster_shared::files::{Form, PlanReader, PlanRow, PlanWriter, Verdict};
use muster_shared::store::imports::PlanOf;

/// Streams the plan into the report; only one chunk's exceptions are held at a time.
pub async fn write(ctx: &Context, plan: &PlanOf, import: &Import) -> Result<(), Internal> {
    const GONE: Internal = Internal::Broken("the plan is gone");
    let key = import.plan_key(&plan.tenant).ok_or(GONE)?;
    let heading = ctx
        .files()
        .read_range(&key, 0, import.heading)
        .await?
        .ok_or(GONE)?;
    let reader = PlanReader::new(&heading)?;
    let mut writer = PlanWriter::new(Form::Report, reader.header());
    let mut upload = ctx
        .files()
        .writer(import.report_key(&plan.tenant), "text/csv; charset=utf-8");
    let mut chunks = Chunks {
        ctx,
        plan,
        import,
        current: None,
        next: 0,
    };
    let mut stream = ctx.files().read(&key).await?.ok_or(GONE)?;
    let (mut pending, mut base) = (Vec::new(), 0_u64);
    while let Some(bytes) = stream.next().await? {
        pending.extend_from_slice(&bytes);
        if base < import.heading {
            let skipped = usize::try_from(import.heading - base)
                .unwrap_or(usize::MAX)
                .min(pending.len());
            pending.drain(..skipped);
            base += skipped as u64;
        }
        let mut consumed = 0;
        for row in reader.rows(&pending) {
            let row = row?;
            chunks.write(&mut writer, &row, base + consumed).await?;
            consumed = row.end;
        }
        pending.drain(
            ..usize::try_from(consumed)
                .unwrap_or(usize::MAX)
                .min(pending.len()),
        );
        base += consumed;
        upload.write(&writer.take()).await?;
    }
    upload.write(&writer.take()).await?;
    Ok(upload.finish().await?)
}

/// Walks the chunks beside the rows.
struct Chunks<'a> {
    ctx: &'a Context,
    plan: &'a PlanOf,
    import: &'a Import,
    current: Option<(Chunk, HashMap<u64, Exception>)>,
    next: u32,
}

impl Chunks<'_> {
    /// Writes the row that begins at byte `at` of the plan.
    async fn write(
        &mut self,
        writer: &mut PlanWriter,
        row: &PlanRow,
        at: u64,
    ) -> Result<(), Internal> {
        while self.next < self.import.chunks
            && self
                .current
                .as_ref()
                .is_none_or(|(chunk, _)| chunk.to <= at)
        {
            let chunk = self
                .ctx
                .store
                .chunk(self.plan, self.next)
                .await?
                .ok_or(Internal::Broken("the plan lacks a chunk"))?;
            let exceptions = chunk
                .exceptions
                .iter()
                .map(|exception| (exception.line, exception.clone()))
                .collect();
            self.current = Some((chunk, exceptions));
            self.next += 1;
        }
        let exception = self
            .current
            .as_ref()
            .and_then(|(_, exceptions)| exceptions.get(&row.row.line));
        match exception {
            Some(exception) => {
                let verdict = Verdict {
                    outcome: exception.outcome.as_str(),
                    code: &exception.code,
                    message: &exception.message,
                    ..Verdict::default()
                };
                writer.write(&row.row, &verdict);
            }
            None => writer.write(&row.row, &row.verdict()),
        }
        Ok(())
    }
}
