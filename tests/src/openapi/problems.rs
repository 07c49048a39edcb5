//! What an operation can be refused with: each code that it names and each that follows from its shape, under its status.

use std::collections::{BTreeMap, BTreeSet};

use muster_shared::error::ApiError;
use serde_json::{Map, Value, json};

/// Where an operation names its codes; behind [`OF_USERS`] those of single users, which come with an answer of 200.
const NAMED: &str = "4XX";
const OF_USERS: &str = "; of single users ";

/// Every code with its status and meaning.
pub struct Problems(BTreeMap<&'static str, (u16, &'static str)>);

impl Problems {
    /// All that there are.
    pub fn new() -> Self {
        let codes = ApiError::codes().into_iter();
        Self(
            codes
                .map(|(code, status, meaning)| (code, (status, meaning)))
                .collect(),
        )
    }

    /// Completes the schema of a problem by its codes.
    pub fn describe(&self, schema: &mut Value) {
        let lines = self.0.iter();
        let lines: Vec<String> = lines
            .map(|(code, (status, meaning))| format!("- `{code}` ({status}): {meaning}"))
            .collect();
        let code = &mut schema["properties"]["code"];
        code["enum"] = self.0.keys().copied().collect();
        code["description"] = json!(format!(
            "What went wrong, for programs; never changes.\n\n{}",
            lines.join("\n")
        ));
    }

    /// Puts each refusal of an operation under its status. What is the same everywhere goes into `shared`.
    ///
    /// # Panics
    /// When the operation names a code that there is not.
    pub fn expand(&self, method: &str, operation: &mut Value, shared: &mut Map<String, Value>) {
        let named = operation["responses"][NAMED]["description"].take();
        let named = named.as_str().unwrap_or_default();
        let (refusals, of_users) = named.split_once(OF_USERS).unwrap_or((named, ""));
        let mut codes: BTreeSet<&str> = refusals.split('`').skip(1).step_by(2).collect();
        codes.extend(of_shape(method, operation));
        let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
        for code in codes {
            let (status, _) = self.0.get(code).unwrap_or_else(|| panic!("{code}"));
            by_status.entry(*status).or_default().push(code);
        }
        let responses = &mut operation["responses"];
        if let Some(responses) = responses.as_object_mut() {
            responses.remove(NAMED);
        }
        if !of_users.is_empty() {
            let done = responses["200"]["description"].as_str().unwrap_or_default();
            responses["200"]["description"] = json!(format!("{done}; refused: {of_users}"));
        }
        for (status, codes) in by_status {
            let response = self.response(status, &codes);
            responses[status.to_string()] = if let [code] = codes[..] {
                let name = in_pascal_case(code);
                let reference = json!({ "$ref": format!("#/components/responses/{name}") });
                shared.insert(name, response);
                reference
            } else {
                response
            };
        }
    }

    fn response(&self, status: u16, codes: &[&str]) -> Value {
        let line = |code: &&str| format!("`{code}`: {}", self.0[code].1);
        let description = match codes {
            [code] => line(code),
            codes => format!(
                "- {}",
                codes.iter().map(line).collect::<Vec<_>>().join("\n- ")
            ),
        };
        let mut headers =
            json!({ "Cache-Control": { "$ref": "#/components/headers/Cache-Control" } });
        let also = match status {
            401 => Some("WWW-Authenticate"),
            409 | 429 => Some("Retry-After"),
            412 => Some("ETag"),
            _ => None,
        };
        // Unlike those of a success they may be missing, but for that of 401 (RFC 9110, section 11.6.1).
        if let Some(name) = also {
            headers[name] = json!({ "$ref": format!("#/components/headers/{name}") });
        }
        let narrowed =
            json!({ "properties": { "status": { "const": status }, "code": { "enum": codes } } });
        json!({
            "description": description,
            "headers": headers,
            "content": { "application/problem+json": {
                "schema": { "allOf": [{ "$ref": "#/components/schemas/Problem" }, narrowed] },
            } },
        })
    }
}

/// What every operation of the shape can be refused with.
fn of_shape(method: &str, operation: &Value) -> BTreeSet<&'static str> {
    let mut codes = BTreeSet::new();
    if operation.get("security").is_none() {
        codes.insert("unauthenticated");
    }
    if operation.get("requestBody").is_some() {
        codes.extend(["malformed_request", "too_large", "invalid_fields"]);
    }
    if method != "get" {
        codes.insert("busy");
    }
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        match (parameter["in"].as_str(), parameter["name"].as_str()) {
            (Some("path"), _) => codes.extend(["not_found"]),
            (Some("query"), _) => codes.extend(["malformed_request", "invalid_fields"]),
            (_, Some("Idempotency-Key")) => codes.extend([
                "request_in_progress",
                "idempotency_key_reused",
                "invalid_fields",
            ]),
            (_, Some("If-Match")) => codes.extend([
                "precondition_required",
                "precondition_failed",
                "invalid_fields",
            ]),
            _ => {}
        }
    }
    codes
}

fn in_pascal_case(code: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| {
            first.to_uppercase().chain(letters).collect()
        })
    };
    code.split('_').map(word).collect()
}
