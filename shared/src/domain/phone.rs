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

impl PhonePolicy {
    /// Why it does not accept a number.
    fn invalid(self) -> Fault {
        let wanted = match self {
            Self::E164 => "must be an international number such as +4915112345678",
            Self::Nanp10 => "must be a 10-digit North American number",
            Self::Free => "must be a phone number",
        };
        Fault::new("invalid_phone", wanted)
    }
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
        let invalid = || policy.invalid();
        match policy {
            PhonePolicy::Free => Ok(Self(text)),
            PhonePolicy::E164 => {
                let number = phonenumber::parse(None, &text).map_err(|_| invalid())?;
                if !number.is_valid() {
                    return Err(invalid());
                }
                Ok(Self(
                    number.format().mode(phonenumber::Mode::E164).to_string(),
                ))
            }
            PhonePolicy::Nanp10 => {
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

    /// Takes a number that once was read, as long as the policy still asks for the same form. It needs no number plans, which
    /// are a fifth of what a function with them weighs.
    ///
    /// # Errors
    /// When the policy asks for another form by now.
    pub fn in_form(text: &str, policy: PhonePolicy) -> Result<Self, Fault> {
        let digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
        let good = match policy {
            PhonePolicy::Free => true,
            PhonePolicy::E164 => text.strip_prefix('+').is_some_and(digits),
            PhonePolicy::Nanp10 => text.len() == 10 && digits(text),
        };
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(policy.invalid())
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

    #[test]
    fn what_was_read_is_taken_again_while_the_policy_stays() {
        let read = [
            ("+4915112345678", PhonePolicy::E164),
            ("6096830220", PhonePolicy::Nanp10),
            ("ext. 12", PhonePolicy::Free),
        ];
        for (text, of) in read {
            for policy in [PhonePolicy::E164, PhonePolicy::Nanp10, PhonePolicy::Free] {
                let taken = Phone::in_form(text, policy).is_ok();
                let wanted = policy == of || policy == PhonePolicy::Free;
                assert_eq!(taken, wanted, "{text} under {policy:?}");
            }
        }
    }
}
