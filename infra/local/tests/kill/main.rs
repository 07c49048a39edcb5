//! The real program is killed, again and again, wherever it is in an import, in bulk invitations, and in an export; started
//! anew on the same folder it goes on to the same end as if nothing had happened.

// How far the program is, `/proc` tells.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::format_push_string,
    reason = "a test that cannot go on says so"
)]

mod program;
mod stages;
mod table;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use program::{Owner, Program};
use serde_json::Value;
use stages::{STAGES, Stage, Work};
use table::Table;

/// How often the program is killed in each stage.
type Kills = [usize; STAGES.len()];

/// A size of work, done without disturbance, against which others are held.
struct Trial {
    /// A folder in which the demo company was made, and nothing else.
    fresh: tempfile::TempDir,
    rows: usize,
    invited: usize,
    undisturbed: Outcome,
    /// How many bytes a program writes from its start to its being ready.
    start: u64,
    /// How many it writes then, in each stage.
    written: [u64; STAGES.len()],
}

/// What the work came to.
struct Outcome {
    import: Value,
    report: String,
    exported: String,
    table: Table,
}

impl Trial {
    async fn of(rows: usize, invited: usize) -> Self {
        let fresh = tempfile::tempdir().unwrap();
        let program = Program::start(fresh.path());
        let _ = program.ready().await;
        drop(program);
        let program = Program::start(fresh.path());
        let _ = program.ready().await;
        let start = program.written();
        drop(program);
        let data = copied(fresh.path());
        let (mut work, mut written) = (Work::new(rows, invited), [0; STAGES.len()]);
        for (stage, written) in STAGES.into_iter().zip(&mut written) {
            let program = Program::start(data.path());
            work.go_on(stage, &Owner::of(&program).await, data.path())
                .await;
            *written = program.written() - start;
        }
        let undisturbed = Outcome::of(work, data.path()).await;
        Self {
            fresh,
            rows,
            invited,
            undisturbed,
            start,
            written,
        }
    }

    /// Does the work once more, disturbed so often, and compares; how often the program was killed in each stage, which
    /// is less where it was done before.
    async fn disturbed(&self, kills: Kills, random: &mut Random) -> Kills {
        let data = copied(self.fresh.path());
        let (mut work, mut killed) = (Work::new(self.rows, self.invited), [0; STAGES.len()]);
        for (number, stage) in STAGES.into_iter().enumerate() {
            let mut points = random.points(kills[number], self.start, self.written[number], stage);
            loop {
                let program = Program::start(data.path());
                let going_on = async {
                    let owner = Owner::of(&program).await;
                    work.go_on(stage, &owner, data.path()).await;
                };
                let Some(point) = points.pop() else {
                    going_on.await;
                    break;
                };
                tokio::select! {
                    () = program.has_written(point) => killed[number] += 1,
                    () = going_on => break,
                }
            }
        }
        self.undisturbed
            .assert_same(&Outcome::of(work, data.path()).await);
        killed
    }
}

/// A copy of a folder, which is not in use.
fn copied(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    let mut folders: Vec<PathBuf> = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(from.join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                std::fs::create_dir(to.path().join(&path)).unwrap();
                folders.push(path);
            } else {
                std::fs::copy(entry.path(), to.path().join(&path)).unwrap();
            }
        }
    }
    to
}

impl Outcome {
    async fn of(work: Work, data: &Path) -> Self {
        Self {
            table: table::left(data).await,
            import: work.imported,
            report: work.report,
            exported: without_times(&work.exported),
        }
    }

    fn assert_same(&self, other: &Self) {
        assert_eq!(self.import["state"], "done_with_errors");
        for field in ["state", "planned", "done", "problems", "encoding", "fault"] {
            assert_eq!(other.import[field], self.import[field], "{field}");
        }
        assert!(other.report == self.report, "the reports differ");
        assert!(other.exported == self.exported, "the exports differ");
        for (key, items) in &self.table {
            assert_eq!(other.table.get(key), Some(items), "{key}");
        }
        let more = other
            .table
            .keys()
            .filter(|key| !self.table.contains_key(*key));
        assert_eq!(more.collect::<Vec<_>>(), Vec::<&String>::new());
    }
}

/// An export without the columns that are new in each run: ids, and times.
fn without_times(csv: &str) -> String {
    let heading = csv.lines().next().unwrap();
    let kept: Vec<bool> = heading
        .trim_start_matches('\u{feff}')
        .split(',')
        .map(|name| !matches!(name, "ID" | "Created" | "Updated" | "Last Login"))
        .collect();
    assert!(kept.iter().filter(|kept| !**kept).count() == 4, "{heading}");
    let line = |line: &str| {
        let cells = line.split(',').zip(&kept).filter(|(_, kept)| **kept);
        cells.map(|(cell, _)| cell).collect::<Vec<_>>().join(",")
    };
    csv.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Numbers as random as the seed (`SplitMix64`, Steele et al. 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most.max(1)
    }

    /// After how many written bytes to kill the program, one for each of its lives. What a plan or an export of the life
    /// before has written is written anew, so there any point may be next; the rest goes on where it was.
    fn points(&mut self, kills: usize, start: u64, written: u64, stage: Stage) -> Vec<u64> {
        let share = match stage {
            Stage::Check | Stage::Export => written,
            Stage::Commit | Stage::Invite => written.min(2 * written / kills.max(1) as u64),
        };
        (0..kills).map(|_| start + self.below(share)).collect()
    }
}

/// How often it was killed in each stage, in words.
fn told(killed: Kills) -> String {
    let mut told = String::new();
    for (stage, killed) in STAGES.iter().zip(killed) {
        let _ = write!(told, "{stage:?} {killed}  ");
    }
    told
}

#[tokio::test]
async fn work_whose_process_is_killed_comes_to_the_same_end() {
    if wanted("KILLS") == "all" {
        return killed_200_times().await;
    }
    let trial = Trial::of(2_000, 1_000).await;
    let killed = trial.disturbed([1, 2, 1, 1], &mut Random(7)).await;
    assert!(killed.iter().sum::<usize>() >= 3, "{}", told(killed));
}

/// How often the program is killed altogether, at least.
const POINTS: usize = 200;

/// What `make kills` runs.
async fn killed_200_times() {
    let seed = seed();
    let mut random = Random(seed);
    say(&format!("seed {seed}"));
    let mut points = 0;
    for (rows, invited, kills) in [(100_000, 5_000, [5, 60, 30, 5]), (1_000, 1_000, [1; 4])] {
        let began = Instant::now();
        let trial = Trial::of(rows, invited).await;
        say(&format!(
            "{rows} rows, {invited} invited: undisturbed in {:.0?}",
            began.elapsed()
        ));
        loop {
            let began = Instant::now();
            let killed = trial.disturbed(kills, &mut random).await;
            points += killed.iter().sum::<usize>();
            let took = began.elapsed();
            say(&format!(
                "{rows} rows: {}the same end in {took:.0?}; {points} points",
                told(killed)
            ));
            if points >= POINTS || kills != [1; 4] {
                break;
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "whoever runs it says what")]
fn wanted(variable: &str) -> String {
    std::env::var(variable).unwrap_or_default()
}

/// The seed of an earlier run, or a new one.
fn seed() -> u64 {
    wanted("KILLS_SEED").parse().unwrap_or_else(|_| {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).unwrap();
        u64::from_le_bytes(bytes) >> 32
    })
}

/// Says how far it is, at once.
fn say(line: &str) {
    eprintln!("{line}");
}
