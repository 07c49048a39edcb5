//! Seals over the audit trail: window by window a hash over the entries, chained to the seal before and signed, so that
//! nobody who can write to the table alone can edit, remove or slip in an entry unnoticed.

use std::fmt;

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::field::Fault;
use super::id::TenantId;

/// How long a window is: the entries of one share a seal.
pub const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// How long after its end a window is sealed at the earliest: longer than any writer can take from the `at` of its entry
/// to its commit. An entry's `at` is read in the invocation that commits it; an invocation is killed after 15 minutes
/// at the latest, which is what Lambda allows and what the longest of ours is given; 5 more are for a request that is
/// on its way then, and for clocks that differ.
pub const GRACE: SignedDuration = SignedDuration::from_mins(20);

/// After how long without entries a seal says that there were none: bounds how far back a window can reach.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// Up to where there may be seals at `now`: whole windows, all of whose writers have ended.
#[must_use]
pub fn ripe(now: Timestamp) -> Timestamp {
    window_start(now.saturating_sub(GRACE).unwrap_or(Timestamp::MIN))
}

/// Where the window of a moment begins.
#[must_use]
pub fn window_start(at: Timestamp) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(WINDOW.as_secs())).unwrap_or(Timestamp::MIN)
}

/// Where the window of a moment ends.
#[must_use]
pub fn window_end(at: Timestamp) -> Timestamp {
    window_start(at)
        .saturating_add(WINDOW)
        .unwrap_or(Timestamp::MAX)
}

/// A SHA-256, written in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for Hash {
    type Error = Fault;

    fn try_from(text: String) -> Result<Self, Fault> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok();
        let hash = bytes.and_then(|bytes| bytes.try_into().ok());
        hash.map(Self)
            .ok_or_else(|| Fault::new("invalid_hash", "is not a SHA-256 in hexadecimal"))
    }
}

/// The hash over a window's entries in their order, taken one by one: SHA-256 over a heading and the entries' own hashes.
pub struct Root {
    hash: Sha256,
    entries: u64,
}

impl Default for Root {
    fn default() -> Self {
        let mut hash = Sha256::new();
        hash.update(b"muster-audit-root/1\n");
        Self { hash, entries: 0 }
    }
}

impl Root {
    /// Takes the next entry, by the hash of its stored form.
    pub fn add(&mut self, leaf: Hash) {
        self.hash.update(leaf.0);
        self.entries += 1;
    }

    /// The hash over all that were taken, and how many they were.
    #[must_use]
    pub fn finish(self) -> (Hash, u64) {
        (Hash(self.hash.finalize().into()), self.entries)
    }
}

/// A seal over all entries of a tenant `from` (with it) `to` (without it).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// Counts the tenant's seals, from 1.
    pub number: u64,
    /// Where it begins: where the one before ends.
    pub from: Timestamp,
    /// Where it ends.
    pub to: Timestamp,
    /// How many entries it covers.
    pub entries: u64,
    /// The hash over them.
    pub root: Hash,
    /// The hash of the seal before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Hash>,
    /// When it was made.
    pub sealed_at: Timestamp,
    /// The key it was signed with.
    pub kid: String,
    /// The signature over [`Seal::statement`].
    pub signature: String,
}

impl Seal {
    /// What is signed: every field but the signature, line by line.
    #[must_use]
    pub fn statement(&self, tenant: &TenantId) -> String {
        let previous = self
            .previous
            .map_or_else(|| "none".to_owned(), |hash| hash.to_string());
        format!(
            "muster-audit-seal/1\ntenant {tenant}\nnumber {}\nfrom {}\nto {}\nentries {}\nroot {}\nprevious {previous}\nsealed-at {}\nkey {}\n",
            self.number, self.from, self.to, self.entries, self.root, self.sealed_at, self.kid
        )
    }

    /// Its hash, which the next seal names: that of its statement.
    #[must_use]
    pub fn hash(&self, tenant: &TenantId) -> Hash {
        Hash::of(self.statement(tenant).as_bytes())
    }

    /// The seal as the tenant's newest.
    #[must_use]
    pub fn head(&self, tenant: &TenantId) -> Head {
        Head {
            number: self.number,
            to: self.to,
            hash: self.hash(tenant),
        }
    }

    /// What is wrong with this seal as the one after `before`; it may be the first where that is none.
    #[must_use]
    pub fn follows(&self, before: Option<&Head>) -> Option<FindingKind> {
        let expected = before.map_or(1, |before| before.number + 1);
        if self.number > expected {
            return Some(FindingKind::SealMissing);
        }
        let chained = match before {
            Some(before) => self.from == before.to && self.previous == Some(before.hash),
            None => self.previous.is_none(),
        };
        let sound = self.number == expected && chained && self.from < self.to;
        (!sound).then_some(FindingKind::ChainBroken)
    }
}

/// Which seal is a tenant's newest. It is noted beside the seals, so that the newest cannot just be taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its number.
    pub number: u64,
    /// Where it ends.
    pub to: Timestamp,
    /// Its hash.
    pub hash: Hash,
}

/// What a verification finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// The entries of a window are not those that were sealed: one was edited, removed or slipped in.
    EntriesChanged,
    /// A seal is not as this service signed it.
    SealForged,
    /// One or more seals are missing before this one.
    SealMissing,
    /// A seal does not follow from the one before it: replaced, removed or re-ordered.
    ChainBroken,
    /// The newest seal is gone, or is not the one that was made last.
    NewestSealMissing,
}

/// One thing that a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// At which seal.
    pub seal: u64,
    /// Where its window begins.
    pub from: Timestamp,
    /// Where its window ends.
    pub to: Timestamp,
    /// How many entries were sealed, where entries were changed.
    pub sealed: Option<u64>,
    /// How many there are now.
    pub found: Option<u64>,
}

impl Finding {
    /// Something about a seal.
    #[must_use]
    pub fn of(kind: FindingKind, seal: &Seal) -> Self {
        Self {
            kind,
            seal: seal.number,
            from: seal.from,
            to: seal.to,
            sealed: None,
            found: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::id::Seed;
    use super::*;

    fn tenant() -> TenantId {
        TenantId::derive(&Seed::of(&["t"]))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn seal(before: Option<&Head>) -> Seal {
        let from = before.map_or(at("2026-03-01T00:00:00Z"), |before| before.to);
        Seal {
            number: before.map_or(1, |before| before.number + 1),
            from,
            to: window_end(from),
            entries: 0,
            root: Root::default().finish().0,
            previous: before.map(|before| before.hash),
            sealed_at: at("2026-03-05T00:00:00Z"),
            kid: "key".to_owned(),
            signature: "signature".to_owned(),
        }
    }

    #[test]
    fn a_window_is_ripe_when_its_last_writer_must_have_ended() {
        assert_eq!(ripe(at("2026-03-02T09:19:59Z")), at("2026-03-02T08:00:00Z"));
        assert_eq!(ripe(at("2026-03-02T09:20:00Z")), at("2026-03-02T09:00:00Z"));
        assert_eq!(
            window_end(at("2026-03-02T08:00:00Z")),
            at("2026-03-02T09:00:00Z")
        );
        assert_eq!(
            window_end(at("2026-03-02T08:59:59.999Z")),
            at("2026-03-02T09:00:00Z")
        );
        assert_eq!(
            window_start(at("1969-12-31T23:30:00Z")),
            at("1969-12-31T23:00:00Z")
        );
    }

    #[test]
    fn a_root_depends_on_the_entries_and_their_order() {
        let root = |leaves: &[&[u8]]| {
            let mut root = Root::default();
            for leaf in leaves {
                root.add(Hash::of(leaf));
            }
            root.finish()
        };
        assert_eq!(root(&[b"a", b"b"]), root(&[b"a", b"b"]));
        assert_ne!(root(&[b"a", b"b"]).0, root(&[b"b", b"a"]).0);
        assert_ne!(root(&[b"a", b"b"]).0, root(&[b"a"]).0);
        assert_eq!(root(&[b"a", b"b"]).1, 2);
    }

    #[test]
    fn seals_follow_one_from_another() {
        let tenant = tenant();
        let first = seal(None);
        let second = seal(Some(&first.head(&tenant)));
        let third = seal(Some(&second.head(&tenant)));
        assert_eq!(first.follows(None), None);
        assert_eq!(second.follows(Some(&first.head(&tenant))), None);
        assert_eq!(
            third.follows(Some(&first.head(&tenant))),
            Some(FindingKind::SealMissing)
        );
        assert_eq!(second.follows(None), Some(FindingKind::SealMissing));
        assert_eq!(
            first.follows(Some(&first.head(&tenant))),
            Some(FindingKind::ChainBroken)
        );
        let mut edited = first.clone();
        edited.entries += 1;
        assert_eq!(
            second.follows(Some(&edited.head(&tenant))),
            Some(FindingKind::ChainBroken)
        );
        let mut shifted = second.clone();
        shifted.from = third.from;
        assert_eq!(
            shifted.follows(Some(&first.head(&tenant))),
            Some(FindingKind::ChainBroken)
        );
    }

    #[test]
    fn each_field_is_signed() {
        let tenant = tenant();
        let first = seal(None);
        let seal = seal(Some(&first.head(&tenant)));
        let edits: [fn(&mut Seal); 8] = [
            |seal| seal.number += 1,
            |seal| seal.from = Timestamp::UNIX_EPOCH,
            |seal| seal.to = Timestamp::MAX,
            |seal| seal.entries += 1,
            |seal| seal.root = Hash::of(b""),
            |seal| seal.previous = None,
            |seal| seal.sealed_at = Timestamp::UNIX_EPOCH,
            |seal| seal.kid.push('x'),
        ];
        for edit in edits {
            let mut changed = seal.clone();
            edit(&mut changed);
            assert_ne!(changed.statement(&tenant), seal.statement(&tenant));
            assert_ne!(changed.hash(&tenant), seal.hash(&tenant));
        }
        let other = TenantId::derive(&Seed::of(&["other"]));
        assert_ne!(seal.hash(&tenant), seal.hash(&other));
    }
}
