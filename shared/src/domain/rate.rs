//! Reimbursement rates of sub-accounts: exact decimals, each in force from a day on.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::field::Fault;
use super::text::Currency;

/// How many of the smallest steps make one: a rate has at most 6 digits after the point.
const STEPS: u64 = 1_000_000;

/// The most digits before the point, and after it.
const MOST_DIGITS: usize = 6;

/// An amount of money per kWh, exact: kept in millionths, written as a decimal, never a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PerKwh(u64);

impl PerKwh {
    /// Reads a decimal: digits, and after a point at most 6 more. No sign, no exponent, no grouping.
    ///
    /// # Errors
    /// When it is none, or too large or too fine.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(rest) {
            return Err(Fault::new(
                "invalid_decimal",
                "must be a decimal such as \"0.25\", not negative",
            ));
        }
        if whole.len() > MOST_DIGITS || rest.len() > MOST_DIGITS {
            return Err(Fault::new(
                "out_of_range",
                format!("must have at most {MOST_DIGITS} digits before and after the point"),
            ));
        }
        let number = |part: &str| {
            part.bytes()
                .fold(0, |sum, b| sum * 10 + u64::from(b - b'0'))
        };
        Ok(Self(
            number(whole) * STEPS + number(&format!("{rest:0<MOST_DIGITS$}")),
        ))
    }
}

/// Without needless zeros: `0.3`, `12`.
impl fmt::Display for PerKwh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:06}", self.0 / STEPS, self.0 % STEPS);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl From<PerKwh> for String {
    fn from(rate: PerKwh) -> Self {
        rate.to_string()
    }
}

impl TryFrom<String> for PerKwh {
    type Error = Fault;
    fn try_from(text: String) -> Result<Self, Fault> {
        Self::parse(&text)
    }
}

/// What was agreed, and from when on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// How much per kWh.
    pub per_kwh: PerKwh,
    /// In what money.
    pub currency: Currency,
    /// The first day it is in force, UTC.
    pub from: Date,
    /// When it was entered.
    pub set_at: Timestamp,
}

/// Reads a day as RFC 3339 writes it: `2026-03-02`.
///
/// # Errors
/// When it is no such day.
pub fn day(text: &str) -> Result<Date, Fault> {
    let digit = |(place, byte): (usize, u8)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    let written = text.len() == 10 && text.bytes().enumerate().all(digit);
    let date = written.then(|| text.parse().ok()).flatten();
    date.ok_or_else(|| Fault::new("invalid_date", "must be a day such as 2026-03-02"))
}

/// The day that it is, UTC.
#[must_use]
pub fn today(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// All rates of an account, past ones too, by their first day; at most one begins on a day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rates(Vec<Rate>);

impl Rates {
    /// The most rates of an account.
    pub const MOST: usize = 100;

    /// All of them, the earliest first.
    #[must_use]
    pub fn all(&self) -> &[Rate] {
        &self.0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rate in force on a day: the last that began by then.
    #[must_use]
    pub fn on(&self, day: Date) -> Option<&Rate> {
        self.0.iter().rev().find(|rate| rate.from <= day)
    }

    /// The rates with a new one among them; `None` if it is there already. A rate that is in force, or was, is never
    /// rewritten: a new one begins today or later, and takes the place only of one that has not begun.
    ///
    /// # Errors
    /// What is wrong with its first day, or that there are too many.
    pub fn with(&self, rate: Rate, today: Date) -> Result<Option<Self>, Fault> {
        if rate.from < today {
            return Err(Fault::new("in_the_past", "must be today or later"));
        }
        let mut rates = self.0.clone();
        match rates.binary_search_by_key(&rate.from, |rate| rate.from) {
            Ok(place) => {
                let there = &rates[place];
                if (there.per_kwh, &there.currency) == (rate.per_kwh, &rate.currency) {
                    return Ok(None);
                }
                if rate.from == today {
                    return Err(Fault::new(
                        "rate_in_force",
                        "must be later: the rate of that day is in force",
                    ));
                }
                rates[place] = rate;
            }
            Err(_) if rates.len() >= Self::MOST => {
                return Err(Fault::new(
                    "too_many",
                    format!("would begin one more rate than the {} that fit", Self::MOST),
                ));
            }
            Err(place) => rates.insert(place, rate),
        }
        Ok(Some(Self(rates)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rate_is_an_exact_decimal() {
        for (typed, kept) in [
            ("0.1", "0.1"),
            ("0.10", "0.1"),
            ("0.300000", "0.3"),
            ("0.000001", "0.000001"),
            ("0", "0"),
            ("7", "7"),
            ("10", "10"),
            ("007.5", "7.5"),
            ("999999.999999", "999999.999999"),
        ] {
            assert_eq!(PerKwh::parse(typed).unwrap().to_string(), kept);
        }
        // What floats get wrong.
        let of = |text: &str| PerKwh::parse(text).unwrap().0;
        assert_eq!(of("0.1") + of("0.2"), of("0.3"));
        for bad in [
            "", ".", ".5", "5.", "-0.1", "+0.1", "1e3", "1E-3", "NaN", "inf", "0,25", "1_000",
            "0x1", "1.2.3", "1 000", "٣",
        ] {
            let code = PerKwh::parse(bad).unwrap_err().code;
            assert_eq!(code, "invalid_decimal", "{bad}");
        }
        for bad in ["1000000", "0.0000001", &"9".repeat(100_000)] {
            assert_eq!(PerKwh::parse(bad).unwrap_err().code, "out_of_range");
        }
    }

    #[test]
    fn a_day_is_written_in_one_way() {
        assert!(day("2028-02-29").is_ok());
        for bad in [
            "2026-02-29",
            "2026-3-02",
            "20260302",
            "2026-03-02T10:00",
            "2026-W10-1",
            "02.03.2026",
            "2026-00-10",
            "",
        ] {
            assert_eq!(day(bad).unwrap_err().code, "invalid_date", "{bad}");
        }
    }

    fn rate(per_kwh: &str, from: &str) -> Rate {
        Rate {
            per_kwh: PerKwh::parse(per_kwh).unwrap(),
            currency: Currency::parse("EUR").unwrap(),
            from: day(from).unwrap(),
            set_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_rate_in_force_is_never_rewritten() {
        let monday = day("2026-03-02").unwrap();
        let code = |rates: &Rates, new: Rate| rates.with(new, monday).unwrap_err().code;
        let add = |rates: &Rates, new: Rate| rates.with(new, monday).unwrap().unwrap();
        let rates = Rates::default();
        assert_eq!(code(&rates, rate("1", "2026-03-01")), "in_the_past");
        let rates = add(&rates, rate("1", "2026-03-02"));
        assert_eq!(code(&rates, rate("2", "2026-03-02")), "rate_in_force");
        assert_eq!(rates.with(rate("1.0", "2026-03-02"), monday), Ok(None));
        let rates = add(&rates, rate("2", "2026-03-05"));
        let rates = add(&rates, rate("3", "2026-03-05"));
        let shown = |on: &str| {
            let rate = rates.on(day(on).unwrap());
            rate.map(|rate| rate.per_kwh.to_string())
        };
        assert_eq!(shown("2026-03-01"), None);
        assert_eq!(shown("2026-03-04").as_deref(), Some("1"));
        assert_eq!(shown("2026-03-05").as_deref(), Some("3"));
        assert_eq!(shown("2030-01-01").as_deref(), Some("3"));
    }

    #[test]
    fn there_is_an_end_to_rates() {
        let monday = day("2026-03-02").unwrap();
        let (mut rates, mut from) = (Rates::default(), monday);
        for _ in 0..Rates::MOST {
            let next = Rate {
                from,
                ..rate("1", "2026-03-02")
            };
            rates = rates.with(next, monday).unwrap().unwrap();
            from = from.tomorrow().unwrap();
        }
        let more = rates.with(rate("1", "2027-03-02"), monday);
        assert_eq!(more.unwrap_err().code, "too_many");
        assert!(rates.with(rate("2", "2026-03-03"), monday).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(steps in 0..STEPS * STEPS) {
            let rate = PerKwh(steps);
            prop_assert_eq!(PerKwh::parse(&rate.to_string()), Ok(rate));
        }

        #[test]
        fn nothing_typed_is_a_panic(text in "\\PC{0,20}") {
            let _ = PerKwh::parse(&text);
            let _ = day(&text);
        }
    }
}
