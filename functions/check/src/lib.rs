//! Proves that a table keeps every rule, by reading all of it; invoked by IAM, it has no route.

mod around;
mod cursor;
mod judge;
mod pace;
mod report;
mod table;
mod tally;
mod trails;

use std::collections::BTreeMap;

use cursor::{Part, Progress, Trails};
use jiff::SignedDuration;
use muster_shared::context::Context;
use muster_shared::domain::field::{Fault, FieldError, Fields};
use muster_shared::error::Internal;
use muster_shared::lambda::Function;
use muster_shared::store::kinds::Kind;
use muster_shared::store::meter;
use pace::Pace;
use report::Report;
pub use report::{Rule, Violation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use table::Check;

/// What runs, and how it is triggered.
pub const FUNCTION: Function = Function::event("check", |ctx, event| Box::pin(handle(ctx, event)));

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Order {
    /// How many read units a second at most; a partition of the table gives 3,000 to all that read there.
    units_per_second: u32,
    /// After how many seconds to stop and say where to go on. What was begun by then is finished: a company's users are
    /// counted in one go.
    seconds: u32,
    /// In how many parts the table is read at once.
    segments: u16,
    /// For how many minutes work may wait.
    overdue_minutes: u32,
    /// The `next` of the invocation before.
    next: Option<String>,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            units_per_second: 1_500,
            seconds: 500,
            segments: 4,
            overdue_minutes: 360,
            next: None,
        }
    }
}

impl Order {
    fn faults(&self) -> Vec<FieldError> {
        let mut fields = Fields::new();
        let bounds = [
            ("units_per_second", self.units_per_second, 1, 100_000),
            ("seconds", self.seconds, 0, 600),
            ("segments", u32::from(self.segments), 1, 64),
            ("overdue_minutes", self.overdue_minutes, 1, 100_000),
        ];
        for (field, value, least, most) in bounds {
            if !(least..=most).contains(&value) {
                let fault = Fault::new("out_of_range", format!("must be {least} to {most}"));
                fields.fault(field, &fault);
            }
        }
        fields.into_errors()
    }
}

/// What was found.
#[derive(Debug, Serialize)]
struct Answer {
    /// Whether all that this invocation looked at keeps every rule.
    clean: bool,
    /// How many items of which kind it read.
    items: BTreeMap<Kind, u64>,
    /// How many seals of audit trails it verified.
    seals: u64,
    /// Which rules do not hold, and in how many places.
    rules: Vec<Broken>,
    /// Where, at most two hundred.
    violations: Vec<Violation>,
    /// Of how many items nothing can be said, because they kept changing.
    unsettled: u64,
    /// Read units consumed.
    read_units: f64,
    /// How long it took.
    seconds: f64,
    /// Invoke again with it to check the rest; none: that was all.
    next: Option<String>,
}

/// A rule that does not hold.
#[derive(Debug, Serialize)]
struct Broken {
    rule: Rule,
    meaning: &'static str,
    count: u64,
}

async fn handle(ctx: &Context, event: Value) -> Result<Value, Internal> {
    let order: Order = match serde_path_to_error::deserialize(event) {
        Ok(order) => order,
        Err(error) => {
            let path = error.path().to_string();
            let mut fields = Fields::new();
            fields.fault(
                &path,
                &Fault::new("invalid_value", error.inner().to_string()),
            );
            return Ok(json!({ "errors": fields.into_errors() }));
        }
    };
    let errors = order.faults();
    if !errors.is_empty() {
        return Ok(json!({ "errors": errors }));
    }
    let signer = ctx.signer.as_ref();
    let signer = signer.ok_or(Internal::Broken("checking needs the signing secret"))?;
    let begun = || Progress::Table(vec![Part::Untouched; order.segments.into()]);
    let progress = match &order.next {
        Some(cursor) => Progress::unveiled(cursor, signer),
        None => Some(begun()),
    };
    let Some(progress) = progress else {
        let fault = Fault::new("invalid_cursor", "is not the `next` of a check");
        let mut fields = Fields::new();
        fields.fault("next", &fault);
        return Ok(json!({ "errors": fields.into_errors() }));
    };
    let pace = Pace::new(order.units_per_second, order.seconds.into());
    let patience = SignedDuration::from_mins(order.overdue_minutes.into());
    let check = Check {
        ctx,
        pace: &pace,
        patience,
    };
    let (done, consumed) = Box::pin(meter::measure(run(&check, progress))).await;
    let (report, progress) = done?;
    let next = progress.map(|progress| progress.veiled(signer));
    let answer = Answer::of(
        report,
        consumed.read,
        pace.elapsed().as_secs_f64(),
        next.transpose()?,
    );
    tracing::info!(
        items = answer.items.values().sum::<u64>(),
        violations = answer.rules.iter().map(|rule| rule.count).sum::<u64>(),
        unsettled = answer.unsettled,
        complete = answer.next.is_none(),
        "checked the table"
    );
    Ok(serde_json::to_value(answer)?)
}

/// Goes on from where a check has come to; how far it has come then, unless that is the end.
async fn run(
    check: &Check<'_>,
    progress: Progress,
) -> Result<(Report, Option<Progress>), Internal> {
    let (mut report, mut trails) = match progress {
        Progress::Table(mut parts) => {
            let report = check.table(&mut parts).await?;
            if parts.iter().any(|part| *part != Part::Done) {
                return Ok((report, Some(Progress::Table(parts))));
            }
            (report, Trails::default())
        }
        Progress::Trails(trails) => (Report::default(), trails),
    };
    let trusted = check.ctx.trusted().await?;
    let trusted = trusted.ok_or(Internal::Broken("checking needs the signing secret"))?;
    let all = check.trails(&trusted, &mut trails, &mut report).await?;
    Ok((report, (!all).then_some(Progress::Trails(trails))))
}

impl Answer {
    fn of(report: Report, read_units: f64, seconds: f64, next: Option<String>) -> Self {
        let broken = |(rule, count): (Rule, u64)| Broken {
            rule,
            meaning: rule.meaning(),
            count,
        };
        Self {
            clean: report.found.is_empty() && report.unsettled == 0,
            items: report.items,
            seals: report.seals,
            rules: report.found.into_iter().map(broken).collect(),
            violations: report.violations,
            unsettled: report.unsettled,
            read_units,
            seconds,
            next,
        }
    }
}
