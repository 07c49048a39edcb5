//! How fast an import is through the whole local path, beside what the embedded store does with the same writes bare.
//!
//! `cargo bench -p muster-tests --bench import -- [rows]`, 100,000 rows unless told otherwise.
#![expect(
    clippy::unwrap_used,
    clippy::format_push_string,
    reason = "a benchmark that cannot go on says so"
)]

#[path = "../bare/mod.rs"]
mod bare;
mod ceiling;

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use muster_local::Options;
use muster_shared::clock::Clock;
use muster_tests::bench::{peak_memory, words};
use muster_tests::world::{World, text};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Rows of the small import, whose memory the large one's is compared with.
const SMALL: u32 = 10_000;

fn main() {
    let words: Vec<String> = words().collect();
    let runtime = Runtime::new().unwrap();
    let mut out = io::stdout().lock();
    if let [folder, rows] = words.as_slice() {
        let import = runtime.block_on(import(Path::new(folder), rows.parse().unwrap()));
        return writeln!(out, "{}", json!(import)).unwrap();
    }
    let rows = words.first().map_or(100_000, |rows| rows.parse().unwrap());
    let [small, folder] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let small = alone(small.path(), SMALL);
    let large = alone(folder.path(), rows);
    let ceiling = runtime.block_on(ceiling::measure(folder.path()));
    report(&mut out, rows, small, large, ceiling).unwrap();
}

/// What an import took: seconds to upload, plan and commit, and the most memory of the process, in megabytes.
type Import = (f64, f64, f64, u64);

/// Imports in a process of its own, so that its memory is its own too.
fn alone(folder: &Path, rows: u32) -> Import {
    let mut program = Command::new(std::env::current_exe().unwrap());
    let done = program
        .arg(folder)
        .arg(rows.to_string())
        .stderr(Stdio::inherit())
        .output();
    serde_json::from_slice(&done.unwrap().stdout).unwrap()
}

fn report(
    out: &mut impl Write,
    rows: u32,
    (.., small): Import,
    (upload, plan, commit, large): Import,
    ceiling: Duration,
) -> io::Result<()> {
    let ceiling = ceiling.as_secs_f64();
    let total = upload + plan + commit;
    let rate = |seconds: f64| f64::from(rows) / seconds;
    writeln!(
        out,
        "{rows} rows          seconds    rows/s  of the store's"
    )?;
    for (name, seconds) in [("upload", upload), ("plan", plan)] {
        writeln!(out, "{name:<18}{seconds:>10.2}{:>10.0}", rate(seconds))?;
    }
    for (name, seconds) in [
        ("commit and report", commit),
        ("upload to report", total),
        ("the store, bare", ceiling),
    ] {
        let (rate, ratio) = (rate(seconds), ceiling / seconds);
        writeln!(out, "{name:<18}{seconds:>10.2}{rate:>10.0}{ratio:>10.2}")?;
    }
    writeln!(
        out,
        "peak memory: {small} MB with {SMALL} rows, {large} MB with {rows}"
    )
}

/// Imports so many new users on files in `data`.
async fn import(data: &Path, rows: u32) -> Import {
    let file = data.join("users.csv");
    write_users(&file, rows).unwrap();
    let world = World::with(|options| Options {
        data: Some(data.join("stack")),
        clock: Clock::shifted(),
        meter: false,
        ..options
    })
    .await;
    // For as many workers at once as the stack has.
    let company = world
        .company_with("Northwind", json!({ "shards": 16 }))
        .await;
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
    let peak = u64::from(peak_memory("self")) / 1024;
    let report = tokio::task::spawn_blocking(move || lines(&text(&done["report_url"])).unwrap());
    assert_eq!(report.await.unwrap(), u64::from(rows) + 1);
    world.stack.shutdown().await;
    let [upload, plan, commit] = [upload, plan, commit].map(|time| time.as_secs_f64());
    (upload, plan, commit, peak)
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
