//! Every event of every function: what AWS or a client sends is answered, or refused, or fails as what it is.

use std::sync::{LazyLock, Mutex, PoisonError};

use muster_local::InvocationError;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use crate::world::{World, text};

/// How many events a world sees before it is looked through and a new one begins.
const EVENTS: u32 = 2_000;

/// A company, and what events may name of it.
struct Scene {
    world: World,
    events: u32,
    /// What stands in an input for the owner's token, and for ids.
    names: Vec<(&'static str, String)>,
}

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new().unwrap_or_else(|error| panic!("{error}")));
static SCENE: Mutex<Option<Scene>> = Mutex::new(None);

/// An event: the name of a function in the first line, then what it is given. Behind the name stands `message` where that is
/// what a message of its queue says, or the route of a request, whose parameters are the second line and whose body is the rest.
///
/// No event makes a function panic, hang, or call a request's fault its own; and whatever happened, the table keeps every rule.
///
/// # Panics
/// When it is not so.
pub fn event(input: &[u8]) {
    let mut scene = SCENE.lock().unwrap_or_else(PoisonError::into_inner);
    RUNTIME.block_on(async {
        let told = match &mut *scene {
            Some(scene) => scene,
            none => none.insert(Scene::begin().await),
        };
        told.tell(&String::from_utf8_lossy(input)).await;
        if told.events >= EVENTS {
            told.end().await;
            *scene = None;
        }
    });
}

/// Looks through the world that saw the events so far.
///
/// # Panics
/// When it does not keep every rule.
pub fn ended() {
    let scene = SCENE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(scene) = scene {
        RUNTIME.block_on(scene.end());
    }
}

impl Scene {
    async fn begin() -> Self {
        let world = World::start().await;
        let company = world.company("North").await;
        let owner = &company.owner;
        let made = async |path: &str, form: Value| {
            let made = owner.post(path, form).await.expect(201);
            text(&made["id"])
        };
        let user = json!({ "external_id": "T-1", "email": "t1@north.example", "invite": true });
        let names = vec![
            ("$USER", made("/v1/users", user).await),
            (
                "$FLEET",
                made("/v1/groups", json!({ "kind": "fleet", "name": "Trucks" })).await,
            ),
            (
                "$ACCOUNT",
                made(
                    "/v1/accounts",
                    json!({ "kind": "client", "name": "Client", "holder": { "kind": "consumer" } }),
                )
                .await,
            ),
            (
                "$ROLE",
                made(
                    "/v1/roles",
                    json!({ "name": "Clerk", "permissions": ["users.read"] }),
                )
                .await,
            ),
            ("$IMPORT", made("/v1/imports", json!({})).await),
            ("$TENANT", company.tenant.clone()),
            ("$OWNER", owner.user.clone()),
            ("$PRODUCT", company.products[0].clone()),
            ("$TOKEN", owner.token.clone().unwrap_or_default()),
            (
                "$SPARE",
                world
                    .sign_in(&company.owner_email)
                    .await
                    .token
                    .unwrap_or_default(),
            ),
        ];
        world.stack.settled().await;
        Self {
            world,
            events: 0,
            names,
        }
    }

    async fn tell(&mut self, input: &str) {
        self.events += 1;
        let mut input = input.to_owned();
        for (name, value) in &self.names {
            input = input.replace(name, value);
        }
        let (order, rest) = input.split_once('\n').unwrap_or((&input, ""));
        let (function, kind) = order.split_once(' ').unwrap_or((order, ""));
        let event = match kind {
            "" => serde_json::from_str(rest).ok(),
            "message" => Some(message(rest)),
            route => Some(self.request(route, rest)),
        };
        let Some(event) = event else {
            return;
        };
        match self.world.stack.invoke(function, event).await {
            Ok(answer) => judge(&answer),
            // An event of another form, or an order that cannot be carried out, is a failed invocation.
            Err(InvocationError::Failed(_)) => {
                assert!(kind.is_empty(), "the invocation failed: {input}");
            }
            Err(InvocationError::Unknown(_)) => {}
            Err(error) => panic!("{error}: {input}"),
        }
    }

    /// A request of the owner, as API Gateway tells of it (payload version 2.0).
    fn request(&self, route: &str, rest: &str) -> Value {
        let (method, path) = route.split_once(' ').unwrap_or((route, "/"));
        let (parameters, body) = rest.split_once('\n').unwrap_or((rest, ""));
        let mut headers = json!({ "content-type": "application/json" });
        let mut in_path = Map::new();
        let mut in_query = Map::new();
        for parameter in parameters.split('&').filter(|one| !one.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name {
                "authorization" | "if-match" | "idempotency-key" | "cookie" | "content-type"
                | "x-amzn-trace-id" => headers[name] = value.into(),
                name if route.contains(&format!("{{{name}}}")) => {
                    in_path.insert(name.to_owned(), value.into());
                }
                name => {
                    in_query.insert(name.to_owned(), value.into());
                }
            }
        }
        if headers["authorization"].is_null() {
            // A session that is ended must not be everybody's.
            let session = if path == "/v1/sessions/current" {
                "$SPARE"
            } else {
                "$TOKEN"
            };
            let token = self.names.iter().find(|(name, _)| *name == session);
            headers["authorization"] = token.map(|(_, token)| format!("Bearer {token}")).into();
        }
        let mut event = request(method, path, &headers);
        event["routeKey"] = route.into();
        event["pathParameters"] = in_path.into();
        event["queryStringParameters"] = in_query.into();
        event["body"] = body.into();
        event
    }

    async fn end(&self) {
        self.world.stack.settled().await;
        self.world.keeps_every_rule().await;
    }
}

/// A request as API Gateway tells of it (payload version 2.0), without a body.
#[must_use]
pub fn request(method: &str, path: &str, headers: &Value) -> Value {
    let route = format!("{method} {path}");
    json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1" },
            "requestId": "1",
            "routeKey": route,
            "stage": "$default",
            "timeEpoch": 0,
        },
        "isBase64Encoded": false,
    })
}

/// A batch of one message.
#[must_use]
pub fn message(body: &str) -> Value {
    json!({ "Records": [{
        "messageId": "1",
        "receiptHandle": "1",
        "body": body,
        "attributes": { "ApproximateReceiveCount": "1" },
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:queue",
        "awsRegion": "us-east-1",
    }] })
}

/// An answer to a request is good, or a problem of whoever sent it.
fn judge(answer: &Value) {
    let Some(status) = answer["statusCode"].as_u64() else {
        return;
    };
    assert!((200..500).contains(&status), "{answer}");
    if status >= 400 {
        let problem: Value = serde_json::from_str(answer["body"].as_str().unwrap_or_default())
            .unwrap_or_else(|error| panic!("{error}: {answer}"));
        assert_eq!(problem["status"], status, "{answer}");
        assert!(problem["code"].is_string(), "{answer}");
    }
}
