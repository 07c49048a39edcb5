//! The HTTP API: each request becomes the event that API Gateway would make of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, RawPathParams, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use data_encoding::BASE64;
use muster_shared::clock::Clock;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cloudformation::ACCOUNT;
use crate::invoke::{Functions, new_trace};
use crate::problem::Problem;
use crate::template::Template;

/// What API Gateway takes as a body.
const LARGEST_BODY: usize = 10 * 1024 * 1024;
/// What Lambda takes as an event or an answer.
pub const LARGEST_EVENT: usize = 6 * 1024 * 1024;

/// The gateway.
#[derive(Debug)]
pub struct Gateway {
    functions: Arc<Functions>,
    clock: Clock,
    /// By path, then by method: the function.
    routes: BTreeMap<String, BTreeMap<String, String>>,
}

impl Gateway {
    /// The gateway with a template's routes.
    #[must_use]
    pub fn new(template: &Template, functions: Arc<Functions>, clock: Clock) -> Self {
        let mut routes: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for function in template.functions.values() {
            for route in &function.routes {
                routes
                    .entry(route.path.clone())
                    .or_default()
                    .insert(route.method.clone(), function.name.clone());
            }
        }
        Self {
            functions,
            clock,
            routes,
        }
    }

    /// The routes, to be served.
    pub fn router(self: &Arc<Self>) -> Router {
        self.routes.keys().fold(Router::new(), |router, path| {
            let (gateway, path_of_route) = (Arc::clone(self), path.clone());
            let handler = move |parameters: Result<RawPathParams, _>, request: Request| {
                let (gateway, path) = (Arc::clone(&gateway), path_of_route.clone());
                async move {
                    match parameters {
                        Ok(parameters) => gateway.answer(&path, &parameters, request).await,
                        Err::<_, axum::extract::rejection::RawPathParamsRejection>(_) => {
                            Problem::not_found().into_response()
                        }
                    }
                }
            };
            router.route(path, any(handler))
        })
    }

    /// Posts JSON to a route without parameters, as a client would, and returns status and answer.
    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = Incoming {
            method: "POST".to_owned(),
            uri: path.parse().unwrap_or_default(),
            headers: HeaderMap::from_iter([(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            )]),
            body: body.to_string().into(),
            peer: "127.0.0.1".to_owned(),
        };
        let Some(function) = self
            .routes
            .get(path)
            .and_then(|methods| methods.get("POST"))
        else {
            return (StatusCode::NOT_FOUND, Value::Null);
        };
        let response = self
            .invoke(function, request.event(path, Map::new(), &self.clock))
            .await;
        let status = response.status();
        let body = to_bytes(response.into_body(), LARGEST_EVENT)
            .await
            .unwrap_or_default();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn answer(&self, path: &str, parameters: &RawPathParams, request: Request) -> Response {
        let Some(methods) = self.routes.get(path) else {
            return Problem::not_found().into_response();
        };
        let (parts, body) = request.into_parts();
        // HTTP lets a client ask for the head of whatever it may get.
        let method = if parts.method == Method::HEAD {
            Method::GET
        } else {
            parts.method
        };
        let Some(function) = methods.get(method.as_str()) else {
            return not_allowed(&method, methods);
        };
        let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
            return too_large();
        };
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|peer| peer.0.ip().to_string());
        let request = Incoming {
            method: method.to_string(),
            uri: parts.uri,
            headers: parts.headers,
            body,
            peer: peer.unwrap_or_else(|| "127.0.0.1".to_owned()),
        };
        let parameters = parameters
            .iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        self.invoke(function, request.event(path, parameters, &self.clock))
            .await
    }

    async fn invoke(&self, function: &str, event: Value) -> Response {
        if event["body"]
            .as_str()
            .is_some_and(|body| body.len() > LARGEST_EVENT)
        {
            return too_large();
        }
        let answer = match self.functions.invoke(function, event).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(function, %error, "a request failed");
                return Problem::internal().into_response();
            }
        };
        serde_json::from_value::<Outgoing>(answer)
            .ok()
            .and_then(Outgoing::into_response)
            .unwrap_or_else(|| {
                tracing::error!(function, "the answer is no HTTP response");
                Problem::internal().into_response()
            })
    }
}

fn too_large() -> Response {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        "The request is too large; upload files to the upload address.",
    )
    .into_response()
}

fn not_allowed(method: &Method, methods: &BTreeMap<String, String>) -> Response {
    let mut allowed: Vec<_> = methods
        .keys()
        .map(String::as_str)
        .chain(["OPTIONS"])
        .collect();
    if methods.contains_key("GET") {
        allowed.push("HEAD");
    }
    let allow = [(header::ALLOW, allowed.join(", "))];
    if method == Method::OPTIONS {
        return (StatusCode::NO_CONTENT, allow).into_response();
    }
    let problem = Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("This address does not take {method}."),
    );
    (allow, problem).into_response()
}

/// A request on its way to a function.
struct Incoming {
    method: String,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    peer: String,
}

impl Incoming {
    /// The event of API Gateway, payload version 2.0.
    fn event(&self, path: &str, parameters: Map<String, Value>, clock: &Clock) -> Value {
        let now = clock.now();
        let (mut headers, cookies) = self.headers();
        headers
            .entry("x-amzn-trace-id")
            .or_insert_with(|| json!(new_trace(clock)));
        let route = format!("{} {path}", self.method);
        let mut event = json!({
            "version": "2.0",
            "routeKey": route,
            "rawPath": self.uri.path(),
            "rawQueryString": self.uri.query().unwrap_or_default(),
            "headers": headers,
            "requestContext": {
                "accountId": ACCOUNT,
                "apiId": "local",
                "domainName": headers.get("host"),
                "domainPrefix": "local",
                "http": {
                    "method": self.method,
                    "path": self.uri.path(),
                    "protocol": "HTTP/1.1",
                    "sourceIp": self.peer,
                    "userAgent": headers.get("user-agent"),
                },
                "requestId": uuid::Uuid::new_v4(),
                "routeKey": route,
                "stage": "$default",
                "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
                "timeEpoch": now.as_millisecond(),
            },
            "isBase64Encoded": false,
        });
        if !cookies.is_empty() {
            event["cookies"] = json!(cookies);
        }
        if !parameters.is_empty() {
            event["pathParameters"] = Value::Object(parameters);
        }
        if let Some(query) = self.uri.query().filter(|query| !query.is_empty()) {
            event["queryStringParameters"] = query_parameters(query);
        }
        if !self.body.is_empty() {
            match str::from_utf8(&self.body) {
                Ok(text) if self.is_text() => event["body"] = json!(text),
                _ => {
                    event["body"] = json!(BASE64.encode(&self.body));
                    event["isBase64Encoded"] = json!(true);
                }
            }
        }
        event
    }

    /// Headers, repeated ones joined by commas, and cookies.
    fn headers(&self) -> (Map<String, Value>, Vec<String>) {
        let mut headers: BTreeMap<&str, String> =
            BTreeMap::from([("x-forwarded-for", self.peer.clone())]);
        let mut cookies = Vec::new();
        for (name, value) in &self.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            if name == header::COOKIE {
                cookies.extend(value.split(';').map(|cookie| cookie.trim().to_owned()));
                continue;
            }
            headers
                .entry(name.as_str())
                .and_modify(|earlier| *earlier = format!("{earlier},{value}"))
                .or_insert_with(|| value.into_owned());
        }
        (
            headers
                .into_iter()
                .map(|(name, value)| (name.to_owned(), json!(value)))
                .collect(),
            cookies,
        )
    }

    fn is_text(&self) -> bool {
        let kind = self
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or("text/plain");
        [
            "text/",
            "application/json",
            "application/xml",
            "application/javascript",
            "application/x-www-form-urlencoded",
        ]
        .iter()
        .any(|text| kind.starts_with(text))
            || kind.contains("+json")
    }
}

/// Decoded, repeated ones joined by commas.
fn query_parameters(query: &str) -> Value {
    let decode = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
    };
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode(value);
        parameters
            .entry(decode(name))
            .and_modify(|earlier| *earlier = format!("{earlier},{value}"))
            .or_insert(value);
    }
    json!(parameters)
}

/// A function's answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outgoing {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    multi_value_headers: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

impl Outgoing {
    fn into_response(self) -> Option<Response> {
        let text = self.body.unwrap_or_default();
        let body = if self.is_base64_encoded {
            BASE64.decode(text.as_bytes()).ok()?
        } else {
            text.into_bytes()
        };
        if body.len() > LARGEST_EVENT {
            return None;
        }
        let mut response = Response::builder().status(self.status_code);
        let single = self
            .headers
            .iter()
            .filter(|(name, _)| !self.multi_value_headers.contains_key(*name));
        for (name, value) in single {
            response = response.header(name, value);
        }
        for (name, values) in &self.multi_value_headers {
            for value in values {
                response = response.header(name, value);
            }
        }
        for cookie in &self.cookies {
            response = response.header(header::SET_COOKIE, cookie);
        }
        response.body(Body::from(body)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incoming(
        uri: &'static str,
        headers: &[(&'static str, &'static str)],
        body: &'static [u8],
    ) -> Incoming {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        Incoming {
            method: "POST".to_owned(),
            uri: Uri::from_static(uri),
            headers: headers.collect(),
            body: Bytes::from_static(body),
            peer: "192.0.2.1".to_owned(),
        }
    }

    fn event(incoming: &Incoming) -> Value {
        let parameters = Map::from_iter([("id".to_owned(), json!("usr_1"))]);
        incoming.event(
            "/v1/users/{id}",
            parameters,
            &Clock::fixed(jiff::Timestamp::UNIX_EPOCH),
        )
    }

    #[test]
    fn a_request_becomes_the_event_of_the_gateway() {
        let request = incoming(
            "http://local/v1/users/usr_1?q=a%20b&tag=x&tag=y&empty",
            &[
                ("content-type", "application/json"),
                ("cookie", "a=1; b=2"),
                ("x-many", "1"),
                ("host", "local"),
            ],
            b"{}",
        );
        let event = event(&request);
        assert_eq!(event["routeKey"], "POST /v1/users/{id}");
        assert_eq!(event["rawPath"], "/v1/users/usr_1");
        assert_eq!(
            event["queryStringParameters"],
            json!({"q": "a b", "tag": "x,y", "empty": ""})
        );
        assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
        assert_eq!(event["headers"].get("cookie"), None);
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!("{}"), &json!(false))
        );
        assert_eq!(event["requestContext"]["http"]["sourceIp"], "192.0.2.1");
        assert_eq!(
            event["requestContext"]["time"],
            "01/Jan/1970:00:00:00 +0000"
        );
    }

    #[test]
    fn a_body_that_is_no_text_travels_as_base64() {
        let event = event(&incoming(
            "http://local/v1/users/usr_1",
            &[("content-type", "application/json")],
            b"\xff",
        ));
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!("/w=="), &json!(true))
        );
        assert_eq!(event.get("queryStringParameters"), None);
    }

    #[test]
    fn an_answer_becomes_a_response_with_all_its_headers() {
        let answer = json!({"statusCode": 201, "headers": {"etag": "1"}, "multiValueHeaders": {"link": ["a", "b"]},
            "cookies": ["s=1; HttpOnly"], "body": "aGk=", "isBase64Encoded": true});
        let response = serde_json::from_value::<Outgoing>(answer)
            .unwrap()
            .into_response()
            .unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.headers().get_all("link").iter().count(), 2);
        assert_eq!(response.headers()["set-cookie"], "s=1; HttpOnly");
    }
}
