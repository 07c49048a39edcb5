//! A tenant, its policy, and the products it bought seats of.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::field::Fault;
use super::id::{ProductId, TenantId};
use super::permission::Class;
use super::phone::PhonePolicy;
use super::text::{Currency, Link, Locale, Title};
use super::throttle::Allowance;

/// What every user of a tenant must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequiredField {
    /// The external ID.
    ExternalId,
    /// The e-mail address.
    Email,
    /// The first name.
    FirstName,
    /// The last name.
    LastName,
    /// The phone number.
    Phone,
    /// The employee number.
    EmployeeNumber,
}

/// Whether adding a user invites it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InviteOnCreate {
    /// Only when asked to.
    #[default]
    Manual,
    /// Always, where there is an e-mail address.
    Automatic,
}

/// What happens to a file dropped into the tenant's S3 prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportMode {
    /// It waits until somebody has looked at the plan.
    #[default]
    Review,
    /// It is committed at once if the plan has no error.
    Direct,
}

/// How the e-mail address of an active user changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmailChangePolicy {
    /// The old address is told and can cancel, the new one confirms.
    #[default]
    Verified,
    /// Not at all; only before activation.
    Immutable,
}

/// Who changes an owner's own e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OwnEmail {
    /// Support.
    #[default]
    Support,
    /// The owner, with confirmation.
    Verified,
}

/// Who demotes, suspends or deletes an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OwnerDemotion {
    /// Support.
    #[default]
    Support,
    /// Another owner.
    CoOwner,
}

/// What a scope may list.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ScopeKind {
    /// Fleets.
    Fleet,
    /// Tags.
    Tag,
    /// Single users.
    User,
}

/// Whom users of class standard see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StandardSees {
    /// Everybody.
    #[default]
    All,
    /// Whom their scope lists.
    Assigned,
}

/// Where products differ. The stricter or more common choice is the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// How phone numbers are written.
    pub phone: PhonePolicy,
    /// How the e-mail address of an active user changes.
    pub email_change: EmailChangePolicy,
    /// Who changes an owner's own e-mail address.
    pub own_email: OwnEmail,
    /// Who demotes, suspends or deletes an owner.
    pub owner_demotion: OwnerDemotion,
    /// What a scope may list.
    pub scope_kinds: BTreeSet<ScopeKind>,
    /// Whom users of class standard see.
    pub standard_sees: StandardSees,
    /// What each user must have; empty: an external ID or an e-mail address.
    pub required_fields: Vec<RequiredField>,
    /// Whether adding a user invites it.
    pub invite_on_create: InviteOnCreate,
    /// How long an activation link is good, from the moment it was sent: 1 to 720 hours.
    #[schema(minimum = 1, maximum = 720)]
    pub invitation_ttl_hours: u16,
    /// What happens to a file dropped into the tenant's S3 prefix.
    pub import_mode: ImportMode,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            phone: PhonePolicy::default(),
            email_change: EmailChangePolicy::default(),
            own_email: OwnEmail::default(),
            owner_demotion: OwnerDemotion::default(),
            scope_kinds: BTreeSet::from([ScopeKind::Fleet, ScopeKind::Tag, ScopeKind::User]),
            standard_sees: StandardSees::default(),
            required_fields: Vec::new(),
            invite_on_create: InviteOnCreate::default(),
            invitation_ttl_hours: 24,
            import_mode: ImportMode::default(),
        }
    }
}

impl Policy {
    /// The policy with some of its fields set anew, each as JSON; null is the default.
    ///
    /// # Errors
    /// Every faulty field, by its name.
    pub fn with(&self, changes: &Map<String, Value>) -> Result<Self, Vec<(String, Fault)>> {
        let mut merged = match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        let mut faults = Vec::new();
        for (field, value) in changes {
            let alone = Map::from_iter([(field.clone(), value.clone())]);
            let read = serde_json::from_value::<Self>(Value::Object(alone));
            match read.map_err(|error| error.to_string()) {
                _ if value.is_null() && merged.contains_key(field) => {
                    merged.remove(field);
                }
                Ok(_) => {
                    merged.insert(field.clone(), value.clone());
                }
                Err(message) => {
                    faults.push((field.clone(), Fault::new("invalid_value", message)));
                }
            }
        }
        let Ok(mut policy) = serde_json::from_value::<Self>(Value::Object(merged)) else {
            return Err(faults);
        };
        let mut seen = BTreeSet::new();
        policy.required_fields.retain(|field| seen.insert(*field));
        if let Err(fault) = policy.check() {
            faults.push(("invitation_ttl_hours".to_owned(), fault));
        }
        if faults.is_empty() {
            Ok(policy)
        } else {
            Err(faults)
        }
    }

    /// What keeps somebody of this class from making `after` of it, by field: what protects owners from each other would
    /// protect nobody if they could switch it off themselves, and whom others see is for owners to say.
    #[must_use]
    pub fn guarded(&self, after: &Self, class: Class) -> Vec<(&'static str, Fault)> {
        let by_support = Fault::new("by_support", "is changed by support");
        let by_owners = Fault::new("by_owners", "is changed by owners");
        let owner = class == Class::Owner;
        let guarded = [
            (
                "own_email",
                self.own_email != after.own_email,
                by_support.clone(),
            ),
            (
                "owner_demotion",
                self.owner_demotion != after.owner_demotion,
                by_support,
            ),
            (
                "standard_sees",
                self.standard_sees != after.standard_sees && !owner,
                by_owners,
            ),
        ];
        let kept = guarded.into_iter().filter(|(_, changed, _)| *changed);
        kept.map(|(field, _, fault)| (field, fault)).collect()
    }

    /// Checks the bounds that the types cannot.
    ///
    /// # Errors
    /// When the life of an invitation is out of bounds.
    pub fn check(&self) -> Result<(), Fault> {
        if (1..=720).contains(&self.invitation_ttl_hours) {
            Ok(())
        } else {
            Err(Fault::new("out_of_range", "must be 1 to 720 hours"))
        }
    }
}

/// A customer company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name.
    pub name: Title,
    /// Where it differs from others.
    #[serde(default)]
    pub policy: Policy,
    /// The language of its mails where the recipient has none, as a BCP 47 tag.
    pub locale: Locale,
    /// The currency of its rates.
    pub currency: Currency,
    /// How many invitations it may send a day (midnight to midnight UTC), so that nobody floods others in its name.
    #[serde(default = "Tenant::default_invitations_per_day")]
    pub invitations_per_day: u32,
    /// When it was last changed; lacking: not since it was set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// Counts its changes.
    #[serde(default = "first")]
    pub version: u64,
}

fn first() -> u64 {
    1
}

impl Tenant {
    /// How many invitations a tenant may send a day unless support says otherwise.
    #[must_use]
    pub const fn default_invitations_per_day() -> u32 {
        100_000
    }

    /// The most invitations a day that a tenant can be allowed.
    const MOST_INVITATIONS: u32 = 10_000_000;

    /// Checks how many invitations a day a tenant is to be allowed.
    ///
    /// # Errors
    /// When it is out of bounds.
    pub fn check_invitations_per_day(number: u32) -> Result<(), Fault> {
        let most = Self::MOST_INVITATIONS;
        if (1..=most).contains(&number) {
            Ok(())
        } else {
            Err(Fault::new("out_of_range", format!("must be 1 to {most}")))
        }
    }

    /// The invitations that it may send.
    #[must_use]
    pub fn invitations(&self) -> Allowance {
        Allowance::per_day(self.invitations_per_day)
    }
}

/// Where an app is to be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppLink {
    /// What the link is called: "Google Play".
    pub label: Title,
    /// Where it leads.
    pub url: Link,
}

/// An app the tenant bought seats of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// Its name, such as "`CoPilot` Truck with `ActiveTraffic`".
    pub name: Title,
    /// Seats bought.
    pub seats: u32,
    /// Seats in use; never more than bought.
    pub used: u32,
    /// Where the app is to be had.
    pub links: Vec<AppLink>,
}

impl Product {
    /// The most products of a tenant: a user may be given all of them at once, and that is one transaction of at most
    /// 100 parts.
    pub const MOST: usize = 40;

    /// Seats left.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        self.seats.saturating_sub(self.used)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(policy: &Policy, changes: &Value) -> Result<Policy, Vec<(String, &'static str)>> {
        let faults = |faults: Vec<(String, Fault)>| {
            let code = |(field, fault): (String, Fault)| (field, fault.code);
            faults.into_iter().map(code).collect()
        };
        policy.with(changes.as_object().unwrap()).map_err(faults)
    }

    #[test]
    fn a_policy_is_changed_field_by_field() {
        let changes = json!({ "own_email": "verified", "required_fields": ["email", "email"], "scope_kinds": ["fleet"] });
        let after = with(&Policy::default(), &changes).unwrap();
        let expected = Policy {
            own_email: OwnEmail::Verified,
            required_fields: vec![RequiredField::Email],
            scope_kinds: BTreeSet::from([ScopeKind::Fleet]),
            ..Policy::default()
        };
        assert_eq!(after, expected);
        let back = json!({ "own_email": null, "required_fields": null, "scope_kinds": null });
        assert_eq!(with(&after, &back), Ok(Policy::default()));
        assert_eq!(with(&after, &json!({})), Ok(after));
    }

    #[test]
    fn every_faulty_field_of_a_policy_is_named() {
        let changes = json!({
            "phone": "morse", "invitation_ttl_hours": 721, "colour": "red", "gone": null, "required_fields": "email",
        });
        let faults = with(&Policy::default(), &changes).unwrap_err();
        assert_eq!(
            faults,
            [
                ("colour".to_owned(), "invalid_value"),
                ("gone".to_owned(), "invalid_value"),
                ("phone".to_owned(), "invalid_value"),
                ("required_fields".to_owned(), "invalid_value"),
                ("invitation_ttl_hours".to_owned(), "out_of_range"),
            ]
        );
        for hours in [json!(0), json!(-1), json!(70_000), json!("24"), json!(1.5)] {
            let faults = with(
                &Policy::default(),
                &json!({ "invitation_ttl_hours": hours }),
            );
            assert_eq!(faults.unwrap_err()[0].0, "invitation_ttl_hours", "{hours}");
        }
    }

    #[test]
    fn a_tenant_stored_before_it_counted_changes_has_its_first_version() {
        let stored = json!({ "id": "tnt_0123456789abcdef", "name": "North", "locale": "en", "currency": "EUR" });
        let tenant: Tenant = serde_json::from_value(stored).unwrap();
        assert_eq!((tenant.version, tenant.updated_at), (1, None));
    }
}
