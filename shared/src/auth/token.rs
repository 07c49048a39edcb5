//! Signed tokens: the access token of a session, and the links in mails (RFC 7519, `EdDSA` by RFC 8037).

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::domain::id::{AccountId, LinkId, TenantId, UserId};
use crate::domain::invitation::Nonce;
use crate::domain::permission::{Class, ModuleRight, Role};
use crate::domain::powers::Sight;
use crate::domain::text::Module;
use crate::error::{ApiError, Internal};

/// Who issues all tokens.
const ISSUER: &str = "muster";

/// What a token is for. A token made for one purpose is worthless for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Calling the API.
    Api,
    /// Activating an account.
    Activate,
    /// Choosing a new password.
    Reset,
    /// Changing an e-mail address.
    Email,
}

impl Audience {
    fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Activate => "activate",
            Self::Reset => "reset",
            Self::Email => "email",
        }
    }
}

/// How long an access token is good.
pub const ACCESS: SignedDuration = SignedDuration::from_mins(15);

/// What an access token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Access {
    /// The user.
    pub sub: UserId,
    /// The tenant; the only place a request's tenant comes from (rule 1).
    pub tid: TenantId,
    /// How far the user's power can reach. Like all that follows it is for reading; changes read it anew.
    pub class: Class,
    /// The user's roles.
    pub roles: BTreeSet<Role>,
    /// How far the user may go in which module of the fleet's apps.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub modules: BTreeMap<Module, ModuleRight>,
    /// The customer's account that the user belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Whom the user sees.
    pub scope: Sight,
    /// How often the user's sessions had been ended when this one began.
    #[serde(default)]
    pub sessions: u32,
    /// The session.
    pub sid: String,
}

/// What an activation link says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Activation {
    /// The user.
    pub sub: UserId,
    /// The tenant.
    pub tid: TenantId,
    /// What tells the newest link from earlier ones.
    pub nonce: Nonce,
}

/// What a mailed link other than that of an invitation says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Linked {
    /// What it leads to.
    pub lnk: LinkId,
    /// What tells the newest link from earlier ones.
    pub nonce: Nonce,
}

/// What a link about an e-mail address says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangeLink {
    /// What it leads to.
    pub lnk: LinkId,
    /// What tells the newest link from earlier ones.
    pub nonce: Nonce,
    /// Whether it cancels the change, from the old address; if not, it confirms, from the new one.
    #[serde(default)]
    pub cancel: bool,
}

#[derive(Deserialize)]
struct Claims<T> {
    exp: i64,
    #[serde(flatten)]
    content: T,
}

/// Signs a token that is good until `expires_at`.
///
/// # Errors
/// When this function does not sign.
pub fn sign(
    ctx: &Context,
    audience: Audience,
    content: &impl Serialize,
    expires_at: Timestamp,
) -> Result<String, Internal> {
    let signer = ctx
        .signer
        .as_ref()
        .ok_or(Internal::Broken("this function has no signing key"))?;
    let mut claims = serde_json::to_value(content)?;
    if let Some(claims) = claims.as_object_mut() {
        claims.insert("iss".to_owned(), ISSUER.into());
        claims.insert("aud".to_owned(), audience.as_str().into());
        claims.insert("iat".to_owned(), ctx.clock.now().as_second().into());
        claims.insert("exp".to_owned(), expires_at.as_second().into());
    }
    let header = Header {
        alg: Algorithm::EdDSA,
        kid: Some(signer.kid().to_owned()),
        ..Header::default()
    };
    Ok(jsonwebtoken::encode(&header, &claims, signer.key())?)
}

/// A token that was verified.
#[derive(Debug)]
pub struct Verified<T> {
    /// What it says.
    pub content: T,
    /// When it ends; whether it has is for the caller to judge.
    pub expires_at: Timestamp,
}

/// Verifies a token's signature and audience. `None` if it is not one of ours, for whatever reason.
///
/// # Errors
/// When the key set cannot be read.
pub async fn verify<T: DeserializeOwned>(
    ctx: &Context,
    audience: Audience,
    token: &str,
) -> Result<Option<Verified<T>>, ApiError> {
    let Some(kid) = key_id(token) else {
        return Ok(None);
    };
    let key = ctx.keys.get(&kid, &ctx.store).await?;
    Ok(key.and_then(|key| read(&key, audience, token)))
}

/// The key that a token says it is signed with; none if none of ours can be.
#[must_use]
pub fn key_id(token: &str) -> Option<String> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    header.kid.filter(|_| header.alg == Algorithm::EdDSA)
}

/// What a token says, if this key signed it for this audience.
#[must_use]
pub fn read<T: DeserializeOwned>(
    key: &DecodingKey,
    audience: Audience,
    token: &str,
) -> Option<Verified<T>> {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[audience.as_str()]);
    validation.set_issuer(&[ISSUER]);
    // Unless they are asked for, the library takes a token that names neither.
    validation.set_required_spec_claims(&["exp", "aud", "iss"]);
    // Time is judged by ctx.clock, not by the library.
    validation.validate_exp = false;
    let decoded = jsonwebtoken::decode::<Claims<T>>(token, key, &validation).ok()?;
    let Claims { exp, content } = decoded.claims;
    Some(Verified {
        content,
        expires_at: Timestamp::from_second(exp).unwrap_or(Timestamp::MIN),
    })
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64URL_NOPAD;
    use serde_json::{Value, json};

    use super::*;
    use crate::context::keys::{self, Signer};

    /// Whether an activation link with these claims, signed by us, is good for this.
    fn is_good_for(audience: Audience, claims: &Value) -> bool {
        keys::install();
        let signer = Signer::derive("a secret of at least 32 characters").unwrap();
        let key = keys::decoded(&signer.published(Timestamp::UNIX_EPOCH)).unwrap();
        let parts = [r#"{"alg":"EdDSA"}"#, &claims.to_string()];
        let message = parts.map(|part| BASE64URL_NOPAD.encode(part.as_bytes()));
        let message = message.join(".");
        let token = format!("{message}.{}", signer.sign(&message));
        read::<Activation>(&key, audience, &token).is_some()
    }

    #[test]
    fn a_token_that_does_not_say_what_it_is_for_is_good_for_nothing() {
        let claims = json!({
            "iss": "muster",
            "aud": "activate",
            "exp": 900,
            "sub": "usr_4zk0m7v2q8x1c9dj",
            "tid": "tnt_0zk0m7v2q8x1c9dj",
            "nonce": "n",
        });
        assert!(is_good_for(Audience::Activate, &claims));
        assert!(!is_good_for(Audience::Api, &claims));
        for claim in ["iss", "aud", "exp"] {
            for instead in [Value::Null, json!(7), json!({}), json!([])] {
                let mut claims = claims.clone();
                claims[claim] = instead;
                assert_eq!(
                    is_good_for(Audience::Activate, &claims),
                    claim == "exp" && claims[claim] == 7,
                    "{claims}"
                );
            }
            let mut claims = claims.clone();
            claims.as_object_mut().unwrap().remove(claim);
            assert!(!is_good_for(Audience::Activate, &claims), "{claims}");
        }
    }
}
