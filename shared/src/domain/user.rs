//! A user: an entry of a tenant's list, a person, a vehicle or a device.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::email::Email;
use super::field::Fault;
use super::id::{GroupId, LinkId, ProductId, UserId};
use super::invitation::{Invited, expired};
use super::licence::{Licence, LicenceState};
use super::permission::{Class, Rights};
use super::personal::AuditKey;
use super::phone::Phone;
use super::tenant::{Policy, RequiredField};
use super::text::{EmployeeNumber, ExternalId, Locale, Name, Username, fold};

/// What a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A driver, an administrator.
    #[default]
    Person,
    /// A vehicle of the fleet.
    Vehicle,
    /// A device.
    Device,
}

impl Kind {
    /// Reads a kind as people write it.
    ///
    /// # Errors
    /// When there is no such kind.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text.trim().to_ascii_lowercase().as_str() {
            "person" | "driver" => Ok(Self::Person),
            "vehicle" => Ok(Self::Vehicle),
            "device" => Ok(Self::Device),
            _ => Err(Fault::new(
                "unknown_kind",
                "must be person, vehicle or device",
            )),
        }
    }

    /// The kind as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Vehicle => "vehicle",
            Self::Device => "device",
        }
    }
}

/// Where a user stands; derived from its facts and `now`, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody has invited it.
    NotInvited,
    /// Invited, and the link is on its way or good.
    ActivationPending,
    /// Invited, and nobody came in time.
    InvitationExpired,
    /// The person has signed up, or an app has activated its licence.
    Active,
    /// Barred for now.
    Suspended,
    /// Deleted; restorable for 30 days.
    Deleted,
}

impl Status {
    /// The status in words, as lists and exports show it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NotInvited => "Not invited",
            Self::ActivationPending => "Activation pending",
            Self::InvitationExpired => "Invitation expired",
            Self::Active => "Active",
            Self::Suspended => "Suspended",
            Self::Deleted => "Deleted",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What a user remembers of a change of its address, so that a list needs no further read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailChange {
    /// The new address.
    pub to: Email,
    /// What its links and its code lead to.
    pub link: LinkId,
    /// When it was asked for.
    pub at: Timestamp,
    /// Who asked for it; none: support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// When it can be confirmed no more, once the mail to the new address was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// An entry of a tenant's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// What it is.
    #[serde(default)]
    pub kind: Kind,
    /// The tenant's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<ExternalId>,
    /// Where it gets mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// The change of the address that waits to be confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_change: Option<EmailChange>,
    /// First name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<Name>,
    /// Last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<Name>,
    /// Phone number in the tenant's form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// Employee number or licence of the trade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_number: Option<EmployeeNumber>,
    /// What it holds.
    #[serde(flatten)]
    pub rights: Rights,
    /// The fleets and tags it is in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<GroupId>,
    /// The language of its mails; lacking: the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
    /// What the person signs in with, once active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Username>,
    /// The newest invitation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invited: Option<Invited>,
    /// When the person activated the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated_at: Option<Timestamp>,
    /// Since when it is barred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_at: Option<Timestamp>,
    /// When it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// When the person last signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login_at: Option<Timestamp>,
    /// Counts how often all its sessions were ended. Sessions and access tokens begun under an earlier count are over.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sessions: u32,
    /// Its seats.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub licences: BTreeMap<ProductId, Licence>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts its changes.
    pub version: u64,
    /// What the audit trail keeps its personal values under; erased with the user, and with it what they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_key: Option<AuditKey>,
}

/// What is said of a user before it is one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draft {
    /// What it is.
    pub kind: Kind,
    /// The tenant's own name for it.
    pub external_id: Option<ExternalId>,
    /// Where it gets mail.
    pub email: Option<Email>,
    /// First name.
    pub first_name: Option<Name>,
    /// Last name.
    pub last_name: Option<Name>,
    /// Phone number.
    pub phone: Option<Phone>,
    /// Employee number.
    pub employee_number: Option<EmployeeNumber>,
    /// What it holds.
    pub rights: Rights,
    /// The fleets and tags it is in.
    pub groups: BTreeSet<GroupId>,
    /// The language of its mails.
    pub locale: Option<Locale>,
}

impl Draft {
    /// Which fields the policy asks for and the draft lacks; without a policy's word, one of external ID and e-mail
    /// address is needed.
    #[must_use]
    pub fn missing(&self, policy: &Policy) -> Vec<(&'static str, Fault)> {
        let required = |field: &'static str| (field, Fault::new("required", "is required"));
        if policy.required_fields.is_empty() {
            let named = self.external_id.is_some() || self.email.is_some();
            return if named {
                Vec::new()
            } else {
                vec![(
                    "external_id",
                    Fault::new("required", "or email is required"),
                )]
            };
        }
        let lacks = |field: &RequiredField| match field {
            RequiredField::ExternalId => {
                self.external_id.is_none().then(|| required("external_id"))
            }
            RequiredField::Email => self.email.is_none().then(|| required("email")),
            RequiredField::FirstName => self.first_name.is_none().then(|| required("first_name")),
            RequiredField::LastName => self.last_name.is_none().then(|| required("last_name")),
            RequiredField::Phone => self.phone.is_none().then(|| required("phone")),
            RequiredField::EmployeeNumber => self
                .employee_number
                .is_none()
                .then(|| required("employee_number")),
        };
        policy.required_fields.iter().filter_map(lacks).collect()
    }
}

impl User {
    /// A new user.
    #[must_use]
    pub fn new(id: UserId, draft: Draft, now: Timestamp) -> Self {
        Self {
            id,
            kind: draft.kind,
            external_id: draft.external_id,
            email: draft.email,
            email_change: None,
            first_name: draft.first_name,
            last_name: draft.last_name,
            phone: draft.phone,
            employee_number: draft.employee_number,
            rights: draft.rights,
            groups: draft.groups,
            locale: draft.locale,
            username: None,
            invited: None,
            activated_at: None,
            suspended_at: None,
            deleted_at: None,
            last_login_at: None,
            sessions: 0,
            licences: BTreeMap::new(),
            created_at: now,
            updated_at: now,
            version: 1,
            // Without randomness, which is never seen, the trail tells of this user what is not personal.
            audit_key: AuditKey::random().ok(),
        }
    }

    /// Which fields the policy asks for and the user lacks.
    #[must_use]
    pub fn missing(&self, policy: &Policy) -> Vec<(&'static str, Fault)> {
        let draft = Draft {
            external_id: self.external_id.clone(),
            email: self.email.clone(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            phone: self.phone.clone(),
            employee_number: self.employee_number.clone(),
            ..Draft::default()
        };
        draft.missing(policy)
    }

    /// Where the user stands at `now`.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        if self.deleted_at.is_some() {
            Status::Deleted
        } else if self.suspended_at.is_some() {
            Status::Suspended
        } else if self.activated_at.is_some() || self.active_by_licence() {
            Status::Active
        } else {
            match &self.invited {
                None => Status::NotInvited,
                Some(invited) if invited.expires_at.is_some_and(|end| expired(end, now)) => {
                    Status::InvitationExpired
                }
                Some(_) => Status::ActivationPending,
            }
        }
    }

    /// The new address that waits to be confirmed at `now`.
    #[must_use]
    pub fn pending_email(&self, now: Timestamp) -> Option<&Email> {
        let change = self.email_change.as_ref()?;
        let ended = change.expires_at.is_some_and(|end| expired(end, now));
        (!ended).then_some(&change.to)
    }

    /// The user with no change of its address waiting.
    #[must_use]
    pub fn without_email_change(&self, now: Timestamp) -> Self {
        Self {
            email_change: None,
            updated_at: now,
            ..self.clone()
        }
    }

    /// Whether it is one of the owners who can act: a tenant always has one (rule 5).
    #[must_use]
    pub fn is_acting_owner(&self) -> bool {
        self.rights.class == Class::Owner
            && self.activated_at.is_some()
            && self.suspended_at.is_none()
            && self.deleted_at.is_none()
    }

    /// A vehicle, a device, or a person without an address has no account: it is active once an app has activated
    /// its licence.
    fn active_by_licence(&self) -> bool {
        let no_account = self.kind != Kind::Person || self.email.is_none();
        no_account && self.licence_state() == LicenceState::Activated
    }

    /// Over all products the highest.
    #[must_use]
    pub fn licence_state(&self) -> LicenceState {
        self.licences
            .values()
            .map(Licence::state)
            .max()
            .unwrap_or(LicenceState::Unassigned)
    }

    /// What lists show and sort by: the person's name, else the external ID, else the e-mail address.
    #[must_use]
    pub fn display_name(&self) -> String {
        let names: Vec<&str> = [&self.first_name, &self.last_name]
            .into_iter()
            .flatten()
            .map(Name::as_str)
            .collect();
        if !names.is_empty() {
            return names.join(" ");
        }
        let other = self
            .external_id
            .as_ref()
            .map(ExternalId::as_str)
            .or(self.email.as_ref().map(Email::as_str));
        other.unwrap_or_default().to_owned()
    }

    /// The sort key of lists in name order: the folded name, bounded, made unique by the id. The tab between them sorts
    /// before a space, so that "Ada" stands before "Ada Lovelace".
    #[must_use]
    pub fn name_key(&self) -> String {
        let folded: String = fold(&self.display_name()).chars().take(120).collect();
        format!("{folded}\t{}", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::id::{MailId, Seed};
    use super::super::invitation::MailState;
    use super::*;

    fn user() -> User {
        User::new(
            UserId::derive(&Seed::of(&["u"])),
            Draft::default(),
            Timestamp::UNIX_EPOCH,
        )
    }

    #[test]
    fn the_status_follows_from_the_facts() {
        let end = Timestamp::from_second(1_000).unwrap();
        let before = Timestamp::from_millisecond(999_999).unwrap();
        let mut user = user();
        assert_eq!(user.status(end), Status::NotInvited);
        let mail = MailId::derive(&Seed::of(&["m"]));
        let mut invited = Invited {
            mail,
            state: MailState::Queued,
            inviter: None,
            at: Timestamp::UNIX_EPOCH,
            sent_at: None,
            expires_at: None,
        };
        user.invited = Some(invited.clone());
        assert_eq!(
            user.status(end),
            Status::ActivationPending,
            "the link's life has not begun"
        );
        invited.expires_at = Some(end);
        user.invited = Some(invited);
        assert_eq!(user.status(before), Status::ActivationPending);
        assert_eq!(
            user.status(end),
            Status::InvitationExpired,
            "at that very second it has ended"
        );
        user.activated_at = Some(before);
        assert_eq!(user.status(end), Status::Active);
        user.suspended_at = Some(end);
        assert_eq!(user.status(end), Status::Suspended);
        user.deleted_at = Some(end);
        assert_eq!(user.status(end), Status::Deleted);
    }

    #[test]
    fn the_name_is_the_persons_or_the_external_id() {
        let mut user = user();
        user.external_id = Some(ExternalId::parse("Truck 7").unwrap());
        assert_eq!(user.display_name(), "Truck 7");
        user.last_name = Some(Name::parse("Lovelace").unwrap());
        user.first_name = Some(Name::parse("Ada").unwrap());
        assert_eq!(user.display_name(), "Ada Lovelace");
        assert!(user.name_key().starts_with("ada lovelace\tusr_"));
    }
}
