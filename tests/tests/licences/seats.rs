//! `assign`: products with their seats, licences given and taken back.

use futures::future::join_all;
use jiff::SignedDuration;
use muster_tests::world::{Actor, World, text};
use serde_json::{Value, json};

use crate::{
    audit, crew, delete, everyone, is_replay, outcomes, product, refuses_bad_lists, shown,
    stranger, suspend,
};

async fn assign(actor: &Actor<'_>, product: &str, users: &[String]) -> Value {
    actor
        .post(
            &format!("/v1/products/{product}/assign"),
            json!({ "users": users }),
        )
        .await
        .expect(200)
}

async fn unassign(actor: &Actor<'_>, product: &str, users: &[String]) -> Value {
    actor
        .post(
            &format!("/v1/products/{product}/unassign"),
            json!({ "users": users }),
        )
        .await
        .expect(200)
}

/// A company whose only product has this many seats.
fn seats(count: u32) -> Value {
    json!({ "products": [{ "name": "MileOn", "seats": count }] })
}

/// How many users hold a licence of the product, as the list says.
async fn holders(actor: &Actor<'_>, product: &str) -> usize {
    everyone(actor, &format!("product={product}")).await.len()
}

#[tokio::test]
async fn products_are_listed_with_their_seats_for_everybody_of_the_company() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let ada = company
        .owner
        .add(json!({ "external_id": "D-1", "first_name": "Ada" }))
        .await;
    let _ = assign(&company.owner, &company.products[1], &[ada]).await;
    let listed = company.owner.get("/v1/products").await.expect(200);
    insta::assert_snapshot!("products", shown(&world, &listed));
    let driver = company.owner.colleague("dora", "limited", &[]).await;
    assert_eq!(driver.get("/v1/products").await.expect(200), listed);
    assert_eq!(
        world.nobody().get("/v1/products").await.refused(401),
        "unauthenticated"
    );
    let rival = world.company("Rival").await;
    let theirs = rival.owner.get("/v1/products").await.expect(200);
    assert!(
        !theirs.to_string().contains(&company.products[1]),
        "{theirs}"
    );
}

#[tokio::test]
async fn assigning_takes_a_seat_and_gives_a_code() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let manager = company
        .owner
        .colleague("lena", "standard", &["licence_manager"])
        .await;
    let mut users = Vec::new();
    for name in ["Ada", "Grace"] {
        users.push(
            company
                .owner
                .add(json!({ "external_id": name, "first_name": name }))
                .await,
        );
    }
    users.push(users[0].clone());
    let assigned = assign(&manager, &company.products[0], &users).await;
    insta::assert_snapshot!("assigned", shown(&world, &assigned));
    assert_eq!(
        product(&company.owner, &company.products[0]).await,
        assigned["product"]
    );
    let ada = manager.show(&users[0]).await;
    insta::assert_snapshot!("user_with_licence", shown(&world, &ada));
    assert_ne!(
        ada["licences"][0]["code"],
        manager.show(&users[1]).await["licences"][0]["code"]
    );
    assert_eq!(
        outcomes(&assign(&manager, &company.products[0], &users).await),
        ["unchanged", "unchanged"]
    );
    assert_eq!(manager.show(&users[0]).await, ada, "nothing was written");
    assert_eq!(
        audit(&world, &company, "licences.assign"),
        ["2026-03-02T08:00:00Z user licences.assign 3"],
        "two users and the product, once"
    );
}

#[tokio::test]
async fn codes_are_shown_only_to_those_who_may_assign() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let ada = company.owner.add(json!({ "external_id": "D-1" })).await;
    let _ = assign(
        &company.owner,
        &company.products[0],
        std::slice::from_ref(&ada),
    )
    .await;
    let manager = company
        .owner
        .colleague("uwe", "standard", &["user_manager"])
        .await;
    let licence = &manager.show(&ada).await["licences"][0];
    assert_eq!(
        (&licence["state"], &licence["code"]),
        (&json!("assigned"), &Value::Null)
    );
}

#[tokio::test]
async fn each_user_who_cannot_have_a_licence_is_told_why() {
    let world = World::start().await;
    let company = world.company_with("Acme", seats(2)).await;
    let rival = world.company("Rival").await;
    let owner = &company.owner;
    let mut users = Vec::new();
    for id in ["holder", "suspended", "deleted", "last seat", "too late"] {
        users.push(owner.add(json!({ "external_id": id })).await);
    }
    let mile_on = &company.products[0];
    let _ = assign(owner, mile_on, &users[..1]).await;
    suspend(&world, &company, &users[1]).await;
    delete(&world, &company, &users[2]).await;
    let manager = owner
        .colleague("lena", "standard", &["licence_manager"])
        .await;
    users.extend([
        owner.user.clone(),
        stranger(7),
        rival.owner.add(json!({ "external_id": "theirs" })).await,
    ]);
    let assigned = assign(&manager, mile_on, &users).await;
    insta::assert_snapshot!("assign_refusals", shown(&world, &assigned));
    assert_eq!(holders(owner, mile_on).await, 2);
    let unassigned = unassign(&manager, mile_on, &users).await;
    insta::assert_snapshot!("unassign_refusals", shown(&world, &unassigned));
    assert_eq!(holders(owner, mile_on).await, 0);
}

#[tokio::test]
async fn only_who_may_assign_does_and_only_products_of_the_own_company() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let rival = world.company("Rival").await;
    let user = company.owner.add(json!({ "external_id": "D-1" })).await;
    let body = json!({ "users": [user] });
    let weak = [
        company
            .owner
            .colleague("uwe", "standard", &["user_manager", "auditor"])
            .await,
        company.owner.colleague("dora", "limited", &[]).await,
    ];
    for operation in ["assign", "unassign"] {
        let path = format!("/v1/products/{}/{operation}", company.products[0]);
        let nobody = world.nobody();
        assert_eq!(
            nobody.post(&path, body.clone()).await.refused(401),
            "unauthenticated"
        );
        for actor in &weak {
            assert_eq!(
                actor.post(&path, body.clone()).await.refused(403),
                "forbidden"
            );
        }
        assert_eq!(
            rival.owner.post(&path, body.clone()).await.refused(404),
            "not_found"
        );
        for product in ["prd_0000000000000001", "MileOn", &user] {
            let path = format!("/v1/products/{product}/{operation}");
            assert_eq!(
                company.owner.post(&path, body.clone()).await.refused(404),
                "not_found"
            );
        }
        refuses_bad_lists(&company.owner, &path).await;
    }
    assert_eq!(company.owner.show(&user).await["licences"], json!([]));
    world.wait(SignedDuration::from_mins(15)).await;
    let path = format!("/v1/products/{}/assign", company.products[0]);
    assert_eq!(
        company.owner.post(&path, body).await.refused(401),
        "unauthenticated",
        "the token has expired"
    );
}

#[tokio::test]
async fn a_retry_with_the_same_key_gets_the_first_answer_and_takes_no_second_seat() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let users = [
        company.owner.add(json!({ "external_id": "D-1" })).await,
        company.owner.add(json!({ "external_id": "D-2" })).await,
    ];
    let path = format!("/v1/products/{}/assign", company.products[0]);
    let owner = &company.owner;
    let post = async |key: &str, body: Value| owner.post_once(&path, key, body).await;
    let first = post("a", json!({ "users": [users[0]] })).await;
    let _ = assign(owner, &company.products[0], &users[1..]).await;
    is_replay(&first, &post("a", json!({ "users": [users[0]] })).await);
    assert_eq!(
        post("a", json!({ "users": [users[1]] })).await.refused(422),
        "idempotency_key_reused"
    );
    assert_eq!(product(owner, &company.products[0]).await["used"], 2);
    assert_eq!(
        post("b", json!({ "users": [] })).await.faults(),
        ["users: out_of_range"]
    );
    assert_eq!(
        post("b", json!({ "users": [users[0]] })).await.expect(200)["unchanged"],
        1,
        "what came to nothing does not use the key up"
    );
    assert_eq!(
        post(&"k".repeat(256), json!({ "users": [users[0]] }))
            .await
            .faults(),
        ["Idempotency-Key: invalid_value"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_sent_twice_at_once_is_carried_out_once() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let users = crew(&company.owner, 20).await;
    let path = format!("/v1/products/{}/assign", company.products[0]);
    let body = json!({ "users": users });
    let twice = (0..2).map(|_| company.owner.post_once(&path, "key", body.clone()));
    let answers = join_all(twice).await;
    let carried_out = answers
        .iter()
        .filter(|answer| {
            answer.status == 200 && !answer.headers.contains_key("idempotency-replayed")
        })
        .count();
    assert_eq!(carried_out, 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.clone().refused(409), "request_in_progress");
    }
    let again = company.owner.post_once(&path, "key", body).await;
    assert_eq!(again.expect(200)["done"], 20);
    assert_eq!(
        product(&company.owner, &company.products[0]).await["used"],
        20
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_want_the_last_seat_one_gets_it() {
    let world = World::start().await;
    let company = world.company_with("Acme", seats(1)).await;
    let users = crew(&company.owner, 2).await;
    let both = users
        .chunks(1)
        .map(|user| assign(&company.owner, &company.products[0], user));
    let mut outcome: Vec<String> = join_all(both).await.iter().flat_map(outcomes).collect();
    outcome.sort();
    assert_eq!(outcome, ["done", "no_seats_left"]);
    assert_eq!(holders(&company.owner, &company.products[0]).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_who_want_50_seats_at_once_exactly_50_get_one() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let users = crew(&company.owner, 200).await;
    let all = users
        .chunks(1)
        .map(|user| assign(&company.owner, &company.products[0], user));
    let answers = join_all(all).await;
    let count = |wanted: &str| {
        answers
            .iter()
            .flat_map(outcomes)
            .filter(|outcome| outcome == wanted)
            .count()
    };
    assert_eq!((count("done"), count("no_seats_left")), (50, 150));
    let product = product(&company.owner, &company.products[0]).await;
    assert_eq!(
        (&product["used"], &product["remaining"]),
        (&json!(50), &json!(0))
    );
    assert_eq!(holders(&company.owner, &company.products[0]).await, 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_bulk_requests_for_the_same_1000_users_share_50_seats() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let mut users = crew(&company.owner, 1_000).await;
    let mut orders = Vec::new();
    for _ in 0..3 {
        users.rotate_left(333);
        orders.push(users.clone());
    }
    let all = orders
        .iter()
        .map(|users| assign(&company.owner, &company.products[0], users));
    let answers = join_all(all).await;
    let sum = |field: &str| -> u64 {
        answers
            .iter()
            .map(|answer| answer[field].as_u64().unwrap())
            .sum()
    };
    assert_eq!(sum("done"), 50);
    assert_eq!(sum("done") + sum("unchanged") + sum("refused"), 3_000);
    for answer in &answers {
        let refused: Vec<String> = outcomes(answer);
        assert!(
            refused
                .iter()
                .all(|outcome| ["done", "unchanged", "no_seats_left"].contains(&outcome.as_str())),
            "{refused:?}"
        );
    }
    assert_eq!(
        product(&company.owner, &company.products[0]).await["used"],
        50
    );
    assert_eq!(holders(&company.owner, &company.products[0]).await, 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_in_use_and_licences_agree_however_assigning_and_unassigning_race() {
    let world = World::start().await;
    let company = world.company_with("Acme", seats(12)).await;
    let (owner, mile_on) = (&company.owner, &company.products[0]);
    let users = crew(owner, 20).await;
    let moves = (0..40).map(async |number: usize| {
        let some: Vec<String> = (0..6)
            .map(|step| users[(number * 7 + step * 3) % 20].clone())
            .collect();
        if number.is_multiple_of(2) {
            assign(owner, mile_on, &some).await
        } else {
            unassign(owner, mile_on, &some).await
        }
    });
    let answers = join_all(moves).await;
    let freed = answers
        .iter()
        .skip(1)
        .step_by(2)
        .map(|answer| answer["done"].as_u64().unwrap())
        .sum::<u64>();
    assert!(freed > 0, "the moves met each other");
    let used = product(owner, mile_on).await["used"].as_u64().unwrap();
    assert!(used <= 12);
    assert_eq!(holders(owner, mile_on).await as u64, used);
}

#[tokio::test]
async fn unassigning_frees_the_seat_and_kills_the_code_and_assigning_again_gives_another() {
    let world = World::start().await;
    let company = world.company_with("Acme", seats(1)).await;
    let (owner, mile_on) = (&company.owner, &company.products[0]);
    let ada = [owner.add(json!({ "external_id": "Ada" })).await];
    let grace = [owner.add(json!({ "external_id": "Grace" })).await];
    let _ = assign(owner, mile_on, &ada).await;
    let code = async || text(&owner.show(&ada[0]).await["licences"][0]["code"]);
    let redeem = async |code: &str| {
        world
            .nobody()
            .post(
                "/v1/licences/activate",
                json!({ "code": code, "device": "tablet" }),
            )
            .await
    };
    let old = code().await;
    let _ = redeem(&old).await.expect(200);
    assert_eq!(
        outcomes(&assign(owner, mile_on, &grace).await),
        ["no_seats_left"]
    );
    let freed = unassign(owner, mile_on, &ada).await;
    assert_eq!(outcomes(&freed), ["done"]);
    assert_eq!(freed["product"]["remaining"], 1);
    let user = owner.show(&ada[0]).await;
    assert_eq!(
        (&user["licence_state"], &user["status"]),
        (&json!("unassigned"), &json!("not_invited"))
    );
    assert_eq!(
        redeem(&old).await.refused(404),
        "not_found",
        "not even on the same device"
    );
    assert_eq!(
        outcomes(&unassign(owner, mile_on, &ada).await),
        ["unchanged"]
    );
    assert_eq!(outcomes(&assign(owner, mile_on, &ada).await), ["done"]);
    let new = code().await;
    assert_ne!(old, new);
    assert_eq!(redeem(&old).await.refused(404), "not_found");
    let _ = redeem(&new).await.expect(200);
    assert_eq!(
        audit(&world, &company, "licences.unassign"),
        ["2026-03-02T08:00:00Z user licences.unassign 2"]
    );
}
