//! Nobody learns who exists from how long an answer takes: times of known and unknown people are compared as samples.
//! Not how fast anything is.

use std::time::{Duration, Instant};

use muster_tests::world::{Actor, World};
use serde_json::{Value, json};

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

/// A request that is refused, or answered, with this status.
struct Asked {
    path: &'static str,
    form: Value,
    status: u16,
}

impl Asked {
    async fn timed(&self, world: &World, actor: &Actor<'_>) -> Duration {
        let began = Instant::now();
        let answer = actor.post(self.path, self.form.clone()).await;
        let took = began.elapsed();
        assert_eq!(answer.status, self.status, "{}", answer.text);
        // What is left to do in the background must not slow the next request down.
        world.stack.settled().await;
        took
    }
}

/// Asks about both, in turns first and second.
async fn pair(
    world: &World,
    actor: &Actor<'_>,
    turn: usize,
    known: &Asked,
    unknown: &Asked,
) -> Pair {
    if turn.is_multiple_of(2) {
        let first = known.timed(world, actor).await;
        (first, unknown.timed(world, actor).await)
    } else {
        let first = unknown.timed(world, actor).await;
        (known.timed(world, actor).await, first)
    }
}

fn sign_in(login: &str, password: &str, status: u16) -> Asked {
    Asked {
        path: "/v1/sessions",
        form: json!({ "login": login, "password": password }),
        status,
    }
}

fn new_password(login: &str, status: u16) -> Asked {
    Asked {
        path: "/v1/password-resets",
        form: json!({ "login": login }),
        status,
    }
}

/// Neither sample differs, and the one that does shows that the comparison can fail.
fn alike(samples: [Vec<Pair>; 2], control: &[Pair]) {
    assert!(deviation(control).abs() > DIFFERENT);
    for sample in samples {
        let deviation = deviation(&sample);
        assert!(deviation.abs() < DIFFERENT, "{deviation}");
    }
}

#[tokio::test]
async fn the_time_of_a_refused_sign_in_does_not_tell_whether_there_is_such_a_person() {
    const WRONG: &str = "wrong horse battery staple";
    let world = World::start().await;
    let company = world.company("Acme").await;
    let _ = company.owner.colleague("ada", "limited", &[]).await;
    let refused = |login: &str| sign_in(login, WRONG, 401);
    let (mut people, mut names, mut control) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..4 {
        let unknown = refused(&format!("ida{round}@colleagues.example"));
        let nameless = refused(&format!("ida{round}.colleague"));
        let other = refused(&format!("eve{round}@colleagues.example"));
        let by_address = refused("ada@colleagues.example");
        let by_name = refused("ada.colleague");
        // What is refused before any password is hashed can be told apart.
        let nonsense = sign_in("ada@colleagues.example", &"x".repeat(10_000), 422);
        for turn in 0..16 {
            // Few enough from each place, and of each login, that nobody has to wait.
            let place = world.nobody_at(&format!("127.0.{}.{}", round + 1, turn / 2 + 1));
            people.push(pair(&world, &place, turn, &by_address, &unknown).await);
            names.push(pair(&world, &place, turn, &by_name, &nameless).await);
            control.push(pair(&world, &place, turn, &nonsense, &other).await);
        }
        world.wait_hours(25).await;
    }
    alike([people, names], &control);
}

#[tokio::test]
async fn the_time_of_asking_for_a_new_password_does_not_tell_whether_there_is_such_a_person() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let _ = company.owner.colleague("ada", "limited", &[]).await;
    let pending = json!({ "email": "pia@colleagues.example", "invite": true });
    let _ = company.owner.add(pending).await;
    let asked = |login: &str| new_password(login, 202);
    let (mut people, mut invited, mut control) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..16 {
        let unknown = asked(&format!("i{round:02}@colleagues.example"));
        let other = asked(&format!("e{round:02}@colleagues.example"));
        let third = asked(&format!("o{round:02}@colleagues.example"));
        let (known, pending) = (
            asked("ada@colleagues.example"),
            asked("pia@colleagues.example"),
        );
        // What is refused before anything is read can be told apart.
        let nonsense = new_password("", 422);
        for turn in 0..4 {
            // Few enough from each place, and of each login, that nobody has to wait.
            let place = world.nobody_at(&format!("127.1.{}.{}", round + 1, turn + 1));
            people.push(pair(&world, &place, turn, &known, &unknown).await);
            invited.push(pair(&world, &place, turn, &pending, &other).await);
            control.push(pair(&world, &place, turn, &nonsense, &third).await);
        }
        world.wait_hours(1).await;
    }
    let mails = world.mails_to("ada@colleagues.example").await.len();
    assert!(
        mails > 16,
        "{mails}: somebody is looked up in the background"
    );
    alike([people, invited], &control);
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
