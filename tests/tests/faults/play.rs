//! Plays a scenario with faults in it, as those would who wait for it: they look at the answer, and try again.

use std::fmt;
use std::time::Duration;

use muster_local::faults::{Call, Planned};
use muster_tests::world::Answer;
use reqwest::Method;
use serde_json::{Value, json};

use super::outcome::{Outcome, plain_answer};
use super::scenarios::{Scenario, Step};
use super::scene::Scene;

/// How a scenario went.
pub struct Played {
    /// What it came to.
    pub outcome: Outcome,
    /// What whoever waited was told in the end, and at which attempt; none if they were told that it was done before.
    pub answer: Option<(usize, Value)>,
    /// The calls of its function, in order.
    pub calls: Vec<Call>,
}

/// Why a scenario was not played, or not to its end.
pub enum Failure {
    /// The call that a fault was to strike was not made.
    NoSuchCall(Planned),
    /// A rule was broken.
    Rule(String),
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Rule(why)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchCall(planned) => write!(f, "no such call came: {planned}"),
            Self::Rule(why) => f.write_str(why),
        }
    }
}

/// How often anything is tried at most.
const TRIES: usize = 8;
/// How long a request with an `Idempotency-Key` may take before a retry carries it out: seconds.
const LEASE: i64 = 41;
/// How long a mail is a worker's, on AWS shorter than the rest of a message before it comes again: seconds.
const MAIL_LEASE: i64 = 121;

/// Plays a scenario; why not, if it breaks a rule. Where `checked`, the whole table is asked for them at the end.
pub async fn play(
    scene: &mut Scene,
    scenario: &Scenario,
    planned: &[Planned],
    checked: bool,
) -> Result<Played, Failure> {
    scene.restore();
    let dead = scene.world.stack.dead_letters().len();
    let version = version(scene, scenario).await;
    scene.faults.plan(planned);
    let answer = act(scene, scenario, version).await;
    let settled = settle(scene).await;
    scene.faults.quiet().await;
    let (calls, struck) = (scene.faults.calls(), scene.faults.struck());
    scene.faults.plan(&[]);
    let answer = answer?;
    settled?;
    if let Some(missed) = planned.iter().find(|planned| !struck.contains(planned)) {
        return Err(Failure::NoSuchCall(missed.clone()));
    }
    let dead = &scene.world.stack.dead_letters()[dead..];
    if !dead.is_empty() {
        return Err(Failure::Rule(format!("given up: {dead:?}")));
    }
    if checked {
        keeps_every_rule(scene).await?;
    }
    let ours = |call: &Call| call.function == scenario.function;
    Ok(Played {
        outcome: Outcome::of(scene),
        answer,
        calls: calls.into_iter().filter(ours).collect(),
    })
}

async fn keeps_every_rule(scene: &Scene) -> Result<(), String> {
    // What the schedule is to do was due long ago.
    let order = json!({ "units_per_second": 100_000, "overdue_minutes": 100_000 });
    let checked = scene.world.stack.invoke("check", order).await;
    let checked = checked.map_err(|error| format!("check: {error}"))?;
    if checked["clean"] == true {
        Ok(())
    } else {
        Err(format!("a rule is broken: {}", checked["rules"]))
    }
}

/// Waits until all work is done. Leases of those who died end meanwhile, as they do on AWS before a message comes again.
async fn settle(scene: &Scene) -> Result<(), String> {
    for wait in [300, 300, 20_000] {
        let settled = scene.world.stack.settled();
        let settled = tokio::time::timeout(Duration::from_millis(wait), settled);
        if settled.await.is_ok() {
            return Ok(());
        }
        if !scene.faults.struck().is_empty() {
            scene.pass(MAIL_LEASE);
        }
    }
    Err("the work is never done".to_owned())
}

/// The text with the scene's things in it.
fn filled(scene: &Scene, text: &str) -> String {
    let mut text = text.to_owned();
    for (name, thing) in &scene.things {
        text = text.replace(&format!("{{{name}}}"), thing);
    }
    text
}

fn filled_json(scene: &Scene, value: &Value) -> Value {
    serde_json::from_str(&filled(scene, &value.to_string())).unwrap()
}

/// Does what the scenario is about until it is done; what its answer was, unless it was done before.
async fn act(
    scene: &Scene,
    scenario: &Scenario,
    version: Option<String>,
) -> Result<Option<(usize, Value)>, String> {
    match &scenario.step {
        Step::Call { .. } => call(scene, scenario, version).await,
        Step::Invoke(function, event) => invoke(scene, function, event).await.map(Some),
        Step::Put(key, content) => {
            let files = &scene.world.operator().files();
            let key = filled(scene, key);
            let put = files.put(&key, "text/csv", content.as_bytes().to_vec());
            put.await.map_err(|error| error.to_string())?;
            Ok(None)
        }
        Step::News(event) => {
            let ses = scene.world.nobody();
            let told = ses.post("/local/ses-events", event.clone()).await;
            (told.status == 202).then_some(None).ok_or(told.text)
        }
    }
}

async fn invoke(scene: &Scene, function: &str, event: &Value) -> Result<(usize, Value), String> {
    let mut last = String::new();
    for attempt in 0..TRIES {
        let event = filled_json(scene, event);
        match scene.world.stack.invoke(function, event).await {
            Ok(answer) => return Ok((attempt, plain_answer(scene, &answer))),
            Err(error) if scene.faults.struck().is_empty() => return Err(error.to_string()),
            Err(error) => last = error.to_string(),
        }
    }
    Err(format!("it never succeeds: {last}"))
}

/// Sends the scenario's request.
async fn send(scene: &Scene, step: &Step, version: Option<&str>) -> Answer {
    let Step::Call {
        who,
        method,
        path,
        body,
        ..
    } = step
    else {
        unreachable!("no request")
    };
    let actor = match *who {
        "" => scene.world.nobody(),
        who => scene.world.bearer(scene.things[who].clone()),
    };
    let method: Method = method.parse().unwrap();
    let mut request = actor.request(method.clone(), &filled(scene, path));
    if !body.is_null() {
        request = request.json(&filled_json(scene, body));
    }
    if method == Method::POST {
        request = request.header("Idempotency-Key", "the-very-same");
    }
    if let Some(version) = version {
        request = request.header("If-Match", version);
    }
    actor.send(request).await
}

/// The version that an edit starts from, as whoever makes it was shown it.
async fn version(scene: &Scene, scenario: &Scenario) -> Option<String> {
    let Step::Call {
        method: "PATCH" | "PUT",
        path,
        ..
    } = &scenario.step
    else {
        return None;
    };
    let owner = scene.world.bearer(scene.things["owner's token"].clone());
    for _ in 0..TRIES {
        let shown = owner.get(&filled(scene, path)).await;
        if let Some(version) = shown.headers.get("etag") {
            return Some(version.to_str().unwrap().to_owned());
        }
    }
    None
}

/// When to come again: seconds.
fn retry_after(answer: &Answer) -> i64 {
    let told = answer.headers["retry-after"].to_str().unwrap();
    told.parse().unwrap()
}

async fn call(
    scene: &Scene,
    scenario: &Scenario,
    mut at: Option<String>,
) -> Result<Option<(usize, Value)>, String> {
    let Step::Call { status, again, .. } = &scenario.step else {
        unreachable!("no request")
    };
    let mut told = Vec::new();
    for attempt in 0..TRIES {
        let answer = send(scene, &scenario.step, at.as_deref()).await;
        if answer.status == *status {
            return Ok(Some((attempt, plain_answer(scene, &answer.body))));
        }
        let code = answer.body["code"].as_str().unwrap_or_default().to_owned();
        told.push(format!("{} {code}", answer.status));
        if attempt > 0 && again.contains(&answer.status) {
            return Ok(None);
        }
        if scene.faults.struck().is_empty() {
            return Err(format!("refused for no reason: {told:?} {}", answer.text));
        }
        match (answer.status, code.as_str()) {
            (500, "internal") | (409, "busy") => {}
            (409, "request_in_progress") => scene.pass(LEASE),
            // What is counted is counted at each attempt.
            (429, _) => scene.pass(retry_after(&answer)),
            (412, _) if attempt > 0 => at = version(scene, scenario).await,
            _ => return Err(format!("dishonest, or no help: {told:?} {}", answer.text)),
        }
    }
    Err(format!("it never succeeds: {told:?}"))
}
