//! A chunk's rows, in transactions that each move the checkpoint: a crash at any point resumes there, and what is done
//! twice is done once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use muster_shared::context::Context;
use muster_shared::domain::audit::{Actor, Entry, Target};
use muster_shared::domain::directory::{References, Seats};
use muster_shared::domain::id::{AuditId, ProductId, Seed, UserId};
use muster_shared::domain::import::{Chunk, Exception, Import, Outcome};
use muster_shared::domain::importing::{may_add, may_change};
use muster_shared::domain::invitation::Offer;
use muster_shared::domain::licence::{Code, Licence};
use muster_shared::domain::permission::Permission;
use muster_shared::domain::powers::Powers;
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::tenant::{InviteOnCreate, Product, Tenant};
use muster_shared::domain::throttle::Subject;
use muster_shared::domain::user::User;
use muster_shared::error::Internal;
use muster_shared::files::{PlanReader, PlanRow, RowFault, UserRow};
use muster_shared::store::StoreError;
use muster_shared::store::imports::PlanOf;
use muster_shared::store::tenants::{CodeHolder, read_product};
use muster_shared::store::transaction::{Failed, MOST, Transaction};

use super::SHIFT;
use super::known::Known;

/// A row that the plan wants to change something for.
struct Step {
    line: u64,
    outcome: Outcome,
    user: UserId,
    version: Option<u64>,
    said: Result<UserRow, RowFault>,
}

impl Step {
    /// What the row refers to.
    fn references(&self) -> Option<&References> {
        self.said.as_ref().ok().map(|said| &said.references)
    }
}

/// What a step makes.
struct Made<'a> {
    before: Option<&'a User>,
    after: User,
    offer: Option<Offer>,
    /// The products of which it takes a seat.
    seats: BTreeSet<ProductId>,
}

/// The parts of a group's transaction.
#[derive(Clone)]
enum Part {
    /// The step with this place in the group, and why it cannot be done.
    Step(usize, Refusal),
    /// The seats that the group takes of a product.
    Seats(ProductId),
    /// The chunk's checkpoint.
    Checkpoint,
}

const GONE: Internal = Internal::Broken("the plan lacks a chunk");

/// What all groups of a chunk have in common.
struct Applying<'a> {
    ctx: &'a Context,
    plan: &'a PlanOf,
    import: &'a Import,
    tenant: Tenant,
    /// What whoever imports may do now, which may be less than when the plan was made.
    powers: Powers,
    known: Known,
    /// What licence codes are made from. Random, because they are secret: what is done twice is done once by the
    /// checkpoint, not by its ids.
    seed: Seed,
}

/// How often a group is tried anew because others held its items throughout: workers share the count of seats.
const PATIENCE: u32 = 10;

/// The most rows of a transaction: the audit entry of so many new users has two kilobytes, and all entries of a month share a
/// partition.
const MOST_ROWS: usize = 30;

/// Carries out the rows from the checkpoint on, as many as there is time for.
pub async fn run(
    ctx: &Context,
    plan: &PlanOf,
    import: &Import,
    mut chunk: Chunk,
) -> Result<Chunk, Internal> {
    let tenant = ctx
        .store
        .tenant(&plan.tenant)
        .await?
        .ok_or(Internal::Broken("the import's tenant is gone"))?;
    let powers = (ctx.store)
        .importing_powers(&tenant, &import.actor, ctx.clock.now())
        .await?;
    let began = ctx.clock.now();
    let mut applying = Applying {
        ctx,
        plan,
        import,
        tenant,
        powers,
        known: Known::default(),
        seed: Seed::random()?,
    };
    let steps = applying.steps(&chunk).await?;
    let said = || steps.iter().filter_map(|step| step.said.as_ref().ok());
    applying.known = Known::of(ctx, &applying.tenant.id, said).await?;
    while let Some(rest) = steps.get(chunk.next as usize..)
        && !rest.is_empty()
        && ctx.clock.now().duration_since(began) < SHIFT
    {
        let group = rest.split_at(applying.group_size(rest)).0;
        chunk = match applying.apply(&chunk, group).await? {
            Some(moved) => moved,
            // Another delivery of the message is ahead. Its worker may die all the same, and this delivery be the last:
            // on from where it came to.
            None => ctx.store.chunk(plan, chunk.number).await?.ok_or(GONE)?,
        };
    }
    Ok(chunk)
}

impl Applying<'_> {
    /// How many of the steps fit into one transaction, beside the checkpoint and the audit entry.
    fn group_size(&self, steps: &[Step]) -> usize {
        let mut parts = 2;
        let mut products = BTreeSet::new();
        let fits = |step: &&Step| {
            parts += match (&step.said, step.outcome) {
                // The user and its guards, and an invitation with its mail, membership and count.
                (Ok(said), Outcome::Created) if said.email.is_none() => 2,
                (Ok(_), Outcome::Created) => 3 + if self.invites() { 4 } else { 0 },
                // The user, the guards of old and new address, and the invitation withdrawn with its membership.
                _ => 5,
            };
            if let Some(references) = step.references() {
                // A code each, and the seats of each product once; an account left, one come into, and a look at it.
                parts += references.products.len();
                products.extend(references.products.iter().cloned());
                parts += if references.accounts.is_empty() { 0 } else { 3 };
            }
            parts + products.len() <= MOST
        };
        let steps = steps.iter().take(MOST_ROWS);
        steps.take_while(fits).count().max(1)
    }

    /// Whether users are invited as they are added: where the policy says so, and whoever imports may invite.
    fn invites(&self) -> bool {
        self.tenant.policy.invite_on_create == InviteOnCreate::Automatic
            && self.powers.permit_for_some(Permission::UsersInvite)
    }

    /// The steps of a chunk, read from the plan.
    async fn steps(&self, chunk: &Chunk) -> Result<Vec<Step>, Internal> {
        const GONE: Internal = Internal::Broken("the plan is gone");
        if chunk.rows == 0 {
            return Ok(Vec::new());
        }
        let key = self.import.plan_key(&self.tenant.id).ok_or(GONE)?;
        let heading = self
            .ctx
            .files()
            .read_range(&key, 0, self.import.heading)
            .await?
            .ok_or(GONE)?;
        let part = self
            .ctx
            .files()
            .read_range(&key, chunk.from, chunk.to)
            .await?
            .ok_or(GONE)?;
        let rows = PlanReader::new(&heading)?.rows(&part);
        rows.map(|row| Ok(self.step(&row?)))
            .filter_map(Result::transpose)
            .collect()
    }

    /// What a row of the plan asks for, if it asks for anything.
    fn step(&self, row: &PlanRow) -> Option<Step> {
        let verdict = row.verdict();
        let outcome = Outcome::parse(verdict.outcome)
            .filter(|outcome| matches!(outcome, Outcome::Created | Outcome::Updated))?;
        let user = UserId::parse(verdict.user).ok()?;
        Some(Step {
            line: row.row.line,
            outcome,
            user,
            version: verdict.version.parse().ok(),
            said: References::parse(verdict.references)
                .ok_or_else(moved_on)
                .and_then(|to| UserRow::planned(&row.row, &self.tenant.policy, to, verdict.phone)),
        })
    }

    /// Does a group; none if another worker overtook. The invitations that it sends are taken from the tenant's day
    /// beforehand, not in its transaction: all workers share that count, and would wait for each other's
    /// transactions. A crash between the two loses at most the few of one group.
    async fn apply(&self, chunk: &Chunk, group: &[Step]) -> Result<Option<Chunk>, Internal> {
        let (subject, now) = (Subject::invitations(&self.tenant.id), self.ctx.clock.now());
        let allowance = self.tenant.invitations();
        let wanted = group.iter().filter(|step| self.to_invite(step)).count();
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let store = &self.ctx.store;
        let granted = store.take_up_to(&subject, allowance, wanted, now).await?;
        let mut left = granted;
        let mut invited = |step: &Step| {
            let invited = self.to_invite(step) && left > 0;
            left -= u32::from(invited);
            invited
        };
        let invited: Vec<bool> = group.iter().map(&mut invited).collect();
        let (moved, used) = self.carry_out(chunk, group, &invited).await?;
        if used < granted {
            let unused = granted - used;
            store.give_back(&subject, allowance, unused, now).await?;
        }
        Ok(moved)
    }

    /// Whether a step is to invite the user that it adds.
    fn to_invite(&self, step: &Step) -> bool {
        let address = |said: &UserRow| said.email.is_some();
        step.outcome == Outcome::Created && self.invites() && step.said.as_ref().is_ok_and(address)
    }

    /// Does a group in one transaction, inviting whom `invited` says; how many were. Steps that can no longer be done as
    /// planned become exceptions, and the others are done without them.
    async fn carry_out(
        &self,
        chunk: &Chunk,
        group: &[Step],
        invited: &[bool],
    ) -> Result<(Option<Chunk>, u32), Internal> {
        let mut refused: Vec<Option<RowFault>> = group
            .iter()
            .map(|step| step.said.as_ref().err().cloned())
            .collect();
        let mut products = self.products(group).await?;
        let mut patience = PATIENCE;
        loop {
            let now = self.ctx.clock.now();
            let current = self.current(group, &refused).await?;
            let mut transaction = Transaction::new(&self.ctx.store);
            let (mut targets, mut taken) = (Vec::new(), BTreeMap::new());
            let mut seats = Seats::left(products.values());
            for (place, step) in group.iter().enumerate() {
                if refused[place].is_some() {
                    continue;
                }
                let made = self.make(step, current[place].as_ref(), invited[place], now);
                match made.and_then(|made| Ok(seats.take(&made.seats).map(|()| made)?)) {
                    Ok(made) => {
                        targets.push(self.add(&mut transaction, place, &made)?);
                        for product in made.seats {
                            *taken.entry(product).or_insert(0) += 1;
                        }
                    }
                    Err(fault) => refused[place] = Some(fault),
                }
            }
            for (id, count) in taken {
                if let Some(product) = products.get(&id) {
                    transaction.take_seats(&self.tenant.id, product, count, Part::Seats(id));
                }
            }
            let moved = self.moved(chunk, group, &refused, invited);
            transaction.checkpoint(self.plan, chunk, &moved, Part::Checkpoint)?;
            if !targets.is_empty() {
                transaction.audit(&self.tenant.id, &entry(self.import, chunk, targets, now))?;
            }
            let failed = match transaction.commit_giving_way().await {
                Ok(Ok(())) => {
                    let used = refused.iter().zip(invited);
                    let used = used.filter(|(refused, invited)| refused.is_none() && **invited);
                    return Ok((Some(moved), u32::try_from(used.count()).unwrap_or(u32::MAX)));
                }
                Ok(Err(failed)) => failed,
                Err(StoreError::Contended) if patience > 0 => {
                    patience -= 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            for Failed { tag, found } in failed {
                match (tag, found) {
                    (Part::Checkpoint, _) => return Ok((None, 0)),
                    (Part::Step(place, refusal), _) => refused[place] = Some(refusal.into()),
                    (Part::Seats(id), Some(found)) => {
                        products.insert(id, read_product(found)?);
                    }
                    (Part::Seats(id), None) => {
                        products.remove(&id);
                    }
                }
            }
        }
    }

    /// The products that the group wants seats of, as they stand now.
    async fn products(&self, group: &[Step]) -> Result<BTreeMap<ProductId, Product>, Internal> {
        let wants = |step: &Step| {
            let references = step.references();
            references.is_some_and(|references| !references.products.is_empty())
        };
        let products = if group.iter().any(wants) {
            self.ctx.store.products(&self.tenant.id).await?
        } else {
            Vec::new()
        };
        Ok(products
            .into_iter()
            .map(|product| (product.id.clone(), product))
            .collect())
    }

    /// The users that the group changes, as they stand now.
    async fn current(
        &self,
        group: &[Step],
        refused: &[Option<RowFault>],
    ) -> Result<Vec<Option<User>>, Internal> {
        let changed = |(step, refused): &(&Step, &Option<RowFault>)| {
            step.outcome == Outcome::Updated && refused.is_none()
        };
        let ids: Vec<UserId> = group
            .iter()
            .zip(refused)
            .filter(changed)
            .map(|(step, _)| step.user.clone())
            .collect();
        let mut users = self
            .ctx
            .store
            .users(&self.tenant.id, &ids)
            .await?
            .into_iter();
        Ok(group
            .iter()
            .zip(refused)
            .map(|each| {
                if changed(&each) {
                    users.next().flatten()
                } else {
                    None
                }
            })
            .collect())
    }

    /// The invitation of a user who is added.
    fn offer(&self, user: &User, line: u64, now: Timestamp) -> Option<Offer> {
        let inviter = match &self.import.actor {
            Actor::User { id } => Some(id),
            _ => None,
        };
        let seed = Seed::of(&[
            "import-invitation",
            self.import.id.as_str(),
            &line.to_string(),
        ]);
        Offer::to(user, &self.tenant.id, inviter, &seed, now).ok()
    }

    /// What a step makes, licences included; or why it can no longer be done.
    fn make<'u>(
        &self,
        step: &Step,
        current: Option<&'u User>,
        invited: bool,
        now: Timestamp,
    ) -> Result<Made<'u>, RowFault> {
        let said = step.said.as_ref().map_err(RowFault::clone)?;
        self.known.check(&said.references)?;
        let mut made = if step.outcome == Outcome::Created {
            self.create(step, said, invited, now)?
        } else {
            self.change(step, said, current, now)?
        };
        for product in &made.seats {
            let code = Code::derive(&self.seed.child(&format!("{product}/{}", step.user)));
            let licence = Licence::assigned(code, now);
            made.after.licences.insert(product.clone(), licence);
        }
        Ok(made)
    }

    fn create(
        &self,
        step: &Step,
        said: &UserRow,
        invited: bool,
        now: Timestamp,
    ) -> Result<Made<'static>, RowFault> {
        let draft = said.draft(&self.tenant.policy)?;
        let mut after = User::new(step.user.clone(), draft, now);
        let seats = said.lacking(None);
        may_add(&self.powers, &after, !seats.is_empty(), &self.known.book)?;
        let offer = invited
            .then(|| self.offer(&after, step.line, now))
            .flatten();
        if let Some(offer) = &offer {
            after = offer.applied(&after);
        }
        Ok(Made {
            before: None,
            after,
            offer,
            seats,
        })
    }

    fn change<'u>(
        &self,
        step: &Step,
        said: &UserRow,
        current: Option<&'u User>,
        now: Timestamp,
    ) -> Result<Made<'u>, RowFault> {
        let before = current.filter(|user| Some(user.version) == step.version);
        let before = before.ok_or_else(moved_on)?;
        let (after, seats) = (said.applied(before, now)?, said.lacking(Some(before)));
        if after.is_none() && seats.is_empty() {
            return Err(moved_on());
        }
        let users = (before, after.as_ref().unwrap_or(before));
        let (licences, book) = (!seats.is_empty(), &self.known.book);
        may_change(&self.powers, &self.tenant.policy, users, licences, book).map_err(
            |refusal| {
                match refusal {
                    // The plan knew the user, so it is the powers that are not what they were.
                    Refusal::UserNotFound => Refusal::BeyondYourRights,
                    refusal => refusal,
                }
            },
        )?;
        let after = after.unwrap_or_else(|| User {
            updated_at: now,
            ..before.clone()
        });
        Ok(Made {
            before: Some(before),
            after,
            offer: None,
            seats,
        })
    }

    /// Adds what a step makes to the transaction, but for the seats, which the group takes together.
    fn add(
        &self,
        transaction: &mut Transaction<'_, Part>,
        place: usize,
        made: &Made<'_>,
    ) -> Result<Target, StoreError> {
        let tag = |refusal| Part::Step(place, refusal);
        let (tenant, after) = (&self.tenant.id, &made.after);
        for product in &made.seats {
            if let Some(licence) = after.licences.get(product) {
                let holder = CodeHolder {
                    tenant: tenant.clone(),
                    user: after.id.clone(),
                    product: product.clone(),
                };
                transaction.add_code(&licence.code, &holder, tag(Refusal::Busy))?;
            }
        }
        let Some(before) = made.before else {
            transaction.add_user(tenant, after, tag)?;
            if let Some(offer) = &made.offer {
                transaction.offer(tenant, offer, tag(Refusal::Busy))?;
                transaction.count_offer(tenant, offer, tag(Refusal::TooManyInvitations));
            }
            // What else was said of it stands in the report, and on the user.
            return Ok(Target::added(after).plain());
        };
        transaction.edit_user(tenant, before, after, tag)?;
        transaction.leave_address(tenant, before, after);
        Ok(Target::changed(before, after))
    }

    /// The chunk with its checkpoint behind the group. Whose invitation was to go out and could not is told as well.
    fn moved(
        &self,
        chunk: &Chunk,
        group: &[Step],
        refused: &[Option<RowFault>],
        invited: &[bool],
    ) -> Chunk {
        let mut moved = chunk.clone();
        for (place, step) in group.iter().enumerate() {
            moved.next += 1;
            let fault = refused[place].clone();
            let outcome = if fault.is_some() {
                Outcome::Refused
            } else {
                step.outcome
            };
            moved.done.add(outcome);
            let not_invited = self.to_invite(step) && !invited[place];
            if let Some(fault) = fault.or_else(|| not_invited.then(not_invited_today)) {
                moved.exceptions.push(Exception {
                    line: step.line,
                    outcome,
                    code: fault.code.to_owned(),
                    message: fault.message,
                });
            }
        }
        moved
    }
}

fn not_invited_today() -> RowFault {
    RowFault {
        code: Refusal::NoInvitationsLeft.code(),
        message: "Added, but not invited: the company has sent all its invitations of the day."
            .to_owned(),
    }
}

fn moved_on() -> RowFault {
    RowFault {
        code: "changed_since_plan",
        message: "The user was changed after the plan was made; import the row again.".to_owned(),
    }
}

fn entry(import: &Import, chunk: &Chunk, targets: Vec<Target>, at: Timestamp) -> Entry {
    let id = AuditId::derive(&Seed::of(&[
        "import",
        import.id.as_str(),
        &chunk.number.to_string(),
        &chunk.next.to_string(),
    ]));
    let targets = targets
        .into_iter()
        .chain([Target::of(&import.id)])
        .collect();
    Entry {
        id,
        at,
        actor: import.actor.clone(),
        operation: "users.import".to_owned(),
        targets,
    }
}
