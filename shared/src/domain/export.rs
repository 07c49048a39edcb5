//! Exports: the user list, or the audit trail, as a file.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::audit::AuditFilter;
use super::id::{AccountId, ExportId, GroupId, ProductId, TenantId, UserId};
use super::invitation::MailState;
use super::licence::{Licence, LicenceState};
use super::permission::{Class, Role};
use super::user::{Kind, Status, User};

/// What kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// An Excel workbook.
    #[default]
    Xlsx,
    /// Comma-separated values, UTF-8.
    Csv,
}

impl Format {
    /// The media type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    /// The file name's ending.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Csv => "csv",
        }
    }
}

/// What an export is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportOf {
    /// The list of users.
    #[default]
    Users,
    /// The audit trail.
    Audit,
}

impl ExportOf {
    /// The beginning of the file's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Audit => "audit",
        }
    }
}

/// Where an export stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportState {
    /// Waits for a worker.
    Queued,
    /// Is being written.
    Running,
    /// Can be fetched.
    Done,
    /// Could not be written: whoever asked may no longer export, or, never stored, nobody works on it any more
    /// ([`Export::state_at`]).
    Failed,
}

/// Which users a list or an export shows. What is absent does not restrict.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Where they stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// What they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// How far their power can reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// Having this role: the name of a built-in one, or the id of one of the company's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "user_manager")]
    pub role: Option<Role>,
    /// In this fleet or tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub group: Option<GroupId>,
    /// Belonging to this customer's account, or to one below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub account: Option<AccountId>,
    /// Holding a licence of this product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub product: Option<ProductId>,
    /// How far their licence has come: that of the product, where one is named (`unassigned`: they hold none of it),
    /// else the highest over all products.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<LicenceState>,
    /// How far the mail of their newest invitation has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<MailState>,
}

impl Filter {
    /// Whether the list shows this user. Deleted users are shown only when asked for.
    #[must_use]
    pub fn admits(&self, user: &User, now: Timestamp) -> bool {
        let status = user.status(now);
        self.status
            .map_or(status != Status::Deleted, |wanted| wanted == status)
            && self.kind.is_none_or(|kind| kind == user.kind)
            && self.class.is_none_or(|class| class == user.rights.class)
            && (self.role.as_ref()).is_none_or(|role| user.rights.roles.contains(role))
            && (self.group.as_ref()).is_none_or(|group| user.groups.contains(group))
            && (self.account.as_ref()).is_none_or(|account| user.rights.accounts.contains(account))
            && self.admits_licences(user)
            && self.invitation.is_none_or(|state| {
                user.invited
                    .as_ref()
                    .is_some_and(|invited| invited.mail_state(now) == state)
            })
    }

    fn admits_licences(&self, user: &User) -> bool {
        let Some(product) = &self.product else {
            return (self.licence).is_none_or(|state| state == user.licence_state());
        };
        let licence = user.licences.get(product);
        match self.licence {
            None => licence.is_some(),
            Some(state) => licence.map_or(LicenceState::Unassigned, Licence::state) == state,
        }
    }
}

/// Columns on request, after the usual ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExtraColumn {
    /// The tenant's own name for the user.
    ExternalId,
    /// Person, vehicle or device.
    Kind,
    /// Owner, standard or limited.
    Class,
    /// The names of the roles.
    Roles,
    /// How far it may go in which module of the fleet's apps.
    Modules,
    /// The names of the fleets and tags it is in.
    Groups,
    /// Each product with the state of its licence.
    Licences,
    /// The name of the customer's account it belongs to.
    Account,
    /// The language of its mails.
    Locale,
}

/// An export.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Export {
    /// Its id.
    pub id: ExportId,
    /// Where it stands.
    pub state: ExportState,
    /// What it is of.
    #[serde(default)]
    pub of: ExportOf,
    /// What kind of file.
    pub format: Format,
    /// Which entries of the audit trail.
    #[serde(default)]
    pub audit: AuditFilter,
    /// Which users.
    #[serde(default)]
    pub filter: Filter,
    /// Which further columns.
    #[serde(default)]
    pub columns: Vec<ExtraColumn>,
    /// Who asked for it.
    pub requested_by: UserId,
    /// How many rows it holds, once done.
    #[serde(default)]
    pub rows: u64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last moved on.
    pub updated_at: Timestamp,
}

/// How long an export can be fetched; the bucket sweeps its file no sooner (`infra/template.yaml`).
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 7);

/// How long after an attempt to write it began nobody works on an export any more: another would have begun by then.
pub const WRITING: SignedDuration = SignedDuration::from_hours(2);

impl Export {
    /// Where the export stands at `now`. Workers die, and queues give up on what failed too often, without being able to say
    /// so; therefore silence is what tells. A later attempt moves it on all the same.
    #[must_use]
    pub fn state_at(&self, now: Timestamp) -> ExportState {
        let waits = matches!(self.state, ExportState::Queued | ExportState::Running);
        if waits && now.duration_since(self.updated_at) > WRITING {
            ExportState::Failed
        } else {
            self.state
        }
    }

    /// Until when it can be fetched.
    #[must_use]
    pub fn kept_until(&self) -> Timestamp {
        self.created_at
            .saturating_add(KEPT)
            .unwrap_or(Timestamp::MAX)
    }

    /// The key of its file in the bucket.
    #[must_use]
    pub fn key(&self, tenant: &TenantId) -> String {
        format!("exports/{tenant}/{}.{}", self.id, self.format.extension())
    }
}

#[cfg(test)]
mod tests {
    use super::super::id::Seed;
    use super::super::licence::Code;
    use super::super::user::Draft;
    use super::*;

    #[test]
    fn a_licence_is_that_of_the_product_or_the_highest() {
        let now = Timestamp::UNIX_EPOCH;
        let product = |name: &str| ProductId::derive(&Seed::of(&[name]));
        let mut user = User::new(UserId::derive(&Seed::of(&["u"])), Draft::default(), now);
        for name in ["activated", "assigned"] {
            let mut licence = Licence::assigned(Code::derive(&Seed::of(&[name])), now);
            licence.activated_at = (name == "activated").then_some(now);
            user.licences.insert(product(name), licence);
        }
        let states = |of: Option<&str>| {
            let filter = |licence| Filter {
                product: of.map(product),
                licence: Some(licence),
                ..Filter::default()
            };
            let all = [
                LicenceState::Unassigned,
                LicenceState::Assigned,
                LicenceState::Activated,
            ];
            let admitting = all
                .into_iter()
                .filter(|state| filter(*state).admits(&user, now));
            admitting.collect::<Vec<_>>()
        };
        assert_eq!(states(None), [LicenceState::Activated]);
        assert_eq!(states(Some("assigned")), [LicenceState::Assigned]);
        assert_eq!(states(Some("activated")), [LicenceState::Activated]);
        assert_eq!(states(Some("none")), [LicenceState::Unassigned]);
    }
}
