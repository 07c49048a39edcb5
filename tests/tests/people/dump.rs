//! Whoever gets hold of all that is in the table can neither sign in nor follow a link with it.

use std::collections::BTreeSet;

use data_encoding::{BASE32_NOPAD_NOCASE, BASE64, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use ed25519_dalek::SigningKey;
use hkdf::Hkdf;
use muster_local::Options;
use muster_tests::world::{PASSWORD, World, text};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Every text and every binary value within an item as `DynamoDB` writes it, names included.
fn values(item: &Value, into: &mut BTreeSet<String>) {
    match item {
        Value::String(text) => {
            into.insert(text.clone());
        }
        Value::Array(parts) => parts.iter().for_each(|part| values(part, into)),
        Value::Object(fields) => {
            for (name, value) in fields {
                into.insert(name.clone());
                values(value, into);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What a text may stand for as the material of a key: itself, what it encodes, and the parts between its separators.
fn materials(text: &str) -> Vec<Vec<u8>> {
    let parts = text.split(['#', '.', ':', '$', ',', '/']).chain([text]);
    let decoded = |part: &str| {
        let bytes = part.as_bytes();
        let encodings = [
            BASE64URL_NOPAD,
            BASE64,
            BASE32_NOPAD_NOCASE,
            HEXLOWER_PERMISSIVE,
        ];
        let decoded = encodings.iter().filter_map(|it| it.decode(bytes).ok());
        decoded.chain([bytes.to_vec()]).collect::<Vec<_>>()
    };
    parts.flat_map(decoded).collect()
}

/// The public keys of all signing keys that somebody could make of it who has read our code.
fn public_keys(material: &[u8]) -> Vec<[u8; 32]> {
    let mut seeds = vec![Sha256::digest(material).into()];
    seeds.extend(<[u8; 32]>::try_from(material));
    let mut derived = [0; 32];
    let secret = Hkdf::<Sha256>::new(None, material);
    secret
        .expand(b"muster/signing/ed25519", &mut derived)
        .unwrap();
    seeds.push(derived);
    seeds
        .iter()
        .map(|seed| SigningKey::from_bytes(seed).verifying_key().to_bytes())
        .collect()
}

#[tokio::test]
async fn no_link_and_no_session_can_be_made_of_what_is_in_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_path_buf();
    let world = World::with(|options| Options {
        data: Some(data.clone()),
        ..options
    })
    .await;
    let company = world.company("Acme").await;
    let ada = company
        .owner
        .colleague("ada", "standard", &["auditor"])
        .await;
    let email = "ada@colleagues.example";
    // One of each kind of link, while it is good, a code, and a session.
    let invited = json!({ "email": "bob@colleagues.example", "invite": true });
    let _ = company.owner.add(invited).await;
    let nobody = world.nobody();
    let _ = nobody
        .post("/v1/password-resets", json!({ "login": email }))
        .await
        .expect(202);
    let moving = json!({ "email": "ada@new.example" });
    let place = format!("/v1/users/{}/email", ada.user);
    let _ = company.owner.post(&place, moving).await.expect(202);
    let credentials = json!({ "login": email, "password": PASSWORD });
    let session = nobody.post("/v1/sessions", credentials).await.expect(200);

    let mut secrets = vec![
        PASSWORD.to_owned(),
        text(&session["access_token"]),
        text(&session["refresh_token"]),
    ];
    let mut links = 0;
    for address in ["bob@colleagues.example", email, "ada@new.example"] {
        for mail in world.mails_to(address).await {
            for link in mail.links() {
                let token = link.split_once('#').map(|(_, token)| token.to_owned());
                links += usize::from(token.is_some());
                secrets.extend(token);
            }
            // The code by which an address is confirmed: six digits on a line of their own.
            let line = |line: &&str| line.chars().filter(char::is_ascii_digit).count() == 6;
            let code = mail.text.lines().map(str::trim).find(line);
            secrets.extend(code.map(str::to_owned));
        }
    }
    assert!(links >= 4, "{links} links");

    let table = world.table(|_, _| true);
    let mut dump = BTreeSet::new();
    for item in table.values() {
        values(item, &mut dump);
    }
    assert!(dump.len() > 200, "{}", dump.len());
    for secret in &secrets {
        let signature = secret.rsplit('.').next().unwrap();
        for value in &dump {
            assert!(!value.contains(secret.as_str()), "{secret} is in {value}");
            assert!(
                secret.len() < 32 || !value.contains(signature),
                "a signature is in {value}"
            );
        }
    }

    let published = nobody.get("/v1/jwks.json").await.expect(200);
    let public = BASE64URL_NOPAD.decode(text(&published["keys"][0]["x"]).as_bytes());
    let public: [u8; 32] = public.unwrap().try_into().unwrap();
    let materials: BTreeSet<Vec<u8>> = dump.iter().flat_map(|value| materials(value)).collect();
    for material in &materials {
        let found = public_keys(material).contains(&public);
        assert!(
            !found,
            "the signing key follows from {}",
            material.escape_ascii()
        );
    }
    // The attack is the right one: with the secret, which is not in the table, it succeeds.
    let secret = std::fs::read(data.join("secret")).unwrap();
    assert!(public_keys(&secret).contains(&public));
}
