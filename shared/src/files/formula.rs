//! The one home of the rule for text that a spreadsheet would run as a formula.
//!
//! Such text gets an apostrophe in front, and reading takes exactly that apostrophe away again, so whatever we
//! wrote can be uploaded again. Text that already has apostrophes in front of a formula gets one more, for the same
//! reason. Negative numbers and phone numbers (`-12.5`, `+49 151 12345`) are no formulas: nothing can run in them.
//!
//! A spreadsheet whose lists are separated by semicolons or tabs cuts our lines there, also within our quotes, which
//! then stand in the middle of its cells; a line break within them begins a row of its. So the rule holds for each piece
//! of a value ("CSV injection", OWASP). A comma is none of these places: who cuts there heeds our quotes.

use std::borrow::Cow;

/// Makes a value of ours safe to show in a spreadsheet; [`restore`] is the exact inverse.
#[must_use]
pub fn neutralise(value: &str) -> Cow<'_, str> {
    at_each_start(value, |piece| {
        if piece.is_formula_behind_apostrophes() {
            Apostrophe::Add
        } else {
            Apostrophe::Keep
        }
    })
}

/// Makes a cell of an uploaded file safe to show again, as it was: `restore` gives the same for both.
///
/// Unlike [`neutralise`] it leaves alone what carries the apostrophe already.
#[must_use]
pub fn neutralise_cell(cell: &str) -> Cow<'_, str> {
    at_each_start(cell, |piece| {
        if piece.is_formula() {
            Apostrophe::Add
        } else {
            Apostrophe::Keep
        }
    })
}

/// Takes the apostrophes away that [`neutralise`] put in, and no other.
#[must_use]
pub fn restore(cell: &str) -> Cow<'_, str> {
    at_each_start(cell, |piece| match piece.text.strip_prefix('\'') {
        Some(text) if (Piece { text, ..piece }).is_formula_behind_apostrophes() => {
            Apostrophe::Remove
        }
        _ => Apostrophe::Keep,
    })
}

/// What becomes of the apostrophe in front of a piece.
enum Apostrophe {
    Keep,
    Add,
    Remove,
}

/// Where a spreadsheet may begin another cell.
const ENDS: [char; 4] = [';', '\t', '\r', '\n'];

fn at_each_start(text: &str, change: impl Fn(Piece<'_>) -> Apostrophe) -> Cow<'_, str> {
    let (mut changed, mut copied, mut start) = (String::new(), 0, 0);
    for piece in text.split_inclusive(ENDS) {
        let place = match change(Piece::new(piece, start == 0)) {
            Apostrophe::Keep => None,
            Apostrophe::Add => Some(("'", start)),
            Apostrophe::Remove => Some(("", start + 1)),
        };
        if let Some((apostrophe, go_on)) = place {
            changed += text.get(copied..start).unwrap_or_default();
            changed += apostrophe;
            copied = go_on;
        }
        start += piece.len();
    }
    let rest = text.get(copied..).unwrap_or_default();
    if changed.is_empty() {
        Cow::Borrowed(rest)
    } else {
        Cow::Owned(changed + rest)
    }
}

/// A part of a value that may come to stand at the start of a cell.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    /// Whether a tab or a line break follows it, and nothing stands before it.
    leads: bool,
}

impl<'a> Piece<'a> {
    fn new(piece: &'a str, first: bool) -> Self {
        Self {
            text: piece.strip_suffix(ENDS).unwrap_or(piece),
            leads: first && piece.ends_with(['\t', '\r', '\n']),
        }
    }

    fn is_formula_behind_apostrophes(self) -> bool {
        let text = self.text.trim_start_matches('\'');
        Self { text, ..self }.is_formula()
    }

    /// Spreadsheets differ in what they skip before a formula, and take full-width signs for the plain ones. A quote at
    /// the start is one that we double, so nothing stands between the two.
    fn is_formula(self) -> bool {
        if self.leads && self.text.is_empty() {
            return true;
        }
        let skipped = |c: char| c.is_whitespace() || c == '"';
        let mut rest = self.text.trim_start_matches(skipped).chars();
        match rest.next() {
            Some('=' | '@' | '＝' | '＠') => true,
            Some('+' | '-' | '＋' | '－') => !is_number(rest.as_str()),
            _ => false,
        }
    }
}

/// Digits and what people put between them; no letter, so no function and no reference.
fn is_number(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_digit() || b" .,-/()".contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_get_an_apostrophe() {
        for text in [
            "=1+1",
            "@SUM(A1)",
            "+cmd|' /C calc'!A0",
            "-2+3+cmd|' /C calc'!A0",
            "\tx",
            "\rx",
            "\nx",
            " =1",
            "＝1",
            "-A1",
            "+1+1",
            "\"=1",
        ] {
            assert_eq!(neutralise(text), format!("'{text}"));
            assert_eq!(neutralise_cell(text), format!("'{text}"));
        }
    }

    #[test]
    fn numbers_phone_numbers_and_ordinary_text_survive_untouched() {
        for text in [
            "",
            "-12.5",
            "-12,5",
            "+4915112345",
            "+49 (151) 123-45",
            "+1-555-010-0199",
            "-",
            "a=b",
            "O'Neil",
            "'tis",
            "2026-11-03",
            "'",
            "''",
            "a; b",
            "a;-12,5;+49 151\n-3",
            "a\r\nb\t\tc\n",
            "Smith, -Jones",
            "x;'tis",
        ] {
            assert_eq!(neutralise(text), text);
            assert_eq!(neutralise_cell(text), text);
            assert_eq!(restore(text), text);
        }
    }

    #[test]
    fn a_formula_behind_what_may_separate_cells_gets_an_apostrophe_too() {
        for (text, safe) in [
            ("x;=cmd|'/C calc'!A0;y", "x;'=cmd|'/C calc'!A0;y"),
            ("x\t@SUM(A1)", "x\t'@SUM(A1)"),
            ("x\r\n=1", "x\r\n'=1"),
            ("x; -A1", "x;' -A1"),
            ("=1;=2", "'=1;'=2"),
            ("\t=1", "'\t'=1"),
            // Written `a,"x;""=1"`, and cut at the semicolon: `""=1"`, of which quotes leave the formula.
            ("x;\"=1", "x;'\"=1"),
        ] {
            assert_eq!(neutralise(text), safe);
            assert_eq!(neutralise_cell(text), safe);
            assert_eq!(restore(safe), text);
        }
    }

    #[test]
    fn a_formula_that_had_an_apostrophe_of_its_own_keeps_it() {
        assert_eq!(neutralise("'=1"), "''=1");
        assert_eq!(restore("''=1"), "'=1");
    }

    #[test]
    fn a_cell_that_is_safe_already_is_not_quoted_twice() {
        assert_eq!(neutralise_cell("'=1"), "'=1");
    }

    /// What a spreadsheet may make a cell of.
    fn starts(text: &str) -> impl Iterator<Item = Piece<'_>> {
        let mut first = true;
        text.split_inclusive(ENDS)
            .map(move |piece| Piece::new(piece, std::mem::take(&mut first)))
    }

    proptest! {
        #[test]
        fn restoring_gives_back_what_was_neutralised(text in "['\"; \\t\\n=+@a1-]{0,12}|\\PC{0,8}") {
            let neutralised = neutralise(&text);
            prop_assert_eq!(restore(&neutralised), text.as_str());
            prop_assert!(!starts(&neutralised).any(Piece::is_formula));
        }

        #[test]
        fn a_cell_reads_the_same_before_and_after(cell in "['\"; \\t\\r\\n=+@a1-]{0,12}|\\PC{0,8}") {
            let shown = neutralise_cell(&cell);
            prop_assert_eq!(restore(&shown), restore(&cell));
            prop_assert!(!starts(&shown).any(Piece::is_formula));
        }

        #[test]
        fn no_cell_that_a_spreadsheet_cuts_out_of_a_line_of_ours_is_a_formula(
            values in proptest::collection::vec("['\"; ,\\t\\n=+@a1-]{0,12}", 1..4),
        ) {
            let mut csv = csv::Writer::from_writer(Vec::new());
            csv.write_record(values.iter().map(|value| neutralise(value).into_owned())).unwrap();
            let line = csv.into_inner().unwrap();
            for delimiter in [b',', b';', b'\t'] {
                let mut cut = csv::ReaderBuilder::new();
                cut.delimiter(delimiter).has_headers(false).flexible(true);
                for record in cut.from_reader(line.as_slice()).records() {
                    let record = record.unwrap();
                    let runs = |cell: &str| cell.trim_start().starts_with(['=', '@']);
                    prop_assert!(!record.iter().any(runs), "{record:?}");
                }
            }
        }
    }
}
