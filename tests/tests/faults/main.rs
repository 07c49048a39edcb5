//! Every function, with each of its calls going wrong in each way: whoever waits is told the truth, whoever tries again gets
//! there, and the table keeps every rule.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

mod outcome;
mod play;
mod scenarios;
mod scene;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use muster_local::Options;
use muster_local::faults::Fault::{
    Broken, KilledAfter, KilledBefore, LostAfter, LostBefore, Refused, Throttled,
};
use muster_local::faults::Lasting::{Once, Throughout};
use muster_local::faults::{Call, Fault, Faults, Lasting, Planned};
use muster_tests::world::{Answer, World};

use outcome::alike;
use play::{Failure, Played, play};
use scenarios::{Scenario, Step};
use scene::Scene;

/// What may go wrong with a call. Once, the client tries again by itself and nobody should notice; throughout, it gives up. A
/// process that is killed makes no second attempt, and a service that cannot be reached is so for all calls.
const FAULTS: [(Fault, Lasting); 11] = [
    (Throttled, Throughout),
    (LostAfter, Once),
    (KilledAfter, Once),
    (Broken, Throughout),
    (LostAfter, Throughout),
    (KilledBefore, Once),
    (Refused, Throughout),
    (LostBefore, Throughout),
    (Throttled, Once),
    (Broken, Once),
    (LostBefore, Once),
];

/// The same for pairs: what nobody notices once, nobody notices twice.
const PAIRED: [(Fault, Lasting); 7] = [
    (Throttled, Throughout),
    (Broken, Throughout),
    (Refused, Throughout),
    (LostBefore, Throughout),
    (LostAfter, Throughout),
    (KilledBefore, Once),
    (KilledAfter, Once),
];

/// Whose calls go wrong in pairs.
const IN_PAIRS: [&str; 3] = ["import-chunk", "activate", "send-mail"];

/// Of how many cases of a part the whole table is checked after one; after the others it is only compared. Of all cases, it
/// always is.
const CHECKED: usize = 4;

/// How many stacks work at once.
const AT_ONCE: usize = 2;

/// How much of it is tried: a part, unless `FAULTS` says `all` or names a function.
fn whole(function: &str) -> Option<bool> {
    #[expect(
        clippy::disallowed_methods,
        reason = "how the tests themselves are to run"
    )]
    let wanted = std::env::var("FAULTS").unwrap_or_default();
    match wanted.as_str() {
        "" => Some(false),
        "all" => Some(true),
        wanted => (wanted == function).then_some(true),
    }
}

/// What was found.
#[derive(Default)]
struct Found {
    calls: usize,
    cases: usize,
    /// Pairs whose second call was not made this time: workers look as often as it takes.
    missed: usize,
    wrong: Vec<String>,
}

/// Tries the scenarios, as many at once as there are stacks, each with the cases that are made of its calls.
async fn try_all(
    scenarios: Vec<Scenario>,
    cases: impl AsyncFn(&mut Scene, usize, &Scenario, &Played, &Mutex<Found>),
) -> Found {
    let began = Instant::now();
    let waiting = Mutex::new(scenarios.into_iter().enumerate());
    let found = Mutex::new(Found::default());
    let worker = async || {
        let mut scene = Scene::new().await;
        loop {
            let next = waiting.lock().unwrap().next();
            let Some((number, scenario)) = next else {
                return;
            };
            match play(&mut scene, &scenario, &[], true).await {
                Err(why) => {
                    let mut found = found.lock().unwrap();
                    found
                        .wrong
                        .push(format!("{scenario}\n  undisturbed: {why}"));
                }
                Ok(played) if played.calls.is_empty() => {
                    let why = format!("{scenario}\n  makes no call");
                    found.lock().unwrap().wrong.push(why);
                }
                Ok(played) => {
                    found.lock().unwrap().calls += played.calls.len();
                    cases(&mut scene, number, &scenario, &played, &found).await;
                }
            }
        }
    };
    futures::future::join_all((0..AT_ONCE).map(|_| worker())).await;
    let found = found.into_inner().unwrap();
    eprintln!(
        "{} calls, {} cases, {} wrong, {} s",
        found.calls,
        found.cases,
        found.wrong.len(),
        began.elapsed().as_secs()
    );
    found
}

/// Plays a scenario with faults and compares it with how it went without; how it went.
async fn case(
    scene: &mut Scene,
    scenario: &Scenario,
    undisturbed: &Played,
    planned: &[Planned],
    found: &Mutex<Found>,
) -> Option<Played> {
    let number = {
        let mut found = found.lock().unwrap();
        found.cases += 1;
        found.cases
    };
    let checked = number.is_multiple_of(CHECKED) || whole(scenario.function) == Some(true);
    let played = play(scene, scenario, planned, checked).await;
    let mut found = found.lock().unwrap();
    let why = match &played {
        Err(Failure::NoSuchCall(_)) if planned.len() > 1 => {
            found.missed += 1;
            Vec::new()
        }
        Err(why) => vec![why.to_string()],
        Ok(played) => {
            let mut why = played.outcome.differences(&undisturbed.outcome);
            why.extend(other_answer(played, undisturbed));
            why
        }
    };
    if !why.is_empty() {
        let faults: Vec<String> = planned.iter().map(ToString::to_string).collect();
        let case = format!(
            "{scenario}\n  {}\n    {}",
            faults.join("\n  "),
            why.join("\n    ")
        );
        found.wrong.push(case);
    }
    played.ok()
}

/// That whoever waits was told something else than without faults.
fn other_answer(played: &Played, undisturbed: &Played) -> Option<String> {
    let (attempt, told) = played.answer.as_ref()?;
    let (_, wanted) = undisturbed.answer.as_ref()?;
    let right = match attempt {
        0 => told == wanted,
        _ => alike(told, wanted),
    };
    (!right).then(|| format!("told at attempt {attempt}: {told} instead of {wanted}"))
}

fn planned(call: &Call, (fault, lasting): (Fault, Lasting)) -> Planned {
    Planned {
        call: call.clone(),
        fault,
        lasting,
    }
}

/// Whether a call is the first or the last of its operation.
fn is_first_or_last(call: &Call, calls: &[Call]) -> bool {
    let mut same = calls
        .iter()
        .filter(|other| other.operation == call.operation);
    call.number == 0 || same.next_back() == Some(call)
}

fn report(found: &Found) {
    assert!(found.wrong.is_empty(), "{}", found.wrong.join("\n\n"));
    assert!(20 * found.missed <= found.cases, "{} missed", found.missed);
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_call_goes_wrong_the_answer_is_honest_and_a_retry_completes() {
    let scenarios = scenarios::all().into_iter();
    let scenarios = scenarios.filter(|scenario| whole(scenario.function).is_some());
    let cases = async |scene: &mut Scene,
                       number: usize,
                       scenario: &Scenario,
                       played: &Played,
                       found: &Mutex<Found>| {
        let all = whole(scenario.function) == Some(true);
        for (place, call) in played.calls.iter().enumerate() {
            let chosen = all || is_first_or_last(call, &played.calls);
            for (kind, fault) in FAULTS.iter().enumerate() {
                // A part: one fault, of neighbours others.
                if chosen && (all || (number + place) % FAULTS.len() == kind) {
                    case(scene, scenario, played, &[planned(call, *fault)], found).await;
                }
            }
        }
    };
    report(&try_all(scenarios.collect(), cases).await);
}

/// How long it takes to be told who one is.
async fn asked(
    world: &World,
    faults: &Faults,
    token: &str,
    lasting: Lasting,
) -> (Answer, Duration) {
    let call = Call {
        function: "list-users".to_owned(),
        operation: "GetItem".to_owned(),
        number: 0,
    };
    faults.plan(&[planned(&call, (Fault::Hung, lasting))]);
    let began = Instant::now();
    let answer = world.bearer(token).get("/v1/me").await;
    assert_eq!(faults.struck().len(), 1);
    (answer, began.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_gives_up_what_is_never_answered_before_its_own_time_is_over() {
    let faults = Arc::new(Faults::default());
    let world = World::with(|options| Options {
        faults: Some(Arc::clone(&faults)),
        ..options
    })
    .await;
    let company = world.company("Acme").await;
    let token = company.owner.token.unwrap();
    let (answer, took) = asked(&world, &faults, &token, Once).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(took < Duration::from_secs(6), "{took:?}");
    let (answer, took) = asked(&world, &faults, &token, Throughout).await;
    assert_eq!(answer.body["code"], "internal");
    // It is the function that says so, not the gateway in its place.
    assert!(answer.headers.contains_key("x-request-id"), "{took:?}");
}

#[test]
fn every_function_and_every_route_has_a_scenario() {
    let scenarios = scenarios::all();
    let of: BTreeSet<&str> = scenarios.iter().map(|scenario| scenario.function).collect();
    let all = muster_local::functions::ALL.iter();
    let all: BTreeSet<&str> = all.map(|function| function.name).collect();
    assert_eq!(of, all);
    let called = |route: &str| {
        scenarios.iter().any(|scenario| match &scenario.step {
            Step::Call { method, path, .. } => matches(route, method, path),
            _ => false,
        })
    };
    let routes = muster_local::routes().unwrap();
    let missing: Vec<&String> = routes.iter().filter(|route| !called(route)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Whether a request goes to a route.
fn matches(route: &str, method: &str, path: &str) -> bool {
    let (of_route, template) = route.split_once(' ').unwrap();
    let path = path.split('?').next().unwrap();
    let (template, path): (Vec<&str>, Vec<&str>) =
        (template.split('/').collect(), path.split('/').collect());
    let fits = |(template, part): (&&str, &&str)| {
        template == part || (template.starts_with('{') && part.starts_with('{'))
    };
    of_route == method && template.len() == path.len() && template.iter().zip(&path).all(fits)
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_two_calls_go_wrong_the_answer_is_honest_and_a_retry_completes() {
    let scenarios = scenarios::all().into_iter();
    let paired = |scenario: &Scenario| {
        IN_PAIRS.contains(&scenario.function) && whole(scenario.function).is_some()
    };
    let cases = async |scene: &mut Scene,
                       _: usize,
                       scenario: &Scenario,
                       played: &Played,
                       found: &Mutex<Found>| {
        let all = whole(scenario.function) == Some(true);
        let mut count = 0_usize;
        for first in &played.calls {
            for fault in PAIRED {
                let first = planned(first, fault);
                count += 1;
                // A part: every 40th, with every 40th.
                if !all && count % 40 != 1 {
                    continue;
                }
                // The calls after the first fault are those of whoever carries on, too.
                let Ok(disturbed) =
                    play(scene, scenario, std::slice::from_ref(&first), false).await
                else {
                    continue;
                };
                let at = disturbed.calls.iter().position(|call| *call == first.call);
                let later = disturbed.calls.iter().skip(at.unwrap_or(0) + 1);
                for (second, fault) in later.flat_map(|call| PAIRED.map(|fault| (call, fault))) {
                    count += 1;
                    if all || count % 40 == 1 {
                        let pair = [first.clone(), planned(second, fault)];
                        case(scene, scenario, played, &pair, found).await;
                    }
                }
            }
        }
    };
    report(&try_all(scenarios.filter(paired).collect(), cases).await);
}
