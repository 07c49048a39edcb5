//! How fast an import is through the whole local path, beside what the embedded store does with the same writes bare.
//!
//! `cargo bench -p muster-tests --bench import -- [rows]`, 100,000 rows unless told otherwise.
#![expect(
    clippy::unwrap_used,
    clippy::format_push_string,
    reason = "a benchmark that cannot go on says so"
)]

mod ceiling;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use muster_local::Options;
use muster_shared::clock::Clock;
use muster_tests::world::{World, text};
use serde_json::{Value, json};

/// Rows of the small import, whose memory the large one's is compared with.
const SMALL: u32 = 10_000;

fn main() {
    // `cargo bench` adds `--bench`.
    let rows = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let rows = rows.unwrap_or(100_000);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let [small, folder] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let small = runtime.block_on(import(small.path(), SMALL));
    let large = runtime.block_on(import(folder.path(), rows));
    let ceiling = runtime.block_on(ceiling::measure(folder.path()));
    let mut out = io::stdout().lock();
    report(&mut out, rows, &small, &large, ceiling).unwrap();
}

/// What an import took.
struct Import {
    upload: Duration,
    plan: Duration,
    commit: Duration,
    /// The most memory that the process had meanwhile, in megabytes.
    peak: u64,
}

fn report(
    out: &mut impl Write,
    rows: u32,
    small: &Import,
    large: &Import,
    ceiling: Duration,
) -> io::Result<()> {
    let per_second = |time: Duration| f64::from(rows) / time.as_secs_f64();
    let total = large.upload + large.plan + large.commit;
    writeln!(
        out,
        "{rows} rows          seconds    rows/s  of the ceiling"
    )?;
    for (name, time) in [
        ("upload", large.upload),
        ("plan", large.plan),
        ("commit and report", large.commit),
        ("upload to report", total),
        ("the store, bare", ceiling),
    ] {
        let (rate, ratio) = (per_second(time), per_second(time) / per_second(ceiling));
        writeln!(
            out,
            "{name:<18}{:>10.2}{rate:>10.0}{ratio:>10.2}",
            time.as_secs_f64()
        )?;
    }
    writeln!(
        out,
        "peak memory: {} MB with {SMALL} rows, {} MB with {rows}",
        small.peak, large.peak
    )
}

/// Imports so many new users on files in `data`.
async fn import(data: &Path, rows: u32) -> Import {
    let file = data.join("users.csv");
    write_users(&file, rows).unwrap();
    forget_peak();
    let world = World::with(|options| Options {
        data: Some(data.join("stack")),
        clock: Clock::shifted(),
        meter: false,
        ..options
    })
    .await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let begun = owner.post("/v1/imports", json!({})).await.expect(201);
    let path = format!("/v1/imports/{}", text(&begun["id"]));

    let start = Instant::now();
    let upload = begun["upload"].clone();
    tokio::task::spawn_blocking(move || put(&upload, &file).unwrap())
        .await
        .unwrap();
    let upload = start.elapsed();

    let start = Instant::now();
    world.stack.settled().await;
    let plan = start.elapsed();
    let planned = owner.get(&path).await.expect(200);
    assert_eq!(planned["planned"]["created"], rows, "{planned}");

    let start = Instant::now();
    let done = owner.commit_import(&planned).await;
    let commit = start.elapsed();
    assert_eq!(done["state"], "done", "{done}");
    let peak = peak();
    let report = tokio::task::spawn_blocking(move || lines(&text(&done["report_url"])).unwrap());
    assert_eq!(report.await.unwrap(), u64::from(rows) + 1);
    world.stack.shutdown().await;
    Import {
        upload,
        plan,
        commit,
        peak,
    }
}

fn write_users(path: &Path, rows: u32) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(
        file,
        "External ID,Email,First Name,Last Name,Phone Number,Employee Number"
    )?;
    for row in 0..rows {
        let phone = 15_111_000_000 + u64::from(row);
        writeln!(
            file,
            "D-{row:07},driver.{row}@northwind.example,Ada {row},Lovelace,+49{phone},{row}"
        )?;
    }
    file.flush()
}

/// Puts a file to a pre-signed address, a piece at a time.
fn put(upload: &Value, file: &Path) -> io::Result<()> {
    let file = File::open(file)?;
    let mut headers = format!("content-length: {}\r\n", file.metadata()?.len());
    for header in upload["headers"].as_array().into_iter().flatten() {
        headers += &format!("{}: {}\r\n", text(&header["name"]), text(&header["value"]));
    }
    let answer = send("PUT", &text(&upload["url"]), &headers, file)?;
    let status = answer.lines().next().transpose()?.unwrap_or_default();
    assert!(status.contains(" 200 "), "{status}");
    Ok(())
}

/// How many lines a file has.
fn lines(url: &str) -> io::Result<u64> {
    let answer = send("GET", url, "", io::empty())?;
    let body = answer
        .lines()
        .skip_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty()));
    let lines = body.skip(1).map(|line| line.map(|_| 1));
    lines.sum()
}

fn send(
    method: &str,
    url: &str,
    headers: &str,
    mut body: impl Read,
) -> io::Result<BufReader<TcpStream>> {
    let (host, path) = url
        .trim_start_matches("http://")
        .split_once('/')
        .unwrap_or_default();
    let mut socket = TcpStream::connect(host)?;
    write!(
        socket,
        "{method} /{path} HTTP/1.0\r\nhost: {host}\r\n{headers}\r\n"
    )?;
    io::copy(&mut body, &mut socket)?;
    Ok(BufReader::new(socket))
}

/// Makes Linux count the most memory from now on (proc(5), `clear_refs`).
fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// The most memory since then, in megabytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: u64 = line
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    kilobytes / 1024
}
