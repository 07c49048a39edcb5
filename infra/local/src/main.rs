//! The command that runs Muster on one machine.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use muster_local::{Options, Spawn, Stack, functions, start};
use muster_shared::clock::Clock;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Runs Muster on this machine: every function, with stand-ins for the AWS services.
#[derive(Parser)]
#[command(name = "muster-local")]
struct Arguments {
    /// Where the API and the pages answer; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7070")]
    listen: SocketAddr,
    /// The folder that keeps everything
    #[arg(long, value_name = "DIR", default_value = ".muster")]
    data: PathBuf,
    /// Keep nothing: everything is gone in the end
    #[arg(long, conflicts_with = "data")]
    memory: bool,
    /// Start without a demo tenant
    #[arg(long)]
    no_demo: bool,
    /// Write there, once Muster answers, how to reach it (JSON)
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// The folder of the built console, by default where `make console` puts it
    #[arg(long, value_name = "DIR")]
    console: Option<PathBuf>,
    /// Run each function as a process of its own: its binary, as it is deployed, from DIR, by default where this program is
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "a flag whose value may be left out")]
    spawn: Option<Option<PathBuf>>,
    /// What to log, for example `info` or `warn,muster_shared=debug`
    #[arg(long, value_name = "FILTER", default_value = "warn,dynoxide=error")]
    log: Targets,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let logs = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    tracing_subscriber::registry()
        .with(logs.with_filter(arguments.log.clone()))
        .init();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "muster-local: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    // Before anything starts, so that an early signal is not lost.
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let spawn = match arguments.spawn {
        None => None,
        Some(folder) => Some(Spawn {
            folder: folder.map_or_else(beside_this_program, Ok)?,
            log: arguments.log.to_string(),
        }),
    };
    let defaults = Options::default();
    let options = Options {
        listen: arguments.listen,
        data: (!arguments.memory).then_some(arguments.data),
        demo: !arguments.no_demo,
        clock: Clock::shifted(),
        console: arguments
            .console
            .unwrap_or_else(|| defaults.console.clone()),
        ready_file: arguments.ready_file,
        spawn,
        ..defaults
    };
    let has_console = options.console.join("index.html").exists();
    let stack = start(options, functions::ALL).await?;
    welcome(&stack, has_console)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    stack.shutdown().await;
    Ok(())
}

fn beside_this_program() -> io::Result<PathBuf> {
    let mut program = std::env::current_exe()?;
    program.pop();
    Ok(program)
}

fn welcome(stack: &Stack, has_console: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "Muster answers at {}", stack.url)?;
    if !has_console {
        writeln!(
            out,
            "  console      is not built: `make console` does that, with Node.js"
        )?;
    }
    writeln!(out, "  what is where {}/local/", stack.url)?;
    writeln!(out, "  mails sent   {}/local/inbox", stack.url)?;
    writeln!(
        out,
        "  S3           {} (bucket {})",
        stack.s3_url, stack.bucket
    )?;
    writeln!(out, "  DynamoDB     {}", stack.dynamodb_url)?;
    if let Some(demo) = &stack.demo {
        writeln!(
            out,
            "Sign in to the demo tenant {} as {} with {}",
            demo.tenant, demo.email, demo.password
        )?;
    }
    writeln!(out, "Ctrl-C stops it.")?;
    out.flush()
}
