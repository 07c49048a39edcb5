//! Personal values of the audit trail: kept under a key that stands on the user alone, so that erasing the user erases
//! them everywhere, while the entries, and the seals over them, stay as they were written.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use data_encoding::BASE64URL_NOPAD;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::field::Fault;

/// A user's own key: 256 random bits that follow from nothing else.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AuditKey([u8; 32]);

/// Without its content.
impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(…)")
    }
}

impl From<AuditKey> for String {
    fn from(key: AuditKey) -> Self {
        BASE64URL_NOPAD.encode(&key.0)
    }
}

impl TryFrom<String> for AuditKey {
    type Error = Fault;

    fn try_from(text: String) -> Result<Self, Fault> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok();
        let key = bytes.and_then(|bytes| bytes.try_into().ok());
        key.map(Self)
            .ok_or_else(|| Fault::new("invalid_key", "is not a key of 32 bytes"))
    }
}

const NONCE: usize = 12;

impl AuditKey {
    /// A key nobody has had before.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Veils `plain` at this `place` (ChaCha20-Poly1305, RFC 8439, with a random nonce in front): it can be read back
    /// with the key, and at this place only.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn veil(&self, place: &str, plain: &[u8]) -> Result<Veiled, getrandom::Error> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)?;
        let payload = Payload {
            msg: plain,
            aad: place.as_bytes(),
        };
        // It fails only for plain texts of 256 GiB.
        let sealed = self
            .cipher()
            .encrypt(&Nonce::from(nonce), payload)
            .unwrap_or_default();
        Ok(Veiled([&nonce[..], &sealed].concat()))
    }

    /// Reads what was veiled at this `place`; none if it was veiled with another key or elsewhere, or changed.
    #[must_use]
    pub fn unveil(&self, place: &str, veiled: &Veiled) -> Option<Vec<u8>> {
        let (nonce, sealed) = veiled.0.split_first_chunk::<NONCE>()?;
        let payload = Payload {
            msg: sealed,
            aad: place.as_bytes(),
        };
        self.cipher().decrypt(&Nonce::from(*nonce), payload).ok()
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&Key::from(self.0))
    }
}

/// Values that only their user's key brings back; stored as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Veiled(Vec<u8>);

impl Serialize for Veiled {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Veiled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(Bytes)
    }
}

struct Bytes;

impl<'de> Visitor<'de> for Bytes {
    type Value = Veiled;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Veiled, E> {
        Ok(Veiled(bytes.to_vec()))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Veiled, E> {
        Ok(Veiled(bytes))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<Veiled, A::Error> {
        let mut all = Vec::with_capacity(bytes.size_hint().unwrap_or_default().min(4_096));
        while let Some(byte) = bytes.next_element()? {
            all.push(byte);
        }
        Ok(Veiled(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_at_the_same_place_reads_it_back() {
        let (key, other) = (AuditKey::random().unwrap(), AuditKey::random().unwrap());
        let veiled = key.veil("here", b"Ada").unwrap();
        assert_eq!(key.unveil("here", &veiled).unwrap(), b"Ada");
        assert_eq!(key.unveil("there", &veiled), None);
        assert_eq!(other.unveil("here", &veiled), None);
        let mut changed = veiled.clone();
        changed.0[NONCE] ^= 1;
        assert_eq!(key.unveil("here", &changed), None);
        assert_eq!(key.unveil("here", &Veiled(vec![0; 3])), None);
    }

    #[test]
    fn the_same_value_never_looks_the_same_twice() {
        let key = AuditKey::random().unwrap();
        let veil = || key.veil("here", b"Ada").unwrap();
        assert_ne!(veil(), veil());
        assert!(!veil().0.windows(3).any(|part| part == b"Ada"));
    }

    #[test]
    fn a_key_is_stored_as_text_and_never_printed() {
        let key = AuditKey::random().unwrap();
        let text = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<AuditKey>(&text).unwrap(), key);
        assert!(serde_json::from_str::<AuditKey>("\"c2hvcnQ\"").is_err());
        assert_eq!(format!("{key:?}"), "AuditKey(…)");
    }
}
