//! The way of a file: uploaded, read, planned, committed, reported, and uploaded again.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use muster_shared::domain::directory::Directory;
use muster_shared::domain::tenant::Policy;
use muster_shared::domain::text::ExternalId;
use muster_shared::files::{
    Column, Damage, FileError, Form, PlanReader, PlanRow, PlanWriter, Reader, Row, Summary,
    UserRow, Verdict,
};

/// The most characters of a message about a row.
const MESSAGE: usize = 4_000;

/// Above this size a file is not read byte by byte.
const SMALL: usize = 1_024;

static NOTHING: LazyLock<(Policy, Directory)> = LazyLock::new(Default::default);

type Outcome = (Vec<Row>, Result<Summary, FileError>);

/// Reads a file, whose rows are the same however it comes in pieces; and what is read is said again by plan and report.
///
/// # Panics
/// When it is not so.
pub fn upload(file: &[u8]) {
    let whole = read(std::iter::once(file));
    let cut = read(Pieces::of(file));
    assert_eq!(cut, whole, "in pieces");
    if file.len() <= SMALL {
        assert_eq!(read(file.chunks(1)), whole, "byte by byte");
    }
    let (rows, Ok(summary)) = whole else {
        return;
    };
    assert_eq!(summary.rows, rows.len() as u64);
    assert!(rows.is_sorted_by(|a, b| a.line < b.line), "lines");
    let said: usize = rows.iter().flat_map(Row::originals).map(str::len).sum();
    assert!(said <= 3 * file.len(), "{said} bytes of {}", file.len());
    let verdicts: Vec<String> = rows.iter().map(judged).collect();
    planned(file, &rows, &summary, &verdicts);
    reported(&rows, &summary, &verdicts);
}

fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Outcome {
    let (mut reader, mut rows) = (Reader::new(), Vec::new());
    for piece in pieces {
        if let Err(error) = reader.push(piece, &mut rows) {
            return (rows, Err(error));
        }
    }
    let summary = reader.finish(&mut rows);
    (rows, summary)
}

/// Pieces of lengths that look random, and are the same for the same file.
struct Pieces<'a> {
    rest: &'a [u8],
    state: u64,
}

impl<'a> Pieces<'a> {
    fn of(file: &'a [u8]) -> Self {
        let state = file.iter().fold(0xCBF2_9CE4_8422_2325, |state, byte| {
            (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
        });
        Self { rest: file, state }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        // Mostly short ones, now and then an empty one.
        let length = match self.state >> 56 {
            0..16 => 0,
            16..200 => usize::from((self.state >> 48).to_le_bytes()[0] % 8),
            _ => self.rest.len() / 3 + 1,
        };
        let (piece, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        Some(piece)
    }
}

/// What becomes of a row where nothing is known of anybody: its code, or none.
fn judged(row: &Row) -> String {
    let (policy, directory) = &*NOTHING;
    let user = UserRow::read(row, policy, directory);
    match user.and_then(|user| user.draft(policy)) {
        Ok(draft) => {
            assert_eq!(
                draft.external_id.as_ref().map(ExternalId::as_str),
                row.get(Column::ExternalId).as_deref()
            );
            String::new()
        }
        Err(fault) => {
            let length = fault.message.chars().count();
            assert!((1..=MESSAGE).contains(&length), "{length} characters");
            fault.message
        }
    }
}

fn values(row: &Row) -> impl Iterator<Item = Option<Cow<'_, str>>> {
    Column::ALL.into_iter().map(|column| row.get(column))
}

fn write(form: Form, rows: &[Row], summary: &Summary, messages: &[String]) -> (Vec<u8>, Vec<u64>) {
    let mut writer = PlanWriter::new(form, &summary.header);
    let mut places = vec![writer.offset()];
    for (row, message) in rows.iter().zip(messages) {
        let verdict = Verdict {
            outcome: "refused",
            message,
            ..Verdict::default()
        };
        writer.write(row, &verdict);
        places.push(writer.offset());
    }
    (writer.take(), places)
}

/// The plan says the same as the file, and is not much larger.
fn planned(file: &[u8], rows: &[Row], summary: &Summary, messages: &[String]) {
    let (plan, places) = write(Form::Plan, rows, summary, messages);
    let said: usize = messages.iter().map(|message| 2 * message.len() + 64).sum();
    // Each byte may become a quote to be doubled, an apostrophe in front of a cell, or a character of three bytes.
    let most = 6 * file.len() + said + 128;
    assert!(plan.len() <= most, "{} bytes of {most}", plan.len());
    let (heading, body) = plan.split_at(usize::try_from(places[0]).unwrap_or_default());
    let reader = PlanReader::new(heading).unwrap_or_else(|error| panic!("{error}"));
    let read: Vec<PlanRow> = reader
        .rows(body)
        .map(|row| row.unwrap_or_else(|error| panic!("{error}")))
        .collect();
    assert_eq!(read.len(), rows.len());
    let is_report = reader.header().width() < summary.header.width();
    for (place, (planned, row)) in read.iter().zip(rows).enumerate() {
        assert_eq!(planned.end + places[0], places[place + 1]);
        assert_eq!(planned.verdict().message, messages[place]);
        assert_eq!(planned.row.line, row.line);
        assert!(values(&planned.row).eq(values(row)));
        // The columns of a report that was mended are left out, and what is wrong in them with them.
        let codes = |row: &Row| -> BTreeSet<_> { row.damage.iter().map(Damage::code).collect() };
        let (planned, uploaded) = (codes(&planned.row), codes(row));
        assert!(planned.is_subset(&uploaded), "{planned:?}");
        assert!(planned == uploaded || is_report, "{planned:?}");
    }
}

/// The report can be uploaded, and says the same; nothing in it runs in a spreadsheet.
fn reported(rows: &[Row], summary: &Summary, messages: &[String]) {
    let (report, _) = write(Form::Report, rows, summary, messages);
    let (again, summary) = read(std::iter::once(report.as_slice()));
    summary.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.len(), rows.len());
    for (again, row) in again.iter().zip(rows) {
        assert!(values(again).eq(values(row)));
        for cell in again.originals() {
            assert!(!runs(cell), "{cell}");
        }
    }
}

/// Whether the simplest reading of "begins like a formula" fits; ours is wider, and knows numbers.
fn runs(cell: &str) -> bool {
    let runs = |piece: &str| piece.trim_start().starts_with(['=', '@']);
    cell.starts_with(['\t', '\r', '\n']) || cell.split([';', '\t', '\r', '\n']).any(runs)
}
