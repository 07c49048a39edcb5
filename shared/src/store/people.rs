//! People: credentials, memberships, usernames and sessions. They belong to no single tenant.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::expression::{Change, Condition};
use super::keys;
use super::transaction::Transaction;
use super::{Store, StoreError, item, s, seconds, value};
use crate::domain::email::fold_address;
use crate::domain::id::TenantId;
use crate::domain::password::PasswordHash;
use crate::domain::person::{Membership, Person};
use crate::domain::session::{RefreshToken, Session};
use crate::domain::text::{MOST_FOLDED, Username, fold};
use crate::domain::user::User;

/// What a username's guard keeps: which person signs in by it.
#[derive(Serialize, Deserialize)]
struct NameHolder {
    person: String,
}

impl Store {
    /// The person who signs in with this folded e-mail address.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn person(&self, folded_email: &str) -> Result<Option<Person>, StoreError> {
        self.get(&keys::person(folded_email)).await
    }

    /// The folded e-mail address of the person who signs in with this folded username.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn username_holder(&self, folded: &str) -> Result<Option<String>, StoreError> {
        let holder: Option<NameHolder> = self.get(&keys::username(folded)).await?;
        Ok(holder.map(|holder| holder.person))
    }

    /// The folded e-mail address that a login means: that of the person with this username, or the address itself,
    /// whether or not there is such a person. As many reads for everybody who types the same kind of login.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn address_of_login(&self, login: &str) -> Result<Option<String>, StoreError> {
        if login.len() > 300 || login.trim().is_empty() || fold(login).len() > MOST_FOLDED {
            return Ok(None);
        }
        if login.contains('@') {
            return Ok(Some(fold_address(login)));
        }
        self.username_holder(&fold(login)).await
    }

    /// The users of all tenants whose address this is, as far as they were ever invited; deleted ones are not among them.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn users_behind(
        &self,
        folded_email: &str,
    ) -> Result<Vec<(TenantId, User)>, StoreError> {
        let mut users = Vec::new();
        for Membership { tenant, user } in self.memberships(folded_email).await? {
            let user = self.user(&tenant, &user).await?;
            let user = user.filter(|user| Membership::leads_to(user, folded_email));
            users.extend(user.map(|user| (tenant, user)));
        }
        Ok(users)
    }

    /// The tenants that a person is a member of.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn memberships(&self, folded_email: &str) -> Result<Vec<Membership>, StoreError> {
        self.all(&keys::person_partition(folded_email), keys::MEMBER)
            .await
    }

    /// Begins a session.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn begin_session(
        &self,
        token: &RefreshToken,
        session: &Session,
    ) -> Result<(), StoreError> {
        let mut stored = item(&keys::session(token.family_hash().as_str()), session)?;
        stored.insert(keys::TTL.to_owned(), seconds(session.expires_at));
        self.put_if(stored, Condition::absent())
            .await?
            .map_err(|_| StoreError::Contended)
    }

    /// The session that a token belongs to, whether or not the token is its current one.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn session(&self, token: &RefreshToken) -> Result<Option<Session>, StoreError> {
        self.get(&keys::session(token.family_hash().as_str())).await
    }

    /// Replaces `token` by `next`; false if it is not, or no longer, the current one: at most one of two wins.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn rotate_session(
        &self,
        token: &RefreshToken,
        next: &RefreshToken,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let change = Change::new()
            .set("token", value(&next.token_hash())?)
            .set("expires_at", s(expires_at.to_string()))
            .set(keys::TTL, seconds(expires_at));
        let current = Condition::exists().equals("token", value(&token.token_hash())?);
        self.update(
            &keys::session(token.family_hash().as_str()),
            change,
            current,
        )
        .await
    }

    /// Ends a session, by its family as tokens name it: none of its refresh tokens works any more.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn end_session(&self, family: &str) -> Result<(), StoreError> {
        self.delete(&keys::session(family)).await
    }
}

impl<T: Clone> Transaction<'_, T> {
    /// Adds a person with the guard of the username.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn add_person(
        &mut self,
        person: &Person,
        known: T,
        username_taken: T,
    ) -> Result<(), StoreError> {
        let folded = person.email.folded();
        self.create(item(&keys::person(&folded), person)?, known);
        self.create(
            item(
                &keys::username(&person.username.folded()),
                &NameHolder { person: folded },
            )?,
            username_taken,
        );
        Ok(())
    }

    /// Sets a person's password; `changed` if it is another one than `before` by now, or there is no such person.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn set_password(
        &mut self,
        folded_email: &str,
        before: &PasswordHash,
        password: &PasswordHash,
        changed: T,
    ) -> Result<(), StoreError> {
        let change = Change::new().set("password", value(password)?);
        let same = Condition::exists().equals("password", value(before)?);
        self.update(&keys::person(folded_email), change, same, changed);
        Ok(())
    }

    /// Makes a person a member of a tenant.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn add_membership(
        &mut self,
        folded_email: &str,
        membership: &Membership,
    ) -> Result<(), StoreError> {
        self.replace(item(
            &keys::membership(folded_email, &membership.tenant),
            membership,
        )?);
        Ok(())
    }
}

impl Store {
    /// Whether a username is still to be had.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn username_free(&self, username: &Username) -> Result<bool, StoreError> {
        Ok(self.username_holder(&username.folded()).await?.is_none())
    }
}
