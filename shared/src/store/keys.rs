//! Every key of the table, and nothing else builds one (DESIGN, "Table").

use std::fmt::Display;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::Item;
use crate::domain::id::{
    AccountId, ExportId, GroupId, ImportId, LinkId, MailId, PlanId, ProductId, RoleId, TenantId,
    UserId,
};
use crate::domain::text::Title;
use crate::domain::throttle::Subject;

/// The partition key's attribute.
pub const PK: &str = "PK";
/// The sort key's attribute.
pub const SK: &str = "SK";
/// Users in name order: shares the table's partition key.
pub const BY_NAME: &str = "by-name";
/// The sort key of [`BY_NAME`].
pub const NAME_KEY: &str = "name_key";
/// Invitations in order of their end, and deleted users in that of their erasure.
pub const BY_EXPIRY: &str = "by-expiry";
/// The partition key of [`BY_EXPIRY`].
pub const EXPIRY_SHARD: &str = "expiry_shard";
/// The sort key of [`BY_EXPIRY`].
pub const EXPIRY_KEY: &str = "expiry_key";
/// When an item may be swept away, in seconds since the epoch.
pub const TTL: &str = "ttl";
/// When an invitation's link ends, in seconds since the epoch. Not [`TTL`]: the item outlives its end, so that the
/// cleanup can tell of it.
pub const ENDS: &str = "ends";
/// What kind of worker an item waits for.
pub const OUTBOX: &str = "outbox";
/// The trace of the request that let an item wait for a worker.
pub const TRACE: &str = "trace";
/// Over how many partitions of [`BY_EXPIRY`] each kind of item is spread.
pub const EXPIRY_SHARDS: u16 = 8;

/// The primary key of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The partition key.
    pub pk: String,
    /// The sort key.
    pub sk: String,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self {
            pk: pk.into(),
            sk: sk.into(),
        }
    }

    /// The key of an item; empty where it has none, which no stored item lacks.
    #[must_use]
    pub fn of(item: &Item) -> Self {
        let text = |name: &str| {
            let value = item.get(name).and_then(|value| value.as_s().ok());
            value.cloned().unwrap_or_default()
        };
        Self::new(text(PK), text(SK))
    }

    /// The key as the table takes it.
    #[must_use]
    pub fn item(&self) -> Item {
        Item::from([
            (PK.to_owned(), AttributeValue::S(self.pk.clone())),
            (SK.to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }
}

/// The tenant's own partition.
#[must_use]
pub fn tenant_partition(tenant: &TenantId) -> String {
    format!("T#{tenant}")
}

/// One shard of the tenant's users.
#[must_use]
pub fn user_partition(tenant: &TenantId, shard: u16) -> String {
    format!("T#{tenant}#{shard}")
}

/// The tenant.
#[must_use]
pub fn tenant(tenant: &TenantId) -> Key {
    Key::new(tenant_partition(tenant), "TENANT")
}

/// What support asked for under a number of its own.
#[must_use]
pub fn support_reference(tenant: &TenantId, reference: &Title) -> Key {
    Key::new(tenant_partition(tenant), format!("SUPPORT#{reference}"))
}

/// How many owners of the tenant can act.
#[must_use]
pub fn owners(tenant: &TenantId) -> Key {
    Key::new(tenant_partition(tenant), "OWNERS")
}

/// The beginning of all defined roles' sort keys.
pub const ROLE: &str = "ROLE#";
/// The beginning of all groups' sort keys.
pub const GROUP: &str = "GROUP#";
/// The beginning of the sort keys of all groups' names, which stand in that order.
pub const GROUP_NAME: &str = "GROUPNAME#";
/// The beginning of all accounts' sort keys.
pub const ACCOUNT: &str = "ACCOUNT#";
/// The beginning of all products' sort keys.
pub const PRODUCT: &str = "PRODUCT#";
/// The beginning of all imports' sort keys.
pub const IMPORT: &str = "IMPORT#";
/// The beginning of all exports' sort keys.
pub const EXPORT: &str = "EXPORT#";
/// The beginning of all users' sort keys.
pub const USER: &str = "USER#";
/// The beginning of all e-mail guards' sort keys.
pub const EMAIL: &str = "EMAIL#";
/// The beginning of all external-ID guards' sort keys.
pub const EXTERNAL_ID: &str = "EXT#";

/// A product.
#[must_use]
pub fn product(tenant: &TenantId, product: &ProductId) -> Key {
    Key::new(tenant_partition(tenant), format!("{PRODUCT}{product}"))
}

/// A role that the tenant defined.
#[must_use]
pub fn role(tenant: &TenantId, role: &RoleId) -> Key {
    Key::new(tenant_partition(tenant), format!("{ROLE}{role}"))
}

/// The guard of a defined role's name.
#[must_use]
pub fn role_name(tenant: &TenantId, folded: &str) -> Key {
    Key::new(tenant_partition(tenant), format!("ROLENAME#{folded}"))
}

/// How many roles the tenant defined.
#[must_use]
pub fn role_count(tenant: &TenantId) -> Key {
    Key::new(tenant_partition(tenant), "ROLES")
}

/// The guard of a group's name.
#[must_use]
pub fn group_name(tenant: &TenantId, folded: &str) -> Key {
    Key::new(tenant_partition(tenant), format!("{GROUP_NAME}{folded}"))
}

/// A group.
#[must_use]
pub fn group(tenant: &TenantId, group: &GroupId) -> Key {
    Key::new(tenant_partition(tenant), format!("{GROUP}{group}"))
}

/// A customer's account.
#[must_use]
pub fn account(tenant: &TenantId, account: &AccountId) -> Key {
    Key::new(tenant_partition(tenant), format!("{ACCOUNT}{account}"))
}

/// The beginning of the sort keys of the names below an account, or of the clients' names.
#[must_use]
pub fn account_names(parent: Option<&AccountId>) -> String {
    format!("SUB#{}#", parent.map_or("-", AccountId::as_str))
}

/// The guard of an account's name among the accounts beside it.
#[must_use]
pub fn account_name(tenant: &TenantId, parent: Option<&AccountId>, folded: &str) -> Key {
    Key::new(
        tenant_partition(tenant),
        format!("{}{folded}", account_names(parent)),
    )
}

/// The beginning of the sort keys of the users in an account.
#[must_use]
pub fn in_account(account: &AccountId) -> String {
    format!("IN#{account}#")
}

/// That a user is in an account.
#[must_use]
pub fn user_in_account(tenant: &TenantId, account: &AccountId, user: &UserId) -> Key {
    Key::new(
        user_partition(tenant, tenant.shard(user.as_str())),
        format!("{}{user}", in_account(account)),
    )
}

/// A user.
#[must_use]
pub fn user(tenant: &TenantId, user: &UserId) -> Key {
    Key::new(
        user_partition(tenant, tenant.shard(user.as_str())),
        format!("{USER}{user}"),
    )
}

/// The guard of a tenant's e-mail address.
#[must_use]
pub fn email_guard(tenant: &TenantId, folded: &str) -> Key {
    Key::new(
        user_partition(tenant, tenant.shard(folded)),
        format!("{EMAIL}{folded}"),
    )
}

/// The guard of a tenant's external ID.
#[must_use]
pub fn external_id_guard(tenant: &TenantId, folded: &str) -> Key {
    Key::new(
        user_partition(tenant, tenant.shard(folded)),
        format!("{EXTERNAL_ID}{folded}"),
    )
}

/// The invitation of a user.
#[must_use]
pub fn invitation(tenant: &TenantId, user: &UserId) -> Key {
    Key::new(
        user_partition(tenant, tenant.shard(user.as_str())),
        format!("INVITE#{user}"),
    )
}

/// The partition of [`BY_EXPIRY`] for invitations with this number.
#[must_use]
pub fn expiry_shard(shard: u16) -> String {
    format!("X#{shard}")
}

/// The partition of [`BY_EXPIRY`] for users to be erased with this number.
#[must_use]
pub fn erasure_shard(shard: u16) -> String {
    format!("E#{shard}")
}

/// Where an invitation stands in [`BY_EXPIRY`].
#[must_use]
pub fn expiry(
    tenant: &TenantId,
    user: &UserId,
    expires_at: Timestamp,
) -> [(&'static str, String); 2] {
    due(expiry_shard, tenant, user, expires_at)
}

/// Where a deleted user stands in [`BY_EXPIRY`] until it is erased.
#[must_use]
pub fn erasure(tenant: &TenantId, user: &UserId, at: Timestamp) -> [(&'static str, String); 2] {
    due(erasure_shard, tenant, user, at)
}

fn due(
    partition: impl Fn(u16) -> String,
    tenant: &TenantId,
    user: &UserId,
    at: Timestamp,
) -> [(&'static str, String); 2] {
    let shard = spread(user.as_str()) % EXPIRY_SHARDS;
    [
        (EXPIRY_SHARD, partition(shard)),
        (EXPIRY_KEY, format!("{}#{tenant}#{user}", sortable(at))),
    ]
}

/// A number that spreads ids evenly.
fn spread(id: &str) -> u16 {
    id.bytes().fold(0, |sum: u16, byte| {
        sum.wrapping_mul(31).wrapping_add(u16::from(byte))
    })
}

/// Reads back which user stands at a key of [`BY_EXPIRY`].
#[must_use]
pub fn read_expiry(key: &str) -> Option<(TenantId, UserId)> {
    let (_, stands) = key.split_once('#')?;
    let (tenant, user) = stands.split_once('#')?;
    Some((TenantId::parse(tenant).ok()?, UserId::parse(user).ok()?))
}

/// The person behind an e-mail address.
#[must_use]
pub fn person(folded_email: &str) -> Key {
    Key::new(format!("P#{folded_email}"), "PERSON")
}

/// The partition of a person.
#[must_use]
pub fn person_partition(folded_email: &str) -> String {
    format!("P#{folded_email}")
}

/// The beginning of all memberships' sort keys.
pub const MEMBER: &str = "MEMBER#";

/// That a person is a member of a tenant.
#[must_use]
pub fn membership(folded_email: &str, tenant: &TenantId) -> Key {
    Key::new(format!("P#{folded_email}"), format!("{MEMBER}{tenant}"))
}

/// The guard of a username.
#[must_use]
pub fn username(folded: &str) -> Key {
    Key::new(format!("N#{folded}"), "NAME")
}

/// The guard of a licence code.
#[must_use]
pub fn code(code: &str) -> Key {
    Key::new(format!("K#{code}"), "CODE")
}

/// A session: a family of refresh tokens, by its hash.
#[must_use]
pub fn session(family: &str) -> Key {
    Key::new(format!("S#{family}"), "SESSION")
}

/// A mail.
#[must_use]
pub fn mail(mail: &MailId) -> Key {
    Key::new(format!("M#{mail}"), "MAIL")
}

/// What a mailed link leads to.
#[must_use]
pub fn link(link: &LinkId) -> Key {
    Key::new(format!("L#{link}"), "LINK")
}

/// A request for a new password that no worker has looked at yet.
#[must_use]
pub fn reset_asked(id: &MailId) -> Key {
    Key::new(format!("Q#{id}"), "RESET")
}

/// Reads back which request for a new password stands at a key.
#[must_use]
pub fn read_reset_asked(pk: &str) -> Option<MailId> {
    MailId::parse(pk.strip_prefix("Q#")?).ok()
}

/// An import.
#[must_use]
pub fn import(tenant: &TenantId, import: &ImportId) -> Key {
    Key::new(tenant_partition(tenant), format!("{IMPORT}{import}"))
}

/// A chunk of a plan. Knows its tenant, because a worker learns of it by its key alone.
#[must_use]
pub fn chunk(tenant: &TenantId, import: &ImportId, plan: &PlanId, number: u32) -> Key {
    Key::new(format!("C#{tenant}#{import}#{plan}#{number:06}"), "CHUNK")
}

/// Reads back which chunk stands at a partition key.
#[must_use]
pub fn read_chunk(pk: &str) -> Option<(TenantId, ImportId, PlanId, u32)> {
    let mut parts = pk.strip_prefix("C#")?.split('#');
    let tenant = TenantId::parse(parts.next()?).ok()?;
    let import = ImportId::parse(parts.next()?).ok()?;
    let plan = PlanId::parse(parts.next()?).ok()?;
    let number = parts.next()?.parse().ok()?;
    let written = chunk(&tenant, &import, &plan, number);
    (written.pk == pk).then_some((tenant, import, plan, number))
}

/// What the overview knows.
#[must_use]
pub fn overview(tenant: &TenantId) -> Key {
    Key::new(tenant_partition(tenant), "OVERVIEW")
}

/// Reads back whose overview stands at a key.
#[must_use]
pub fn read_overview(pk: &str, sk: &str) -> Option<TenantId> {
    let tenant = pk.strip_prefix("T#").filter(|_| sk == "OVERVIEW")?;
    TenantId::parse(tenant).ok()
}

/// An export.
#[must_use]
pub fn export(tenant: &TenantId, export: &ExportId) -> Key {
    Key::new(tenant_partition(tenant), format!("{EXPORT}{export}"))
}

/// Reads back which mail stands at a key.
#[must_use]
pub fn read_mail(pk: &str) -> Option<MailId> {
    MailId::parse(pk.strip_prefix("M#")?).ok()
}

/// Reads back which export stands at a key.
#[must_use]
pub fn read_export(pk: &str, sk: &str) -> Option<(TenantId, ExportId)> {
    Some((
        TenantId::parse(pk.strip_prefix("T#")?).ok()?,
        ExportId::parse(sk.strip_prefix(EXPORT)?).ok()?,
    ))
}

/// An entry of the audit trail.
#[must_use]
pub fn audit(tenant: &TenantId, at: Timestamp, id: impl Display) -> Key {
    Key::new(
        Month::of(at).partition(tenant),
        format!("{}#{id}", sortable(at)),
    )
}

/// When the entry at a key of the audit trail was made, or a seal ends.
#[must_use]
pub fn read_time(key: &str) -> Option<Timestamp> {
    let text = key.get(..sortable(Timestamp::UNIX_EPOCH).len())?;
    let at = text.parse().ok()?;
    (sortable(at) == text).then_some(at)
}

/// A month of the audit trail: a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Month(Date);

impl Month {
    /// The month of a moment, in UTC.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        Self(TimeZone::UTC.to_datetime(at).date().first_of_month())
    }

    /// When it begins.
    #[must_use]
    pub fn start(self) -> Timestamp {
        TimeZone::UTC
            .to_timestamp(self.0.into())
            .unwrap_or(Timestamp::MIN)
    }

    /// The months from one moment to before another, in order.
    #[must_use]
    pub fn all(from: Timestamp, to: Timestamp) -> Vec<Self> {
        let mut months = Vec::new();
        let mut month = Self::of(from);
        while from < to && month.start() < to {
            months.push(month);
            match month.0.checked_add(1.month()) {
                Ok(next) => month = Self(next),
                Err(_) => break,
            }
        }
        months
    }

    /// Its partition of a tenant's trail.
    #[must_use]
    pub fn partition(self, tenant: &TenantId) -> String {
        format!("T#{tenant}#A#{}", self.0.strftime("%Y-%m"))
    }
}

/// The partition of a tenant's seals.
#[must_use]
pub fn seals(tenant: &TenantId) -> String {
    format!("T#{tenant}#S")
}

/// A seal, by where it ends: so they stand in order.
#[must_use]
pub fn seal(tenant: &TenantId, to: Timestamp) -> Key {
    Key::new(seals(tenant), sortable(to))
}

/// Above every sort key.
pub const LAST: &str = "\u{10ffff}";

/// Over how many partitions the registry of tenants is spread.
pub const REGISTRIES: u16 = 8;

/// The part of the registry of tenants with this number.
#[must_use]
pub fn registry(shard: u16) -> String {
    format!("TENANTS#{shard}")
}

/// That a tenant is there.
#[must_use]
pub fn registration(tenant: &TenantId) -> Key {
    let shard = spread(tenant.as_str()) % REGISTRIES;
    Key::new(registry(shard), tenant.as_str())
}

/// What an idempotency key was used for.
#[must_use]
pub fn idempotency(scope: &str, key: &str) -> Key {
    Key::new(format!("I#{scope}#{key}"), "REQUEST")
}

/// The rate bucket of a subject.
#[must_use]
pub fn bucket(subject: &Subject) -> Key {
    Key::new(format!("R#{}", subject.as_str()), "BUCKET")
}

/// The rate bucket of a subject for the window with this number.
#[must_use]
pub fn window(subject: &Subject, window: i64) -> Key {
    Key::new(format!("R#{}#{window}", subject.as_str()), "BUCKET")
}

/// The partition of the published signing keys.
pub const SIGNING_KEYS: &str = "KEYS";

/// A published signing key.
#[must_use]
pub fn signing_key(kid: &str) -> Key {
    Key::new(SIGNING_KEYS, format!("KEY#{kid}"))
}

/// A time whose text sorts as time does.
#[must_use]
pub fn sortable(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Seed;

    #[test]
    fn months_cover_a_stretch_of_time_and_no_more() {
        let tenant = TenantId::derive(&Seed::of(&["t"]));
        let labels = |from: &str, to: &str| -> Vec<String> {
            let months = Month::all(from.parse().unwrap(), to.parse().unwrap());
            let label = |month: Month| {
                month
                    .partition(&tenant)
                    .rsplit('#')
                    .next()
                    .unwrap()
                    .to_owned()
            };
            months.into_iter().map(label).collect()
        };
        let (march, april) = ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z");
        assert_eq!(labels(march, april), ["2026-03"]);
        assert_eq!(
            labels(march, "2026-04-01T00:00:00.001Z"),
            ["2026-03", "2026-04"]
        );
        assert_eq!(
            labels("2025-12-31T23:59:59.999Z", march),
            ["2025-12", "2026-01", "2026-02"]
        );
        assert!(labels(april, march).is_empty() && labels(march, march).is_empty());
        let key = audit(
            &tenant,
            "2025-12-31T23:59:59.9999Z".parse().unwrap(),
            "aud_1",
        );
        assert!(key.pk.ends_with("#2025-12"));
        let at = read_time(&key.sk).unwrap();
        assert_eq!(sortable(at), "2025-12-31T23:59:59.999Z");
        assert_eq!(read_time("zzz"), None);
        assert_eq!(read_time("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"), None);
    }
}
