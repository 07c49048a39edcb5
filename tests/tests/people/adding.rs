//! `add-user`: one user, with licences and an invitation if asked for.

use jiff::SignedDuration;
use muster_shared::store::expression::{Change, Condition};
use muster_shared::store::keys;
use muster_shared::store::transaction::Transaction;
use muster_tests::world::{Company, World, text};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{letter, names, post_text, snapshot, table};

fn ada(company: &Company<'_>) -> Value {
    json!({
        "external_id": "D-1042",
        "email": "Ada@drivers.example",
        "first_name": " Ada ",
        "last_name": "Lovelace",
        "phone": "+49 (151) 1234-5678",
        "employee_number": "E-7",
        "class": "standard",
        "roles": ["auditor"],
        "products": [company.products[0]],
        "invite": true,
    })
}

async fn remaining(company: &Company<'_>) -> Value {
    let products = company.owner.get("/v1/products").await.expect(200);
    products["products"][0]["remaining"].clone()
}

#[tokio::test]
async fn an_owner_adds_a_person_with_licence_and_invitation() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let added = company.owner.post("/v1/users", ada(&company)).await;
    let id = text(&added.body["id"]);
    assert_eq!(added.headers["location"], format!("/v1/users/{id}"));
    snapshot!("added", added.expect(201));

    let mails = world.mails_to("ada@drivers.example").await;
    assert_eq!(mails.len(), 1);
    insta::assert_snapshot!("mail_with_licence_and_invitation", letter(&mails[0]));
    snapshot!("added_as_shown_later", company.owner.show(&id).await);
    let listed = company
        .owner
        .get("/v1/users?external_id=d-1042")
        .await
        .expect(200);
    assert_eq!(names(&listed), ["Ada Lovelace"]);
    assert_eq!(remaining(&company).await, 49);
}

#[tokio::test]
async fn a_vehicle_needs_no_more_than_its_number() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let form = json!({ "kind": "vehicle", "external_id": "TRUCK-17" });
    let added = company.owner.post("/v1/users", form).await.expect(201);
    snapshot!("vehicle_added", added);
    world.stack.settled().await;
    assert_eq!(
        world.stack.inbox().all().len(),
        1,
        "only the owner got a mail"
    );
}

#[tokio::test]
async fn who_may_not_add_users_is_told_so() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let form = json!({ "external_id": "D-1" });
    let without = world.nobody().post("/v1/users", form.clone()).await;
    assert_eq!(without.headers["www-authenticate"], "Bearer");
    assert_eq!(without.refused(401), "unauthenticated");
    for (name, class, roles) in [
        ("lim", "limited", &[][..]),
        ("std", "standard", &[]),
        ("aud", "standard", &["auditor"]),
        ("lic", "standard", &["licence_manager"]),
    ] {
        let colleague = company.owner.colleague(name, class, roles).await;
        let answer = colleague.post("/v1/users", form.clone()).await;
        assert_eq!(answer.refused(403), "forbidden", "{name}");
        // Whoever may not is told nothing of the form's faults either.
        assert_eq!(
            colleague
                .post("/v1/users", json!({ "x": 1 }))
                .await
                .refused(403),
            "forbidden"
        );
    }
    let found = company
        .owner
        .get("/v1/users?external_id=D-1")
        .await
        .expect(200);
    assert_eq!(names(&found), [""; 0]);
}

#[tokio::test]
async fn a_user_manager_gives_no_more_than_it_has() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let manager = company
        .owner
        .colleague("mona", "standard", &["user_manager"])
        .await;
    let owner = manager
        .post(
            "/v1/users",
            json!({ "external_id": "D-1", "class": "owner" }),
        )
        .await;
    snapshot!("owner_by_a_user_manager", owner.body);
    assert_eq!(owner.refused(403), "beyond_your_rights");
    for role in ["licence_manager", "account_manager", "auditor"] {
        let form =
            json!({ "external_id": "D-1", "class": "standard", "roles": ["user_manager", role] });
        assert_eq!(
            manager.post("/v1/users", form).await.refused(403),
            "beyond_your_rights",
            "{role}"
        );
    }
    let licence = json!({ "external_id": "D-1", "products": [company.products[0]] });
    assert_eq!(
        manager.post("/v1/users", licence).await.refused(403),
        "forbidden"
    );
    assert_eq!(remaining(&company).await, 50);

    let peer = json!({ "external_id": "D-1", "class": "standard", "roles": ["user_manager"] });
    let peer = manager.add(peer).await;
    assert_eq!(
        company.owner.show(&peer).await["roles"],
        json!(["user_manager"])
    );
    let second = json!({ "email": "second@acme.example", "class": "owner", "invite": true });
    let second = company.owner.add(second).await;
    assert_eq!(manager.show(&second).await["class"], "owner");
}

#[tokio::test]
async fn what_is_taken_is_named_field_by_field_and_nothing_is_kept_of_the_rest() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let _ = company.owner.add(ada(&company)).await;
    let both = json!({
        "email": "ADA@drivers.example", "external_id": "ｄ-1042", "first_name": "Other", "products": [company.products[0]],
    });
    let refused = company.owner.post("/v1/users", both).await;
    snapshot!("email_and_external_id_taken", refused.body);
    assert_eq!(refused.refused(409), "email_taken");
    assert_eq!(remaining(&company).await, 49);
    let external_id = json!({ "email": "free@drivers.example", "external_id": "d-1042" });
    assert_eq!(
        company
            .owner
            .post("/v1/users", external_id)
            .await
            .refused(409),
        "external_id_taken"
    );
    // The address that stood in the refused form is still free.
    let _ = company
        .owner
        .add(json!({ "email": "free@drivers.example" }))
        .await;
    let listed = company.owner.get("/v1/users?name=Other").await.expect(200);
    assert_eq!(names(&listed), [""; 0]);
}

#[tokio::test]
async fn uniqueness_does_not_depend_on_how_something_is_typed() {
    let world = World::start().await;
    let (acme, other) = (world.company("Acme").await, world.company("Other").await);
    for (field, first, again) in [
        ("email", "Ada@Example.com", "aDA@EXAMPLE.COM"),
        ("email", "jörg@müller.example", "JÖRG@xn--mller-kva.example"),
        ("external_id", "Zoe\u{308}", "ZO\u{cb}"),
        ("external_id", "Straße 7", "STRASSE 7"),
        ("external_id", "Ａ１", " a1 "),
        ("external_id", "ﬁeld", "FIELD"),
    ] {
        let _ = acme.owner.add(json!({ field: first })).await;
        let taken = acme.owner.post("/v1/users", json!({ field: again })).await;
        assert_eq!(taken.refused(409), format!("{field}_taken"), "{again}");
        // In another company it is free.
        let id = other.owner.add(json!({ field: again })).await;
        assert_eq!(other.owner.show(&id).await[field], again.trim());
    }
}

#[tokio::test]
async fn licences_need_a_product_of_the_company_with_a_seat_left() {
    let world = World::start().await;
    let one =
        json!({ "products": [{ "name": "Rare", "seats": 1 }, { "name": "Common", "seats": 5 }] });
    let company = world.company_with("Acme", one).await;
    let other = world.company("Other").await;
    let form = |id: &str, products: &[&String]| json!({ "external_id": id, "products": products });
    let [rare, common] = [&company.products[0], &company.products[1]];
    let foreign = company
        .owner
        .post("/v1/users", form("D-1", &[&other.products[0]]))
        .await;
    assert_eq!(foreign.refused(404), "product_not_found");
    let _ = company.owner.add(form("D-1", &[rare, rare])).await;
    let full = company
        .owner
        .post("/v1/users", form("D-2", &[rare, common]))
        .await;
    snapshot!("no_seats_left", full.body);
    assert_eq!(full.refused(409), "no_seats_left");
    let products = company.owner.get("/v1/products").await.expect(200);
    let remaining = |name: &str| {
        let products = products["products"].as_array().unwrap();
        products
            .iter()
            .find(|product| product["name"] == name)
            .unwrap()["remaining"]
            .clone()
    };
    assert_eq!(
        (remaining("Rare"), remaining("Common")),
        (json!(0), json!(5))
    );
}

#[tokio::test]
async fn an_invitation_needs_an_address() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let form = json!({ "external_id": "D-1", "invite": true });
    let refused = company.owner.post("/v1/users", form).await;
    snapshot!("invitation_without_address", refused.body);
    assert_eq!(refused.refused(409), "no_email");
    let _ = company.owner.add(json!({ "external_id": "D-1" })).await;
}

#[tokio::test]
async fn every_faulty_field_is_named_at_once() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let faulty = json!({
        "kind": "boat",
        "external_id": "x".repeat(101),
        "email": "ada@localhost",
        "first_name": "Ada\r\nBcc: all@example.com",
        "last_name": "\u{202e}ecalevoL",
        "phone": "0151 12345678",
        "employee_number": "e".repeat(51),
        "class": "king",
        "roles": ["auditor", "hangman"],
        "products": ["MileOn", company.products[0]],
    });
    let answer = company.owner.post("/v1/users", faulty).await;
    snapshot!("faulty_user", answer.body);
    assert_eq!(remaining(&company).await, 50);
    for (form, faults) in [
        (json!({}), vec!["external_id: required"]),
        (
            json!({ "first_name": "Ada" }),
            vec!["external_id: required"],
        ),
        (
            json!({ "external_id": " ", "email": "" }),
            vec!["external_id: required"],
        ),
        (json!({ "email": "ada" }), vec!["email: invalid_email"]),
        (
            json!({ "external_id": "\u{1}" }),
            vec!["external_id: control_character"],
        ),
        (
            json!({ "external_id": "D-1", "class": "limited", "roles": ["auditor"] }),
            vec!["roles: class_without_roles"],
        ),
        (
            json!({ "external_id": "D-1", "class": "owner", "roles": ["auditor"] }),
            vec!["roles: class_without_roles"],
        ),
    ] {
        assert_eq!(
            company.owner.post("/v1/users", form.clone()).await.faults(),
            faults,
            "{form}"
        );
    }
}

#[tokio::test]
async fn a_form_of_another_shape_names_the_field() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    for (field, value) in [
        ("first_name", json!(7)),
        ("external_id", json!(1042)),
        ("roles", json!("auditor")),
        ("roles[0]", json!([7])),
        ("products", json!({ "MileOn": 1 })),
        ("invite", json!("yes")),
        ("colour", json!("red")),
        ("status", json!("active")),
        ("tenant", json!("tnt_0000000000000000")),
    ] {
        let mut form = json!({ "external_id": "D-1" });
        form[field.trim_end_matches("[0]")] = value;
        let answer = company.owner.post("/v1/users", form.clone()).await;
        assert_eq!(
            answer.faults(),
            [format!("{field}: invalid_value")],
            "{form}"
        );
    }
    for body in [
        "",
        "{",
        "[]",
        "7",
        "null",
        "{\"external_id\":\"D-1\"}{}",
        "external_id=D-1",
    ] {
        let answer = post_text(&company.owner, "/v1/users", body).await;
        assert_eq!(answer.refused(400), "malformed_request", "{body}");
    }
    let large = json!({ "external_id": "D-1", "first_name": "x".repeat(1024 * 1024) });
    assert_eq!(
        company.owner.post("/v1/users", large).await.refused(413),
        "too_large"
    );
    let found = company
        .owner
        .get("/v1/users?external_id=D-1")
        .await
        .expect(200);
    assert_eq!(names(&found), [""; 0]);
}

#[tokio::test]
async fn the_companys_policy_says_what_a_user_needs() {
    let world = World::start().await;
    let policy = json!({
        "phone": "nanp10",
        "required_fields": ["email", "last_name", "phone", "employee_number"],
        "invite_on_create": "automatic",
    });
    let company = world
        .company_with("Acme", json!({ "policy": policy }))
        .await;
    let owner = &company.owner;
    for (form, faults) in [
        (
            json!({ "external_id": "D-1" }),
            vec![
                "email: required",
                "last_name: required",
                "phone: required",
                "employee_number: required",
            ],
        ),
        (
            json!({ "email": " ", "last_name": "", "phone": "", "employee_number": "" }),
            vec![
                "email: required",
                "last_name: required",
                "phone: required",
                "employee_number: required",
            ],
        ),
        (
            json!({ "email": "ada", "last_name": "\n.\n.", "phone": "+4915112345678", "employee_number": "e".repeat(51) }),
            vec![
                "email: invalid_email",
                "last_name: control_character",
                "phone: invalid_phone",
                "employee_number: too_long",
            ],
        ),
    ] {
        assert_eq!(
            owner.post("/v1/users", form.clone()).await.faults(),
            faults,
            "{form}"
        );
    }
    let form = |email: &str| json!({ "email": email, "last_name": "L", "phone": "(609) 683-0220", "employee_number": "1" });
    let ada = owner.add(form("ada@drivers.example")).await;
    let shown = owner.show(&ada).await;
    assert_eq!(
        (&shown["phone"], &shown["status"]),
        (&json!("6096830220"), &json!("activation_pending"))
    );
    assert_eq!(world.mails_to("ada@drivers.example").await.len(), 1);
    let mut quiet = form("grace@drivers.example");
    quiet["invite"] = json!(false);
    let grace = owner.add(quiet).await;
    assert_eq!(owner.show(&grace).await["status"], "not_invited");
    assert!(world.mails_to("grace@drivers.example").await.is_empty());
}

#[tokio::test]
async fn markup_in_a_name_arrives_as_text() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let form = json!({
        "email": "ada@drivers.example", "first_name": "<img src=x onerror=alert(1)>", "last_name": "{{ link }} & Co", "invite": true,
    });
    let id = company.owner.add(form).await;
    assert_eq!(
        company.owner.show(&id).await["first_name"],
        "<img src=x onerror=alert(1)>"
    );
    let mails = world.mails_to("ada@drivers.example").await;
    assert!(
        !mails[0].html.contains("<img") && mails[0].html.contains("&lt;img"),
        "{}",
        mails[0].html
    );
    assert!(!mails[0].subject.contains("img"));
}

#[tokio::test]
async fn mails_come_in_the_language_of_the_recipient_and_else_of_the_company() {
    let world = World::start().await;
    let company = world
        .company_with("Acme", json!({ "locale": "de-AT" }))
        .await;
    for (name, locale) in [("ada", "fr-CA"), ("grace", "ja"), ("hedy", "")] {
        let mut form = json!({ "email": format!("{name}@drivers.example"), "invite": true });
        if !locale.is_empty() {
            form["locale"] = json!(locale);
        }
        company.owner.add(form).await;
    }
    for (address, subject, until) in [
        (
            company.owner_email.as_str(),
            "Willkommen bei Muster: Richten Sie Acme ein",
            "bis Dienstag, 3. März 2026, 08:00 Uhr UTC (in 24 Stunden)",
        ),
        (
            "ada@drivers.example",
            "Acme vous invite : créez votre compte",
            "jusqu’au mardi 3 mars 2026 à 08:00 UTC (dans 24 heures)",
        ),
        (
            "grace@drivers.example",
            "Acme lädt Sie ein: Konto einrichten",
            "bis Dienstag, 3. März 2026, 08:00 Uhr UTC (in 24 Stunden)",
        ),
        (
            "hedy@drivers.example",
            "Acme lädt Sie ein: Konto einrichten",
            "bis Dienstag, 3. März 2026, 08:00 Uhr UTC (in 24 Stunden)",
        ),
    ] {
        let mails = world.mails_to(address).await;
        assert_eq!(mails[0].subject, subject);
        let words = mails[0].text.replace('\n', " ");
        assert!(words.contains(until), "{words}");
    }
}

#[tokio::test]
async fn the_same_request_again_gets_the_same_answer_and_adds_nobody() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let (owner, form) = (&company.owner, ada(&company));
    let first = owner
        .post_once("/v1/users", "k1", form.clone())
        .await
        .expect(201);
    let again = owner.post_once("/v1/users", "k1", form.clone()).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.expect(201), first);
    assert_eq!(remaining(&company).await, 49);
    assert_eq!(world.mails_to("ada@drivers.example").await.len(), 1);

    let other = json!({ "external_id": "D-2" });
    let reused = owner.post_once("/v1/users", "k1", other.clone()).await;
    snapshot!("idempotency_key_reused", reused.body);
    assert_eq!(reused.refused(422), "idempotency_key_reused");
    let elsewhere = json!({ "users": [first["id"]] });
    assert_eq!(
        owner
            .post_once("/v1/invitations", "k1", elsewhere)
            .await
            .refused(422),
        "idempotency_key_reused"
    );
    assert_eq!(
        owner
            .post_once("/v1/users", "k2", form.clone())
            .await
            .refused(409),
        "email_taken"
    );

    // A key is its user's own, and what came to nothing leaves it free.
    let manager = company
        .owner
        .colleague("mona", "standard", &["user_manager"])
        .await;
    let _ = manager
        .post_once("/v1/users", "k1", other)
        .await
        .expect(201);
    let _ = owner
        .post_once("/v1/users", "k2", json!({ "external_id": "D-3" }))
        .await
        .expect(201);

    for wrong in ["", &"k".repeat(256)] {
        let request = owner
            .request(Method::POST, "/v1/users")
            .header("Idempotency-Key", wrong)
            .json(&form);
        assert_eq!(
            owner.send(request).await.faults(),
            ["Idempotency-Key: invalid_value"]
        );
    }
    // After a day the key is forgotten.
    world.wait_hours(24).await;
    let owner = world.sign_in(&company.owner_email).await;
    let _ = owner
        .post_once("/v1/users", "k1", json!({ "external_id": "D-4" }))
        .await
        .expect(201);
}

#[tokio::test]
async fn a_retry_waits_for_the_first_request_and_takes_over_from_one_that_died() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let form = json!({ "email": "ada@drivers.example", "products": [company.products[0]], "invite": true });
    let add = || owner.post_once("/v1/users", "k1", form.clone());
    let first = add().await.expect(201);
    // Its function died, or still runs: the work is done, the answer is not kept.
    let answer = keys::idempotency(&format!("{}#{}", company.tenant, owner.user), "k1");
    let lost = Change::new().remove("status").remove("body");
    let mut transaction = Transaction::new(table(&world));
    transaction.update(&answer, lost, Condition::exists().has("body"), ());
    transaction.commit().await.unwrap().unwrap();

    let waits = add().await;
    assert_eq!(waits.headers["retry-after"], "2");
    snapshot!("request_in_progress", waits.body);
    assert_eq!(waits.refused(409), "request_in_progress");
    world.wait(SignedDuration::from_secs(39)).await;
    assert_eq!(add().await.refused(409), "request_in_progress");
    world.wait(SignedDuration::from_secs(1)).await;
    let again = add().await.expect(201);
    assert_eq!(again["id"], first["id"]);
    assert_eq!(again["licences"], first["licences"]);
    assert_eq!(add().await.expect(201), again);
    assert_eq!(remaining(&company).await, 49);
    assert_eq!(world.mails_to("ada@drivers.example").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_add_one_address_at_once_one_wins() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let add = |n: u32| {
        let form = json!({ "email": "ada@drivers.example", "external_id": format!("D-{n}"), "products": [company.products[0]] });
        async { company.owner.post("/v1/users", form).await }
    };
    let (a, b, c, d) = tokio::join!(add(1), add(2), add(3), add(4));
    let (won, lost): (Vec<_>, Vec<_>) = [a, b, c, d]
        .into_iter()
        .partition(|answer| answer.status == 201);
    assert_eq!(won.len(), 1);
    for answer in lost {
        assert_eq!(answer.refused(409), "email_taken");
    }
    let listed = company.owner.get("/v1/users?email=ada@").await.expect(200);
    assert_eq!(listed["users"][0]["id"], won[0].body["id"]);
    assert_eq!(listed["users"].as_array().unwrap().len(), 1);
    let by_id = company
        .owner
        .get("/v1/users?external_id=D-")
        .await
        .expect(200);
    assert_eq!(by_id["users"].as_array().unwrap().len(), 1);
    assert_eq!(remaining(&company).await, 49);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_want_the_last_seat_at_once_one_gets_it() {
    let world = World::start().await;
    let company = world
        .company_with(
            "Acme",
            json!({ "products": [{ "name": "Rare", "seats": 1 }] }),
        )
        .await;
    let add = |n: u32| {
        let form = json!({ "external_id": format!("D-{n}"), "products": [company.products[0]] });
        async { company.owner.post("/v1/users", form).await }
    };
    let (a, b, c, d) = tokio::join!(add(1), add(2), add(3), add(4));
    let (won, lost): (Vec<_>, Vec<_>) = [a, b, c, d]
        .into_iter()
        .partition(|answer| answer.status == 201);
    assert_eq!(won.len(), 1);
    for answer in lost {
        assert_eq!(answer.refused(409), "no_seats_left");
    }
    assert_eq!(remaining(&company).await, 0);
    let listed = company
        .owner
        .get("/v1/users?external_id=D-")
        .await
        .expect(200);
    assert_eq!(listed["users"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_twice_at_once_adds_one_user() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let form = ada(&company);
    let add = || company.owner.post_once("/v1/users", "k1", form.clone());
    let (a, b, c, d) = tokio::join!(add(), add(), add(), add());
    let mut added = Vec::new();
    for answer in [a, b, c, d] {
        match answer.status {
            201 => added.push(answer.body),
            _ => assert_eq!(answer.refused(409), "request_in_progress"),
        }
    }
    assert!(!added.is_empty());
    assert!(added.iter().all(|body| *body == added[0]));
    assert_eq!(remaining(&company).await, 49);
    assert_eq!(world.mails_to("ada@drivers.example").await.len(), 1);
}
