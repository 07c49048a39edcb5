//! Splits text that comes in pieces into records, within bounds whatever the text is.

use csv_core::ReadRecordResult;

use super::error::FileError;
use super::header::Delimiter;

/// How large a record may be.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Bytes of its cells; a power of two from 1,024 up.
    bytes: usize,
    /// Number of its cells; a power of two from 32 up.
    cells: usize,
}

impl Limits {
    /// What people may upload.
    pub(super) const UPLOAD: Self = Self {
        bytes: 1 << 20,
        cells: 1 << 10,
    };
    /// What we write about it: a record of an upload, and our own columns in front.
    pub(super) const PLAN: Self = Self {
        bytes: Self::UPLOAD.bytes * 2,
        cells: Self::UPLOAD.cells * 2,
    };
}

/// The cells of one record: one text and where each cell ends in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cells {
    text: String,
    ends: Vec<usize>,
}

impl Cells {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cells one after the other without anything between them.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn get(&self, place: usize) -> Option<&str> {
        let end = *self.ends.get(place)?;
        let start = match place.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(start..end)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|place| self.get(place))
    }

    /// Takes the first cells away.
    pub(super) fn split_off_front(&mut self, count: usize) -> Self {
        let count = count.min(self.len());
        let rest = self.ends.split_off(count);
        let front = std::mem::replace(&mut self.ends, rest);
        let cut = front.last().copied().unwrap_or_default();
        let text = self.text.split_off(cut);
        for end in &mut self.ends {
            *end -= cut;
        }
        Self {
            text: std::mem::replace(&mut self.text, text),
            ends: front,
        }
    }
}

/// Counts lines, whichever way they end.
struct Lines {
    /// The line of the next byte.
    current: u64,
    /// Whether the last byte was a CR, so that a LF belongs to it.
    after_cr: bool,
}

impl Lines {
    fn from(line: u64) -> Self {
        Self {
            current: line,
            after_cr: false,
        }
    }

    fn pass(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let is_break = *byte == b'\r' || (*byte == b'\n' && !self.after_cr);
            self.current += u64::from(is_break);
            self.after_cr = *byte == b'\r';
        }
    }
}

/// The splitter. A record ends at LF, CRLF or CR outside quotes; blank lines are no records.
pub(super) struct Records {
    limits: Limits,
    csv: csv_core::Reader,
    bytes: Vec<u8>,
    filled: usize,
    ends: Vec<usize>,
    cells: usize,
    lines: Lines,
    /// The line where the record starts.
    start: u64,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Between,
    Within,
    Complete,
}

impl Records {
    pub(super) fn new(delimiter: Delimiter, limits: Limits) -> Self {
        Self {
            limits,
            csv: csv_core::ReaderBuilder::new()
                .delimiter(delimiter.byte())
                .build(),
            bytes: vec![0; 1024],
            filled: 0,
            ends: vec![0; 32],
            cells: 0,
            lines: Lines::from(1),
            start: 1,
            stage: Stage::Between,
        }
    }

    /// Reads on, and takes what it read off `input`; true when a record is complete.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Result<bool, FileError> {
        if self.stage == Stage::Complete {
            self.stage = Stage::Between;
            (self.filled, self.cells) = (0, 0);
        }
        if self.stage == Stage::Between {
            let breaks = input
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                .count();
            self.pass(input, breaks);
            self.start = self.lines.current;
        }
        while !input.is_empty() {
            self.stage = Stage::Within;
            let (result, read, written, ended) = self.csv.read_record(
                input,
                self.bytes.get_mut(self.filled..).unwrap_or_default(),
                self.ends.get_mut(self.cells..).unwrap_or_default(),
            );
            self.pass(input, read);
            self.filled += written;
            self.cells += ended;
            match result {
                ReadRecordResult::Record => {
                    self.stage = Stage::Complete;
                    return Ok(true);
                }
                ReadRecordResult::OutputFull if self.bytes.len() < self.limits.bytes => {
                    self.bytes.resize(self.bytes.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < self.limits.cells => {
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    return Err(self.too_large());
                }
                ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
            }
        }
        Ok(false)
    }

    /// Ends the text; true when that completes a record.
    pub(super) fn finish(&mut self) -> Result<bool, FileError> {
        if self.stage != Stage::Within {
            return Ok(false);
        }
        // A line break ends every record, unless a quote is open: then it is one more character of the cell.
        if self.next(&mut b"\n".as_slice())? {
            Ok(true)
        } else {
            Err(self.unclosed())
        }
    }

    /// The line where the record starts; the first line of the text is 1.
    pub(super) fn line(&self) -> u64 {
        self.start
    }

    /// The cells of the complete record.
    pub(super) fn cells(&self) -> Cells {
        // Only whole ASCII characters are ever cut out of the text, so nothing is lost here.
        let text = String::from_utf8_lossy(self.bytes.get(..self.filled).unwrap_or_default());
        Cells {
            text: text.into_owned(),
            ends: self.ends.get(..self.cells).unwrap_or_default().to_vec(),
        }
    }

    fn pass(&mut self, input: &mut &[u8], count: usize) {
        let (passed, rest) = input.split_at(count);
        *input = rest;
        self.lines.pass(passed);
    }

    /// A cell with a line break in it is a quoted one; as it grew beyond all bounds, its quote was not meant to open.
    fn too_large(&self) -> FileError {
        if self
            .open_cell()
            .1
            .iter()
            .any(|byte| matches!(byte, b'\r' | b'\n'))
        {
            self.unclosed()
        } else {
            FileError::RecordTooLarge { line: self.start }
        }
    }

    fn unclosed(&self) -> FileError {
        let mut lines = Lines::from(self.start);
        lines.pass(self.open_cell().0);
        FileError::UnclosedQuote {
            line: lines.current,
        }
    }

    /// The cells that are complete, and the one that is not.
    fn open_cell(&self) -> (&[u8], &[u8]) {
        let complete = self
            .cells
            .checked_sub(1)
            .and_then(|last| self.ends.get(last))
            .copied()
            .unwrap_or_default();
        self.bytes
            .get(..self.filled)
            .unwrap_or_default()
            .split_at_checked(complete)
            .unwrap_or_default()
    }
}
