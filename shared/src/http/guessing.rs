//! A guess at a person's password: counted as wrong before it is looked at, so that of many at once only the free ones
//! are; taken back when it was right.

use jiff::Timestamp;

use crate::context::Context;
use crate::domain::person::Person;
use crate::domain::throttle::{FROM_A_SOURCE, Guesses, Login, Place, Source};
use crate::error::ApiError;
use crate::store::StoreError;

/// What failures of a source are counted as.
const KIND: &str = "sign-in";

/// A guess that was let through, and counted.
#[derive(Debug)]
pub struct Guess<'a> {
    login: Login,
    place: Place,
    source: &'a Source,
    at: Timestamp,
    known: bool,
    /// Whether it is counted of the source too.
    of_source: bool,
    counted: Guesses,
}

impl<'a> Guess<'a> {
    /// Lets a guess through, or says when to come again. Nothing here depends on whether the login is anybody's, and
    /// each guess that is let through costs the same reads and writes.
    ///
    /// # Errors
    /// [`ApiError::TooMany`]; when the table cannot be used.
    pub async fn begin(ctx: &Context, login: &str, source: &'a Source) -> Result<Self, ApiError> {
        let at = ctx.clock.now();
        let login = Login::typed(login);
        let place = login.place(source);
        let guesses = ctx.store.guesses(&login).await?;
        // Whoever has to wait is sent off before anything is written.
        guesses.attempted(&place, at)?;
        let known = guesses.knows(&place, at);
        let subject = source.subject(KIND);
        let taken = ctx.store.take(&subject, FROM_A_SOURCE, at).await?;
        // At their usual place nobody waits for what others of the house, or the mobile network, do.
        let of_source = taken.is_ok();
        if !known {
            taken?;
        }
        let attempt = ctx.store.count_attempt(&login, &place, guesses, at).await?;
        if attempt.is_err() && of_source {
            // Others at the same moment were quicker: nothing was looked at, so nothing is to be counted.
            ctx.store.give_back(&subject, FROM_A_SOURCE, 1, at).await?;
        }
        Ok(Self {
            login,
            place,
            source,
            at,
            known,
            of_source,
            counted: attempt?,
        })
    }

    /// Takes the guess back, because it was right: from now on the source is a place of the person's.
    pub async fn right(self, ctx: &Context, person: &Person) {
        let noted = self.note(ctx, person).await;
        if let Err(fault) = noted {
            // The person is let in; only a failure stays counted.
            tracing::warn!(%fault, "a success could not be noted");
        }
    }

    async fn note(&self, ctx: &Context, person: &Person) -> Result<(), StoreError> {
        let store = &ctx.store;
        let counted = self.counted.clone();
        store
            .note_success(&self.login, &self.place, counted, self.at)
            .await?;
        if self.of_source {
            let subject = self.source.subject(KIND);
            store.give_back(&subject, FROM_A_SOURCE, 1, self.at).await?;
        }
        if self.known {
            return Ok(());
        }
        for login in logins(person) {
            if login.subject() != self.login.subject() {
                let place = login.place(self.source);
                store.learn_place(&login, &place, self.at).await?;
            }
        }
        Ok(())
    }
}

/// Knows a source as a place of the person's who has just proved, by a mailed link, to be there: so nobody who guesses
/// from elsewhere can keep a person from coming back.
pub async fn learn_place(ctx: &Context, person: &Person, source: &Source) {
    let now = ctx.clock.now();
    for login in logins(person) {
        let place = login.place(source);
        if let Err(fault) = ctx.store.learn_place(&login, &place, now).await {
            tracing::warn!(%fault, "a place could not be noted");
        }
    }
}

/// What the person can sign in by.
fn logins(person: &Person) -> [Login; 2] {
    [
        Login::typed(person.email.as_str()),
        Login::typed(person.username.as_str()),
    ]
}
