//! What a benchmark found: one table in Markdown, printed, and kept in a file that has the tables of all.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use muster_shared::clock::Clock;

/// What stands at the head of a new file.
const HEADING: &str = "# Benchmarks\n\n\
    Written by `make bench`, section by section: each says when, where and of which commit. The ceiling is what the parts that \
    Muster is made of do alone, measured in the same run; the ratio is how near Muster comes to it, 1 being as good. Imports and exports \
    are tried with 10,000, 100,000 and 1,000,000 rows, or up to `ROWS`: the tables name those that were.\n";

/// What a figure counts, and whether more of it is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// So many in a second: the more the better.
    Rate(&'static str),
    /// What it takes: the less the better.
    Cost(&'static str),
}

/// What is wanted of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Aim {
    /// At least this part of the ceiling.
    OfCeiling(f64),
    /// At least so much of a rate, at most so much of a cost.
    Itself(f64),
}

/// A row: a figure, beside its ceiling and its aim where it has those.
#[derive(Debug, Clone)]
pub struct Row {
    what: String,
    unit: Unit,
    figure: f64,
    remark: String,
    ceiling: Option<(f64, String)>,
    aim: Option<Aim>,
}

impl Row {
    /// A figure.
    pub fn new(what: impl Into<String>, figure: f64, unit: Unit) -> Self {
        Self {
            what: what.into(),
            unit,
            figure,
            remark: String::new(),
            ceiling: None,
            aim: None,
        }
    }

    /// More about the figure.
    #[must_use]
    pub fn remark(mut self, remark: impl Into<String>) -> Self {
        self.remark = remark.into();
        self
    }

    /// What it cannot be better than, and more about that.
    #[must_use]
    pub fn ceiling(mut self, ceiling: f64, remark: impl Into<String>) -> Self {
        self.ceiling = Some((ceiling, remark.into()));
        self
    }

    /// It shall come to this part of the ceiling.
    #[must_use]
    pub fn aim_of_ceiling(mut self, part: f64) -> Self {
        self.aim = Some(Aim::OfCeiling(part));
        self
    }

    /// A rate shall be no less than this, a cost no more.
    #[must_use]
    pub fn aim(mut self, bound: f64) -> Self {
        self.aim = Some(Aim::Itself(bound));
        self
    }

    fn ratio(&self) -> Option<f64> {
        let (ceiling, _) = self.ceiling.as_ref()?;
        Some(match self.unit {
            Unit::Rate(_) => self.figure / ceiling,
            Unit::Cost(_) => ceiling / self.figure,
        })
    }

    fn markdown(&self) -> String {
        let cell = |figure: f64, remark: &str| {
            let figure = format!("{} {}", number(figure), self.unit.name());
            if remark.is_empty() {
                figure
            } else {
                format!("{figure} ({remark})")
            }
        };
        let ceiling = self.ceiling.as_ref();
        format!(
            "| {} | {} | {} | {} | {} |",
            self.what,
            cell(self.figure, &self.remark),
            ceiling.map_or_else(String::new, |(ceiling, remark)| cell(*ceiling, remark)),
            self.ratio()
                .map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            self.aim_told()
        )
    }

    fn aim_told(&self) -> String {
        let (told, met) = match (self.aim, self.unit) {
            (None, _) => return String::new(),
            (Some(Aim::OfCeiling(part)), _) => (
                format!("≥ {part} of the ceiling"),
                self.ratio().is_some_and(|ratio| ratio >= part),
            ),
            (Some(Aim::Itself(bound)), Unit::Rate(name)) => {
                (format!("≥ {} {name}", number(bound)), self.figure >= bound)
            }
            (Some(Aim::Itself(bound)), Unit::Cost(name)) => {
                (format!("≤ {} {name}", number(bound)), self.figure <= bound)
            }
        };
        format!("{told}: {}", if met { "met" } else { "**missed**" })
    }
}

impl Unit {
    fn name(self) -> &'static str {
        let (Self::Rate(name) | Self::Cost(name)) = self;
        name
    }
}

/// The table of one benchmark.
#[derive(Debug, Clone)]
pub struct Report {
    name: &'static str,
    title: &'static str,
    caption: String,
    rows: Vec<Row>,
}

impl Report {
    /// An empty table. The caption says how it was measured.
    pub fn new(name: &'static str, title: &'static str, caption: impl Into<String>) -> Self {
        Self {
            name,
            title,
            caption: caption.into(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Prints the table, and puts it into a file in place of the one that was there.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn publish(&self, into: Option<&Path>, commit: &str) -> io::Result<()> {
        let section = self.markdown(commit);
        writeln!(io::stdout().lock(), "{section}")?;
        into.map_or(Ok(()), |file| keep(file, self.name, &section))
    }

    fn markdown(&self, commit: &str) -> String {
        let rows: Vec<String> = self.rows.iter().map(Row::markdown).collect();
        format!(
            "## {}\n\n{}\n\n{}, commit {commit}, {}.\n\n\
             | | figure | ceiling | ratio | aim |\n| --- | ---: | ---: | ---: | --- |\n{}",
            self.title,
            self.caption,
            today(),
            machine(),
            rows.join("\n")
        )
    }
}

/// Puts a section into the file: in place of the one that was there, else at the end.
fn keep(file: &Path, name: &str, section: &str) -> io::Result<()> {
    let kept = match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => HEADING.to_owned(),
        kept => kept?,
    };
    fs::write(file, with_section(&kept, name, section))
}

fn with_section(kept: &str, name: &str, section: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->\n"));
    let section = format!("{begin}{section}\n{end}");
    let around = kept.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    match around {
        Some((before, after)) => format!("{before}{section}{after}"),
        None => format!("{kept}\n{section}"),
    }
}

/// Three digits that count, thousands apart.
fn number(number: f64) -> String {
    let size = number.abs();
    if size < 100.0 {
        let digits = if size >= 10.0 {
            1
        } else if size >= 0.1 || size == 0.0 {
            2
        } else {
            4
        };
        return format!("{number:.digits$}");
    }
    let digits = format!("{number:.0}");
    let mut told = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

fn today() -> String {
    let now = Clock::System.now().to_string();
    now.chars().take("2026-11-25".len()).collect()
}

/// Processors, memory and kernel, as Linux tells of them.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once(':'));
        value.map_or_else(
            || "unknown".to_owned(),
            |(_, value)| value.trim().to_owned(),
        )
    };
    let kilobytes = after(&read("/proc/meminfo"), "MemTotal");
    let kilobytes: u64 = kilobytes.trim_end_matches(" kB").parse().unwrap_or(0);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{processors} × {}, {} GB of memory, Linux {}",
        after(&read("/proc/cpuinfo"), "model name"),
        kilobytes / 1_000_000,
        read("/proc/sys/kernel/osrelease").trim()
    )
}

/// The median, and what one of a hundred exceeds.
///
/// # Panics
/// When there are none.
#[must_use]
pub fn percentiles(mut figures: Vec<f64>) -> (f64, f64) {
    figures.sort_unstable_by(f64::total_cmp);
    let at = |percent: usize| figures[(figures.len() - 1) * percent / 100];
    (at(50), at(99))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_the_place_of_the_one_that_was_there() {
        let kept = with_section("head\n", "a", "first");
        let kept = with_section(&kept, "b", "second");
        let again = with_section(&kept, "a", "third");
        assert_eq!(
            again,
            "head\n\n<!-- a -->\nthird\n<!-- /a -->\n\n<!-- b -->\nsecond\n<!-- /b -->\n"
        );
    }

    #[test]
    fn a_row_says_whether_it_is_as_good_as_wanted() {
        let rate = Row::new("writes", 1_234_567.0, Unit::Rate("rows/s"));
        let rate = rate.ceiling(1_300_000.0, "").aim_of_ceiling(0.9);
        assert_eq!(
            rate.markdown(),
            "| writes | 1,234,567 rows/s | 1,300,000 rows/s | 0.95 | ≥ 0.9 of the ceiling: met |"
        );
        let cost = Row::new("memory", 64.2, Unit::Cost("MB")).aim(64.0);
        assert_eq!(
            cost.remark("of one").markdown(),
            "| memory | 64.2 MB (of one) |  |  | ≤ 64.0 MB: **missed** |"
        );
    }

    #[test]
    fn what_costs_twice_the_ceiling_is_half_as_good() {
        let row = Row::new("call", 2.0, Unit::Cost("ms")).ceiling(1.0, "");
        assert_eq!(row.ratio(), Some(0.5));
    }

    #[test]
    fn one_of_a_hundred_exceeds_the_second_percentile() {
        let figures = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentiles(figures), (50.0, 99.0));
    }
}
