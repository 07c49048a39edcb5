//! Licences: a user's seat of a product.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::field::Fault;
use super::id::{Seed, base32};
use super::text::Device;

/// How far a licence has come. Over several products the highest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LicenceState {
    /// The user is entered but holds no licence.
    Unassigned,
    /// The user holds a licence but its app has not activated it yet.
    Assigned,
    /// The app is installed and activated.
    Activated,
}

impl LicenceState {
    /// The state in words, as lists and exports show it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Unassigned => "Unassigned",
            Self::Assigned => "Assigned",
            Self::Activated => "Activated",
        }
    }
}

/// The code by which an app activates its licence: 80 random bits, shown in groups of four.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Code(String);

impl Code {
    /// The code that `seed` gives.
    #[must_use]
    pub fn derive(seed: &Seed) -> Self {
        Self(base32(&seed.bytes::<10>("licence-code")).to_ascii_uppercase())
    }

    /// Reads a code as typed: case, spaces and dashes do not matter, O is 0, I and L are 1 (Crockford's base 32).
    ///
    /// # Errors
    /// When it cannot be one.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let code: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .take(17)
            .map(|c| match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                c => c,
            })
            .collect();
        if code.len() == 16 && code.bytes().all(|b| b.is_ascii_alphanumeric() && b != b'U') {
            Ok(Self(code))
        } else {
            Err(Fault::new(
                "invalid_code",
                "is not a licence code of 16 letters and digits",
            ))
        }
    }

    /// As stored: 16 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As shown: `7K3Q-9ZAB-…`.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut shown = String::with_capacity(19);
        for (index, c) in self.0.chars().enumerate() {
            if index > 0 && index % 4 == 0 {
                shown.push('-');
            }
            shown.push(c);
        }
        shown
    }
}

/// A seat that a user holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Licence {
    /// What the app must present.
    pub code: Code,
    /// Since when.
    pub assigned_at: Timestamp,
    /// When the app activated it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated_at: Option<Timestamp>,
    /// What the app's device called itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
}

impl Licence {
    /// A licence fresh from the shelf.
    #[must_use]
    pub fn assigned(code: Code, now: Timestamp) -> Self {
        Self {
            code,
            assigned_at: now,
            activated_at: None,
            device: None,
        }
    }

    /// How far it has come.
    #[must_use]
    pub fn state(&self) -> LicenceState {
        if self.activated_at.is_some() {
            LicenceState::Activated
        } else {
            LicenceState::Assigned
        }
    }

    /// What redeeming the code on `device` does.
    #[must_use]
    pub fn redeem(&self, device: &Device) -> Redemption {
        match (&self.activated_at, &self.device) {
            (None, _) => Redemption::Activates,
            (Some(_), Some(before)) if before.folded() == device.folded() => Redemption::Unchanged,
            (Some(_), _) => Redemption::UsedElsewhere,
        }
    }
}

/// What redeeming a licence code comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redemption {
    /// It activates the licence.
    Activates,
    /// The same device did so before: nothing changes.
    Unchanged,
    /// Another device did so before: refused.
    UsedElsewhere,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = Code::derive(&Seed::of(&["x"]));
        assert_eq!(Code::parse(&code.shown().to_lowercase()), Ok(code.clone()));
        assert_eq!(
            Code::parse(&format!(" {} ", code.shown().replace('-', " "))),
            Ok(code.clone())
        );
        assert_eq!(
            Code::parse("OIL0-0000-0000-0000").unwrap().as_str(),
            "0110000000000000"
        );
        assert!(Code::parse("short").is_err());
        assert!(Code::parse(&"A".repeat(1_000_000)).is_err());
    }

    #[test]
    fn a_code_activates_once_and_one_device() {
        let now = Timestamp::UNIX_EPOCH;
        let (cab, other) = (
            Device::parse("Cab 1").unwrap(),
            Device::parse("Cab 2").unwrap(),
        );
        let mut licence = Licence::assigned(Code::derive(&Seed::of(&["x"])), now);
        assert_eq!(licence.redeem(&cab), Redemption::Activates);
        licence.activated_at = Some(now);
        licence.device = Some(cab.clone());
        assert_eq!(licence.redeem(&cab), Redemption::Unchanged);
        assert_eq!(licence.redeem(&other), Redemption::UsedElsewhere);
    }
}
