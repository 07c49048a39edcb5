//! The plan: what the commit will do with each row, as a file beside the upload, cut into chunks.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::iter::Peekable;
use std::sync::OnceLock;
use std::vec::IntoIter;

use futures::stream::{FuturesOrdered, StreamExt};
use muster_shared::context::Context;
use muster_shared::domain::directory::{Directory, Seats};
use muster_shared::domain::email::Email;
use muster_shared::domain::id::{ProductId, Seed, UserId};
use muster_shared::domain::import::{Chunk, Counts, Import, Outcome, RowProblem};
use muster_shared::domain::importing::{may_add, may_change};
use muster_shared::domain::phone::Phone;
use muster_shared::domain::powers::Powers;
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::tenant::Tenant;
use muster_shared::domain::user::User;
use muster_shared::error::Internal;
use muster_shared::files::{
    FileError, Form, PlanWriter, Reader, Row, RowFault, Summary, Upload, UserRow, Verdict, kinds,
};
use muster_shared::store::imports::PlanOf;
use muster_shared::store::users::Unique;

use super::duplicates::{Duplicate, Duplicates};

/// How many rows are compared with the table in one go; a read takes 100 keys.
const BATCH: usize = 100;
/// How long these rows are together, in bytes of their text; one may have as much.
const BATCH_BYTES: usize = 1024 * 1024;
/// How many batches are being compared at a time.
const AT_ONCE: usize = 8;
/// How many rows of a chunk change something.
const CHUNK: u32 = 1_000;
/// How long a chunk is at most, in bytes of the plan file; a worker reads it whole.
const CHUNK_BYTES: u64 = 4 * 1024 * 1024;
/// How many refused rows are shown with the import itself; the plan file has all.
const PROBLEMS: usize = 20;

/// What the check of a file came to.
pub struct Planned {
    /// What was found out about the file.
    pub summary: Summary,
    /// How long the heading of the plan file is.
    pub heading: u64,
    /// Rows by outcome.
    pub counts: Counts,
    /// The first refused rows.
    pub problems: Vec<RowProblem>,
    /// How many chunks there are.
    pub chunks: u32,
}

/// Makes the plan of an import.
pub struct Planner<'a> {
    ctx: &'a Context,
    tenant: &'a Tenant,
    import: &'a Import,
    powers: Powers,
    /// What the file may name; read as soon as its header is known.
    directory: OnceLock<Directory>,
}

/// What is planned for a row.
struct Decided {
    row: Row,
    outcome: Outcome,
    fault: Option<RowFault>,
    user: Option<UserId>,
    version: Option<u64>,
    /// What the row refers to, as the plan keeps it.
    references: String,
    phone: Option<Phone>,
    /// The products of which the row takes a seat.
    seats: BTreeSet<ProductId>,
}

impl<'a> Planner<'a> {
    /// A planner with the powers of whoever imports.
    pub fn new(ctx: &'a Context, tenant: &'a Tenant, import: &'a Import, powers: Powers) -> Self {
        Self {
            ctx,
            tenant,
            import,
            powers,
            directory: OnceLock::new(),
        }
    }

    /// Reads the file again and plans row by row; several batches are compared with the table at a time, and come out
    /// in the order of the file. Where another file has taken its place since, the next attempt plans that.
    pub async fn run(
        &self,
        duplicates: Duplicates,
    ) -> Result<Result<Planned, FileError>, Internal> {
        let Some(mut stream) = self.ctx.files().read(&self.import.key).await? else {
            return Ok(Err(FileError::Empty));
        };
        if stream.etag() != duplicates.etag.as_deref() {
            return Err(Internal::Broken("the file was replaced while it was read"));
        }
        let mut duplicates = duplicates.rows.into_iter().peekable();
        let (mut reader, mut rows, mut writer) = (Reader::new(), Vec::new(), None);
        let mut comparing = FuturesOrdered::new();
        loop {
            let bytes = stream.next().await?;
            let last = bytes.is_none();
            let mut summary = None;
            match bytes {
                Some(bytes) => {
                    if let Err(fault) = reader.push(&bytes, &mut rows) {
                        return Ok(Err(fault));
                    }
                }
                None => match std::mem::take(&mut reader).finish(&mut rows) {
                    Ok(found) => summary = Some(found),
                    Err(fault) => return Ok(Err(fault)),
                },
            }
            let header = summary
                .as_ref()
                .map(|summary| &summary.header)
                .or(reader.header());
            if let (None, Some(header)) = (&writer, header) {
                let directory = (self.ctx.store)
                    .directory(self.tenant, &self.powers, kinds(header))
                    .await?;
                let _ = self.directory.set(directory);
                writer = Some(Writing::new(self, PlanWriter::new(Form::Plan, header))?);
            }
            while let Some(length) = batch(&rows, last) {
                let rest = rows.split_off(length);
                let batch = mark(std::mem::replace(&mut rows, rest), &mut duplicates);
                comparing.push_back(self.compare(batch));
                if comparing.len() >= AT_ONCE {
                    Self::write_next(&mut comparing, writer.as_mut()).await?;
                }
            }
            if let Some(summary) = summary {
                while !comparing.is_empty() {
                    Self::write_next(&mut comparing, writer.as_mut()).await?;
                }
                return match writer {
                    Some(writer) => Ok(Ok(writer.finish(summary).await?)),
                    None => Ok(Err(FileError::Empty)),
                };
            }
        }
    }

    async fn write_next<F>(
        comparing: &mut FuturesOrdered<F>,
        writer: Option<&mut Writing<'_>>,
    ) -> Result<(), Internal>
    where
        F: Future<Output = Result<Vec<Decided>, Internal>>,
    {
        if let (Some(decided), Some(writer)) = (comparing.next().await, writer) {
            writer.write(decided?).await?;
        }
        Ok(())
    }

    /// Compares rows with the table.
    async fn compare(&self, rows: Vec<(Row, Option<RowFault>)>) -> Result<Vec<Decided>, Internal> {
        let directory = self.directory.get();
        let directory = directory.ok_or(Internal::Broken("rows are compared before the header"))?;
        let read = |(row, fault): (Row, Option<RowFault>)| {
            // What is wrong with the row itself comes first: many rows have `n/a` for an address.
            let said = UserRow::read(&row, &self.tenant.policy, directory);
            let said = said.and_then(|said| fault.map_or(Ok(said), Err));
            (row, said)
        };
        let rows: Vec<(Row, Result<UserRow, RowFault>)> = rows.into_iter().map(read).collect();
        let said = || rows.iter().filter_map(|(_, said)| said.as_ref().ok());
        let ids: Vec<Unique> = said()
            .map(|said| Unique::ExternalId(said.external_id.folded()))
            .collect();
        let known = self.users(&ids).await?;
        let emails = said().filter_map(|said| {
            let email = Unique::Email(said.email.as_ref()?.folded());
            let has = known
                .get(&said.external_id.folded())
                .and_then(|user| user.email.as_ref())
                .map(Email::folded);
            (has.map(Unique::Email).as_ref() != Some(&email)).then_some(email)
        });
        let emails: Vec<Unique> = emails.collect::<HashSet<_>>().into_iter().collect();
        let holders = self.ctx.store.holders(&self.tenant.id, &emails).await?;
        let taken: HashSet<Unique> = emails
            .into_iter()
            .zip(holders)
            .filter_map(|(email, holder)| holder.map(|_| email))
            .collect();
        Ok(rows
            .into_iter()
            .map(|(row, said)| {
                let planned =
                    said.and_then(|said| self.plan(&row, &said, directory, &known, &taken));
                Decided::new(row, planned)
            })
            .collect())
    }

    /// The users who have these external IDs, by folded ID.
    async fn users(&self, ids: &[Unique]) -> Result<HashMap<String, User>, Internal> {
        let holders = self.ctx.store.holders(&self.tenant.id, ids).await?;
        let ids: Vec<UserId> = holders.into_iter().flatten().collect();
        let users = self.ctx.store.users(&self.tenant.id, &ids).await?;
        Ok(users
            .into_iter()
            .flatten()
            .filter_map(|user| Some((user.external_id.as_ref()?.folded(), user)))
            .collect())
    }

    /// What becomes of a row, were it alone.
    fn plan(
        &self,
        row: &Row,
        said: &UserRow,
        directory: &Directory,
        known: &HashMap<String, User>,
        taken: &HashSet<Unique>,
    ) -> Result<Planning, RowFault> {
        let (policy, now) = (&self.tenant.policy, self.import.created_at);
        let planning = match known.get(&said.external_id.folded()) {
            None => {
                let id = UserId::derive(&Seed::of(&[
                    "import",
                    self.import.id.as_str(),
                    &row.line.to_string(),
                ]));
                let user = User::new(id, said.draft(policy)?, now);
                let seats = said.lacking(None);
                may_add(&self.powers, &user, !seats.is_empty(), &directory.book)?;
                Planning::new(Outcome::Created, user.id, None, said, seats)
            }
            // Whom the importing user does not see is told as little of as uniqueness demands.
            Some(user) if !self.powers.sees(user) => {
                return Err(Refusal::ExternalIdTaken.into());
            }
            Some(user) => {
                let (after, seats) = (said.applied(user, now)?, said.lacking(Some(user)));
                let outcome = if after.is_some() || !seats.is_empty() {
                    let users = (user, after.as_ref().unwrap_or(user));
                    let (licences, book) = (!seats.is_empty(), &directory.book);
                    may_change(&self.powers, policy, users, licences, book)?;
                    Outcome::Updated
                } else {
                    Outcome::Unchanged
                };
                Planning::new(outcome, user.id.clone(), Some(user.version), said, seats)
            }
        };
        let email = said.email.as_ref();
        if email.is_some_and(|email| taken.contains(&Unique::Email(email.folded()))) {
            return Err(Refusal::EmailTaken.into());
        }
        Ok(planning)
    }
}

/// What is planned for a row that is not refused.
struct Planning {
    outcome: Outcome,
    user: UserId,
    version: Option<u64>,
    references: String,
    phone: Option<Phone>,
    seats: BTreeSet<ProductId>,
}

impl Planning {
    fn new(
        outcome: Outcome,
        user: UserId,
        version: Option<u64>,
        said: &UserRow,
        seats: BTreeSet<ProductId>,
    ) -> Self {
        Self {
            outcome,
            user,
            version,
            references: said.references.to_string(),
            phone: said.phone.clone(),
            seats,
        }
    }
}

impl Decided {
    fn new(row: Row, planned: Result<Planning, RowFault>) -> Self {
        match planned {
            Ok(planning) => Self {
                row,
                outcome: planning.outcome,
                fault: None,
                user: Some(planning.user),
                version: planning.version,
                references: planning.references,
                phone: planning.phone,
                seats: planning.seats,
            },
            Err(fault) => Self {
                row,
                outcome: Outcome::Refused,
                fault: Some(fault),
                user: None,
                version: None,
                references: String::new(),
                phone: None,
                seats: BTreeSet::new(),
            },
        }
    }
}

/// How many of these rows make a batch; none while rows may follow that belong to it.
fn batch(rows: &[Row], last: bool) -> Option<usize> {
    let mut bytes = 0;
    let fits = |row: &&Row| {
        bytes += row.bytes();
        bytes <= BATCH_BYTES
    };
    let length = rows.iter().take(BATCH).take_while(fits).count();
    let complete = last || length == BATCH || length < rows.len();
    // Whatever a row has, it gets on.
    (complete && !rows.is_empty()).then_some(length.max(1))
}

/// Marks rows that repeat a value of an earlier row.
fn mark(
    rows: Vec<Row>,
    duplicates: &mut Peekable<IntoIter<Duplicate>>,
) -> Vec<(Row, Option<RowFault>)> {
    let fault = |row: &Row, duplicates: &mut Peekable<IntoIter<Duplicate>>| {
        let mut fault = None;
        while let Some(duplicate) = duplicates.next_if(|duplicate| duplicate.line <= row.line) {
            if duplicate.line == row.line && fault.is_none() {
                fault = Some(RowFault {
                    code: duplicate.twice.code(),
                    message: duplicate.twice.message(duplicate.first),
                });
            }
        }
        fault
    };
    rows.into_iter()
        .map(|row| {
            let fault = fault(&row, duplicates);
            (row, fault)
        })
        .collect()
}

/// The plan file on its way to the bucket, and the chunks on their way to the table.
struct Writing<'a> {
    ctx: &'a Context,
    import: &'a Import,
    plan: PlanOf,
    writer: PlanWriter,
    upload: Upload,
    heading: u64,
    counts: Counts,
    problems: Vec<RowProblem>,
    chunk: Option<Chunk>,
    chunks: u32,
    /// The products, with the seats that the rows so far leave.
    seats: Seats,
}

impl<'a> Writing<'a> {
    fn new(planner: &Planner<'a>, writer: PlanWriter) -> Result<Self, Internal> {
        let key = planner.import.plan_key(&planner.tenant.id);
        let (Some(key), Some(plan)) = (key, planner.import.plan.clone()) else {
            return Err(Internal::Broken(
                "an import is planned without having been claimed",
            ));
        };
        let plan = PlanOf {
            tenant: planner.tenant.id.clone(),
            import: planner.import.id.clone(),
            plan,
        };
        let upload = planner.ctx.files().writer(key, "text/csv; charset=utf-8");
        let heading = writer.offset();
        Ok(Self {
            ctx: planner.ctx,
            import: planner.import,
            plan,
            writer,
            upload,
            heading,
            counts: Counts::default(),
            problems: Vec::new(),
            chunk: None,
            chunks: 0,
            seats: planner
                .directory
                .get()
                .map_or_else(Seats::default, Seats::of),
        })
    }

    async fn write(&mut self, decided: Vec<Decided>) -> Result<(), Internal> {
        for row in decided {
            // Seats go by the order of the file, so they are told out here and not where rows are compared.
            let row = match self.seats.take(&row.seats) {
                Ok(()) => row,
                Err(full) => Decided::new(row.row, Err(full.into())),
            };
            self.counts.add(row.outcome);
            let from = self.writer.offset();
            self.write_row(&row);
            if matches!(row.outcome, Outcome::Created | Outcome::Updated) {
                self.extend_chunk(from).await?;
            }
        }
        Ok(self.upload.write(&self.writer.take()).await?)
    }

    fn write_row(&mut self, decided: &Decided) {
        let version = decided
            .version
            .map(|version| version.to_string())
            .unwrap_or_default();
        let (code, message) = decided
            .fault
            .as_ref()
            .map_or(("", ""), |fault| (fault.code, fault.message.as_str()));
        let user = decided.user.as_ref().map_or("", UserId::as_str);
        self.writer.write(
            &decided.row,
            &Verdict {
                outcome: decided.outcome.as_str(),
                code,
                message,
                user,
                version: &version,
                references: &decided.references,
                phone: decided.phone.as_ref().map_or("", Phone::as_str),
            },
        );
        if decided.outcome == Outcome::Refused && self.problems.len() < PROBLEMS {
            self.problems.push(RowProblem {
                line: decided.row.line,
                code: code.to_owned(),
                message: message.chars().take(300).collect(),
            });
        }
    }

    /// Takes the row just written, which begins at `from`, into the chunk; a full chunk is put away.
    async fn extend_chunk(&mut self, from: u64) -> Result<(), Internal> {
        let to = self.writer.offset();
        // Changes far apart, with unchanged rows between them, make short chunks.
        if self
            .chunk
            .as_ref()
            .is_some_and(|chunk| to - chunk.from > CHUNK_BYTES)
        {
            self.end_chunk().await?;
        }
        let chunk = self.chunk.get_or_insert_with(|| Chunk {
            number: self.chunks,
            from,
            to,
            rows: 0,
            next: 0,
            done: Counts::default(),
            exceptions: Vec::new(),
            finished: false,
        });
        chunk.to = to;
        chunk.rows += 1;
        if chunk.rows >= CHUNK {
            self.end_chunk().await
        } else {
            Ok(())
        }
    }

    async fn end_chunk(&mut self) -> Result<(), Internal> {
        if let Some(chunk) = self.chunk.take() {
            let begun = self.import.created_at;
            self.ctx.store.put_chunk(&self.plan, &chunk, begun).await?;
            self.chunks += 1;
        }
        Ok(())
    }

    async fn finish(mut self, summary: Summary) -> Result<Planned, Internal> {
        // A plan that changes nothing has one empty chunk, whose worker writes the report.
        if self.chunks == 0 && self.chunk.is_none() {
            let at = self.writer.offset();
            self.chunk = Some(Chunk {
                number: 0,
                from: at,
                to: at,
                rows: 0,
                next: 0,
                done: Counts::default(),
                exceptions: Vec::new(),
                finished: false,
            });
        }
        self.end_chunk().await?;
        self.upload.write(&self.writer.take()).await?;
        self.upload.finish().await?;
        Ok(Planned {
            summary,
            heading: self.heading,
            counts: self.counts,
            problems: self.problems,
            chunks: self.chunks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize, bytes: usize) -> Vec<Row> {
        let (mut reader, mut rows) = (Reader::new(), Vec::new());
        let file = format!(
            "External ID\n{}",
            format!("{}\n", "x".repeat(bytes)).repeat(count)
        );
        reader.push(file.as_bytes(), &mut rows).unwrap();
        reader.finish(&mut rows).unwrap();
        rows
    }

    #[test]
    fn a_batch_ends_by_number_or_by_size_whichever_comes_first() {
        assert_eq!(batch(&rows(101, 5), false), Some(100));
        assert_eq!(batch(&rows(100, 5), false), Some(100));
        assert_eq!(batch(&rows(99, 5), false), None);
        assert_eq!(batch(&rows(99, 5), true), Some(99));
        assert_eq!(batch(&rows(9, BATCH_BYTES / 4), false), Some(4));
        assert_eq!(batch(&rows(4, BATCH_BYTES / 4), false), None);
        assert_eq!(batch(&rows(2, BATCH_BYTES - 8), false), Some(1));
        assert_eq!(batch(&[], true), None);
    }
}
