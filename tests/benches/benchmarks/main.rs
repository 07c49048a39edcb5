//! The benchmarks that write BENCHMARKS.md, each its own section: `make bench`, or one of them alone by
//! `cargo bench -p muster-tests --bench benchmarks -- import --rows 100000`.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on says so")]

mod bare;
mod calls;
mod cpu;
mod exports;
mod import;
mod quotas;
mod scene;
mod sending;
mod sign_ins;
mod simulation;
mod stacks;
mod virtual_time;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use muster_tests::binaries;
use muster_tests::report::Report;
use serde_json::Value;
use tokio::runtime::Runtime;

/// What a benchmark is told.
#[derive(Debug, Parser)]
struct Asked {
    benchmark: Benchmark,
    /// The most rows that are imported, or users that are exported.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u32,
    /// The file that keeps the table; it is printed in any case.
    #[arg(long)]
    into: Option<PathBuf>,
    /// The commit that is measured.
    #[arg(long, default_value = "unknown")]
    commit: String,
    /// Import once, on files in this folder, and say what it came to.
    #[arg(long, hide = true)]
    once: Option<PathBuf>,
    /// Let that import's functions say what they consume.
    #[arg(long, hide = true)]
    meter: bool,
    /// Said by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Benchmark {
    Import,
    SignIns,
    Calls,
    Cpu,
    Exports,
    Sending,
    Quotas,
}

impl Asked {
    /// How many rows or users are tried: ten thousand and a hundred thousand, up to what is asked for.
    fn sizes(&self) -> Vec<u32> {
        let mut sizes = vec![10_000, 100_000, self.rows];
        sizes.retain(|size| *size <= self.rows);
        sizes.dedup();
        sizes
    }
}

fn main() -> io::Result<()> {
    if binaries::act() {
        return Ok(());
    }
    let asked = Asked::parse();
    let runtime = Runtime::new()?;
    if let Some(folder) = &asked.once {
        let came_to: Value = runtime.block_on(import::once(folder, asked.rows, asked.meter))?;
        return writeln!(io::stdout().lock(), "{came_to}");
    }
    let report = runtime.block_on(measure(&asked))?;
    report.publish(asked.into.as_deref(), &asked.commit)
}

async fn measure(asked: &Asked) -> io::Result<Report> {
    match asked.benchmark {
        Benchmark::Import => import::measure(&asked.sizes()).await,
        Benchmark::SignIns => sign_ins::measure().await,
        Benchmark::Calls => calls::measure().await,
        Benchmark::Cpu => cpu::measure().await,
        Benchmark::Exports => exports::measure(&asked.sizes()).await,
        Benchmark::Sending => Ok(sending::measure()),
        Benchmark::Quotas => Ok(quotas::measure().await),
    }
}
