//! Judges one item by the rules: by itself, and by the items that it points to. Each rule is asked from every side that it
//! has, so that neither a lacking nor a left-over item goes unseen.

mod company;
mod people;
mod users;
mod work;

use std::fmt::Display;

use jiff::{SignedDuration, Timestamp};
use muster_shared::domain::audit::Record;
use muster_shared::domain::id::TenantId;
use muster_shared::domain::seal::{GRACE, LONGEST, Seal, WINDOW};
use muster_shared::domain::tenant::Tenant;
use muster_shared::store::audit::Registration;
use muster_shared::store::keys::{self, Key};
use muster_shared::store::kinds::Kind;
use muster_shared::store::signing_keys::PublishedKey;
use muster_shared::store::support::Noted;
use muster_shared::store::{Item, content};
use serde::de::DeserializeOwned;

use crate::around::Around;
use crate::report::Rule;

/// How far before its end something is no longer asked for: clocks differ, and a check takes its time.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// An item to be judged.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Where it stands.
    pub key: Key,
    /// What it is.
    pub kind: Kind,
    /// In which tenant.
    pub tenant: Option<TenantId>,
}

impl Subject {
    /// What stands at a key; none if it is nothing that Muster writes.
    #[must_use]
    pub fn at(key: Key) -> Option<Self> {
        let (kind, tenant) = Kind::of(&key)?;
        Some(Self { key, kind, tenant })
    }
}

/// When it is judged.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The present moment.
    pub now: Timestamp,
    /// For how long work may wait.
    pub patience: SignedDuration,
}

impl Moment {
    /// Whether what has waited since then has waited too long.
    #[must_use]
    pub fn is_overdue(&self, since: Timestamp) -> bool {
        self.now.duration_since(since) > self.patience
    }

    /// Whether it ends well after now.
    fn is_ahead(&self, end: Timestamp) -> bool {
        end.duration_since(self.now) > MARGIN
    }
}

/// A rule that does not hold, and more of it in ids and numbers.
pub type Found = (Rule, Option<String>);

/// Whether readers take the item for gone: its `ttl` is over, and it may be swept away at any moment.
#[must_use]
pub fn is_over(kind: Kind, item: &Item, now: Timestamp) -> bool {
    let end = number(item, keys::TTL);
    kind.passes() && end.is_some_and(|end| end <= now.as_second())
}

fn number(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// What does not hold of an item; nothing of one that is not there.
#[must_use]
pub fn judge(subject: &Subject, around: &Around, moment: Moment) -> Vec<Found> {
    let Some(item) = around.item(&subject.key) else {
        return Vec::new();
    };
    let mut judge = Judge {
        key: &subject.key,
        kind: subject.kind,
        item,
        around,
        moment,
        found: Vec::new(),
    };
    judge.attributes();
    if let Some(tenant) = &subject.tenant {
        judge.of_tenant(tenant);
    } else {
        judge.of_nobody();
    }
    judge.found
}

/// An item as it is being judged.
struct Judge<'a> {
    key: &'a Key,
    kind: Kind,
    item: &'a Item,
    around: &'a Around,
    moment: Moment,
    found: Vec<Found>,
}

impl Judge<'_> {
    fn of_tenant(&mut self, tenant: &TenantId) {
        self.expect(
            self.around.item(&keys::tenant(tenant)).is_some(),
            Rule::TenantMissing,
        );
        match self.kind {
            Kind::Tenant => self.tenant(tenant),
            Kind::Registration => self.registration(),
            Kind::User => self.user(tenant),
            Kind::EmailGuard | Kind::ExternalIdGuard => self.guard(tenant),
            Kind::Invitation => self.invitation(tenant),
            Kind::UserInAccount => self.user_in_account(tenant),
            Kind::Membership => self.membership(tenant),
            Kind::Product => self.product(tenant),
            Kind::Role => self.role(tenant),
            Kind::Group => self.group(tenant),
            Kind::RoleName => self.role_name(tenant),
            Kind::GroupName => self.group_name(tenant),
            Kind::Account => self.account(tenant),
            Kind::AccountName => self.account_name(tenant),
            Kind::Import => self.import(tenant),
            Kind::Export => self.export(tenant),
            Kind::Overview => self.overview(),
            Kind::Chunk => self.chunk(tenant),
            Kind::AuditEntry => self.entry(tenant),
            Kind::SupportReference => drop(self.read::<Noted>()),
            Kind::Seal => drop(self.read::<Seal>()),
            Kind::OwnerCount => self.counter("acting"),
            Kind::RoleCount => self.counter("count"),
            _ => {}
        }
    }

    fn of_nobody(&mut self) {
        match self.kind {
            Kind::Person => self.person(),
            Kind::Username => self.username(),
            Kind::LicenceCode => self.licence_code(),
            Kind::Session => self.session(),
            Kind::Mail => self.mail(),
            Kind::Link => self.link(),
            Kind::ResetAsked => self.reset_asked(),
            Kind::SigningKey => {
                if let Some(published) = self.read::<PublishedKey>() {
                    self.stands_at(&keys::signing_key(&published.kid));
                }
            }
            // Of which form they are depends on what they count, and answer.
            Kind::Bucket | Kind::Request => {
                self.expect(self.number(keys::TTL).is_some(), Rule::TtlWrong);
            }
            _ => {}
        }
    }

    /// What any item may have only where it belongs.
    fn attributes(&mut self) {
        let lacks = |name: &str| !self.item.contains_key(name);
        let indexed = matches!(self.kind, Kind::User | Kind::Invitation);
        let lists = self.kind == Kind::User || lacks(keys::NAME_KEY);
        let expires = indexed || (lacks(keys::EXPIRY_SHARD) && lacks(keys::EXPIRY_KEY));
        let stays = self.kind.passes() || lacks(keys::TTL);
        let waits = matches!(
            self.kind,
            Kind::Mail | Kind::ResetAsked | Kind::Chunk | Kind::Export | Kind::Overview
        ) || lacks(keys::OUTBOX);
        self.expect(lists && expires, Rule::IndexKeyWrong);
        self.expect(stays, Rule::TtlWrong);
        self.expect(waits, Rule::OutboxWrong);
    }

    fn expect(&mut self, holds: bool, rule: Rule) {
        if !holds {
            self.found.push((rule, None));
        }
    }

    fn expect_of(&mut self, holds: bool, rule: Rule, detail: &impl Display) {
        if !holds {
            self.found.push((rule, Some(detail.to_string())));
        }
    }

    /// The item in the form of its kind.
    fn read<T: DeserializeOwned>(&mut self) -> Option<T> {
        let read = content(self.item.clone()).ok();
        self.expect(read.is_some(), Rule::UnreadableItem);
        read
    }

    fn stands_at(&mut self, key: &Key) {
        self.expect(self.key == key, Rule::WrongPlace);
    }

    fn number(&self, name: &str) -> Option<i64> {
        number(self.item, name)
    }

    fn counter(&mut self, name: &str) {
        let counts = self.number(name).is_some_and(|count| count >= 0);
        self.expect(counts, Rule::UnreadableItem);
    }

    /// It is swept away so long after that moment, and not before.
    fn is_swept(&mut self, from: Timestamp, kept: SignedDuration) {
        let end = from.saturating_add(kept).unwrap_or(Timestamp::MAX);
        let right = self.number(keys::TTL) == Some(end.as_second());
        self.expect(right, Rule::TtlWrong);
    }

    /// It waits for the worker called `outbox` if it is to, and not too long.
    fn waits_for(&mut self, outbox: &str, waits: bool, since: Timestamp) {
        let waiting = self
            .item
            .get(keys::OUTBOX)
            .and_then(|value| value.as_s().ok());
        let right = waiting.map(String::as_str) == waits.then_some(outbox);
        self.expect(right, Rule::OutboxWrong);
        self.in_time(!waits, since);
    }

    /// What has been due since then has not waited too long.
    fn in_time(&mut self, done: bool, since: Timestamp) {
        let late = !done && self.moment.is_overdue(since);
        self.expect_of(!late, Rule::WorkOverdue, &format!("since {since}"));
    }

    fn tenant(&mut self, id: &TenantId) {
        let Some(tenant) = self.read::<Tenant>() else {
            return;
        };
        self.stands_at(&keys::tenant(&tenant.id));
        let registered = self.around.item(&keys::registration(id)).is_some();
        self.expect(registered, Rule::TenantUnregistered);
    }

    fn registration(&mut self) {
        if let Some(registration) = self.read::<Registration>() {
            self.stands_at(&keys::registration(&registration.tenant));
            // Even without entries there is a seal at the latest then.
            let due = registration
                .sealed_until()
                .saturating_add(LONGEST + WINDOW + GRACE);
            self.in_time(false, due.unwrap_or(Timestamp::MAX));
        }
    }

    fn entry(&mut self, tenant: &TenantId) {
        if let Some(entry) = self.read::<Record>() {
            self.stands_at(&keys::audit(tenant, entry.at, &entry.id));
        }
    }
}
