//! The one home of the rule for text that a spreadsheet would run as a formula.
//!
//! Such text gets an apostrophe in front, and reading takes exactly that apostrophe away again, so whatever we
//! wrote can be uploaded again. Text that already has apostrophes in front of a formula gets one more, for the same
//! reason. Negative numbers and phone numbers (`-12.5`, `+49 151 12345`) are no formulas: nothing can run in them.

use std::borrow::Cow;

/// Makes a value of ours safe to show in a spreadsheet; [`restore`] is the exact inverse.
#[must_use]
pub fn neutralise(value: &str) -> Cow<'_, str> {
    quote_if(is_formula(value.trim_start_matches('\'')), value)
}

/// Makes a cell of an uploaded file safe to show again, as it was: `restore` gives the same for both.
///
/// Unlike [`neutralise`] it leaves a cell alone that carries the apostrophe already.
#[must_use]
pub fn neutralise_cell(cell: &str) -> Cow<'_, str> {
    quote_if(is_formula(cell), cell)
}

/// Takes the apostrophe away that [`neutralise`] put in front, and no other.
#[must_use]
pub fn restore(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_formula(rest.trim_start_matches('\'')) => rest,
        _ => cell,
    }
}

fn quote_if(needed: bool, text: &str) -> Cow<'_, str> {
    if needed {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Spreadsheets differ in what they skip before a formula, and take full-width signs for the plain ones.
fn is_formula(text: &str) -> bool {
    if text.starts_with(['\t', '\r', '\n']) {
        return true;
    }
    let mut rest = text.trim_start().chars();
    match rest.next() {
        Some('=' | '@' | '＝' | '＠') => true,
        Some('+' | '-' | '＋' | '－') => !is_number(rest.as_str()),
        _ => false,
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
        ] {
            assert_eq!(neutralise(text), text);
            assert_eq!(neutralise_cell(text), text);
            assert_eq!(restore(text), text);
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

    proptest! {
        #[test]
        fn restoring_gives_back_what_was_neutralised(text in "['\\t =+@a-]{0,6}|\\PC{0,8}") {
            let neutralised = neutralise(&text);
            prop_assert_eq!(restore(&neutralised), text.as_str());
            prop_assert!(!is_formula(&neutralised));
        }

        #[test]
        fn a_cell_reads_the_same_before_and_after(cell in "['\\t\\r =+@a-]{0,6}|\\PC{0,8}") {
            let shown = neutralise_cell(&cell);
            prop_assert_eq!(restore(&shown), restore(&cell));
            prop_assert!(!is_formula(&shown));
        }
    }
}
