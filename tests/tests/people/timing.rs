//! Nobody learns who exists from how long an answer takes: times of known and unknown people are compared as samples.
//! Not how fast anything is.

use std::time::{Duration, Instant};

use muster_tests::world::{Actor, World};
use serde_json::json;

/// The same question, asked about somebody known and somebody unknown, one right after the other.
type Pair = (Duration, Duration);

/// Beyond this the samples differ: by chance that happens once in about 16,000 tests.
const DIFFERENT: f64 = 4.0;

/// Wilcoxon's signed-rank statistic of the pairs, as a standard normal deviate (F. Wilcoxon, "Individual Comparisons by
/// Ranking Methods", 1945, with the large-sample approximation).
fn deviation(pairs: &[Pair]) -> f64 {
    let mut differences: Vec<f64> = pairs
        .iter()
        .map(|(known, unknown)| known.as_secs_f64() - unknown.as_secs_f64())
        .collect();
    differences.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let (mut sum, mut squares) = (0.0, 0.0);
    for (place, difference) in (1_u32..).zip(&differences) {
        let rank = f64::from(place);
        sum += rank.copysign(*difference);
        squares += rank * rank;
    }
    sum / f64::sqrt(squares)
}

async fn timed(actor: &Actor<'_>, login: &str, password: &str, status: u16) -> Duration {
    let form = json!({ "login": login, "password": password });
    let began = Instant::now();
    let answer = actor.post("/v1/sessions", form).await;
    let took = began.elapsed();
    assert_eq!(answer.status, status, "{}", answer.text);
    took
}

/// Asks about both, in turns first and second.
async fn pair(actor: &Actor<'_>, turn: usize, known: (&str, u16), unknown: &str) -> Pair {
    const WRONG: &str = "wrong horse battery staple";
    let endless = "x".repeat(10_000);
    let password = if known.1 == 422 { &endless } else { WRONG };
    if turn.is_multiple_of(2) {
        let first = timed(actor, known.0, password, known.1).await;
        (first, timed(actor, unknown, WRONG, 401).await)
    } else {
        let first = timed(actor, unknown, WRONG, 401).await;
        (timed(actor, known.0, password, known.1).await, first)
    }
}

#[tokio::test]
async fn the_time_of_a_refused_sign_in_does_not_tell_whether_there_is_such_a_person() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let _ = company.owner.colleague("ada", "limited", &[]).await;
    let (mut people, mut names, mut control) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..4 {
        for turn in 0..16 {
            // Few enough from each place, and of each login, that nobody has to wait.
            let place = world.nobody_at(&format!("127.0.{}.{}", round + 1, turn / 2 + 1));
            let unknown = format!("ida{round}@colleagues.example");
            let known = ("ada@colleagues.example", 401);
            people.push(pair(&place, turn, known, &unknown).await);
            let (known, unknown) = (("ada.colleague", 401), format!("ida{round}.colleague"));
            names.push(pair(&place, turn, known, &unknown).await);
            // What is refused before any password is hashed can be told apart: the comparison can fail.
            let nonsense = ("ada@colleagues.example", 422);
            control.push(
                pair(
                    &place,
                    turn,
                    nonsense,
                    &format!("eve{round}@colleagues.example"),
                )
                .await,
            );
        }
        world.wait_hours(25).await;
    }
    assert!(deviation(&control).abs() > DIFFERENT);
    for sample in [people, names] {
        let deviation = deviation(&sample);
        assert!(deviation.abs() < DIFFERENT, "{deviation}");
    }
}

#[test]
fn the_statistic_is_that_of_the_literature() {
    let pair =
        |known: u64, unknown: u64| (Duration::from_millis(known), Duration::from_millis(unknown));
    let even: Vec<Pair> = (0..10)
        .flat_map(|n| [pair(n, n + 1), pair(n + 1, n)])
        .collect();
    assert!(deviation(&even).abs() < 1.0);
    let pairs = [pair(7, 1), pair(6, 2), pair(9, 6), pair(4, 5), pair(10, 5)];
    // Ranks with signs: -1 (1), +2 (3), +3 (4), +4 (5), +5 (6): 13 over the root of 55.
    assert!((deviation(&pairs) - 13.0 / 55.0_f64.sqrt()).abs() < 1e-9);
}
