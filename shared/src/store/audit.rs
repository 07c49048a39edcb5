//! The audit trail: entries written, listed newest first, and hashed for the seals; and the seals themselves.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::expression::{Change, Condition};
use super::keys::{self, Month, SK};
use super::transaction::Transaction;
use super::{Item, Store, StoreError, content, item, n, value};
use crate::domain::account::Account;
use crate::domain::audit::{Actor, AuditFilter, Entry, Record, Told};
use crate::domain::id::{AccountId, AuditId, TenantId, UserId};
use crate::domain::seal::{Hash, Head, Root, Seal, window_start};
use crate::domain::user::User;

/// That a tenant is there, and how far its trail is sealed: what the schedule finds tenants by.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Registration {
    /// The tenant.
    pub tenant: TenantId,
    /// Since when.
    pub since: Timestamp,
    /// Its newest seal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Head>,
}

impl Registration {
    /// Where the tenant's trail begins: nothing older is ever shown or sealed.
    #[must_use]
    pub fn beginning(&self) -> Timestamp {
        window_start(self.since)
    }

    /// Up to where the trail is sealed.
    #[must_use]
    pub fn sealed_until(&self) -> Timestamp {
        self.sealed
            .as_ref()
            .map_or_else(|| self.beginning(), |head| head.to)
    }
}

/// An entry as it is read.
#[derive(Debug)]
pub struct Listed {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub operation: String,
    /// To whom.
    pub targets: Vec<Told>,
}

/// A page of the trail.
#[derive(Debug)]
pub struct Trail {
    /// The entries, newest first.
    pub entries: Vec<Listed>,
    /// What the users of these entries are called who are still there, by their ids.
    pub names: HashMap<String, String>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// The least that two keys differ by in time, and what clocks may differ by.
const MOMENT: SignedDuration = SignedDuration::from_millis(1);
const SKEW: SignedDuration = SignedDuration::from_hours(1);

/// The most entries looked through for one page of a filtered list.
const LOOKED_THROUGH: usize = 2_000;

/// The most targets on a page: each may cost the read of a user.
const TARGETS: usize = 1_000;

/// How many items are read at a time; a page of the table ends at 1 MB anyway.
const PAGE: i32 = 1_000;

impl Store {
    /// That a tenant is there, and how far its trail is sealed.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn registration(
        &self,
        tenant: &TenantId,
    ) -> Result<Option<Registration>, StoreError> {
        self.get(&keys::registration(tenant)).await
    }

    /// The tenants of one part of the registry after `after`, each if it can be read, and where the next of them begin.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn registrations(
        &self,
        shard: u16,
        after: Option<&str>,
    ) -> Result<(Vec<Result<Registration, StoreError>>, Option<String>), StoreError> {
        let page = self
            .page(None, &keys::registry(shard), "", after, PAGE)
            .await?;
        let last = page.items.last().and_then(sort_key);
        let tenants = page.items.into_iter().map(content).collect();
        Ok((tenants, last.filter(|_| page.more)))
    }

    /// A page of at most `limit` entries that the filter lets through, newest first, of a trail that begins at
    /// `beginning`; `before` is where the page before ended. Looks through a bounded number of entries, so a page may be
    /// short, or empty, and yet have a next one. What is personal is shown as far as its user is still there.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn trail(
        &self,
        tenant: &TenantId,
        filter: &AuditFilter,
        span: (Timestamp, Timestamp),
        before: Option<&str>,
        limit: usize,
    ) -> Result<Trail, StoreError> {
        let (records, next) = self.records(tenant, filter, span, before, limit).await?;
        let users = self.users_of(tenant, &records).await?;
        let accounts = self.accounts_of(tenant, &records).await?;
        let told = |record: Record| Listed {
            targets: record
                .targets
                .into_iter()
                .map(|target| {
                    let user = users.get(&target.id).map(|user| &user.audit_key);
                    let account = || accounts.get(&target.id).map(|account| &account.audit_key);
                    let key = user.or_else(account).and_then(Option::as_ref);
                    target.told(&record.id, key)
                })
                .collect(),
            id: record.id,
            at: record.at,
            actor: record.actor,
            operation: record.operation,
        };
        let entries = records.into_iter().map(told).collect();
        let names = users
            .into_iter()
            .map(|(id, user)| (id, user.display_name()))
            .collect();
        Ok(Trail {
            entries,
            names,
            next,
        })
    }

    async fn records(
        &self,
        tenant: &TenantId,
        filter: &AuditFilter,
        (beginning, now): (Timestamp, Timestamp),
        before: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Record>, Option<String>), StoreError> {
        let from = filter.from.map_or(beginning, |from| from.max(beginning));
        let newest = now.saturating_add(SKEW).unwrap_or(Timestamp::MAX);
        let to = filter.to.map_or(newest, |to| to.min(newest));
        let page = i32::try_from(limit).map_or(PAGE, |limit| (limit + 2).min(PAGE));
        let mut walk = Walk::new(self, tenant, (from, to), before, page);
        let (mut records, mut last, mut looked_through, mut targets) = (Vec::new(), None, 0, 0);
        while let Some((key, found)) = walk.older().await? {
            if looked_through == LOOKED_THROUGH {
                return Ok((records, last));
            }
            looked_through += 1;
            // What cannot be read is no entry of ours; the verification tells of it.
            let record = content::<Record>(found).inspect_err(|fault| tracing::error!(%fault));
            if let Some(record) = record.ok().filter(|record| filter.admits(record)) {
                targets += record.targets.len();
                if records.len() == limit || (targets > TARGETS && !records.is_empty()) {
                    return Ok((records, last));
                }
                records.push(record);
            }
            last = Some(key);
        }
        Ok((records, None))
    }

    /// The users whom entries are by or about, as far as they are still there.
    async fn users_of(
        &self,
        tenant: &TenantId,
        records: &[Record],
    ) -> Result<HashMap<String, User>, StoreError> {
        let ids: BTreeSet<UserId> = records
            .iter()
            .flat_map(|record| {
                let targets = record.targets.iter().map(|target| target.id.as_str());
                targets.chain(record.actor.id())
            })
            .filter_map(|id| UserId::parse(id).ok())
            .collect();
        let ids: Vec<UserId> = ids.into_iter().collect();
        let users = self.users(tenant, &ids).await?;
        Ok(users
            .into_iter()
            .flatten()
            .map(|user| (user.id.to_string(), user))
            .collect())
    }

    /// The accounts that entries are about, as far as they are still there.
    async fn accounts_of(
        &self,
        tenant: &TenantId,
        records: &[Record],
    ) -> Result<HashMap<String, Account>, StoreError> {
        let targets = records.iter().flat_map(|record| &record.targets);
        let ids: BTreeSet<AccountId> = targets
            .filter_map(|target| AccountId::parse(&target.id).ok())
            .collect();
        let ids: Vec<AccountId> = ids.into_iter().collect();
        let accounts = self.accounts(tenant, &ids).await?;
        let keyed = |account: Account| (account.id.to_string(), account);
        Ok(accounts.into_iter().flatten().map(keyed).collect())
    }

    /// The hash over all entries `from` (with it) `to` (without it), and how many they are. Memory does not grow with
    /// their number.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn root(
        &self,
        tenant: &TenantId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<(Hash, u64), StoreError> {
        let mut root = Root::default();
        for month in Month::all(from, to) {
            let mut low = keys::sortable(from);
            loop {
                let page = self
                    .between(&month.partition(tenant), &low, &keys::sortable(to), PAGE)
                    .await?;
                page.items.iter().for_each(|item| root.add(leaf(item)));
                match page.items.last().and_then(sort_key).filter(|_| page.more) {
                    Some(last) => low = format!("{last}\0"),
                    None => break,
                }
            }
        }
        Ok(root.finish())
    }

    /// When the first entry `from` (with it) `to` (without it) was made, if there is one.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn first_entry(
        &self,
        tenant: &TenantId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        for month in Month::all(from, to) {
            let (low, high) = (keys::sortable(from), keys::sortable(to));
            let page = self
                .between(&month.partition(tenant), &low, &high, 1)
                .await?;
            if let Some(key) = page.items.first().and_then(sort_key) {
                // What has no time in its key is slipped in; its window is then as long as can be.
                return Ok(Some(keys::read_time(&key).unwrap_or(to)));
            }
        }
        Ok(None)
    }

    /// Whether an entry of this moment tells of the user, or another thing, with this id.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn tells_of(
        &self,
        tenant: &TenantId,
        at: Timestamp,
        id: &str,
    ) -> Result<bool, StoreError> {
        let partition = Month::of(at).partition(tenant);
        let prefix = keys::sortable(at);
        let mut after: Option<String> = None;
        loop {
            let page = self
                .page(None, &partition, &prefix, after.as_deref(), PAGE)
                .await?;
            after = page.items.last().and_then(sort_key);
            let told = |item: Item| {
                let record = content::<Record>(item).ok();
                record.is_some_and(|record| record.targets.iter().any(|target| target.id == id))
            };
            if page.items.into_iter().any(told) {
                return Ok(true);
            }
            if !page.more {
                return Ok(false);
            }
        }
    }

    /// How many entries there are from a moment on, counting no further than `most`.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn entries_since(
        &self,
        tenant: &TenantId,
        from: Timestamp,
        now: Timestamp,
        most: usize,
    ) -> Result<usize, StoreError> {
        let to = now.saturating_add(SKEW).unwrap_or(Timestamp::MAX);
        let mut walk = Walk::new(self, tenant, (from, to), None, PAGE);
        let mut found = 0;
        while found < most && walk.older().await?.is_some() {
            found += 1;
        }
        Ok(found)
    }

    /// A seal, by where it ends.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn seal(&self, tenant: &TenantId, to: Timestamp) -> Result<Option<Seal>, StoreError> {
        self.get(&keys::seal(tenant, to)).await
    }

    /// At most `limit` seals that stand after the place `after`, oldest first.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn seals_after(
        &self,
        tenant: &TenantId,
        after: &str,
        limit: i32,
    ) -> Result<Vec<Placed>, StoreError> {
        let low = format!("{after}\0");
        let page = self
            .between(&keys::seals(tenant), &low, keys::LAST, limit)
            .await?;
        Ok(page.items.into_iter().map(Placed::of).collect())
    }

    /// At most `limit` seals that stand at the place `before` or earlier, newest first.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn seals_before(
        &self,
        tenant: &TenantId,
        before: Option<&str>,
        limit: i32,
    ) -> Result<Vec<Placed>, StoreError> {
        let high = before.unwrap_or(keys::LAST);
        let page = self
            .backwards(&keys::seals(tenant), "\0", high, limit)
            .await?;
        Ok(page.items.into_iter().map(Placed::of).collect())
    }
}

/// What stands in the place of a seal.
#[derive(Debug)]
pub struct Placed {
    /// Its key: where the seal should end.
    pub key: String,
    /// The seal, if it can be read.
    pub seal: Option<Seal>,
}

impl Placed {
    fn of(found: Item) -> Self {
        Self {
            key: sort_key(&found).unwrap_or_default(),
            seal: content(found)
                .inspect_err(|fault: &StoreError| tracing::error!(%fault))
                .ok(),
        }
    }

    /// Whether the seal belongs in this place.
    #[must_use]
    pub fn belongs(&self, seal: &Seal) -> bool {
        self.key == keys::sortable(seal.to)
    }
}

fn sort_key(item: &Item) -> Option<String> {
    item.get(SK)?.as_s().ok().cloned()
}

/// Walks a trail from its newest entry to its oldest.
struct Walk<'a> {
    store: &'a Store,
    tenant: &'a TenantId,
    /// The months that are still to be walked, the next one last.
    months: Vec<Month>,
    low: String,
    high: String,
    /// Where the walk has come to: nothing at or above it.
    reached: Option<String>,
    buffer: std::vec::IntoIter<Item>,
    page: i32,
}

impl<'a> Walk<'a> {
    fn new(
        store: &'a Store,
        tenant: &'a TenantId,
        (from, to): (Timestamp, Timestamp),
        before: Option<&str>,
        page: i32,
    ) -> Self {
        // A cursor may come from another search: it never widens this one.
        let newest = before.and_then(keys::read_time).map_or(to, |at| at.min(to));
        Self {
            store,
            tenant,
            months: Month::all(from, newest.saturating_add(MOMENT).unwrap_or(newest)),
            low: keys::sortable(from),
            high: keys::sortable(to.saturating_add(MOMENT).unwrap_or(to)),
            reached: before.map(str::to_owned),
            buffer: Vec::new().into_iter(),
            page,
        }
    }

    /// The next older entry with its key.
    async fn older(&mut self) -> Result<Option<(String, Item)>, StoreError> {
        loop {
            for item in self.buffer.by_ref() {
                let key = sort_key(&item).unwrap_or_default();
                // The search includes its bound, where the page before ended.
                if self.reached.as_ref().is_none_or(|reached| key < *reached) {
                    self.reached = Some(key.clone());
                    return Ok(Some((key, item)));
                }
            }
            let Some(month) = self.months.last() else {
                return Ok(None);
            };
            let high = self.reached.as_ref().unwrap_or(&self.high).min(&self.high);
            let page = self
                .store
                .backwards(&month.partition(self.tenant), &self.low, high, self.page)
                .await?;
            self.page = (self.page * 2).min(PAGE);
            self.buffer = page.items.into_iter();
            if !page.more {
                self.months.pop();
            }
        }
    }
}

impl<T: Clone> Transaction<'_, T> {
    /// Adds an entry to the audit trail: every change has one, in its own transaction (rule 6).
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn audit(&mut self, tenant: &TenantId, entry: &Entry) -> Result<(), StoreError> {
        let key = keys::audit(tenant, entry.at, &entry.id);
        self.replace(item(&key, &entry.record()?)?);
        Ok(())
    }

    /// Notes that a tenant is there, for the schedule.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub(super) fn register(
        &mut self,
        tenant: &TenantId,
        since: Timestamp,
        taken: T,
    ) -> Result<(), StoreError> {
        let registration = Registration {
            tenant: tenant.clone(),
            since,
            sealed: None,
        };
        self.create(item(&keys::registration(tenant), &registration)?, taken);
        Ok(())
    }

    /// Adds a seal after the newest one as read in `registration`; `overtaken` if another run was faster.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn seal(
        &mut self,
        registration: &Registration,
        seal: &Seal,
        overtaken: T,
    ) -> Result<(), StoreError> {
        let tenant = &registration.tenant;
        self.create(item(&keys::seal(tenant, seal.to), seal)?, overtaken.clone());
        let newest = match &registration.sealed {
            Some(head) => Condition::exists().equals("sealed.number", n(head.number)),
            None => Condition::exists().lacks("sealed"),
        };
        let change = Change::new().set("sealed", value(&seal.head(tenant))?);
        self.update(&keys::registration(tenant), change, newest, overtaken);
        Ok(())
    }
}

/// The hash of an entry as it stands in the table: every attribute of the item, its key with it, whatever it is. So an
/// entry can be read, and nothing else, without its hash becoming another one.
///
/// SHA-256 over a heading and the item in this form: a value is a letter for its type, its length (8 bytes, big-endian)
/// and its content; a map's content is its entries in the order of their names, each name as a text before its value; a
/// list's is its values in order; a set's its values in byte order; a number's its digits as the table gives them.
fn leaf(item: &Item) -> Hash {
    let mut bytes = b"muster-audit-entry/1\n".to_vec();
    write_map(&mut bytes, item);
    Hash::of(&bytes)
}

fn write(bytes: &mut Vec<u8>, kind: u8, content: &[u8]) {
    bytes.push(kind);
    bytes.extend((content.len() as u64).to_be_bytes());
    bytes.extend(content);
}

fn write_map(bytes: &mut Vec<u8>, map: &Item) {
    let mut names: Vec<&String> = map.keys().collect();
    names.sort_unstable();
    let mut content = Vec::new();
    for name in names {
        write(&mut content, b'S', name.as_bytes());
        write_value(&mut content, &map[name]);
    }
    write(bytes, b'M', &content);
}

fn write_set<'a>(bytes: &mut Vec<u8>, kind: u8, set: impl Iterator<Item = &'a [u8]>) {
    let mut values: Vec<&[u8]> = set.collect();
    values.sort_unstable();
    let mut content = Vec::new();
    for value in values {
        write(&mut content, kind, value);
    }
    write(bytes, kind.to_ascii_lowercase(), &content);
}

fn write_value(bytes: &mut Vec<u8>, value: &AttributeValue) {
    match value {
        AttributeValue::S(text) => write(bytes, b'S', text.as_bytes()),
        AttributeValue::N(number) => write(bytes, b'N', number.as_bytes()),
        AttributeValue::B(content) => write(bytes, b'B', content.as_ref()),
        AttributeValue::Bool(yes) => write(bytes, b'T', &[u8::from(*yes)]),
        AttributeValue::Null(_) => write(bytes, b'0', &[]),
        AttributeValue::M(map) => write_map(bytes, map),
        AttributeValue::L(list) => {
            let mut content = Vec::new();
            for value in list {
                write_value(&mut content, value);
            }
            write(bytes, b'L', &content);
        }
        AttributeValue::Ss(set) => write_set(bytes, b'S', set.iter().map(String::as_bytes)),
        AttributeValue::Ns(set) => write_set(bytes, b'N', set.iter().map(String::as_bytes)),
        AttributeValue::Bs(set) => write_set(bytes, b'B', set.iter().map(AsRef::as_ref)),
        // The table has no other type.
        _ => write(bytes, b'?', &[]),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::primitives::Blob;

    use super::super::s;
    use super::*;

    fn entry() -> Item {
        let target = Item::from([
            ("id".to_owned(), s("usr_1")),
            (
                "personal".to_owned(),
                AttributeValue::B(Blob::new([1, 2, 3])),
            ),
        ]);
        Item::from([
            ("PK".to_owned(), s("T#t#A#2026-03")),
            ("SK".to_owned(), s("2026-03-02T08:00:00.000Z#aud_1")),
            ("operation".to_owned(), s("users.add")),
            (
                "targets".to_owned(),
                AttributeValue::L(vec![AttributeValue::M(target), n(7)]),
            ),
            ("flag".to_owned(), AttributeValue::Bool(true)),
        ])
    }

    #[test]
    fn an_entry_has_one_hash_however_its_attributes_are_ordered() {
        assert_eq!(leaf(&entry()), leaf(&entry().into_iter().collect()));
        let set = |values: [&str; 2]| {
            let values = values.map(str::to_owned).to_vec();
            leaf(&Item::from([("a".to_owned(), AttributeValue::Ss(values))]))
        };
        assert_eq!(set(["x", "y"]), set(["y", "x"]));
        assert_ne!(set(["x", "y"]), set(["xy", ""]));
    }

    #[test]
    fn whatever_is_changed_of_an_entry_changes_its_hash() {
        let edits: [fn(&mut Item); 8] = [
            |item| drop(item.insert("PK".to_owned(), s("T#t#A#2026-04"))),
            |item| drop(item.insert("SK".to_owned(), s("x"))),
            |item| drop(item.insert("more".to_owned(), s(""))),
            |item| drop(item.remove("flag")),
            |item| drop(item.insert("flag".to_owned(), AttributeValue::Bool(false))),
            |item| drop(item.insert("flag".to_owned(), AttributeValue::Null(true))),
            |item| drop(item.insert("operation".to_owned(), n(1))),
            |item| drop(item.insert("targets".to_owned(), AttributeValue::L(vec![n(7)]))),
        ];
        for (place, edit) in edits.iter().enumerate() {
            let mut changed = entry();
            edit(&mut changed);
            assert_ne!(leaf(&changed), leaf(&entry()), "edit {place}");
        }
        let text = Item::from([("a".to_owned(), s("1"))]);
        assert_ne!(leaf(&text), leaf(&Item::from([("a".to_owned(), n(1))])));
    }
}
