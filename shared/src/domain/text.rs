//! Texts people type: trimmed, without control characters, of bounded length, compared folded.

use std::fmt;

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

use super::field::Fault;

/// The form in which texts are compared: trimmed, compatibility-normalised, case-folded
/// (`NFKC_Casefold` of the Unicode Standard, section 3.13, without its removal of ignorable characters).
#[must_use]
pub fn fold(text: &str) -> String {
    let text = text.trim();
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfkc().default_case_fold().nfkc().collect()
}

/// The most bytes of a folded text: it stands in keys of the table, which have at most 1,024. Folding can make a
/// text ten times as long.
pub const MOST_FOLDED: usize = 900;

/// Trims `text` and refuses what is empty, longer than `max` characters, or holds control or text-direction characters.
///
/// # Errors
/// What is wrong with it.
pub fn clean(text: &str, max: usize) -> Result<String, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Fault::new("required", "must not be empty"));
    }
    if text.chars().count() > max {
        return Err(Fault::new(
            "too_long",
            format!("must have at most {max} characters"),
        ));
    }
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')) {
        return Err(Fault::new("control_character", "must not contain line breaks, control or text-direction characters"));
    }
    Ok(text.to_owned())
}

/// Declares a text type with its greatest length and an optional further check.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident, $max:literal $(, $check:path)?;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads it as typed.
            ///
            /// # Errors
            /// What is wrong with it.
            pub fn parse(text: &str) -> Result<Self, Fault> {
                let text = clean(text, $max)?;
                if !text.is_ascii() && fold(&text).len() > MOST_FOLDED {
                    return Err(Fault::new("too_long", "is too long in its plain form"));
                }
                $($check(&text)?;)?
                Ok(Self(text))
            }

            /// As typed.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// As compared.
            #[must_use]
            pub fn folded(&self) -> String {
                fold(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Fault;
            fn try_from(text: String) -> Result<Self, Fault> {
                Self::parse(&text)
            }
        }
    )*};
}

texts! {
    /// A person's first or last name.
    Name, 100;
    /// A tenant's or a product's name.
    Title, 100;
    /// The tenant's own name for a user: fleet number, payroll number, device name.
    ExternalId, 100;
    /// An employee number or a licence of the trade (IPAF).
    EmployeeNumber, 50;
    /// What a device calls itself when it redeems a licence code.
    Device, 100;
    /// What a person signs in with besides the e-mail address; unique everywhere.
    Username, 60, username;
    /// An address that people open: http or https.
    Link, 500, link;
    /// A language, as a BCP 47 tag: `de`, `pt-BR`, `zh-Hant-TW`.
    Locale, 35, locale;
    /// An ISO 4217 code: `EUR`.
    Currency, 10, currency;
    /// A number under which a company is registered.
    RegistrationNumber, 50;
    /// A postal address, in one line.
    Address, 300;
    /// A module of the fleet's apps: `maps`, `fuel_reports`.
    Module, 40, module;
}

/// Whether it has the form of a BCP 47 tag that begins with a language.
fn locale(text: &str) -> Result<(), Fault> {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let subtag = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    if matches!(language.len(), 2 | 3) && letters(language) && parts.all(subtag) {
        Ok(())
    } else {
        Err(Fault::new(
            "invalid_locale",
            "must be a language tag such as en or pt-BR",
        ))
    }
}

/// The money of ISO 4217 that people pay with.
const CURRENCIES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN \
    BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD \
    HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD \
    MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON \
    RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX \
    USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

/// Whether it is an ISO 4217 code.
fn currency(text: &str) -> Result<(), Fault> {
    if CURRENCIES.split_ascii_whitespace().any(|code| code == text) {
        Ok(())
    } else {
        Err(Fault::new(
            "invalid_currency",
            "must be an ISO 4217 code such as EUR",
        ))
    }
}

/// Modules are named by programs.
fn module(text: &str) -> Result<(), Fault> {
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
    };
    if text.bytes().all(allowed) {
        Ok(())
    } else {
        Err(Fault::new(
            "invalid_module",
            "may only have lower-case letters, digits, _ and -",
        ))
    }
}

fn username(text: &str) -> Result<(), Fault> {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    if text.chars().count() < 3 {
        return Err(Fault::new("too_short", "must have at least 3 characters"));
    }
    // No "@": a user name must never be taken for somebody's e-mail address at sign-in.
    if !text.chars().all(allowed) {
        return Err(Fault::new(
            "invalid_username",
            "may only have letters, digits, and . _ - +",
        ));
    }
    Ok(())
}

fn link(text: &str) -> Result<(), Fault> {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    match host {
        Some(rest)
            if !rest.is_empty()
                && !rest.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>')) =>
        {
            Ok(())
        }
        _ => Err(Fault::new(
            "invalid_link",
            "must be an address that starts with https://",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_makes_lookalikes_equal() {
        assert_eq!(fold(" Straße "), fold("STRASSE"));
        assert_eq!(fold("ﬁt"), fold("FIT"));
        assert_eq!(fold("Ａ１"), fold("a1"));
        assert_eq!(fold("e\u{301}"), fold("É"));
        assert_ne!(fold("a b"), fold("ab"));
    }

    #[test]
    fn a_locale_is_a_language_tag() {
        for good in ["en", "pt-BR", "zh-Hant-TW", "gsw", "de-1996"] {
            assert!(Locale::parse(good).is_ok(), "{good}");
        }
        for bad in ["e", "english", "en_GB", "en-", "1a", "en-toolongsubtag"] {
            assert_eq!(
                Locale::parse(bad).unwrap_err().code,
                "invalid_locale",
                "{bad}"
            );
        }
    }

    #[test]
    fn a_currency_is_a_code_of_iso_4217() {
        assert!(Currency::parse("USD").is_ok());
        for bad in ["usd", "US", "€€€", "E1R", "ZZZ", "EUR USD"] {
            assert_eq!(
                Currency::parse(bad).unwrap_err().code,
                "invalid_currency",
                "{bad}"
            );
        }
    }

    #[test]
    fn texts_are_trimmed_and_bounded() {
        assert_eq!(Name::parse("  Ada ").unwrap().as_str(), "Ada");
        assert_eq!(Name::parse(" ").unwrap_err().code, "required");
        assert_eq!(Name::parse(&"x".repeat(101)).unwrap_err().code, "too_long");
        assert_eq!(
            Name::parse("a\r\nBcc: b").unwrap_err().code,
            "control_character"
        );
        assert_eq!(
            Name::parse("a\u{202e}b").unwrap_err().code,
            "control_character"
        );
    }

    #[test]
    fn a_username_cannot_look_like_an_address() {
        assert!(Username::parse("ada.lovelace").is_ok());
        assert_eq!(
            Username::parse("ada@example.com").unwrap_err().code,
            "invalid_username"
        );
        assert_eq!(Username::parse("ad").unwrap_err().code, "too_short");
    }

    #[test]
    fn a_link_is_http() {
        assert!(Link::parse("https://example.com/app").is_ok());
        assert_eq!(
            Link::parse("javascript:alert(1)").unwrap_err().code,
            "invalid_link"
        );
    }
}
