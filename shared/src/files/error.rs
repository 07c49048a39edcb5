//! What can be wrong with an uploaded file as a whole, said for the person who uploaded it.

use thiserror::Error;

use super::foreign::Foreign;
use super::header::Column;

/// Why a file cannot be imported at all. `Display` is the message for the person who uploaded it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FileError {
    /// No bytes, or nothing but blank lines.
    #[error("The file is empty.")]
    Empty,
    /// Another kind of file.
    #[error("{0}")]
    NotCsv(Foreign),
    /// The first line holds data where the names of the columns should be.
    #[error(
        "The first line looks like data, but it must name the columns, for example: External ID,Email,First Name,Last Name."
    )]
    NoHeader,
    /// The header names other columns, but not the one that every file must have.
    #[error(
        "The header has no column “External ID”. It names: {found}. Columns are separated by comma, semicolon or tab."
    )]
    MissingExternalId {
        /// The names found, shortened.
        found: String,
    },
    /// A column that we know is there twice, so nobody can tell which one counts.
    #[error("The header names the column “{}” more than once.", .column.name())]
    DuplicateColumn {
        /// The column.
        column: Column,
    },
    /// A quoted cell that never ends.
    #[error("The quotation mark opened in line {line} is never closed.")]
    UnclosedQuote {
        /// Where the quote opened.
        line: u64,
    },
    /// A row above the limit of 1 MB or 1,024 cells.
    #[error(
        "The row that starts in line {line} is too large: a row may have 1 MB and 1,024 cells at most."
    )]
    RecordTooLarge {
        /// Where the row starts.
        line: u64,
    },
    /// Values that earlier rows have already, more than anybody would mend row by row.
    #[error(
        "In more than {most} places the file has an External ID or Email that an earlier row has already. Give each user their own."
    )]
    TooManyDuplicates {
        /// How many there may be.
        most: usize,
    },
}

impl FileError {
    /// The stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty_file",
            Self::NotCsv(_) => "not_csv",
            Self::NoHeader => "no_header",
            Self::MissingExternalId { .. } => "missing_external_id",
            Self::DuplicateColumn { .. } => "duplicate_column",
            Self::UnclosedQuote { .. } => "unclosed_quote",
            Self::RecordTooLarge { .. } => "record_too_large",
            Self::TooManyDuplicates { .. } => "too_many_duplicates",
        }
    }

    /// The line of the file where it is wrong, when it is one line (the header is line 1).
    #[must_use]
    pub const fn line(&self) -> Option<u64> {
        match self {
            Self::UnclosedQuote { line } | Self::RecordTooLarge { line } => Some(*line),
            Self::Empty
            | Self::NotCsv(_)
            | Self::NoHeader
            | Self::MissingExternalId { .. }
            | Self::DuplicateColumn { .. }
            | Self::TooManyDuplicates { .. } => None,
        }
    }
}
