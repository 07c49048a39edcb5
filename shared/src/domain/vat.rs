//! VAT numbers, by their form: the country's prefix and the characters that follow. Whether a number was given to
//! somebody is known to VIES only, and not asked.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::field::Fault;

/// The forms by prefix, as the European Commission lists them ("VIES, FAQ, structure of VAT numbers"): `9` is a digit,
/// `a` a letter, `x` either, `s` either or `+` or `*`. Norway, Switzerland and Great Britain by their own authorities.
const FORMS: &[(&str, &[&str])] = &[
    ("AT", &["U99999999"]),
    ("BE", &["0999999999", "1999999999"]),
    ("BG", &["999999999", "9999999999"]),
    ("CY", &["99999999a"]),
    ("CZ", &["99999999", "999999999", "9999999999"]),
    ("DE", &["999999999"]),
    ("DK", &["99999999"]),
    ("EE", &["999999999"]),
    ("EL", &["999999999"]),
    ("ES", &["a9999999x", "99999999a"]),
    ("FI", &["99999999"]),
    ("FR", &["xx999999999"]),
    ("HR", &["99999999999"]),
    ("HU", &["99999999"]),
    ("IE", &["9s99999a", "9999999aa"]),
    ("IT", &["99999999999"]),
    ("LT", &["999999999", "999999999999"]),
    ("LU", &["99999999"]),
    ("LV", &["99999999999"]),
    ("MT", &["99999999"]),
    ("NL", &["ssssssssssss"]),
    ("PL", &["9999999999"]),
    ("PT", &["999999999"]),
    (
        "RO",
        &[
            "99",
            "999",
            "9999",
            "99999",
            "999999",
            "9999999",
            "99999999",
            "999999999",
            "9999999999",
        ],
    ),
    ("SE", &["999999999999"]),
    ("SI", &["99999999"]),
    ("SK", &["9999999999"]),
    ("XI", &["999999999", "999999999999", "GD999", "HA999"]),
    ("GB", &["999999999", "999999999999", "GD999", "HA999"]),
    (
        "CH",
        &[
            "E999999999",
            "E999999999MWST",
            "E999999999TVA",
            "E999999999IVA",
        ],
    ),
    ("NO", &["999999999", "999999999MVA"]),
];

/// The other countries, as ISO 3166-1 lists them; of their numbers only the length is known.
const OTHERS: &str = "AD AE AF AG AI AL AM AO AQ AR AS AU AW AX AZ BA BB BD BF BH BI BJ BL BM BN BO BQ BR BS BT BV BW \
    BY BZ CA CC CD CF CG CI CK CL CM CN CO CR CU CV CW CX DJ DM DO DZ EC EG EH ER ET FJ FK FM FO GA GD GE GF GG GH GI \
    GL GM GN GP GQ GS GT GU GW GY HK HM HN HT ID IL IM IN IO IQ IR IS JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA \
    LB LC LI LK LR LS LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MU MV MW MX MY MZ NA NC NE NF NG NI NP NR NU \
    NZ OM PA PE PF PG PH PK PM PN PR PS PW PY QA RE RS RU RW SA SB SC SD SG SH SJ SL SM SN SO SR SS ST SV SX SY SZ TC \
    TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// The most characters after another country's prefix.
const MOST_OTHER: usize = 15;

/// A VAT number: prefix and number, upper case, without spaces, dots and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VatNumber(String);

impl VatNumber {
    /// Reads it as people write it: `DE 123 456 789`, `nl-123456789.B01`. Greece has the prefix `EL`; `GR` is taken for it.
    ///
    /// # Errors
    /// When there is no such country, or its numbers have another form.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let between = |c: &char| !matches!(c, ' ' | '.' | '-' | '\u{a0}');
        let plain: String = text.trim().chars().filter(between).take(40).collect();
        let plain = plain.to_ascii_uppercase();
        let (prefix, number) = plain.split_at_checked(2).unwrap_or_default();
        let prefix = if prefix == "GR" { "EL" } else { prefix };
        let forms = FORMS.iter().find(|(country, _)| *country == prefix);
        let good = match forms {
            Some((_, forms)) => forms.iter().any(|form| has_form(number, form)),
            None if OTHERS.split_ascii_whitespace().any(|other| other == prefix) => {
                (2..=MOST_OTHER).contains(&number.len()) && number.bytes().all(alphanumeric)
            }
            None => {
                return Err(Fault::new(
                    "invalid_vat_number",
                    "must begin with the two letters of a country, such as DE",
                ));
            }
        };
        if good {
            Ok(Self(format!("{prefix}{number}")))
        } else {
            let message = format!("does not have the form of VAT numbers that begin with {prefix}");
            Err(Fault::new("invalid_vat_number", message))
        }
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn has_form(number: &str, form: &str) -> bool {
    let fits = |(byte, wanted): (u8, u8)| match wanted {
        b'9' => byte.is_ascii_digit(),
        b'a' => byte.is_ascii_uppercase(),
        b'x' => alphanumeric(byte),
        b's' => alphanumeric(byte) || matches!(byte, b'+' | b'*'),
        exact => byte == exact,
    };
    number.len() == form.len() && number.bytes().zip(form.bytes()).all(fits)
}

impl fmt::Display for VatNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<VatNumber> for String {
    fn from(number: VatNumber) -> Self {
        number.0
    }
}

impl TryFrom<String> for VatNumber {
    type Error = Fault;
    fn try_from(text: String) -> Result<Self, Fault> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_of_the_form_of_their_country_are_taken() {
        for (typed, kept) in [
            ("DE123456789", "DE123456789"),
            (" de 123 456 789 ", "DE123456789"),
            ("ATU12345678", "ATU12345678"),
            ("BE 0123.456.789", "BE0123456789"),
            ("nl-123456789.B01", "NL123456789B01"),
            ("GR123456789", "EL123456789"),
            ("FRXX123456789", "FRXX123456789"),
            ("ESX1234567X", "ESX1234567X"),
            ("ES12345678X", "ES12345678X"),
            ("IE1A23456B", "IE1A23456B"),
            ("IE1+23456B", "IE1+23456B"),
            ("RO12", "RO12"),
            ("XIGD123", "XIGD123"),
            ("CHE-123.456.789 MWST", "CHE123456789MWST"),
            ("NO 123 456 789 MVA", "NO123456789MVA"),
            ("TR1234567890", "TR1234567890"),
        ] {
            assert_eq!(VatNumber::parse(typed).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn others_are_not() {
        for bad in [
            "",
            "D",
            "DE",
            "123456789",
            "DE12345678",
            "DE1234567890",
            "DE12345678X",
            "AT12345678",
            "BE2123456789",
            "ES123456789",
            "ROX2",
            "UK123456789",
            "ZZ123456789",
            "XIXX123",
            "CHE123456789XYZ",
            "TR1",
            "TR12345+7",
            "DÉ123456789",
            "DE１２３４５６７８９",
        ] {
            let code = VatNumber::parse(bad).map_err(|fault| fault.code);
            assert_eq!(code, Err("invalid_vat_number"), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_is_read_back(text in "(DE|NL|RO|TR|FR)[0-9A-Z .-]{0,20}|\\PC{0,30}") {
            if let Ok(number) = VatNumber::parse(&text) {
                prop_assert_eq!(VatNumber::parse(number.as_str()), Ok(number));
            }
        }
    }
}
