//! Sessions: families of refresh tokens, each token good for one use.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::id::{Seed, TenantId, UserId, base32};

/// How long a session lives without being used.
pub const IDLE: SignedDuration = SignedDuration::from_hours(24 * 30);

/// How long a token that was just replaced still buys the very same successor, where the client could not tell
/// that the answer was lost: a browser whose page is loaded anew.
pub const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// A refresh token as the client holds it: which family, and which of its tokens. Never logged, never stored.
pub struct RefreshToken {
    family: String,
    token: String,
}

/// Without its content.
impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

/// The SHA-256 of a secret with 120 random bits or more, which therefore needs no salt.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretHash(String);

impl SecretHash {
    fn of(secret: &str) -> Self {
        Self(base32(&Sha256::digest(secret.as_bytes())))
    }

    /// As it stands in the table.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Without its content.
impl std::fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

impl RefreshToken {
    /// The first token of a new family.
    #[must_use]
    pub fn first(seed: &Seed) -> Self {
        Self {
            family: base32(&seed.bytes::<20>("family")),
            token: base32(&seed.bytes::<20>("token")),
        }
    }

    /// A token that follows in the same family.
    fn next(&self, seed: &Seed) -> Self {
        Self {
            family: self.family.clone(),
            token: base32(&seed.bytes::<20>("token")),
        }
    }

    /// The token that follows this one once it is replaced so. Nobody can tell it without this one.
    #[must_use]
    pub fn successor(&self, replaced: &Replaced) -> Self {
        self.next(&Seed::of(&[&self.reveal(), &replaced.salt]))
    }

    /// Reads what a client presents.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (family, token) = text.split_once('.')?;
        let well_formed =
            |part: &str| part.len() == 32 && part.bytes().all(|b| b.is_ascii_alphanumeric());
        (well_formed(family) && well_formed(token)).then(|| Self {
            family: family.to_owned(),
            token: token.to_owned(),
        })
    }

    /// What the client is given.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{}.{}", self.family, self.token)
    }

    /// The family as kept and named in tokens. Only who holds a token of the family knows what it is the hash of,
    /// so nobody else can make its reuse appear.
    #[must_use]
    pub fn family_hash(&self) -> SecretHash {
        SecretHash::of(&self.family)
    }

    /// The token as kept.
    #[must_use]
    pub fn token_hash(&self) -> SecretHash {
        SecretHash::of(&self.token)
    }
}

/// A family of refresh tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    /// The one token that is good now.
    pub token: SecretHash,
    /// The token before it.
    #[serde(default)]
    pub replaced: Option<Replaced>,
    /// The tenant signed in to.
    pub tenant: TenantId,
    /// The user signed in.
    pub user: UserId,
    /// How often the user's sessions had been ended when this one began: once they are ended again, it is over.
    #[serde(default)]
    pub begun_under: u32,
    /// When the person signed in.
    pub created_at: Timestamp,
    /// When it ends unless it is used.
    pub expires_at: Timestamp,
}

/// A token that another one took the place of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Which one.
    pub token: SecretHash,
    /// What its successor is made from, beside itself.
    pub salt: String,
    /// When.
    pub at: Timestamp,
}

impl Replaced {
    /// A token that is replaced at `now`; `seed` is random.
    #[must_use]
    pub fn new(token: &RefreshToken, seed: &Seed, now: Timestamp) -> Self {
        Self {
            token: token.token_hash(),
            salt: base32(&seed.bytes::<20>("salt")),
            at: now,
        }
    }
}

/// How a presented token stands to its session.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It is the one that is good now.
    Current,
    /// It was replaced moments ago.
    JustReplaced(&'a Replaced),
    /// It was used before: somebody else may have it.
    Spent,
}

impl Session {
    /// How a token of this family stands to it at `now`.
    #[must_use]
    pub fn standing(&self, token: &RefreshToken, now: Timestamp) -> Standing<'_> {
        let hash = token.token_hash();
        if self.token == hash {
            return Standing::Current;
        }
        let recent = |replaced: &&Replaced| {
            replaced.token == hash && now.duration_since(replaced.at) < GRACE
        };
        self.replaced
            .as_ref()
            .filter(recent)
            .map_or(Standing::Spent, Standing::JustReplaced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_was_just_replaced_leads_to_the_same_successor_for_a_moment() {
        let first = RefreshToken::first(&Seed::of(&["a"]));
        let now = Timestamp::UNIX_EPOCH;
        let replaced = Replaced::new(&first, &Seed::of(&["b"]), now);
        let second = first.successor(&replaced);
        let session = Session {
            token: second.token_hash(),
            replaced: Some(replaced.clone()),
            tenant: TenantId::derive(&Seed::of(&["t"])),
            user: UserId::derive(&Seed::of(&["u"])),
            begun_under: 0,
            created_at: now,
            expires_at: now + IDLE,
        };
        assert_eq!(session.standing(&second, now), Standing::Current);
        let late = now + GRACE;
        let soon = late - SignedDuration::from_millis(1);
        let Standing::JustReplaced(kept) = session.standing(&first, soon) else {
            panic!("it was replaced just now");
        };
        assert_eq!(first.successor(kept).reveal(), second.reveal());
        assert_eq!(session.standing(&first, late), Standing::Spent);
        let foreign = first.next(&Seed::of(&["c"]));
        assert_eq!(session.standing(&foreign, now), Standing::Spent);
        let other = Replaced::new(&first, &Seed::of(&["d"]), now);
        assert_ne!(first.successor(&other).reveal(), second.reveal());
    }

    #[test]
    fn a_token_reads_back_and_its_successor_stays_in_the_family() {
        let first = RefreshToken::first(&Seed::of(&["a"]));
        let again = RefreshToken::parse(&first.reveal()).unwrap();
        assert_eq!(again.token_hash(), first.token_hash());
        let next = first.next(&Seed::of(&["b"]));
        assert_eq!(next.family_hash(), first.family_hash());
        assert_ne!(next.token_hash(), first.token_hash());
        for wrong in ["", ".", "a.b", "ä.ö"] {
            assert!(RefreshToken::parse(wrong).is_none(), "{wrong}");
        }
    }
}
