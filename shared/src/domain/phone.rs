//! Phone numbers, by the tenant's policy.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::field::Fault;
use super::text::clean;

/// How a tenant writes phone numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PhonePolicy {
    /// International, `+4915112345678` (ITU-T E.164).
    #[default]
    E164,
    /// Ten digits of the North American plan.
    Nanp10,
    /// Anything up to 40 characters.
    Free,
}

/// A phone number in its tenant's form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phone(String);

impl Phone {
    /// Reads a number and brings it into the policy's form.
    ///
    /// # Errors
    /// When the policy does not accept it.
    pub fn parse(text: &str, policy: PhonePolicy) -> Result<Self, Fault> {
        let text = clean(text, 40)?;
        match policy {
            PhonePolicy::Free => Ok(Self(text)),
            PhonePolicy::E164 => {
                let invalid = || {
                    Fault::new(
                        "invalid_phone",
                        "must be an international number such as +4915112345678",
                    )
                };
                let number = phonenumber::parse(None, &text).map_err(|_| invalid())?;
                if !number.is_valid() {
                    return Err(invalid());
                }
                Ok(Self(
                    number.format().mode(phonenumber::Mode::E164).to_string(),
                ))
            }
            PhonePolicy::Nanp10 => {
                let invalid =
                    || Fault::new("invalid_phone", "must be a 10-digit North American number");
                let number = phonenumber::parse(Some(phonenumber::country::Id::US), &text)
                    .map_err(|_| invalid())?;
                let digits = number.national().value().to_string();
                if number.code().value() != 1 || digits.len() != 10 || !number.is_valid() {
                    return Err(invalid());
                }
                Ok(Self(digits))
            }
        }
    }

    /// The number as stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_international_number_is_brought_into_one_form() {
        assert_eq!(
            Phone::parse("+49 (151) 1234-5678", PhonePolicy::E164)
                .unwrap()
                .as_str(),
            "+4915112345678"
        );
        for bad in ["0151 12345678", "+49", "+1 555", "abc", "+999123456789"] {
            assert_eq!(
                Phone::parse(bad, PhonePolicy::E164).unwrap_err().code,
                "invalid_phone",
                "{bad}"
            );
        }
    }

    #[test]
    fn a_north_american_number_has_ten_digits() {
        assert_eq!(
            Phone::parse("(609) 683-0220", PhonePolicy::Nanp10)
                .unwrap()
                .as_str(),
            "6096830220"
        );
        assert_eq!(
            Phone::parse("+1 609 683 0220", PhonePolicy::Nanp10)
                .unwrap()
                .as_str(),
            "6096830220"
        );
        assert_eq!(
            Phone::parse("683-0220", PhonePolicy::Nanp10)
                .unwrap_err()
                .code,
            "invalid_phone"
        );
        assert_eq!(
            Phone::parse("+4915112345678", PhonePolicy::Nanp10)
                .unwrap_err()
                .code,
            "invalid_phone"
        );
    }

    #[test]
    fn a_free_number_is_kept_as_typed() {
        assert_eq!(
            Phone::parse(" ext. 12 ", PhonePolicy::Free)
                .unwrap()
                .as_str(),
            "ext. 12"
        );
    }
}
