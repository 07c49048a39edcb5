//! Makes text from outside fit to stand in a mail: one line, limited, without invisible characters, not clickable.

/// The longest name of a company, product or person that a mail shows, in characters.
pub(super) const NAME: usize = 60;

/// One line of at most `limit` characters: control characters and line breaks become single spaces, and characters
/// that reorder or hide text (bidirectional overrides and isolates, zero-width and tag characters) are removed.
///
/// This is enough for what support or the program itself provides: company and product names, licence codes.
/// The joiners U+200C and U+200D stay, because Persian, Indic names and emoji need them.
pub(super) fn line(text: &str, limit: usize) -> String {
    let visible: String = text
        .chars()
        .filter(|c| !is_invisible(*c))
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= limit {
        return line;
    }
    let kept: String = line.chars().take(limit.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// A name that a person typed, or nothing if nothing visible is left of it.
///
/// Mail programs turn anything that looks like an address into a link, in the text version and in the HTML one, so a
/// person named `http://evil.example` would have us send a link of their choice under our sender. What makes text
/// look like an address is a dot or a colon with no space behind it; we put one there. `J.R. Smith` becomes
/// `J. R. Smith`, which reads the same, and `http://evil.example` becomes `http: //evil. example`, which is no link.
pub(super) fn name(text: &str) -> Option<String> {
    let line = line(text, NAME);
    (!line.is_empty()).then(|| unlink(&line))
}

/// What somebody signs in with: an e-mail address stays as it is, since a changed one would not be accepted
/// and it can only become a link for writing to its reader; anything else is treated like a [`name`].
pub(super) fn identifier(text: &str) -> Option<String> {
    let line = line(text, 254);
    if line.matches('@').count() == 1 && !line.contains([' ', '/', ':', '?', '#']) {
        Some(line)
    } else {
        name(&line)
    }
}

/// An address that may become a link: `http` or `https`, in one piece; nothing if it is anything else.
pub(super) fn url(text: &str) -> Option<&str> {
    let text = text.trim();
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    let is_whole = !text
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || is_invisible(c) || "<>\"'`".contains(c));
    (is_web && is_whole).then_some(text)
}

fn unlink(line: &str) -> String {
    let mut unlinked = String::with_capacity(line.len() + 8);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        unlinked.push(c);
        let joined = chars.peek().is_some_and(|next| match c {
            // The last three are full stops of East Asian scripts, which domain names accept for a dot.
            '.' | '。' | '．' | '｡' => next.is_alphanumeric(),
            ':' => !next.is_whitespace(),
            _ => false,
        });
        if joined {
            unlinked.push(' ');
        }
    }
    unlinked
}

/// Characters without a shape of their own that change how their neighbours look or read.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_and_control_characters_become_one_space() {
        assert_eq!(
            line("Acme\r\nBcc: x@y.z\0\t!\u{2028}z", NAME),
            "Acme Bcc: x@y.z ! z"
        );
    }

    #[test]
    fn characters_that_reorder_or_hide_text_are_removed() {
        assert_eq!(
            line(
                "\u{202e}gpj\u{202c}.\u{2066}exe\u{2069}\u{200b}\u{feff}",
                NAME
            ),
            "gpj.exe"
        );
    }

    #[test]
    fn a_long_text_is_cut_to_the_limit_with_an_ellipsis() {
        let cut = line(&"é".repeat(10_000), NAME);
        assert_eq!(cut.chars().count(), NAME);
        assert!(cut.ends_with("é…"));
    }

    #[test]
    fn emoji_and_joined_letters_survive() {
        assert_eq!(line("Zoë 👩‍🚒 علی‌رضا", NAME), "Zoë 👩‍🚒 علی‌رضا");
    }

    #[test]
    fn a_name_cannot_look_like_an_address() {
        for (typed, shown) in [
            ("http://evil.example", "http: //evil. example"),
            ("www.evil.example/win?x=1", "www. evil. example/win?x=1"),
            ("pay@evil.example", "pay@evil. example"),
            ("evil。example", "evil。 example"),
            ("e\u{200b}vil.\u{ad}example", "evil. example"),
            ("tel:+1900", "tel: +1900"),
        ] {
            assert_eq!(name(typed).as_deref(), Some(shown));
        }
    }

    #[test]
    fn an_ordinary_name_stays_as_it_was_typed() {
        for typed in [
            "José-María O'Neill",
            "Dr. Anna Meyer",
            "Truck 17/B",
            "李小龙",
        ] {
            assert_eq!(name(typed).as_deref(), Some(typed));
        }
    }

    #[test]
    fn a_name_of_which_nothing_is_visible_is_no_name() {
        assert_eq!(name(" \u{200b}\r\n\u{202e} "), None);
    }

    #[test]
    fn an_email_address_to_sign_in_with_stays_exact() {
        assert_eq!(
            identifier("o'neill.j@acme.example").as_deref(),
            Some("o'neill.j@acme.example")
        );
        assert_eq!(identifier("evil.example").as_deref(), Some("evil. example"));
        assert_eq!(
            identifier("http://evil.example/@x").as_deref(),
            Some("http: //evil. example/@x")
        );
    }

    #[test]
    fn only_whole_web_addresses_become_links() {
        assert_eq!(
            url(" https://play.example/a?b=c&d "),
            Some("https://play.example/a?b=c&d")
        );
        for bad in [
            "javascript:alert(1)",
            "https://a b",
            "https://a\"onclick=",
            "data:text/html,x",
            "",
        ] {
            assert_eq!(url(bad), None);
        }
    }
}
