//! Seals the audit trails, window by window; runs by the schedule.

use futures::StreamExt;
use futures::stream;
use jiff::Timestamp;
use muster_shared::context::Context;
use muster_shared::context::keys::{Signer, Trusted};
use muster_shared::domain::seal::{LONGEST, Seal, ripe, window_end};
use muster_shared::error::Internal;
use muster_shared::lambda::Function;
use muster_shared::store::StoreError;
use muster_shared::store::audit::Registration;
use muster_shared::store::keys::REGISTRIES;
use muster_shared::store::transaction::Transaction;
use serde_json::{Value, json};

/// What runs, and how it is triggered.
pub const FUNCTION: Function = Function::event("seal-audit", |ctx, _| Box::pin(handle(ctx)));

/// What is sealed with, and what the seals of earlier are verified with.
struct Keys<'a> {
    signer: &'a Signer,
    trusted: Trusted,
}

/// How many trails are sealed at a time.
const AT_ONCE: usize = 8;

/// Seals whatever is ripe of every tenant's trail. It may run twice at once, and what an outage left undone is done by
/// the next run. A trail that cannot be sealed holds up no other one, but the run as a whole has failed then.
async fn handle(ctx: &Context) -> Result<Value, Internal> {
    let signer = ctx.signer.as_ref();
    let (signer, trusted) = signer
        .zip(ctx.trusted().await?)
        .ok_or(Internal::Broken("sealing needs the signing secret"))?;
    let keys = Keys { signer, trusted };
    let now = ctx.clock.now();
    let (mut seals, mut failed) = (0, 0);
    for shard in 0..REGISTRIES {
        let mut after = None;
        loop {
            let (tenants, next) = ctx.store.registrations(shard, after.as_deref()).await?;
            let mut runs = stream::iter(tenants)
                .map(|tenant| seal_trail(ctx, &keys, tenant, now))
                .buffer_unordered(AT_ONCE);
            while let Some(made) = runs.next().await {
                seals += made.unwrap_or_default();
                failed += u64::from(made.is_none());
            }
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    tracing::info!(seals, failed, "sealed audit trails");
    if failed > 0 {
        return Err(Internal::Broken("an audit trail could not be sealed"));
    }
    Ok(json!({ "seals": seals }))
}

/// How many seals were made; none if the trail could not be sealed.
async fn seal_trail(
    ctx: &Context,
    keys: &Keys<'_>,
    registration: Result<Registration, StoreError>,
    now: Timestamp,
) -> Option<u64> {
    let registration = registration
        .inspect_err(|fault| tracing::error!(%fault, "a tenant's registration cannot be read"))
        .ok()?;
    let tenant = registration.tenant.clone();
    let made = seal_windows(ctx, keys, registration, now).await;
    made.inspect_err(|fault| tracing::error!(%tenant, %fault, "a trail could not be sealed"))
        .ok()
}

async fn seal_windows(
    ctx: &Context,
    keys: &Keys<'_>,
    mut registration: Registration,
    now: Timestamp,
) -> Result<u64, Internal> {
    let mut made = 0;
    while let Some(to) = next_end(ctx, &registration, ripe(now)).await? {
        if made == 0 {
            check_newest(ctx, &keys.trusted, &registration).await?;
        }
        let seal = seal(ctx, keys.signer, &registration, to, now).await?;
        let mut transaction = Transaction::new(&ctx.store);
        transaction.seal(&registration, &seal, ())?;
        if transaction.commit().await?.is_ok() {
            made += 1;
            let head = seal.head(&registration.tenant);
            // The log is kept elsewhere than the table: whoever doubts the table compares.
            tracing::info!(tenant = %registration.tenant, seal = head.number, hash = %head.hash, "sealed");
            registration.sealed = Some(head);
            continue;
        }
        let current = ctx.store.registration(&registration.tenant).await?;
        let current = current.ok_or(Internal::Broken("the tenant is not registered any more"))?;
        if current.sealed == registration.sealed {
            return Err(Internal::Broken("something stands in the seal's place"));
        }
        // Another run was faster: on from there.
        registration = current;
    }
    Ok(made)
}

/// Where the next seal ends: with the window of the next entry. A stretch without entries is sealed with what comes after
/// it, or by itself when it has become long.
async fn next_end(
    ctx: &Context,
    registration: &Registration,
    ripe: Timestamp,
) -> Result<Option<Timestamp>, Internal> {
    let from = registration.sealed_until();
    if from >= ripe {
        return Ok(None);
    }
    let first = ctx
        .store
        .first_entry(&registration.tenant, from, ripe)
        .await?;
    Ok(match first {
        Some(at) => Some(window_end(at).min(ripe)),
        None => (ripe.duration_since(from) >= LONGEST).then_some(ripe),
    })
}

/// Nothing is sealed on top of a seal that is not ours.
async fn check_newest(
    ctx: &Context,
    trusted: &Trusted,
    registration: &Registration,
) -> Result<(), Internal> {
    let Some(head) = &registration.sealed else {
        return Ok(());
    };
    let tenant = &registration.tenant;
    let newest = ctx.store.seal(tenant, head.to).await?;
    let sound = newest.is_some_and(|seal| {
        seal.head(tenant) == *head
            && trusted.signed(&seal.kid, &seal.statement(tenant), &seal.signature)
    });
    if sound {
        Ok(())
    } else {
        Err(Internal::Broken("the newest seal is not as it was made"))
    }
}

async fn seal(
    ctx: &Context,
    signer: &Signer,
    registration: &Registration,
    to: Timestamp,
    now: Timestamp,
) -> Result<Seal, Internal> {
    let (tenant, from) = (&registration.tenant, registration.sealed_until());
    let (root, entries) = ctx.store.root(tenant, from, to).await?;
    let before = registration.sealed.as_ref();
    let mut seal = Seal {
        number: before.map_or(1, |before| before.number + 1),
        from,
        to,
        entries,
        root,
        previous: before.map(|before| before.hash),
        sealed_at: now,
        kid: signer.kid().to_owned(),
        signature: String::new(),
    };
    seal.signature = signer.sign(&seal.statement(tenant));
    Ok(seal)
}
