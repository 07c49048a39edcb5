//! What people type, and programs send, in one field.

use std::fmt::Debug;

use muster_shared::domain::email::{Email, fold_address};
use muster_shared::domain::field::Fault;
use muster_shared::domain::licence::Code;
use muster_shared::domain::permission::Role;
use muster_shared::domain::phone::{Phone, PhonePolicy};
use muster_shared::domain::rate::{self, PerKwh};
use muster_shared::domain::text::{
    Address, Currency, Device, EmployeeNumber, ExternalId, Link, Locale, MOST_FOLDED, Module, Name,
    RegistrationNumber, Title, Username, fold,
};
use muster_shared::domain::throttle::{Login, Source};
use muster_shared::domain::vat::VatNumber;

/// A text as it comes. What is accepted is accepted again as we write it, and is the same then; its folded form fits into a
/// key of the table and is its own folded form; and no line break gets in by it.
///
/// # Panics
/// When it is not so.
pub fn text(input: &[u8]) {
    let text = &String::from_utf8_lossy(input);
    let folded = fold(text);
    assert_eq!(fold(&folded), folded, "folded twice");
    typed(text);
    identified(text);
    counted(text);
    let _ = Login::typed(text);
    let _ = Source::of(text);
    let _ = rate::day(text);
}

fn typed(text: &str) {
    again(text, Name::parse, Name::as_str);
    again(text, Title::parse, Title::as_str);
    again(text, ExternalId::parse, ExternalId::as_str);
    again(text, EmployeeNumber::parse, EmployeeNumber::as_str);
    again(text, Device::parse, Device::as_str);
    again(text, Username::parse, Username::as_str);
    again(text, Link::parse, Link::as_str);
    again(text, Locale::parse, Locale::as_str);
    again(text, Currency::parse, Currency::as_str);
    again(text, RegistrationNumber::parse, RegistrationNumber::as_str);
    again(text, Address::parse, Address::as_str);
    again(text, Module::parse, Module::as_str);
    if let Ok(title) = Title::parse(text) {
        assert!(title.folded().len() <= MOST_FOLDED);
    }
}

fn identified(text: &str) {
    again(text, Email::parse, Email::as_str);
    if let Ok(email) = Email::parse(text) {
        let folded = email.folded();
        assert!(folded.len() <= MOST_FOLDED, "{folded}");
        assert_eq!(fold_address(&folded), folded, "folded twice");
        assert_eq!(folded.matches('@').count(), 1, "{folded}");
        let deliverable = email.deliverable();
        let domain = deliverable.rsplit('@').next();
        assert!(domain.is_some_and(str::is_ascii), "{deliverable}");
    }
    for policy in [PhonePolicy::E164, PhonePolicy::Nanp10, PhonePolicy::Free] {
        let parse = |text: &str| Phone::parse(text, policy);
        again(text, parse, Phone::as_str);
        if let Ok(phone) = parse(text) {
            assert_eq!(Phone::in_form(phone.as_str(), policy), Ok(phone));
        }
    }
}

fn counted(text: &str) {
    again(text, VatNumber::parse, VatNumber::as_str);
    again(text, Code::parse, Code::as_str);
    if let Ok(code) = Code::parse(text) {
        assert_eq!(Code::parse(&code.shown()).as_ref(), Ok(&code));
    }
    if let Ok(rate) = PerKwh::parse(text) {
        assert_eq!(PerKwh::parse(&rate.to_string()), Ok(rate));
    }
    if let Ok(role) = Role::parse(text) {
        assert_eq!(Role::parse(&role.to_string()), Ok(role));
    }
}

/// That what is accepted is so again as it is kept.
fn again<T: PartialEq + Debug>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, Fault>,
    kept: impl Fn(&T) -> &str,
) {
    if let Ok(value) = parse(text) {
        let kept = kept(&value);
        assert!(!kept.chars().any(char::is_control), "{kept:?}");
        assert_eq!(parse(kept).as_ref(), Ok(&value));
    }
}
