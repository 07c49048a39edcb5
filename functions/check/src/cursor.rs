//! How far a check has come, so that the next invocation goes on from there. Places in the table are keys, and those of
//! people hold addresses: whoever is handed a cursor cannot read it.

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key as Secret, Nonce};
use data_encoding::BASE64URL_NOPAD;
use muster_shared::context::keys::Signer;
use muster_shared::store::keys::Key;
use serde::{Deserialize, Serialize};

/// How far a check has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// The table is being read: for each of its parts how far.
    Table(Vec<Part>),
    /// The trails are being verified.
    Trails(Trails),
}

/// How far a part of the table was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// Not at all.
    Untouched,
    /// Up to this key.
    Until(String, String),
    /// To its end.
    Done,
}

/// How far the trails were verified.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Trails {
    /// The part of the registry.
    pub registry: u16,
    /// The tenant whose trail was the last to be verified whole.
    pub after: Option<String>,
    /// The last seal that was verified of the next one.
    pub seal: String,
}

impl Part {
    /// After which key to go on.
    #[must_use]
    pub fn after(&self) -> Option<Key> {
        match self {
            Self::Until(pk, sk) => Some(Key {
                pk: pk.clone(),
                sk: sk.clone(),
            }),
            Self::Untouched | Self::Done => None,
        }
    }
}

const NONCE: usize = 12;

fn cipher(signer: &Signer) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(&Secret::from(signer.key_for("check/cursor")))
}

impl Progress {
    /// The progress as a cursor (ChaCha20-Poly1305, RFC 8439, with a random nonce in front).
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn veiled(&self, signer: &Signer) -> Result<String, getrandom::Error> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)?;
        let plain = serde_json::to_vec(self).unwrap_or_default();
        // It fails only for plain texts of 256 GiB.
        let sealed = cipher(signer)
            .encrypt(&Nonce::from(nonce), plain.as_slice())
            .unwrap_or_default();
        Ok(BASE64URL_NOPAD.encode(&[&nonce[..], &sealed].concat()))
    }

    /// Reads a cursor; none if it is not ours.
    #[must_use]
    pub fn unveiled(cursor: &str, signer: &Signer) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
        let plain = cipher(signer).decrypt(&Nonce::from(*nonce), sealed).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}
