//! Sealed, tampered with, and verified.

use jiff::SignedDuration;
use muster_tests::world::{Company, World, text};
use serde_json::{Value, json};

use super::{delete, operations, owner, partition, stored, trail, user_item};

/// A company with entries in several windows, all of them sealed: 2026-03-02, a user at 8, 9, 11 and 12 o'clock.
async fn sealed(world: &World) -> Company<'_> {
    let company = world.company("Acme").await;
    for hours in [1, 2, 1] {
        let boss = owner(world, &company).await;
        let _ = boss
            .add(json!({ "external_id": format!("user {}", world.stack.clock().now()) }))
            .await;
        world.wait_hours(hours).await;
    }
    let boss = owner(world, &company).await;
    let _ = boss.add(json!({ "external_id": "last" })).await;
    world.wait_hours(2).await;
    company
}

async fn verify(world: &World, company: &Company<'_>, query: &str) -> Value {
    let boss = owner(world, company).await;
    let path = format!("/v1/audit/verification?{query}");
    boss.get(&path).await.expect(200)
}

/// What a verification of everything finds, as `kind at seal`.
async fn findings(world: &World, company: &Company<'_>) -> Vec<String> {
    let verification = verify(world, company, "").await;
    let findings = verification["findings"].as_array().unwrap();
    assert_eq!(verification["intact"], findings.is_empty());
    findings
        .iter()
        .map(|finding| format!("{} at {}", text(&finding["kind"]), finding["seal"]))
        .collect()
}

fn seals(world: &World, company: &Company<'_>) -> Vec<Value> {
    partition(world, &format!("T#{}#S", company.tenant))
}

#[tokio::test]
async fn each_window_with_entries_is_sealed_and_the_rest_waits() {
    let world = World::start().await;
    let company = sealed(&world).await;
    let boss = owner(&world, &company).await;
    let page = boss.get("/v1/audit/seals").await.expect(200);
    let shown: Vec<String> = page["seals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|seal| {
            format!(
                "{} {} to {}: {}",
                seal["number"],
                text(&seal["from"]),
                text(&seal["to"]),
                seal["entries"]
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "4 2026-03-02T12:00:00.000Z to 2026-03-02T13:00:00.000Z: 1",
            "3 2026-03-02T10:00:00.000Z to 2026-03-02T12:00:00.000Z: 1",
            "2 2026-03-02T09:00:00.000Z to 2026-03-02T10:00:00.000Z: 1",
            "1 2026-03-02T08:00:00.000Z to 2026-03-02T09:00:00.000Z: 3",
        ]
    );
    assert_eq!(page["seals"][0]["previous"], page["seals"][1]["hash"]);
    let _ = boss.add(json!({ "external_id": "newest" })).await;
    let verification = verify(&world, &company, "").await;
    assert_eq!(
        verification,
        json!({
            "intact": true,
            "seals": 4,
            "entries": 6,
            "findings": [],
            "sealed_until": "2026-03-02T13:00:00.000Z",
            "unsealed": 1,
            "next": null,
        })
    );
    let first = boss.get("/v1/audit/seals?limit=3").await.expect(200);
    let rest = format!("/v1/audit/seals?limit=3&cursor={}", text(&first["next"]));
    let rest = boss.get(&rest).await.expect(200);
    let count = |page: &Value| page["seals"].as_array().unwrap().len();
    assert_eq!((count(&first), count(&rest)), (3, 1), "no seal twice");
    assert_eq!(rest["seals"][0]["number"], 1);
    assert!(rest["next"].is_null());
}

#[tokio::test]
async fn a_window_is_not_sealed_before_its_last_writer_must_have_ended() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let seal = async || world.stack.invoke("seal-audit", json!({})).await.unwrap();
    world
        .wait(SignedDuration::from_secs(60 * 60 + 19 * 60 + 59))
        .await;
    let _ = seal().await;
    assert!(seals(&world, &company).is_empty());
    world.wait(SignedDuration::from_secs(1)).await;
    assert_eq!(seal().await, json!({ "seals": 1 }));
    assert_eq!(seal().await, json!({ "seals": 0 }));
    assert_eq!(seals(&world, &company).len(), 1);
}

#[tokio::test]
async fn two_runs_at_once_make_each_seal_once_and_an_outage_is_made_up_for() {
    let world = World::start().await;
    let company = sealed(&world).await;
    let made = seals(&world, &company).len();
    let boss = owner(&world, &company).await;
    let _ = boss
        .add(json!({ "external_id": "before the outage" }))
        .await;
    // No schedule runs: its clock alone moves on.
    for hours in [3, 40] {
        world
            .stack
            .clock()
            .advance(SignedDuration::from_hours(hours));
        let boss = owner(&world, &company).await;
        let _ = boss
            .add(json!({ "external_id": format!("after {hours}") }))
            .await;
    }
    world.stack.clock().advance(SignedDuration::from_hours(30));
    let runs = (0..6).map(|_| world.stack.invoke("seal-audit", json!({})));
    for run in futures::future::join_all(runs).await {
        let _ = run.unwrap();
    }
    assert_eq!(
        seals(&world, &company).len(),
        made + 4,
        "three windows and a long silence"
    );
    let verification = verify(&world, &company, "").await;
    assert_eq!(verification["intact"], true, "{verification}");
    assert_eq!(verification["entries"], 9);
    assert_eq!(verification["unsealed"], 0);
}

#[tokio::test]
async fn a_company_where_nothing_happens_costs_a_seal_a_day() {
    let world = World::start().await;
    let company = sealed(&world).await;
    let made = seals(&world, &company).len();
    for _ in 0..23 {
        world.wait_hours(1).await;
    }
    assert_eq!(seals(&world, &company).len(), made);
    for _ in 0..25 {
        world.wait_hours(1).await;
    }
    assert_eq!(seals(&world, &company).len(), made + 2);
    assert_eq!(findings(&world, &company).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_entry_that_was_edited_removed_or_slipped_in_is_found() {
    let world = World::start().await;
    let company = sealed(&world).await;
    let entries = stored(&world, &company);
    assert_eq!(entries.len(), 6);
    let intact: [&str; 0] = [];
    assert_eq!(findings(&world, &company).await, intact);

    // Edited, whatever it is: the actor, the time, what only its user's key brings back, or something added.
    let edits: [fn(&mut Value); 5] = [
        |entry| entry["operation"] = json!({ "S": "users.edit" }),
        |entry| entry["actor"]["M"]["id"] = json!({ "S": "usr_0000000000000001" }),
        |entry| entry["at"] = json!({ "S": "2026-03-02T09:00:00.001Z" }),
        |entry| entry["targets"]["L"][0]["M"]["personal"] = json!({ "B": "AAAA" }),
        |entry| entry["note"] = json!({ "S": "" }),
    ];
    for (place, edit) in edits.iter().enumerate() {
        let mut edited = entries[3].clone();
        edit(&mut edited);
        assert_ne!(edited, entries[3], "edit {place}");
        world.put(&edited);
        assert_eq!(
            findings(&world, &company).await,
            ["entries_changed at 2"],
            "edit {place}"
        );
        world.put(&entries[3]);
        assert_eq!(findings(&world, &company).await, intact);
    }
    // Removed, and told how many are missing.
    delete(&world, &entries[0]);
    let verification = verify(&world, &company, "").await;
    let finding = json!({
        "kind": "entries_changed", "seal": 1, "from": "2026-03-02T08:00:00.000Z",
        "to": "2026-03-02T09:00:00.000Z", "sealed": 3, "found": 2,
    });
    assert_eq!(verification["findings"], json!([finding]));
    world.put(&entries[0]);
    // Slipped in: where there were entries, and where there were none.
    for (time, seal) in [
        ("2026-03-02T12:30:00.000Z", 4),
        ("2026-03-02T10:30:00.000Z", 3),
    ] {
        let mut slipped = entries[4].clone();
        slipped["SK"] = json!({ "S": format!("{time}#aud_0000000000000001") });
        world.put(&slipped);
        assert_eq!(
            findings(&world, &company).await,
            [format!("entries_changed at {seal}")]
        );
        delete(&world, &slipped);
    }
    // Before the company was there nothing is shown.
    let mut early = entries[4].clone();
    early["SK"] = json!({ "S": "2026-03-01T00:00:00.000Z#aud_0000000000000001" });
    world.put(&early);
    let boss = owner(&world, &company).await;
    assert_eq!(trail(&boss, "").await.len(), 6);
    delete(&world, &early);
    // Moved to another time.
    let mut moved = entries[5].clone();
    moved["SK"] = json!({ "S": text(&moved["SK"]["S"]).replace("T12:", "T11:") });
    delete(&world, &entries[5]);
    world.put(&moved);
    assert_eq!(
        findings(&world, &company).await,
        ["entries_changed at 3", "entries_changed at 4"]
    );
    delete(&world, &moved);
    world.put(&entries[5]);
    assert_eq!(findings(&world, &company).await, intact);
    // In another company nothing is found.
    let rival = world.company("Rival").await;
    assert_eq!(findings(&world, &rival).await, intact);
}

#[tokio::test]
async fn a_seal_that_was_edited_removed_or_reordered_is_found() {
    let world = World::start().await;
    let company = sealed(&world).await;
    let made = seals(&world, &company);
    let intact: [&str; 0] = [];
    let edits: [fn(&mut Value); 4] = [
        |seal| seal["root"] = json!({ "S": "0".repeat(64) }),
        |seal| seal["entries"] = json!({ "N": "7" }),
        |seal| seal["sealed_at"] = json!({ "S": "2026-03-02T08:00:00Z" }),
        |seal| seal["previous"] = json!({ "S": "0".repeat(64) }),
    ];
    for edit in edits {
        let mut edited = made[1].clone();
        edit(&mut edited);
        world.put(&edited);
        // The seal itself, and the next one, which was made after the true one.
        assert_eq!(
            findings(&world, &company).await,
            ["seal_forged at 2", "chain_broken at 3"]
        );
        world.put(&made[1]);
    }
    let mut unsigned = made[1].clone();
    unsigned["signature"] = made[2]["signature"].clone();
    world.put(&unsigned);
    assert_eq!(findings(&world, &company).await, ["seal_forged at 2"]);
    let mut broken = made[1].clone();
    broken["root"] = json!({ "N": "1" });
    world.put(&broken);
    assert_eq!(
        findings(&world, &company).await,
        ["seal_forged at 2", "seal_missing at 3"]
    );
    world.put(&made[1]);

    for (removed, found) in [(0, "seal_missing at 2"), (2, "seal_missing at 4")] {
        delete(&world, &made[removed]);
        assert_eq!(findings(&world, &company).await, [found]);
        world.put(&made[removed]);
    }
    delete(&world, &made[3]);
    assert_eq!(
        findings(&world, &company).await,
        ["newest_seal_missing at 4"]
    );
    world.put(&made[3]);

    let (mut one, mut other) = (made[1].clone(), made[2].clone());
    (one["SK"], other["SK"]) = (made[2]["SK"].clone(), made[1]["SK"].clone());
    world.put(&one);
    world.put(&other);
    let found = findings(&world, &company).await;
    assert_eq!(
        found[..2],
        ["seal_forged at 2", "seal_forged at 2"],
        "{found:?}"
    );
    world.put(&made[1]);
    world.put(&made[2]);
    assert_eq!(findings(&world, &company).await, intact);
}

#[tokio::test]
async fn nothing_is_sealed_on_top_of_a_seal_that_is_not_ours() {
    let world = World::start().await;
    let company = sealed(&world).await;
    let rival = world.company("Rival").await;
    let made = seals(&world, &company);
    delete(&world, &made[3]);
    let boss = owner(&world, &company).await;
    let _ = boss.add(json!({ "external_id": "later" })).await;
    world.stack.clock().advance(SignedDuration::from_hours(2));
    let run = world.stack.invoke("seal-audit", json!({})).await;
    assert!(run.is_err(), "somebody is to look at it");
    assert_eq!(seals(&world, &company).len(), 3);
    assert_eq!(
        seals(&world, &rival).len(),
        1,
        "others are sealed all the same"
    );
    world.put(&made[3]);
    let run = world.stack.invoke("seal-audit", json!({})).await.unwrap();
    assert_eq!(run, json!({ "seals": 1 }));
    assert_eq!(findings(&world, &company).await, Vec::<String>::new());
}

/// Whoever can write to the table can publish a key there and sign with it. It is not the key of the service.
#[tokio::test]
async fn a_key_that_merely_stands_in_the_table_is_not_trusted() {
    use data_encoding::BASE64URL_NOPAD;
    use ed25519_dalek::{Signer, SigningKey};
    use muster_shared::domain::id::TenantId;
    use muster_shared::domain::seal::Seal;

    let world = World::start().await;
    let company = sealed(&world).await;
    let tenant = TenantId::parse(&company.tenant).unwrap();
    let key = SigningKey::from_bytes(&[7; 32]);
    let x = BASE64URL_NOPAD.encode(&key.verifying_key().to_bytes());
    world.put(&json!({ "PK": { "S": "KEYS" }, "SK": { "S": "KEY#mine" }, "kid": { "S": "mine" }, "x": { "S": x }, "published_at": { "S": "2026-03-02T08:00:00Z" } }),
    );
    let store = &world.operator().store;
    let made = seals(&world, &company);
    for kid in ["mine", made[3]["kid"]["S"].as_str().unwrap()] {
        let to = text(&made[3]["to"]["S"]).parse().unwrap();
        world.put(&made[3]);
        let mut seal: Seal = store.seal(&tenant, to).await.unwrap().unwrap();
        kid.clone_into(&mut seal.kid);
        seal.sealed_at += SignedDuration::from_secs(1);
        seal.signature =
            BASE64URL_NOPAD.encode(&key.sign(seal.statement(&tenant).as_bytes()).to_bytes());
        let mut item = made[3].clone();
        for (name, value) in [("kid", &seal.kid), ("signature", &seal.signature)] {
            item[name] = json!({ "S": value });
        }
        item["sealed_at"] = json!({ "S": seal.sealed_at.to_string() });
        world.put(&item);
        let found = findings(&world, &company).await;
        assert_eq!(found, ["seal_forged at 4", "newest_seal_missing at 4"]);
    }
}

#[tokio::test]
async fn seals_hold_when_a_user_is_erased() {
    let world = World::start().await;
    let company = sealed(&world).await;
    let boss = owner(&world, &company).await;
    let added = trail(&boss, "operation=users.add").await;
    let user = text(&added[0]["targets"][0]["id"]);
    delete(&world, &user_item(&world, &user));
    let entries = trail(&boss, &format!("user={user}")).await;
    assert_eq!(operations(&entries), ["users.add"]);
    assert_eq!(entries[0]["targets"][0]["erased"], true);
    assert_eq!(findings(&world, &company).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_part_of_the_trail_is_verified_by_itself() {
    let world = World::start().await;
    let company = sealed(&world).await;
    let entries = stored(&world, &company);
    delete(&world, &entries[3]);
    let part = async |from: &str, to: &str| {
        let query = format!("from=2026-03-02T{from}:00:00Z&to=2026-03-02T{to}:00:00Z");
        let verification = verify(&world, &company, &query).await;
        (
            verification["seals"].clone(),
            verification["intact"].clone(),
        )
    };
    assert_eq!(part("08", "09").await, (json!(1), json!(true)));
    assert_eq!(part("09", "10").await, (json!(1), json!(false)));
    assert_eq!(part("10", "13").await, (json!(2), json!(true)));
    assert_eq!(part("08", "13").await, (json!(4), json!(false)));
    let boss = owner(&world, &company).await;
    let faulty = boss
        .get("/v1/audit/verification?from=x&to=y&cursor=z")
        .await;
    assert_eq!(
        faulty.faults(),
        [
            "from: invalid_time",
            "to: invalid_time",
            "cursor: invalid_cursor"
        ]
    );
}

#[tokio::test]
async fn a_verification_goes_on_where_the_call_before_ended() {
    use data_encoding::BASE64URL_NOPAD;

    let world = World::start().await;
    let company = sealed(&world).await;
    let cursor = BASE64URL_NOPAD.encode(text(&seals(&world, &company)[1]["SK"]["S"]).as_bytes());
    let rest = verify(&world, &company, &format!("cursor={cursor}")).await;
    assert_eq!((&rest["seals"], &rest["intact"]), (&json!(2), &json!(true)));
    let mut edited = seals(&world, &company)[1].clone();
    edited["entries"] = json!({ "N": "9" });
    world.put(&edited);
    let rest = verify(&world, &company, &format!("cursor={cursor}")).await;
    assert_eq!(rest["findings"][0]["kind"], "chain_broken", "{rest}");
}

/// The grace period of a window is derived from how long an invocation can take.
#[test]
fn no_function_may_run_longer_than_the_seals_wait() {
    use muster_shared::domain::seal::GRACE;

    let template = include_str!("../../../infra/template.yaml");
    let timeouts = template
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Timeout: "));
    let longest = timeouts.map(|seconds| seconds.parse::<i64>().unwrap());
    let longest = SignedDuration::from_secs(longest.max().unwrap());
    assert!(longest + SignedDuration::from_mins(5) <= GRACE, "{longest}");
}

#[tokio::test]
async fn seals_outlive_the_secret_that_they_were_signed_with() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_owned();
    let world = World::with(|options| muster_local::Options {
        data: Some(data.clone()),
        ..options
    })
    .await;
    let company = sealed(&world).await;
    let (tenant, email) = (company.tenant.clone(), company.owner_email.clone());
    let noon = world.stack.clock().now();
    world.stack.shutdown().await;
    let first = std::fs::read_to_string(data.join("secret")).unwrap();
    let second = "a second secret, of more than 32 characters";
    std::fs::write(data.join("secret"), format!("{second}\n{first}")).unwrap();

    let world = World::with(|options| muster_local::Options {
        data: Some(data.clone()),
        clock: muster_shared::clock::Clock::fixed(noon),
        ..options
    })
    .await;
    let boss = world.sign_in(&email).await;
    let _ = boss.add(json!({ "external_id": "new key" })).await;
    world.wait_hours(2).await;
    let boss = world.sign_in(&email).await;
    let made = boss.get("/v1/audit/seals").await.expect(200);
    assert_eq!(made["seals"][0]["number"], 5);
    assert_ne!(made["seals"][0]["key"], made["seals"][1]["key"]);
    let verification = boss.get("/v1/audit/verification").await.expect(200);
    assert_eq!(
        (&verification["intact"], &verification["seals"]),
        (&json!(true), &json!(5))
    );
    world.stack.shutdown().await;

    // A secret that was taken out gives no key that is trusted.
    std::fs::write(data.join("secret"), second).unwrap();
    let world = World::with(|options| muster_local::Options {
        data: Some(data.clone()),
        clock: muster_shared::clock::Clock::fixed(noon),
        ..options
    })
    .await;
    let boss = world.sign_in(&email).await;
    let verification = boss.get("/v1/audit/verification").await.expect(200);
    let findings = verification["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 4, "{tenant}: {verification}");
    assert!(
        findings
            .iter()
            .all(|finding| finding["kind"] == "seal_forged")
    );
}
