//! `support`: what owners cannot do themselves, done once per reference and told in the company's own trail.

use muster_tests::world::{Company, PASSWORD, World, text};
use serde_json::{Value, json};

use crate::{audited, names, snapshot};

/// Support's order for a company under a reference.
async fn order(world: &World, company: &Company<'_>, reference: &str, action: Value) -> Value {
    let mut order = action;
    order["reference"] = json!(reference);
    order["tenant"] = json!(company.tenant);
    let answer = world.stack.invoke("support", order).await;
    answer.unwrap_or_else(|error| panic!("{error}"))
}

/// The faults of a refused order, as `field: code`.
fn faults(answer: &Value) -> Vec<String> {
    let errors = answer["errors"].as_array();
    let errors = errors.unwrap_or_else(|| panic!("{answer} names no faults"));
    let told = |fault: &Value| format!("{}: {}", text(&fault["field"]), text(&fault["code"]));
    errors.iter().map(told).collect()
}

async fn faulty(world: &World, company: &Company<'_>, action: Value) -> Vec<String> {
    faults(&order(world, company, "T-faulty", action).await)
}

#[tokio::test]
async fn support_demotes_an_owner_who_stops_at_once_and_promotes_another() {
    let world = World::start().await;
    let company = world.company("North").await;
    let second = company.owner.colleague("oscar", "owner", &[]).await;
    let manager = company
        .owner
        .colleague("mia", "standard", &["user_manager"])
        .await;
    let demote = json!({ "action": "set_class", "user": second.user, "class": "standard" });
    let done = order(&world, &company, "T-1", demote.clone()).await;
    assert_eq!(
        done,
        json!({ "operation": "users.set_class", "target": second.user })
    );
    let add = json!({ "external_id": "D-1" });
    assert_eq!(
        second.post("/v1/users", add.clone()).await.refused(401),
        "unauthenticated"
    );
    let second = world.sign_in("oscar@colleagues.example").await;
    assert_eq!(second.post("/v1/users", add.clone()).await.status, 403);
    assert_eq!(second.get("/v1/me").await.expect(200)["class"], "standard");

    // The same order again gets the same answer and changes nothing.
    let before = company.owner.show(&second.user).await;
    assert_eq!(order(&world, &company, "T-1", demote.clone()).await, done);
    let promote = json!({ "action": "set_class", "user": manager.user, "class": "owner" });
    let used = order(&world, &company, "T-1", promote.clone()).await;
    assert_eq!(faults(&used), ["reference: reference_used"]);
    assert_eq!(company.owner.show(&second.user).await, before);
    let again = order(&world, &company, "T-2", demote).await;
    assert_eq!(
        again,
        json!({ "operation": null, "target": second.user }),
        "it is so already"
    );

    let _ = order(&world, &company, "T-3", promote).await;
    let owner = world.sign_in("mia@colleagues.example").await;
    let me = owner.get("/v1/me").await.expect(200);
    assert_eq!((&me["class"], &me["roles"]), (&json!("owner"), &json!([])));
    let role = json!({ "name": "Yard", "permissions": ["audit.read"] });
    let _ = owner.post("/v1/roles", role).await.expect(201);
    snapshot!(
        "support_audited",
        json!(audited(&company, "users.set_class").await)
    );
}

#[tokio::test]
async fn the_last_acting_owner_stays_whatever_support_asks() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner.user;
    for action in [
        json!({ "action": "set_class", "user": owner, "class": "limited" }),
        json!({ "action": "suspend", "user": owner }),
        json!({ "action": "delete", "user": owner }),
    ] {
        assert_eq!(faulty(&world, &company, action).await, ["user: last_owner"]);
    }
    // Of two owners who go at once one stays.
    let second = company.owner.colleague("oscar", "owner", &[]).await;
    let suspend = |user: &str| json!({ "action": "suspend", "user": user });
    let (one, two) = tokio::join!(
        order(&world, &company, "T-1", suspend(owner)),
        order(&world, &company, "T-2", suspend(&second.user)),
    );
    let refused: Vec<_> = [&one, &two]
        .into_iter()
        .filter(|answer| answer.get("errors").is_some())
        .collect();
    assert_eq!(refused.len(), 1, "{one} {two}");
    assert_eq!(faults(refused[0]), ["user: last_owner"]);
}

#[tokio::test]
async fn support_suspends_reactivates_and_deletes_an_owner() {
    let world = World::start().await;
    let company = world.company("North").await;
    let second = company.owner.colleague("oscar", "owner", &[]).await;
    let assign = format!("/v1/products/{}/assign", company.products[0]);
    let _ = company
        .owner
        .post(&assign, json!({ "users": [second.user] }))
        .await
        .expect(200);
    let used =
        async || company.owner.get("/v1/products").await.expect(200)["products"][0]["used"].clone();
    assert_eq!(used().await, 1);
    let suspended = order(
        &world,
        &company,
        "T-1",
        json!({ "action": "suspend", "user": second.user }),
    )
    .await;
    assert_eq!(suspended["operation"], "users.suspend");
    assert_eq!(
        company.owner.show(&second.user).await["status"],
        "suspended"
    );
    assert_eq!(used().await, 0);
    let refused = second
        .post("/v1/users", json!({ "external_id": "D-1" }))
        .await;
    assert_eq!(refused.refused(401), "unauthenticated");
    let _ = order(
        &world,
        &company,
        "T-2",
        json!({ "action": "reactivate", "user": second.user }),
    )
    .await;
    let second = world.sign_in("oscar@colleagues.example").await;
    let _ = second.add(json!({ "external_id": "D-1" })).await;

    let deleted = order(
        &world,
        &company,
        "T-3",
        json!({ "action": "delete", "user": second.user }),
    )
    .await;
    assert_eq!(deleted["operation"], "users.delete");
    assert!(
        !names(&company.owner.get("/v1/users").await.expect(200)).contains(&"oscar".to_owned())
    );
    let login =
        json!({ "login": "oscar@colleagues.example", "password": muster_tests::world::PASSWORD });
    assert_eq!(
        world
            .nobody()
            .post("/v1/sessions", login)
            .await
            .refused(401),
        "wrong_credentials"
    );
    for action in ["suspend", "reactivate"] {
        let action = json!({ "action": action, "user": second.user });
        assert_eq!(
            faulty(&world, &company, action).await,
            ["user: user_deleted"]
        );
    }
    let class = json!({ "action": "set_class", "user": second.user, "class": "limited" });
    assert_eq!(
        faulty(&world, &company, class).await,
        ["user: user_deleted"]
    );
    let restore = json!({ "action": "restore", "user": second.user });
    let restored = order(&world, &company, "T-4", restore).await;
    assert_eq!(restored["operation"], "users.restore");
    assert_eq!(
        company.owner.show(&second.user).await["status"],
        "not_invited"
    );
    let entries = audited(&company, "users.").await;
    let by_support = entries
        .iter()
        .filter(|entry| entry["actor"]["kind"] == "support");
    let operations: Vec<String> = by_support.map(|entry| text(&entry["operation"])).collect();
    assert_eq!(operations.len(), 4, "{operations:?}");
}

#[tokio::test]
async fn support_brings_a_user_back_into_its_account() {
    let world = World::start().await;
    let company = world.company("North").await;
    let wheels = world.open_account(&company.tenant, "Wheels", &[]);
    let form = json!({ "external_id": "D-1", "kind": "vehicle", "account": wheels });
    let truck = company.owner.add(form).await;
    for action in ["delete", "restore"] {
        let done = json!({ "action": action, "user": truck });
        let done = order(&world, &company, action, done).await;
        assert_eq!(done["operation"], format!("users.{action}"));
    }
    assert_eq!(company.owner.show(&truck).await["account"], json!(wheels));
}

#[tokio::test]
async fn support_has_an_owners_own_address_changed_and_both_addresses_are_told() {
    let world = World::start().await;
    let strict = json!({ "policy": { "email_change": "immutable" } });
    let company = world.company_with("North", strict).await;
    let owner = &company.owner;
    let _ = owner.add(json!({ "email": "taken@north.example" })).await;
    let action = |email: &str| json!({ "action": "set_email", "user": owner.user, "email": email });
    assert_eq!(
        faulty(&world, &company, action("taken@north.example")).await,
        ["email: email_taken"]
    );
    assert_eq!(
        faulty(&world, &company, action("no address")).await,
        ["email: invalid_email"]
    );
    let _ = order(&world, &company, "T-0", action("bos@new.example")).await;
    let mail = world.mails_to("bos@new.example").await;
    let misspelt = mail[0].links()[0].split_once("/email#").unwrap().1;
    let misspelt = json!({ "token": misspelt });
    let done = order(&world, &company, "T-1", action("boss@new.example")).await;
    assert_eq!(done["operation"], "users.email.start");
    let nobody = world.nobody();
    let check = nobody.post("/v1/email-changes/check", misspelt).await;
    assert_eq!(check.expect(200)["state"], "replaced");
    assert_eq!(
        owner.show(&owner.user).await["pending_email"],
        "boss@new.example"
    );
    let notice = world.mails_to(&company.owner_email).await;
    assert!(notice.last().unwrap().text.contains("boss@new.example"));
    let mail = world.mails_to("boss@new.example").await;
    let links = mail[0].links();
    let token = links[0].split_once("/email#").unwrap().1;
    let body = json!({ "token": token });
    let confirmed = world.nobody().post("/v1/email-changes/confirm", body).await;
    let _ = confirmed.expect(200);
    let owner = world.sign_in("boss@new.example").await;

    // Nobody has confirmed the address of who was only invited: it is set at once.
    let pending = owner
        .add(json!({ "email": "typo@north.example", "class": "owner", "invite": true }))
        .await;
    let old = world.link_token("typo@north.example").await;
    let action = json!({ "action": "set_email", "user": pending, "email": "right@north.example" });
    let done = order(&world, &company, "T-2", action).await;
    assert_eq!(done["operation"], "users.edit");
    assert_eq!(owner.show(&pending).await["email"], "right@north.example");
    let check = world
        .nobody()
        .post("/v1/activations/check", json!({ "token": old }))
        .await;
    assert_eq!(check.expect(200)["state"], "revoked");
}

#[tokio::test]
async fn support_changes_the_username_of_a_person_of_several_companies_in_all_of_them() {
    let world = World::start().await;
    let (north, south) = (world.company("North").await, world.company("South").await);
    let ada = north.owner.colleague("ada", "limited", &[]).await;
    let there = json!({ "email": "ada@colleagues.example", "invite": true });
    let there = south.owner.add(there).await;
    let token = world.link_token("ada@colleagues.example").await;
    let join = json!({ "token": token, "password": PASSWORD });
    let _ = world
        .nobody()
        .post("/v1/activations", join)
        .await
        .expect(200);
    let version = north.owner.show(&ada.user).await["version"]
        .as_u64()
        .unwrap();
    let path = format!("/v1/users/{}", ada.user);
    let shared = north
        .owner
        .patch(&path, version, json!({ "username": "ada.l" }))
        .await;
    assert_eq!(shared.refused(409), "person_shared");

    let action = |username: &str| json!({ "action": "set_username", "user": ada.user, "username": username });
    assert_eq!(
        faulty(&world, &north, action("bad name!")).await,
        ["username: invalid_username"]
    );
    let holder = text(&south.owner.show(&south.owner.user).await["username"]);
    assert_eq!(
        faulty(&world, &north, action(&holder)).await,
        ["username: username_taken"]
    );
    let done = order(&world, &north, "T-1", action("ada.l")).await;
    assert_eq!(done["operation"], "users.set_username");
    for (company, user) in [(&north, &ada.user), (&south, &there)] {
        assert_eq!(company.owner.show(user).await["username"], "ada.l");
        let told = world.audited(&company.tenant, "users.set_username");
        assert_eq!(told, [format!("support -> {user}")]);
    }
    let sign_in = async |login: &str| {
        let form = json!({ "login": login, "password": PASSWORD });
        world.nobody().post("/v1/sessions", form).await
    };
    assert_eq!(
        sign_in("ada.colleague").await.refused(401),
        "wrong_credentials"
    );
    let choice = sign_in("ada.l").await.expect(200);
    assert_eq!(choice["tenants"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_first_owner_whose_link_lapsed_is_invited_again() {
    let world = World::start().await;
    let provisioned = world
        .provision(json!({ "reference": "P-1", "name": "North", "owner": { "email": "olga@north.example" }, "products": [] }))
        .await;
    let company = Company {
        tenant: text(&provisioned["tenant"]),
        owner: world.nobody(),
        owner_email: "olga@north.example".to_owned(),
        products: Vec::new(),
    };
    let lapsed = world.link_token("olga@north.example").await;
    world.wait_hours(25).await;
    let again = json!({ "action": "invite_again", "user": provisioned["owner"] });
    let done = order(&world, &company, "T-1", again.clone()).await;
    assert_eq!(done["operation"], "invitations.resend");
    assert_eq!(order(&world, &company, "T-1", again.clone()).await, done);
    assert_eq!(world.mails_to("olga@north.example").await.len(), 2);
    let accept =
        json!({ "token": lapsed, "username": "olga", "password": muster_tests::world::PASSWORD });
    let old = world.nobody().post("/v1/activations", accept).await;
    assert_eq!(old.status, 410);
    let owner = world.activate("olga@north.example", "olga").await;
    let company = Company { owner, ..company };
    assert_eq!(
        faulty(&world, &company, again).await,
        ["user: already_active"]
    );
    let never = company
        .owner
        .add(json!({ "email": "ada@north.example" }))
        .await;
    let never = json!({ "action": "invite_again", "user": never });
    assert_eq!(faulty(&world, &company, never).await, ["user: not_invited"]);
    let vehicle = company.owner.add(json!({ "external_id": "Van" })).await;
    let vehicle = json!({ "action": "invite_again", "user": vehicle });
    assert_eq!(faulty(&world, &company, vehicle).await, ["user: no_email"]);
}

#[tokio::test]
async fn seats_are_set_never_below_what_is_in_use_and_products_added() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let mut users = Vec::new();
    for n in 0..3 {
        users.push(owner.add(json!({ "external_id": format!("D-{n}") })).await);
    }
    let product = &company.products[1];
    let assign = |product: &str| format!("/v1/products/{product}/assign");
    let _ = owner
        .post(&assign(product), json!({ "users": users[..2] }))
        .await
        .expect(200);
    let seats = |seats: u32| json!({ "action": "set_seats", "product": product, "seats": seats });
    assert_eq!(
        faulty(&world, &company, seats(1)).await,
        ["seats: seats_in_use"]
    );
    let done = order(&world, &company, "T-1", seats(2)).await;
    assert_eq!(
        done,
        json!({ "operation": "products.set_seats", "target": product })
    );
    let full = owner
        .post(&assign(product), json!({ "users": [users[2]] }))
        .await
        .expect(200);
    assert_eq!(full["outcomes"][0]["code"], "no_seats_left");
    let _ = order(&world, &company, "T-2", seats(3)).await;
    let room = owner
        .post(&assign(product), json!({ "users": [users[2]] }))
        .await
        .expect(200);
    assert_eq!(
        (&room["done"], &room["product"]["remaining"]),
        (&json!(1), &json!(0))
    );

    let links = json!([{ "label": "Google Play", "url": "https://play.example/third" }]);
    let third = json!({ "action": "add_product", "product": { "name": "Third", "seats": 7, "links": links } });
    let added = order(&world, &company, "T-3", third.clone()).await;
    assert_eq!(order(&world, &company, "T-3", third).await, added);
    let products = owner.get("/v1/products").await.expect(200);
    let products = products["products"].as_array().unwrap();
    assert_eq!(products.len(), 3);
    let third = products
        .iter()
        .find(|product| product["name"] == "Third")
        .unwrap();
    assert_eq!(
        (&third["id"], &third["remaining"]),
        (&added["target"], &json!(7))
    );
    let _ = owner
        .post(&assign(&text(&third["id"])), json!({ "users": users }))
        .await
        .expect(200);
    snapshot!(
        "support_audited_products",
        json!(audited(&company, "products.").await)
    );
}

#[tokio::test]
async fn limits_count_from_the_order_on() {
    let world = World::start().await;
    let company = world.company("North").await;
    let owner = &company.owner;
    let limits = |most: u32| json!({ "action": "set_limits", "invitations_per_day": most });
    let done = order(&world, &company, "T-1", limits(1)).await;
    assert_eq!(
        done,
        json!({ "operation": "tenants.set_limits", "target": company.tenant })
    );
    let one = owner.add(json!({ "email": "one@north.example" })).await;
    let two = owner.add(json!({ "email": "two@north.example" })).await;
    let users = json!({ "users": [one, two] });
    let invited = owner
        .post("/v1/invitations", users.clone())
        .await
        .expect(200);
    assert_eq!(
        invited["outcomes"][1]["code"], "no_invitations_left",
        "{invited}"
    );
    let _ = order(&world, &company, "T-2", limits(50)).await;
    let invited = owner.post("/v1/invitations", users).await.expect(200);
    assert_eq!(
        (&invited["done"], &invited["unchanged"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(audited(&company, "tenants.set_limits").await.len(), 2);
    assert_eq!(owner.get("/v1/tenant").await.expect(200)["version"], 3);
}

#[tokio::test]
async fn an_order_reaches_the_company_that_it_names_and_no_other() {
    let world = World::start().await;
    let (north, south) = (world.company("North").await, world.company("South").await);
    let suspend = json!({ "action": "suspend", "user": north.owner.user });
    assert_eq!(
        faulty(&world, &south, suspend).await,
        ["user: user_not_found"]
    );
    let seats = json!({ "action": "set_seats", "product": north.products[0], "seats": 1 });
    assert_eq!(
        faulty(&world, &south, seats).await,
        ["product: product_not_found"]
    );
    let unknown = Company {
        tenant: "tnt_0000000000000000".to_owned(),
        ..south
    };
    let limits = json!({ "action": "set_limits", "invitations_per_day": 5 });
    assert_eq!(
        faulty(&world, &unknown, limits.clone()).await,
        ["tenant: tenant_not_found"]
    );
    // No route leads to it.
    let nobody = world.nobody().post("/v1/support", limits.clone()).await;
    assert_eq!(nobody.status, 404);
}

#[tokio::test]
async fn support_has_a_door_of_its_own_in_the_local_stack() {
    let world = World::start().await;
    let company = world.company("North").await;
    let order = json!({ "operation": "support", "reference": "T-1", "tenant": company.tenant,
        "action": "set_seats", "product": company.products[0], "seats": 60 });
    let done = world
        .nobody()
        .post("/local/support", order.clone())
        .await
        .expect(200);
    assert_eq!(done["operation"], "products.set_seats");
    let mut other = order;
    other["seats"] = json!(61);
    let refused = world.nobody().post("/local/support", other).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.body["errors"][0]["code"], "reference_used");
}
