//! How the API shows users and the outcomes of bulk operations.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::forms::ScopeForm;
use super::time;
use crate::domain::email::Email;
use crate::domain::id::{GroupId, ProductId, UserId};
use crate::domain::invitation::MailState;
use crate::domain::licence::{Licence, LicenceState};
use crate::domain::permission::{Class, ModuleRight};
use crate::domain::phone::Phone;
use crate::domain::tenant::AppLink;
use crate::domain::text::{Device, EmployeeNumber, ExternalId, Locale, Name, Username};
use crate::domain::user::{Kind, Status, User};
use crate::store::bulk::Done;

/// A user.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    /// Its id.
    #[schema(value_type = UserId)]
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// What lists show: the person's name, else the external ID, else the e-mail address.
    #[schema(example = "Ada Lovelace")]
    pub name: String,
    /// The company's own name for it: fleet number, payroll number, device name.
    #[schema(example = "D-1042")]
    pub external_id: Option<String>,
    /// E-mail address.
    #[schema(example = "ada@example.com")]
    pub email: Option<String>,
    /// The address that takes its place once it is confirmed.
    pub pending_email: Option<String>,
    /// First name.
    #[schema(example = "Ada")]
    pub first_name: Option<String>,
    /// Last name.
    #[schema(example = "Lovelace")]
    pub last_name: Option<String>,
    /// Phone number.
    #[schema(example = "+4915112345678")]
    pub phone: Option<String>,
    /// Employee number or licence of the trade.
    pub employee_number: Option<String>,
    /// How far its power can reach.
    pub class: Class,
    /// What it may do, in class `standard`: names of built-in roles and ids of the company's own.
    #[schema(example = json!(["user_manager"]))]
    pub roles: Vec<String>,
    /// How far it may go in which module of the fleet's apps.
    pub modules: BTreeMap<String, ModuleRight>,
    /// What it can see, where class and policy leave it to that.
    pub scope: ScopeForm,
    /// The fleets and tags it is in.
    #[schema(value_type = Vec<GroupId>)]
    pub groups: Vec<String>,
    /// The customer's account it belongs to.
    pub account: Option<String>,
    /// The language of its mails; none: the company's.
    pub locale: Option<String>,
    /// What the person signs in with, once active.
    pub username: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// The newest invitation.
    pub invitation: Option<InvitationView>,
    /// The highest state of its licences.
    pub licence_state: LicenceState,
    /// Its licences.
    pub licences: Vec<LicenceView>,
    /// When the person last signed in, RFC 3339.
    #[schema(format = DateTime)]
    pub last_login_at: Option<String>,
    /// When it was added, RFC 3339.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last changed, RFC 3339.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// Counts its changes; the `ETag`.
    pub version: u64,
}

/// The newest invitation of a user.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Invitation)]
pub struct InvitationView {
    /// How far its mail has come.
    pub mail: MailState,
    /// When it was asked for, RFC 3339.
    #[schema(format = DateTime)]
    pub invited_at: String,
    /// When its link was sent, RFC 3339.
    #[schema(format = DateTime)]
    pub sent_at: Option<String>,
    /// When its link ends, RFC 3339; set once it was sent.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

/// A licence of a user.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Licence)]
pub struct LicenceView {
    /// The product.
    #[schema(value_type = ProductId)]
    pub product: String,
    /// How far it has come.
    pub state: LicenceState,
    /// The code that the app asks for; only for callers who may assign licences.
    #[schema(example = "7K3Q-9ZAB-0C1D-2E3F")]
    pub code: Option<String>,
    /// When it was assigned, RFC 3339.
    #[schema(format = DateTime)]
    pub assigned_at: String,
    /// When the app activated it, RFC 3339.
    #[schema(format = DateTime)]
    pub activated_at: Option<String>,
    /// What the app's device called itself.
    pub device: Option<String>,
}

impl UserView {
    /// Shows a user as it stands at `now`; licence codes only `with_codes`.
    #[must_use]
    pub fn new(user: &User, now: Timestamp, with_codes: bool) -> Self {
        Self {
            id: user.id.to_string(),
            kind: user.kind,
            name: user.display_name(),
            external_id: text(user.external_id.as_ref().map(ExternalId::as_str)),
            email: text(user.email.as_ref().map(Email::as_str)),
            pending_email: text(user.pending_email(now).map(Email::as_str)),
            first_name: text(user.first_name.as_ref().map(Name::as_str)),
            last_name: text(user.last_name.as_ref().map(Name::as_str)),
            phone: text(user.phone.as_ref().map(Phone::as_str)),
            employee_number: text(user.employee_number.as_ref().map(EmployeeNumber::as_str)),
            class: user.rights.class,
            roles: texts(&user.rights.roles),
            modules: (user.rights.modules.iter())
                .map(|(module, right)| (module.to_string(), *right))
                .collect(),
            scope: ScopeForm {
                all: user.rights.scope.all,
                groups: texts(&user.rights.scope.groups),
                users: texts(&user.rights.scope.users),
            },
            groups: texts(&user.groups),
            account: user.rights.account().map(ToString::to_string),
            locale: text(user.locale.as_ref().map(Locale::as_str)),
            username: text(user.username.as_ref().map(Username::as_str)),
            status: user.status(now),
            invitation: user.invited.as_ref().map(|invited| InvitationView {
                mail: invited.mail_state(now),
                invited_at: time(invited.at),
                sent_at: invited.sent_at.map(time),
                expires_at: invited.expires_at.map(time),
            }),
            licence_state: user.licence_state(),
            licences: licences(&user.licences, with_codes),
            last_login_at: user.last_login_at.map(time),
            created_at: time(user.created_at),
            updated_at: time(user.updated_at),
            version: user.version,
        }
    }
}

fn texts<T: ToString>(of: &BTreeSet<T>) -> Vec<String> {
    of.iter().map(ToString::to_string).collect()
}

fn text(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

fn licences(licences: &BTreeMap<ProductId, Licence>, with_codes: bool) -> Vec<LicenceView> {
    let view = |(product, licence): (&ProductId, &Licence)| LicenceView {
        product: product.to_string(),
        state: licence.state(),
        code: with_codes.then(|| licence.code.shown()),
        assigned_at: time(licence.assigned_at),
        activated_at: licence.activated_at.map(time),
        device: text(licence.device.as_ref().map(Device::as_str)),
    };
    licences.iter().map(view).collect()
}

/// Where an app is to be had.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = AppLink)]
pub struct AppLinkView {
    /// What the link is called.
    #[schema(example = "Google Play")]
    pub label: String,
    /// Where it leads.
    pub url: String,
}

impl From<&AppLink> for AppLinkView {
    fn from(link: &AppLink) -> Self {
        Self {
            label: link.label.to_string(),
            url: link.url.to_string(),
        }
    }
}

/// What a bulk operation came to for one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// It was done.
    Done,
    /// It had been done before.
    Unchanged,
    /// It was not done; the code says why.
    Refused,
}

/// What a bulk operation came to for one user.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Outcome)]
pub struct OutcomeView {
    /// The user.
    #[schema(value_type = UserId)]
    pub user: String,
    /// What it came to.
    pub outcome: OutcomeKind,
    /// Why it was refused, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "no_email")]
    pub code: Option<String>,
    /// Why it was refused, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What a bulk operation came to, user by user in the order asked for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Outcomes {
    /// How many were done.
    pub done: usize,
    /// How many had been done before.
    pub unchanged: usize,
    /// How many were refused.
    pub refused: usize,
    /// User by user.
    pub outcomes: Vec<OutcomeView>,
}

impl From<Vec<(UserId, Done)>> for Outcomes {
    fn from(done: Vec<(UserId, Done)>) -> Self {
        let outcomes: Vec<OutcomeView> = done
            .into_iter()
            .map(|(user, done)| outcome(&user, done))
            .collect();
        let count = |kind| {
            outcomes
                .iter()
                .filter(|outcome| outcome.outcome == kind)
                .count()
        };
        Self {
            done: count(OutcomeKind::Done),
            unchanged: count(OutcomeKind::Unchanged),
            refused: count(OutcomeKind::Refused),
            outcomes,
        }
    }
}

fn outcome(user: &UserId, done: Done) -> OutcomeView {
    let (outcome, refusal) = match done {
        Done::Done => (OutcomeKind::Done, None),
        Done::Unchanged => (OutcomeKind::Unchanged, None),
        Done::Refused(refusal) => (OutcomeKind::Refused, Some(refusal)),
    };
    OutcomeView {
        user: user.to_string(),
        outcome,
        code: refusal.as_ref().map(|refusal| refusal.code().to_owned()),
        message: refusal.as_ref().map(|refusal| refusal.message().to_owned()),
    }
}
