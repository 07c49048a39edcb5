//! What can be wrong with a value, told per field.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why one value is not acceptable: a stable code and a sentence that follows the field's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// For programs; never changes.
    pub code: &'static str,
    /// For people: "must not be empty".
    pub message: String,
}

impl Fault {
    /// A fault with a code and a sentence.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// One faulty field of a request or of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Where: `email`, `users[3]`, `owner.first_name`.
    #[schema(example = "email")]
    pub field: String,
    /// What, for programs.
    #[schema(example = "invalid_email")]
    pub code: String,
    /// What, for people.
    #[schema(example = "is not an e-mail address")]
    pub message: String,
}

/// Collects every faulty field, so that one answer names them all.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldError>);

impl Fields {
    /// Nothing wrong so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the value, or notes what is wrong with the field.
    pub fn take<T>(&mut self, field: &str, parsed: Result<T, Fault>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(fault) => {
                self.fault(field, &fault);
                None
            }
        }
    }

    /// Parses an optional text; absent and blank are both "not given".
    pub fn optional<T>(
        &mut self,
        field: &str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        let text = text.map(str::trim).filter(|text| !text.is_empty())?;
        self.take(field, parse(text))
    }

    /// Parses a text that must be there.
    pub fn required<T>(
        &mut self,
        field: &str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        match text.map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => self.take(field, parse(text)),
            None => self.take(field, Err(Fault::new("required", "is required"))),
        }
    }

    /// Notes a fault.
    pub fn fault(&mut self, field: &str, fault: &Fault) {
        self.0.push(FieldError {
            field: field.to_owned(),
            code: fault.code.to_owned(),
            message: fault.message.clone(),
        });
    }

    /// Notes what else was found, of fields of which nothing is noted yet.
    pub fn extend(&mut self, errors: Vec<FieldError>) {
        let faulty = self.faulty();
        let new = errors.into_iter();
        self.0
            .extend(new.filter(|error| !faulty.contains(&error.field)));
    }

    /// The fields noted so far.
    #[must_use]
    pub fn faulty(&self) -> HashSet<String> {
        self.0.iter().map(|error| error.field.clone()).collect()
    }

    /// Everything that is wrong.
    #[must_use]
    pub fn into_errors(self) -> Vec<FieldError> {
        self.0
    }

    /// The value, if it is there and nothing at all was wrong.
    ///
    /// # Errors
    /// Every faulty field.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Vec<FieldError>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self.0),
        }
    }
}
