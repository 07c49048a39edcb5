//! `list-users`: lists in pages, filters and searches; one user; the caller.

use std::collections::BTreeSet;

use muster_shared::domain::id::TenantId;
use muster_tests::world::{Actor, Company, World, text};
use serde_json::{Value, json};

use crate::{change_user, encoded, names, snapshot};

/// A page of the list.
async fn page(actor: &Actor<'_>, query: &str) -> Value {
    actor.get(&format!("/v1/users?{query}")).await.expect(200)
}

/// The names of all pages of a list, none of whom is there twice, and how many are on each.
async fn walk(actor: &Actor<'_>, query: &str) -> (Vec<String>, Vec<usize>) {
    let (mut all, mut sizes, mut cursor) = (Vec::new(), Vec::new(), String::new());
    let mut seen = BTreeSet::new();
    loop {
        let page = page(actor, &format!("{query}{cursor}")).await;
        for user in page["users"].as_array().unwrap() {
            assert!(seen.insert(text(&user["id"])), "{query}: {user}");
        }
        sizes.push(names(&page).len());
        all.extend(names(&page));
        match &page["next"] {
            Value::Null => return (all, sizes),
            next => cursor = format!("&cursor={}", text(next)),
        }
        assert!(sizes.len() < 1_000, "the list has no end");
    }
}

/// The name of the `n`th of so many: in no particular order, and each is shared by two.
fn driver(n: usize, count: usize) -> String {
    format!("Driver {:03}", (n * 37) % count / 2)
}

/// Imports so many users; their names in order.
async fn fill(company: &Company<'_>, count: usize) -> Vec<String> {
    let name = |n: usize| driver(n, count);
    let rows = (0..count).map(|n| format!("F-{n},{},driver{n}@drivers.example\n", name(n)));
    let file = format!("External ID,First Name,Email\n{}", rows.collect::<String>());
    let import = company.owner.upload_import(file).await;
    let done = company.owner.commit_import(&import).await;
    assert_eq!(done["state"], "done", "{done}");
    let mut names: Vec<String> = (0..count).map(name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_list_in_pages_shows_every_user_once_in_name_order_however_it_is_stored() {
    let world = World::start().await;
    let small = world.company("Small").await;
    let large = world.company_with("Large", json!({ "shards": 8 })).await;
    assert_eq!(TenantId::parse(&large.tenant).unwrap().shards(), 8);
    let mut expected = fill(&small, 129).await;
    assert_eq!(fill(&large, 129).await, expected);
    expected.push("Olivia Owner".to_owned());

    for company in [&small, &large] {
        let (all, sizes) = walk(&company.owner, "limit=50").await;
        assert_eq!(all, expected);
        assert_eq!(sizes, [50, 50, 30]);
        let (by_default, sizes) = walk(&company.owner, "").await;
        assert_eq!((by_default, sizes[0]), (expected.clone(), 50));
        let (at_most, sizes) = walk(&company.owner, "limit=200").await;
        assert_eq!((at_most, sizes[0]), (expected.clone(), 130));
        let (by_one, _) = walk(&company.owner, "limit=1&name=driver%2001").await;
        assert_eq!(by_one, expected[20..40]);
        // Filtered pages may be short, but nothing is lost or doubled between them.
        let (filtered, _) = walk(&company.owner, "limit=7&status=not_invited").await;
        assert_eq!(filtered, expected[..129]);
        // In the order of addresses and external IDs, which is neither that of names nor that of the file.
        for (search, end) in [("email=driver", "@"), ("external_id=f-", "")] {
            let mut drivers: Vec<usize> = (0..129).collect();
            drivers.sort_by_key(|n| format!("{n}{end}"));
            let drivers: Vec<String> = drivers.into_iter().map(|n| driver(n, 129)).collect();
            for (limit, filter) in [(50, ""), (7, ""), (7, "&status=not_invited")] {
                let query = format!("limit={limit}&{search}{filter}");
                let (found, _) = walk(&company.owner, &query).await;
                assert_eq!(found, drivers, "{query}");
            }
        }
    }

    // A cursor of one company shows nothing of it in another, and a made-up one does no harm.
    let cursor = text(&page(&small.owner, "limit=50").await["next"]);
    let elsewhere = page(&large.owner, &format!("limit=200&cursor={cursor}")).await;
    let ids: Vec<String> = elsewhere["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| text(&user["id"]))
        .collect();
    for id in ids {
        assert_eq!(
            small
                .owner
                .get(&format!("/v1/users/{id}"))
                .await
                .refused(404),
            "not_found"
        );
    }
    let made_up = |text: &str| data_encoding::BASE64URL_NOPAD.encode(text.as_bytes());
    let (before, beyond) = (made_up("!"), made_up("\u{10ffff}"));
    for cursor in [&cursor, &before, &beyond] {
        for (search, prefix) in [
            ("name=olivia", "Olivia"),
            ("name=zzz", "zzz"),
            ("email=driver12", "Driver"),
            ("external_id=f-12", "Driver"),
        ] {
            let found = page(&small.owner, &format!("{search}&limit=200&cursor={cursor}")).await;
            let found = names(&found);
            assert!(
                found.len() <= 11 && found.iter().all(|name| name.starts_with(prefix)),
                "{search} {found:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_list_shows_its_users_as_they_stand() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let _ = company.owner.add(json!({ "kind": "vehicle", "external_id": "TRUCK-17", "products": [company.products[1]] })).await;
    let _ = company
        .owner
        .add(json!({ "email": "ada@drivers.example", "invite": true }))
        .await;
    world.stack.settled().await;
    snapshot!("list", page(&company.owner, "").await);
}

#[tokio::test]
async fn filters_narrow_a_list() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let [truck_app, miles] = [&company.products[0], &company.products[1]];
    let person = |name: &str, invite: bool| json!({ "first_name": name, "email": format!("{name}@drivers.example"), "invite": invite });
    let _ = owner.add(person("Added", false)).await;
    let _ = owner.add(person("Lapsed", true)).await;
    world.stack.settled().await;
    world.wait_hours(24).await;
    let owner = world.sign_in(&company.owner_email).await;
    let _ = owner.add(person("Pending", true)).await;
    let _ = owner
        .add(json!({ "kind": "vehicle", "external_id": "Truck", "products": [truck_app] }))
        .await;
    let _ = owner
        .add(json!({ "kind": "device", "external_id": "Tablet", "products": [truck_app, miles] }))
        .await;
    for name in ["Barred", "Deleted"] {
        let id = owner.add(person(name, false)).await;
        change_user(&world, &company, &id, |user| {
            let at = Some(user.created_at);
            if name == "Barred" {
                user.suspended_at = at;
            } else {
                user.deleted_at = at;
            }
        })
        .await;
    }
    world.stack.settled().await;
    for (query, expected) in [
        (
            String::new(),
            &[
                "Added",
                "Barred",
                "Lapsed",
                "Olivia Owner",
                "Pending",
                "Tablet",
                "Truck",
            ][..],
        ),
        (
            "status=not_invited".to_owned(),
            &["Added", "Tablet", "Truck"],
        ),
        ("status=activation_pending".to_owned(), &["Pending"]),
        ("status=invitation_expired".to_owned(), &["Lapsed"]),
        ("status=active".to_owned(), &["Olivia Owner"]),
        ("status=suspended".to_owned(), &["Barred"]),
        (
            "kind=person".to_owned(),
            &["Added", "Barred", "Lapsed", "Olivia Owner", "Pending"],
        ),
        ("kind=vehicle".to_owned(), &["Truck"]),
        ("kind=device".to_owned(), &["Tablet"]),
        (format!("product={truck_app}"), &["Tablet", "Truck"]),
        (format!("product={miles}"), &["Tablet"]),
        ("product=prd_0000000000000000".to_owned(), &[]),
        (
            "invitation=sent".to_owned(),
            &["Lapsed", "Olivia Owner", "Pending"],
        ),
        ("invitation=bounced".to_owned(), &[]),
        (
            "invitation=sent&status=activation_pending".to_owned(),
            &["Pending"],
        ),
        (
            format!("kind=device&product={truck_app}&name=t"),
            &["Tablet"],
        ),
        ("email=p&status=activation_pending".to_owned(), &["Pending"]),
        ("external_id=t&kind=vehicle".to_owned(), &["Truck"]),
        ("kind=&status=&name=tr".to_owned(), &["Truck"]),
    ] {
        assert_eq!(names(&page(&owner, &query).await), expected, "{query}");
    }
}

#[tokio::test]
async fn filters_by_what_users_hold_and_belong_to_narrow_a_list_with_search_and_shards() {
    let world = World::start().await;
    for shards in [1, 4] {
        let name = format!("Acme {shards}");
        let company = world.company_with(&name, json!({ "shards": shards })).await;
        let (owner, tenant) = (&company.owner, company.tenant.as_str());
        let clerk = world.define_role(tenant, "Clerk", &["users.write"]);
        let (north, south) = (
            world.make_fleet(tenant, "North"),
            world.make_fleet(tenant, "South"),
        );
        let client = world.open_account(tenant, "Client", &[]);
        let depot = world.open_account(tenant, "Depot", &[&client]);
        let [truck, miles] = [&company.products[0], &company.products[1]];
        for form in [
            json!({ "external_id": "Ann", "class": "standard", "roles": [clerk, "auditor"], "groups": [north] }),
            json!({ "external_id": "Bob", "class": "standard", "roles": ["auditor"], "groups": [north, south], "products": [truck] }),
            json!({ "external_id": "Cem", "roles": ["driver"], "account": client, "products": [truck, miles] }),
            json!({ "external_id": "Dan", "roles": ["driver"], "account": depot, "groups": [south] }),
        ] {
            let _ = owner.add(form).await;
        }
        let code = text(
            &owner.get("/v1/users?external_id=cem").await.expect(200)["users"][0]["licences"][0]["code"],
        );
        let redeem = json!({ "code": code, "device": "tablet" });
        let _ = world
            .nobody()
            .post("/v1/licences/activate", redeem)
            .await
            .expect(200);
        for (query, expected) in [
            ("class=owner".to_owned(), &["Olivia Owner"][..]),
            ("class=standard".to_owned(), &["Ann", "Bob"]),
            ("class=limited&name=d".to_owned(), &["Dan"]),
            ("role=auditor".to_owned(), &["Ann", "Bob"]),
            (format!("role={clerk}"), &["Ann"]),
            ("role=user_manager".to_owned(), &[]),
            ("role=rol_0000000000000000".to_owned(), &[]),
            (format!("group={north}"), &["Ann", "Bob"]),
            (format!("group={south}&role=auditor"), &["Bob"]),
            (format!("group={south}&external_id=d"), &["Dan"]),
            (format!("account={client}"), &["Cem", "Dan"]),
            (format!("account={depot}"), &["Dan"]),
            (format!("account={client}&class=standard"), &[]),
            (
                "licence=unassigned".to_owned(),
                &["Ann", "Dan", "Olivia Owner"],
            ),
            ("licence=assigned".to_owned(), &["Bob"]),
            ("licence=activated".to_owned(), &["Cem"]),
            (
                format!("product={miles}&licence=unassigned&class=standard"),
                &["Ann", "Bob"],
            ),
            (
                format!("product={truck}&licence=assigned&group={north}"),
                &["Bob"],
            ),
            (
                "class=&role=&group=&account=&licence=&name=ann".to_owned(),
                &["Ann"],
            ),
        ] {
            let (names, _) = walk(owner, &format!("limit=2&{query}")).await;
            assert_eq!(names, expected, "{query} over {shards} shards");
        }
    }
}

#[tokio::test]
async fn deleted_users_are_listed_when_asked_for() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let id = company.owner.add(json!({ "external_id": "Gone" })).await;
    change_user(&world, &company, &id, |user| {
        user.deleted_at = Some(user.created_at);
    })
    .await;
    assert_eq!(names(&page(&company.owner, "").await), ["Olivia Owner"]);
    assert_eq!(
        names(&page(&company.owner, "status=deleted").await),
        ["Gone"]
    );
}

#[tokio::test]
async fn a_search_finds_what_begins_so_however_it_is_typed() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    for form in [
        json!({ "first_name": "Ada", "last_name": "Lovelace", "email": "Ada.L@Drivers.example", "external_id": "1042" }),
        json!({ "first_name": "Adam", "email": "adam@drivers.example", "external_id": "00010" }),
        json!({ "first_name": "Straße", "email": "jörg@müller.example", "external_id": "Ä-1/2 %#&" }),
        json!({ "first_name": "true", "email": "1042@drivers.example", "external_id": "null" }),
    ] {
        let _ = owner.add(form).await;
    }
    for (field, text, expected) in [
        ("name", "ADA", &["Ada Lovelace", "Adam"][..]),
        ("name", "ada l", &["Ada Lovelace"]),
        ("name", "ada  l", &[]),
        ("name", "lovelace", &[]),
        ("name", "strasse", &["Straße"]),
        ("name", "ＡＤＡＭ", &["Adam"]),
        ("name", "TRUE", &["true"]),
        ("name", "#", &[]),
        ("email", "ada", &["Ada Lovelace", "Adam"]),
        ("email", "ADA.L@DRIVERS", &["Ada Lovelace"]),
        ("email", "jörg@müller.example", &["Straße"]),
        ("email", "1042", &["true"]),
        ("external_id", "1042", &["Ada Lovelace"]),
        ("external_id", "10", &["Ada Lovelace"]),
        ("external_id", "000", &["Adam"]),
        ("external_id", "ä-1/2 %#&", &["Straße"]),
        ("external_id", "NULL", &["true"]),
        ("external_id", "%", &[]),
    ] {
        let found = page(owner, &format!("{field}={}", encoded(text))).await;
        assert_eq!(names(&found), expected, "{field}={text}");
    }
}

#[tokio::test]
async fn a_search_by_address_finds_internationalised_domains_from_their_beginning() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let _ = company
        .owner
        .add(json!({ "first_name": "Jörg", "email": "jörg@müller.example" }))
        .await;
    for prefix in ["jörg@", "JÖRG@müller.example"] {
        let found = page(&company.owner, &format!("email={}", encoded(prefix))).await;
        assert_eq!(names(&found), ["Jörg"], "{prefix}");
    }
}

#[tokio::test]
async fn a_faulty_parameter_is_named() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    for (query, faults) in [
        ("limit=0", &["limit: out_of_range"][..]),
        ("limit=201", &["limit: out_of_range"]),
        ("limit=many", &["limit: invalid_value"]),
        ("limit=-1", &["limit: invalid_value"]),
        ("status=gone", &["status: invalid_value"]),
        ("kind=boat", &["kind: invalid_value"]),
        ("invitation=lost", &["invitation: invalid_value"]),
        ("product=MileOn", &["product: invalid_id"]),
        ("class=boss", &["class: invalid_value"]),
        ("licence=lost", &["licence: invalid_value"]),
        (
            "role=boss&group=North&account=Acme",
            &[
                "role: unknown_role",
                "group: invalid_id",
                "account: invalid_id",
            ],
        ),
        ("cursor=%20", &[]),
        ("cursor=!!!", &["cursor: invalid_cursor"]),
        ("email=a&external_id=b", &["name: too_many"]),
        ("name=a&email=b", &["name: too_many"]),
        (
            "product=MileOn&limit=0&cursor=!",
            &[
                "product: invalid_id",
                "cursor: invalid_cursor",
                "limit: out_of_range",
            ],
        ),
        ("colour=red", &["colour: invalid_value"]),
        ("tenant=tnt_0000000000000000", &["tenant: invalid_value"]),
    ] {
        let answer = company.owner.get(&format!("/v1/users?{query}")).await;
        if faults.is_empty() {
            assert_eq!(answer.status, 200, "{query}");
        } else {
            assert_eq!(answer.faults(), faults, "{query}");
        }
    }
}

#[tokio::test]
async fn nobody_sees_anything_without_signing_in_or_of_another_company() {
    let world = World::start().await;
    let (acme, other) = (world.company("Acme").await, world.company("Other").await);
    let id = acme.owner.add(json!({ "external_id": "D-1" })).await;
    for path in ["/v1/users", "/v1/me", &format!("/v1/users/{id}")] {
        assert_eq!(
            world.nobody().get(path).await.refused(401),
            "unauthenticated",
            "{path}"
        );
    }
    for foreign in [
        id.as_str(),
        "usr_0000000000000000",
        "nonsense",
        "..%2f..",
        &id.to_uppercase(),
        &acme.tenant,
    ] {
        let answer = other.owner.get(&format!("/v1/users/{foreign}")).await;
        assert_eq!(answer.refused(404), "not_found", "{foreign}");
    }
    assert_eq!(names(&page(&other.owner, "").await), ["Olivia Owner"]);
    assert_eq!(names(&page(&other.owner, "external_id=D-1").await), [""; 0]);
}

#[tokio::test]
async fn one_user_is_shown_with_its_version() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let id = company.owner.add(json!({ "external_id": "D-1" })).await;
    let shown = company.owner.get(&format!("/v1/users/{id}")).await;
    assert_eq!(shown.headers["etag"], "\"1\"");
    let _ = company
        .owner
        .post(
            &format!("/v1/products/{}/assign", company.products[0]),
            json!({ "users": [id] }),
        )
        .await
        .expect(200);
    let shown = company.owner.get(&format!("/v1/users/{id}")).await;
    assert_eq!(shown.headers["etag"], "\"2\"");
    assert_eq!(shown.expect(200)["version"], 2);
    let me = company.owner.get("/v1/me").await;
    assert_eq!(me.expect(200)["id"], company.owner.user);
}

#[tokio::test]
async fn a_limited_user_sees_itself_and_changes_nothing() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let driver = company.owner.colleague("dora", "limited", &[]).await;
    let other = company.owner.add(json!({ "external_id": "D-1" })).await;
    assert_eq!(names(&page(&driver, "").await), ["dora"]);
    assert_eq!(names(&page(&driver, "email=owner").await), [""; 0]);
    assert_eq!(driver.get("/v1/me").await.expect(200)["id"], driver.user);
    assert_eq!(driver.show(&driver.user).await["name"], "dora");
    for user in [&other, &company.owner.user] {
        assert_eq!(
            driver.get(&format!("/v1/users/{user}")).await.refused(404),
            "not_found"
        );
    }
    let one = json!({ "users": [driver.user] });
    let product = &company.products[0];
    for (path, body) in [
        ("/v1/users".to_owned(), json!({ "external_id": "D-2" })),
        ("/v1/invitations".to_owned(), one.clone()),
        ("/v1/invitations/resend".to_owned(), one.clone()),
        (format!("/v1/products/{product}/assign"), one.clone()),
        (format!("/v1/products/{product}/unassign"), one),
        (
            "/v1/imports".to_owned(),
            json!({ "file_name": "users.csv" }),
        ),
        ("/v1/exports".to_owned(), json!({ "format": "csv" })),
    ] {
        assert_eq!(
            driver.post(&path, body).await.refused(403),
            "forbidden",
            "{path}"
        );
    }
}

#[tokio::test]
async fn licence_codes_are_shown_to_those_who_assign_licences() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let truck = company
        .owner
        .add(json!({ "external_id": "TRUCK", "products": [company.products[0]] }))
        .await;
    let code = text(&company.owner.show(&truck).await["licences"][0]["code"]);
    for (name, roles, sees) in [
        ("lic", &["licence_manager"][..], true),
        ("std", &[], false),
        ("usr", &["user_manager"], false),
        ("aud", &["auditor"], false),
    ] {
        let colleague = company.owner.colleague(name, "standard", roles).await;
        let expected = if sees { json!(code) } else { Value::Null };
        assert_eq!(
            colleague.show(&truck).await["licences"][0]["code"],
            expected,
            "{name}"
        );
        let listed = page(&colleague, "external_id=TRUCK").await;
        assert_eq!(
            listed["users"][0]["licences"][0]["code"], expected,
            "{name}"
        );
    }
    let driver = company.owner.colleague("dora", "limited", &[]).await;
    let assign = json!({ "users": [driver.user] });
    let _ = company
        .owner
        .post(
            &format!("/v1/products/{}/assign", company.products[0]),
            assign,
        )
        .await
        .expect(200);
    assert_eq!(
        driver.get("/v1/me").await.expect(200)["licences"][0]["code"],
        Value::Null
    );
}
