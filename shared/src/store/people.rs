//! People: credentials, memberships, usernames and sessions. They belong to no single tenant.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::expression::{Change, Condition};
use super::keys;
use super::transaction::Transaction;
use super::{Store, StoreError, item, s, seconds, value};
use crate::domain::email::fold_address;
use crate::domain::id::TenantId;
use crate::domain::link::Link;
use crate::domain::password::PasswordHash;
use crate::domain::person::{Membership, Person};
use crate::domain::session::{RefreshToken, Replaced, Session};
use crate::domain::text::{MOST_FOLDED, Username, fold};
use crate::domain::user::User;

/// What a username's guard keeps: which person signs in by it.
#[derive(Debug, Serialize, Deserialize)]
pub struct NameHolder {
    /// The person, by the folded address.
    pub person: String,
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

    /// Begins a session, in place of another one of this family if one is given; false if that has ended already.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn begin_session(
        &self,
        token: &RefreshToken,
        session: &Session,
        instead_of: Option<&str>,
    ) -> Result<bool, StoreError> {
        let mut stored = item(&keys::session(token.family_hash().as_str()), session)?;
        stored.insert(keys::TTL.to_owned(), seconds(session.expires_at));
        let Some(family) = instead_of else {
            let begun = self.put_if(stored, Condition::absent()).await?;
            return begun.map(|()| true).map_err(|_| StoreError::Contended);
        };
        let mut transaction = Transaction::new(self);
        transaction.create(stored, ());
        transaction.delete_if(&keys::session(family), Condition::exists(), ());
        Ok(transaction.commit().await?.is_ok())
    }

    /// The session that a token belongs to, whether or not the token is its current one.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn session(&self, token: &RefreshToken) -> Result<Option<Session>, StoreError> {
        self.get(&keys::session(token.family_hash().as_str())).await
    }

    /// Replaces a token by its successor; false if it is not, or no longer, the current one: at most one of two wins.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn rotate_session(
        &self,
        token: &RefreshToken,
        replaced: &Replaced,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let change = Change::new()
            .set("token", value(&token.successor(replaced).token_hash())?)
            .set("replaced", value(replaced)?)
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

    /// Moves a person to another address, with username and password; `moved_on` if the person is another by now, or
    /// somebody is at the new address.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn move_person(
        &mut self,
        before: &Person,
        after: &Person,
        moved_on: T,
    ) -> Result<(), StoreError> {
        let (old, new) = (before.email.folded(), after.email.folded());
        let same = as_read(before).equals("password", value(&before.password)?);
        if old == new {
            self.update(
                &keys::person(&old),
                Change::new().set("email", value(&after.email)?),
                same,
                moved_on,
            );
            return Ok(());
        }
        self.delete_if(&keys::person(&old), same, moved_on.clone());
        self.create(item(&keys::person(&new), after)?, moved_on);
        let holder = NameHolder { person: new };
        self.replace(item(&keys::username(&after.username.folded()), &holder)?);
        Ok(())
    }

    /// Removes a person of whom no tenant has a user any more, and gives the username free.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn remove_person(&mut self, person: &Person, moved_on: T) -> Result<(), StoreError> {
        let same = as_read(person).equals("password", value(&person.password)?);
        self.delete_if(&keys::person(&person.email.folded()), same, moved_on);
        self.delete(&keys::username(&person.username.folded()));
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

impl<T: Clone> Transaction<'_, T> {
    /// Notes that a person joins a tenant by the password there is; `moved_on` if the person was forgotten, or given
    /// another name, since it was read.
    pub fn join_person(&mut self, person: &Person, now: Timestamp, moved_on: T) {
        self.update(
            &keys::person(&person.email.folded()),
            Change::new().set("joined_at", s(now.to_string())),
            as_read(person),
            moved_on,
        );
    }

    /// Gives a person another name to sign in with, and the guard with it; `taken` if another person has the name,
    /// `moved_on` if the person has changed since it was read.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn rename_person(
        &mut self,
        person: &Person,
        username: &Username,
        moved_on: T,
        taken: T,
    ) -> Result<(), StoreError> {
        let folded = person.email.folded();
        let change = Change::new().set("username", s(username.as_str()));
        self.update(&keys::person(&folded), change, as_read(person), moved_on);
        if person.username.folded() != username.folded() {
            let holder = NameHolder { person: folded };
            self.create(item(&keys::username(&username.folded()), &holder)?, taken);
            self.delete(&keys::username(&person.username.folded()));
        }
        Ok(())
    }

    /// Ends the membership of a person in a tenant, if there is one.
    pub fn remove_membership(&mut self, folded_email: &str, tenant: &TenantId) {
        self.delete(&keys::membership(folded_email, tenant));
    }
}

/// The person stands as it was read, and has joined no tenant since.
fn as_read(person: &Person) -> Condition {
    let condition = Condition::exists()
        .equals("username", s(person.username.as_str()))
        .equals("created_at", s(person.created_at.to_string()));
    match person.joined_at {
        Some(at) => condition.equals("joined_at", s(at.to_string())),
        None => condition.lacks("joined_at"),
    }
}

impl Store {
    /// The tenants where the person has activated and still has the address: all of them share its username.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn joined(&self, folded_email: &str) -> Result<Vec<TenantId>, StoreError> {
        let mut joined = Vec::new();
        for Membership { tenant, user } in self.memberships(folded_email).await? {
            let user = self.user(&tenant, &user).await?;
            let there = |user: &User| {
                user.activated_at.is_some() && Membership::leads_to(user, folded_email)
            };
            joined.extend(user.is_some_and(|user| there(&user)).then_some(tenant));
        }
        Ok(joined)
    }

    /// Forgets password and username of a person who has not joined any tenant, or none any more. Whoever is invited
    /// then chooses new ones.
    ///
    /// # Errors
    /// When the table cannot be used.
    pub async fn forget_person(&self, folded_email: &str) -> Result<(), StoreError> {
        for _ in 0..5 {
            let Some(person) = self.person(folded_email).await? else {
                return Ok(());
            };
            if !self.joined(folded_email).await?.is_empty() {
                return Ok(());
            }
            let mut transaction = Transaction::new(self);
            transaction.delete_if(&keys::person(folded_email), as_read(&person), ());
            transaction.delete(&keys::username(&person.username.folded()));
            // A link to a new password was for this person, not for whoever has the address next.
            transaction.forget_link(&Link::reset_of(folded_email));
            if transaction.commit().await?.is_ok() {
                return Ok(());
            }
        }
        Err(StoreError::Contended)
    }

    /// Whether a username is still to be had.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn username_free(&self, username: &Username) -> Result<bool, StoreError> {
        Ok(self.username_holder(&username.folded()).await?.is_none())
    }
}
