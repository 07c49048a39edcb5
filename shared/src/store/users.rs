//! Users and the guards that keep their e-mail addresses and external IDs unique.

use std::collections::VecDeque;

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::expression::{Change, Condition};
use super::keys::{self, Key};
use super::tenants::CodeHolder;
use super::transaction::{Failed, Transaction};
use super::{BY_NAME, Index, Item, Store, StoreError, content, item, n, s};
use crate::domain::account::Account;
use crate::domain::audit::Entry;
use crate::domain::email::fold_address;
use crate::domain::id::{TenantId, UserId};
use crate::domain::invitation::Offer;
use crate::domain::leaving::restorable_until;
use crate::domain::refusal::Refusal;
use crate::domain::tenant::Product;
use crate::domain::text::fold;
use crate::domain::throttle::{Allowance, Subject};
use crate::domain::user::User;

/// What a guard keeps: who has the value.
#[derive(Debug, Serialize, Deserialize)]
pub struct Guard {
    /// The user.
    pub user: UserId,
}

/// A value that at most one user of a tenant has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Unique {
    /// A folded e-mail address.
    Email(String),
    /// A folded external ID.
    ExternalId(String),
}

impl Unique {
    /// Where its guard stands.
    #[must_use]
    pub fn key(&self, tenant: &TenantId) -> Key {
        match self {
            Self::Email(folded) => keys::email_guard(tenant, folded),
            Self::ExternalId(folded) => keys::external_id_guard(tenant, folded),
        }
    }

    fn refusal(&self) -> Refusal {
        match self {
            Self::Email(_) => Refusal::EmailTaken,
            Self::ExternalId(_) => Refusal::ExternalIdTaken,
        }
    }

    /// What is unique about a user. A deleted one gives its address and external ID free.
    #[must_use]
    pub fn of(user: &User) -> Vec<Self> {
        if user.deleted_at.is_some() {
            return Vec::new();
        }
        let email = user.email.as_ref().map(|email| Self::Email(email.folded()));
        let external_id = user
            .external_id
            .as_ref()
            .map(|id| Self::ExternalId(id.folded()));
        email.into_iter().chain(external_id).collect()
    }
}

/// In what order a list goes, and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    /// In name order, names that begin so.
    Name(String),
    /// In the order of addresses, addresses that begin so.
    Email(String),
    /// In the order of external IDs, IDs that begin so.
    ExternalId(String),
}

/// A page of a list.
#[derive(Debug)]
pub struct Listed {
    /// The users.
    pub users: Vec<User>,
    /// Where the next page begins, if there may be one.
    pub next: Option<String>,
}

/// How many items are looked through at a time after the first page of a filtered list.
const FURTHER: usize = 100;

/// The most items looked through for one page of a filtered list.
const LOOKED_THROUGH: usize = 5_000;

impl Store {
    /// A user, strongly consistent.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn user(&self, tenant: &TenantId, id: &UserId) -> Result<Option<User>, StoreError> {
        self.get(&keys::user(tenant, id)).await
    }

    /// Users in the order of their ids, strongly consistent; each id at most once.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn users(
        &self,
        tenant: &TenantId,
        ids: &[UserId],
    ) -> Result<Vec<Option<User>>, StoreError> {
        let keys: Vec<Key> = ids.iter().map(|id| keys::user(tenant, id)).collect();
        self.get_many(&keys).await
    }

    /// Who has each of these values; each value at most once.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn holders(
        &self,
        tenant: &TenantId,
        values: &[Unique],
    ) -> Result<Vec<Option<UserId>>, StoreError> {
        let keys: Vec<Key> = values.iter().map(|value| value.key(tenant)).collect();
        let guards: Vec<Option<Guard>> = self.get_many(&keys).await?;
        Ok(guards
            .into_iter()
            .map(|guard| guard.map(|guard| guard.user))
            .collect())
    }

    /// A page of at most `limit` users that `admits` lets through, merged over the tenant's shards in order. Looks
    /// through a bounded number of users, so a page may be short, or empty, and yet have a next one.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn list_users(
        &self,
        tenant: &TenantId,
        search: &Search,
        after: Option<&str>,
        limit: usize,
        admits: impl Fn(&User) -> bool,
    ) -> Result<Listed, StoreError> {
        let mut merge = Merge::new(self, tenant, search, after, limit);
        let (mut users, mut last, mut looked_through) = (Vec::new(), None, 0);
        while looked_through < LOOKED_THROUGH {
            // Where the filter lets few through, ever larger pages are looked through.
            let most = if looked_through == 0 {
                limit
            } else {
                FURTHER.max(limit)
            };
            let batch = merge.next(most).await?;
            merge.page = (merge.page * 2).min(1_000);
            if batch.is_empty() {
                return Ok(Listed { users, next: None });
            }
            let (size, mut at) = (batch.len(), 0);
            for (key, user) in self.read_listed(tenant, search, batch).await? {
                (last, at) = (Some(key), at + 1);
                users.extend(user.filter(&admits));
                if users.len() == limit {
                    let more = at < size || merge.more();
                    return Ok(Listed {
                        users,
                        next: last.filter(|_| more),
                    });
                }
            }
            looked_through += size;
        }
        Ok(Listed {
            users,
            next: last.filter(|_| merge.more()),
        })
    }

    /// The users of listed items, with the keys that they are listed by: the items themselves, or those that listed
    /// guards point to.
    async fn read_listed(
        &self,
        tenant: &TenantId,
        search: &Search,
        batch: Vec<(String, Item)>,
    ) -> Result<Vec<(String, Option<User>)>, StoreError> {
        if let Search::Name(_) = search {
            return batch
                .into_iter()
                .map(|(key, item)| Ok((key, Some(content(item)?))))
                .collect();
        }
        let (keys, guards): (Vec<String>, Vec<Item>) = batch.into_iter().unzip();
        let ids = guards
            .into_iter()
            .map(|guard| content(guard).map(|guard: Guard| guard.user));
        let users = self
            .users(tenant, &ids.collect::<Result<Vec<_>, _>>()?)
            .await?;
        Ok(keys.into_iter().zip(users).collect())
    }

    /// Notes that the person signed in: no change of the tenant's data, so the version stays.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn note_login(
        &self,
        tenant: &TenantId,
        user: &UserId,
        at: jiff::Timestamp,
    ) -> Result<(), StoreError> {
        let change = Change::new().set("last_login_at", s(at.to_string()));
        self.update(&keys::user(tenant, user), change, Condition::exists())
            .await
            .map(|_| ())
    }
}

/// A user to be added, with all that comes with it in the same transaction.
#[derive(Debug)]
pub struct Addition {
    /// The user, with licences of the products below.
    pub user: User,
    /// The products, as read.
    pub products: Vec<Product>,
    /// The invitation, if one goes out at once.
    pub offer: Option<Offer>,
    /// The invitations that the tenant may send today.
    pub invitations: Allowance,
    /// The account that is made for it, with the audit entry of that.
    pub account: Option<(Account, Entry)>,
    /// The audit entry.
    pub entry: Entry,
}

/// What adding a user came to.
#[derive(Debug)]
pub enum Added {
    /// It was added.
    Added,
    /// This very addition was made before; the user as it stands now.
    Before(Box<User>),
    /// It was not added, and everything that speaks against it.
    Refused(Vec<Refusal>),
}

/// A part of adding a user that failed.
#[derive(Clone)]
enum AddPart {
    User,
    Refused(Refusal),
    Seats(usize),
}

impl Store {
    /// Adds a user with guards, seats, licence codes, invitation and audit entry: all or nothing.
    ///
    /// # Errors
    /// When the table cannot be used.
    pub async fn add_user(
        &self,
        tenant: &TenantId,
        addition: &Addition,
    ) -> Result<Added, StoreError> {
        let mut products = addition.products.clone();
        for _ in 0..20 {
            if let Some(full) = products.iter().find(|product| product.remaining() == 0) {
                return Ok(Added::Refused(vec![Refusal::NoSeatsLeft(full.id.clone())]));
            }
            let mut transaction = Transaction::new(self);
            addition.add_to(&mut transaction, tenant, &products)?;
            let Err(failed) = transaction.commit().await? else {
                return Ok(Added::Added);
            };
            let mut refusals = Vec::new();
            for Failed { tag, found } in failed {
                match (tag, found) {
                    (AddPart::User, Some(found)) => {
                        return Ok(Added::Before(Box::new(content(found)?)));
                    }
                    (AddPart::User, None) => {}
                    (AddPart::Refused(refusal), _) => refusals.push(refusal),
                    (AddPart::Seats(place), Some(found)) => products[place] = content(found)?,
                    (AddPart::Seats(place), None) => {
                        refusals.push(Refusal::ProductNotFound(products[place].id.clone()));
                    }
                }
            }
            if !refusals.is_empty() {
                return Ok(Added::Refused(refusals));
            }
        }
        Ok(Added::Refused(vec![Refusal::Busy]))
    }
}

impl Addition {
    fn add_to(
        &self,
        transaction: &mut Transaction<'_, AddPart>,
        tenant: &TenantId,
        products: &[Product],
    ) -> Result<(), StoreError> {
        if let Some((account, _)) = &self.account {
            transaction.take_for_granted(keys::account(tenant, &account.id));
        }
        transaction.add_user(tenant, &self.user, |refusal| {
            if refusal == Refusal::Busy {
                AddPart::User
            } else {
                AddPart::Refused(refusal)
            }
        })?;
        if let Some((account, entry)) = &self.account {
            transaction.add_account(tenant, account, AddPart::Refused)?;
            transaction.audit(tenant, entry)?;
        }
        for (place, product) in products.iter().enumerate() {
            transaction.take_seats(tenant, product, 1, AddPart::Seats(place));
            if let Some(licence) = self.user.licences.get(&product.id) {
                let holder = CodeHolder {
                    tenant: tenant.clone(),
                    user: self.user.id.clone(),
                    product: product.id.clone(),
                };
                transaction.add_code(&licence.code, &holder, AddPart::Refused(Refusal::Busy))?;
            }
        }
        if let Some(offer) = &self.offer {
            transaction.offer(tenant, offer, AddPart::Refused(Refusal::Busy))?;
            let full = AddPart::Refused(Refusal::TooManyInvitations);
            transaction.count_offer(tenant, offer, full);
            transaction.take(
                &Subject::invitations(tenant),
                self.invitations,
                1,
                offer.invitation.created_at,
                AddPart::Refused(Refusal::NoInvitationsLeft),
            );
        }
        transaction.audit(tenant, &self.entry)
    }
}

/// Walks several shards as if they were one.
struct Merge<'a> {
    store: &'a Store,
    index: &'static Index,
    prefix: String,
    page: i32,
    shards: Vec<Shard>,
}

struct Shard {
    partition: String,
    after: Option<String>,
    buffer: VecDeque<(String, Item)>,
    more: bool,
}

const GUARDS: Index = super::TABLE;
const NAMES: Index = BY_NAME;

impl<'a> Merge<'a> {
    fn new(
        store: &'a Store,
        tenant: &TenantId,
        search: &Search,
        after: Option<&str>,
        limit: usize,
    ) -> Self {
        let (index, prefix) = match search {
            Search::Name(prefix) => (&NAMES, fold(prefix)),
            Search::Email(prefix) => (
                &GUARDS,
                format!("{}{}", keys::EMAIL, fold_address_prefix(prefix)),
            ),
            Search::ExternalId(prefix) => {
                (&GUARDS, format!("{}{}", keys::EXTERNAL_ID, fold(prefix)))
            }
        };
        let shard = |number| Shard {
            partition: keys::user_partition(tenant, number),
            after: after.map(str::to_owned),
            buffer: VecDeque::new(),
            more: true,
        };
        let shards = usize::from(tenant.shards());
        // Of many shards each has few of a page, and twice as many as on average nearly always are enough.
        let page = limit.min(2 * limit / shards + 4);
        let page = i32::try_from(page).unwrap_or(1_000).clamp(1, 1_000);
        Self {
            store,
            index,
            prefix,
            page,
            shards: (0..tenant.shards()).map(shard).collect(),
        }
    }

    fn more(&self) -> bool {
        self.shards
            .iter()
            .any(|shard| shard.more || !shard.buffer.is_empty())
    }

    /// The next items in order, at most `most`.
    async fn next(&mut self, most: usize) -> Result<Vec<(String, Item)>, StoreError> {
        let mut batch = Vec::new();
        while batch.len() < most {
            self.refill().await?;
            let first = self
                .shards
                .iter_mut()
                .filter(|shard| !shard.buffer.is_empty())
                .min_by(|a, b| a.buffer[0].0.cmp(&b.buffer[0].0));
            match first.and_then(|shard| shard.buffer.pop_front()) {
                Some(next) => batch.push(next),
                None => break,
            }
        }
        Ok(batch)
    }

    async fn refill(&mut self) -> Result<(), StoreError> {
        let (store, index, prefix, page) =
            (self.store, self.index, self.prefix.as_str(), self.page);
        let empty = self
            .shards
            .iter_mut()
            .filter(|shard| shard.buffer.is_empty() && shard.more);
        let fills = empty.map(async |shard: &mut Shard| {
            // A page may come back empty and yet have a successor only with a filter, which none of ours has.
            let got = store
                .page(
                    Some(index),
                    &shard.partition,
                    prefix,
                    shard.after.as_deref(),
                    page,
                )
                .await?;
            shard.more = got.more;
            shard.buffer.extend(
                got.items
                    .into_iter()
                    .filter_map(|item| Some((item.get(index.sk)?.as_s().ok()?.clone(), item))),
            );
            shard.after = shard
                .buffer
                .back()
                .map(|(key, _)| key.clone())
                .or(shard.after.take());
            Ok::<(), StoreError>(())
        });
        try_join_all(fills).await.map(|_| ())
    }
}

/// Folds the beginning of an address, which may be cut anywhere.
fn fold_address_prefix(prefix: &str) -> String {
    if prefix.contains('@') {
        fold_address(prefix)
    } else {
        fold(prefix)
    }
}

/// The stored form of a user. Deleted ones stay in name order too: a list shows them when they are asked for. They wait
/// to be erased.
///
/// # Errors
/// When it cannot be stored.
pub fn user_item(tenant: &TenantId, user: &User) -> Result<Item, StoreError> {
    let mut stored = item(&keys::user(tenant, &user.id), user)?;
    stored.insert(keys::NAME_KEY.to_owned(), s(user.name_key()));
    if let Some(at) = restorable_until(user) {
        for (name, key) in keys::erasure(tenant, &user.id, at) {
            stored.insert(name.to_owned(), s(key));
        }
    }
    Ok(stored)
}

impl<T: Clone> Transaction<'_, T> {
    /// Adds a user, with the guards of what is unique about it.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn add_user(
        &mut self,
        tenant: &TenantId,
        user: &User,
        tag: impl Fn(Refusal) -> T,
    ) -> Result<(), StoreError> {
        self.create(user_item(tenant, user)?, tag(Refusal::Busy));
        for value in Unique::of(user) {
            self.guard(tenant, &value, &user.id, &tag)?;
        }
        self.move_user(tenant, None, Some(user), tag(Refusal::AccountNotFound));
        Ok(())
    }

    fn guard(
        &mut self,
        tenant: &TenantId,
        value: &Unique,
        user: &UserId,
        tag: impl Fn(Refusal) -> T,
    ) -> Result<(), StoreError> {
        self.create(
            item(&value.key(tenant), &Guard { user: user.clone() })?,
            tag(value.refusal()),
        );
        Ok(())
    }

    /// Makes `after` of the user read as `before`, guards included; [`Refusal::Busy`] if it changed meanwhile,
    /// [`Refusal::LastOwner`] if no owner would be left who can act, [`Refusal::AccountNotFound`] if the account it comes
    /// into is gone. The version is counted up here.
    ///
    /// A user who comes into or leaves an account takes a part more, and each account come into one more.
    ///
    /// At most one user of a transaction may become, or cease to be, an acting owner.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn edit_user(
        &mut self,
        tenant: &TenantId,
        before: &User,
        after: &User,
        tag: impl Fn(Refusal) -> T,
    ) -> Result<(), StoreError> {
        let after = User {
            version: before.version + 1,
            ..after.clone()
        };
        let change = Change::between(&user_item(tenant, before)?, &user_item(tenant, &after)?);
        let unchanged = Condition::exists().equals("version", n(before.version));
        self.update(
            &keys::user(tenant, &before.id),
            change,
            unchanged,
            tag(Refusal::Busy),
        );
        match (before.is_acting_owner(), after.is_acting_owner()) {
            (false, true) => self.count_owners(tenant, 1, tag(Refusal::Busy)),
            (true, false) => self.count_owners(tenant, -1, tag(Refusal::LastOwner)),
            _ => {}
        }
        let (had, has) = (Unique::of(before), Unique::of(&after));
        for value in had.iter().filter(|value| !has.contains(value)) {
            self.delete(&value.key(tenant));
        }
        for value in has.iter().filter(|value| !had.contains(value)) {
            self.guard(tenant, value, &before.id, &tag)?;
        }
        let gone = tag(Refusal::AccountNotFound);
        self.move_user(tenant, Some(before), Some(&after), gone);
        Ok(())
    }
}
