//! Passwords: how good one must be, and how it is kept.

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use serde::{Deserialize, Serialize};

use super::field::Fault;

/// A password as typed. Never logged, never stored.
pub struct Password(String);

/// Without its content.
impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A password as kept: an argon2id hash in PHC form.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

/// Without its content.
impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// The hash could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct HashError;

/// argon2id with 19 MiB and two passes (OWASP Password Storage Cheat Sheet).
fn argon2() -> Result<Argon2<'static>, HashError> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(|_| HashError)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// A hash of nothing anybody knows, verified where there is no person, so that the answer takes as long.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bXVzdGVyLW5vYm9keS0wMA$KpAwDPCDeKcC6vQ0bYMzqiKL5XC2o5uYJDB5mZ5iVBM";

impl Password {
    /// A password at sign-in: taken as it is, only bounded.
    ///
    /// # Errors
    /// When it is longer than any that can be chosen.
    pub fn presented(text: String) -> Result<Self, Fault> {
        if text.chars().count() > 128 {
            return Err(Fault::new("too_long", "must have at most 128 characters"));
        }
        Ok(Self(text))
    }

    /// A new password: 10 to 128 characters (NIST SP 800-63B: length, no composition rules), not guessable from
    /// dictionaries or from `known`, what others may know of the person.
    ///
    /// # Errors
    /// Why it is not good enough.
    pub fn chosen(text: String, known: &[&str]) -> Result<Self, Fault> {
        let length = text.chars().count();
        if length < 10 {
            return Err(Fault::new("too_short", "must have at least 10 characters"));
        }
        if length > 128 {
            return Err(Fault::new("too_long", "must have at most 128 characters"));
        }
        let estimate = zxcvbn::zxcvbn(&text, known);
        if estimate.score() < zxcvbn::Score::Three {
            let warning = estimate
                .feedback()
                .and_then(zxcvbn::feedback::Feedback::warning)
                .map(|warning| warning.to_string());
            let message = match warning {
                Some(warning) => format!("is too easy to guess: {warning}"),
                None => "is too easy to guess: add another word or two".to_owned(),
            };
            return Err(Fault::new("weak_password", message));
        }
        Ok(Self(text))
    }

    /// The form in which it is kept. Takes about 20 ms of CPU by design.
    ///
    /// # Errors
    /// When there is no randomness or memory for it.
    pub fn hash(&self) -> Result<PasswordHash, HashError> {
        let hash = argon2()?
            .hash_password(self.0.as_bytes())
            .map_err(|_| HashError)?;
        Ok(PasswordHash(hash.to_string()))
    }

    /// Whether it is the one that `hash` keeps. Takes as long where there is none.
    #[must_use]
    pub fn matches(&self, hash: Option<&PasswordHash>) -> bool {
        let text = hash.map_or(NOBODY, |hash| hash.0.as_str());
        let Ok(argon2) = argon2() else { return false };
        argon2.verify_password(self.0.as_bytes(), text).is_ok() && hash.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_judged_by_what_guessers_know() {
        let chosen =
            |text: &str| Password::chosen(text.to_owned(), &["ada@example.com", "Lovelace"]);
        assert!(chosen("correct horse battery staple").is_ok());
        assert_eq!(chosen("short").unwrap_err().code, "too_short");
        assert_eq!(chosen("password123").unwrap_err().code, "weak_password");
        assert_eq!(chosen("Lovelace2024").unwrap_err().code, "weak_password");
        assert_eq!(chosen(&"x".repeat(129)).unwrap_err().code, "too_long");
    }

    #[test]
    fn only_the_same_password_matches() {
        let password = Password::presented("correct horse".to_owned()).unwrap();
        let hash = password.hash().unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(password.matches(Some(&hash)));
        assert!(
            !Password::presented("wrong".to_owned())
                .unwrap()
                .matches(Some(&hash))
        );
        assert!(!password.matches(None));
    }

    #[test]
    fn where_there_is_no_person_the_same_work_is_done() {
        let verdict = argon2().unwrap().verify_password(b"anything", NOBODY);
        assert!(
            matches!(verdict, Err(argon2::password_hash::Error::PasswordInvalid)),
            "the stand-in was not worked on: {verdict:?}"
        );
        let cost = |hash: &str| {
            hash.split('$')
                .take(4)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let real = Password::presented("x".to_owned()).unwrap().hash().unwrap();
        assert_eq!(cost(NOBODY), cost(&real.0));
    }
}
