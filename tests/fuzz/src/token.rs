//! Access tokens and the tokens of mailed links.

use std::sync::LazyLock;

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use muster_shared::auth::token::{self, Access, Activation, Audience, ChangeLink, Linked};
use muster_shared::context::keys::{self, Signer};
use muster_shared::domain::session::RefreshToken;
use muster_shared::domain::trace::TraceId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The service's keys: those that it signs by, and those of somebody else.
struct Keys {
    ours: Signer,
    theirs: Signer,
    /// What was signed by ours and has left the house.
    issued: Vec<String>,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    keys::install();
    let ours = signer("the secret of this service, of 32 bytes");
    let header = format!(r#"{{"typ":"JWT","alg":"EdDSA","kid":"{}"}}"#, ours.kid());
    let tenant = "tnt_0zk0m7v2q8x1c9dj";
    let user = "usr_4zk0m7v2q8x1c9dj";
    let claims = [
        json!({ "iss": "muster", "aud": "api", "exp": 900, "iat": 0, "sub": user, "tid": tenant, "class": "owner", "roles": [], "scope": "all", "sid": "x" }),
        json!({ "iss": "muster", "aud": "activate", "exp": 900, "iat": 0, "sub": user, "tid": tenant, "nonce": "n" }),
        json!({ "iss": "muster", "aud": "reset", "exp": 900, "iat": 0, "lnk": "lnk_4zk0m7v2q8x1c9dj", "nonce": "n" }),
        json!({ "iss": "muster", "aud": "email", "exp": 900, "iat": 0, "lnk": "lnk_4zk0m7v2q8x1c9dj", "nonce": "n", "cancel": true }),
    ];
    let issued = claims
        .iter()
        .map(|claims| signed(&ours, header.as_bytes(), claims.to_string().as_bytes()))
        .collect();
    Keys {
        ours,
        theirs: signer("the secret of somebody else, of 32 bytes"),
        issued,
    }
});

fn signer(secret: &str) -> Signer {
    Signer::derive(secret).unwrap_or_else(|| panic!("no key"))
}

fn signed(key: &Signer, header: &[u8], claims: &[u8]) -> String {
    let message = [header, claims].map(|part| BASE64URL_NOPAD.encode(part));
    let message = message.join(".");
    let signature = key.sign(&message);
    format!("{message}.{signature}")
}

/// A token as it comes, or, in two lines, header and claims of one that is signed here. Nobody gets in by what we did not
/// sign, or not for that; and what we signed, whatever it says, is understood or refused.
///
/// # Panics
/// When it is not so.
pub fn token(input: &[u8]) {
    match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => stated(&input[..end], &input[end + 1..]),
        None => presented(&String::from_utf8_lossy(input)),
    }
}

/// A token from anywhere.
fn presented(token: &str) {
    let _ = token::key_id(token);
    for audience in ALL {
        let accepted = accepts(&KEYS.ours, audience, token);
        let ours = accepted && KEYS.issued.iter().any(|issued| issued == token);
        assert_eq!(accepted, ours, "{audience:?}: {token}");
        assert!(!accepts(&KEYS.theirs, audience, token), "{token}");
    }
    let uses = ALL.into_iter().filter(|to| accepts(&KEYS.ours, *to, token));
    assert!(uses.count() <= 1, "{token}");
    if let Some(refresh) = RefreshToken::parse(token) {
        assert_eq!(refresh.reveal(), token);
    }
    if let Some(trace) = TraceId::of_header(token) {
        let again = TraceId::of_header(&format!("Root={}", trace.as_str()));
        assert_eq!(again, Some(trace));
    }
}

/// A token that says so, signed by us and by somebody else.
fn stated(header: &[u8], claims: &[u8]) {
    let ours = signed(&KEYS.ours, header, claims);
    let theirs = signed(&KEYS.theirs, header, claims);
    let _ = token::key_id(&ours);
    for audience in ALL {
        assert!(!accepts(&KEYS.ours, audience, &theirs), "{theirs}");
        if !accepts(&KEYS.ours, audience, &ours) {
            continue;
        }
        let header: Value = parsed(header);
        assert_eq!(header["alg"], "EdDSA");
        let claims: Value = parsed(claims);
        let says = |claim: &str, text: &str| match &claims[claim] {
            Value::Array(several) => several.iter().any(|one| one == text),
            one => one == text,
        };
        assert!(says("iss", "muster") && says("aud", name(audience)));
        assert!(claims["exp"].is_i64() || claims["exp"].is_u64());
    }
}

fn parsed(json: &[u8]) -> Value {
    serde_json::from_slice(json).unwrap_or_else(|error| panic!("{error}"))
}

const ALL: [Audience; 4] = [
    Audience::Api,
    Audience::Activate,
    Audience::Reset,
    Audience::Email,
];

fn name(audience: Audience) -> &'static str {
    match audience {
        Audience::Api => "api",
        Audience::Activate => "activate",
        Audience::Reset => "reset",
        Audience::Email => "email",
    }
}

fn accepts(key: &Signer, audience: Audience, token: &str) -> bool {
    match audience {
        Audience::Api => reads::<Access>(key, audience, token),
        Audience::Activate => reads::<Activation>(key, audience, token),
        Audience::Reset => reads::<Linked>(key, audience, token),
        Audience::Email => reads::<ChangeLink>(key, audience, token),
    }
}

/// Whether the token is good for this; then its content, signed anew, says the same.
fn reads<T: Serialize + DeserializeOwned>(key: &Signer, audience: Audience, token: &str) -> bool {
    let published = key.published(Timestamp::UNIX_EPOCH);
    let Some(decoded) = keys::decoded(&published) else {
        panic!("our key is none");
    };
    let Some(read) = token::read::<T>(&decoded, audience, token) else {
        return false;
    };
    let json = |content: &T| serde_json::to_value(content).unwrap_or_else(|e| panic!("{e}"));
    let said = json(&read.content);
    let mut claims = said.clone();
    claims["iss"] = "muster".into();
    claims["aud"] = name(audience).into();
    claims["exp"] = 900.into();
    let again = signed(key, br#"{"alg":"EdDSA"}"#, claims.to_string().as_bytes());
    let again = token::read::<T>(&decoded, audience, &again);
    assert_eq!(again.map(|again| json(&again.content)), Some(said));
    true
}
