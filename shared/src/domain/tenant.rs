//! A tenant, its policy, and the products it bought seats of.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::field::Fault;
use super::id::{ProductId, TenantId};
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
#[derive(Debug, Clone, Serialize, Deserialize)]
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
}

impl Tenant {
    /// How many invitations a tenant may send a day unless support says otherwise.
    #[must_use]
    pub const fn default_invitations_per_day() -> u32 {
        100_000
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
    /// Seats left.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        self.seats.saturating_sub(self.used)
    }
}
