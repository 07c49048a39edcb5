//! Guessing passwords: who guesses waits longer and longer, and the person does not.

use futures::future::join_all;
use jiff::SignedDuration;
use muster_tests::world::{Actor, Answer, Company, PASSWORD, World, text};
use serde_json::{Value, json};

/// Where the person usually is; everybody who has no address of their own in these tests.
const HOME: &str = "127.0.0.1";
/// Where somebody else is.
const OUTSIDE: &str = "127.0.0.66";

async fn attempt(actor: &Actor<'_>, login: &str, password: &str) -> Answer {
    let form = json!({ "login": login, "password": password });
    actor.post("/v1/sessions", form).await
}

/// A wrong password from an address.
async fn guess(world: &World, address: &str, login: &str) -> Answer {
    attempt(
        &world.nobody_at(address),
        login,
        "wrong horse battery staple",
    )
    .await
}

/// The right password from an address.
async fn sign_in(world: &World, address: &str, login: &str) -> Answer {
    attempt(&world.nobody_at(address), login, PASSWORD).await
}

/// The seconds that a 429 tells to wait.
#[track_caller]
fn wait_told(answer: Answer) -> i64 {
    let told = answer.headers["retry-after"].to_str().unwrap().parse();
    assert_eq!(answer.refused(429), "too_many_requests");
    told.unwrap()
}

async fn pass(world: &World, seconds: i64) {
    world.wait(SignedDuration::from_secs(seconds)).await;
}

async fn ada(world: &World) -> (Company<'_>, &'static str) {
    let company = world.company("Acme").await;
    let _ = company.owner.colleague("ada", "limited", &[]).await;
    (company, "ada@colleagues.example")
}

#[tokio::test]
async fn waits_grow_with_each_wrong_password_and_end_with_time() {
    let world = World::start().await;
    let (_company, ada) = ada(&world).await;
    for _ in 0..5 {
        let answer = guess(&world, OUTSIDE, ada).await;
        assert_eq!(answer.refused(401), "wrong_credentials");
    }
    for seconds in [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        assert_eq!(wait_told(guess(&world, OUTSIDE, ada).await), seconds);
        pass(&world, seconds - 1).await;
        let answer = sign_in(&world, OUTSIDE, ada).await;
        assert_eq!(wait_told(answer), 1, "a second early, right or wrong");
        pass(&world, 1).await;
        assert_eq!(
            guess(&world, OUTSIDE, ada).await.refused(401),
            "wrong_credentials"
        );
    }
    pass(&world, 900).await;
    let _ = sign_in(&world, OUTSIDE, ada).await.expect(200);
}

#[tokio::test]
async fn a_success_forgives_the_wrong_passwords_before_it() {
    let world = World::start().await;
    let (_company, ada) = ada(&world).await;
    for address in [HOME, OUTSIDE] {
        for _ in 0..3 {
            for _ in 0..4 {
                assert_eq!(guess(&world, address, ada).await.status, 401);
            }
            let _ = sign_in(&world, address, ada).await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_right_password_that_lets_nobody_in_forgives_nothing() {
    let world = World::start().await;
    let (_company, ada) = ada(&world).await;
    let other = world.company("Other").await;
    let elsewhere = json!({ "login": ada, "password": PASSWORD, "tenant": other.tenant });
    let outside = world.nobody_at(OUTSIDE);
    for _ in 0..5 {
        let answer = outside.post("/v1/sessions", elsewhere.clone()).await;
        assert_eq!(answer.refused(401), "wrong_credentials");
    }
    assert_eq!(wait_told(outside.post("/v1/sessions", elsewhere).await), 2);
}

#[tokio::test]
async fn others_at_the_same_address_are_not_held_up() {
    let world = World::start().await;
    let (company, ada) = ada(&world).await;
    let _ = company.owner.colleague("eve", "limited", &[]).await;
    for _ in 0..6 {
        let _ = guess(&world, OUTSIDE, ada).await;
    }
    assert_eq!(guess(&world, OUTSIDE, ada).await.status, 429);
    let _ = sign_in(&world, OUTSIDE, "eve@colleagues.example")
        .await
        .expect(200);
}

#[tokio::test]
async fn whoever_guesses_elsewhere_never_holds_the_person_up_at_the_usual_place() {
    let world = World::start().await;
    let (_company, ada) = ada(&world).await;
    // More addresses than any count of all other places lets through.
    for host in 100..130 {
        let _ = guess(&world, &format!("127.0.0.{host}"), ada).await;
    }
    let new_place = "127.0.0.200";
    assert!(wait_told(sign_in(&world, new_place, ada).await) >= 2);
    for _ in 0..4 {
        assert_eq!(guess(&world, HOME, ada).await.status, 401);
    }
    for login in [ada, "ada.colleague"] {
        let _ = sign_in(&world, HOME, login).await.expect(200);
    }
    assert_eq!(
        sign_in(&world, new_place, ada).await.status,
        429,
        "the person's success forgives nobody else"
    );
    pass(&world, 900).await;
    let _ = sign_in(&world, new_place, ada).await.expect(200);
    for host in 130..160 {
        let _ = guess(&world, &format!("127.0.0.{host}"), ada).await;
    }
    for login in [ada, "ADA.Colleague"] {
        let _ = sign_in(&world, new_place, login).await.expect(200);
    }
}

#[tokio::test]
async fn whoever_guesses_on_and_on_from_one_address_holds_nobody_up_elsewhere() {
    let world = World::start().await;
    let (_company, ada) = ada(&world).await;
    for _ in 0..40 {
        let answer = guess(&world, OUTSIDE, ada).await;
        if answer.status == 429 {
            pass(&world, wait_told(answer)).await;
        }
    }
    let _ = sign_in(&world, "127.0.0.200", ada).await.expect(200);
}

#[tokio::test]
async fn waits_tell_nobody_who_exists() {
    let world = World::start().await;
    let (_company, ada) = ada(&world).await;
    let mut told = Vec::new();
    for login in [ada, "nobody@colleagues.example"] {
        let mut answers = Vec::new();
        for seconds in [0, 0, 0, 0, 0, 0, 1, 1, 4, 0, 8, 900, 0] {
            pass(&world, seconds).await;
            let answer = guess(&world, OUTSIDE, login).await;
            let wait = answer.headers.get("retry-after");
            let wait = wait.map_or("", |wait| wait.to_str().unwrap()).to_owned();
            answers.push((answer.status, wait, answer.consumed()));
        }
        told.push(answers);
    }
    assert_eq!(told[0], told[1]);
    let statuses: Vec<u16> = told[0].iter().map(|(status, ..)| *status).collect();
    assert!(statuses.contains(&429) && statuses.contains(&401));
    for _ in 0..6 {
        let _ = guess(&world, OUTSIDE, "nobody.colleague").await;
    }
    assert_eq!(
        guess(&world, OUTSIDE, "ada.colleague").await.status,
        401,
        "nor that a username and an address belong together"
    );
}

#[tokio::test]
async fn however_a_login_is_typed_it_is_the_same_one() {
    let world = World::start().await;
    let (_company, _) = ada(&world).await;
    for login in [
        "ada@colleagues.example",
        "ADA@colleagues.example",
        " ada@Colleagues.Example",
        "ａda@colleagues.example",
        "Ada@COLLEAGUES.example ",
    ] {
        assert_eq!(guess(&world, OUTSIDE, login).await.status, 401, "{login}");
    }
    assert_eq!(
        wait_told(guess(&world, OUTSIDE, "adA@colleagues.example").await),
        2
    );
    for login in [
        "ada.colleague",
        "ADA.colleague",
        "Ada.Colleague",
        "ada.COLLEAGUE",
        " ada.colleague",
    ] {
        assert_eq!(guess(&world, OUTSIDE, login).await.status, 401, "{login}");
    }
    assert_eq!(wait_told(guess(&world, OUTSIDE, "ada.colleague").await), 2);
}

#[tokio::test]
async fn of_a_hundred_guesses_at_once_only_the_free_ones_are_looked_at() {
    let world = World::start().await;
    let (_company, ada) = ada(&world).await;
    let count = |answers: &[Answer], status| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    for login in [ada, "nobody@colleagues.example"] {
        let answers = join_all((0..100).map(|_| guess(&world, OUTSIDE, login))).await;
        assert_eq!(
            (count(&answers, 401), count(&answers, 429)),
            (5, 95),
            "{login}"
        );
    }
    // From as many addresses as there are guesses.
    let addresses: Vec<String> = (100..140).map(|host| format!("127.0.0.{host}")).collect();
    let guesses = addresses
        .iter()
        .map(|address| guess(&world, address, "ada.colleague"));
    let answers = join_all(guesses).await;
    assert_eq!((count(&answers, 401), count(&answers, 429)), (20, 20));
}

#[tokio::test]
async fn an_address_from_which_too_many_fail_waits_except_those_whose_place_it_is() {
    let world = World::start().await;
    let (company, ada) = ada(&world).await;
    let _ = company.owner.colleague("eve", "limited", &[]).await;
    let _ = sign_in(&world, OUTSIDE, ada).await.expect(200);
    for number in 0..100 {
        let login = format!("nobody{number}@colleagues.example");
        assert_eq!(guess(&world, OUTSIDE, &login).await.status, 401, "{login}");
    }
    let eve = "eve@colleagues.example";
    assert_eq!(wait_told(sign_in(&world, OUTSIDE, eve).await), 600);
    assert_eq!(
        wait_told(guess(&world, OUTSIDE, "nobody@colleagues.example").await),
        600
    );
    let _ = sign_in(&world, OUTSIDE, ada).await.expect(200);
    let _ = sign_in(&world, HOME, eve).await.expect(200);
    pass(&world, 600).await;
    let _ = sign_in(&world, OUTSIDE, eve).await.expect(200);
}

#[tokio::test]
async fn successes_never_use_an_address_up() {
    let world = World::start().await;
    let (_company, ada) = ada(&world).await;
    for _ in 0..110 {
        let _ = sign_in(&world, OUTSIDE, ada).await.expect(200);
    }
    assert_eq!(
        guess(&world, OUTSIDE, "nobody@colleagues.example")
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn headers_do_not_say_where_one_is() {
    let world = World::start().await;
    let (_company, ada) = ada(&world).await;
    let form = json!({ "login": ada, "password": "wrong horse battery staple" });
    let mut statuses = Vec::new();
    for number in 0..6 {
        let outside = world.nobody_at(OUTSIDE);
        let request = outside
            .request(reqwest::Method::POST, "/v1/sessions")
            .header("X-Forwarded-For", format!("192.0.2.{number}"))
            .json(&form);
        statuses.push(outside.send(request).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);
}

/// A person of one company who is invited to a second; the link's token.
async fn invited_again(world: &World) -> (String, &'static str) {
    let (_company, ada) = ada(world).await;
    let other = world.company("Other").await;
    let _ = other
        .owner
        .add(json!({ "email": ada, "invite": true }))
        .await;
    (world.link_token(ada).await, ada)
}

#[tokio::test]
async fn a_wrong_password_at_an_activation_is_a_guess_too() {
    let world = World::start().await;
    let (token, ada) = invited_again(&world).await;
    let join = |password: &str| -> Value { json!({ "token": token, "password": password }) };
    let outside = world.nobody_at(OUTSIDE);
    for _ in 0..3 {
        let answer = outside.post("/v1/activations", join("wrong horse")).await;
        assert_eq!(answer.refused(401), "wrong_credentials");
    }
    for _ in 0..2 {
        assert_eq!(guess(&world, OUTSIDE, ada).await.status, 401);
    }
    assert_eq!(
        wait_told(outside.post("/v1/activations", join(PASSWORD)).await),
        2
    );
    assert_eq!(wait_told(guess(&world, OUTSIDE, ada).await), 2);
    pass(&world, 2).await;
    let _ = outside
        .post("/v1/activations", join(PASSWORD))
        .await
        .expect(200);
    for _ in 0..5 {
        assert_eq!(
            guess(&world, OUTSIDE, ada).await.status,
            401,
            "the success forgave the failures"
        );
    }
}

#[tokio::test]
async fn whoever_activated_by_a_mailed_link_is_at_a_known_place() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let email = "new@drivers.example";
    for host in 100..125 {
        let _ = guess(&world, &format!("127.0.0.{host}"), email).await;
    }
    let _ = company
        .owner
        .add(json!({ "email": email, "invite": true }))
        .await;
    let accept = json!({ "token": world.link_token(email).await, "username": "new.driver", "password": PASSWORD });
    let road = world.nobody_at("127.0.0.50");
    let _ = road.post("/v1/activations", accept).await.expect(200);
    assert_eq!(sign_in(&world, "127.0.0.51", email).await.status, 429);
    let session = sign_in(&world, "127.0.0.50", email).await.expect(200);
    assert!(!text(&session["access_token"]).is_empty());
}

#[tokio::test]
async fn buckets_hold_no_login_and_no_address() {
    let world = World::start().await;
    let (_company, ada) = ada(&world).await;
    let _ = guess(&world, OUTSIDE, ada).await;
    let login = muster_shared::domain::throttle::Login::typed(ada);
    let guesses = crate::table(&world).guesses(&login).await.unwrap();
    assert!(guesses.version > 0, "the bucket is there");
    let stored = serde_json::to_string(&guesses).unwrap();
    for told in ["ada", OUTSIDE, HOME] {
        assert!(!stored.contains(told), "{told}: {stored}");
    }
}
