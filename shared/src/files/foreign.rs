//! Recognises from its first bytes a file that is no CSV at all, so that we can say what to do about it.

use std::fmt;

/// A kind of file that people upload where a CSV file was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// XLSX, ODS, or any other ZIP archive.
    Workbook,
    /// XLS, or another document of the Office programs before 2007.
    OldWorkbook,
    /// PDF.
    Pdf,
    /// PNG, JPEG, GIF or TIFF.
    Image,
    /// JSON.
    Json,
    /// HTML or XML.
    Html,
    /// Anything else that is not text.
    Binary,
}

impl Foreign {
    /// What the first bytes of a file give away. UTF-16 must be ruled out before, because it is full of NULs.
    pub(super) fn recognise(head: &[u8]) -> Option<Self> {
        const MAGIC: &[(&[u8], Foreign)] = &[
            (b"PK\x03\x04", Foreign::Workbook),
            (b"PK\x05\x06", Foreign::Workbook),
            (b"\xD0\xCF\x11\xE0", Foreign::OldWorkbook),
            (b"%PDF", Foreign::Pdf),
            (b"\x89PNG", Foreign::Image),
            (b"\xFF\xD8\xFF", Foreign::Image),
            (b"GIF8", Foreign::Image),
            (b"II*\0", Foreign::Image),
            (b"MM\0*", Foreign::Image),
            (b"\x1F\x8B", Foreign::Binary),
        ];
        if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Some(*kind);
        }
        // Who writes a mark means text: a NUL in it is the fault of its row, as in the report on a file in UTF-16.
        let text = match head.strip_prefix(b"\xEF\xBB\xBF") {
            None if head.contains(&0) => return Some(Self::Binary),
            marked => marked.unwrap_or(head),
        };
        match text.trim_ascii_start() {
            [b'<', ..] => Some(Self::Html),
            [b'{', ..] => Some(Self::Json),
            [b'[', rest @ ..] => matches!(rest.trim_ascii_start(), [b'{' | b'[' | b'"' | b']', ..])
                .then_some(Self::Json),
            _ => None,
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Workbook | Self::OldWorkbook => {
                "This is a workbook or an archive, not a CSV file. Open it in your spreadsheet program, save it as “CSV UTF-8” and upload that file."
            }
            Self::Pdf => "This is a PDF document, not a CSV file.",
            Self::Image => "This is an image, not a CSV file.",
            Self::Json => "This is a JSON document, not a CSV file.",
            Self::Html => "This is a web page or an XML document, not a CSV file.",
            Self::Binary => "This file is not text, so it is not a CSV file.",
        })
    }
}
