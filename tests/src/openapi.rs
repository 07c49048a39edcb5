//! The API document: what the functions say of their routes, put together.

use muster_shared::error::Problem;
use serde_json::{Map, Value, json};
use utoipa::PartialSchema;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};

mod problems;

use problems::Problems;

/// How a version is written as an entity tag.
const ETAG: &str = "^\"[0-9]+\"$";

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

/// The operation that answers a request like `GET /v1/users/usr_…`, by its id in `openapi.json`.
///
/// # Panics
/// When the file is no JSON.
#[must_use]
pub fn operation(request: &str) -> Option<String> {
    let document: Value = serde_json::from_str(include_str!("../../openapi.json"))
        .unwrap_or_else(|error| panic!("{error}"));
    let (method, path) = request.split_once(' ')?;
    let method = method.to_lowercase();
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |template: &&String| {
        let wanted: Vec<&str> = template.split('/').collect();
        let same = |(wanted, part): (&&str, &&str)| wanted.starts_with('{') || wanted == part;
        wanted.len() == parts.len() && wanted.iter().zip(&parts).all(same)
    };
    let paths = document["paths"].as_object()?;
    let named = |template: &&String| paths[*template].get(&method).is_some();
    // A path without a parameter comes before one that has one in its place.
    let template = paths
        .keys()
        .filter(|template| fits(template) && named(template))
        .min_by_key(|template| template.matches('{').count())?;
    Some(paths[template][&method]["operationId"].as_str()?.to_owned())
}

fn value() -> Value {
    let mut document = serde_json::to_value(merged()).unwrap_or_else(|error| panic!("{error}"));
    let problems = Problems::new();
    problems.describe(&mut document["components"]["schemas"]["Problem"]);
    let mut responses = Map::from_iter([("Broken".to_owned(), broken())]);
    for (method, operation) in document["paths"]
        .as_object_mut()
        .into_iter()
        .flat_map(|paths| paths.values_mut())
        .filter_map(Value::as_object_mut)
        .flat_map(|item| item.iter_mut())
    {
        let parameters = operation.get_mut("parameters");
        for parameter in parameters
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            complete_parameter(parameter);
        }
        complete_headers(operation);
        problems.expand(method, operation, &mut responses);
        let inline = operation["responses"].as_object_mut().into_iter().flatten();
        for (_, response) in inline.filter(|(_, response)| response.get("$ref").is_none()) {
            response["headers"]["X-Request-Id"] = request_id();
        }
        operation["responses"]["5XX"] = json!({ "$ref": "#/components/responses/Broken" });
    }
    for response in responses.values_mut() {
        response["headers"]["X-Request-Id"] = request_id();
    }
    document["components"]["responses"] = responses.into();
    document["components"]["headers"] = headers();
    document
}

fn broken() -> Value {
    json!({
        "description": "`internal`: something is broken on the service's side",
        "headers": { "Cache-Control": { "$ref": "#/components/headers/Cache-Control" } },
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    })
}

/// Headers that answers have in common.
fn headers() -> Value {
    let text = |description: &str, required: bool, schema: Value| json!({ "description": description, "required": required, "schema": schema });
    json!({
        "Cache-Control": text("Whether it may be kept: `no-store`, but for what is the same for everybody", true, json!({ "type": "string" })),
        "ETag": text("The version, as `If-Match` names it", false, json!({ "type": "string", "pattern": ETAG })),
        "Idempotency-Replayed": text("`true`, where this is the answer that the first request with the key got", false, json!({ "type": "string", "enum": ["true"] })),
        "Retry-After": text("After how many seconds to come again", false, json!({ "type": "integer", "minimum": 1 })),
        "X-Request-Id": text("The request's id, by which support finds what became of it", false, json!({ "type": "string" })),
        "WWW-Authenticate": text("How to authenticate: `Bearer`", true, json!({ "type": "string", "enum": ["Bearer"] })),
    })
}

/// What the types of parameters do not say: how headers look, and that an empty parameter of a query counts as absent.
fn complete_parameter(parameter: &mut Value) {
    match (parameter["in"].as_str(), parameter["name"].as_str()) {
        (Some("query"), _) => parameter["allowEmptyValue"] = json!(true),
        (_, Some("Idempotency-Key")) => {
            parameter["description"] = json!(
                "Makes a retry safe: 1 to 255 visible ASCII characters, new for each request"
            );
            parameter["schema"] = json!({ "type": "string", "minLength": 1, "maxLength": 255 });
        }
        (_, Some("If-Match")) => {
            parameter["schema"] = json!({ "type": "string" });
            parameter["example"] = json!("\"1\"");
        }
        _ => {}
    }
}

fn request_id() -> Value {
    json!({ "$ref": "#/components/headers/X-Request-Id" })
}

/// What every success has: whether it may be kept, and whether it is the answer to an earlier request. What an operation
/// says of its headers they always have, unless it admits null.
fn complete_headers(operation: &mut Value) {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let once = parameters
        .clone()
        .any(|parameter| parameter["name"] == "Idempotency-Key");
    let responses = operation["responses"].as_object_mut().into_iter().flatten();
    for (_, response) in responses.filter(|(status, _)| status.starts_with('2')) {
        let documented = response.get_mut("headers").and_then(Value::as_object_mut);
        for (name, header) in documented.into_iter().flatten() {
            let optional = header["schema"]["type"].is_array();
            header["required"] = json!(!optional);
            header["schema"] = match name.as_str() {
                "ETag" => json!({ "type": "string", "pattern": ETAG }),
                "Location" => json!({ "type": "string", "format": "uri-reference" }),
                _ => json!({ "type": "string" }),
            };
        }
        if response.get("content").is_some() {
            response["headers"]["Cache-Control"] =
                json!({ "$ref": "#/components/headers/Cache-Control" });
        }
        if once {
            response["headers"]["Idempotency-Replayed"] =
                json!({ "$ref": "#/components/headers/Idempotency-Replayed" });
        }
    }
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
