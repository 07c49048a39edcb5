//! Signing keys: derived from the stack's secret by the functions that sign, published in the table for the rest.

use std::collections::HashMap;
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};
use hkdf::Hkdf;
use jiff::Timestamp;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use sha2::{Digest, Sha256};

use crate::store::signing_keys::PublishedKey;
use crate::store::{Store, StoreError};

/// Ed25519 and nothing else, for `jsonwebtoken`: a token that names another algorithm has no verifier.
static ED25519: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes Ed25519 the algorithm of all tokens of this process.
pub fn install() {
    // Fails only if it was done before.
    let _ = ED25519.install_default();
}

struct Ed25519Signer(SigningKey);
struct Ed25519Verifier(VerifyingKey);

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that jsonwebtoken asks for"
)]
fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    let seed = <[u8; 32]>::try_from(key.as_bytes());
    match (algorithm, seed) {
        (Algorithm::EdDSA, Ok(seed)) => Ok(Box::new(Ed25519Signer(SigningKey::from_bytes(&seed)))),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that jsonwebtoken asks for"
)]
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    let bytes = key
        .try_get_as_bytes()
        .ok()
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    match (
        algorithm,
        bytes.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok()),
    ) {
        (Algorithm::EdDSA, Some(key)) => Ok(Box::new(Ed25519Verifier(key))),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

impl signature::Signer<Vec<u8>> for Ed25519Signer {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(self.0.sign(message).to_bytes().to_vec())
    }
}

impl JwtSigner for Ed25519Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

impl signature::Verifier<Vec<u8>> for Ed25519Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let signature = Signature::from_slice(signature).map_err(|_| signature::Error::new())?;
        self.0
            .verify(message, &signature)
            .map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Ed25519Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

/// The private key of a function that signs.
pub struct Signer {
    kid: String,
    key: EncodingKey,
    raw: SigningKey,
    public: String,
    secret: Hkdf<Sha256>,
}

/// Without its content.
impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.kid)
    }
}

impl Signer {
    /// The key that a secret gives (HKDF-SHA256, RFC 5869), so that nobody ever handles a key file.
    #[must_use]
    pub fn derive(secret: &str) -> Option<Self> {
        let mut seed = [0; 32];
        let secret = Hkdf::<Sha256>::new(None, secret.as_bytes());
        secret.expand(b"muster/signing/ed25519", &mut seed).ok()?;
        let raw = SigningKey::from_bytes(&seed);
        let public = raw.verifying_key().to_bytes();
        let kid = BASE64URL_NOPAD.encode(&Sha256::digest(public)[..12]);
        Some(Self {
            kid,
            key: EncodingKey::from_ed_der(&seed),
            raw,
            public: BASE64URL_NOPAD.encode(&public),
            secret,
        })
    }

    /// The key's id, as tokens name it.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key, for encoding a token.
    #[must_use]
    pub fn key(&self) -> &EncodingKey {
        &self.key
    }

    /// Signs a statement that is no token: it begins with words that no token begins with. The signature in base64url.
    #[must_use]
    pub fn sign(&self, statement: &str) -> String {
        BASE64URL_NOPAD.encode(&self.raw.sign(statement.as_bytes()).to_bytes())
    }

    /// Whether this very key signed the statement. The key follows from the secret, so what stands in the table need not
    /// be trusted.
    fn signed(&self, statement: &str, signature: &str) -> bool {
        let bytes = BASE64URL_NOPAD.decode(signature.as_bytes()).ok();
        let signature = bytes.and_then(|bytes| Signature::from_slice(&bytes).ok());
        signature.is_some_and(|signature| {
            let key = self.raw.verifying_key();
            key.verify_strict(statement.as_bytes(), &signature).is_ok()
        })
    }

    /// The code of six digits that belongs to a nonce: an HMAC under the secret (RFC 5869, step 2), so that nobody who reads
    /// the table can work it out.
    #[must_use]
    pub fn code(&self, nonce: &str) -> String {
        let mut bytes = [0; 8];
        // Fails only for more than 8,160 bytes.
        let _ = self
            .secret
            .expand_multi_info(&[b"muster/code/", nonce.as_bytes()], &mut bytes);
        format!("{:06}", u64::from_be_bytes(bytes) % 1_000_000)
    }

    /// A key for a `purpose` of its own, which nobody can work out without the secret.
    #[must_use]
    pub fn key_for(&self, purpose: &str) -> [u8; 32] {
        let mut key = [0; 32];
        // Fails only for more than 8,160 bytes.
        let _ = (self.secret).expand_multi_info(&[b"muster/key/", purpose.as_bytes()], &mut key);
        key
    }

    /// The public half, for everybody who verifies.
    #[must_use]
    pub fn published(&self, now: Timestamp) -> PublishedKey {
        PublishedKey {
            kid: self.kid.clone(),
            x: self.public.clone(),
            published_at: now,
        }
    }
}

/// The keys by which this service signs and has signed, as its secret gives them.
#[derive(Debug)]
pub struct Trusted(pub(super) Vec<Signer>);

impl Trusted {
    /// Whether the key called `kid` is one of them, and signed the statement.
    #[must_use]
    pub fn signed(&self, kid: &str, statement: &str, signature: &str) -> bool {
        let mut named = self.0.iter().filter(|key| key.kid == kid);
        named.any(|key| key.signed(statement, signature))
    }

    /// Whether one of them gives a nonce this code.
    #[must_use]
    pub fn gives(&self, nonce: &str, code: &str) -> bool {
        self.0.iter().any(|key| key.code(nonce) == code)
    }
}

/// A published key as tokens are verified with it; none if it is no key.
#[must_use]
pub fn decoded(key: &PublishedKey) -> Option<DecodingKey> {
    DecodingKey::from_ed_components(&key.x).ok()
}

/// The published keys, as read when the function started; read again when a token names one that is not among them.
#[derive(Default)]
pub struct KeySet {
    keys: RwLock<HashMap<String, DecodingKey>>,
    missed_at: Mutex<Option<Instant>>,
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeySet")
    }
}

/// How often the key set is read anew for unknown keys at most: tokens with made-up key ids cost no more reads.
const PAUSE: Duration = Duration::from_secs(1);

impl KeySet {
    /// Reads the published keys.
    pub(super) async fn read(&self, store: &Store) -> Result<(), StoreError> {
        let published = store.signing_keys().await?;
        let decoded = published.into_iter().filter_map(|key| {
            let decoded = decoded(&key)?;
            Some((key.kid, decoded))
        });
        if let Ok(mut keys) = self.keys.write() {
            *keys = decoded.collect();
        }
        Ok(())
    }

    /// The key with this id, if it is published.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn get(&self, kid: &str, store: &Store) -> Result<Option<DecodingKey>, StoreError> {
        if let Some(key) = self.known(kid) {
            return Ok(Some(key));
        }
        if self.paused() {
            return Ok(None);
        }
        self.read(store).await?;
        Ok(self.known(kid))
    }

    /// Whether the set was read anew just now for an unknown key; if not, it is going to be.
    fn paused(&self) -> bool {
        let Ok(mut missed_at) = self.missed_at.lock() else {
            return true;
        };
        if missed_at.is_some_and(|at| at.elapsed() < PAUSE) {
            return true;
        }
        *missed_at = Some(Instant::now());
        false
    }

    /// The key with this id, if it was among those read.
    pub(super) fn known(&self, kid: &str) -> Option<DecodingKey> {
        self.keys.read().ok()?.get(kid).cloned()
    }
}
