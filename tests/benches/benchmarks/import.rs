//! How fast an import is through the whole local path, beside what the embedded store does with the same writes bare; and
//! what the functions that do it take of the machine.

mod ceiling;

use std::io::{self, BufRead};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use muster_tests::bench::users;
use muster_tests::report::{Report, Row, Unit, percentiles};
use muster_tests::usage::Usage;
use muster_tests::world::{World, text};
use serde_json::{Value, json};

use crate::stacks;

/// Rows of the import whose write units are counted.
const METERED: u32 = 10_000;
/// A user and two guards at two units each in a transaction, and the user's place in an index.
const BARE_UNITS: f64 = 7.0;
/// What a headless back office over `PostgreSQL` manages on such a machine into one plain collection, times five.
const FIVE_TIMES_A_BACK_OFFICE: f64 = 2_600.0;
const CAPTION: &str = "Rows a second of new users with address, names, phone and employee number, through the whole local path: uploaded, \
    planned, committed and reported, by processes of the functions as on AWS (built as benchmarks are), all on this machine, on files. \
    The ceiling is the embedded store doing the commit's writes bare: the same items in the same transactions, eight at once, in the same \
    run. Memory and processor time are those of the functions' processes; write units are those of `import` and `import-chunk`.";

/// What an import came to, and what the functions said meanwhile.
struct Import {
    rows: u32,
    came_to: Value,
    told: Vec<Value>,
}

pub async fn measure(sizes: &[u32]) -> io::Result<Report> {
    let mut report = Report::new("import", "Imports", CAPTION);
    for rows in sizes {
        let folder = tempfile::tempdir()?;
        let import = Import::apart(folder.path(), *rows, false)?;
        let ceiling = ceiling::measure(folder.path()).await?;
        import.tell_rates(&mut report, import.per_second(ceiling.seconds));
        import.tell_means(&mut report, import.each_row(ceiling.cpu));
    }
    let folder = tempfile::tempdir()?;
    let metered = Import::apart(folder.path(), METERED, true)?;
    let units = metered.units() / f64::from(METERED);
    let units = Row::new("write units of a row", units, Unit::Cost("units"));
    report.push(units.ceiling(BARE_UNITS, "").aim(7.0));
    Ok(report)
}

impl Import {
    /// Imports in a process of its own, so that all that its functions log can be read.
    fn apart(folder: &Path, rows: u32, meter: bool) -> io::Result<Self> {
        let mut program = Command::new(std::env::current_exe()?);
        program.args(["import", "--rows", &rows.to_string(), "--once"]);
        program.arg(folder).args(meter.then_some("--meter"));
        let done = program.output()?;
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{told}");
        let lines = told.lines();
        Ok(Self {
            rows,
            came_to: serde_json::from_slice(&done.stdout)?,
            told: lines
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect(),
        })
    }

    fn figure(&self, name: &str) -> f64 {
        self.came_to[name].as_f64().unwrap()
    }

    fn per_second(&self, seconds: f64) -> f64 {
        f64::from(self.rows) / seconds
    }

    /// Microseconds for each row.
    fn each_row(&self, seconds: f64) -> f64 {
        seconds * 1_000_000.0 / f64::from(self.rows)
    }

    fn row(&self, what: &str, figure: f64, unit: Unit) -> Row {
        Row::new(format!("{} rows: {what}", self.rows), figure, unit)
    }

    /// This figure of what a function said at the end of each message.
    fn each<'a>(&'a self, function: &'a str, figure: &'a str) -> impl Iterator<Item = f64> {
        let lines = self.told.iter();
        let ended = lines.filter(move |line| line["span"]["function"] == function);
        ended.filter_map(move |line| line[figure].as_f64())
    }

    fn units(&self) -> f64 {
        let functions = ["import", "import-chunk"];
        let units = functions.map(|function| self.each(function, "write").sum::<f64>());
        units.iter().sum()
    }

    /// How fast it was, beside the store's rows a second.
    fn tell_rates(&self, report: &mut Report, ceiling: f64) {
        let rate = Unit::Rate("rows/s");
        let [upload, plan, commit] = ["upload", "plan", "commit"].map(|name| self.figure(name));
        let whole = self.per_second(upload + plan + commit);
        let whole = self.row("upload to report", whole, rate);
        let whole = whole.remark(format!(
            "upload {upload:.1} s, plan {plan:.1} s, commit {commit:.1} s"
        ));
        report.push(whole.ceiling(ceiling, "").aim(FIVE_TIMES_A_BACK_OFFICE));
        let commit = self.row("commit and report", self.per_second(commit), rate);
        report.push(commit.ceiling(ceiling, "").aim_of_ceiling(0.9));
        let chunks = self.each("import-chunk", "duration_ms").collect();
        let (p50, p99) = percentiles(chunks);
        let chunk = self.row("a chunk of 1,000, p99", p99, Unit::Cost("ms"));
        report.push(chunk.remark(format!("p50 {p50:.0} ms")));
    }

    /// What it took of the machine, beside the microseconds of a row that the bare client needed.
    fn tell_means(&self, report: &mut Report, ceiling: f64) {
        let [plan, chunks] = ["plan_cpu", "chunk_cpu"].map(|name| self.each_row(self.figure(name)));
        let (both, unit) = (plan + chunks, Unit::Cost("µs"));
        let all = self.row("processor time of a row", both, unit);
        let all = all.remark(format!("plan {plan:.0}, commit and report {chunks:.0}"));
        report.push(all.ceiling(ceiling, "the bare client"));
        let own = self.row("the same without the client's", both - ceiling, unit);
        report.push(own.aim(25.0));
        let (plan, chunk) = (self.figure("plan_peak"), self.figure("chunk_peak"));
        let memory = plan.max(chunk);
        let memory = self.row("memory of the largest process", memory, Unit::Cost("MB"));
        let memory = memory.remark(format!("plan {plan:.0}, chunk {chunk:.0}"));
        report.push(memory.aim(64.0));
    }
}

/// Imports so many new users on files in a folder, and says what that came to.
pub async fn once(folder: &Path, rows: u32, meter: bool) -> io::Result<Value> {
    let log = "error,muster_shared::lambda=info";
    let world = World::with(stacks::of_processes(folder, meter, log)?).await;
    // For as many workers at once as the stack has.
    let order = json!({ "shards": 16 });
    let company = world.company_with("Northwind", order).await;
    let owner = &company.owner;
    let begun = owner.post("/v1/imports", json!({})).await.expect(201);
    let path = format!("/v1/imports/{}", text(&begun["id"]));
    let file = users(rows);

    let start = Instant::now();
    assert_eq!(world.upload(&begun["upload"], file).await, 200);
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
    let planning = Usage::of_function("import")?;
    let committing = Usage::of_function("import-chunk")?;
    let told = world.download(&done["report_url"]).await;
    assert_eq!(told.lines().count(), rows as usize + 1);
    world.stack.shutdown().await;
    Ok(json!({
        "upload": upload.as_secs_f64(),
        "plan": plan.as_secs_f64(),
        "commit": commit.as_secs_f64(),
        "plan_cpu": planning.cpu,
        "plan_peak": planning.peak,
        "chunk_cpu": committing.cpu,
        "chunk_peak": committing.peak,
    }))
}
