//! E-mail addresses.

use std::fmt;

use email_address::{EmailAddress, Options};

use super::field::Fault;
use super::text::{MOST_FOLDED, fold};

/// An address that mail can be sent to (RFC 5321: at most 254 octets), shown as typed, compared folded with its
/// domain in ASCII form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

impl Email {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is not one.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let text = text.trim();
        let invalid = || Fault::new("invalid_email", "is not an e-mail address");
        if text.len() > 254 {
            return Err(Fault::new("too_long", "must have at most 254 characters"));
        }
        let options = Options::default()
            .with_required_tld()
            .without_display_text()
            .without_domain_literal();
        let parsed = EmailAddress::parse_with_options(text, options).map_err(|_| invalid())?;
        // Quoted local parts are legal and never meant: they come from damaged files.
        if parsed.local_part().contains('"') || text.chars().any(char::is_control) {
            return Err(invalid());
        }
        idna::domain_to_ascii_strict(parsed.domain()).map_err(|_| invalid())?;
        if !text.is_ascii() && fold_address(text).len() > MOST_FOLDED {
            return Err(invalid());
        }
        Ok(Self(text.to_owned()))
    }

    /// As typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As mail goes there: the domain in ASCII form (RFC 5891), as mail services ask for.
    #[must_use]
    pub fn deliverable(&self) -> String {
        match self.0.rsplit_once('@') {
            Some((local, domain)) if !domain.is_ascii() => format!(
                "{local}@{}",
                idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_owned())
            ),
            _ => self.0.clone(),
        }
    }

    /// As compared.
    #[must_use]
    pub fn folded(&self) -> String {
        fold_address(&self.0)
    }
}

/// The form in which addresses are compared, also for a text that may be none.
#[must_use]
pub fn fold_address(text: &str) -> String {
    match text.trim().rsplit_once('@') {
        Some((local, domain)) => {
            let domain = idna::domain_to_ascii(domain).unwrap_or_else(|_| fold(domain));
            format!("{}@{domain}", fold(local))
        }
        None => fold(text),
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl TryFrom<String> for Email {
    type Error = Fault;
    fn try_from(text: String) -> Result<Self, Fault> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        for good in [
            "ada@example.com",
            "a.b+c@sub.example.co.uk",
            "jörg@müller.de",
            "o'brien@example.ie",
        ] {
            assert!(Email::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "a b@example.com",
            "ada@localhost",
            "Ada <ada@example.com>",
            "a@b..com",
            "a@example.com\r\nBcc: x@y.z",
            "\"a b\"@example.com",
            "a@-x-.com",
        ] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn case_and_spelling_of_the_domain_do_not_matter() {
        assert_eq!(
            Email::parse("Ada@Example.COM").unwrap().folded(),
            "ada@example.com"
        );
        assert_eq!(
            Email::parse("a@Müller.de").unwrap().folded(),
            Email::parse("A@xn--mller-kva.de").unwrap().folded()
        );
    }
}
