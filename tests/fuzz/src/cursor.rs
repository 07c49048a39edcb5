//! Where a page of a list begins.

use muster_shared::http;

/// A cursor as it comes, and the bytes as a place in a list. A cursor that is accepted is the one that we write for its
/// place, so no two of them mean the same; and what we write is accepted.
///
/// # Panics
/// When it is not so.
pub fn cursor(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(place) = http::cursor(&text) {
        assert_eq!(http::next(&place), text);
        assert!(place.len() <= 1_000, "longer than any key");
        let fitting = http::cursor_within(&text, place.len());
        assert_eq!(fitting.as_ref(), Ok(&place));
        let most = place.len().checked_sub(1);
        assert!(most.is_none_or(|most| http::cursor_within(&text, most).is_err()));
    }
    let written = http::cursor(&http::next(&text));
    assert_eq!(
        written.ok().as_deref(),
        (text.len() <= 1_000).then_some(&*text)
    );
}
