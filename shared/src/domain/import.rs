//! Imports: a file of users, its plan, and how far the commit has come.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::audit::{Actor, Target};
use super::id::{ImportId, PlanId, TenantId};
use super::trace::TraceId;

/// Where an import stands. One that stopped before it was over is `failed`: what was done stays done, and importing the file
/// again completes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportState {
    /// Waits for its file.
    Uploading,
    /// The file is being checked and planned.
    Checking,
    /// The plan can be looked at and committed.
    Ready,
    /// The file as a whole cannot be used.
    Invalid,
    /// The plan is being carried out.
    Importing,
    /// Every row was done as planned, and none was refused.
    Done,
    /// Everything that could be done was; some rows were refused.
    DoneWithErrors,
    /// Withdrawn.
    Cancelled,
    /// Nobody works on it any more. Never stored, but what [`Import::state_at`] finds.
    Failed,
}

/// What happens to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A user was, or will be, added.
    Created,
    /// A user was, or will be, changed.
    Updated,
    /// The user is already as the row says.
    Unchanged,
    /// Nothing is done for this row, and the code says why.
    Refused,
}

impl Outcome {
    /// The outcome as plans and reports write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
        }
    }

    /// Reads an outcome from a plan.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Created, Self::Updated, Self::Unchanged, Self::Refused]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }
}

/// Rows by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Users added.
    pub created: u64,
    /// Users changed.
    pub updated: u64,
    /// Users already as the file says.
    pub unchanged: u64,
    /// Rows not taken.
    pub refused: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.refused += other.refused;
    }
}

impl Counts {
    /// Counts one row.
    pub fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Created => self.created += 1,
            Outcome::Updated => self.updated += 1,
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::Refused => self.refused += 1,
        }
    }

    /// All rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.refused
    }
}

/// What is wrong with a file, or with a row of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowProblem {
    /// The line where the row begins; the header is line 1.
    pub line: u64,
    /// What, for programs.
    #[schema(example = "duplicate_external_id")]
    pub code: String,
    /// What, for people.
    #[schema(example = "has the external ID of line 3")]
    pub message: String,
}

/// An import.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Import {
    /// Its id.
    pub id: ImportId,
    /// Where it stands.
    pub state: ImportState,
    /// Who began it.
    pub actor: Actor,
    /// The name of the file, as far as known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// The key of the file in the bucket.
    pub key: String,
    /// Which attempt at checking the file made, or makes, the plan: the last one that began counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// How long the heading of the plan file is, in bytes.
    #[serde(default)]
    pub heading: u64,
    /// Orders the uploads of the file: an older one never replaces a newer one's plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequencer: Option<String>,
    /// The encoding found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// The delimiter found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// Columns that are not understood and therefore not used.
    #[serde(default)]
    pub ignored_columns: Vec<String>,
    /// Rows by what the plan says.
    #[serde(default)]
    pub planned: Counts,
    /// Rows by what became of them, as far as the commit has come; planned refusals count at once.
    #[serde(default)]
    pub done: Counts,
    /// What is wrong with the file as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<RowProblem>,
    /// The first refused rows of the plan.
    #[serde(default)]
    pub problems: Vec<RowProblem>,
    /// Into how many chunks the plan was cut.
    #[serde(default)]
    pub chunks: u32,
    /// How many of them are done.
    #[serde(default)]
    pub chunks_done: u32,
    /// The trace of the request that began it, or of the file that did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceId>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it last moved on.
    pub updated_at: Timestamp,
}

/// How long after an attempt to check the file began nobody works on it any more: another would have begun by then.
pub const CHECKING: SignedDuration = SignedDuration::from_hours(2);

/// How long after the last chunk was done nobody works on the others any more: each would have been tried as often as it is.
pub const IMPORTING: SignedDuration = SignedDuration::from_hours(3);

/// How long an import is remembered, with its chunks; the bucket sweeps its files no sooner (`infra/template.yaml`).
pub const KEPT: SignedDuration = SignedDuration::from_hours(24 * 28);

/// How long before its end an import is committed at the latest, so that it is over before its files are swept.
const CARRYING_OUT: SignedDuration = SignedDuration::from_hours(24);

/// Until when an import is there that was begun then.
#[must_use]
pub fn kept_until(begun: Timestamp) -> Timestamp {
    begun.saturating_add(KEPT).unwrap_or(Timestamp::MAX)
}

impl Import {
    /// Whether its time is over: the table and the bucket may have forgotten it, or not yet.
    #[must_use]
    pub fn over(&self, now: Timestamp) -> bool {
        now >= kept_until(self.created_at)
    }

    /// Whether the plan can be committed at `now`.
    #[must_use]
    pub fn committable(&self, now: Timestamp) -> bool {
        let end = kept_until(self.created_at);
        self.state == ImportState::Ready && end.duration_since(now) > CARRYING_OUT
    }

    /// Where the import stands at `now`. Workers die, and queues give up on what failed too often, without being able to say
    /// so; therefore silence is what tells. A later attempt, or support's, moves it on all the same.
    #[must_use]
    pub fn state_at(&self, now: Timestamp) -> ImportState {
        let patience = match self.state {
            ImportState::Checking => CHECKING,
            ImportState::Importing => IMPORTING,
            settled => return settled,
        };
        if now.duration_since(self.updated_at) > patience {
            ImportState::Failed
        } else {
            self.state
        }
    }

    /// The state in which an import ends whose commit came to these counts.
    #[must_use]
    pub fn final_state(done: Counts) -> ImportState {
        if done.refused == 0 {
            ImportState::Done
        } else {
            ImportState::DoneWithErrors
        }
    }
}

/// Where the file of an import stands in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Uploaded for an import that was begun through the API.
    Upload {
        /// The tenant.
        tenant: TenantId,
        /// The import.
        import: ImportId,
    },
    /// Dropped for the tenant.
    Drop {
        /// The tenant.
        tenant: TenantId,
        /// The file's name.
        file_name: String,
    },
}

impl Source {
    /// Reads a key of the bucket; none if nothing is imported from there.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        let (door, rest) = key.split_once('/')?;
        let (tenant, name) = rest.split_once('/')?;
        let tenant = TenantId::parse(tenant).ok()?;
        match door {
            "uploads" => Some(Self::Upload {
                tenant,
                import: ImportId::parse(name.strip_suffix(".csv")?).ok()?,
            }),
            "drop" if !name.is_empty() => Some(Self::Drop {
                tenant,
                file_name: name.chars().take(200).collect(),
            }),
            _ => None,
        }
    }

    /// The key to which the file of an import is uploaded.
    #[must_use]
    pub fn upload_key(tenant: &TenantId, import: &ImportId) -> String {
        format!("uploads/{tenant}/{import}.csv")
    }
}

impl Import {
    /// The import as a target of an audit entry: from where it stands to `state`, or begun there.
    #[must_use]
    pub fn moved(&self, state: ImportState) -> Target {
        let target = Target::of(&self.id).after(json!({ "state": state }));
        if self.state == state {
            target
        } else {
            target.before(json!({ "state": self.state }))
        }
    }

    /// An import whose file is awaited at `key`.
    #[must_use]
    pub fn begun(
        id: ImportId,
        actor: Actor,
        file_name: Option<String>,
        key: String,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            state: ImportState::Uploading,
            actor,
            file_name,
            key,
            plan: None,
            heading: 0,
            sequencer: None,
            encoding: None,
            delimiter: None,
            ignored_columns: Vec::new(),
            planned: Counts::default(),
            done: Counts::default(),
            fault: None,
            problems: Vec::new(),
            chunks: 0,
            chunks_done: 0,
            trace: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// The key of the plan in the bucket, once there is one.
    #[must_use]
    pub fn plan_key(&self, tenant: &TenantId) -> Option<String> {
        self.plan
            .as_ref()
            .map(|plan| format!("plans/{tenant}/{plan}.csv"))
    }

    /// The key of the report in the bucket.
    #[must_use]
    pub fn report_key(&self, tenant: &TenantId) -> String {
        format!("reports/{tenant}/{}.csv", self.id)
    }

    /// Whether the plan can still be made, or made anew from a newer upload.
    #[must_use]
    pub fn plannable(&self) -> bool {
        matches!(
            self.state,
            ImportState::Uploading
                | ImportState::Checking
                | ImportState::Ready
                | ImportState::Invalid
        )
    }
}

/// A row that did not go as planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Its line in the file.
    pub line: u64,
    /// What became of it instead.
    pub outcome: Outcome,
    /// Why, for programs.
    pub code: String,
    /// Why, for people.
    pub message: String,
}

/// A piece of the plan, carried out by one worker at a time, and its checkpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Chunk {
    /// Which piece.
    pub number: u32,
    /// Where it begins in the plan file, in bytes.
    pub from: u64,
    /// Where it ends in the plan file, in bytes (exclusive).
    pub to: u64,
    /// How many rows it has.
    pub rows: u32,
    /// How many rows are done: the checkpoint.
    pub next: u32,
    /// Rows by what became of them.
    pub done: Counts,
    /// Rows that did not go as planned.
    #[serde(default)]
    pub exceptions: Vec<Exception>,
    /// Whether all rows are done and counted in the import.
    pub finished: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "tnt_0zk0m7v2q8x1c9dj";

    #[test]
    fn whatever_name_a_file_is_dropped_under_it_stays_its_tenants() {
        for name in [
            "../tnt_1zk0m7v2q8x1c9dj/x.csv",
            "/etc/passwd",
            "..",
            "a//b",
            "uploads/tnt_1zk0m7v2q8x1c9dj/imp_4zk0m7v2q8x1c9dj.csv",
            "..\\..\\x.csv",
            "%2e%2e%2fx.csv",
            "\0\r\nSet-Cookie: x",
            &"x".repeat(1_000),
        ] {
            let Some(Source::Drop { tenant, file_name }) =
                Source::of_key(&format!("drop/{TENANT}/{name}"))
            else {
                panic!("{name}");
            };
            assert_eq!(tenant.as_str(), TENANT);
            // What we write about it is called by ids only.
            let id = ImportId::derive(&crate::domain::id::Seed::of(&[name]));
            let actor = Actor::Import { id: id.clone() };
            let import = Import::begun(
                id.clone(),
                actor,
                Some(file_name),
                name.to_owned(),
                Timestamp::UNIX_EPOCH,
            );
            let report = format!("reports/{TENANT}/{id}.csv");
            assert_eq!(import.report_key(&tenant), report);
        }
    }

    #[test]
    fn a_key_that_is_not_exactly_one_of_ours_is_nobodys() {
        let upload = format!("uploads/{TENANT}/imp_4zk0m7v2q8x1c9dj.csv");
        assert!(matches!(
            Source::of_key(&upload),
            Some(Source::Upload { .. })
        ));
        for key in [
            String::new(),
            "drop".to_owned(),
            format!("drop/{TENANT}"),
            format!("drop/{TENANT}/"),
            format!("/drop/{TENANT}/x.csv"),
            format!("./drop/{TENANT}/x.csv"),
            format!("Drop/{TENANT}/x.csv"),
            format!("drop/../drop/{TENANT}/x.csv"),
            format!("drop//{TENANT}/x.csv"),
            format!("drop/{}/x.csv", TENANT.to_uppercase()),
            format!("drop/{TENANT}%2f/x.csv"),
            format!("drop\\{TENANT}\\x.csv"),
            format!("reports/{TENANT}/x.csv"),
            format!("uploads/{TENANT}/../{TENANT}/imp_4zk0m7v2q8x1c9dj.csv"),
            format!("{upload}/x"),
            format!("{upload}.csv"),
            upload.replace("imp_", "usr_"),
            upload.replace("4zk", "4Zk"),
            upload.replace(".csv", "\0.csv"),
        ] {
            assert!(Source::of_key(&key).is_none(), "{key}");
        }
    }
}
