//! Plan and report of an import, both CSV: what will happen, or happened, to each row, in front of the row itself.
//!
//! Both are UTF-8 with a BOM (spreadsheets then read them right), separated by comma, lines ended by LF. Formulas are
//! neutralised, and reading restores them: a plan says the same as the upload, and a mended report can be uploaded.

use std::sync::Arc;

use thiserror::Error;

use super::error::FileError;
use super::formula;
use super::header::{Delimiter, Header, REPORT};
use super::records::{Cells, Limits, Records};
use super::row::Row;

/// What a plan says in front of a row, after the columns of a report.
const PLAN: [&str; 4] = ["User", "Version", "References", "Phone"];
const BOM: &str = "\u{FEFF}";

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `Line,Outcome,Code,Message,User,Version,References,Phone` and the columns of the upload: for the commit.
    Plan,
    /// `Line,Outcome,Code,Message` and the columns of the upload: for people.
    Report,
}

/// What is said about a row. Whatever does not apply is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// What happens to the row, or happened.
    pub outcome: &'a str,
    /// The stable name of the reason.
    pub code: &'a str,
    /// The reason for people.
    pub message: &'a str,
    /// The user that the row is about, when there is one.
    pub user: &'a str,
    /// The version of the user that the plan was made for.
    pub version: &'a str,
    /// What the row refers to, by id.
    pub references: &'a str,
    /// The phone number in the tenant's form.
    pub phone: &'a str,
}

/// Writes a plan or a report into a buffer that is taken away in parts, and knows how far it is.
pub struct PlanWriter {
    form: Form,
    csv: csv_core::Writer,
    buffer: Vec<u8>,
    taken: u64,
}

impl PlanWriter {
    /// The start of a file, with the heading already written.
    #[must_use]
    pub fn new(form: Form, header: &Header) -> Self {
        let mut writer = Self::part(form);
        writer.buffer.extend_from_slice(BOM.as_bytes());
        let plan = if form == Form::Plan {
            PLAN.as_slice()
        } else {
            &[]
        };
        writer.record(
            REPORT.into_iter().chain(plan.iter().copied()),
            header.originals(),
        );
        writer
    }

    /// A later part of a file, without a heading.
    #[must_use]
    pub fn part(form: Form) -> Self {
        Self {
            form,
            csv: csv_core::Writer::new(),
            buffer: Vec::new(),
            taken: 0,
        }
    }

    /// Writes a row and what is said about it.
    pub fn write(&mut self, row: &Row, verdict: &Verdict<'_>) {
        let line = row.line.to_string();
        let report = [
            line.as_str(),
            verdict.outcome,
            verdict.code,
            verdict.message,
        ];
        let plan = [
            verdict.user,
            verdict.version,
            verdict.references,
            verdict.phone,
        ];
        let plan = if self.form == Form::Plan {
            plan.as_slice()
        } else {
            &[]
        };
        self.record(
            report.into_iter().chain(plan.iter().copied()),
            row.originals(),
        );
    }

    /// How many bytes were written so far, those taken included: a place between two rows.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.taken + self.buffer.len() as u64
    }

    /// Takes what was written since the last time.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        self.taken = self.offset();
        std::mem::take(&mut self.buffer)
    }

    fn record<'a>(
        &mut self,
        ours: impl Iterator<Item = &'a str>,
        originals: impl Iterator<Item = &'a str>,
    ) {
        for (place, cell) in ours.chain(originals).enumerate() {
            let cell = formula::neutralise_cell(cell);
            // At worst every byte is a quote to be doubled; then two quotes around, a delimiter and a line break.
            let start = self.buffer.len();
            self.buffer.resize(start + 2 * cell.len() + 4, 0);
            let mut end = start;
            if place > 0 {
                end += self
                    .csv
                    .delimiter(self.buffer.get_mut(end..).unwrap_or_default())
                    .1;
            }
            end += self
                .csv
                .field(
                    cell.as_bytes(),
                    self.buffer.get_mut(end..).unwrap_or_default(),
                )
                .2;
            self.buffer.truncate(end);
        }
        let start = self.buffer.len();
        self.buffer.resize(start + 2, 0);
        let written = self
            .csv
            .terminator(self.buffer.get_mut(start..).unwrap_or_default())
            .1;
        self.buffer.truncate(start + written);
    }
}

/// A stored plan that does not read as one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    /// The heading is not that of a plan.
    #[error("the heading of the plan is corrupt")]
    Heading,
    /// The columns of the upload do not make a header.
    #[error("the header in the plan is corrupt: {0}")]
    Header(#[source] FileError),
    /// A row is none of ours.
    #[error("the plan is corrupt at byte {at} of the range")]
    Row {
        /// Where the row ends, counted from the start of the range.
        at: u64,
    },
}

/// Reads parts of a plan.
#[derive(Debug, Clone)]
pub struct PlanReader {
    header: Arc<Header>,
}

/// One row of a plan: what was said about it, and the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRow {
    /// The row of the upload.
    pub row: Row,
    /// How many bytes of the range are behind us with this row: a checkpoint.
    pub end: u64,
    verdict: Vec<String>,
}

impl PlanReader {
    /// A reader for the plan that starts with `heading`, its first line.
    ///
    /// # Errors
    /// When it is not the heading of a plan.
    pub fn new(heading: &[u8]) -> Result<Self, PlanError> {
        let mut records = Records::new(Delimiter::Comma, Limits::PLAN);
        let mut heading = heading.strip_prefix(BOM.as_bytes()).unwrap_or(heading);
        if !records.next(&mut heading).map_err(PlanError::Header)? {
            return Err(PlanError::Heading);
        }
        let mut originals = records.cells();
        let ours = originals.split_off_front(REPORT.len() + PLAN.len());
        if !ours.iter().eq(REPORT.iter().chain(&PLAN).copied()) {
            return Err(PlanError::Heading);
        }
        let header =
            Header::read(originals.iter().map(formula::restore)).map_err(PlanError::Header)?;
        Ok(Self {
            header: Arc::new(header),
        })
    }

    /// The header of the upload.
    #[must_use]
    pub fn header(&self) -> &Arc<Header> {
        &self.header
    }

    /// The rows of a part of the plan that starts with a row. A row that is cut off at the end is left out.
    pub fn rows<'a>(
        &self,
        part: &'a [u8],
    ) -> impl Iterator<Item = Result<PlanRow, PlanError>> + use<'a> {
        let header = Arc::clone(&self.header);
        let mut records = Records::new(Delimiter::Comma, Limits::PLAN);
        let mut rest = part;
        std::iter::from_fn(move || {
            let found = records.next(&mut rest);
            let end = (part.len() - rest.len()) as u64;
            match found {
                Ok(true) => Some(
                    PlanRow::new(records.cells(), end, &header).ok_or(PlanError::Row { at: end }),
                ),
                Ok(false) => None,
                Err(_) => {
                    rest = &[];
                    Some(Err(PlanError::Row { at: end }))
                }
            }
        })
    }
}

impl PlanRow {
    fn new(mut cells: Cells, end: u64, header: &Arc<Header>) -> Option<Self> {
        let verdict = cells.split_off_front(REPORT.len() + PLAN.len());
        let line = verdict.get(0)?.parse().ok()?;
        (verdict.len() == REPORT.len() + PLAN.len()).then(|| Self {
            row: Row::new(line, cells, Arc::clone(header)),
            end,
            verdict: verdict
                .iter()
                .map(|cell| formula::restore(cell).into_owned())
                .collect(),
        })
    }

    /// What the plan says about the row.
    #[must_use]
    pub fn verdict(&self) -> Verdict<'_> {
        let cell = |place: usize| self.verdict.get(place).map_or("", String::as_str);
        Verdict {
            outcome: cell(1),
            code: cell(2),
            message: cell(3),
            user: cell(4),
            version: cell(5),
            references: cell(6),
            phone: cell(7),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::super::header::Column;
    use super::super::reader::Reader;
    use super::*;

    fn read(file: &[u8]) -> (Vec<Row>, Arc<Header>) {
        let (mut reader, mut rows) = (Reader::new(), Vec::new());
        reader.push(file, &mut rows).unwrap();
        let summary = reader.finish(&mut rows).unwrap();
        (rows, summary.header)
    }

    fn write(form: Form, file: &[u8], verdict: &Verdict<'_>) -> Vec<u8> {
        let (rows, header) = read(file);
        let mut writer = PlanWriter::new(form, &header);
        for row in &rows {
            writer.write(row, verdict);
        }
        writer.take()
    }

    const CREATED: Verdict<'_> = Verdict {
        outcome: "created",
        code: "",
        message: "",
        user: "usr_1",
        version: "3",
        references: "driver",
        phone: "+491",
    };
    const REFUSED: Verdict<'_> = Verdict {
        outcome: "refused",
        code: "bad_email",
        message: "Not an address, \"sorry\".",
        user: "",
        version: "",
        references: "",
        phone: "",
    };
    const FILE: &str =
        "External ID,Depot,Email\n =T-1,\"a \"\"b\"\"\nc\",x\n-12.5,+4915112345,'=y\n";

    #[test]
    fn a_plan_puts_eight_columns_in_front() {
        let plan = String::from_utf8(write(Form::Plan, FILE.as_bytes(), &CREATED)).unwrap();
        assert_eq!(
            plan,
            "\u{FEFF}Line,Outcome,Code,Message,User,Version,References,Phone,External ID,Depot,Email\n\
             2,created,,,usr_1,3,driver,+491,' =T-1,\"a \"\"b\"\"\nc\",x\n\
             4,created,,,usr_1,3,driver,+491,-12.5,+4915112345,'=y\n"
        );
    }

    #[test]
    fn a_report_puts_four_columns_in_front() {
        let report = String::from_utf8(write(Form::Report, FILE.as_bytes(), &REFUSED)).unwrap();
        assert_eq!(
            report,
            "\u{FEFF}Line,Outcome,Code,Message,External ID,Depot,Email\n\
             2,refused,bad_email,\"Not an address, \"\"sorry\"\".\",' =T-1,\"a \"\"b\"\"\nc\",x\n\
             4,refused,bad_email,\"Not an address, \"\"sorry\"\".\",-12.5,+4915112345,'=y\n"
        );
    }

    #[test]
    fn any_part_of_a_plan_can_be_read_alone() {
        let (rows, header) = read(b"External ID,Depot\nT-1,x\nT-2,\"y\nz\",extra\nT-3\n");
        let mut writer = PlanWriter::new(Form::Plan, &header);
        let heading = writer.take();
        let mut offsets = vec![writer.offset()];
        let mut plan = heading.clone();
        for row in &rows {
            writer.write(row, &CREATED);
            offsets.push(writer.offset());
            plan.extend(writer.take());
        }
        assert_eq!(offsets.last(), Some(&(plan.len() as u64)));

        let reader = PlanReader::new(&heading).unwrap();
        assert_eq!(*reader.header(), header);
        let at = |place: usize| usize::try_from(offsets[place]).unwrap();
        for (place, row) in rows.iter().enumerate() {
            let part = &plan[at(place)..at(place + 1)];
            let read: Vec<_> = reader.rows(part).map(Result::unwrap).collect();
            assert_eq!(read.len(), 1);
            assert_eq!(read[0].verdict(), CREATED);
            assert_eq!(read[0].row.line, row.line);
            assert_eq!(read[0].row.damage, row.damage);
            assert!(read[0].row.originals().eq(row.originals()));
        }
        let ends: Vec<_> = reader
            .rows(&plan[at(0)..])
            .map(|row| row.unwrap().end + offsets[0])
            .collect();
        assert_eq!(ends, offsets[1..]);
    }

    #[test]
    fn a_row_that_is_cut_off_is_left_out() {
        let plan = write(Form::Plan, b"External ID\nT-1\nT-2\n", &CREATED);
        let reader = PlanReader::new(&plan).unwrap();
        let body = plan.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        assert_eq!(reader.rows(&plan[body..plan.len() - 1]).count(), 1);
        assert_eq!(reader.rows(&plan[body..]).count(), 2);
    }

    #[test]
    fn the_plan_of_the_largest_row_can_be_read() {
        for file in [
            format!("External ID,Depot\nT-1,{}\n", "=".repeat((1 << 20) - 4)),
            format!("External ID\nT-1{}\n", ",=".repeat(1_023)),
            format!("External ID,Depot\nT-1,{}\n", ";=".repeat((1 << 19) - 2)),
        ] {
            let plan = write(Form::Plan, file.as_bytes(), &CREATED);
            let body = plan.iter().position(|byte| *byte == b'\n').unwrap() + 1;
            let planned = PlanReader::new(&plan).unwrap().rows(&plan[body..]).next();
            let planned = planned.unwrap().unwrap().row;
            let uploaded = &read(file.as_bytes()).0[0];
            assert!(
                planned
                    .originals()
                    .eq(uploaded.originals().map(formula::neutralise_cell))
            );
            assert_eq!(planned.damage, uploaded.damage);
        }
    }

    #[test]
    fn a_corrupt_plan_is_told() {
        assert_eq!(PlanReader::new(b"").unwrap_err(), PlanError::Heading);
        assert_eq!(
            PlanReader::new(b"External ID,Email\n").unwrap_err(),
            PlanError::Heading
        );
        let reader = PlanReader::new(&write(Form::Plan, b"External ID\n", &CREATED)).unwrap();
        let rows: Vec<_> = reader
            .rows(b"x,created,,,,,,,T-1\n2,created\n3,created,,,,,,,T-2\n")
            .collect();
        assert_eq!(rows[0], Err(PlanError::Row { at: 20 }));
        assert_eq!(rows[1], Err(PlanError::Row { at: 30 }));
        assert!(rows[2].is_ok());
    }

    #[test]
    fn short_rows_of_a_wide_file_make_no_larger_plan() {
        let file = format!("External ID{}\n{}", ",x".repeat(1_000), "1\n".repeat(1_000));
        let plan = write(Form::Plan, file.as_bytes(), &CREATED);
        assert!(plan.len() < 40 * 1_000, "{} bytes", plan.len());
    }

    #[test]
    fn a_report_is_read_as_it_was_written_whatever_its_headings_hold() {
        let file = "External ID;\"a;Email;Kind;Class\"\nT-1;x\n";
        let report = write(Form::Report, file.as_bytes(), &REFUSED);
        let (rows, _) = read(&report);
        assert_eq!(rows[0].get(Column::ExternalId).as_deref(), Some("T-1"));
    }

    #[test]
    fn a_heading_that_looks_like_a_formula_is_the_same_column_in_the_report() {
        let report = write(Form::Report, b"External ID,-Email\nT-1,x\n", &REFUSED);
        let (rows, _) = read(&report);
        assert_eq!(rows[0].get(Column::Email).as_deref(), Some("x"));
    }

    #[test]
    fn a_report_on_a_report_has_the_columns_once() {
        let first = write(Form::Report, FILE.as_bytes(), &REFUSED);
        let second = String::from_utf8(write(Form::Report, &first, &REFUSED)).unwrap();
        assert!(
            second.starts_with("\u{FEFF}Line,Outcome,Code,Message,External ID,Depot,Email\n2,")
        );
    }

    proptest! {
        #[test]
        fn plan_and_report_say_the_same_as_the_upload(
            cells in proptest::collection::vec(("['=+@a-]{1,4}|\\PC{1,8}", "['=+@\t\r\n \",;a-]{0,6}"), 1..10),
        ) {
            let mut csv = csv::Writer::from_writer(Vec::new());
            csv.write_record(["External ID", "Email"]).unwrap();
            for (id, email) in &cells {
                csv.write_record([id, email]).unwrap();
            }
            let file = csv.into_inner().unwrap();
            let values = |rows: &[Row]| -> Vec<_> {
                let get = |row: &Row, column| row.get(column).map(Cow::into_owned);
                rows.iter().map(|row| (get(row, Column::ExternalId), get(row, Column::Email))).collect()
            };
            let upload = values(&read(&file).0);

            let report = read(&write(Form::Report, &file, &REFUSED)).0;
            prop_assert_eq!(values(&report), upload.clone());

            let plan = write(Form::Plan, &file, &CREATED);
            let body = plan.iter().position(|byte| *byte == b'\n').unwrap() + 1;
            let rows: Vec<_> = PlanReader::new(&plan).unwrap().rows(&plan[body..]).map(|row| row.unwrap().row).collect();
            prop_assert_eq!(values(&rows), upload);
        }
    }
}
