//! `activate-licence`: an app redeems its code.

use futures::future::join_all;
use jiff::SignedDuration;
use muster_tests::world::{Answer, Company, World, text};
use serde_json::json;

use crate::{audit, delete, shown, suspend};

/// Adds a user with a licence of the first product; the user and the code.
async fn licensed(company: &Company<'_>, form: serde_json::Value) -> (String, String) {
    let mut form = form;
    form["products"] = json!([company.products[0]]);
    let user = company.owner.add(form).await;
    let code = text(&company.owner.show(&user).await["licences"][0]["code"]);
    (user, code)
}

async fn redeem(world: &World, code: &str, device: &str) -> Answer {
    world
        .nobody()
        .post(
            "/v1/licences/activate",
            json!({ "code": code, "device": device }),
        )
        .await
}

#[tokio::test]
async fn an_app_redeems_its_code_and_the_vehicle_becomes_active() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let (truck, code) = licensed(
        &company,
        json!({ "external_id": "TRUCK-7", "kind": "vehicle" }),
    )
    .await;
    assert_eq!(company.owner.show(&truck).await["status"], "not_invited");
    let typed = format!(" {} ", code.to_lowercase().replace('-', " "))
        .replace('0', "o")
        .replace('1', "l");
    let redeemed = redeem(&world, &typed, "Cab tablet 7").await.expect(200);
    insta::assert_snapshot!("redeemed", shown(&world, &redeemed));
    let shown_now = company.owner.show(&truck).await;
    insta::assert_snapshot!("user_with_activated_licence", shown(&world, &shown_now));
    let active = company.owner.get("/v1/users?status=active&kind=vehicle");
    assert_eq!(active.await.expect(200)["users"][0]["id"], truck);
    assert_eq!(
        audit(&world, &company, "licences.activate"),
        ["2026-03-02T08:00:00Z app licences.activate 1"]
    );
}

#[tokio::test]
async fn a_person_with_an_address_is_not_active_by_a_licence_alone() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let (ada, code) = licensed(&company, json!({ "email": "ada@drivers.example" })).await;
    let _ = redeem(&world, &code, "phone").await.expect(200);
    let ada = company.owner.show(&ada).await;
    assert_eq!(
        (&ada["licence_state"], &ada["status"]),
        (&json!("activated"), &json!("not_invited"))
    );
}

#[tokio::test]
async fn the_same_device_again_changes_nothing_and_another_is_refused() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let (truck, code) = licensed(&company, json!({ "external_id": "TRUCK-7" })).await;
    let first = redeem(&world, &code, "Cab tablet 7").await.expect(200);
    let before = company.owner.show(&truck).await;
    world.wait(SignedDuration::from_hours(48)).await;
    assert_eq!(
        redeem(&world, &code, "CAB TABLET 7 ").await.expect(200),
        first,
        "compared folded"
    );
    assert_eq!(
        redeem(&world, &code, "Cab tablet 8").await.refused(409),
        "code_used"
    );
    let owner = world.sign_in(&company.owner_email).await;
    assert_eq!(owner.show(&truck).await, before);
}

#[tokio::test]
async fn a_code_that_is_none_is_refused_and_both_fields_are_named() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let (_, code) = licensed(&company, json!({ "external_id": "TRUCK-7" })).await;
    let wrong = if code.ends_with('0') { "Z" } else { "0" };
    let wrong = format!("{}{wrong}", &code[..code.len() - 1]);
    assert_eq!(
        redeem(&world, &wrong, "tablet").await.refused(404),
        "not_found"
    );
    assert_eq!(
        redeem(&world, "ABCD", " ").await.faults(),
        ["code: invalid_code", "device: required"]
    );
    let nobody = world.nobody();
    let body = json!({ "code": code });
    assert_eq!(
        nobody
            .post("/v1/licences/activate", body)
            .await
            .refused(400),
        "malformed_request"
    );
}

#[tokio::test]
async fn a_suspended_or_deleted_user_activates_nothing() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let (suspended, first) = licensed(&company, json!({ "external_id": "D-1" })).await;
    let (deleted, second) = licensed(&company, json!({ "external_id": "D-2" })).await;
    suspend(&world, &company, &suspended).await;
    delete(&world, &company, &deleted).await;
    assert_eq!(
        redeem(&world, &first, "tablet").await.refused(409),
        "user_suspended"
    );
    assert_eq!(
        redeem(&world, &second, "tablet").await.refused(404),
        "not_found"
    );
    assert_eq!(
        company.owner.show(&suspended).await["licence_state"],
        "assigned"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_devices_that_redeem_one_code_at_once_one_wins() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let (truck, code) = licensed(&company, json!({ "external_id": "TRUCK-7" })).await;
    let devices = ["tablet 1", "tablet 2", "tablet 3", "tablet 4"];
    let answers = join_all(devices.map(|device| redeem(&world, &code, device))).await;
    let winners: Vec<&str> = devices
        .into_iter()
        .zip(&answers)
        .filter(|(_, answer)| answer.status == 200)
        .map(|(device, _)| device)
        .collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    for loser in answers.into_iter().filter(|answer| answer.status != 200) {
        assert_eq!(loser.refused(409), "code_used");
    }
    let licence = &company.owner.show(&truck).await["licences"][0];
    assert_eq!(licence["device"], winners[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_asks_twice_at_once_is_answered_alike() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let (truck, code) = licensed(&company, json!({ "external_id": "TRUCK-7" })).await;
    let answers = join_all((0..3).map(|_| redeem(&world, &code, "tablet"))).await;
    for answer in &answers {
        assert_eq!(answer.clone().expect(200), answers[0].body);
    }
    assert_eq!(
        company.owner.show(&truck).await["version"],
        2,
        "written once"
    );
    assert_eq!(audit(&world, &company, "licences.activate").len(), 1);
}
