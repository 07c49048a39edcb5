//! The signing secret is replaced while people are signed in and have mails that they have not opened.

use muster_local::Options;
use muster_shared::clock::Clock;
use muster_tests::world::{PASSWORD, World, text};
use serde_json::json;

use crate::email_change;

#[tokio::test]
async fn a_new_signing_secret_signs_nobody_out_and_ends_no_link_and_no_code() {
    let folder = tempfile::tempdir().unwrap();
    let world = at(folder.path(), None).await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let invited = json!({ "person": { "email": "ada@drivers.example" } });
    let _ = owner.post("/v1/invitations", invited).await.expect(201);
    let invitation = world.link_token("ada@drivers.example").await;
    let mia = owner.colleague("mia", "limited", &[]).await;
    let path = format!("/v1/users/{}/email", mia.user);
    let moving = json!({ "email": "mia@new.example" });
    let change = owner.post(&path, moving).await.expect(202)["change"].clone();
    let code = email_change::code(&world, "mia@new.example").await;
    let login = json!({ "login": company.owner_email, "password": PASSWORD });
    let session = world.nobody().post("/v1/sessions", login).await.expect(200);
    let keys = world.nobody().get("/v1/jwks.json").await.expect(200);
    let now = world.stack.clock().now();
    world.stack.shutdown().await;

    let secret = folder.path().join("secret");
    let before = std::fs::read_to_string(&secret).unwrap();
    let present = "a second secret, of more than 32 characters";
    std::fs::write(&secret, format!("{present}\n{before}\n\n")).unwrap();

    let world = at(folder.path(), Some(Clock::fixed(now))).await;
    let nobody = world.nobody();
    let published = nobody.get("/v1/jwks.json").await.expect(200);
    let count = |keys: &serde_json::Value| keys["keys"].as_array().map(Vec::len);
    assert_eq!((count(&keys), count(&published)), (Some(1), Some(2)));
    let signed_in = world.bearer(text(&session["access_token"]));
    let _ = signed_in.get("/v1/me").await.expect(200);
    let refresh = json!({ "refresh_token": session["refresh_token"] });
    let refreshed = nobody.post("/v1/sessions/refresh", refresh).await;
    let refreshed = world.bearer(text(&refreshed.expect(200)["access_token"]));
    let _ = refreshed.get("/v1/me").await.expect(200);
    let accept = json!({ "token": invitation, "username": "ada", "password": PASSWORD });
    let accepted = nobody.post("/v1/activations", accept).await;
    let _ = accepted.expect(200);
    let confirm = json!({ "change": change, "code": code });
    let confirmed = nobody.post("/v1/email-changes/confirm", confirm);
    let _ = confirmed.await.expect(200);
}

/// A stack whose data are in a folder, from when it was left on.
async fn at(folder: &std::path::Path, clock: Option<Clock>) -> World {
    World::with(|options| Options {
        data: Some(folder.to_owned()),
        clock: clock.unwrap_or_else(|| options.clock.clone()),
        ..options
    })
    .await
}
