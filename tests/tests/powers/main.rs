//! Every operation × every kind of actor × every kind of target, with the expected answer, in one table:
//! `snapshots/powers__table.snap`. Rows that are alike stand together.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod operations;
mod scene;

use std::collections::BTreeSet;
use std::fmt::Write;

use muster_tests::world::{Answer, World, text};
use operations::{OPERATIONS, On, Operation, make_thing};
use scene::{Scene, TARGETS};

#[test]
fn no_route_is_missing_in_the_table() {
    let tried: BTreeSet<String> = OPERATIONS
        .iter()
        .map(|operation| operation.route.to_owned())
        .collect();
    let wired: BTreeSet<String> = muster_local::routes().unwrap().into_iter().collect();
    let missing: Vec<&String> = wired.symmetric_difference(&tried).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_may_what_the_table_says_and_nothing_else() {
    let world = World::start().await;
    let scene = Scene::set(&world).await;
    for thing in [
        "spare role",
        "spare group",
        "spare account",
        "sub-account",
        "import",
        "export",
        "export of the audit trail",
    ] {
        make_thing(&scene, thing).await;
    }
    let mut table = String::new();
    for operation in OPERATIONS {
        table += &rows(&scene, operation).await;
    }
    insta::assert_snapshot!("table", table);
}

/// What everybody is answered by one operation: actors whose rows are alike in one line.
async fn rows(scene: &Scene<'_>, operation: &Operation) -> String {
    let mut rows: Vec<(Vec<&str>, Vec<String>)> = Vec::new();
    for actor in &scene.actors {
        let mut cells = Vec::new();
        match operation.on {
            On::Nobody => {
                let answer = operation.call(scene, actor, None).await;
                cells.push(said(&answer));
                if answer.status < 300 && operation.route.starts_with("DELETE") {
                    make_thing(scene, operation.id).await;
                }
            }
            On::Target => {
                for target in TARGETS {
                    let subject = scene.target(operation, actor, target).await;
                    let answer = operation.call(scene, actor, Some(&subject)).await;
                    cells.push(said(&answer));
                    if answer.status < 300 {
                        scene.spent(target);
                    }
                }
            }
        }
        match rows.iter_mut().find(|(_, known)| *known == cells) {
            Some((actors, _)) => actors.push(actor.name),
            None => rows.push((vec![actor.name], cells)),
        }
    }
    let mut told = match operation.what {
        "" => format!("{}\n", operation.route),
        what => format!("{} ({what})\n", operation.route),
    };
    if let On::Target = operation.on {
        let _ = writeln!(told, "    {}", TARGETS.join(" | "));
    }
    for (actors, cells) in rows {
        let alike = cells.iter().all(|cell| *cell == cells[0]);
        let cells = if alike {
            cells[0].clone()
        } else {
            cells.join(" | ")
        };
        let _ = writeln!(told, "  {}\n    {cells}", actors.join(", "));
    }
    told + "\n"
}

/// An answer in a word: `ok`, `unchanged`, or the code of the refusal.
fn said(answer: &Answer) -> String {
    if answer.status >= 300 {
        let code = text(&answer.body["code"]);
        let faults = answer.body["errors"].as_array();
        let faults: Vec<String> = faults
            .into_iter()
            .flatten()
            .map(|fault| format!("{} {}", text(&fault["field"]), text(&fault["code"])))
            .collect();
        return if code == "invalid_fields" {
            format!("{code} ({})", faults.join(", "))
        } else {
            code
        };
    }
    let outcome = &answer.body["outcomes"][0];
    match outcome["outcome"].as_str() {
        Some("refused") => text(&outcome["code"]),
        Some("unchanged") => "unchanged".to_owned(),
        _ => "ok".to_owned(),
    }
}
