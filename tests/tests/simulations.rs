//! What the benchmarks simulate at full size, smaller: it must hold.

#[path = "../benches/sending/simulation.rs"]
mod sending;
#[path = "../benches/virtual_time/mod.rs"]
mod virtual_time;

use std::time::Duration;

use sending::{INVITATIONS, Scene};

#[test]
fn invitations_use_what_ses_takes_and_none_is_throttled_or_lost() {
    let scene = Scene {
        mails: 5_000,
        ..INVITATIONS
    };
    let outcome = sending::run(scene);
    assert!(outcome.used(scene.rate) >= 0.95, "{outcome:?}");
    assert!(outcome.throttled() < 0.001, "{outcome:?}");
    assert_eq!(
        (outcome.sent, outcome.lost),
        (scene.mails, 0),
        "{outcome:?}"
    );
    assert!(outcome.oldest_link < Duration::from_secs(5), "{outcome:?}");
}

/// The simulated SES throttles, and what it throttled comes again.
#[test]
fn without_a_pace_ses_throttles_and_still_none_is_lost() {
    let scene = Scene {
        mails: 5_000,
        paced: false,
        ..INVITATIONS
    };
    let outcome = sending::run(scene);
    assert!(outcome.throttled() > 0.1, "{outcome:?}");
    assert_eq!(
        (outcome.sent, outcome.lost),
        (scene.mails, 0),
        "{outcome:?}"
    );
}
