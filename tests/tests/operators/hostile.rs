//! What nobody means well by: events of any form, bodies too large or too deep, through every door.

use std::fs;
use std::path::Path;

use muster_tests::event;
use muster_tests::openapi::document;
use muster_tests::world::World;
use reqwest::Method;
use serde_json::Value;

/// What the fuzzers found worth keeping (`tests/fuzz`).
#[test]
fn every_event_of_the_corpus_is_answered_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/event");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() > 100, "an event for each operation at least");
    for file in files {
        let told = std::panic::catch_unwind(|| event::event(&fs::read(&file).unwrap()));
        assert!(told.is_ok(), "{}", file.display());
    }
    event::ended();
}

#[tokio::test]
async fn a_body_that_is_too_large_or_too_deep_is_refused_by_every_operation_that_takes_one() {
    let world = World::start().await;
    let company = world.company("North").await;
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(1024 * 1024));
    let deep = format!("{{\"x\":{}}}", "[".repeat(500_000));
    let version = company.owner.show(&company.owner.user).await["version"].to_string();
    let document: Value = serde_json::from_str(&document()).unwrap();
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let operations = operations.as_object().unwrap().iter();
        for (method, _) in operations.filter(|(_, operation)| !operation["requestBody"].is_null()) {
            for (body, refused) in [(&large, &[413][..]), (&deep, &[400, 422][..])] {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let place = path.replace("{id}", &company.owner.user);
                let request = company.owner.request(method.clone(), &place);
                let request = request
                    .header("content-type", "application/json")
                    .header("if-match", format!("\"{version}\""))
                    .body(body.clone());
                let answer = company.owner.send(request).await;
                let is_refused = refused.contains(&answer.status);
                // What the path names is looked for first by some.
                let expected = is_refused || answer.status == 404;
                assert!(
                    expected,
                    "{method} {path}: {} {}",
                    answer.status, answer.text
                );
                asked += u32::from(is_refused);
            }
        }
    }
    assert!(asked > 50, "{asked}");
}
