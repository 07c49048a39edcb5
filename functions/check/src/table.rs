//! Reads the table, part by part and page by page. What looks wrong on a page is looked at again, as it stands at one
//! moment, before it is told: whoever changes something meanwhile is not taken for a fault.

use std::collections::HashMap;

use futures::future::try_join_all;
use muster_shared::context::Context;
use muster_shared::domain::id::TenantId;
use muster_shared::domain::user::User;
use muster_shared::error::Internal;
use muster_shared::store::keys::{self, Key};
use muster_shared::store::kinds::Kind;
use muster_shared::store::{Item, StoreError, content};

use crate::around::Around;
use crate::cursor::Part;
use crate::judge::{Found, Moment, Subject, is_over, judge};
use crate::pace::Pace;
use crate::report::{Report, Rule, Violation, name_of};
use crate::tally;

/// How many items are read at a time; what they point to is read with them.
const PAGE: i32 = 500;

/// How many users of a page are looked for in the audit trail: those who were changed last.
const AUDITED: usize = 20;

/// How often an item is looked at again because what it points to was changed meanwhile.
const TRIES: usize = 8;

/// What a check is carried out with.
pub struct Check<'a> {
    /// The function's context.
    pub ctx: &'a Context,
    /// How fast, and for how long.
    pub pace: &'a Pace,
    /// For how long work may wait.
    pub patience: jiff::SignedDuration,
}

impl Check<'_> {
    fn moment(&self) -> Moment {
        Moment {
            now: self.ctx.clock.now(),
            patience: self.patience,
        }
    }

    /// Reads all parts of the table at once, each up to its end or until the time is over, at least a page of each.
    pub async fn table(&self, parts: &mut [Part]) -> Result<Report, Internal> {
        let of = i32::try_from(parts.len()).unwrap_or(i32::MAX);
        let reads = (0..).zip(parts.iter_mut());
        let reads = reads.map(|(number, part)| self.part((number, of), part));
        let mut report = Report::default();
        for read in try_join_all(reads).await? {
            report.merge(read);
        }
        Ok(report)
    }

    async fn part(&self, segment: (i32, i32), part: &mut Part) -> Result<Report, Internal> {
        let mut report = Report::default();
        while *part != Part::Done {
            self.pace.wait().await;
            let after = part.after();
            let (items, next) = self.ctx.store.scan(segment, after.as_ref(), PAGE).await?;
            self.page(items, &mut report).await?;
            *part = next.map_or(Part::Done, |key| Part::Until(key.pk, key.sk));
            if self.pace.is_over() {
                break;
            }
        }
        Ok(report)
    }

    async fn page(&self, items: Vec<Item>, report: &mut Report) -> Result<(), Internal> {
        let moment = self.moment();
        let (mut subjects, mut around) = (Vec::new(), Around::default());
        let mut found = HashMap::with_capacity(items.len());
        for item in items {
            let key = Key::of(&item);
            let Some(subject) = Subject::at(key.clone()) else {
                report.add(violation(&key, None, (Rule::UnknownItem, None)));
                continue;
            };
            *report.items.entry(subject.kind).or_default() += 1;
            if is_over(subject.kind, &item, moment.now) {
                continue;
            }
            if subject.kind == Kind::Membership
                && let Ok(membership) = content(item.clone())
            {
                around.learn_membership(&key.pk, membership);
            }
            subjects.push(subject);
            found.insert(key, item);
        }
        self.audited(&found, report).await?;
        around.learn(found.keys().cloned().collect(), found);
        for subject in self.suspects(&subjects, &mut around, moment).await? {
            self.pace.wait().await;
            self.look_again(subject, report).await?;
        }
        let tenants = subjects.iter().filter(|one| one.kind == Kind::Tenant);
        for tenant in tenants.filter_map(|subject| subject.tenant.as_ref()) {
            self.tally(tenant, report).await?;
        }
        Ok(())
    }

    /// Those of whom something does not seem to hold.
    async fn suspects<'s>(
        &self,
        subjects: &'s [Subject],
        around: &mut Around,
        moment: Moment,
    ) -> Result<Vec<&'s Subject>, StoreError> {
        let (mut open, mut suspects): (Vec<&Subject>, _) = (subjects.iter().collect(), Vec::new());
        while !open.is_empty() {
            let (mut unclear, mut asked) = (Vec::new(), Vec::new());
            for subject in open {
                let found = judge(subject, around, moment);
                let more = around.asked();
                if !more.is_empty() {
                    unclear.push(subject);
                    asked.extend(more);
                } else if !found.is_empty() {
                    suspects.push(subject);
                }
            }
            asked.sort_unstable();
            asked.dedup();
            self.pace.wait().await;
            let found = self.ctx.store.look(&asked).await?;
            around.learn(asked, found);
            open = unclear;
        }
        Ok(suspects)
    }

    async fn look_again(&self, subject: &Subject, report: &mut Report) -> Result<(), Internal> {
        match self.judged(subject).await {
            Ok(Some(found)) => {
                for found in found {
                    report.add(violation(&subject.key, Some(subject), found));
                }
            }
            Ok(None) | Err(StoreError::Contended) => report.unsettled += 1,
            // What it points to cannot be read, and is told of itself.
            Err(StoreError::Corrupt { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// What does not hold of an item, by all that it points to at one moment; none if that was other items each time.
    async fn judged(&self, subject: &Subject) -> Result<Option<Vec<Found>>, StoreError> {
        let mut keys = vec![subject.key.clone()];
        for _ in 0..TRIES {
            let mut around = Around::default();
            if subject.kind == Kind::Person {
                let folded = subject.key.pk.trim_start_matches("P#");
                for membership in self.ctx.store.memberships(folded).await? {
                    around.learn_membership(&subject.key.pk, membership);
                }
            }
            let found = self.ctx.store.snapshot(&keys).await?;
            around.learn(keys.clone(), found);
            let moment = self.moment();
            let over = |item: &Item| is_over(subject.kind, item, moment.now);
            if around.item(&subject.key).is_none_or(over) {
                return Ok(Some(Vec::new()));
            }
            let found = judge(subject, &around, moment);
            let asked = around.asked();
            if asked.is_empty() {
                return Ok(Some(found));
            }
            keys.extend(asked);
        }
        Ok(None)
    }

    /// Looks for the newest changes of a page in the audit trail. Not for all: that costs a query each.
    async fn audited(
        &self,
        found: &HashMap<Key, Item>,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        let mut users: Vec<(&String, &Key)> = found
            .iter()
            .filter(|(key, _)| key.sk.starts_with(keys::USER))
            .filter_map(|(key, item)| Some((item.get("updated_at")?.as_s().ok()?, key)))
            .collect();
        users.sort_unstable_by(|a, b| b.cmp(a));
        users.truncate(AUDITED);
        for (_, key) in users {
            let (Some(subject), Some(item)) = (Subject::at(key.clone()), found.get(key)) else {
                continue;
            };
            if let (Some(tenant), Ok(user)) = (&subject.tenant, content::<User>(item.clone()))
                && !self.is_told(tenant, &user).await?
            {
                report.add(violation(
                    key,
                    Some(&subject),
                    (Rule::ChangeUnaudited, None),
                ));
            }
        }
        Ok(())
    }

    /// Whether the trail tells of the user's newest change, or the user has been changed again meanwhile.
    async fn is_told(&self, tenant: &TenantId, user: &User) -> Result<bool, StoreError> {
        let (store, at) = (&self.ctx.store, user.updated_at);
        self.pace.wait().await;
        if store.tells_of(tenant, at, user.id.as_str()).await? {
            return Ok(true);
        }
        let now = store.user(tenant, &user.id).await?;
        Ok(now.is_none_or(|now| now.updated_at != at))
    }

    async fn tally(&self, tenant: &TenantId, report: &mut Report) -> Result<(), StoreError> {
        match tally::check(self, tenant).await {
            Ok(Some(found)) => {
                for (key, found) in found {
                    let subject = Subject::at(key.clone());
                    report.add(violation(&key, subject.as_ref(), found));
                }
            }
            Ok(None) => report.unsettled += 1,
            // What is counted cannot be read, and is told of itself.
            Err(StoreError::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn violation(key: &Key, subject: Option<&Subject>, (rule, detail): Found) -> Violation {
    Violation {
        rule,
        tenant: subject.and_then(|subject| subject.tenant.clone()),
        item: name_of(key, subject.map(|subject| subject.kind)),
        detail,
    }
}
