//! Columns that give something: class, roles, groups, products, account and locale, under the powers of whoever imports.

use muster_local::Options;
use muster_shared::domain::id::{TenantId, UserId};
use muster_shared::domain::permission::Class;
use muster_shared::domain::user::User;
use muster_shared::store::transaction::Transaction;
use muster_tests::world::{Actor, Company, World, text};
use serde_json::{Value, json};

use super::{data, download, import, outcomes, put, rows, user};

const HEADER: &str = "External ID,Class,Roles,Groups,Products,Account,Locale";

/// What these columns say of a user.
fn said(user: &Value) -> Value {
    let licences = user["licences"].as_array().unwrap().iter();
    json!({
        "class": user["class"],
        "roles": user["roles"],
        "groups": user["groups"],
        "account": user["account"],
        "locale": user["locale"],
        "products": licences.map(|licence| licence["product"].clone()).collect::<Vec<_>>(),
    })
}

/// Line, code and message of each row that a plan or report refuses.
fn refusals(csv: &str) -> String {
    let refused = rows(csv).into_iter().filter(|row| row[1] == "refused");
    let lines = refused.map(|row| format!("{} {}: {}\n", row[0], row[2], row[3]));
    lines.collect()
}

/// Changes a user past the functions.
async fn change(world: &World, company: &Company<'_>, user: &str, change: impl FnOnce(&mut User)) {
    let store = &world.operator().store;
    let tenant = TenantId::parse(&company.tenant).unwrap();
    let id = UserId::parse(user).unwrap();
    let before = store.user(&tenant, &id).await.unwrap().unwrap();
    let mut after = before.clone();
    change(&mut after);
    let mut transaction = Transaction::new(store);
    transaction
        .edit_user(&tenant, &before, &after, |_| ())
        .unwrap();
    transaction.commit().await.unwrap().unwrap();
}

/// How many seats of a product are used, and how many users hold a licence of it.
async fn seats(owner: &Actor<'_>, product: &str) -> (u64, u64) {
    let products = owner.get("/v1/products").await.expect(200);
    let products = products["products"].as_array().unwrap();
    let found = products.iter().find(|one| one["id"] == product).unwrap();
    let (mut holders, mut cursor) = (0, String::new());
    loop {
        let path = format!("/v1/users?limit=200&product={product}&cursor={cursor}");
        let page = owner.get(&path).await.expect(200);
        holders += page["users"].as_array().unwrap().len() as u64;
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return (found["used"].as_u64().unwrap(), holders),
        }
    }
}

#[tokio::test]
async fn a_file_gives_what_its_columns_say_and_the_same_file_again_nothing() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let (owner, tenant) = (&company.owner, company.tenant.as_str());
    let clerk = world.define_role(tenant, "Gate, clerk", &["users.read", "groups.manage"]);
    let fleets = ["North", "South; all"].map(|name| world.make_fleet(tenant, name));
    let client = world.open_account(tenant, "Acme", &[]);
    let depot = world.open_account(tenant, "Acme Depot", &[&client]);
    let [truck, miles] = [&company.products[0], &company.products[1]];
    let file = format!(
        "{HEADER}\n\
        C-1,Standard,\"user manager; GATE, CLERK\",north|South; all,\"mileon, CoPilot Truck with ActiveTraffic\",,pt-BR\n\
        C-2,standard,account owner,{},{miles},ACME DEPOT,\n\
        C-3,,driver,\"North, South; all\",,{client},de\n\
        C-4,owner,,,,,\n\
        C-5,,,,,,\n",
        fleets[0],
    );
    let (done, report) = import(&world, owner, file.clone()).await;
    assert_eq!(done["ignored_columns"], json!([]));
    assert_eq!(refusals(&report), "");
    assert_eq!(done["done"]["created"], 5);
    let mut both = [truck.as_str(), miles].to_vec();
    both.sort_unstable();
    let mut all = fleets.to_vec();
    all.sort_unstable();
    let mut roles = [clerk, "user_manager".to_owned()].to_vec();
    roles.sort_by_key(|role| role != "user_manager");
    for (id, expected) in [
        (
            "C-1",
            json!({ "class": "standard", "roles": roles, "groups": all, "account": null, "locale": "pt-BR", "products": both }),
        ),
        (
            "C-2",
            json!({ "class": "standard", "roles": ["account_owner"], "groups": [fleets[0]], "account": depot, "locale": null, "products": [miles] }),
        ),
        (
            "C-3",
            json!({ "class": "limited", "roles": ["driver"], "groups": all, "account": client, "locale": "de", "products": [] }),
        ),
        (
            "C-4",
            json!({ "class": "owner", "roles": [], "groups": [], "account": null, "locale": null, "products": [] }),
        ),
        (
            "C-5",
            json!({ "class": "limited", "roles": [], "groups": [], "account": null, "locale": null, "products": [] }),
        ),
    ] {
        assert_eq!(said(&user(owner, id).await), expected, "{id}");
    }
    // Belonging to an account includes the way to it.
    let within = owner.get(&format!("/v1/users?account={client}")).await;
    assert_eq!(within.expect(200)["users"].as_array().unwrap().len(), 2);
    assert_eq!(seats(owner, miles).await, (2, 2));
    let code = text(&user(owner, "C-2").await["licences"][0]["code"]);
    let redeem = json!({ "code": code, "device": "tablet" });
    let redeemed = world.nobody().post("/v1/licences/activate", redeem).await;
    let _ = redeemed.expect(200);

    let before = data(&world);
    for file in [file, report, format!("{HEADER}\nC-1,,,,,,\nC-2,,,,;|,,\n")] {
        let (again, report) = import(&world, owner, file).await;
        assert_eq!(again["done"]["unchanged"], again["planned"]["unchanged"]);
        assert!(
            outcomes(&report)
                .iter()
                .all(|line| line.ends_with(" unchanged")),
            "{report}"
        );
        assert_eq!(data(&world), before);
    }

    // Roles and groups become those of the cell; licences are added and never taken.
    let (_, report) = import(
        &world,
        owner,
        format!(
            "{HEADER}\nC-1,,Auditor,North,,,\nC-2,,,,CoPilot Truck with ActiveTraffic,Acme,nl\n"
        ),
    )
    .await;
    assert_eq!(outcomes(&report), ["2 updated", "3 updated"]);
    let (first, second) = (user(owner, "C-1").await, user(owner, "C-2").await);
    assert_eq!(
        said(&first),
        json!({ "class": "standard", "roles": ["auditor"], "groups": [fleets[0]], "account": null, "locale": "pt-BR", "products": both })
    );
    assert_eq!(
        said(&second),
        json!({ "class": "standard", "roles": ["account_owner"], "groups": [fleets[0]], "account": client, "locale": "nl", "products": both })
    );
}

#[tokio::test]
async fn what_cannot_be_found_or_does_not_go_together_is_told_row_by_row() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let rival = world.company("Rival").await;
    let (owner, tenant) = (&company.owner, company.tenant.as_str());
    let _ = world.make_fleet(tenant, "North");
    let theirs = world.make_fleet(&rival.tenant, "South");
    for above in ["Acme", "Zeta"] {
        let client = world.open_account(tenant, above, &[]);
        let _ = world.open_account(tenant, "Depot", &[&client]);
    }
    let barred = owner.add(json!({ "external_id": "S-1" })).await;
    let now = world.stack.clock().now();
    change(&world, &company, &barred, |user| {
        user.suspended_at = Some(now);
    })
    .await;
    let file = format!(
        "{HEADER}\n\
        B-1,boss,king;driver,North;Nrth,MileOf,Akme,german\n\
        B-2,,,{theirs},{},,\n\
        B-3,,User Manager,,,,\n\
        B-4,owner,Auditor,,,,\n\
        B-5,owner,,,,Acme,\n\
        B-6,standard,Account Owner,,,,\n\
        B-7,,,,,Depot,\n\
        B-8,,,,,Acme;Zeta,\n\
        S-1,,,,MileOn,,\n\
        S-1-b,,,=cmd|North,,,\n\
        B-9,,,North,MileOn,Zeta,en\n",
        rival.products[0],
    );
    let before = data(&world);
    let planned = owner.upload_import(file).await;
    assert_eq!(data(&world), before);
    let plan = download(&world, &planned["plan_url"]).await;
    let told = refusals(&plan)
        .replace(&theirs, "grp_theirs")
        .replace(&rival.products[0], "prd_theirs");
    insta::assert_snapshot!("columns_refused", told);
    let done = owner.commit_import(&planned).await;
    assert_eq!(
        done["done"],
        json!({ "created": 1, "updated": 0, "unchanged": 0, "refused": 10 })
    );
    assert_eq!(seats(owner, &company.products[1]).await, (1, 1));
}

#[tokio::test]
async fn a_file_does_no_more_than_whoever_imports_it_may() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let (owner, tenant) = (&company.owner, company.tenant.as_str());
    let clerk = world.define_role(tenant, "Tenant clerk", &["tenant.manage"]);
    let importer = world.define_role(tenant, "Importer", &["imports.run"]);
    let _ = world.make_fleet(tenant, "North");
    let (acme, zeta) = (
        world.open_account(tenant, "Acme", &[]),
        world.open_account(tenant, "Zeta", &[]),
    );
    let _ = world.open_account(tenant, "Acme Depot", &[&acme]);
    let _ = owner
        .add(json!({ "external_id": "CLERK", "class": "standard", "roles": [clerk] }))
        .await;
    let _ = owner
        .add(json!({ "external_id": "ZETA-1", "account": zeta }))
        .await;
    let file = format!(
        "{HEADER}\n\
        P-1,standard,User Manager,North,,Acme,de\n\
        P-2,owner,,,,,\n\
        P-3,standard,Auditor,,,,\n\
        P-4,standard,Tenant clerk,,,,\n\
        P-5,,,,MileOn,,\n\
        P-6,,,,,,\n\
        P-7,,Driver,,,Acme Depot,\n\
        CLERK,limited,Driver,,,,\n\
        CLERK-b,standard,,,,Zeta,\n\
        ZETA-1,,,,,Acme,\n",
    );
    let mut told = String::new();
    let manager = owner.colleague("uma", "standard", &["user_manager"]).await;
    let licences = owner
        .colleague("lia", "standard", &["licence_manager", &importer])
        .await;
    let bare = owner.colleague("ben", "standard", &[&importer]).await;
    let _ = owner
        .add(json!({
            "email": "ada@acme.example", "class": "standard", "roles": ["account_owner", importer], "account": acme, "invite": true,
        }))
        .await;
    let customer = world.activate("ada@acme.example", "ada.acme").await;
    let before = data(&world);
    for (name, actor) in [
        ("user manager", &manager),
        ("licence manager", &licences),
        ("nothing but imports", &bare),
        ("account owner", &customer),
        ("owner", owner),
    ] {
        let planned = actor.upload_import(file.clone()).await;
        let plan = download(&world, &planned["plan_url"]).await;
        told += &format!("{name}\n");
        for line in outcomes(&plan) {
            told += &format!("    {line}\n");
        }
    }
    put(&world, &format!("drop/{tenant}/x.csv"), file.clone()).await;
    let imports = owner.get("/v1/imports").await.expect(200);
    let dropped = super::show(owner, &imports["imports"][0]).await;
    let plan = download(&world, &dropped["plan_url"]).await;
    told += "dropped\n";
    for line in outcomes(&plan) {
        told += &format!("    {line}\n");
    }
    insta::assert_snapshot!("columns_powers", told);
    assert_eq!(data(&world), before);

    // Whose sight is narrow sees no import but their own.
    let own = customer.get("/v1/imports").await.expect(200);
    let own = own["imports"].as_array().unwrap().clone();
    assert_eq!(own.len(), 1);
    assert_eq!(own[0]["begun_by"]["id"], customer.user);
    let path = format!("/v1/imports/{}", text(&dropped["id"]));
    assert_eq!(customer.get(&path).await.refused(404), "not_found");
    let (done, _) = import(&world, &customer, file).await;
    assert_eq!(done["done"]["created"], 1);
    assert_eq!(user(&customer, "P-7").await["roles"], json!(["driver"]));
}

#[tokio::test]
async fn who_assigns_licences_alone_may_import_them_and_nothing_else() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let importer = world.define_role(&company.tenant, "Importer", &["imports.run"]);
    let roles = ["licence_manager", importer.as_str()];
    let clerk = owner.colleague("lia", "standard", &roles).await;
    let _ = import(&world, owner, "External ID\nA-1\nA-2\n").await;
    let file = "External ID,Products,Last Name\nA-1,MileOn,\nA-2,MileOn,Lee\nA-3,MileOn,\n";
    let (_, report) = import(&world, &clerk, file).await;
    assert_eq!(
        outcomes(&report),
        [
            "2 updated",
            "3 refused beyond_your_rights",
            "4 refused beyond_your_rights"
        ]
    );
    assert_eq!(seats(owner, &company.products[1]).await, (1, 1));
}

#[tokio::test]
async fn nobody_changes_their_own_rights_by_a_file_and_owners_are_decided_on_one_by_one() {
    let world = World::start().await;
    let policy = json!({ "policy": { "owner_demotion": "co_owner" } });
    let company = world.company_with("Northwind", policy).await;
    let owner = &company.owner;
    for (id, email, class) in [
        ("ACTIVE", "a@people.example", "standard"),
        ("PENDING", "p@people.example", "standard"),
        ("LEADS", "l@people.example", "owner"),
        ("WOULD", "w@people.example", "owner"),
    ] {
        let form = json!({ "external_id": id, "email": email, "class": class, "invite": true });
        let _ = owner.add(form).await;
    }
    for name in ["a", "l"] {
        let email = format!("{name}@people.example");
        let _ = world.activate(&email, &format!("{name}.people")).await;
    }
    let me = owner.user.clone();
    change(&world, &company, &me, |user| {
        user.external_id = Some(muster_shared::domain::text::ExternalId::parse("ME").unwrap());
    })
    .await;
    let file = "External ID,Class,Last Name\nME,standard,\nACTIVE,owner,\nPENDING,owner,\nLEADS,standard,\nWOULD,standard,\nME-b,,\n";
    let (_, report) = import(&world, owner, file).await;
    assert_eq!(
        outcomes(&report),
        [
            "2 refused not_yourself",
            "3 refused owners_one_by_one",
            "4 updated",
            "5 refused owners_one_by_one",
            "6 updated",
            "7 created"
        ]
    );
    let (_, report) = import(&world, owner, "External ID,Class,Last Name\nME,owner,Fox\n").await;
    assert_eq!(
        outcomes(&report),
        ["2 updated"],
        "what a row leaves as it is is no change of rights"
    );
    assert_eq!(user(owner, "PENDING").await["class"], "owner");
    assert_eq!(user(owner, "ACTIVE").await["class"], "standard");

    // By default only support demotes an owner, even one who has not come yet.
    let strict = world.company("Southwind").await;
    let form = json!({ "external_id": "WOULD", "class": "owner" });
    let _ = strict.owner.add(form).await;
    let (_, report) = import(&world, &strict.owner, "External ID,Class\nWOULD,limited\n").await;
    assert_eq!(outcomes(&report), ["2 refused owner_protected"]);
}

#[tokio::test]
async fn who_lost_the_power_or_the_thing_since_the_plan_gets_refusals() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let (owner, tenant) = (&company.owner, company.tenant.as_str());
    let north = world.make_fleet(tenant, "North");
    let _ = import(&world, owner, "External ID\nOLD-1\n").await;
    let manager = owner.colleague("uma", "standard", &["user_manager"]).await;
    let file = "External ID,Groups,Last Name\nNEW-1,North,\nNEW-2,,\nOLD-1,,Fox\n";
    let planned = manager.upload_import(file).await;
    assert_eq!(
        planned["planned"],
        json!({ "created": 2, "updated": 1, "unchanged": 0, "refused": 0 })
    );
    let second = owner.upload_import(file).await;
    let before = data(&world);
    change(&world, &company, &manager.user, |user| {
        user.rights.class = Class::Limited;
        user.rights.roles.clear();
    })
    .await;
    let done = owner.commit_import(&planned).await;
    assert_eq!(
        (&done["state"], &done["done"]["refused"]),
        (&json!("done_with_errors"), &json!(3))
    );
    let report = download(&world, &done["report_url"]).await;
    assert_eq!(
        outcomes(&report),
        [
            "2 refused beyond_your_rights",
            "3 refused beyond_your_rights",
            "4 refused beyond_your_rights"
        ]
    );
    let mut after = data(&world);
    after.retain(|key, item| before.get(key) != Some(item));
    assert_eq!(after.len(), 1, "the manager alone has changed: {after:?}");

    // A group that is gone by then is not given, and the other rows are done.
    let key =
        json!({ "PK": { "S": format!("T#{tenant}") }, "SK": { "S": format!("GROUP#{north}") } });
    let request = json!({ "TableName": "muster", "Key": key });
    let request = serde_json::from_value(request).unwrap();
    world.stack.database().delete_item(request).unwrap();
    let done = owner.commit_import(&second).await;
    let report = download(&world, &done["report_url"]).await;
    assert_eq!(
        outcomes(&report),
        ["2 refused unknown_group", "3 created", "4 updated"]
    );
}

/// A file of so many new users from a number on, of whom every tenth is to have a licence.
fn licensed(from: usize, count: usize) -> String {
    let row = |row: usize| {
        let product = if row.is_multiple_of(10) { "MileOn" } else { "" };
        format!("L-{row},{product}\n")
    };
    let rows: String = (from..from + count).map(row).collect();
    format!("External ID,Products\n{rows}")
}

#[tokio::test]
async fn the_plan_shows_where_the_seats_run_out_and_the_commit_takes_exactly_those() {
    let world = World::with(|options| Options {
        keep_history: true,
        ..options
    })
    .await;
    let company = world.company("Northwind").await;
    let (owner, miles) = (&company.owner, &company.products[1]);
    let planned = owner.upload_import(licensed(0, 1_200)).await;
    assert_eq!(
        planned["planned"],
        json!({ "created": 1_130, "updated": 0, "unchanged": 0, "refused": 70 })
    );
    let plan = download(&world, &planned["plan_url"]).await;
    let refused: Vec<String> = outcomes(&plan)
        .into_iter()
        .filter(|line| line.contains("refused"))
        .collect();
    assert_eq!(refused[0], "502 refused no_seats_left");
    assert!(refusals(&plan).contains("No licences are left of MileOn."));
    assert_eq!(seats(owner, miles).await, (0, 0), "a plan takes nothing");
    let done = owner.commit_import(&planned).await;
    assert_eq!(done["done"], planned["planned"]);
    assert_eq!(seats(owner, miles).await, (50, 50));

    // The same file again: who holds one keeps it, and everything delivered again takes none.
    let (again, _) = import(&world, owner, licensed(0, 500)).await;
    assert_eq!(again["done"]["unchanged"], 500);
    world.stack.redeliver_all();
    world.stack.settled().await;
    assert_eq!(seats(owner, miles).await, (50, 50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_that_run_at_once_never_take_a_seat_too_many_nor_leave_a_row_half_done() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let (owner, miles) = (&company.owner, &company.products[1]);
    // Each plan alone finds its 50 seats; of all 150 wishes 50 can be met.
    let mut plans = Vec::new();
    for from in [0, 5_000, 10_000] {
        let planned = owner.upload_import(licensed(from, 500)).await;
        assert_eq!(planned["planned"]["created"], 500);
        plans.push(planned);
    }
    let commits = plans.iter().map(|import| {
        let path = format!("/v1/imports/{}/commit", text(&import["id"]));
        async move { owner.post(&path, json!({})).await.expect(202) }
    });
    let _ = futures::future::join_all(commits).await;
    world.stack.settled().await;
    let (mut created, mut refused) = (0, 0);
    for import in &plans {
        let done = super::show(owner, import).await;
        created += done["done"]["created"].as_u64().unwrap();
        let report = download(&world, &done["report_url"]).await;
        let lines = outcomes(&report);
        let short = lines
            .iter()
            .filter(|line| line.ends_with("refused no_seats_left"));
        assert_eq!(
            short.count() as u64,
            done["done"]["refused"].as_u64().unwrap()
        );
        refused += done["done"]["refused"].as_u64().unwrap();
    }
    assert_eq!((created, refused), (1_400, 100));
    assert_eq!(seats(owner, miles).await, (50, 50));
    assert_eq!(json!(world.stack.dead_letters()), json!([]));
    // A row that found no seat added no user either.
    let named = world.table(|_, sk| sk.starts_with("EXT#"));
    assert_eq!(named.len(), 1_400);
    let codes = world.table(|pk, _| pk.starts_with("K#"));
    assert_eq!(codes.len(), 50);
}
