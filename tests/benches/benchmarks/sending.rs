//! How 100,000 invitations go out through an SES that takes so many mails a second: simulated, by the real pace of the workers.

use muster_tests::report::{Report, Row, Unit};

use crate::simulation::{INVITATIONS, Scene, run};

const CAPTION: &str = "How 100,000 invitations go out, simulated in virtual time: mail workers with their real pace, before an SES that \
    counts as AWS's does. The ceiling is the rate that SES takes.";

pub fn measure() -> Report {
    let with = |change: fn(&mut Scene)| {
        let mut scene = INVITATIONS;
        change(&mut scene);
        scene
    };
    let scenes = [
        ("as deployed", INVITATIONS),
        ("without pace", with(|scene| scene.paced = false)),
        ("half the bursts taken", with(|scene| scene.burst /= 2)),
        ("SES half as fast", with(|scene| scene.latency *= 2.0)),
        (
            "the same, 10 workers",
            with(|scene| (scene.latency, scene.workers) = (200.0, 10)),
        ),
        (
            "100/s, 34 workers",
            with(|scene| (scene.rate, scene.burst, scene.workers) = (100, 100, 34)),
        ),
    ];
    let mut report = Report::new("sending", "Sending of mails", CAPTION);
    for (name, scene) in scenes {
        report.push(row(name, scene));
    }
    report
}

fn row(name: &str, scene: Scene) -> Row {
    let outcome = run(scene);
    let remark = format!(
        "{:.1} h, {:.1} % of calls throttled, {} mails lost, at most {:.1} at once, oldest link {:.1} s",
        outcome.time.as_secs_f64() / 3_600.0,
        100.0 * outcome.throttled(),
        outcome.lost,
        outcome.ahead,
        outcome.oldest_link.as_secs_f64(),
    );
    let rate = f64::from(scene.rate);
    Row::new(name, rate * outcome.used(scene.rate), Unit::Rate("mails/s"))
        .remark(remark)
        .ceiling(rate, "")
}
