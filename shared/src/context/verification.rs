//! Verifies an audit trail: seal by seal, and the entries under each.

use jiff::Timestamp;

use super::keys::Trusted;
use crate::domain::seal::{Finding, FindingKind, Head, Seal};
use crate::store::audit::{Placed, Registration};
use crate::store::keys::read_time;
use crate::store::{Store, StoreError};

/// How many entries one call reads at least before it asks to be called again; the last seal is always finished.
const ENTRIES: u64 = 20_000;

/// The most seals that one call verifies.
const SEALS: u64 = 1_000;

/// The most that one call tells of.
const FINDINGS: usize = 100;

/// What a part of a verification came to.
#[derive(Debug)]
pub struct Verified {
    /// How many seals were verified.
    pub seals: u64,
    /// How many entries were found under them.
    pub entries: u64,
    /// What was found, at most about a hundred.
    pub findings: Vec<Finding>,
    /// After which place to go on, if there was too much for one call.
    pub next: Option<String>,
}

/// Verifies the seals of a tenant that stand after the place `after` and whose windows begin before `to`, as many as go
/// into one call; with the last of them also that the newest one is the one that was made last.
///
/// # Errors
/// When the table cannot be read.
pub async fn verify_trail(
    store: &Store,
    trusted: &Trusted,
    registration: &Registration,
    after: String,
    to: Timestamp,
) -> Result<Verified, StoreError> {
    let mut walk = Walk::begin(store, trusted, registration, after).await?;
    let next = walk.verify(to).await?;
    if next.is_none() {
        walk.verify_newest().await?;
    }
    Ok(Verified {
        seals: walk.seals,
        entries: walk.entries,
        findings: walk.findings,
        next,
    })
}

/// Goes from seal to seal.
struct Walk<'a> {
    store: &'a Store,
    trusted: &'a Trusted,
    registration: &'a Registration,
    /// The place of the last seal that was looked at.
    after: String,
    /// That seal.
    before: Option<Head>,
    seals: u64,
    entries: u64,
    findings: Vec<Finding>,
}

impl<'a> Walk<'a> {
    async fn begin(
        store: &'a Store,
        trusted: &'a Trusted,
        registration: &'a Registration,
        after: String,
    ) -> Result<Self, StoreError> {
        let tenant = &registration.tenant;
        let before = if after.is_empty() {
            None
        } else {
            let found = store.seals_before(tenant, Some(&after), 1).await?;
            let seal = found.into_iter().next().and_then(|placed| placed.seal);
            seal.map(|seal| seal.head(tenant))
        };
        Ok(Self {
            store,
            trusted,
            registration,
            after,
            before,
            seals: 0,
            entries: 0,
            findings: Vec::new(),
        })
    }

    /// Verifies seals whose windows begin before `to`; where to go on, if there was too much for one call.
    async fn verify(&mut self, to: Timestamp) -> Result<Option<String>, StoreError> {
        loop {
            let page = self
                .store
                .seals_after(&self.registration.tenant, &self.after, 100)
                .await?;
            if page.is_empty() {
                return Ok(None);
            }
            for placed in page {
                if placed.seal.as_ref().is_some_and(|seal| seal.from >= to) {
                    return Ok(None);
                }
                self.verify_seal(&placed).await?;
                self.after = placed.key;
                let much = self.entries >= ENTRIES || self.seals >= SEALS;
                if much || self.findings.len() >= FINDINGS {
                    return Ok(Some(self.after.clone()));
                }
            }
        }
    }

    async fn verify_seal(&mut self, placed: &Placed) -> Result<(), StoreError> {
        self.seals += 1;
        let Some(seal) = placed.seal.as_ref().filter(|seal| placed.belongs(seal)) else {
            self.misplaced(placed);
            return Ok(());
        };
        let tenant = &self.registration.tenant;
        let statement = seal.statement(tenant);
        let signed = self.trusted.signed(&seal.kid, &statement, &seal.signature);
        let wrong = seal.follows(self.before.as_ref());
        self.before = Some(seal.head(tenant));
        let forged = (!signed).then_some(FindingKind::SealForged);
        self.findings
            .extend(forged.or(wrong).map(|kind| Finding::of(kind, seal)));
        // Of a window that was not sealed by us, nothing can be said.
        if signed {
            self.verify_entries(seal).await?;
        }
        Ok(())
    }

    async fn verify_entries(&mut self, seal: &Seal) -> Result<(), StoreError> {
        let tenant = &self.registration.tenant;
        let (root, entries) = self.store.root(tenant, seal.from, seal.to).await?;
        self.entries += entries;
        if (root, entries) != (seal.root, seal.entries) {
            self.findings.push(Finding {
                sealed: Some(seal.entries),
                found: Some(entries),
                ..Finding::of(FindingKind::EntriesChanged, seal)
            });
        }
        Ok(())
    }

    /// What stands here is no seal, or belongs elsewhere.
    fn misplaced(&mut self, placed: &Placed) {
        let to = read_time(&placed.key).unwrap_or(Timestamp::MAX);
        let from = self.before.as_ref().map_or(to, |before| before.to);
        let seal = self.before.as_ref().map_or(1, |before| before.number + 1);
        self.findings.push(Finding {
            kind: FindingKind::SealForged,
            seal,
            from,
            to,
            sealed: None,
            found: None,
        });
    }

    /// Whether the newest seal is the one that was made last.
    async fn verify_newest(&mut self) -> Result<(), StoreError> {
        let tenant = &self.registration.tenant;
        let found = self.store.seals_before(tenant, None, 1).await?;
        let seal = found.into_iter().next().and_then(|placed| placed.seal);
        let newest = seal.map(|seal| seal.head(tenant));
        if newest != self.registration.sealed {
            let noted = self.registration.sealed.as_ref().or(newest.as_ref());
            let until = self.registration.sealed_until();
            self.findings.push(Finding {
                kind: FindingKind::NewestSealMissing,
                seal: noted.map_or(0, |head| head.number),
                from: newest.as_ref().map_or(until, |head| head.to),
                to: noted.map_or(until, |head| head.to),
                sealed: None,
                found: None,
            });
        }
        Ok(())
    }
}
