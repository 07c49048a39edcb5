//! Exports as CSV and XLSX, written row by row in memory that does not grow with them.

use std::borrow::Cow;
use std::io::Write;

use jiff::Timestamp;
use rust_xlsxwriter::{ExcelDateTime, Format as CellFormat, Workbook, Worksheet, XlsxError};
use thiserror::Error;

use super::formula;
use crate::domain::export::Format;

/// How many rows a worksheet has; Excel refuses a file with more.
const ROWS_PER_SHEET: u32 = 1_048_576;
/// How long the text of a cell may be in Excel, in UTF-16 units.
const MAX_TEXT: usize = 32_767;
const TIME_FORMAT: &str = "yyyy-mm-dd hh:mm:ss";

/// The head of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heading {
    /// What it says.
    pub name: &'static str,
    /// How wide the column is, in characters.
    pub width: f64,
}

/// A cell of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Text, never taken for a number, a date or a formula.
    Text(Cow<'a, str>),
    /// A moment: a date in UTC in XLSX, RFC 3339 to the second in CSV.
    Time(Timestamp),
    /// Nothing.
    Empty,
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<Timestamp> for Cell<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

/// Why an export could not be written.
#[derive(Debug, Error)]
pub enum SheetError {
    /// Writing CSV failed.
    #[error("writing the CSV file failed")]
    Csv(#[from] csv::Error),
    /// Writing to the target failed.
    #[error("writing the file failed")]
    Io(#[from] std::io::Error),
    /// Writing XLSX failed.
    #[error("writing the workbook failed")]
    Xlsx(#[from] XlsxError),
}

/// An export being written. It is of use only once it was finished.
pub enum Sheet<W: Write + Send> {
    /// As CSV.
    Csv(Box<csv::Writer<W>>),
    /// As XLSX.
    Xlsx(Box<Book<W>>),
}

impl<W: Write + Send> Sheet<W> {
    /// Starts an export with its headings.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(format: Format, mut out: W, headings: &[Heading]) -> Result<Self, SheetError> {
        match format {
            Format::Csv => {
                out.write_all("\u{FEFF}".as_bytes())?;
                let mut csv = csv::WriterBuilder::new()
                    .terminator(csv::Terminator::CRLF)
                    .from_writer(out);
                csv.write_record(headings.iter().map(|heading| heading.name))?;
                Ok(Self::Csv(Box::new(csv)))
            }
            Format::Xlsx => Ok(Self::Xlsx(Box::new(Book::new(
                out,
                headings,
                ROWS_PER_SHEET,
            )?))),
        }
    }

    /// Writes a row, one cell for each heading.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, row: &[Cell<'_>]) -> Result<(), SheetError> {
        match self {
            Self::Csv(csv) => {
                for cell in row {
                    match cell {
                        Cell::Text(text) => {
                            csv.write_field(formula::neutralise(text).as_bytes())?;
                        }
                        Cell::Time(time) => csv.write_field(format!("{time:.0}"))?,
                        Cell::Empty => csv.write_field("")?,
                    }
                }
                Ok(csv.write_record(None::<&[u8]>)?)
            }
            Self::Xlsx(book) => book.write(row),
        }
    }

    /// Completes the file and gives back what it was written to.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> Result<W, SheetError> {
        match self {
            Self::Csv(csv) => csv
                .into_inner()
                .map_err(|error| SheetError::Io(error.into_error())),
            Self::Xlsx(book) => book.finish(),
        }
    }
}

/// A workbook being written, its rows in temporary files until it is finished.
pub struct Book<W> {
    workbook: Workbook,
    out: W,
    headings: Vec<Heading>,
    rows_per_sheet: u32,
    /// Which worksheet is written to.
    sheet: usize,
    /// The row to be written next.
    row: u32,
    time: CellFormat,
}

impl<W: Write + Send> Book<W> {
    fn new(out: W, headings: &[Heading], rows_per_sheet: u32) -> Result<Self, SheetError> {
        let mut book = Self {
            workbook: Workbook::new(),
            out,
            headings: headings.to_vec(),
            rows_per_sheet,
            sheet: 0,
            row: 0,
            time: CellFormat::new().set_num_format(TIME_FORMAT),
        };
        book.start_sheet()?;
        Ok(book)
    }

    fn start_sheet(&mut self) -> Result<(), SheetError> {
        let bold = CellFormat::new().set_bold();
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        sheet.set_freeze_panes(1, 0)?;
        for (column, heading) in (0..).zip(&self.headings) {
            sheet.set_column_width(column, heading.width)?;
            sheet.write_string_with_format(0, column, heading.name, &bold)?;
        }
        self.row = 1;
        Ok(())
    }

    fn end_sheet(&mut self) -> Result<(), SheetError> {
        if let Some((last, _)) = (0..).zip(&self.headings).last() {
            self.workbook
                .worksheet_from_index(self.sheet)?
                .autofilter(0, 0, self.row - 1, last)?;
        }
        Ok(())
    }

    fn write(&mut self, cells: &[Cell<'_>]) -> Result<(), SheetError> {
        if self.row == self.rows_per_sheet {
            self.end_sheet()?;
            self.sheet += 1;
            self.start_sheet()?;
        }
        let sheet = self.workbook.worksheet_from_index(self.sheet)?;
        for (column, cell) in (0..).zip(cells) {
            match cell {
                Cell::Text(text) => {
                    sheet.write_string(self.row, column, shorten(&formula::neutralise(text)))?;
                }
                Cell::Time(time) => write_time(sheet, self.row, column, *time, &self.time)?,
                Cell::Empty => {}
            }
        }
        self.row += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<W, SheetError> {
        self.end_sheet()?;
        self.workbook.save_to_writer(&mut self.out)?;
        Ok(self.out)
    }
}

/// Excel knows the years 1900 to 9999; any other moment is text.
fn write_time(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    time: Timestamp,
    format: &CellFormat,
) -> Result<(), SheetError> {
    match ExcelDateTime::from_timestamp(time.as_second()) {
        Ok(date) => sheet.write_datetime_with_format(row, column, date, format)?,
        Err(_) => sheet.write_string(row, column, format!("{time:.0}"))?,
    };
    Ok(())
}

/// The part of a text that fits into a cell.
fn shorten(text: &str) -> &str {
    if text.len() <= MAX_TEXT {
        return text;
    }
    let mut room = MAX_TEXT;
    let overflow = text
        .char_indices()
        .find(|(_, c)| match room.checked_sub(c.len_utf16()) {
            Some(left) => {
                room = left;
                false
            }
            None => true,
        });
    overflow
        .and_then(|(end, _)| text.get(..end))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::*;

    const HEADINGS: [Heading; 3] = [
        Heading {
            name: "ID",
            width: 24.0,
        },
        Heading {
            name: "Phone",
            width: 18.0,
        },
        Heading {
            name: "Created",
            width: 20.0,
        },
    ];

    fn rows() -> [[Cell<'static>; 3]; 3] {
        let created: Timestamp = "2026-11-03T09:08:07.654321Z".parse().unwrap();
        [
            ["00123".into(), "+4915112345".into(), created.into()],
            ["=1+1".into(), "-12.5".into(), Cell::Empty],
            [
                "two, \"lines\"\nand <ü> \u{1}".into(),
                None::<String>.into(),
                Timestamp::MIN.into(),
            ],
        ]
    }

    /// The parts of a workbook that tests look at.
    fn part(workbook: &[u8], name: &str) -> Option<String> {
        let mut text = String::new();
        let mut archive = zip::ZipArchive::new(Cursor::new(workbook)).unwrap();
        archive
            .by_name(name)
            .ok()?
            .read_to_string(&mut text)
            .unwrap();
        Some(text)
    }

    #[test]
    fn csv_opens_right_in_excel_and_runs_nothing() {
        let mut sheet = Sheet::new(Format::Csv, Vec::new(), &HEADINGS).unwrap();
        for row in rows() {
            sheet.write(&row).unwrap();
        }
        assert_eq!(
            String::from_utf8(sheet.finish().unwrap()).unwrap(),
            "\u{FEFF}ID,Phone,Created\r\n\
             00123,+4915112345,2026-11-03T09:08:07Z\r\n\
             '=1+1,-12.5,\r\n\
             \"two, \"\"lines\"\"\nand <ü> \u{1}\",,-009999-01-02T01:59:59Z\r\n"
        );
    }

    #[test]
    fn a_workbook_has_text_as_text_and_dates_as_dates_under_a_frozen_bold_header_with_filters() {
        let mut sheet = Sheet::new(Format::Xlsx, Vec::new(), &HEADINGS).unwrap();
        for row in rows() {
            sheet.write(&row).unwrap();
        }
        let workbook = sheet.finish().unwrap();
        let sheet = part(&workbook, "xl/worksheets/sheet1.xml").unwrap();
        for expected in [
            "<pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/>",
            "<autoFilter ref=\"A1:C4\"/>",
            "<c r=\"A1\" s=\"1\" t=\"inlineStr\"><is><t>ID</t></is></c>",
            "<c r=\"A2\" t=\"inlineStr\"><is><t>00123</t></is></c>",
            "<c r=\"B2\" t=\"inlineStr\"><is><t>+4915112345</t></is></c>",
            "<c r=\"C2\" s=\"2\"><v>46329.380636574075</v></c>",
            "<t>'=1+1</t>",
            "<t>-12.5</t>",
            "and &lt;ü&gt; _x0001_",
            "<t>-009999-01-02T01:59:59Z</t>",
            "customWidth=\"1\"",
        ] {
            assert!(sheet.contains(expected), "{expected} in {sheet}");
        }
        assert!(
            part(&workbook, "xl/styles.xml")
                .unwrap()
                .contains(TIME_FORMAT)
        );
    }

    #[test]
    fn rows_beyond_the_limit_of_a_worksheet_go_on_in_another() {
        let mut book = Book::new(Vec::new(), &HEADINGS, 3).unwrap();
        for _ in 0..5 {
            book.write(&rows()[0]).unwrap();
        }
        let workbook = book.finish().unwrap();
        let filters: Vec<_> = (1..=4)
            .map_while(|number| part(&workbook, &format!("xl/worksheets/sheet{number}.xml")))
            .map(|sheet| {
                assert!(sheet.contains("<t>ID</t>"));
                sheet.split_once("<autoFilter ref=\"").unwrap().1[..5].to_owned()
            })
            .collect();
        assert_eq!(filters, ["A1:C3", "A1:C3", "A1:C2"]);
    }

    #[test]
    fn text_too_long_for_a_cell_is_shortened_in_whole_characters() {
        assert_eq!(shorten(&"x".repeat(40_000)).len(), MAX_TEXT);
        assert_eq!(shorten(&"🚚".repeat(20_000)).chars().count(), MAX_TEXT / 2);
        assert_eq!(shorten(&"ü".repeat(20_000)).chars().count(), 20_000);
        let mut book = Book::new(Vec::new(), &HEADINGS, ROWS_PER_SHEET).unwrap();
        book.write(&["x".repeat(40_000).into()]).unwrap();
        book.finish().unwrap();
    }
}
