//! Tokens that somebody made, changed or took from elsewhere: none of them opens anything.

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use muster_shared::auth::token::{self, ACCESS, Access, Activation, Audience};
use muster_tests::world::{World, text};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::snapshot;

/// A token taken apart.
#[derive(Clone)]
struct Parts {
    header: Value,
    claims: Value,
    signature: Vec<u8>,
}

fn part(part: &str) -> Vec<u8> {
    BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()
}

impl Parts {
    fn of(token: &str) -> Self {
        let parts: Vec<&str> = token.split('.').collect();
        Self {
            header: serde_json::from_slice(&part(parts[0])).unwrap(),
            claims: serde_json::from_slice(&part(parts[1])).unwrap(),
            signature: part(parts[2]),
        }
    }

    fn signed_part(&self) -> String {
        let encoded = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        format!("{}.{}", encoded(&self.header), encoded(&self.claims))
    }

    fn token(&self) -> String {
        format!(
            "{}.{}",
            self.signed_part(),
            BASE64URL_NOPAD.encode(&self.signature)
        )
    }

    fn change(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }

    /// Signed by a stranger's key, where the header brings that key along or says where to fetch it (RFC 8725, section
    /// 3.10), or an extension that must be understood (RFC 7515, section 4.1.11).
    fn signed_by_a_stranger_who_brings(&self, name: &str, value: &Value) -> String {
        let named = |parts: &mut Self| parts.header[name] = value.clone();
        self.change(named).signed_by_a_stranger()
    }

    /// Signed by somebody else's key of the right kind.
    fn signed_by_a_stranger(&self) -> String {
        let key = SigningKey::from_bytes(&[7; 32]);
        self.change(|parts| {
            parts.signature = key.sign(parts.signed_part().as_bytes()).to_bytes().to_vec();
        })
        .token()
    }

    /// "Signed" with the public key as the secret of an HMAC, for verifiers that believe the header.
    fn signed_with_the_public_key(&self, public: &[u8]) -> String {
        self.change(|parts| {
            parts.header["alg"] = json!("HS256");
            parts.signature = hmac(public, parts.signed_part().as_bytes());
        })
        .token()
    }

    /// Unsigned, for verifiers that believe the header.
    fn unsigned(&self, alg: &str) -> String {
        self.change(|parts| {
            parts.header["alg"] = json!(alg);
            parts.signature.clear();
        })
        .token()
    }
}

/// HMAC-SHA256 (RFC 2104) of a key of at most one block.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let pad = |with: u8| -> Vec<u8> {
        let mut block = [with; 64];
        block
            .iter_mut()
            .zip(key)
            .for_each(|(byte, key)| *byte ^= key);
        block.to_vec()
    };
    let inner = Sha256::digest([pad(0x36), message.to_vec()].concat());
    Sha256::digest([pad(0x5c), inner.to_vec()].concat()).to_vec()
}

#[tokio::test]
async fn anybody_can_verify_an_access_token_by_the_published_keys() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let published = world.nobody().get("/v1/jwks.json").await;
    assert_eq!(published.headers["cache-control"], "public, max-age=300");
    let keys = published.expect(200);
    snapshot!("published_keys", keys);

    let token = company.owner.token.clone().unwrap();
    let parts = Parts::of(&token);
    let key = &keys["keys"][0];
    assert_eq!(parts.header["kid"], key["kid"]);
    let public = VerifyingKey::from_bytes(&part(&text(&key["x"])).try_into().unwrap()).unwrap();
    let signature = Signature::from_slice(&parts.signature).unwrap();
    let (signed, _) = token.rsplit_once('.').unwrap();
    public.verify(signed.as_bytes(), &signature).unwrap();
    snapshot!(
        "claims_of_an_access_token",
        parts
            .change(|parts| {
                assert_eq!(parts.claims["sub"], company.owner.user);
                assert_eq!(parts.claims["tid"], company.tenant);
                parts.claims["sid"] = "…".into();
            })
            .claims
    );
}

#[tokio::test]
async fn a_token_that_was_not_issued_here_opens_nothing() {
    let (world, elsewhere) = (World::start().await, World::start().await);
    let company = world.company("Acme").await;
    let driver = company.owner.colleague("dora", "limited", &[]).await;
    let foreign = elsewhere.company("Acme").await;
    let real = driver.token.clone().unwrap();
    let parts = Parts::of(&real);
    let jwks = world.nobody().get("/v1/jwks.json").await.expect(200);
    let public = part(&text(&jwks["keys"][0]["x"]));
    let foreign_token = foreign.owner.token.clone().unwrap();
    let foreign_kid = Parts::of(&foreign_token).header["kid"].clone();
    assert_ne!(foreign_kid, parts.header["kid"]);
    let promoted = |parts: &mut Parts| parts.claims["class"] = json!("owner");

    let forged = [
        ("no token", String::new()),
        ("no JWT", "abc".to_owned()),
        ("alg none", parts.unsigned("none")),
        ("alg None", parts.unsigned("None")),
        ("alg EdDSA without signature", parts.unsigned("EdDSA")),
        (
            "HS256 by the public key",
            parts.signed_with_the_public_key(&public),
        ),
        (
            "a stranger's key under our kid",
            parts.signed_by_a_stranger(),
        ),
        (
            "a stranger's key under a stranger's kid",
            parts
                .change(|parts| parts.header["kid"] = foreign_kid)
                .signed_by_a_stranger(),
        ),
        (
            "without kid",
            parts
                .change(|parts| drop(parts.header.as_object_mut().unwrap().remove("kid")))
                .token(),
        ),
        ("another installation's", foreign_token),
        ("promoted to owner", parts.change(promoted).token()),
        (
            "another's id",
            parts
                .change(|parts| parts.claims["sub"] = json!(company.owner.user))
                .token(),
        ),
        (
            "living for ever",
            parts
                .change(|parts| parts.claims["exp"] = json!(9_999_999_999_i64))
                .token(),
        ),
        (
            "another audience",
            parts
                .change(|parts| parts.claims["aud"] = json!("activate"))
                .token(),
        ),
        ("cut short", real[..real.len() - 2].to_owned()),
        ("prolonged", format!("{real}AA")),
        ("a refresh token", "0".repeat(32) + "." + &"0".repeat(32)),
    ];
    for (what, token) in forged {
        opens_nothing(&world, what, token).await;
    }
    for header in ["Basic b2xpdmlhOnNlY3JldA==", real.as_str(), "Bearer"] {
        let request = world
            .nobody()
            .request(Method::GET, "/v1/me")
            .header("authorization", header);
        assert_eq!(
            world.nobody().send(request).await.refused(401),
            "unauthenticated"
        );
    }
    assert_eq!(driver.get("/v1/me").await.expect(200)["class"], "limited");
}

/// Neither a view nor a change takes the token.
async fn opens_nothing(world: &World, what: &str, token: String) {
    let bearer = world.bearer(token);
    let reading = bearer.get("/v1/me").await;
    assert_eq!(reading.headers["www-authenticate"], "Bearer", "{what}");
    assert_eq!(reading.refused(401), "unauthenticated", "{what}");
    assert_eq!(
        bearer.delete("/v1/sessions/current").await.refused(401),
        "unauthenticated",
        "{what}"
    );
}

#[tokio::test]
async fn a_token_that_brings_or_names_its_own_key_opens_nothing() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let parts = Parts::of(&company.owner.token.clone().unwrap());
    let strangers_key = SigningKey::from_bytes(&[7; 32]).verifying_key();
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64URL_NOPAD.encode(strangers_key.as_bytes()) });
    // Where the stranger publishes it: nobody may come and ask.
    let theirs = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = json!(format!("http://{}/jwks.json", theirs.local_addr().unwrap()));
    let brought = [
        ("jwk", jwk),
        ("jku", place.clone()),
        ("x5u", place),
        ("x5c", json!(["MAA="])),
        ("crit", json!(["exp"])),
    ];
    let brought = brought.iter().flat_map(|(name, value)| {
        let unnamed =
            parts.change(|parts| drop(parts.header.as_object_mut().unwrap().remove("kid")));
        let elsewhere = parts.change(|parts| parts.header["kid"] = json!("../../../dev/null"));
        [&parts, &unnamed, &elsewhere]
            .map(|parts| (*name, parts.signed_by_a_stranger_who_brings(name, value)))
    });
    for (what, token) in brought {
        opens_nothing(&world, what, token).await;
    }
    theirs.set_nonblocking(true).unwrap();
    assert!(theirs.accept().is_err(), "the stranger was asked for a key");
}

#[tokio::test]
async fn a_token_of_one_kind_is_worthless_as_one_of_another() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let _ = company
        .owner
        .add(json!({ "email": "ada@drivers.example", "invite": true }))
        .await;
    let link = world.link_token("ada@drivers.example").await;
    let access = company.owner.token.clone().unwrap();

    let by_link = world.bearer(link.clone());
    assert_eq!(
        by_link.get("/v1/users").await.refused(401),
        "unauthenticated"
    );
    assert_eq!(
        by_link.post("/v1/users", json!({})).await.refused(401),
        "unauthenticated"
    );

    // Signed by our own key, with all that the other kind says, but for the other purpose.
    let signer = world.stack.context("sign-in").unwrap();
    let end = signer.clock.now() + ACCESS;
    let said: Access = serde_json::from_value(Parts::of(&access).claims).unwrap();
    let sign = |audience| token::sign(signer, audience, &said, end).unwrap();
    let misused = world.bearer(sign(Audience::Activate));
    assert_eq!(misused.get("/v1/me").await.refused(401), "unauthenticated");
    let used = world.bearer(sign(Audience::Api));
    assert_eq!(used.get("/v1/me").await.expect(200)["class"], "owner");
    let said: Activation = serde_json::from_value(Parts::of(&link).claims).unwrap();
    let misused = token::sign(signer, Audience::Api, &said, end).unwrap();

    let parts = Parts::of(&link);
    let forged = [
        misused,
        access,
        String::new(),
        "abc".to_owned(),
        parts.unsigned("none"),
        parts.signed_by_a_stranger(),
        parts
            .change(|parts| parts.claims["exp"] = json!(9_999_999_999_i64))
            .token(),
        parts
            .change(|parts| parts.claims["sub"] = json!(company.owner.user))
            .token(),
    ];
    for token in forged {
        let nobody = world.nobody();
        let checked = nobody
            .post("/v1/activations/check", json!({ "token": token }))
            .await;
        assert_eq!(checked.faults(), ["token: invalid_token"], "{token}");
        let accept = json!({ "token": token, "username": "mallory", "password": "correct horse battery staple" });
        assert_eq!(
            nobody.post("/v1/activations", accept).await.faults(),
            ["token: invalid_token"],
            "{token}"
        );
    }
    let checked = world
        .nobody()
        .post("/v1/activations/check", json!({ "token": link }))
        .await;
    assert_eq!(checked.expect(200)["state"], "valid");
}
