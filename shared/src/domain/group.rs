//! Groups of users: fleets and tags. A scope lists them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::id::GroupId;
use super::tenant::ScopeKind;
use super::text::Title;

/// What kind of group.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// A fleet.
    Fleet,
    /// A tag.
    Tag,
}

impl GroupKind {
    /// What a scope must be allowed to list for the group to stand in it.
    #[must_use]
    pub fn scope_kind(self) -> ScopeKind {
        match self {
            Self::Fleet => ScopeKind::Fleet,
            Self::Tag => ScopeKind::Tag,
        }
    }
}

impl Group {
    /// The most groups that a user is in.
    pub const MOST_OF_A_USER: usize = 40;
}

/// A group of users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// What kind.
    pub kind: GroupKind,
    /// Its name; unique among the tenant's groups.
    pub name: Title,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts its changes.
    pub version: u64,
}
