//! What the trail tells, of whom, and to whom.

use jiff::SignedDuration;
use muster_tests::world::{PASSWORD, World, text};
use serde_json::{Value, json};

use super::{delete, items, operations, owner, stored, trail, user_item};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// An entry in one line for each target, with names in the place of ids.
fn told(entry: &Value) -> String {
    let kind = |id: &Value| text(id).split('_').next().unwrap().to_owned();
    let called = |thing: &Value| match thing["name"].as_str() {
        Some(name) => name.to_owned(),
        None if thing["id"].is_null() => String::new(),
        None => kind(&thing["id"]),
    };
    let actor = &entry["actor"];
    let mut told = format!(
        "{} {} {}\n",
        text(&entry["operation"]),
        text(&actor["kind"]),
        called(actor)
    );
    for target in entry["targets"].as_array().unwrap() {
        told += &format!("  {}:", called(target));
        for side in ["before", "after"] {
            if !target[side].is_null() {
                told += &format!(" {side} {}", target[side]);
            }
        }
        told += "\n";
    }
    told
}

/// Ids of products do not stay the same from run to run.
fn without_products(told: &str, products: &[String]) -> String {
    let mut told = told.to_owned();
    for (number, product) in products.iter().enumerate() {
        told = told.replace(product, &format!("product {}", number + 1));
    }
    told
}

#[tokio::test]
async fn each_change_through_each_door_is_told_with_what_it_changed() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let boss = &company.owner;
    let path = format!("/v1/products/{}", company.products[0]);
    world.wait(MINUTE).await;
    let ada = boss
        .add(json!({ "email": "ada@drivers.example", "first_name": "Ada", "phone": "+49 151 12345678" }))
        .await;
    world.wait(MINUTE).await;
    let users = json!({ "users": [ada] });
    let _ = boss
        .post("/v1/invitations", users.clone())
        .await
        .expect(200);
    world.wait(MINUTE).await;
    let _ = boss
        .post("/v1/invitations/resend", users.clone())
        .await
        .expect(200);
    world.wait(MINUTE).await;
    let _ = boss
        .post(&format!("{path}/assign"), users.clone())
        .await
        .expect(200);
    world.wait(MINUTE).await;
    let code = text(&boss.show(&ada).await["licences"][0]["code"]);
    let redeem = json!({ "code": code, "device": "Ada's tablet" });
    let redeemed = world.nobody().post("/v1/licences/activate", redeem).await;
    let _ = redeemed.expect(200);
    world.wait(MINUTE).await;
    let _ = boss
        .post(&format!("{path}/unassign"), users)
        .await
        .expect(200);
    world.wait(MINUTE).await;
    let _ = world.activate("ada@drivers.example", "ada.drives").await;
    world.wait(MINUTE).await;
    let file = "External ID,Email,First Name\nD-1,eve@drivers.example,Eve\n";
    let import = boss.upload_import(file).await;
    world.wait(MINUTE).await;
    let _ = boss.commit_import(&import).await;
    world.wait(MINUTE).await;
    let boss = owner(&world, &company).await;
    let import = boss
        .upload_import("External ID,First Name\nD-1,Eva\n")
        .await;
    world.wait(MINUTE).await;
    let _ = boss.commit_import(&import).await;
    world.wait(MINUTE).await;
    let import = boss.upload_import("External ID\nD-2\n").await;
    let cancel = format!("/v1/imports/{}/cancel", text(&import["id"]));
    world.wait(MINUTE).await;
    let _ = boss.post(&cancel, json!({})).await.expect(200);
    world.wait(MINUTE).await;
    let _ = boss.post("/v1/exports", json!({})).await.expect(202);
    world.wait(MINUTE).await;
    let late = json!({ "email": "late@drivers.example", "last_name": "Late", "invite": true, "class": "standard", "roles": ["auditor"], "products": [company.products[1]] });
    let _ = boss.add(late).await;
    world.stack.settled().await;
    world.wait_hours(24).await;

    let boss = owner(&world, &company).await;
    let mut entries = trail(&boss, "").await;
    // Of one moment, in the order of their names.
    entries.sort_by_key(|entry| (text(&entry["at"]), text(&entry["operation"])));
    assert_eq!(entries.len(), stored(&world, &company).len());
    let told: String = entries.iter().map(told).collect();
    insta::assert_snapshot!("told", without_products(&told, &company.products));
}

#[tokio::test]
async fn a_dropped_file_acts_by_itself_and_support_is_named() {
    let world = World::start().await;
    let company = world
        .company_with("Acme", json!({ "policy": { "import_mode": "direct" } }))
        .await;
    let key = format!("drop/{}/nightly.csv", company.tenant);
    let files = &world.operator().files();
    let mut file = files.writer(key, "text/csv");
    file.write(b"External ID\nD-1\n").await.unwrap();
    file.finish().await.unwrap();
    world.stack.settled().await;
    let imported = trail(&company.owner, "operation=users.import").await;
    assert_eq!(imported[0]["actor"]["kind"], "import");
    let id = text(&imported[0]["actor"]["id"]);
    let by_file = trail(&company.owner, &format!("actor={id}")).await;
    let mut by_file = operations(&by_file);
    by_file.sort_unstable();
    assert_eq!(by_file, ["imports.commit", "imports.drop", "users.import"]);
    let by_support = trail(&company.owner, "actor=support").await;
    let actor = &by_support[0]["actor"];
    assert_eq!(
        (&actor["id"], &actor["name"]),
        (&Value::Null, &json!("Acme"))
    );
    assert_eq!(operations(&by_support), ["tenants.provision"]);
}

#[tokio::test]
async fn the_trail_is_searched_by_user_actor_operation_and_time() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let boss = &company.owner;
    let uwe = boss.colleague("uwe", "standard", &["user_manager"]).await;
    world.wait(MINUTE).await;
    let ada = uwe.add(json!({ "external_id": "ada" })).await;
    world.wait(MINUTE).await;
    let eve = boss.add(json!({ "external_id": "eve" })).await;
    let assign = format!("/v1/products/{}/assign", company.products[0]);
    world.wait(MINUTE).await;
    let both = json!({ "users": [ada, eve] });
    let _ = boss.post(&assign, both).await.expect(200);

    let found = async |query: String| operations(&trail(boss, &query).await);
    // Adding and accepting were at the same moment.
    let mut about_uwe = found(format!("user={}", uwe.user)).await;
    about_uwe.sort_unstable();
    assert_eq!(about_uwe, ["invitations.accept", "users.add", "users.add"]);
    let by_uwe = trail(boss, &format!("actor={}", uwe.user)).await;
    assert_eq!(operations(&by_uwe), ["users.add", "invitations.accept"]);
    assert_eq!(by_uwe[0]["actor"]["name"], "uwe");
    assert_eq!(by_uwe[0]["targets"][0]["name"], "ada");
    let about_ada = found(format!("user={ada}")).await;
    assert_eq!(about_ada, ["licences.assign", "users.add"]);
    assert_eq!(found("operation=users.add".to_owned()).await.len(), 3);
    assert_eq!(
        found("operation=licences.".to_owned()).await,
        ["licences.assign"]
    );
    assert!(found("operation=licences".to_owned()).await.is_empty());
    let at = |minute: u32| format!("2026-03-02T08:0{minute}:00Z");
    let between = found(format!("from={}&to={}", at(1), at(3))).await;
    assert_eq!(between, ["users.add", "users.add"]);
    assert_eq!(found(format!("from={}", at(3))).await, ["licences.assign"]);
    assert_eq!(
        found(format!("to={}&operation=users.", at(1))).await.len(),
        1
    );
    assert!(
        found("from=2026-04-01T00:00:00Z".to_owned())
            .await
            .is_empty()
    );
    assert!(found("to=2025-01-01T00:00:00Z".to_owned()).await.is_empty());
    let all = format!("user={ada}&actor={}&operation=users.add", uwe.user);
    assert_eq!(found(all).await.len(), 1);

    let bad = "/v1/audit?user=ada&actor=ada&operation=Add&from=today&to=never&limit=0&cursor=x";
    let faults = boss.get(bad).await.faults();
    assert_eq!(
        faults,
        [
            "user: invalid_id",
            "actor: invalid_actor",
            "operation: invalid_operation",
            "from: invalid_time",
            "to: invalid_time",
            "cursor: invalid_cursor",
            "limit: out_of_range"
        ]
    );
}

#[tokio::test]
async fn pages_go_back_in_time_over_months_without_a_gap() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    for month in 0..3 {
        let boss = owner(&world, &company).await;
        for number in 0..7 {
            world.wait(MINUTE).await;
            let name = format!("{month}-{number}");
            let _ = boss.add(json!({ "external_id": name })).await;
        }
        world.wait_hours(24 * 31).await;
    }
    let boss = owner(&world, &company).await;
    let added = |entries: &[Value]| -> Vec<String> {
        let targets = entries.iter().map(|entry| &entry["targets"][0]);
        targets.map(|target| text(&target["name"])).collect()
    };
    let newest_first: Vec<String> = (0..21)
        .rev()
        .map(|number| format!("{}-{}", number / 7, number % 7))
        .collect();
    for limit in [1, 2, 6, 7, 20, 21, 200] {
        let entries = trail(&boss, &format!("operation=users.add&limit={limit}")).await;
        assert_eq!(added(&entries), newest_first, "{limit} a page");
    }
    let page = boss
        .get("/v1/audit?operation=users.add&limit=21")
        .await
        .expect(200);
    assert!(page["next"].is_null(), "nothing comes after the last");
    // A cursor of another search never widens this one.
    let page = boss.get("/v1/audit?limit=1").await.expect(200);
    let path = format!(
        "/v1/audit?to=2026-03-15T00:00:00Z&operation=users.add&cursor={}",
        text(&page["next"])
    );
    let page = boss.get(&path).await.expect(200);
    assert_eq!(
        added(page["entries"].as_array().unwrap()),
        newest_first[14..]
    );
}

#[tokio::test]
async fn only_who_may_read_the_trail_does_and_only_of_their_own_company() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let rival = world.company("Rival").await;
    let uwe = company
        .owner
        .colleague("uwe", "standard", &["user_manager"])
        .await;
    let ann = company
        .owner
        .colleague("ann", "standard", &["auditor"])
        .await;
    for path in ["/v1/audit", "/v1/audit/seals", "/v1/audit/verification"] {
        assert_eq!(
            world.nobody().get(path).await.refused(401),
            "unauthenticated"
        );
        assert_eq!(uwe.get(path).await.refused(403), "forbidden");
        let _ = ann.get(path).await.expect(200);
    }
    let ours = trail(&company.owner, "limit=200").await;
    assert_eq!(ours, trail(&ann, "").await);
    let theirs = trail(&rival.owner, "").await;
    let mut done = operations(&theirs);
    done.sort_unstable();
    assert_eq!(done, ["invitations.accept", "tenants.provision"]);
    assert!(
        trail(&rival.owner, &format!("user={}", uwe.user))
            .await
            .is_empty()
    );
    let page = company.owner.get("/v1/audit?limit=1").await.expect(200);
    let path = format!("/v1/audit?cursor={}", text(&page["next"]));
    let page = rival.owner.get(&path).await.expect(200);
    for entry in page["entries"].as_array().unwrap() {
        assert!(
            theirs.contains(entry),
            "another company's cursor opens nothing"
        );
    }
}

#[tokio::test]
async fn who_does_not_see_everybody_does_not_read_the_trail() {
    let world = World::start().await;
    let assigned = json!({ "policy": { "standard_sees": "assigned" } });
    let company = world.company_with("Acme", assigned).await;
    let boss = &company.owner;
    for (name, scope, status) in [
        ("some", json!({ "users": [boss.user] }), 403),
        ("all", json!({ "all": true }), 200),
    ] {
        let email = format!("{name}@colleagues.example");
        let form = json!({ "email": email, "class": "standard", "roles": ["auditor"], "scope": scope, "invite": true });
        let _ = boss.add(form).await;
        let auditor = world.activate(&email, &format!("auditor.{name}")).await;
        let read = auditor.get("/v1/audit").await;
        let taken = auditor.post("/v1/exports", json!({ "of": "audit" })).await;
        assert_eq!(
            (read.status, taken.status == 202),
            (status, status == 200),
            "{name}"
        );
    }
}

#[tokio::test]
async fn no_secret_ever_stands_in_the_trail() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let boss = &company.owner;
    let form =
        json!({ "email": "ada@drivers.example", "products": company.products, "invite": true });
    let ada = boss.add(form).await;
    let link = world.link_token("ada@drivers.example").await;
    // The secrets, before they are used up.
    let mut secrets = vec![link, PASSWORD.to_owned()];
    for ((pk, _), item) in items(&world) {
        for name in ["nonce", "password", "code", "audit_key"] {
            secrets.extend(item[name]["S"].as_str().map(str::to_owned));
        }
        secrets.extend(pk.strip_prefix("K#").map(str::to_owned));
        secrets.extend(pk.strip_prefix("M#").map(str::to_owned));
    }
    for licence in boss.show(&ada).await["licences"].as_array().unwrap() {
        secrets.push(text(&licence["code"]));
    }
    assert!(secrets.len() > 10, "{}", secrets.len());
    let _ = world.activate("ada@drivers.example", "ada.drives").await;
    let users = json!({ "users": [ada] });
    let path = format!("/v1/products/{}/unassign", company.products[0]);
    let _ = boss.post(&path, users).await.expect(200);
    for item in items(&world).values() {
        secrets.extend(item["password"]["S"].as_str().map(str::to_owned));
    }
    let told = format!("{:?}", trail(boss, "").await);
    let kept = format!("{:?}", stored(&world, &company));
    for secret in secrets {
        assert!(!told.contains(&secret), "{secret} is told");
        assert!(!kept.contains(&secret), "{secret} is stored");
    }
    // What is personal is told, and not stored for everybody to read.
    assert!(told.contains("ada@drivers.example") && told.contains("ada.drives"));
    assert!(!kept.contains("ada@drivers.example") && !kept.contains("ada.drives"));
    for entry in stored(&world, &company) {
        let size = entry.to_string().len();
        let large = entry["operation"]["S"] == "tenants.provision";
        assert!(large || size < 1_024, "{size} bytes: {entry}");
    }
}

#[tokio::test]
async fn what_was_personal_goes_with_its_user_and_the_entries_stay() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let boss = &company.owner;
    let ada = boss
        .add(json!({ "email": "ada@drivers.example", "first_name": "Ada" }))
        .await;
    let before = trail(boss, &format!("user={ada}")).await;
    assert_eq!(before[0]["targets"][0]["after"]["first_name"], "Ada");
    assert_eq!(before[0]["targets"][0]["erased"], false);

    let item = user_item(&world, &ada);
    let mut other = item.clone();
    other["audit_key"] = json!({ "S": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" });
    world.put(&other);
    let target = trail(boss, &format!("user={ada}")).await[0]["targets"][0].clone();
    assert_eq!(
        (&target["damaged"], &target["erased"]),
        (&json!(true), &json!(false))
    );

    delete(&world, &item);
    let after = trail(boss, &format!("user={ada}")).await;
    let target = &after[0]["targets"][0];
    assert_eq!(
        target["after"],
        json!({ "class": "limited", "kind": "person" })
    );
    assert_eq!(target["erased"], true);
    assert_eq!(
        (&target["id"], &target["name"]),
        (&json!(ada), &Value::Null)
    );
    assert_eq!(after[0]["at"], before[0]["at"]);
    assert!(!format!("{:?}", trail(boss, "").await).contains("ada@drivers.example"));
}

#[tokio::test]
async fn a_search_looks_through_so_much_at_a_time_and_finds_what_lies_far_back() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let provisioned = &stored(&world, &company)[0];
    for number in 0..2_500 {
        let mut entry = provisioned.clone();
        entry["SK"] = json!({ "S": format!("2026-03-02T08:00:01.000Z#aud_{number:016}") });
        entry["operation"] = json!({ "S": "filled.up" });
        world.put(&entry);
    }
    let query = format!("operation=users.&user={}", company.owner.user);
    let _ = company.owner.add(json!({ "external_id": "ada" })).await;
    let page = company
        .owner
        .get(&format!("/v1/audit?{query}"))
        .await
        .expect(200);
    assert_eq!(page["entries"], json!([]));
    assert!(page["next"].is_string(), "there was too much before it");
    assert_eq!(
        operations(&trail(&company.owner, &query).await),
        ["users.add"]
    );
    assert_eq!(
        trail(&company.owner, "operation=filled.up&limit=200")
            .await
            .len(),
        2_500
    );
}

/// A costlier call fails here. A cheaper one too: then the table is to be brought up to date.
#[tokio::test]
async fn reading_the_trail_costs_what_it_did() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    for number in 0..60 {
        let name = format!("user {number}");
        let _ = company.owner.add(json!({ "external_id": name })).await;
    }
    world.wait_hours(2).await;
    let boss = owner(&world, &company).await;
    let mut costs = format!("{:<28}{:>8}{:>8}\n", "call", "read", "write");
    for (call, path) in [
        ("list of 50", "/v1/audit"),
        ("list of 1", "/v1/audit?limit=1"),
        ("filtered, nothing found", "/v1/audit?operation=none"),
        ("seals", "/v1/audit/seals"),
        ("verification", "/v1/audit/verification"),
    ] {
        let (read, write) = boss.get(path).await.consumed();
        costs += &format!("{call:<28}{read:>8}{write:>8}\n");
    }
    insta::assert_snapshot!("costs", costs);
}
