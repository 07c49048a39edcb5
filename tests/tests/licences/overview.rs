//! How many users stand where.

use jiff::SignedDuration;
use muster_tests::world::World;
use serde_json::json;

use crate::delivery::tell;

#[tokio::test]
async fn users_are_counted_where_they_stand_when_somebody_asks() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let first = owner.get("/v1/overview").await.expect(200);
    let nothing = json!({ "counts": null, "counted_at": null, "counting": false });
    assert_eq!(first, nothing);

    let truck = json!({ "external_id": "T-1", "kind": "vehicle" });
    let _ = owner.add(truck).await;
    for name in ["ada", "bob", "turned-away"] {
        let form = json!({ "email": format!("{name}@drivers.example"), "invite": true });
        let _ = owner.add(form).await;
    }
    let gone = owner.add(json!({ "external_id": "gone" })).await;
    let body = json!({ "users": [gone], "confirm": 1 });
    let _ = owner.post("/v1/users/delete", body).await.expect(200);
    world.stack.settled().await;
    tell(&world, "turned-away@drivers.example", "Bounce").await;
    world.wait(SignedDuration::from_mins(18 * 60 + 1)).await;

    let owner = world.sign_in(&company.owner_email).await;
    let asked = owner.post("/v1/overview/count", json!({})).await;
    assert_eq!(asked.expect(202)["counting"], true);
    let again = owner.post("/v1/overview/count", json!({})).await;
    let _ = again.expect(202);
    world.stack.settled().await;
    let overview = owner.get("/v1/overview").await.expect(200);
    insta::assert_json_snapshot!("counted", overview);

    let elsewhere = world.company("Bolt").await;
    let _ = elsewhere.owner.post("/v1/overview/count", json!({})).await;
    world.stack.settled().await;
    let other = elsewhere.owner.get("/v1/overview").await.expect(200);
    assert_eq!(other["counts"]["status"]["active"], 1);
}
