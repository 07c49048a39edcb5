//! Prefixed identifiers: `usr_…`, `tnt_…`; 80 bits in Crockford's base 32, so they can be read out on the phone.

use std::fmt;
use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};
use sha2::{Digest, Sha256};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::field::Fault;

static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification
        .symbols
        .push_str("0123456789abcdefghjkmnpqrstvwxyz");
    specification
        .translate
        .from
        .push_str("ABCDEFGHJKMNPQRSTVWXYZ");
    specification
        .translate
        .to
        .push_str("abcdefghjkmnpqrstvwxyz");
    #[expect(
        clippy::expect_used,
        reason = "a constant specification, exercised by every test"
    )]
    specification.encoding().expect("a valid alphabet")
});

/// Bytes as lower-case Crockford base 32.
#[must_use]
pub fn base32(bytes: &[u8]) -> String {
    BASE32.encode(bytes)
}

/// What ids are made from: random for a new request and kept with its `Idempotency-Key`, or derived from what identifies
/// a repeated job, so that a retry makes the same ids again and meets its own first attempt.
#[derive(Clone, Copy)]
pub struct Seed([u8; 32]);

/// Without its content: nonces and codes come from it.
impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}

impl Seed {
    /// A seed nobody has had before.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The seed as text, to be kept with what it is for.
    #[must_use]
    pub fn to_text(&self) -> String {
        base32(&self.0)
    }

    /// Reads a kept seed.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let bytes = BASE32.decode(text.as_bytes()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The seed that the same `parts` always give.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Self(hash.finalize().into())
    }

    /// A seed for one part of the request, such as one of many users.
    #[must_use]
    pub fn child(&self, label: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(label.as_bytes());
        Self(hash.finalize().into())
    }

    /// `N` bytes of the part called `label`.
    #[must_use]
    pub fn bytes<const N: usize>(&self, label: &str) -> [u8; N] {
        let mut bytes = [0; N];
        for (to, from) in bytes.iter_mut().zip(self.child(label).0) {
            *to = from;
        }
        bytes
    }
}

/// Declares an id type: its prefix, parsing and derivation from a [`Seed`].
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id that `seed` gives.
            #[must_use]
            pub fn derive(seed: &Seed) -> Self {
                Self(format!(concat!($prefix, "_{}"), base32(&seed.bytes::<10>($prefix))))
            }

            /// Reads an id as it stands in a path, a body or the table.
            ///
            /// # Errors
            /// When it is not an id of this type.
            pub fn parse(text: &str) -> Result<Self, Fault> {
                let id = text.strip_prefix(concat!($prefix, "_")).filter(|id| {
                    id.len() == 16 && BASE32.decode(id.as_bytes()).is_ok() && !id.bytes().any(|b| b.is_ascii_uppercase())
                });
                match id {
                    Some(_) => Ok(Self(text.to_owned())),
                    None => Err(Fault::new("invalid_id", concat!("is not an id of the form ", $prefix, "_…"))),
                }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Fault;
            fn try_from(text: String) -> Result<Self, Fault> {
                Self::parse(&text)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some(concat!("An id of the form `", $prefix, "_…`.")))
                    .pattern(Some(concat!("^", $prefix, "_[0-9a-hjkmnp-tv-z]{16}$")))
                    .examples([concat!($prefix, "_4zk0m7v2q8x1c9dj")])
                    .into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

ids! {
    /// A tenant. Its first character says over how many partitions its users are spread, which never changes.
    TenantId = "tnt";
    /// An entry of a tenant's user list.
    UserId = "usr";
    /// An app of which the tenant bought seats.
    ProductId = "prd";
    /// A mail on its way.
    MailId = "mai";
    /// An import.
    ImportId = "imp";
    /// An attempt at making the plan of an import.
    PlanId = "pln";
    /// An export.
    ExportId = "exp";
    /// An entry of the audit trail.
    AuditId = "aud";
    /// A role that a tenant defined.
    RoleId = "rol";
    /// A fleet or a tag.
    GroupId = "grp";
    /// A customer's account.
    AccountId = "acc";
    /// A mailed link other than that of an invitation.
    LinkId = "lnk";
}

impl TenantId {
    /// The most shards a tenant can have.
    pub const MAX_SHARDS: u16 = 64;

    /// A new tenant's id; `shards` is rounded up to a power of two, at most [`Self::MAX_SHARDS`].
    ///
    /// The number of shards lives in the id, so that any request knows every key without a read.
    #[must_use]
    pub fn with_shards(seed: &Seed, shards: u16) -> Self {
        let log2 = shards
            .clamp(1, Self::MAX_SHARDS)
            .next_power_of_two()
            .trailing_zeros();
        let mut id = Self::derive(seed).0;
        id.replace_range(4..5, &log2.to_string());
        Self(id)
    }

    /// Over how many partitions the tenant's users are spread.
    #[must_use]
    pub fn shards(&self) -> u16 {
        let log2 = self
            .0
            .as_bytes()
            .get(4)
            .map_or(0, |digit| digit.saturating_sub(b'0'));
        1 << log2.min(6)
    }

    /// The shard of a key: a user's id, or a guarded value.
    #[must_use]
    pub fn shard(&self, key: &str) -> u16 {
        let hash = Sha256::digest(key.as_bytes());
        u16::from_be_bytes([hash[0], hash[1]]) % self.shards()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_id_and_different_types_different_ones() {
        let seed = Seed::of(&["a", "b"]);
        assert_eq!(UserId::derive(&seed), UserId::derive(&seed));
        assert_ne!(
            UserId::derive(&seed).as_str()[4..],
            MailId::derive(&seed).as_str()[4..]
        );
        assert_ne!(
            UserId::derive(&seed),
            UserId::derive(&Seed::of(&["ab", ""]))
        );
    }

    #[test]
    fn ids_are_parsed_strictly() {
        let id = UserId::derive(&Seed::of(&["x"]));
        assert_eq!(UserId::parse(id.as_str()), Ok(id.clone()));
        for wrong in [
            "",
            "usr_",
            "tnt_0123456789abcdef",
            "usr_0123456789abcdeF",
            "usr_0123456789abcde#",
            "usr_0123456789abcdef0",
        ] {
            assert!(UserId::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tenants_id_says_its_shards() {
        for (asked, given) in [(0, 1), (1, 1), (2, 2), (5, 8), (64, 64), (500, 64)] {
            let id = TenantId::with_shards(&Seed::of(&["t"]), asked);
            assert_eq!(id.shards(), given);
            assert_eq!(TenantId::parse(id.as_str()), Ok(id.clone()));
            assert!(id.shard("anything") < given);
        }
    }
}
