//! `sign-in`: sessions begin, go on and end.

use jiff::SignedDuration;
use muster_shared::domain::permission::{BuiltIn, Class, Role};
use muster_tests::world::{Actor, Answer, Company, PASSWORD, World, text};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{change_user, post_text, snapshot};

async fn sign_in(world: &World, login: &str, password: &str) -> Answer {
    let form = json!({ "login": login, "password": password });
    world.nobody().post("/v1/sessions", form).await
}

async fn refresh(world: &World, session: &Value) -> Answer {
    let form = json!({ "refresh_token": session["refresh_token"] });
    world.nobody().post("/v1/sessions/refresh", form).await
}

/// Whoever holds the access token of a session.
fn holder<'w>(world: &'w World, session: &Value) -> Actor<'w> {
    world.bearer(text(&session["access_token"]))
}

#[tokio::test]
async fn one_signs_in_by_address_or_username_however_they_are_typed() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let ada = company
        .owner
        .colleague("ada", "standard", &["auditor"])
        .await;
    world.wait_hours(1).await;
    for login in [
        "ada@colleagues.example",
        " ADA@Colleagues.Example ",
        "ada.colleague",
        "Ada.COLLEAGUE",
        "ａda.colleague",
    ] {
        let session = sign_in(&world, login, PASSWORD).await.expect(200);
        assert_eq!(session["user"], ada.user, "{login}");
    }
    let session = sign_in(&world, "ada.colleague", PASSWORD).await;
    assert_eq!(session.headers["cache-control"], "no-store");
    let session = session.expect(200);
    snapshot!("session", session);
    let me = holder(&world, &session).get("/v1/me").await.expect(200);
    assert_eq!(me["id"], ada.user);
    let owner = world.sign_in(&company.owner_email).await;
    assert_eq!(
        owner.show(&ada.user).await["last_login_at"],
        "2026-03-02T09:00:00.000Z"
    );
}

#[tokio::test]
async fn nobody_learns_by_signing_in_who_exists() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let ada = company.owner.colleague("ada", "limited", &[]).await;
    let other = world.company("Other").await;
    let _ = company
        .owner
        .add(json!({ "email": "invited@drivers.example", "invite": true }))
        .await;
    let _ = company
        .owner
        .add(json!({ "email": "added@drivers.example" }))
        .await;
    let gone = company.owner.colleague("gone", "limited", &[]).await;
    change_user(&world, &company, &gone.user, |user| {
        user.deleted_at = Some(user.created_at);
    })
    .await;
    let barred = company.owner.colleague("barred", "limited", &[]).await;
    change_user(&world, &company, &barred.user, |user| {
        user.suspended_at = Some(user.created_at);
    })
    .await;

    let wrong = sign_in(
        &world,
        "ada@colleagues.example",
        "wrong horse battery staple",
    )
    .await;
    snapshot!("wrong_credentials", wrong.body);
    let wrong_by_name = sign_in(&world, "ada.colleague", "wrong horse battery staple").await;
    let unknown = sign_in(&world, "nobody@colleagues.example", PASSWORD).await;
    let unknown_name = sign_in(&world, "nobody.colleague", PASSWORD).await;
    assert_eq!(
        unknown.consumed(),
        wrong.consumed(),
        "the table is asked as much for an unknown address"
    );
    assert_eq!(
        unknown_name.consumed(),
        wrong_by_name.consumed(),
        "and for an unknown username"
    );

    let long = "x".repeat(400);
    let mut answers = vec![wrong_by_name, unknown, unknown_name];
    for login in [
        "invited@drivers.example",
        "added@drivers.example",
        "gone@colleagues.example",
        "gone.colleague",
        "barred.colleague",
        "",
        " ",
        "@",
        long.as_str(),
    ] {
        answers.push(sign_in(&world, login, PASSWORD).await);
    }
    answers.push(sign_in(&world, "ada.colleague", "").await);
    let elsewhere =
        json!({ "login": "ada.colleague", "password": PASSWORD, "tenant": other.tenant });
    answers.push(world.nobody().post("/v1/sessions", elsewhere).await);
    for answer in answers {
        assert_eq!((answer.status, &answer.text), (401, &wrong.text));
    }
    let here = json!({ "login": "ada.colleague", "password": PASSWORD, "tenant": company.tenant });
    assert_eq!(
        world.nobody().post("/v1/sessions", here).await.expect(200)["user"],
        ada.user
    );
}

#[tokio::test]
async fn a_faulty_sign_in_names_the_field() {
    let world = World::start().await;
    let nobody = world.nobody();
    let with = |field: &str, value: Value| {
        let mut form = json!({ "login": "ada", "password": PASSWORD });
        form[field] = value;
        form
    };
    for (form, faults) in [
        (
            with("password", json!("x".repeat(129))),
            "password: too_long",
        ),
        (with("tenant", json!("acme")), "tenant: invalid_id"),
        (with("login", json!(7)), "login: invalid_value"),
        (with("password", json!(["a"])), "password: invalid_value"),
        (with("remember", json!(true)), "remember: invalid_value"),
        (with("refresh", json!("header")), "refresh: invalid_value"),
    ] {
        assert_eq!(nobody.post("/v1/sessions", form).await.faults(), [faults]);
    }
    let both = json!({ "login": "ada", "password": "x".repeat(129), "tenant": "acme" });
    assert_eq!(
        nobody.post("/v1/sessions", both).await.faults(),
        ["password: too_long", "tenant: invalid_id"]
    );
    for path in ["/v1/sessions", "/v1/sessions/refresh"] {
        for body in ["", "{", "null", "[]"] {
            let answer = post_text(&nobody, path, body).await;
            assert_eq!(answer.refused(400), "malformed_request", "{path} {body}");
        }
    }
    let empty = post_text(&nobody, "/v1/sessions", "{}").await;
    assert_eq!(empty.refused(400), "malformed_request");
    for body in [
        "{\"login\":\"ada\"}",
        "{\"login\":\"ada\",\"password\":\"b\"} and more",
    ] {
        let answer = post_text(&nobody, "/v1/sessions", body).await;
        assert_eq!(answer.refused(400), "malformed_request", "{body}");
    }
    let large = json!({ "login": "x".repeat(1024 * 1024), "password": "" });
    assert_eq!(
        nobody.post("/v1/sessions", large).await.refused(413),
        "too_large"
    );
}

#[tokio::test]
async fn a_member_of_several_companies_chooses_one() {
    let world = World::start().await;
    let (north, south) = (
        world.company("Northwind").await,
        world.company("Southwind").await,
    );
    let form = json!({ "email": "ada@drivers.example", "class": "standard", "invite": true });
    let _ = north.owner.add(form.clone()).await;
    let _ = world.activate("ada@drivers.example", "ada").await;
    let in_south = south.owner.add(form).await;
    let join =
        json!({ "token": world.link_token("ada@drivers.example").await, "password": PASSWORD });
    let _ = world
        .nobody()
        .post("/v1/activations", join)
        .await
        .expect(200);

    let mut choice = sign_in(&world, "ada", PASSWORD).await.expect(200);
    let tenants = choice["tenants"].as_array_mut().unwrap();
    tenants.sort_by_key(|tenant| text(&tenant["name"]));
    assert_eq!(tenants[1]["id"], south.tenant);
    snapshot!("companies_to_choose_from", choice);

    let chosen = json!({ "login": "ada", "password": PASSWORD, "tenant": south.tenant });
    let session = world
        .nobody()
        .post("/v1/sessions", chosen)
        .await
        .expect(200);
    assert_eq!(
        (&session["tenant"], &session["user"]),
        (&json!(south.tenant), &json!(in_south))
    );
    let ada = holder(&world, &session);
    assert_eq!(ada.get(&format!("/v1/users/{in_south}")).await.status, 200);
    assert_eq!(
        ada.get(&format!("/v1/users/{}", north.owner.user))
            .await
            .refused(404),
        "not_found"
    );
}

#[tokio::test]
async fn an_access_token_is_good_for_fifteen_minutes_to_the_second() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = world.sign_in(&company.owner_email).await;
    world.wait(SignedDuration::from_secs(15 * 60 - 1)).await;
    let _ = owner.get("/v1/me").await.expect(200);
    world.wait(SignedDuration::from_secs(1)).await;
    let late = owner.get("/v1/me").await;
    snapshot!("access_token_expired", late.body);
    assert_eq!(late.refused(401), "unauthenticated");
    assert_eq!(
        owner.delete("/v1/sessions/current").await.refused(401),
        "unauthenticated"
    );
}

#[tokio::test]
async fn a_session_goes_on_by_refreshing_until_it_rests_for_thirty_days() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let first = sign_in(&world, &company.owner_email, PASSWORD)
        .await
        .expect(200);
    let month = SignedDuration::from_hours(24 * 30);
    world.wait(month - SignedDuration::from_secs(1)).await;
    let second = refresh(&world, &first).await.expect(200);
    snapshot!("session_refreshed", second);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_ne!(second["access_token"], first["access_token"]);
    assert_eq!(
        holder(&world, &second).get("/v1/me").await.expect(200)["id"],
        company.owner.user
    );

    world.wait(month).await;
    assert_eq!(
        refresh(&world, &second).await.refused(401),
        "unauthenticated"
    );
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_the_whole_session() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let stolen = sign_in(&world, &company.owner_email, PASSWORD)
        .await
        .expect(200);
    let other = sign_in(&world, &company.owner_email, PASSWORD)
        .await
        .expect(200);
    let newest = refresh(&world, &stolen).await.expect(200);
    let newest = refresh(&world, &newest).await.expect(200);

    let again = refresh(&world, &stolen).await;
    snapshot!("session_over", again.body);
    assert_eq!(again.refused(401), "unauthenticated");
    assert_eq!(
        refresh(&world, &newest).await.refused(401),
        "unauthenticated",
        "the newest of the family is worthless too"
    );
    let _ = refresh(&world, &other).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_that_refresh_at_once_one_wins_and_the_session_ends() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let session = sign_in(&world, &company.owner_email, PASSWORD)
        .await
        .expect(200);
    let (a, b, c, d) = tokio::join!(
        refresh(&world, &session),
        refresh(&world, &session),
        refresh(&world, &session),
        refresh(&world, &session)
    );
    let (won, lost): (Vec<Answer>, Vec<Answer>) = [a, b, c, d]
        .into_iter()
        .partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 3));
    let next = refresh(&world, &won[0].body).await;
    assert_eq!(next.refused(401), "unauthenticated", "one of them stole it");
}

#[tokio::test]
async fn what_is_no_refresh_token_refreshes_nothing() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let session = sign_in(&world, &company.owner_email, PASSWORD)
        .await
        .expect(200);
    let real = text(&session["refresh_token"]);
    let (family, token) = real.split_once('.').unwrap();
    let nothing = "0".repeat(32);
    let access = text(&session["access_token"]);
    for wrong in [
        "",
        ".",
        "abc",
        family,
        &access,
        &format!("{nothing}.{token}"),
        &format!("{real}.{token}"),
        &format!("{family}#.{token}"),
    ] {
        let answer = refresh(&world, &json!({ "refresh_token": wrong })).await;
        assert_eq!(answer.refused(401), "unauthenticated", "{wrong}");
    }
    let _ = refresh(&world, &session).await.expect(200);
    let unknown = json!({ "refresh_token": real, "tenant": company.tenant });
    assert_eq!(
        world
            .nobody()
            .post("/v1/sessions/refresh", unknown)
            .await
            .faults(),
        ["tenant: invalid_value"]
    );
}

#[tokio::test]
async fn signing_out_ends_this_session_and_no_other() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let here = sign_in(&world, &company.owner_email, PASSWORD)
        .await
        .expect(200);
    let there = sign_in(&world, &company.owner_email, PASSWORD)
        .await
        .expect(200);
    let left = holder(&world, &here).delete("/v1/sessions/current").await;
    assert_eq!((left.status, left.text.as_str()), (204, ""));
    assert_eq!(refresh(&world, &here).await.refused(401), "unauthenticated");
    let _ = refresh(&world, &there).await.expect(200);
    assert_eq!(
        holder(&world, &here)
            .delete("/v1/sessions/current")
            .await
            .status,
        204,
        "a retry of signing out"
    );
    assert_eq!(
        world
            .nobody()
            .delete("/v1/sessions/current")
            .await
            .refused(401),
        "unauthenticated"
    );
}

/// What a browser would keep: the cookie of an answer as name and value, and its attributes.
fn cookie(answer: &Answer) -> (String, String) {
    let mut cookies = answer.headers.get_all("set-cookie").iter();
    let (cookie, more) = (cookies.next().unwrap(), cookies.next());
    assert!(more.is_none(), "one cookie");
    let (pair, attributes) = cookie.to_str().unwrap().split_once("; ").unwrap();
    (pair.to_owned(), attributes.to_owned())
}

/// Signs in as a page does.
async fn sign_in_on_a_page(world: &World, login: &str) -> Answer {
    let form = json!({ "login": login, "password": PASSWORD, "refresh": "cookie" });
    world.nobody().post("/v1/sessions", form).await
}

/// Goes on as a page does: the browser adds the cookie.
async fn refresh_on_a_page(world: &World, cookie: &str) -> Answer {
    let nobody = world.nobody();
    let request = nobody.request(Method::POST, "/v1/sessions/refresh");
    let request = request.header("cookie", format!("theme=dark; {cookie}; a=b"));
    nobody.send(request.json(&json!({}))).await
}

#[tokio::test]
async fn a_page_gets_its_refresh_token_in_a_cookie_that_no_script_sees() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let answer = sign_in_on_a_page(&world, &company.owner_email).await;
    let (first, attributes) = cookie(&answer);
    let value = first.strip_prefix("__Secure-muster_refresh=").unwrap();
    assert_eq!(value.len(), 65);
    assert_eq!(
        attributes,
        "Max-Age=2592000; Path=/v1/sessions; HttpOnly; Secure; SameSite=Strict"
    );
    snapshot!("session_of_a_page", answer.expect(200));

    let month = SignedDuration::from_hours(24 * 30);
    world.wait(month - SignedDuration::from_secs(1)).await;
    let answer = refresh_on_a_page(&world, &first).await;
    let (second, again) = cookie(&answer);
    assert_eq!(again, attributes);
    assert_ne!(second, first);
    let session = answer.expect(200);
    assert_eq!(session.get("refresh_token"), None);
    let me = holder(&world, &session).get("/v1/me").await.expect(200);
    assert_eq!(me["id"], company.owner.user);
    let (third, _) = cookie(&refresh_on_a_page(&world, &second).await);
    assert_ne!(third, second);
}

#[tokio::test]
async fn who_asks_for_no_cookie_gets_none() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let answer = sign_in(&world, &company.owner_email, PASSWORD).await;
    assert!(!answer.headers.contains_key("set-cookie"));
    let session = answer.expect(200);
    let answer = refresh(&world, &session).await;
    assert!(!answer.headers.contains_key("set-cookie"));
    let session = answer.expect(200);
    let left = holder(&world, &session)
        .delete("/v1/sessions/current")
        .await;
    assert_eq!(left.status, 204);
    assert!(!left.headers.contains_key("set-cookie"));
    let without = refresh_on_a_page(&world, "other=1").await;
    assert_eq!(without.refused(401), "unauthenticated");
}

#[tokio::test]
async fn a_page_whose_answer_was_lost_gets_the_same_cookie_again_for_ten_seconds() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let (first, _) = cookie(&sign_in_on_a_page(&world, &company.owner_email).await);
    let (second, _) = cookie(&refresh_on_a_page(&world, &first).await);
    world.wait(SignedDuration::from_millis(9_999)).await;
    let (again, _) = cookie(&refresh_on_a_page(&world, &first).await);
    assert_eq!(again, second);
    // A client that keeps its token itself knows which answers it got.
    let (_, token) = first.split_once('=').unwrap();
    let stolen = refresh(&world, &json!({ "refresh_token": token })).await;
    assert_eq!(stolen.refused(401), "unauthenticated");
    assert_eq!(
        refresh_on_a_page(&world, &second).await.refused(401),
        "unauthenticated",
        "the whole session has ended"
    );
}

#[tokio::test]
async fn a_cookie_used_twice_ends_the_whole_session() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let (first, _) = cookie(&sign_in_on_a_page(&world, &company.owner_email).await);
    let (second, _) = cookie(&refresh_on_a_page(&world, &first).await);
    world.wait(SignedDuration::from_secs(10)).await;
    for cookie in [first, second] {
        let answer = refresh_on_a_page(&world, &cookie).await;
        assert_eq!(answer.refused(401), "unauthenticated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_refresh_at_once_get_the_same_cookie() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let (first, _) = cookie(&sign_in_on_a_page(&world, &company.owner_email).await);
    let (a, b, c) = tokio::join!(
        refresh_on_a_page(&world, &first),
        refresh_on_a_page(&world, &first),
        refresh_on_a_page(&world, &first)
    );
    assert_eq!(cookie(&a), cookie(&b));
    assert_eq!(cookie(&a), cookie(&c));
    let (next, _) = cookie(&a);
    assert_eq!(refresh_on_a_page(&world, &next).await.status, 200);
}

#[tokio::test]
async fn signing_out_takes_the_cookie_away() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let answer = sign_in_on_a_page(&world, &company.owner_email).await;
    let (first, _) = cookie(&answer);
    let owner = holder(&world, &answer.expect(200));
    let request = owner.request(Method::DELETE, "/v1/sessions/current");
    let left = owner.send(request.header("cookie", &first)).await;
    assert_eq!(left.status, 204);
    assert_eq!(
        cookie(&left),
        (
            "__Secure-muster_refresh=".to_owned(),
            "Max-Age=0; Path=/v1/sessions; HttpOnly; Secure; SameSite=Strict".to_owned()
        )
    );
    let over = refresh_on_a_page(&world, &first).await;
    assert_eq!(over.refused(401), "unauthenticated");
}

#[tokio::test]
async fn a_page_goes_on_in_another_company_with_another_cookie() {
    let world = World::start().await;
    let (north, south) = (
        world.company("Northwind").await,
        world.company("Southwind").await,
    );
    let form = json!({ "email": "ada@drivers.example", "class": "standard", "invite": true });
    let _ = north.owner.add(form.clone()).await;
    let _ = world.activate("ada@drivers.example", "ada").await;
    let _ = south.owner.add(form).await;
    let token = world.link_token("ada@drivers.example").await;
    let join = json!({ "token": token, "password": PASSWORD });
    let _ = world
        .nobody()
        .post("/v1/activations", join)
        .await
        .expect(200);

    let several = sign_in_on_a_page(&world, "ada").await;
    assert!(!several.headers.contains_key("set-cookie"));
    let chosen = json!({ "login": "ada", "password": PASSWORD, "tenant": north.tenant, "refresh": "cookie" });
    let answer = world.nobody().post("/v1/sessions", chosen).await;
    let (first, _) = cookie(&answer);
    let ada = holder(&world, &answer.expect(200));
    let form = json!({ "tenant": south.tenant, "refresh": "cookie" });
    let switched = ada.post("/v1/sessions/switch", form).await;
    let (second, _) = cookie(&switched);
    let session = switched.expect(200);
    assert_eq!(session["tenant"], south.tenant);
    assert_eq!(session.get("refresh_token"), None);
    assert_eq!(
        refresh_on_a_page(&world, &first).await.refused(401),
        "unauthenticated"
    );
    let on = refresh_on_a_page(&world, &second).await.expect(200);
    assert_eq!(on["tenant"], south.tenant);
}

#[tokio::test]
async fn a_page_of_another_site_can_send_nothing_in_somebodys_name() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let (first, _) = cookie(&sign_in_on_a_page(&world, &company.owner_email).await);
    let nobody = world.nobody();
    // What a form or a simple request can be, which browsers send without asking.
    for content_type in [
        None,
        Some("text/plain"),
        Some("text/plain; application/json"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data"),
    ] {
        for path in ["/v1/sessions", "/v1/sessions/refresh"] {
            let mut request = nobody.request(Method::POST, path).header("cookie", &first);
            if let Some(content_type) = content_type {
                request = request.header("content-type", content_type);
            }
            let answer = nobody.send(request.body("{}")).await;
            assert_eq!(answer.refused(400), "malformed_request", "{content_type:?}");
        }
    }
    let request = nobody.request(Method::POST, "/v1/sessions/refresh");
    let request = request
        .header("cookie", &first)
        .header("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(nobody.send(request.body("{}")).await.status, 200);
}

#[tokio::test]
async fn a_demotion_counts_at_once_for_changes_and_from_the_next_token_on_for_the_rest() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let _ = company
        .owner
        .colleague("mona", "standard", &["user_manager", "licence_manager"])
        .await;
    let session = sign_in(&world, "mona.colleague", PASSWORD)
        .await
        .expect(200);
    let mona = holder(&world, &session);
    let _ = mona
        .post("/v1/users", json!({ "external_id": "T-1" }))
        .await
        .expect(201);
    let id = text(&session["user"]);
    change_user(&world, &company, &id, |user| {
        user.rights.class = Class::Standard;
        user.rights.roles = [Role::BuiltIn(BuiltIn::Auditor)].into();
    })
    .await;
    assert_eq!(
        mona.post("/v1/users", json!({ "external_id": "T-2" }))
            .await
            .refused(403),
        "forbidden"
    );
    let next = refresh(&world, &session).await.expect(200);
    let me = holder(&world, &next).get("/v1/me").await.expect(200);
    assert_eq!(me["roles"], json!(["auditor"]));
    let mona = holder(&world, &next);
    assert_eq!(
        mona.post("/v1/users", json!({ "external_id": "T-2" }))
            .await
            .refused(403),
        "forbidden"
    );
}

#[tokio::test]
async fn whoever_is_suspended_or_deleted_changes_nothing_more_and_gets_no_new_token() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    for (name, deleted) in [("sue", false), ("del", true)] {
        let _ = company
            .owner
            .colleague(name, "standard", &["user_manager"])
            .await;
        let session = sign_in(&world, &format!("{name}.colleague"), PASSWORD)
            .await
            .expect(200);
        change_user(&world, &company, &text(&session["user"]), |user| {
            let at = Some(user.created_at);
            if deleted {
                user.deleted_at = at;
            } else {
                user.suspended_at = at;
            }
        })
        .await;
        let add = holder(&world, &session)
            .post("/v1/users", json!({ "external_id": name }))
            .await;
        assert_eq!(add.refused(401), "unauthenticated", "{name}");
        assert_eq!(
            refresh(&world, &session).await.refused(401),
            "unauthenticated",
            "{name}"
        );
        assert_eq!(
            sign_in(&world, &format!("{name}.colleague"), PASSWORD)
                .await
                .refused(401),
            "wrong_credentials"
        );
    }
    let listed = company
        .owner
        .get("/v1/users?status=suspended")
        .await
        .expect(200);
    assert_eq!(crate::names(&listed), ["sue"]);
}

/// Ada, who is a member of two companies, signed in to the first.
async fn member_of_two<'w>(world: &'w World, one: &Company<'w>, two: &Company<'w>) -> Value {
    for company in [one, two] {
        let form =
            json!({ "email": "ada@people.example", "last_name": "Lovelace", "invite": true });
        let _ = company.owner.add(form).await;
        let token = world.link_token("ada@people.example").await;
        let accept = json!({ "token": token, "username": "ada", "password": PASSWORD });
        let joined = world.nobody().post("/v1/activations", accept).await;
        let _ = joined.expect(200);
    }
    let choice = sign_in(world, "ada@people.example", PASSWORD).await;
    assert_eq!(choice.expect(200)["tenants"].as_array().unwrap().len(), 2);
    let form = json!({ "login": "ada", "password": PASSWORD, "tenant": one.tenant });
    world.nobody().post("/v1/sessions", form).await.expect(200)
}

#[tokio::test]
async fn a_member_of_two_companies_switches_between_them_without_the_password() {
    let world = World::start().await;
    let (one, two) = (world.company("Acme").await, world.company("Bolt").await);
    let session = member_of_two(&world, &one, &two).await;
    let ada = holder(&world, &session);
    let mut listed = ada.get("/v1/sessions/tenants").await.expect(200)["tenants"].take();
    listed
        .as_array_mut()
        .unwrap()
        .sort_by_key(|tenant| text(&tenant["name"]));
    assert_eq!(
        listed,
        json!([{ "id": one.tenant, "name": "Acme" }, { "id": two.tenant, "name": "Bolt" }])
    );
    let there = ada
        .post("/v1/sessions/switch", json!({ "tenant": two.tenant }))
        .await
        .expect(200);
    assert_eq!(there["tenant"], two.tenant);
    let me = holder(&world, &there).get("/v1/me").await.expect(200);
    assert_ne!(me["id"], session["user"], "she is another user there");
    assert_eq!(
        refresh(&world, &session).await.refused(401),
        "unauthenticated"
    );
    let _ = refresh(&world, &there).await.expect(200);
}

#[tokio::test]
async fn a_session_that_has_ended_is_not_gone_on_with_in_another_company_nor_in_the_same() {
    let world = World::start().await;
    let (one, two) = (world.company("Acme").await, world.company("Bolt").await);
    let session = member_of_two(&world, &one, &two).await;
    let ada = holder(&world, &session);
    let switch = async |to: &Company<'_>| {
        let form = json!({ "tenant": to.tenant });
        ada.post("/v1/sessions/switch", form).await
    };
    let _ = switch(&one).await.expect(200);
    for company in [&one, &two] {
        let again = switch(company).await;
        assert_eq!(again.refused(401), "unauthenticated");
    }
    let form = json!({ "login": "ada", "password": PASSWORD, "tenant": one.tenant });
    let session = world.nobody().post("/v1/sessions", form).await.expect(200);
    let ada = holder(&world, &session);
    let left = ada.delete("/v1/sessions/current").await;
    assert_eq!(left.status, 204);
    let form = json!({ "tenant": one.tenant });
    let back = ada.post("/v1/sessions/switch", form).await;
    assert_eq!(back.refused(401), "unauthenticated");
}

#[tokio::test]
async fn nobody_switches_to_a_company_that_they_cannot_act_in() {
    let world = World::start().await;
    let (one, two) = (world.company("Acme").await, world.company("Bolt").await);
    let session = member_of_two(&world, &one, &two).await;
    let switch = json!({ "tenant": two.tenant });
    let stranger = one.owner.post("/v1/sessions/switch", switch.clone()).await;
    assert_eq!(stranger.refused(404), "not_found");
    let nonsense = one
        .owner
        .post("/v1/sessions/switch", json!({ "tenant": "Bolt" }))
        .await;
    assert_eq!(nonsense.faults(), ["tenant: invalid_id"]);
    let nobody = world.nobody();
    let unknown = nobody.post("/v1/sessions/switch", switch.clone()).await;
    assert_eq!(unknown.refused(401), "unauthenticated");
    assert_eq!(
        nobody.get("/v1/sessions/tenants").await.refused(401),
        "unauthenticated"
    );

    let users = two.owner.get("/v1/users?email=ada").await.expect(200);
    let there = text(&users["users"][0]["id"]);
    change_user(&world, &two, &there, |user| {
        user.suspended_at = Some(user.created_at);
    })
    .await;
    let ada = holder(&world, &session);
    let barred = ada.post("/v1/sessions/switch", switch).await;
    assert_eq!(barred.refused(404), "not_found");
    let tenants = ada.get("/v1/sessions/tenants").await.expect(200);
    assert_eq!(tenants["tenants"].as_array().unwrap().len(), 1);
    let _ = refresh(&world, &session).await.expect(200);
}
