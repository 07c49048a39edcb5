//! The audit trail: who did what to whom, with what before and after.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::id::{AuditId, ImportId, UserId};

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
    Support,
    /// The schedule.
    Schedule,
}

/// One user of an entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The user, or another thing's id.
    pub id: String,
    /// The changed fields before the change, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<serde_json::Value>,
    /// The changed fields after the change, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<serde_json::Value>,
}

impl Target {
    /// A target of which only the id is told.
    pub fn of(id: impl std::fmt::Display) -> Self {
        Self {
            id: id.to_string(),
            before: None,
            after: None,
        }
    }

    /// What the thing looks like from now on.
    #[must_use]
    pub fn after(mut self, after: serde_json::Value) -> Self {
        self.after = Some(after);
        self
    }

    /// What the thing looked like until now.
    #[must_use]
    pub fn before(mut self, before: serde_json::Value) -> Self {
        self.before = Some(before);
        self
    }
}

/// An entry of the audit trail. Never holds a secret, a nonce or a link.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What: `users.add`, `licences.assign`, …
    pub operation: String,
    /// To whom.
    pub targets: Vec<Target>,
}
