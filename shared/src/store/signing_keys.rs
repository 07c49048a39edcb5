//! The public halves of the signing keys, published by the functions that sign.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::expression::Condition;
use super::keys;
use super::{Store, StoreError, item};

/// A published key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedKey {
    /// Its id, as tokens name it.
    pub kid: String,
    /// The Ed25519 public key, base64url.
    pub x: String,
    /// When it was published.
    pub published_at: Timestamp,
}

impl Store {
    /// All published keys.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn signing_keys(&self) -> Result<Vec<PublishedKey>, StoreError> {
        self.all(keys::SIGNING_KEYS, "KEY#").await
    }

    /// Publishes a key, if it is not yet.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn publish_key(&self, key: &PublishedKey) -> Result<(), StoreError> {
        self.put_if(
            item(&keys::signing_key(&key.kid), key)?,
            Condition::absent(),
        )
        .await
        .map(|_| ())
    }
}
