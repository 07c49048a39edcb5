//! Reading takes time in proportion to what is read, whatever that is: nothing reads the same bytes again and again.

use std::time::{Duration, Instant};

use muster_fuzz::{TARGETS, Target};

/// How much longer the longer text is.
const TIMES: u32 = 8;

/// What is repeated, and what stands in front of it.
const TEXTS: &[(&str, &str)] = &[
    ("", "\""),
    ("", "\"\"\n"),
    ("", ","),
    ("", "\n"),
    ("", "."),
    ("", "a."),
    ("", "/"),
    ("", "#"),
    ("", " "),
    ("", "A"),
    ("", "é"),
    ("", "\u{fdfa}"),
    ("", "\u{300}\u{315}"),
    ("", "\0"),
    ("drop/tnt_0zk0m7v2q8x1c9dj/", "../"),
    ("a@", "b."),
    ("+", "1 "),
    ("{\"alg\":\"EdDSA\"}\n", "["),
    ("{\"alg\":\"EdDSA\"}\n{\"aud\":", "[\"api\","),
    ("External ID,Email\n", "\"a\nb\",\n"),
    ("External ID,Email\n", "1,'=\n"),
    ("External ID,Roles\n1,", "driver;"),
    ("External ID,Email\n1,\"", "\n"),
    ("External ID", ",\"\n\""),
    ("External ID,Email\n", "\u{e9},"),
];

#[test]
fn every_target_takes_time_in_proportion_to_its_input() {
    for (name, target) in TARGETS {
        for (start, repeated) in TEXTS {
            let text = |bytes: usize| {
                let count = bytes / repeated.len();
                format!("{start}{}", repeated.repeat(count)).into_bytes()
            };
            let (short, long) = (text(4_096), text(4_096 * TIMES as usize));
            // Whatever else the machine does only adds to it, so the least of some times tells.
            let in_proportion = (0..5).any(|_| {
                let least = time(target, &short).max(Duration::from_micros(500));
                time(target, &long) < least * TIMES * 3
            });
            assert!(
                in_proportion,
                "{name}: {start:?} and {repeated:?} again and again"
            );
        }
    }
}

fn time(target: Target, input: &[u8]) -> Duration {
    let began = Instant::now();
    target(input);
    began.elapsed()
}
