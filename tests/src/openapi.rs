//! The API document: what the functions say of their routes, put together.

use muster_shared::error::{ApiError, Problem};
use serde_json::{Value, json};
use utoipa::PartialSchema;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};

/// The document, as it stands in `openapi.json`.
///
/// # Panics
/// When it cannot be written as JSON, which its own types rule out.
#[must_use]
pub fn document() -> String {
    let mut text = serde_json::to_string_pretty(&value()).unwrap_or_else(|error| panic!("{error}"));
    text.push('\n');
    text
}

fn value() -> Value {
    let mut document = serde_json::to_value(merged()).unwrap_or_else(|error| panic!("{error}"));
    let broken = json!({
        "description": "`internal`: something is broken on the service's side",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    for operation in document["paths"]
        .as_object_mut()
        .into_iter()
        .flat_map(|paths| paths.values_mut())
        .filter_map(Value::as_object_mut)
        .flat_map(|item| item.values_mut())
    {
        operation["responses"]["5XX"] = broken.clone();
        let responses = operation["responses"].as_object_mut();
        for response in responses.into_iter().flat_map(|all| all.values_mut()) {
            response["headers"]["x-request-id"] =
                json!({ "$ref": "#/components/headers/RequestId" });
        }
    }
    document["components"]["headers"]["RequestId"] = json!({
        "description": "The request's id, by which support finds what became of it",
        "schema": { "type": "string" },
    });
    // Every code that a problem can have, with its status and meaning.
    let codes = ApiError::codes();
    let meanings: Vec<String> = codes
        .iter()
        .map(|(code, status, meaning)| format!("- `{code}` ({status}): {meaning}"))
        .collect();
    let code = &mut document["components"]["schemas"]["Problem"]["properties"]["code"];
    code["enum"] = codes.iter().map(|(code, ..)| *code).collect();
    code["description"] = json!(format!(
        "What went wrong, for programs; never changes.\n\n{}",
        meanings.join("\n")
    ));
    document
}

fn merged() -> OpenApi {
    let info = InfoBuilder::new().title("Muster").version("1").description(Some(
        "Fleet users, licences and invitations. Errors are problem documents (RFC 9457) with a stable `code`; lists have opaque cursors; times are RFC 3339, UTC.",
    ));
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components = ComponentsBuilder::new()
        .security_scheme("bearer", bearer)
        .schema("Problem", Problem::schema())
        .build();
    let mut document = OpenApiBuilder::new()
        .info(info.build())
        .components(Some(components))
        .build();
    document.security = Some(vec![SecurityRequirement::new(
        "bearer",
        Vec::<String>::new(),
    )]);
    let parts = vec![
        sign_in::api(),
        activate::api(),
        add_user::api(),
        list_users::api(),
        edit_user::api(),
        delete_users::api(),
        accounts::api(),
        invite::api(),
        overview::api(),
        resend::api(),
        revoke::api(),
        reset_password::api(),
        change_email::api(),
        assign::api(),
        activate_licence::api(),
        start_import::api(),
        start_export::api(),
        audit::api(),
        roles::api(),
        groups::api(),
        tenant::api(),
    ];
    for part in parts {
        refuse_namesakes(&document, &part);
        document.merge(part);
    }
    document
}

/// Two functions may use the same schema, but not two schemas by one name: merging would drop one of them.
fn refuse_namesakes(document: &OpenApi, part: &OpenApi) {
    let schemas = |document: &OpenApi| document.components.clone().unwrap_or_default().schemas;
    let known = schemas(document);
    for (name, schema) in schemas(part) {
        let same = known
            .get(&name)
            .is_none_or(|known| json!(known) == json!(schema));
        assert!(same, "two different schemas are called {name}");
    }
}
