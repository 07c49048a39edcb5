//! One row of an upload, what its columns say, and what a spreadsheet program or a bad export did to it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::formula;
use super::header::{Column, Header};
use super::records::Cells;

/// One row of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line of the file where the row starts; the header is line 1 when nothing blank stands before it.
    pub line: u64,
    /// What is wrong with the row as such, before any rule looks at its values; mostly empty.
    pub damage: Vec<Damage>,
    cells: Cells,
    header: Arc<Header>,
}

impl Row {
    pub(super) fn new(line: u64, cells: Cells, header: Arc<Header>) -> Self {
        let mut row = Self {
            line,
            damage: Vec::new(),
            cells,
            header,
        };
        row.damage = Damage::of(&row);
        row
    }

    /// What the row says in a column, without the blanks around it; none when the column or the cell is absent or blank.
    #[must_use]
    pub fn get(&self, column: Column) -> Option<Cow<'_, str>> {
        let cell = self.cells.get(self.header.place(column)?)?;
        let value = match formula::restore(cell) {
            Cow::Borrowed(value) => Cow::Borrowed(value.trim()),
            Cow::Owned(value) => Cow::Owned(value.trim().to_owned()),
        };
        Some(value).filter(|value| !value.is_empty())
    }

    /// The cells as they stand in the file, without those of our own reports. None is made up for a column that the row
    /// lacks: of a wide header and short rows a plan would become hundreds of times as large as the upload.
    pub fn originals(&self) -> impl Iterator<Item = &str> {
        let cells = self.cells.iter().enumerate();
        cells
            .filter(|(place, _)| self.header.is_original(*place))
            .map(|(_, cell)| cell)
    }

    /// How long the text of its cells is, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.cells.text().len()
    }

    /// The header of the file.
    #[must_use]
    pub fn header(&self) -> &Arc<Header> {
        &self.header
    }
}

/// What is wrong with a row as such. `Display` is the message for the person who uploaded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// A byte sequence that the file's encoding does not know, so text was lost.
    InvalidEncoding,
    /// A NUL character, which no text has.
    NulCharacter,
    /// More cells with something in them than the header has columns.
    TooManyFields {
        /// Columns of the header.
        expected: usize,
        /// Cells of the row.
        found: usize,
    },
    /// A value that a spreadsheet program destroyed: `1.2E+11`, `#REF!`.
    Spreadsheet {
        /// Where it stands.
        column: Column,
    },
}

impl Damage {
    /// The stable name of the problem.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidEncoding => "invalid_encoding",
            Self::NulCharacter => "nul_character",
            Self::TooManyFields { .. } => "too_many_fields",
            Self::Spreadsheet { .. } => "spreadsheet_damage",
        }
    }

    fn of(row: &Row) -> Vec<Self> {
        let mut damage = Vec::new();
        let text = row.cells.text();
        if !text.is_ascii() && text.contains('\u{FFFD}') {
            damage.push(Self::InvalidEncoding);
        }
        if text.as_bytes().contains(&0) {
            damage.push(Self::NulCharacter);
        }
        let (expected, found) = (row.header.width(), row.cells.len());
        if row
            .cells
            .iter()
            .skip(expected)
            .any(|cell| !cell.trim().is_empty())
        {
            damage.push(Self::TooManyFields { expected, found });
        }
        let destroyed = |column: &Column| {
            row.get(*column).is_some_and(|value| {
                is_error_value(&value) || (column.is_digits() && is_rounded(&value))
            })
        };
        damage.extend(
            row.header
                .columns()
                .filter(destroyed)
                .map(|column| Self::Spreadsheet { column }),
        );
        damage
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidEncoding => f.write_str(
                "The row has characters that cannot be read in the encoding of the file. Save the file as UTF-8.",
            ),
            Self::NulCharacter => f.write_str("The row has a NUL character."),
            Self::TooManyFields { expected, found } => {
                write!(f, "The row has {found} cells, but the header has {expected} columns.")
            }
            Self::Spreadsheet { column } => write!(
                f,
                "A spreadsheet program has damaged the value in “{}”. Format the column as text and enter the value anew.",
                column.name()
            ),
        }
    }
}

/// A number as spreadsheets show it when it is long: `1.2E+11`, `4,91511E+12`, `1E+05`, `1.5E-07`.
///
/// Without a sign after the `E` it may well be somebody's ID (`12E34`), and so may `2E-05`.
fn is_rounded(value: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((mantissa, exponent)) = value.split_once(['E', 'e']) else {
        return false;
    };
    let mantissa = mantissa.strip_prefix('-').unwrap_or(mantissa);
    match mantissa.split_once(['.', ',']) {
        Some((whole, fraction)) => {
            digits(whole)
                && digits(fraction)
                && exponent.strip_prefix(['+', '-']).is_some_and(digits)
        }
        None => digits(mantissa) && exponent.strip_prefix('+').is_some_and(digits),
    }
}

/// An error of a formula (`#REF!`, `#N/A`, `#NAME?`, German `#BEZUG!` and `#NV`, `Err:502`), or a number in a column
/// too narrow to show it (`####`).
fn is_error_value(value: &str) -> bool {
    let Some(name) = value.strip_prefix('#') else {
        return value
            .strip_prefix("Err:")
            .is_some_and(|code| code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit()));
    };
    match name.strip_suffix(['!', '?']) {
        Some(name) => {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_uppercase() || c.is_ascii_digit() || matches!(c, '/' | '_'))
        }
        None => {
            matches!(name, "N/A" | "NV" | "N/D" | "N/B")
                || (name.len() >= 2 && name.bytes().all(|b| b == b'#'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_that_a_spreadsheet_rounded_are_recognised() {
        for value in [
            "1.2E+11",
            "1,2E+11",
            "4.91511E+12",
            "1E+05",
            "1e+11",
            "-1.5E-07",
        ] {
            assert!(is_rounded(value), "{value}");
        }
    }

    #[test]
    fn ids_that_only_look_a_little_like_it_are_left_alone() {
        for value in [
            "", "E", "E+11", "12E34", "2E-05", "1.2E+", "1.2E+1x", "EURO+1", "T-12", "1.2",
            ".5E+1", "1.2E+1E",
        ] {
            assert!(!is_rounded(value), "{value}");
        }
    }

    #[test]
    fn error_values_are_recognised_in_several_languages() {
        for value in [
            "#REF!",
            "#N/A",
            "#NAME?",
            "#DIV/0!",
            "#VALUE!",
            "#BEZUG!",
            "#ÜBERLAUF!",
            "#NV",
            "Err:502",
            "#####",
        ] {
            assert!(is_error_value(value), "{value}");
        }
        for value in [
            "#1", "#", "##", "#12", "#Van!", "Err:", "N/A", "#!", "Erratum",
        ] {
            assert!(!is_error_value(value), "{value}");
        }
    }
}
