//! Requests in, responses out: JSON bodies, parameters, problems, and retries that are safe.

pub mod accounts;
pub mod adding;
pub mod forms;
pub mod guessing;
pub mod leaving;
mod objects;
pub mod references;
pub mod session_cookie;
pub mod views;

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_MATCH, LOCATION, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use lambda_http::http::{HeaderMap, HeaderValue, Method, StatusCode};
use lambda_http::request::RequestContext;
use lambda_http::{Body, RequestExt};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

use self::objects::Objects;
use crate::context::Context;
use crate::domain::field::{Fault, Fields};
use crate::domain::id::{Seed, base32};
use crate::domain::throttle::Source;
use crate::error::ApiError;
use crate::store::idempotency::{Answer, Claim};
use crate::store::transaction::Transaction;

/// A request as the handlers see it.
pub type Request = lambda_http::Request;
/// A response as the handlers give it.
pub type Response = lambda_http::Response<Body>;

/// The largest body of a request; files go to the bucket.
const LARGEST_BODY: usize = 1024 * 1024;

/// The header by which a client makes its retries safe.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The headers of the distribution in front of the API: its secret, and the address that it saw.
const EDGE_PROOF: &str = "x-muster-edge";
const EDGE_VIEWER: &str = "x-muster-viewer";

/// Method and path template, as the API names the route: `POST /v1/users`.
#[must_use]
pub fn route(request: &Request) -> String {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            context.route_key.clone().unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// The gateway's own id of a request, by which its access log tells of it too.
#[must_use]
pub fn request_id(request: &Request) -> Option<String> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    }
}

/// Where a request comes from, as the gateway saw it, or the distribution in front of it if the request came through that:
/// what a client says of itself in headers does not count.
#[must_use]
pub fn source(ctx: &Context, request: &Request) -> Source {
    if let Some(viewer) = viewer(ctx.config.edge_secret.as_deref(), request.headers()) {
        return Source::of(viewer);
    }
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            Source::of(context.http.source_ip.as_deref().unwrap_or_default())
        }
        _ => Source::of(""),
    }
}

/// The address that the distribution saw. It overwrites the header with it, and proves itself by the secret.
fn viewer<'a>(secret: Option<&str>, headers: &'a HeaderMap) -> Option<&'a str> {
    let proof = headers.get(EDGE_PROOF)?.as_bytes();
    // Hashes, so that the time it takes tells nothing of the secret.
    if Sha256::digest(proof) != Sha256::digest(secret?) {
        return None;
    }
    headers.get(EDGE_VIEWER)?.to_str().ok()
}

/// Reads a JSON body, which must be called JSON: a page of another site cannot send that without asking the browser first.
///
/// # Errors
/// When it is too large, no JSON, or not of this shape; the answer names the field.
pub fn parse_json<T: DeserializeOwned>(request: &Request) -> Result<T, ApiError> {
    if !is_json(request) {
        const UNCALLED: &str =
            "The body must be sent with the header `Content-Type: application/json`.";
        return Err(ApiError::Malformed(UNCALLED.to_owned()));
    }
    let body: &[u8] = match request.body() {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        _ => b"",
    };
    if body.len() > LARGEST_BODY {
        return Err(ApiError::TooLarge);
    }
    let malformed = |error: &serde_json::Error| {
        ApiError::Malformed(format!("The body is not the JSON expected here: {error}."))
    };
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(Objects(&mut json)).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        // An object in place of one of several words is bad syntax to the reader of words, and good JSON.
        let is_json = error.is_data() || serde_json::from_slice::<IgnoredAny>(body).is_ok();
        match (is_json, path.as_str()) {
            (false, _) | (true, ".") => malformed(&error),
            (true, path) => {
                ApiError::field(path, &Fault::new("invalid_value", without_place(&error)))
            }
        }
    })?;
    json.end().map_err(|error| malformed(&error))?;
    Ok(read)
}

/// A merge patch (RFC 7396) may be called what it is.
fn is_json(request: &Request) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next());
    essence.map(str::trim).is_some_and(|essence| {
        essence.eq_ignore_ascii_case("application/json")
            || (request.method() == Method::PATCH
                && essence.eq_ignore_ascii_case("application/merge-patch+json"))
    })
}

/// What serde says of a value, without "at line 1 column 7".
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ")
        .map_or(text.clone(), |(text, _)| text.to_owned())
}

/// Reads the query's parameters; all are texts, see [`whole_number`].
///
/// # Errors
/// When one is unknown or not of its type.
pub fn parse_query<T: DeserializeOwned>(request: &Request) -> Result<T, ApiError> {
    let parameters: QueryMap = request.query_string_parameters();
    let pairs = parameters.iter().filter(|(_, value)| !value.is_empty());
    let object: serde_json::Map<String, serde_json::Value> = pairs
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    serde_path_to_error::deserialize(serde_json::Value::Object(object)).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        match path.as_str() {
            "." => ApiError::Malformed(format!("The parameters cannot be read: {message}.")),
            _ => ApiError::field(&path, &Fault::new("invalid_value", message)),
        }
    })
}

/// Reads a parameter that is a whole number, for `deserialize_with`. Only the field knows: an external ID may look like
/// a number and is none.
///
/// # Errors
/// When it is not one.
pub fn whole_number<'de, D: Deserializer<'de>>(parameter: D) -> Result<Option<u32>, D::Error> {
    let text = String::deserialize(parameter)?;
    let number = text.parse().map_err(|_| {
        let unexpected = serde::de::Unexpected::Str(&text);
        serde::de::Error::invalid_value(unexpected, &"a whole number")
    })?;
    Ok(Some(number))
}

/// Reads a `cursor` parameter: where the page before ended. It names no tenant, so it opens nothing of another one.
///
/// # Errors
/// When it is not the `next` of a page.
pub fn cursor(text: &str) -> Result<String, Fault> {
    cursor_within(text, 1_000)
}

/// Reads a `cursor` parameter of a list whose keys have at most so many bytes.
///
/// # Errors
/// When it is not the `next` of a page.
pub fn cursor_within(text: &str, most: usize) -> Result<String, Fault> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok();
    let key = bytes
        .filter(|bytes| bytes.len() <= most)
        .and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(invalid_cursor)
}

/// That a `cursor` is none of ours.
#[must_use]
pub fn invalid_cursor() -> Fault {
    Fault::new("invalid_cursor", "is not the `next` of a page")
}

/// What a page says of where the next one begins, for [`cursor`] to read.
#[must_use]
pub fn next(key: &str) -> String {
    BASE64URL_NOPAD.encode(key.as_bytes())
}

/// Reads a `limit` parameter: 1 to 200, by default 50.
pub fn limit(fields: &mut Fields, limit: Option<u32>) -> usize {
    let limit = limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        fields.fault("limit", &Fault::new("out_of_range", "must be 1 to 200"));
    }
    limit as usize
}

/// A parameter of the path, read as an id. What is no id is not found.
///
/// # Errors
/// When it cannot be one.
pub fn path_id<T>(
    request: &Request,
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, Fault>,
) -> Result<T, ApiError> {
    let parameters = request.path_parameters();
    let text = parameters.first(name).ok_or(ApiError::NotFound)?;
    parse(text).map_err(|_| ApiError::NotFound)
}

/// The version that an edit was made from, by its `If-Match`: one strong entity tag as [`tagged`] gives it. `*` names
/// none, and a tag that is not of that form matches nothing.
///
/// # Errors
/// When no version is named, none of ours is, or the header is not one entity tag.
pub fn if_match(request: &Request) -> Result<u64, ApiError> {
    let mut values = request.headers().get_all(IF_MATCH).iter();
    let (value, more) = (values.next(), values.next());
    let value = value.ok_or(ApiError::PreconditionRequired)?;
    let text = value.to_str().map(str::trim).unwrap_or_default();
    if text == "*" || (text.is_empty() && value.is_empty()) {
        return Err(ApiError::PreconditionRequired);
    }
    let strong = text.strip_prefix("W/").unwrap_or(text);
    let opaque = strong
        .strip_prefix('"')
        .and_then(|tag| tag.strip_suffix('"'));
    match opaque.filter(|tag| more.is_none() && !tag.contains('"')) {
        None => Err(ApiError::field(
            "If-Match",
            &Fault::new("invalid_value", "must be one ETag, such as \"3\""),
        )),
        // A weak tag never matches strongly (RFC 9110, section 8.8.3.2).
        Some(_) if text.starts_with("W/") => Err(ApiError::PreconditionFailed),
        Some(tag) => {
            let version: u64 = tag.parse().map_err(|_| ApiError::PreconditionFailed)?;
            if version.to_string() == tag {
                Ok(version)
            } else {
                Err(ApiError::PreconditionFailed)
            }
        }
    }
}

/// 200 with a JSON body.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn ok(body: &impl Serialize) -> Result<Response, ApiError> {
    json(StatusCode::OK, body)
}

/// 200 with a JSON body that may be kept for `seconds`, by anybody.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn cached(body: &impl Serialize, seconds: u32) -> Result<Response, ApiError> {
    let mut response = ok(body)?;
    if let Ok(value) = HeaderValue::from_str(&format!("public, max-age={seconds}")) {
        response.headers_mut().insert(CACHE_CONTROL, value);
    }
    Ok(response)
}

/// 200 with a JSON body and its version as `ETag`.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn tagged(body: &impl Serialize, version: u64) -> Result<Response, ApiError> {
    let mut response = ok(body)?;
    tag(&mut response, version);
    Ok(response)
}

fn tag(response: &mut Response, version: u64) {
    if let Ok(value) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(ETAG, value);
    }
}

/// 201 with a JSON body and the place of what was made.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn created(location: &str, body: &impl Serialize) -> Result<Response, ApiError> {
    let mut response = json(StatusCode::CREATED, body)?;
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// 201 with a JSON body, the place of what was made, and its version as `ETag`.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn created_tagged(
    location: &str,
    body: &impl Serialize,
    version: u64,
) -> Result<Response, ApiError> {
    let mut response = created(location, body)?;
    tag(&mut response, version);
    Ok(response)
}

/// 202 with a JSON body: it was taken on and will be done.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn accepted(body: &impl Serialize) -> Result<Response, ApiError> {
    json(StatusCode::ACCEPTED, body)
}

/// 200 with a file to be saved under `name`.
#[must_use]
pub fn file(content_type: &'static str, name: &str, content: &str) -> Response {
    let mut response = with_type(StatusCode::OK, content_type, content.to_owned());
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    response
}

/// 204.
#[must_use]
pub fn no_content() -> Response {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn json(status: StatusCode, body: &impl Serialize) -> Result<Response, ApiError> {
    Ok(with_type(
        status,
        "application/json",
        serde_json::to_string(body)?,
    ))
}

fn with_type(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The answer in place of what was asked for. An internal fault is logged here, once.
#[must_use]
pub fn problem(error: &ApiError) -> Response {
    let problem = error.problem();
    if let ApiError::Internal(fault) = error {
        tracing::error!(%fault, "internal fault");
    }
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_string(&problem).unwrap_or_default();
    let mut response = with_type(status, "application/problem+json", body);
    if status == StatusCode::UNAUTHORIZED {
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let ApiError::Outdated(version) = error {
        tag(&mut response, *version);
    }
    if matches!(error, ApiError::InProgress) {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("2"));
    }
    if let ApiError::TooMany { retry_after } = error {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(retry_after.seconds()));
    }
    response
}

fn idempotency_key(request: &Request) -> Result<Option<&str>, ApiError> {
    let Some(value) = request.headers().get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(key) if (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(Some(key))
        }
        _ => Err(ApiError::field(
            "Idempotency-Key",
            &Fault::new(
                "invalid_value",
                "must have 1 to 255 visible ASCII characters",
            ),
        )),
    }
}

/// A request that is being carried out, under its `Idempotency-Key` if it has one.
pub struct Once<'a> {
    /// What ids are made from.
    pub seed: Seed,
    /// Scope and key.
    record: Option<(&'a str, &'a str)>,
}

impl Once<'_> {
    /// Keeps the answer in the very transaction that does what was asked, so that a retry gets it whatever becomes of this
    /// attempt afterwards: for what can be done once only, and would be refused to whoever did it. `forgotten` if the key was
    /// meanwhile.
    pub fn keep<T: Clone>(
        &self,
        transaction: &mut Transaction<'_, T>,
        answer: &Response,
        forgotten: T,
    ) {
        if let Some((scope, key)) = self.record {
            transaction.answer(scope, key, &kept(answer), forgotten);
        }
    }
}

/// Carries a request out once per `Idempotency-Key` and `scope`: a retry gets the first answer. What was refused is
/// forgotten; what broke off is carried out again with the same seed, so that it meets what its first attempt left.
/// `fingerprint` tells whether the key is used for the same request.
///
/// # Errors
/// Those of `work`; when the key was used for something else, or its request still runs.
pub async fn once(
    ctx: &Context,
    scope: &str,
    request: &Request,
    fingerprint: &str,
    work: impl AsyncFnOnce(Once<'_>) -> Result<Response, ApiError>,
) -> Result<Response, ApiError> {
    let seed = Seed::random()?;
    let Some(key) = idempotency_key(request)? else {
        return work(Once { seed, record: None }).await;
    };
    let seed = match ctx
        .store
        .claim(scope, key, fingerprint, seed, ctx.clock.now())
        .await?
    {
        Claim::Answered(answer) => return Ok(replayed(answer)),
        Claim::InProgress => return Err(ApiError::InProgress),
        Claim::Reused => return Err(ApiError::KeyReused),
        Claim::Ours(seed) => seed,
    };
    let record = Some((scope, key));
    let answer = work(Once { seed, record }).await;
    let noted = match &answer {
        Ok(response) => ctx.store.answer(scope, key, &kept(response)).await,
        Err(ApiError::Internal(_)) => ctx.store.release(scope, key).await,
        Err(_) => ctx.store.forget(scope, key).await,
    };
    // The answer stands, noted or not: a retry will meet what was done.
    if let Err(fault) = noted {
        tracing::error!(%fault, "an answer could not be kept");
    }
    answer
}

fn kept(response: &Response) -> Answer {
    let body = if let Body::Text(text) = response.body() {
        text.clone()
    } else {
        String::new()
    };
    let header = |name| {
        let value = response.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    Answer {
        status: response.status().as_u16(),
        body,
        location: header(LOCATION),
        etag: header(ETAG),
    }
}

fn replayed(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = with_type(status, "application/json", answer.body);
    response
        .headers_mut()
        .insert("idempotency-replayed", HeaderValue::from_static("true"));
    for (name, value) in [(LOCATION, answer.location), (ETAG, answer.etag)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The same answer with another body.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn with_body(mut response: Response, body: &impl Serialize) -> Result<Response, ApiError> {
    *response.body_mut() = Body::Text(serde_json::to_string(body)?);
    Ok(response)
}

/// What tells a request from another one: method, path and body.
#[must_use]
pub fn fingerprint(request: &Request) -> String {
    digest(&[
        request.method().as_str().as_bytes(),
        request.uri().path().as_bytes(),
        request.body().as_ref(),
    ])
}

/// The SHA-256 of several parts.
#[must_use]
pub fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    base32(&hash.finalize())
}

/// A time as the API writes it: RFC 3339, UTC, to the millisecond.
#[must_use]
pub fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use lambda_http::http::HeaderName;

    use super::*;

    /// What `If-Match` with these values comes to: the version, or the problem's code.
    fn matched(values: &[&str]) -> Result<u64, String> {
        let mut request = Request::new(Body::Empty);
        for value in values {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().append(IF_MATCH, value);
        }
        if_match(&request).map_err(|error| error.problem().code)
    }

    #[test]
    fn the_address_that_a_request_names_counts_only_with_the_secret_of_the_distribution() {
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            let header = |&(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            };
            pairs.iter().map(header).collect()
        };
        let proven = headers(&[(EDGE_PROOF, "secret"), (EDGE_VIEWER, "192.0.2.1")]);
        assert_eq!(viewer(Some("secret"), &proven), Some("192.0.2.1"));
        assert_eq!(viewer(Some("other"), &proven), None);
        assert_eq!(viewer(None, &proven), None);
        assert_eq!(
            viewer(Some("secret"), &headers(&[(EDGE_VIEWER, "192.0.2.1")])),
            None
        );
    }

    #[test]
    fn json_of_another_form_is_told_by_field_and_what_is_no_json_is_malformed() {
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Word {
            Left,
        }
        #[derive(Debug, Deserialize)]
        struct Form {
            #[expect(dead_code, reason = "read only")]
            word: Option<Word>,
        }
        let refused = |body: &str| {
            let mut request = Request::new(Body::Text(body.to_owned()));
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
            let problem = parse_json::<Form>(&request).unwrap_err().problem();
            let fields = problem.errors.into_iter().map(|error| error.field);
            (problem.code, fields.collect::<Vec<_>>())
        };
        let field = || ("invalid_fields".to_owned(), vec!["word".to_owned()]);
        for body in [
            r#"{"word":"right"}"#,
            r#"{"word":1}"#,
            r#"{"word":[]}"#,
            r#"{"word":{}}"#,
        ] {
            assert_eq!(refused(body), field(), "{body}");
        }
        let within = ("invalid_fields".to_owned(), vec!["word.left".to_owned()]);
        assert_eq!(refused(r#"{"word":{"left":{}}}"#), within);
        for body in [
            "",
            "[]",
            r#"["left"]"#,
            "null",
            r#"{"word":"left""#,
            r#"{"word":{"#,
        ] {
            let malformed = ("malformed_request".to_owned(), Vec::new());
            assert_eq!(refused(body), malformed, "{body}");
        }
    }

    #[test]
    fn an_edit_names_one_version() {
        assert_eq!(matched(&["\"3\""]), Ok(3));
        for none in [&[][..], &["*"], &[""]] {
            assert_eq!(matched(none), Err("precondition_required".to_owned()));
        }
        for foreign in ["\"x\"", "\"\"", "W/\"3\"", "\"03\"", "\"+3\"", "\"-1\""] {
            let failed = Err("precondition_failed".to_owned());
            assert_eq!(matched(&[foreign]), failed, "{foreign}");
        }
        for unclear in [&["3"][..], &["\"3"], &["\"3\", \"4\""], &["\"3\"", "\"4\""]] {
            let faulty = Err("invalid_fields".to_owned());
            assert_eq!(matched(unclear), faulty, "{unclear:?}");
        }
    }
}
