//! `start-export` and `export`: the list as a file, opened as its reader opens it.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use futures::future::join_all;
use jiff::SignedDuration;
use muster_shared::domain::id::GroupId;
use muster_tests::world::{Actor, World, text};
use serde_json::{Value, json};

use crate::{delete, is_replay, items, redacted, shown, suspend};

const PATH: &str = "/v1/exports";

/// Asks for an export and waits until it is over; the export as it stands then.
async fn export(world: &World, actor: &Actor<'_>, order: Value) -> Value {
    let asked = actor.post(PATH, order).await.expect(202);
    world.stack.settled().await;
    let path = format!("{PATH}/{}", text(&asked["id"]));
    let export = actor.get(&path).await.expect(200);
    assert_eq!(export["state"], "done", "{export}");
    export
}

/// The cells of an export, as the program shows them that people open it with.
async fn cells(world: &World, actor: &Actor<'_>, order: Value) -> Vec<Vec<String>> {
    let export = export(world, actor, order).await;
    let file = world.download(&export["url"]).await;
    let rows = if export["format"] == "csv" {
        csv_cells(&file)
    } else {
        xlsx_cells(file)
    };
    assert_eq!(export["rows"].as_u64().unwrap(), rows.len() as u64 - 1);
    rows
}

fn csv_cells(file: &[u8]) -> Vec<Vec<String>> {
    let file = file.strip_prefix(b"\xEF\xBB\xBF").unwrap();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(file);
    reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

fn xlsx_cells(file: Vec<u8>) -> Vec<Vec<String>> {
    let mut book = Xlsx::new(Cursor::new(file)).unwrap();
    assert_eq!(book.sheet_names().len(), 1);
    let sheet = book.sheet_names()[0].clone();
    let range = book.worksheet_range(&sheet).unwrap();
    let formulas = book.worksheet_formula(&sheet).unwrap();
    assert!(formulas.is_empty(), "nothing in it runs");
    range
        .rows()
        .map(|row| row.iter().map(cell).collect())
        .collect()
}

/// A cell of a workbook; a moment is written as CSV has it.
fn cell(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::String(text) => text.clone(),
        Data::DateTime(time) => {
            let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
            format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
        }
        other => panic!("{other:?} is neither text nor time"),
    }
}

fn lines(world: &World, rows: &[Vec<String>]) -> String {
    let lines: Vec<String> = rows.iter().map(|row| row.join(" | ")).collect();
    redacted(world, &lines.join("\n"))
}

fn column(rows: &[Vec<String>], name: &str) -> Vec<String> {
    let place = rows[0].iter().position(|heading| heading == name).unwrap();
    rows[1..].iter().map(|row| row[place].clone()).collect()
}

const ALL_COLUMNS: [&str; 9] = [
    "external_id",
    "kind",
    "class",
    "roles",
    "modules",
    "groups",
    "licences",
    "account",
    "locale",
];

#[tokio::test]
async fn both_kinds_of_file_say_the_same_of_everybody_and_run_nothing() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let tenant = company.tenant.as_str();
    let clerk = world.define_role(tenant, "=Gate clerk", &["users.read"]);
    let fleets = ["+North", "Süd", "Alpha"].map(|name| world.make_fleet(tenant, name));
    let client = world.open_account(tenant, "@Client", &[]);
    let depot = world.open_account(tenant, "Depot", &[&client]);
    let _ = owner
        .colleague("uwe", "standard", &["user_manager", &clerk])
        .await;
    let formula = "=HYPERLINK(\"http://evil.example\",\"Open\")";
    let forms = [
        json!({ "external_id": "=1+1", "first_name": formula, "last_name": "+Mallory", "phone": "+49 151 12345678" }),
        json!({ "external_id": "D-7", "groups": fleets, "account": depot, "locale": "de-AT", "roles": ["driver"], "modules": { "maps": "edit", "fuel": "view" } }),
        json!({ "external_id": "D-8", "groups": [fleets[0]], "account": client }),
        json!({ "external_id": "@SUM(A1)", "employee_number": "-12.5", "first_name": "Anna", "products": company.products }),
        json!({ "external_id": "-A1", "employee_number": "+1+1", "kind": "vehicle", "first_name": "\u{ff1d}1" }),
        json!({ "external_id": "00123", "first_name": "Zoë \"Z\",", "last_name": "O'Neil", "email": "zoe@drivers.example", "invite": true }),
    ];
    let mut users = Vec::new();
    for form in forms {
        users.push(owner.add(form).await);
    }
    suspend(&world, &company, &users[4]).await;
    let gone = owner.add(json!({ "external_id": "gone" })).await;
    delete(&world, &company, &gone).await;
    let code = text(&owner.show(&users[3]).await["licences"][0]["code"]);
    let redeem = json!({ "code": code, "device": "tablet" });
    let redeemed = world.nobody().post("/v1/licences/activate", redeem).await;
    let _ = redeemed.expect(200);
    world.wait(jiff::SignedDuration::from_secs(59)).await;

    let order = |format: &str| json!({ "format": format, "columns": ALL_COLUMNS });
    let csv = cells(&world, owner, order("csv")).await;
    let xlsx = cells(&world, owner, order("xlsx")).await;
    insta::assert_snapshot!("export_rows", lines(&world, &csv));
    assert_eq!(xlsx, csv);
    assert!(column(&csv, "Phone").contains(&"+4915112345678".to_owned()));
    for cell in csv.iter().flatten() {
        let number = cell
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
        assert!(
            number || !cell.starts_with(['=', '+', '-', '@', '＝']),
            "{cell} would run"
        );
    }
}

#[tokio::test]
async fn an_export_is_asked_for_and_fetched_by_a_short_lived_link() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let asked = company.owner.post(PATH, json!({})).await.expect(202);
    insta::assert_snapshot!("export_asked", shown(&world, &asked));
    world.stack.settled().await;
    let path = format!("{PATH}/{}", text(&asked["id"]));
    let mut done = company.owner.get(&path).await.expect(200);
    let url = text(&done["url"]);
    done["url"] = json!("URL");
    insta::assert_snapshot!("export_done", shown(&world, &done));

    assert!(url.contains("X-Amz-Expires=600&"), "ten minutes: {url}");
    let file = format!("/exports/{}/{}.xlsx?", company.tenant, text(&asked["id"]));
    assert!(url.contains(&file), "{url}");
    assert!(
        url.contains("users-2026-03-02.xlsx"),
        "saved under a name that people know: {url}"
    );
    assert!(world.download(&json!(url)).await.starts_with(b"PK\x03\x04"));
    let rival = world.company("Rival").await;
    let theirs = export(&world, &rival.owner, json!({})).await;
    let theirs = text(&theirs["url"]);
    let (_, signature) = url.split_once('?').unwrap();
    for forged in [
        url.replace("X-Amz-Expires=600", "X-Amz-Expires=86400"),
        format!("{}?{signature}", theirs.split('?').next().unwrap()),
        url.split('?').next().unwrap().to_owned(),
    ] {
        let got = fetch(&world, &forged).await;
        assert_eq!(got, 403, "{forged}");
    }
}

/// The status with which the bucket answers.
async fn fetch(world: &World, url: &str) -> u16 {
    let request = world.nobody().request(reqwest::Method::GET, "/");
    let (client, request) = request.build_split();
    let mut request = request.unwrap();
    *request.url_mut() = url.parse().unwrap();
    client.execute(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn an_export_holds_whom_the_filter_lets_through_and_the_columns_asked_for() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let rival = world.company("Rival").await;
    let owner = &company.owner;
    let tenant = company.tenant.as_str();
    let clerk = world.define_role(tenant, "Clerk", &["users.read"]);
    let north = world.make_fleet(tenant, "North");
    let client = world.open_account(tenant, "Client", &[]);
    let depot = world.open_account(tenant, "Depot", &[&client]);
    for form in [
        json!({ "external_id": "T-1", "kind": "vehicle" }),
        json!({ "external_id": "T-2", "kind": "vehicle", "products": [company.products[1]] }),
        json!({ "external_id": "D-1", "email": "d1@drivers.example", "invite": true }),
        json!({ "external_id": "D-2", "products": [company.products[1]] }),
        json!({ "external_id": "C-1", "class": "standard", "roles": ["auditor"], "groups": [north] }),
        json!({ "external_id": "C-2", "class": "standard", "roles": [clerk] }),
        json!({ "external_id": "C-3", "account": client, "groups": [north] }),
        json!({ "external_id": "C-4", "account": depot }),
    ] {
        let _ = owner.add(form).await;
    }
    world.stack.settled().await;
    let mut table = String::new();
    for filter in [
        json!({}),
        json!({ "kind": "vehicle" }),
        json!({ "status": "activation_pending" }),
        json!({ "invitation": "sent", "kind": "person" }),
        json!({ "product": company.products[1] }),
        json!({ "product": company.products[1], "kind": "device" }),
        json!({ "product": rival.products[1] }),
        json!({ "product": company.products[1], "licence": "unassigned" }),
        json!({ "licence": "assigned", "kind": "person" }),
        json!({ "class": "standard" }),
        json!({ "class": "standard", "role": "auditor" }),
        json!({ "role": clerk }),
        json!({ "group": north }),
        json!({ "account": client, "group": north }),
        json!({ "account": client }),
    ] {
        let order = json!({ "format": "csv", "filter": filter, "columns": ["external_id"] });
        let rows = cells(&world, owner, order).await;
        table += &format!("{filter}: {}\n", column(&rows, "Name").join(", "));
    }
    insta::assert_snapshot!("export_filters", redacted(&world, &table));
    let order = json!({ "format": "csv", "columns": ["licences", "kind"] });
    let rows = cells(&world, owner, order).await;
    insta::assert_snapshot!("export_columns", rows[0].join(" | "));
}

#[tokio::test]
async fn an_order_that_cannot_be_read_is_refused_with_the_field_named() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let mut table = String::new();
    for order in [
        json!({ "format": "pdf" }),
        json!({ "columns": ["external_id", "password"] }),
        json!({ "filter": { "status": "asleep" } }),
        json!({ "filter": { "product": "MileOn" } }),
        json!({ "filter": { "class": "boss" } }),
        json!({ "filter": { "role": "boss" } }),
        json!({ "filter": { "group": "North" } }),
        json!({ "filter": { "account": "Acme" } }),
        json!({ "filter": { "licence": "lost" } }),
        json!({ "filter": { "colour": "red" } }),
        json!({ "users": [] }),
        json!([]),
    ] {
        let answer = company.owner.post(PATH, order.clone()).await;
        let faults: Vec<&Value> = answer.body["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|fault| &fault["field"])
            .collect();
        table += &format!(
            "{order}: {} {} {faults:?}\n",
            answer.status, answer.body["code"]
        );
    }
    insta::assert_snapshot!("export_refusals", table);
    assert!(!items(&world).keys().any(|key| key.contains("EXPORT#")));
}

#[tokio::test]
async fn only_who_may_export_does_and_fetches_only_what_they_asked_for() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let rival = world.company("Rival").await;
    let mut managers = Vec::new();
    for name in ["uwe", "ute"] {
        managers.push(
            company
                .owner
                .colleague(name, "standard", &["user_manager"])
                .await,
        );
    }
    let weak = company
        .owner
        .colleague("lena", "standard", &["licence_manager", "auditor"])
        .await;
    let done = export(&world, &managers[0], json!({})).await;
    let path = format!("{PATH}/{}", text(&done["id"]));
    let nobody = world.nobody();
    assert_eq!(
        nobody.post(PATH, json!({})).await.refused(401),
        "unauthenticated"
    );
    assert_eq!(nobody.get(&path).await.refused(401), "unauthenticated");
    assert_eq!(weak.post(PATH, json!({})).await.refused(403), "forbidden");
    assert_eq!(weak.get(&path).await.refused(403), "forbidden");
    assert_eq!(managers[1].get(&path).await.refused(404), "not_found");
    assert_eq!(rival.owner.get(&path).await.refused(404), "not_found");
    for none in ["exp_0000000000000001", "users"] {
        let path = format!("{PATH}/{none}");
        assert_eq!(company.owner.get(&path).await.refused(404), "not_found");
    }
    let owners = company.owner.get(&path).await.expect(200);
    assert_eq!(owners["state"], "done", "an owner sees every export");
    world.wait_hours(1).await;
    assert_eq!(
        managers[0].get(&path).await.refused(401),
        "unauthenticated",
        "the token has expired"
    );
}

#[tokio::test]
async fn an_export_holds_only_whom_the_one_who_asked_sees_and_no_codes() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let (owner, tenant) = (&company.owner, company.tenant.as_str());
    let exporter = world.define_role(tenant, "Exporter", &["exports.run"]);
    let client = world.open_account(tenant, "Client", &[]);
    let depot = world.open_account(tenant, "Depot", &[&client]);
    let other = world.open_account(tenant, "Other", &[]);
    for (id, account) in [("A", &client), ("B", &depot), ("C", &other)] {
        let form = json!({ "external_id": id, "account": account, "products": company.products });
        let _ = owner.add(form).await;
    }
    let _ = owner
        .add(json!({
            "email": "ada@client.example", "first_name": "Ada", "class": "standard", "roles": ["account_owner", exporter], "account": client, "invite": true,
        }))
        .await;
    let ada = world.activate("ada@client.example", "ada.client").await;
    let order = json!({ "format": "csv", "columns": ALL_COLUMNS });
    let rows = cells(&world, &ada, order.clone()).await;
    assert_eq!(column(&rows, "Name"), ["A", "Ada", "B"]);
    assert_eq!(column(&rows, "Account"), ["Client", "Client", "Depot"]);
    let code = text(
        &owner.get("/v1/users?external_id=A").await.expect(200)["users"][0]["licences"][0]["code"],
    );
    for actor in [&ada, owner] {
        let rows = cells(&world, actor, order.clone()).await;
        assert!(!rows.concat().join("|").contains(&code));
    }
    let narrowed = json!({ "format": "csv", "filter": { "account": other } });
    assert_eq!(
        cells(&world, &ada, narrowed).await.len(),
        1,
        "its head only"
    );
}

#[tokio::test]
async fn who_is_demoted_before_the_export_is_written_gets_no_more_than_that() {
    let world = World::start().await;
    let policy = json!({ "policy": { "standard_sees": "assigned" } });
    let company = world.company_with("Acme", policy).await;
    let owner = &company.owner;
    let north = world.make_fleet(&company.tenant, "North");
    let _ = owner
        .add(json!({ "external_id": "A", "groups": [north] }))
        .await;
    let _ = owner.add(json!({ "external_id": "B" })).await;
    let _ = owner
        .add(json!({
            "email": "uma@acme.example", "first_name": "Uma", "class": "standard", "roles": ["user_manager"], "scope": { "all": true }, "invite": true,
        }))
        .await;
    let uma = world.activate("uma@acme.example", "uma.acme").await;
    let order = json!({ "format": "csv" });
    let names =
        async |actor: &Actor<'_>| column(&cells(&world, actor, order.clone()).await, "Name");
    assert_eq!(names(&uma).await, ["A", "B", "Olivia Owner", "Uma"]);
    crate::edit(&world, &company, &uma.user, |user| {
        user.rights.scope.all = false;
        user.rights.scope.groups = [GroupId::parse(&north).unwrap()].into();
    })
    .await;
    assert_eq!(names(&uma).await, ["A", "Uma"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_order_twice_is_one_export() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let order = json!({ "format": "csv" });
    let at_once = join_all((0..2).map(|_| owner.post_once(PATH, "key", order.clone()))).await;
    for answer in at_once.iter().filter(|answer| answer.status != 202) {
        assert_eq!(answer.clone().refused(409), "request_in_progress");
    }
    let first = at_once
        .iter()
        .find(|answer| answer.status == 202 && !answer.headers.contains_key("idempotency-replayed"))
        .unwrap();
    world.stack.settled().await;
    is_replay(first, &owner.post_once(PATH, "key", order).await);
    let other = owner
        .post_once(PATH, "key", json!({ "format": "xlsx" }))
        .await;
    assert_eq!(other.refused(422), "idempotency_key_reused");
    let exports = items(&world);
    let exports = exports.keys().filter(|key| key.contains(" EXPORT#"));
    assert_eq!(exports.count(), 1);
}

#[tokio::test]
async fn three_thousand_users_are_exported_completely_and_in_order() {
    let world = World::start().await;
    let company = world.company_with("Acme", json!({ "shards": 3 })).await;
    let owner = &company.owner;
    // 1,009 is prime to 3,000: each number once, in disorder, and capitals must not matter.
    let rows = (0..3_000).map(|row| {
        let number = row * 1_009 % 3_000;
        let first = if row % 2 == 0 { "driver" } else { "Driver" };
        format!("D-{number:04},{first},{number:04}\n")
    });
    let file = format!(
        "External ID,First Name,Last Name\n{}",
        rows.collect::<String>()
    );
    let import = owner.upload_import(file).await;
    let import = owner.commit_import(&import).await;
    assert_eq!(import["state"], "done", "{import}");
    let mut expected: Vec<String> = (0..3_000).map(|number| format!("D-{number:04}")).collect();
    expected.push(String::new()); // Olivia Owner
    for format in ["csv", "xlsx"] {
        let order = json!({ "format": format, "columns": ["external_id"] });
        let rows = cells(&world, owner, order).await;
        assert_eq!(column(&rows, "External ID"), expected, "{format}");
    }
}

#[tokio::test]
async fn exports_are_listed_newest_first_to_whom_may_fetch_them() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let owner = &company.owner;
    let clerk = world.define_role(&company.tenant, "Clerk", &["exports.run"]);
    let ada = owner.colleague("ada", "standard", &[&clerk]).await;
    let bob = owner.colleague("bob", "standard", &[&clerk]).await;
    let _ = owner.colleague("lim", "limited", &[]).await;
    let first = export(&world, &ada, json!({ "format": "csv" })).await;
    world.wait(SignedDuration::from_mins(1)).await;
    let trail = export(&world, owner, json!({ "of": "audit" })).await;
    let listed = async |actor: &Actor<'_>| -> Vec<Value> {
        let listed = actor.get(PATH).await.expect(200);
        listed["exports"].as_array().unwrap().clone()
    };
    let without_link = |export: &Value| {
        let mut export = export.clone();
        export["url"] = Value::Null;
        export
    };
    assert_eq!(
        listed(owner).await,
        [without_link(&trail), without_link(&first)]
    );
    assert_eq!(listed(&ada).await, [without_link(&first)]);
    assert_eq!(listed(&bob).await, [] as [Value; 0]);
    world.wait_hours(24 * 7).await;
    let ada = world.sign_in("ada@colleagues.example").await;
    assert_eq!(listed(&ada).await, [] as [Value; 0], "its time is over");
    let path = format!("{PATH}/{}", text(&first["id"]));
    assert_eq!(ada.get(&path).await.refused(404), "not_found");
    let limited = world.sign_in("lim@colleagues.example").await;
    assert_eq!(limited.get(PATH).await.refused(403), "forbidden");
}
