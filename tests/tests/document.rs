//! The API document is what the code says, and names the routes that the template has.

use std::collections::BTreeSet;

use muster_tests::openapi;
use serde_json::Value;

#[test]
fn the_document_is_up_to_date() {
    let stored = include_str!("../../openapi.json");
    assert!(
        stored == openapi::document(),
        "openapi.json is stale: run `make openapi` and read what changed"
    );
}

#[test]
fn document_and_template_have_the_same_routes() {
    let document: Value = serde_json::from_str(&openapi::document()).unwrap();
    let methods = |path: &str, item: &Value| {
        let methods = item
            .as_object()
            .unwrap()
            .keys()
            .map(|method| format!("{} {path}", method.to_uppercase()));
        methods.collect::<Vec<_>>()
    };
    let documented: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| methods(path, item))
        .collect();
    let wired: BTreeSet<String> = muster_local::routes().unwrap().into_iter().collect();
    assert_eq!(documented, wired);
    assert!(documented.len() > 20);
}

#[test]
fn files_end_before_whoever_is_in_them_is_erased() {
    let template = include_str!("../../infra/template.yaml");
    let days = |name: &str| -> Vec<u32> {
        let values = template.split(name).skip(1);
        let digits = |rest: &str| {
            rest.chars()
                .filter(char::is_ascii_digit)
                .collect::<String>()
        };
        let number = |rest: &str| digits(rest.split(['}', '\n']).next().unwrap_or_default());
        values.map(|rest| number(rest).parse().unwrap()).collect()
    };
    let (ends, replaced) = (days("ExpirationInDays:"), days("NoncurrentDays:"));
    assert_eq!(ends.len(), 5);
    // The first bucket is the one that tells of people.
    assert!(ends.iter().all(|end| end + replaced[0] < 30), "{ends:?}");
}

#[test]
fn every_operation_is_described_with_its_answers_and_examples() {
    let document: Value = serde_json::from_str(&openapi::document()).unwrap();
    let mut ids: BTreeSet<String> = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            assert!(
                operation["summary"]
                    .as_str()
                    .is_some_and(|summary| !summary.is_empty()),
                "{name} has no summary"
            );
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{name} has another's id");
            assert!(
                operation["tags"]
                    .as_array()
                    .is_some_and(|tags| tags.len() == 1),
                "{name} has no tag"
            );
            let answers: Vec<&String> =
                operation["responses"].as_object().unwrap().keys().collect();
            assert!(
                answers.iter().any(|status| status.starts_with('2')),
                "{name} has no success: {answers:?}"
            );
        }
    }
    let codes = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
        .as_array()
        .unwrap();
    assert!(codes.len() > 25, "{codes:?}");
}

#[test]
fn every_refusal_stands_under_its_status_with_the_codes_it_can_have() {
    let document: Value = serde_json::from_str(&openapi::document()).unwrap();
    let follow = |value: &Value| match value["$ref"].as_str() {
        Some(place) => document.pointer(place.trim_start_matches('#')).cloned(),
        None => Some(value.clone()),
    };
    let problem = follow(&document["components"]["schemas"]["Problem"]).unwrap();
    let known: BTreeSet<&str> = texts(&problem["properties"]["code"]["enum"]);
    let items = document["paths"].as_object().unwrap().iter();
    let operations = items.flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    for (name, operation) in operations {
        let responses = operation["responses"].as_object().unwrap();
        let open = operation.get("security").is_some();
        assert!(open || responses.contains_key("401"), "{name}");
        for (status, response) in responses {
            let response = follow(response).unwrap_or_else(|| panic!("{name}: {response}"));
            if status == "5XX" || status.starts_with('2') {
                continue;
            }
            let content = &response["content"]["application/problem+json"]["schema"]["allOf"][1];
            let said = &content["properties"];
            assert_eq!(said["status"]["const"].to_string(), *status, "{name}");
            let codes = texts(&said["code"]["enum"]);
            assert!(
                !codes.is_empty() && codes.is_subset(&known),
                "{name}: {codes:?}"
            );
            assert_eq!(
                response["headers"]["WWW-Authenticate"].is_object(),
                status == "401",
                "{name}"
            );
        }
    }
}

fn texts(list: &Value) -> BTreeSet<&str> {
    let texts = list.as_array().into_iter().flatten();
    texts.filter_map(Value::as_str).collect()
}
