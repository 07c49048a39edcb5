//! Reads an upload as it comes, in memory that does not grow with it: bytes in, rows out, no input or output of its own.

use std::sync::Arc;

use super::encoding::{Encoding, TextDecoder};
use super::error::FileError;
use super::foreign::Foreign;
use super::formula;
use super::header::{Column, Delimiter, Header, REPORT};
use super::records::{Limits, Records};
use super::row::Row;

/// How much text may be gathered to judge the delimiter by a header with quotes in it.
const MAX_HEADER: usize = 64 * 1024;
/// How many bytes are decoded at a time.
const PIECE: usize = 64 * 1024;

/// The reader: `push` the bytes of the file in order, then `finish`.
///
/// The rows are the same however the bytes are cut. Blank lines, and rows in which all cells are blank, are no rows.
pub struct Reader {
    decoder: TextDecoder,
    /// The text so far, while the delimiter is unknown because the header is not complete.
    head: String,
    rows: Option<Rows>,
}

/// The delimiter is known.
struct Rows {
    delimiter: Delimiter,
    records: Records,
    header: Option<Arc<Header>>,
    count: u64,
}

/// What was found out about a file that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// How its text is encoded.
    pub encoding: Encoding,
    /// What separates its cells.
    pub delimiter: Delimiter,
    /// Its columns.
    pub header: Arc<Header>,
    /// How many rows it has.
    pub rows: u64,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader at the start of a file.
    #[must_use]
    pub fn new() -> Self {
        Self {
            decoder: TextDecoder::new(),
            head: String::new(),
            rows: None,
        }
    }

    /// Reads the next bytes and appends the rows that they complete to `rows`.
    ///
    /// # Errors
    /// When the file cannot be imported; it is then of no use to read on.
    pub fn push(&mut self, bytes: &[u8], rows: &mut Vec<Row>) -> Result<(), FileError> {
        bytes
            .chunks(PIECE)
            .try_for_each(|piece| self.read(piece, false, rows))
    }

    /// Ends the file, and appends its last rows to `rows`.
    ///
    /// # Errors
    /// When the file cannot be imported.
    pub fn finish(mut self, rows: &mut Vec<Row>) -> Result<Summary, FileError> {
        self.read(&[], true, rows)?;
        let Some(Rows {
            delimiter,
            header: Some(header),
            count,
            ..
        }) = self.rows
        else {
            return Err(FileError::Empty);
        };
        let encoding = self.decoder.encoding();
        Ok(Summary {
            encoding,
            delimiter,
            header,
            rows: count,
        })
    }

    /// The header, as soon as it was read.
    #[must_use]
    pub fn header(&self) -> Option<&Arc<Header>> {
        self.rows.as_ref()?.header.as_ref()
    }

    fn read(&mut self, bytes: &[u8], last: bool, rows: &mut Vec<Row>) -> Result<(), FileError> {
        let mut text = std::mem::take(&mut self.head);
        let seen = text.len();
        self.decoder.decode(bytes, last, &mut text)?;
        if self.rows.is_none() {
            let enough = last || text.len() >= MAX_HEADER;
            let has_break = text
                .bytes()
                .skip(seen)
                .any(|byte| matches!(byte, b'\r' | b'\n'));
            if enough || has_break {
                self.rows = choose_delimiter(&text, enough).map(Rows::new);
            }
        }
        if let Some(reading) = &mut self.rows {
            return reading.read(&text, last, rows);
        }
        self.head = text;
        Ok(())
    }
}

impl Rows {
    fn new(delimiter: Delimiter) -> Self {
        Self {
            delimiter,
            records: Records::new(delimiter, Limits::UPLOAD),
            header: None,
            count: 0,
        }
    }

    fn read(&mut self, text: &str, last: bool, rows: &mut Vec<Row>) -> Result<(), FileError> {
        let mut input = text.as_bytes();
        while self.records.next(&mut input)? {
            self.record(rows)?;
        }
        if last && self.records.finish()? {
            self.record(rows)?;
        }
        Ok(())
    }

    fn record(&mut self, rows: &mut Vec<Row>) -> Result<(), FileError> {
        let cells = self.records.cells();
        if cells.text().trim().is_empty() {
            return Ok(());
        }
        if let Some(header) = &self.header {
            self.count += 1;
            rows.push(Row::new(self.records.line(), cells, Arc::clone(header)));
        } else if cells.text().contains('\0') {
            return Err(FileError::NotCsv(Foreign::Binary));
        } else {
            let headings = cells.iter().map(formula::restore);
            self.header = Some(Arc::new(Header::read(headings)?));
        }
        Ok(())
    }
}

/// The delimiter that makes the most columns we know out of the header, then the one that makes the most columns.
///
/// None when the header is not complete for each of them: a quote opens only at the start of a cell, so where the
/// header ends depends on the delimiter. A report is as we wrote it, whatever the headings of the upload hold.
fn choose_delimiter(text: &str, last: bool) -> Option<Delimiter> {
    if text.split(',').take(REPORT.len()).eq(REPORT) {
        return Some(Delimiter::Comma);
    }
    let sample = text.as_bytes().get(..MAX_HEADER).unwrap_or(text.as_bytes());
    let mut best = (Delimiter::Comma, (0, false, 0));
    for delimiter in Delimiter::ALL {
        let mut records = Records::new(delimiter, Limits::UPLOAD);
        let mut input = sample;
        let (cells, complete) = loop {
            let complete = records.next(&mut input).unwrap_or_default()
                || (last && records.finish().unwrap_or_default());
            let cells = records.cells();
            if !complete || !cells.text().trim().is_empty() {
                break (cells, complete);
            }
        };
        if !complete && !last {
            return None;
        }
        let known = cells
            .iter()
            .filter(|heading| Column::from_heading(&formula::restore(heading)).is_some())
            .count();
        let score = (known, complete, cells.len());
        if score > best.1 {
            best = (delimiter, score);
        }
    }
    Some(best.0)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::super::row::Damage;
    use super::*;

    /// Reads a file pushed at once.
    fn read(file: impl AsRef<[u8]>) -> Result<(Vec<Row>, Summary), FileError> {
        read_cut(file.as_ref(), file.as_ref().len().max(1))
    }

    /// Reads a file pushed in pieces of a size.
    fn read_cut(file: &[u8], size: usize) -> Result<(Vec<Row>, Summary), FileError> {
        let (mut reader, mut rows) = (Reader::new(), Vec::new());
        for piece in file.chunks(size) {
            reader.push(piece, &mut rows)?;
        }
        let summary = reader.finish(&mut rows)?;
        Ok((rows, summary))
    }

    fn error(file: impl AsRef<[u8]>) -> FileError {
        read(file).unwrap_err()
    }

    /// Line, external ID, e-mail and last name of each row.
    fn users(rows: &[Row]) -> Vec<(u64, &str, &str, &str)> {
        let get = |row, column| match Row::get(row, column) {
            Some(Cow::Borrowed(value)) => value,
            Some(Cow::Owned(value)) => panic!("{value} is not as it stands in the file"),
            None => "",
        };
        rows.iter()
            .map(|row| {
                let (id, email) = (get(row, Column::ExternalId), get(row, Column::Email));
                (row.line, id, email, get(row, Column::LastName))
            })
            .collect()
    }

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    const UMLAUTS: &str =
        "External ID,Email,Last Name\r\nT-1,ann@example.com,Müller\r\nT-2,,Żółć 🚚\r\n";

    #[test]
    fn a_plain_file_is_read() {
        let (rows, summary) =
            read("External ID,Email,Last Name\nT-1,ann@example.com,Lee\nT-2,,\n").unwrap();
        assert_eq!(
            users(&rows),
            [(2, "T-1", "ann@example.com", "Lee"), (3, "T-2", "", "")]
        );
        assert_eq!(
            (summary.encoding, summary.delimiter, summary.rows),
            (Encoding::Utf8, Delimiter::Comma, 2)
        );
        assert_eq!(rows[1].get(Column::Email), None);
        assert_eq!(rows[1].get(Column::PhoneNumber), None);
    }

    #[test]
    fn every_encoding_reads_the_same_and_is_told() {
        let expected = [
            (2, "T-1", "ann@example.com", "Müller"),
            (3, "T-2", "", "Żółć 🚚"),
        ];
        let marked = format!("\u{FEFF}{UMLAUTS}");
        for (file, encoding) in [
            (UMLAUTS.as_bytes().to_vec(), Encoding::Utf8),
            (marked.as_bytes().to_vec(), Encoding::Utf8WithBom),
            (utf16(&marked, u16::to_le_bytes), Encoding::Utf16Le),
            (utf16(&marked, u16::to_be_bytes), Encoding::Utf16Be),
            (utf16(UMLAUTS, u16::to_le_bytes), Encoding::Utf16Le),
            (utf16(UMLAUTS, u16::to_be_bytes), Encoding::Utf16Be),
        ] {
            let (rows, summary) = read(&file).unwrap();
            assert_eq!(users(&rows), expected, "{encoding}");
            assert_eq!(summary.encoding, encoding);
        }
    }

    #[test]
    fn windows_1252_is_recognised_by_its_first_umlaut() {
        let (rows, summary) =
            read(b"External ID;Last Name\r\nT-1;M\xFCller\r\nT-2;Andr\xE9\r\nT-3;\x80uro").unwrap();
        let names: Vec<_> = rows
            .iter()
            .filter_map(|row| row.get(Column::LastName))
            .collect();
        assert_eq!(names, ["Müller", "André", "€uro"]);
        assert_eq!(
            (summary.encoding, summary.delimiter),
            (Encoding::Windows1252, Delimiter::Semicolon)
        );
        assert!(rows.iter().all(|row| row.damage.is_empty()));
    }

    #[test]
    fn windows_1252_is_recognised_after_three_megabytes_of_ascii() {
        let mut file = b"External ID,Last Name\n".to_vec();
        while file.len() < 3_000_000 {
            file.extend_from_slice(b"T-1,Lee\n");
        }
        let mut utf8 = file.clone();
        file.extend_from_slice(b"T-2,M\xFCller\nT-3,Lee\n");
        utf8.extend_from_slice("T-2,Müller\nT-3,Lee\n".as_bytes());
        for (file, encoding) in [(file, Encoding::Windows1252), (utf8, Encoding::Utf8)] {
            let (rows, summary) = read_cut(&file, 65_537).unwrap();
            assert_eq!(
                rows[rows.len() - 2].get(Column::LastName).as_deref(),
                Some("Müller")
            );
            assert_eq!(summary.encoding, encoding);
        }
    }

    #[test]
    fn a_broken_sequence_in_utf_8_is_the_fault_of_its_row_alone() {
        let mut file = UMLAUTS.as_bytes().to_vec();
        file.extend_from_slice(b"T-3,,M\xFCller\r\nT-4,,Lee\r\nT-5,,cut \xC3");
        let (rows, summary) = read(&file).unwrap();
        assert_eq!(summary.encoding, Encoding::Utf8);
        let damaged: Vec<_> = rows
            .iter()
            .filter(|row| !row.damage.is_empty())
            .map(|row| row.line)
            .collect();
        assert_eq!(damaged, [4, 6]);
        assert_eq!(rows[2].damage, [Damage::InvalidEncoding]);
        assert_eq!(rows[2].damage[0].code(), "invalid_encoding");
    }

    #[test]
    fn every_delimiter_is_recognised_and_told() {
        for delimiter in Delimiter::ALL {
            let file = "External ID|Email|Last Name\nT-1|ann@example.com|Lee\n".replace(
                '|',
                delimiter
                    .byte()
                    .escape_ascii()
                    .to_string()
                    .replace("\\t", "\t")
                    .as_str(),
            );
            let (rows, summary) = read(&file).unwrap();
            assert_eq!(users(&rows), [(2, "T-1", "ann@example.com", "Lee")]);
            assert_eq!(summary.delimiter, delimiter);
        }
    }

    #[test]
    fn delimiters_within_quotes_do_not_count() {
        let (rows, summary) =
            read("\"a, b, c, d\nand e\";External ID;Email\nx;T-1;ann@example.com\n").unwrap();
        assert_eq!(users(&rows), [(3, "T-1", "ann@example.com", "")]);
        assert_eq!(summary.delimiter, Delimiter::Semicolon);
        // The same with a delimiter that would open the quote elsewhere.
        let (_, summary) = read("External ID;15\" screen,\"x;Email\nT-1;;\n").unwrap();
        assert_eq!(summary.delimiter, Delimiter::Semicolon);
    }

    #[test]
    fn quoted_cells_may_hold_line_breaks_delimiters_and_quotes() {
        let file = "External ID,Depot,Email\r\nT-1,\"one, two\r\nthree \"\"four\"\"\nfive\",a@example.com\r\nT-2,,\r\n";
        let (rows, _) = read(file).unwrap();
        assert_eq!(
            users(&rows),
            [(2, "T-1", "a@example.com", ""), (5, "T-2", "", "")]
        );
        assert_eq!(
            rows[0].originals().nth(1),
            Some("one, two\r\nthree \"four\"\nfive")
        );
    }

    #[test]
    fn lines_end_with_lf_crlf_or_cr_and_blank_lines_count_but_are_no_rows() {
        for end in ["\n", "\r\n", "\r"] {
            for last in ["", end] {
                let file =
                    format!("{end}External ID,Email{end}{end}T-1,{end}  {end},,{end}T-2,{last}")
                        .replace(",,", ", ,");
                let (rows, summary) = read(&file).unwrap();
                assert_eq!(
                    users(&rows),
                    [(4, "T-1", "", ""), (7, "T-2", "", "")],
                    "{file:?}"
                );
                assert_eq!(summary.rows, 2);
            }
        }
    }

    #[test]
    fn absent_and_blank_cells_are_none_and_values_are_trimmed() {
        let (rows, _) =
            read("External ID,Email,Last Name\n T-1 \n\u{A0}T-2,  ,\" Lee \"\n").unwrap();
        assert_eq!(users(&rows), [(2, "T-1", "", ""), (3, "T-2", "", "Lee")]);
        assert_eq!(rows[0].originals().collect::<Vec<_>>(), [" T-1 "]);
        assert!(rows.iter().all(|row| row.damage.is_empty()));
    }

    #[test]
    fn too_many_cells_are_damage_only_when_something_is_in_them() {
        let (rows, _) = read("External ID,Email\nT-1,,,\nT-2,,x,\n").unwrap();
        assert_eq!(rows[0].damage, []);
        assert_eq!(
            rows[1].damage,
            [Damage::TooManyFields {
                expected: 2,
                found: 4
            }]
        );
    }

    #[test]
    fn spreadsheet_damage_is_flagged_where_it_stands() {
        let (rows, _) =
            read("External ID,Phone,Last Name,Depot\n1.2E+11,\"4,91511E+12\",1.2E+11,#REF!\nT-2,,#N/A,\n").unwrap();
        let damage = |column| Damage::Spreadsheet { column };
        assert_eq!(
            rows[0].damage,
            [damage(Column::ExternalId), damage(Column::PhoneNumber)]
        );
        assert_eq!(rows[1].damage, [damage(Column::LastName)]);
        assert_eq!(rows[1].damage[0].code(), "spreadsheet_damage");
    }

    #[test]
    fn the_header_alone_and_a_single_column_are_legal() {
        let (rows, summary) = read("External ID").unwrap();
        assert_eq!((rows.len(), summary.rows), (0, 0));
        let (rows, _) = read("external_id\nT-1\n\"T-2\"").unwrap();
        assert_eq!(users(&rows), [(2, "T-1", "", ""), (3, "T-2", "", "")]);
    }

    #[test]
    fn empty_files_are_told() {
        for file in ["", "\n", "\r\n\r\n", "  \n\t\n", "\u{FEFF}", "\u{FEFF}\n"] {
            assert_eq!(error(file), FileError::Empty, "{file:?}");
        }
        assert_eq!(error([]).code(), "empty_file");
    }

    #[test]
    fn files_of_other_kinds_are_told() {
        for (file, kind) in [
            (b"PK\x03\x04\x14\0\x06\0".as_slice(), Foreign::Workbook),
            (b"\xD0\xCF\x11\xE0\xA1\xB1", Foreign::OldWorkbook),
            (b"%PDF-1.7\n", Foreign::Pdf),
            (b"\x89PNG\r\n\x1A\n\0", Foreign::Image),
            (b"\xFF\xD8\xFF\xE0", Foreign::Image),
            (b" [ {\"External ID\": 1}]", Foreign::Json),
            (b"{\"users\": []}", Foreign::Json),
            (b"\xEF\xBB\xBF<!doctype html><html>", Foreign::Html),
            (b"External ID\0,Email\n", Foreign::Binary),
            (b"\x1F\x8B\x08", Foreign::Binary),
        ] {
            assert_eq!(error(file), FileError::NotCsv(kind));
        }
        assert!(
            error(b"PK\x03\x04")
                .to_string()
                .contains("save it as “CSV UTF-8”")
        );
    }

    #[test]
    fn a_nul_is_damage_in_a_row_and_no_csv_in_the_header() {
        let padding = "x".repeat(600);
        let (rows, _) = read(format!("External ID,{padding}\nT-\0 1,\nT-2,\n")).unwrap();
        assert_eq!(rows[0].damage, [Damage::NulCharacter]);
        assert_eq!(rows[1].damage, []);
        assert_eq!(
            error(format!("External ID,{padding},\0\n")),
            FileError::NotCsv(Foreign::Binary)
        );
    }

    #[test]
    fn a_nul_in_a_marked_file_is_damage_of_its_row() {
        for file in [
            b"\xEF\xBB\xBFExternal ID\nT-\0 1\nT-2\n".to_vec(),
            utf16("\u{FEFF}External ID\nT-\0 1\nT-2\n", u16::to_le_bytes),
        ] {
            let (rows, _) = read(file).unwrap();
            assert_eq!(rows[0].damage, [Damage::NulCharacter]);
            assert_eq!(rows[1].damage, []);
        }
    }

    #[test]
    fn a_file_without_header_or_without_external_id_is_told() {
        assert_eq!(
            error("T-1,ann@example.com\nT-2,bob@example.com\n"),
            FileError::NoHeader
        );
        assert_eq!(error("Email|Name\n").code(), "missing_external_id");
        assert!(error("Email,Name\n").to_string().contains("Email, Name"));
    }

    #[test]
    fn an_unclosed_quote_names_the_line_where_it_opened() {
        let file = "External ID,Depot,Email\nT-1,,\nT-2,\"two\nlines\",\"open\nT-3,,\n";
        assert_eq!(error(file), FileError::UnclosedQuote { line: 4 });
        assert_eq!(
            error("External ID,\"Email\nT-1,\n"),
            FileError::UnclosedQuote { line: 1 }
        );
        assert_eq!(
            error(format!("{file}{}", "T-4,,\n".repeat(1_000_000))),
            FileError::UnclosedQuote { line: 4 }
        );
        assert_eq!(
            error(format!("External ID,\"{}", "x\n".repeat(1_000_000))),
            FileError::UnclosedQuote { line: 1 }
        );
    }

    #[test]
    fn a_large_cell_is_read_and_one_beyond_the_limit_is_told() {
        let (rows, _) = read(format!(
            "External ID,Last Name\nT-1,{}\nT-2,\n",
            "x".repeat(400_000)
        ))
        .unwrap();
        assert_eq!(
            rows[0].get(Column::LastName).as_deref().map(str::len),
            Some(400_000)
        );
        assert_eq!(rows.len(), 2);
        let file = format!("External ID,Last Name\n\nT-1,{}\n", "x".repeat(2_000_000));
        assert_eq!(error(file), FileError::RecordTooLarge { line: 3 });
        assert_eq!(
            error("x".repeat(3_000_000)),
            FileError::RecordTooLarge { line: 1 }
        );
        assert_eq!(
            error(format!("External ID\n{}", ",".repeat(1_024))),
            FileError::RecordTooLarge { line: 2 }
        );
        assert!(read(format!("External ID\n{}", ",".repeat(1_023))).is_ok());
    }

    #[test]
    fn the_rows_before_an_error_are_handed_out() {
        let (mut reader, mut rows) = (Reader::new(), Vec::new());
        reader
            .push(b"External ID\nT-1\nT-2\n\"T-3\n", &mut rows)
            .unwrap();
        let padding = "x".repeat(600);
        reader.push(padding.as_bytes(), &mut rows).unwrap();
        assert_eq!(reader.header().map(|header| header.width()), Some(1));
        assert!(reader.finish(&mut rows).is_err());
        assert_eq!(rows.len(), 2);
    }

    #[test]
    fn a_file_reads_the_same_wherever_it_is_cut() {
        let quoted = "\u{FEFF}External ID;\"Last\r\nName\";Email\r\n\r\nT-1;\"Mü\"\"ll\r\ner\";a@example.com\rT-2;Żółć 🚚\n";
        let latin = b"External ID\tLast Name\r\nT-1\tM\xFCller\r\n\tAndr\xE9".to_vec();
        for file in [
            quoted.as_bytes().to_vec(),
            utf16(quoted, u16::to_le_bytes),
            utf16(UMLAUTS, u16::to_be_bytes),
            latin,
            b"External ID,\"Email\nT-1".to_vec(),
        ] {
            let whole = read(&file);
            for cut in 0..=file.len() {
                let (mut reader, mut rows) = (Reader::new(), Vec::new());
                reader.push(&file[..cut], &mut rows).unwrap();
                reader.push(&file[cut..], &mut rows).unwrap();
                let cut = reader.finish(&mut rows).map(|summary| (rows, summary));
                assert_eq!(cut, whole);
            }
            assert_eq!(read_cut(&file, 1), whole);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_read_the_same_however_they_are_cut(
            start in "(External ID[,;\t]Email[\r\n]{0,3})?",
            bytes in proptest::collection::vec(
                prop_oneof![Just(b','), Just(b'"'), Just(b'\n'), Just(b'\r'), Just(0xC3), Just(0xBC), any::<u8>()],
                0..900,
            ),
            size in 1_usize..40,
        ) {
            let file = [start.as_bytes(), &bytes].concat();
            prop_assert_eq!(read_cut(&file, size), read(&file));
        }

        #[test]
        fn whatever_a_csv_writer_writes_is_read(
            cells in proptest::collection::vec(("[a-z]{1,5}", "[a-zü\",;\r\n 🚚]{0,9}"), 1..20),
        ) {
            let mut csv = csv::Writer::from_writer(Vec::new());
            csv.write_record(["External ID", "Depot"]).unwrap();
            for (id, depot) in &cells {
                csv.write_record([id, depot]).unwrap();
            }
            let (rows, _) = read(csv.into_inner().unwrap()).unwrap();
            let found: Vec<_> = rows
                .iter()
                .map(|row| (row.get(Column::ExternalId).unwrap().into_owned(), row.originals().nth(1).unwrap().to_owned()))
                .collect();
            prop_assert_eq!(found, cells);
        }
    }
}
