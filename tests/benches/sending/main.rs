//! How 100,000 invitations go out through an SES that takes 14 mails a second: simulated, by the real pace of the workers.
//!
//! `cargo bench -p muster-tests --bench sending`
mod simulation;
#[path = "../virtual_time/mod.rs"]
mod virtual_time;

use std::io::{self, Write};

use simulation::{INVITATIONS, Scene, run};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let plain = INVITATIONS;
    writeln!(
        out,
        "{} mails, SES takes {}/s         used  throttled   lost  hours  most at once  oldest link",
        plain.mails, plain.rate
    )?;
    let with = |change: fn(&mut Scene)| {
        let mut scene = plain;
        change(&mut scene);
        scene
    };
    let scenes = [
        ("as deployed", plain),
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
    for (name, scene) in scenes {
        let outcome = run(scene);
        writeln!(
            out,
            "{name:<34}{:>7.1} %{:>8.2} %{:>7}{:>7.2}{:>14.1}{:>11.1} s",
            100.0 * outcome.used(scene.rate),
            100.0 * outcome.throttled(),
            outcome.lost,
            outcome.time.as_secs_f64() / 3_600.0,
            outcome.ahead,
            outcome.oldest_link.as_secs_f64(),
        )?;
    }
    Ok(())
}
