//! Verifies the audit trail of every company, as `GET /v1/audit/verification` does of one.

use muster_shared::context::keys::Trusted;
use muster_shared::context::verification::verify_trail;
use muster_shared::domain::id::TenantId;
use muster_shared::domain::seal::Finding;
use muster_shared::error::Internal;
use muster_shared::store::audit::Registration;
use muster_shared::store::keys::{self, REGISTRIES};

use crate::cursor::Trails;
use crate::report::{Report, Rule, Violation};
use crate::table::Check;

impl Check<'_> {
    /// Verifies trails from where it stands on, to the last or until the time is over, at least a piece of one; whether
    /// all are verified.
    pub async fn trails(
        &self,
        trusted: &Trusted,
        at: &mut Trails,
        report: &mut Report,
    ) -> Result<bool, Internal> {
        while at.registry < REGISTRIES {
            let store = &self.ctx.store;
            let (tenants, next) = store
                .registrations(at.registry, at.after.as_deref())
                .await?;
            // What cannot be read was told of with the table.
            for registration in tenants.into_iter().flatten() {
                if !self.trail(trusted, &registration, at, report).await? {
                    return Ok(false);
                }
                at.after = Some(registration.tenant.to_string());
                at.seal.clear();
                if self.pace.is_over() {
                    return Ok(false);
                }
            }
            if next.is_none() {
                at.registry += 1;
            }
            at.after = next;
        }
        Ok(true)
    }

    /// Verifies the trail of one company; whether to its end.
    async fn trail(
        &self,
        trusted: &Trusted,
        registration: &Registration,
        at: &mut Trails,
        report: &mut Report,
    ) -> Result<bool, Internal> {
        let (store, tenant) = (&self.ctx.store, &registration.tenant);
        // What was sealed since it was read is not verified, and not missed.
        let to = registration.sealed_until();
        loop {
            self.pace.wait().await;
            let after = at.seal.clone();
            let mut verified = verify_trail(store, trusted, registration, after, to).await?;
            if !verified.findings.is_empty() {
                let current = store.registration(tenant).await?;
                if let Some(current) =
                    current.filter(|current| current.sealed != registration.sealed)
                {
                    let after = at.seal.clone();
                    let to = current.sealed_until();
                    verified = verify_trail(store, trusted, &current, after, to).await?;
                }
            }
            report.seals += verified.seals;
            for finding in &verified.findings {
                report.add(violation(tenant, finding));
            }
            let Some(next) = verified.next else {
                return Ok(true);
            };
            at.seal = next;
            if self.pace.is_over() {
                return Ok(false);
            }
        }
    }
}

fn violation(tenant: &TenantId, finding: &Finding) -> Violation {
    let kind = serde_json::to_value(finding.kind).unwrap_or_default();
    let kind = kind.as_str().unwrap_or_default();
    Violation {
        rule: Rule::TrailBroken,
        tenant: Some(tenant.clone()),
        item: format!("{} {}", keys::seals(tenant), keys::sortable(finding.to)),
        detail: Some(format!("{kind} at seal {}", finding.seal)),
    }
}
