//! Customers' accounts: each with the guard of its name, which lists the accounts below a parent in name order, and for
//! each user in it an item that says so.

use serde::{Deserialize, Serialize};

use super::expression::{Change, Condition};
use super::keys::{self, Key, SK};
use super::transaction::{Failed, Transaction};
use super::{Store, StoreError, content, item, n, s};
use crate::domain::account::Account;
use crate::domain::audit::Entry;
use crate::domain::id::{AccountId, TenantId};
use crate::domain::refusal::Refusal;
use crate::domain::user::User;

/// What the guard of a name keeps: which account has it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Named {
    /// The account.
    pub account: AccountId,
}

/// Who is about to delete the account: from then on nobody comes into it.
const CLOSING: &str = "closing";

/// A page of accounts.
#[derive(Debug)]
pub struct ListedAccounts {
    /// The accounts.
    pub accounts: Vec<Account>,
    /// The folded name after which the next page begins, if there may be one.
    pub next: Option<String>,
}

/// What making an account came to.
#[derive(Debug)]
pub enum Opened {
    /// It was made.
    Opened,
    /// This very account was made before; as it stands now.
    Before(Box<Account>),
    /// It was not made, and why.
    Refused(Refusal),
}

/// What changing an account came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edited {
    /// It was changed.
    Edited,
    /// It is another one by now, or gone.
    Changed,
    /// An account beside it has the name.
    NameTaken,
}

/// A part of a change that failed.
#[derive(Clone)]
enum Part {
    Account,
    Refused(Refusal),
}

impl Store {
    /// An account.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn account(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        self.get(&keys::account(tenant, account)).await
    }

    /// Accounts in the order of their ids.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn accounts(
        &self,
        tenant: &TenantId,
        ids: &[AccountId],
    ) -> Result<Vec<Option<Account>>, StoreError> {
        let keys: Vec<Key> = ids.iter().map(|id| keys::account(tenant, id)).collect();
        self.get_many(&keys).await
    }

    /// A page of the accounts right below `parent`, or of the clients: those whose name begins so, in name order.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn accounts_below(
        &self,
        tenant: &TenantId,
        parent: Option<&AccountId>,
        name: &str,
        after: Option<&str>,
        limit: i32,
    ) -> Result<ListedAccounts, StoreError> {
        let names = keys::account_names(parent);
        let prefix = format!("{names}{name}");
        let after = after.map(|after| format!("{names}{after}"));
        let partition = keys::tenant_partition(tenant);
        let page = self
            .page(None, &partition, &prefix, after.as_deref(), limit)
            .await?;
        let last = page.items.last().and_then(|item| item.get(SK)?.as_s().ok());
        let last = last.and_then(|key| key.strip_prefix(&names));
        let next = last.filter(|_| page.more).map(str::to_owned);
        let guards = page.items.into_iter().map(content::<Named>);
        let keys = guards.map(|guard| Ok(keys::account(tenant, &guard?.account)));
        let keys = keys.collect::<Result<Vec<Key>, StoreError>>()?;
        let accounts = self.get_many(&keys).await?;
        Ok(ListedAccounts {
            accounts: accounts.into_iter().flatten().collect(),
            next,
        })
    }

    /// Makes an account.
    ///
    /// # Errors
    /// When the table cannot be used.
    pub async fn open_account(
        &self,
        tenant: &TenantId,
        account: &Account,
        entry: &Entry,
    ) -> Result<Opened, StoreError> {
        let mut transaction = Transaction::new(self);
        transaction.add_account(tenant, account, |refusal| match refusal {
            Refusal::Busy => Part::Account,
            refusal => Part::Refused(refusal),
        })?;
        transaction.audit(tenant, entry)?;
        let Err(failed) = transaction.commit().await? else {
            return Ok(Opened::Opened);
        };
        let mut refused = Refusal::Busy;
        for Failed { tag, found } in failed {
            match (tag, found) {
                (Part::Account, Some(found)) => {
                    return Ok(Opened::Before(Box::new(content(found)?)));
                }
                (Part::Account, None) => {}
                (Part::Refused(refusal), _) => refused = refusal,
            }
        }
        Ok(Opened::Refused(refused))
    }

    /// Makes `after` of the account read as `before`. The version is counted up here.
    ///
    /// # Errors
    /// When the table cannot be used.
    pub async fn edit_account(
        &self,
        tenant: &TenantId,
        before: &Account,
        after: &Account,
        entry: &Entry,
    ) -> Result<Edited, StoreError> {
        let key = keys::account(tenant, &before.id);
        let mut after = after.clone();
        after.version = before.version + 1;
        // Whoever began to delete it finds that it goes on.
        let change = Change::between(&item(&key, before)?, &item(&key, &after)?).remove(CLOSING);
        let unchanged = Condition::exists().equals("version", n(before.version));
        let mut transaction = Transaction::new(self);
        transaction.update(&key, change, unchanged, Edited::Changed);
        if before.name.folded() != after.name.folded() {
            transaction.delete(&name_of(tenant, before));
            transaction.name_account(tenant, &after, Edited::NameTaken)?;
        }
        transaction.audit(tenant, entry)?;
        let failed = transaction.commit().await?.err().unwrap_or_default();
        let first = failed.into_iter().map(|failed| failed.tag).next();
        Ok(first.unwrap_or(Edited::Edited))
    }

    /// Deletes an account that nobody is in and nothing is below. First it is closed, so that nobody comes into it any
    /// more; then it is looked whether somebody is. `stamp` tells this attempt from another one: the one that closed
    /// last goes on.
    ///
    /// # Errors
    /// When the table cannot be used. The account stays closed then, until it is deleted or changed.
    pub async fn close_account(
        &self,
        tenant: &TenantId,
        account: &Account,
        stamp: &str,
        entry: &Entry,
    ) -> Result<Result<(), Refusal>, StoreError> {
        let key = keys::account(tenant, &account.id);
        let unchanged = Condition::exists().equals("version", n(account.version));
        let close = Change::new().set(CLOSING, s(stamp));
        if !self.update(&key, close, unchanged).await? {
            return Ok(Err(Refusal::Busy));
        }
        let ours = || Condition::exists().equals(CLOSING, s(stamp));
        if self.is_inhabited(tenant, &account.id).await? {
            let reopen = Change::new().remove(CLOSING);
            let _ = self.update(&key, reopen, ours()).await?;
            return Ok(Err(Refusal::AccountNotEmpty));
        }
        let mut transaction = Transaction::new(self);
        transaction.delete_if(&key, ours(), ());
        transaction.delete(&name_of(tenant, account));
        transaction.audit(tenant, entry)?;
        let deleted = transaction.commit().await?;
        Ok(deleted.map_err(|_| Refusal::Busy))
    }

    /// Whether a user is in the account, or an account below it: a query for each shard, whatever their number.
    async fn is_inhabited(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<bool, StoreError> {
        let below = keys::account_names(Some(account));
        let partition = keys::tenant_partition(tenant);
        let page = self.page(None, &partition, &below, None, 1).await?;
        if !page.items.is_empty() {
            return Ok(true);
        }
        let users = keys::in_account(account);
        for shard in 0..tenant.shards() {
            let partition = keys::user_partition(tenant, shard);
            let page = self.page(None, &partition, &users, None, 1).await?;
            if !page.items.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Where the guard of the account's name stands.
#[must_use]
pub fn name_of(tenant: &TenantId, account: &Account) -> Key {
    keys::account_name(tenant, account.parent(), &account.name.folded())
}

/// Which account the user counts for: a deleted one for none.
#[must_use]
pub fn counted(user: Option<&User>) -> Option<&AccountId> {
    user.filter(|user| user.deleted_at.is_none())
        .and_then(|user| user.rights.account())
}

impl<T: Clone> Transaction<'_, T> {
    /// Adds an account with its name; [`Refusal::Busy`] if it is there, [`Refusal::AccountNotFound`] if its parent is
    /// gone, [`Refusal::AccountNameTaken`].
    ///
    /// # Errors
    /// When it cannot be stored.
    pub(super) fn add_account(
        &mut self,
        tenant: &TenantId,
        account: &Account,
        tag: impl Fn(Refusal) -> T,
    ) -> Result<(), StoreError> {
        let key = keys::account(tenant, &account.id);
        self.create(item(&key, account)?, tag(Refusal::Busy));
        self.name_account(tenant, account, tag(Refusal::AccountNameTaken))?;
        if let Some(parent) = account.parent() {
            self.check_account(tenant, parent, tag(Refusal::AccountNotFound));
        }
        Ok(())
    }

    fn name_account(
        &mut self,
        tenant: &TenantId,
        account: &Account,
        taken: T,
    ) -> Result<(), StoreError> {
        let named = Named {
            account: account.id.clone(),
        };
        self.create(item(&name_of(tenant, account), &named)?, taken);
        Ok(())
    }

    /// Notes that a user comes into an account, or leaves it; `gone` if there is none to come into.
    pub(super) fn move_user(
        &mut self,
        tenant: &TenantId,
        before: Option<&User>,
        after: Option<&User>,
        gone: T,
    ) {
        let (from, to) = (counted(before), counted(after));
        let Some(user) = after.or(before).filter(|_| from != to) else {
            return;
        };
        if let Some(from) = from {
            self.delete(&keys::user_in_account(tenant, from, &user.id));
        }
        if let Some(to) = to {
            self.replace(keys::user_in_account(tenant, to, &user.id).item());
            self.check_account(tenant, to, gone);
        }
    }

    /// Only if there is such an account and nobody is deleting it.
    fn check_account(&mut self, tenant: &TenantId, account: &AccountId, gone: T) {
        let open = Condition::exists().lacks(CLOSING);
        self.check(&keys::account(tenant, account), open, gone);
    }
}
