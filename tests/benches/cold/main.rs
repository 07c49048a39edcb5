//! Cold start and size of the functions' release binaries, as they are deployed, beside a function that does nothing, and beside
//! themselves with all that the libraries have by default.
//!
//! `make bench-cold`, or `make bench-cold ARGS=all` for all functions; Linux only. Times are medians of 20 starts:
//!
//! - zip: the binary deflated, which is what a deployment uploads;
//! - ready: from exec to the first request for an event, with the connection to an embedded `DynamoDB` opened;
//! - answer: from exec to the first event answered, which asks that `DynamoDB`;
//! - first/warm: how long this answer took, beside the median of the same event later on;
//! - TLS: CPU until ready with TLS to `DynamoDB`, less the same without: a handshake with certificates as long as AWS's;
//! - RSS: its peak at ready, and after 10,000 events;
//! - instructions: those of the process until the answer, as callgrind counts them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark that cannot go on says so"
)]

mod process;
mod scene;
mod tls;

use std::io::{self, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use muster_tests::bench::words;
use process::{Figures, Started};
use scene::Subject;
use tls::Tls;
use tokio::runtime::Runtime;

const STARTS: usize = 20;
const WARM: usize = 200;
const REQUESTS: usize = 10_000;

fn main() {
    let names: Vec<String> = words().collect();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(measure(&names)).unwrap();
}

async fn measure(names: &[String]) -> io::Result<()> {
    let scene = scene::Scene::set().await;
    let tls = Tls::before(scene.dynamodb()).await;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:<26}{:>10}{:>9}{:>8}{:>8}{:>8}{:>8}{:>8}{:>9}{:>9}{:>8}",
        "",
        "binary",
        "zip",
        "ready",
        "answer",
        "first/",
        "TLS",
        "RSS",
        "RSS at",
        "instruc-",
        "ready/"
    )?;
    writeln!(
        out,
        "{:<26}{:>10}{:>9}{:>8}{:>8}{:>8}{:>8}{:>8}{:>9}{:>9}{:>8}",
        "", "kB", "kB", "ms", "ms", "warm", "ms CPU", "MB", "10,000", "tions, M", "hello"
    )?;
    let hello = Row::of(&scene.hello(), None).await?;
    hello.write(&mut out, &hello)?;
    for name in names {
        let subject = scene.subject(name).await;
        for subject in [subject.clone(), subject.with_library_defaults()] {
            let row = Row::of(&subject, Some(&tls)).await?;
            row.write(&mut out, &hello)?;
        }
    }
    scene.end().await;
    Ok(())
}

/// What was measured of one function.
struct Row {
    name: String,
    binary: usize,
    zip: usize,
    ready: Duration,
    answer: Duration,
    first_to_warm: f64,
    handshake: Option<Duration>,
    memory_at_ready: f64,
    memory_at_end: f64,
    instructions: u32,
}

impl Row {
    async fn of(subject: &Subject, tls: Option<&Tls>) -> io::Result<Self> {
        let code = std::fs::read(&subject.binary)?;
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::best());
        deflated.write_all(&code)?;
        let starts = starts(subject).await;
        let mut one = Started::new(subject).await;
        let mut warm = Vec::new();
        for _ in 0..WARM {
            warm.push(one.handle(subject).await);
        }
        for _ in WARM..REQUESTS {
            one.handle(subject).await;
        }
        let memory_at_end = megabytes(one.peak_memory());
        drop(one);
        let cpu = |starts: &[Figures]| median(starts.iter().map(|start| start.cpu));
        let handshake = match tls {
            Some(tls) => {
                let over_tls = cpu(&self::starts(&tls.of(subject)).await);
                Some(over_tls.saturating_sub(cpu(&starts)))
            }
            None => None,
        };
        let first = median(starts.iter().map(|start| start.first));
        Ok(Self {
            name: subject.name.clone(),
            binary: code.len(),
            zip: deflated.finish()?.len(),
            ready: median(starts.iter().map(|start| start.ready)),
            answer: median(starts.iter().map(|start| start.ready + start.first)),
            first_to_warm: first.as_secs_f64() / median(warm).as_secs_f64(),
            handshake,
            memory_at_ready: megabytes(median(starts.iter().map(|start| start.memory))),
            memory_at_end,
            instructions: process::instructions(subject).await,
        })
    }

    fn write(&self, out: &mut impl Write, hello: &Self) -> io::Result<()> {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let handshake = self
            .handshake
            .map_or("-".to_owned(), |time| format!("{:.2}", ms(time)));
        writeln!(
            out,
            "{:<26}{:>10}{:>9}{:>8.2}{:>8.2}{:>8.2}{:>8}{:>8.1}{:>9.1}{:>9.1}{:>8.2}",
            self.name,
            self.binary / 1000,
            self.zip / 1000,
            ms(self.ready),
            ms(self.answer),
            self.first_to_warm,
            handshake,
            self.memory_at_ready,
            self.memory_at_end,
            f64::from(self.instructions) / 1e6,
            ms(self.ready) / ms(hello.ready),
        )?;
        out.flush()
    }
}

/// Starts it again and again.
async fn starts(subject: &Subject) -> Vec<Figures> {
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(Started::new(subject).await.figures);
    }
    starts
}

fn median<T: Copy + Ord>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_unstable();
    values[values.len() / 2]
}

fn megabytes(kilobytes: u32) -> f64 {
    f64::from(kilobytes) / 1024.0
}
