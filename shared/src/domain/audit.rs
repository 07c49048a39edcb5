//! The audit trail: who did what to whom, with what before and after.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::account::{Account, Holder};
use super::field::Fault;
use super::id::{AuditId, ImportId, UserId};
use super::personal::{AuditKey, Veiled};
use super::rate::Rate;
use super::user::User;

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// A signed-in user.
    User {
        /// The user.
        #[schema(value_type = String)]
        id: UserId,
    },
    /// The invited person, by the link in the mail.
    Invitee {
        /// The user invited.
        #[schema(value_type = String)]
        id: UserId,
    },
    /// Whoever got a mail about the user, by its link or its code.
    Recipient {
        /// The user.
        #[schema(value_type = String)]
        id: UserId,
    },
    /// An app, by its licence code.
    App {
        /// The user whose licence it is.
        #[schema(value_type = String)]
        id: UserId,
    },
    /// A file dropped for the tenant.
    Import {
        /// The import.
        #[schema(value_type = String)]
        id: ImportId,
    },
    /// The operator of the service.
    Support {
        /// The order, as support calls it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
    },
    /// The schedule.
    Schedule,
}

impl Actor {
    /// Who it was, where that has an id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::User { id }
            | Self::Invitee { id }
            | Self::Recipient { id }
            | Self::App { id } => Some(id.as_str()),
            Self::Import { id } => Some(id.as_str()),
            Self::Support { .. } | Self::Schedule => None,
        }
    }

    /// The order that it was carried out for, where support did it.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        match self {
            Self::Support { reference } => reference.as_deref(),
            _ => None,
        }
    }

    /// What kind of actor it is, as it is written.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::User { .. } => "user",
            Self::Invitee { .. } => "invitee",
            Self::Recipient { .. } => "recipient",
            Self::App { .. } => "app",
            Self::Import { .. } => "import",
            Self::Support { .. } => "support",
            Self::Schedule => "schedule",
        }
    }
}

/// One thing that an entry is about, with what changed of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The user's, or another thing's id.
    pub id: String,
    /// The changed fields before the change, as JSON: only what is not personal.
    pub before: Option<Value>,
    /// The changed fields after the change, as JSON: only what is not personal.
    pub after: Option<Value>,
    personal: Option<Personal>,
}

/// What is personal of a change, and the key that it is to be veiled with.
#[derive(Clone, PartialEq)]
struct Personal {
    key: AuditKey,
    values: Values,
}

/// Without its content: logs carry ids, never people.
impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Personal(…)")
    }
}

/// Personal values as they stand under the veil.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
struct Values {
    #[serde(rename = "b", default, skip_serializing_if = "Map::is_empty")]
    before: Map<String, Value>,
    #[serde(rename = "a", default, skip_serializing_if = "Map::is_empty")]
    after: Map<String, Value>,
}

impl Target {
    /// A target of which only the id is told.
    pub fn of(id: impl fmt::Display) -> Self {
        Self {
            id: id.to_string(),
            before: None,
            after: None,
            personal: None,
        }
    }

    /// A user whose `before` was changed to `after`: the fields that differ, one by one. Never holds a code, a nonce or
    /// the id of a mail.
    #[must_use]
    pub fn changed(before: &User, after: &User) -> Self {
        let key = after.audit_key.as_ref().or(before.audit_key.as_ref());
        Self::between(&after.id, key, Facts::of(before), Facts::of(after))
    }

    /// A user that was added: all that is known of it.
    #[must_use]
    pub fn added(user: &User) -> Self {
        let key = user.audit_key.as_ref();
        Self::between(&user.id, key, Facts::default(), Facts::of(user))
    }

    /// A user that was erased: what of it is not personal, because the key goes with it.
    #[must_use]
    pub fn removed(user: &User) -> Self {
        Self::between(&user.id, None, Facts::of(user), Facts::default())
    }

    /// An account that was made, changed or deleted: all that is known of it, or the fields that differ.
    #[must_use]
    pub fn account(before: Option<&Account>, after: Option<&Account>) -> Self {
        let Some(either) = after.or(before) else {
            return Self::of("");
        };
        // Whose account is deleted is not remembered: its key goes with it.
        let key = after.and_then(|account| account.audit_key.as_ref());
        let facts = |account: Option<&Account>| account.map(Facts::of_account).unwrap_or_default();
        Self::between(&either.id, key, facts(before), facts(after))
    }

    /// Something other than a user that was changed: of what is told of it, the fields that differ. Nothing personal.
    pub fn altered(id: impl fmt::Display, before: Value, after: Value) -> Self {
        let fields = |value: Value| match value {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        let some =
            |fields: Map<String, Value>| (!fields.is_empty()).then_some(Value::Object(fields));
        let (before, after) = differences(fields(before), fields(after));
        Self {
            before: some(before),
            after: some(after),
            ..Self::of(id)
        }
    }

    /// Leaves out what is personal, where it can be read elsewhere and there is much of it.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.personal = None;
        self
    }

    /// What the thing looks like from now on. Nothing personal: it stays readable when the user is erased.
    #[must_use]
    pub fn after(mut self, after: Value) -> Self {
        self.after = Some(after);
        self
    }

    /// What the thing looked like until now. Nothing personal: it stays readable when the user is erased.
    #[must_use]
    pub fn before(mut self, before: Value) -> Self {
        self.before = Some(before);
        self
    }

    fn between(id: impl fmt::Display, key: Option<&AuditKey>, before: Facts, after: Facts) -> Self {
        let some =
            |fields: Map<String, Value>| (!fields.is_empty()).then_some(Value::Object(fields));
        let (open_before, open_after) = differences(before.open, after.open);
        let (before, after) = differences(before.personal, after.personal);
        let differ = !(before.is_empty() && after.is_empty());
        let personal = key.filter(|_| differ).map(|key| Personal {
            key: key.clone(),
            values: Values { before, after },
        });
        Self {
            id: id.to_string(),
            before: some(open_before),
            after: some(open_after),
            personal,
        }
    }
}

/// A user as the trail tells of it.
#[derive(Default)]
struct Facts {
    open: Map<String, Value>,
    personal: Map<String, Value>,
}

/// Attributes of a user that tell nothing: the target's id, the entry's time, counters, the key itself.
const UNTOLD: [&str; 7] = [
    "id",
    "audit_key",
    "version",
    "created_at",
    "updated_at",
    "last_login_at",
    "sessions",
];

/// Attributes of a user that are not personal. What is neither here nor above is taken for personal.
const OPEN: [&str; 11] = [
    "kind",
    "class",
    "roles",
    "modules",
    "scope",
    "groups",
    "accounts",
    "invited",
    "activated_at",
    "suspended_at",
    "deleted_at",
];

/// What is told of an invitation; the rest counts mails, or leads to one.
const INVITED: [&str; 4] = ["state", "at", "sent_at", "expires_at"];

/// Words in the name of an attribute that holds a secret, or leads to one.
const SECRET: [&str; 9] = [
    "nonce", "code", "hash", "token", "secret", "password", "link", "key", "mail",
];

impl Facts {
    fn of(user: &User) -> Self {
        let mut facts = Self::default();
        // A user is an object of texts and numbers, which JSON always has a form for.
        let Ok(Value::Object(attributes)) = serde_json::to_value(user) else {
            return facts;
        };
        for (name, mut value) in attributes {
            if UNTOLD.contains(&name.as_str()) || is_secret(&name) {
                continue;
            }
            if name == "licences" {
                facts.licences(user);
                continue;
            }
            if let ("invited", Value::Object(invited)) = (name.as_str(), &mut value) {
                invited.retain(|name, _| INVITED.contains(&name.as_str()));
            }
            strip(&mut value);
            if OPEN.contains(&name.as_str()) {
                facts.open.insert(name, value);
            } else {
                facts.personal.insert(name, value);
            }
        }
        facts
    }

    /// A private person's account is called after the person.
    fn of_account(account: &Account) -> Self {
        let rate = |rate: &Rate| {
            let paid = json!({ "per_kwh": rate.per_kwh, "currency": rate.currency });
            (rate.from.to_string(), paid)
        };
        let rates: Map<String, Value> = account.rates.all().iter().map(rate).collect();
        let open = json!({
            "kind": account.kind,
            "path": account.path,
            "holder": account.holder,
            "rates": rates,
        });
        let mut facts = Self::default();
        if let Value::Object(open) = open {
            facts.open = open;
        }
        let named = if account.holder == Holder::Consumer {
            &mut facts.personal
        } else {
            &mut facts.open
        };
        named.insert("name".to_owned(), account.name.as_str().into());
        facts
    }

    /// Licences without their codes: how far each has come, and, which is personal, on what device.
    fn licences(&mut self, user: &User) {
        let held = user.licences.iter();
        let states: Map<String, Value> = held
            .map(|(product, licence)| {
                let state = serde_json::to_value(licence.state()).unwrap_or_default();
                (product.to_string(), state)
            })
            .collect();
        self.open.insert("licences".to_owned(), states.into());
        let held = user.licences.iter();
        let devices: Map<String, Value> = held
            .filter_map(|(product, licence)| {
                let device = serde_json::to_value(licence.device.as_ref()?).ok()?;
                Some((product.to_string(), device))
            })
            .collect();
        if !devices.is_empty() {
            self.personal.insert("devices".to_owned(), devices.into());
        }
    }
}

/// Whether an attribute's name says that it holds a secret: `nonce`, `code_hash`. Not `email`, not `postcode`.
fn is_secret(name: &str) -> bool {
    name.split('_').any(|word| SECRET.contains(&word))
}

/// Takes secrets out of a value, however deep.
fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !is_secret(name));
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// The fields in which two objects differ, as each has them; of fields that are objects, the fields of those.
fn differences(
    before: Map<String, Value>,
    mut after: Map<String, Value>,
) -> (Map<String, Value>, Map<String, Value>) {
    let mut was = Map::new();
    for (name, old) in before {
        match (old, after.remove(&name)) {
            (old, Some(new)) if old == new => {}
            (Value::Object(old), Some(Value::Object(new))) => {
                let (old, new) = differences(old, new);
                if !old.is_empty() {
                    was.insert(name.clone(), old.into());
                }
                if !new.is_empty() {
                    after.insert(name, new.into());
                }
            }
            (old, new) => {
                was.insert(name.clone(), old);
                if let Some(new) = new {
                    after.insert(name, new);
                }
            }
        }
    }
    // An object without fields says nothing.
    after.retain(|_, new| new.as_object().is_none_or(|new| !new.is_empty()));
    was.retain(|_, old| old.as_object().is_none_or(|old| !old.is_empty()));
    (was, after)
}

/// An entry of the audit trail, as it is made.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its id.
    pub id: AuditId,
    /// When: the present moment of the very invocation that commits it, for a seal waits no longer than an invocation
    /// can take (`domain::seal`).
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What: `users.add`, `licences.assign`, …
    pub operation: String,
    /// To whom.
    pub targets: Vec<Target>,
}

impl Entry {
    /// The entry as it is stored: what is personal veiled with the keys of the users whom it is about.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn record(&self) -> Result<Record, getrandom::Error> {
        let targets = self.targets.iter().map(|target| {
            let veil = |personal: &Personal| {
                let plain = serde_json::to_vec(&personal.values).unwrap_or_default();
                personal.key.veil(&place(&self.id, &target.id), &plain)
            };
            Ok(RecordedTarget {
                id: target.id.clone(),
                before: target.before.clone(),
                after: target.after.clone(),
                personal: target.personal.as_ref().map(veil).transpose()?,
            })
        });
        Ok(Record {
            id: self.id.clone(),
            at: self.at,
            actor: self.actor.clone(),
            operation: self.operation.clone(),
            targets: targets.collect::<Result<_, _>>()?,
        })
    }
}

/// Where a veiled value belongs: in no other entry, and to no other target, can it be read.
fn place(entry: &AuditId, target: &str) -> String {
    format!("{entry}/{target}")
}

/// An entry as it is stored. It is never written again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub operation: String,
    /// To whom.
    pub targets: Vec<RecordedTarget>,
}

/// A target as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordedTarget {
    /// The user's, or another thing's id.
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    personal: Option<Veiled>,
}

/// A target as it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The user's, or another thing's id.
    pub id: String,
    /// The changed fields before the change.
    pub before: Option<Value>,
    /// The changed fields after the change.
    pub after: Option<Value>,
    /// Whether personal values were told of it once, and its user has been erased since.
    pub erased: bool,
    /// Whether personal values are told of it that are not as they were written.
    pub damaged: bool,
}

impl RecordedTarget {
    /// The target with its personal values, as far as `key`, its user's, brings them back.
    #[must_use]
    pub fn told(self, entry: &AuditId, key: Option<&AuditKey>) -> Told {
        let place = place(entry, &self.id);
        let read = |veiled: &Veiled| {
            let plain = key?.unveil(&place, veiled)?;
            serde_json::from_slice::<Values>(&plain).ok()
        };
        let values = self.personal.as_ref().map(read);
        let (erased, damaged) = match &values {
            Some(None) => (key.is_none(), key.is_some()),
            _ => (false, false),
        };
        let values = values.flatten().unwrap_or_default();
        Told {
            id: self.id,
            before: together(self.before, values.before),
            after: together(self.after, values.after),
            erased,
            damaged,
        }
    }
}

fn together(open: Option<Value>, personal: Map<String, Value>) -> Option<Value> {
    if personal.is_empty() {
        return open;
    }
    let mut all = match open {
        Some(Value::Object(open)) => open,
        _ => Map::new(),
    };
    all.extend(personal);
    Some(all.into())
}

/// Who is looked for as an actor: an id, or `support` or `schedule`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "usr_4zk0m7v2q8x1c9dj")]
pub struct Who(String);

impl Who {
    /// Reads whom to look for.
    ///
    /// # Errors
    /// When it is neither an id of a user or an import nor a word for one who has none.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let known = matches!(text, "support" | "schedule")
            || UserId::parse(text).is_ok()
            || ImportId::parse(text).is_ok();
        if known {
            Ok(Self(text.to_owned()))
        } else {
            Err(Fault::new(
                "invalid_actor",
                "must be the id of a user or an import, or support or schedule",
            ))
        }
    }

    fn is(&self, actor: &Actor) -> bool {
        actor.id().unwrap_or(actor.kind()) == self.0
    }
}

/// Which operations are looked for: one by its name, or with a dot at the end all that begin so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "users.")]
pub struct Operations(String);

impl Operations {
    /// Reads which operations to look for.
    ///
    /// # Errors
    /// When no operation can be called so.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let letters = text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'.' || byte == b'_' || byte == b'-');
        if letters && (1..=64).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Fault::new(
                "invalid_operation",
                "must be the name of an operation such as users.add, or the beginning of several such as users.",
            ))
        }
    }

    fn include(&self, operation: &str) -> bool {
        operation == self.0 || (self.0.ends_with('.') && operation.starts_with(&self.0))
    }
}

macro_rules! text {
    ($($name:ident)*) => {$(
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Fault;
            fn try_from(text: String) -> Result<Self, Fault> {
                Self::parse(&text)
            }
        }
    )*};
}

text!(Who Operations);

/// Which entries of the audit trail. What is absent does not restrict.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditFilter {
    /// By this user, or about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "usr_4zk0m7v2q8x1c9dj")]
    pub user: Option<UserId>,
    /// By this actor: the id of a user or an import, or `support` or `schedule`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Who>,
    /// Of this operation, or with a dot at the end of all that begin so: `users.add`, `users.`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operations>,
    /// Not before this moment, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    pub from: Option<Timestamp>,
    /// Before this moment, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    pub to: Option<Timestamp>,
}

impl AuditFilter {
    /// Whether the list shows this entry.
    #[must_use]
    pub fn admits(&self, entry: &Record) -> bool {
        let about = |user: &UserId| {
            entry.actor.id() == Some(user.as_str())
                || entry
                    .targets
                    .iter()
                    .any(|target| target.id == user.as_str())
        };
        self.user.as_ref().is_none_or(about)
            && self.actor.as_ref().is_none_or(|who| who.is(&entry.actor))
            && self
                .operation
                .as_ref()
                .is_none_or(|operations| operations.include(&entry.operation))
            && self.from.is_none_or(|from| from <= entry.at)
            && self.to.is_none_or(|to| entry.at < to)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::email::Email;
    use super::super::id::{MailId, ProductId, Seed};
    use super::super::invitation::{Invited, MailState};
    use super::super::licence::{Code, Licence};
    use super::super::permission::Class;
    use super::super::text::{Device, Name};
    use super::super::user::Draft;
    use super::*;

    fn ada() -> User {
        let draft = Draft {
            email: Some(Email::parse("ada@example.com").unwrap()),
            first_name: Some(Name::parse("Ada").unwrap()),
            ..Draft::default()
        };
        User::new(
            UserId::derive(&Seed::of(&["ada"])),
            draft,
            Timestamp::UNIX_EPOCH,
        )
    }

    fn entry(target: Target) -> Entry {
        Entry {
            id: AuditId::derive(&Seed::of(&["entry"])),
            at: Timestamp::UNIX_EPOCH,
            actor: Actor::Support { reference: None },
            operation: "users.edit".to_owned(),
            targets: vec![target],
        }
    }

    /// The target of the entry as read back with this key, and what of it anybody can read.
    fn stored(target: Target, key: Option<&AuditKey>) -> (Told, String) {
        let mut record = entry(target).record().unwrap();
        let text = serde_json::to_string(&record).unwrap();
        (record.targets.remove(0).told(&record.id, key), text)
    }

    #[test]
    fn only_what_changed_is_told() {
        let before = ada();
        let mut after = before.clone();
        after.first_name = Some(Name::parse("Augusta").unwrap());
        after.rights.class = Class::Owner;
        after.version += 1;
        after.updated_at = Timestamp::MAX;
        let (told, text) = stored(Target::changed(&before, &after), before.audit_key.as_ref());
        assert_eq!(
            told.before,
            Some(json!({ "class": "limited", "first_name": "Ada" }))
        );
        assert_eq!(
            told.after,
            Some(json!({ "class": "owner", "first_name": "Augusta" }))
        );
        assert!(
            !text.contains("Augusta") && text.contains("owner"),
            "{text}"
        );
        let (told, text) = stored(Target::changed(&before, &before), None);
        assert_eq!((told.before, told.after, told.erased), (None, None, false));
        assert!(!text.contains("personal"));
    }

    #[test]
    fn what_is_personal_goes_with_the_users_key_and_the_rest_stays() {
        let user = ada();
        let (told, text) = stored(Target::added(&user), user.audit_key.as_ref());
        let all = json!({ "kind": "person", "class": "limited", "email": "ada@example.com", "first_name": "Ada" });
        assert_eq!(
            (told.after, told.erased, told.damaged),
            (Some(all), false, false)
        );
        assert!(!text.contains("ada@example.com") && !text.contains("Ada"));
        let (told, _) = stored(Target::added(&user), None);
        assert_eq!(
            told.after,
            Some(json!({ "kind": "person", "class": "limited" }))
        );
        assert!(told.erased && !told.damaged);
        let (told, _) = stored(Target::added(&user), ada().audit_key.as_ref());
        assert!(told.damaged && !told.erased, "another key");
        let (told, _) = stored(Target::removed(&user), user.audit_key.as_ref());
        assert_eq!(
            told.before,
            Some(json!({ "kind": "person", "class": "limited" }))
        );
        let (told, _) = stored(Target::added(&user).plain(), None);
        assert!(!told.erased, "nothing personal was ever told");
    }

    #[test]
    fn codes_and_mails_are_never_told() {
        let before = ada();
        let code = Code::derive(&Seed::of(&["code"]));
        let product = ProductId::derive(&Seed::of(&["product"]));
        let mut after = before.clone();
        after.licences.insert(
            product.clone(),
            Licence::assigned(code.clone(), Timestamp::UNIX_EPOCH),
        );
        let mail = MailId::derive(&Seed::of(&["mail"]));
        after.invited = Some(Invited {
            mail: mail.clone(),
            state: MailState::Queued,
            inviter: None,
            at: Timestamp::UNIX_EPOCH,
            sent_at: None,
            expires_at: None,
        });
        let target = Target::changed(&before, &after);
        let invited = json!({ "state": "queued", "at": "1970-01-01T00:00:00Z" });
        let told = json!({ "licences": { product.as_str(): "assigned" }, "invited": invited });
        assert_eq!((&target.before, &target.after), (&None, &Some(told)));
        let mut activated = after.clone();
        let licence = activated.licences.get_mut(&product).unwrap();
        licence.activated_at = Some(Timestamp::UNIX_EPOCH);
        licence.device = Some(Device::parse("Ada's tablet").unwrap());
        let key = before.audit_key.as_ref();
        let (told, text) = stored(Target::changed(&after, &activated), key);
        assert_eq!(
            told.before,
            Some(json!({ "licences": { product.as_str(): "assigned" } }))
        );
        let now = json!({ "licences": { product.as_str(): "activated" }, "devices": { product.as_str(): "Ada's tablet" } });
        assert_eq!(told.after, Some(now));
        assert!(
            !text.contains("tablet")
                && !text.contains(code.as_str())
                && !text.contains(mail.as_str())
        );
    }

    #[test]
    fn of_something_altered_only_the_fields_that_differ_are_told() {
        let before =
            json!({ "name": "North", "policy": { "phone": "e164", "own_email": "support" } });
        let after =
            json!({ "name": "North", "policy": { "phone": "free", "own_email": "support" } });
        let target = Target::altered("tnt_1", before.clone(), after);
        assert_eq!(
            target.before,
            Some(json!({ "policy": { "phone": "e164" } }))
        );
        assert_eq!(target.after, Some(json!({ "policy": { "phone": "free" } })));
        let same = Target::altered("tnt_1", before.clone(), before);
        assert_eq!((same.before, same.after), (None, None));
    }

    #[test]
    fn secrets_are_found_by_the_words_of_their_names() {
        for secret in [
            "nonce",
            "code",
            "code_hash",
            "password",
            "link_id",
            "signing_key",
            "mail",
        ] {
            assert!(is_secret(secret), "{secret}");
        }
        for open in [
            "email",
            "postcode",
            "username",
            "pending_email",
            "external_id",
            "locale",
        ] {
            assert!(!is_secret(open), "{open}");
        }
        let mut value =
            json!({ "address": "a@b.c", "nonce": "x", "deep": [{ "code_hash": "y", "at": 1 }] });
        strip(&mut value);
        assert_eq!(value, json!({ "address": "a@b.c", "deep": [{ "at": 1 }] }));
    }

    #[test]
    fn a_filter_restricts_by_what_it_names() {
        let entry = entry(Target::of("usr_0000000000000001")).record().unwrap();
        let read = |filter: Value| serde_json::from_value::<AuditFilter>(filter);
        for admitted in [
            json!({}),
            json!({ "user": "usr_0000000000000001" }),
            json!({ "actor": "support" }),
            json!({ "operation": "users." }),
            json!({ "operation": "users.edit" }),
            json!({ "from": "1970-01-01T00:00:00Z", "to": "1970-01-01T00:00:00.001Z" }),
        ] {
            assert!(read(admitted.clone()).unwrap().admits(&entry), "{admitted}");
        }
        for refused in [
            json!({ "user": "usr_0000000000000002" }),
            json!({ "actor": "schedule" }),
            json!({ "operation": "users" }),
            json!({ "operation": "users.e" }),
            json!({ "from": "1970-01-01T00:00:01Z" }),
            json!({ "to": "1970-01-01T00:00:00Z" }),
        ] {
            assert!(!read(refused.clone()).unwrap().admits(&entry), "{refused}");
        }
        for bad in [
            json!({ "actor": "Ada" }),
            json!({ "operation": "" }),
            json!({ "operation": "Users" }),
            json!({ "from": "yesterday" }),
            json!({ "unknown": 1 }),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }
}
