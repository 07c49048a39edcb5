//! People, who belong to no single company: what they sign in with, where they are members, their sessions and links.

use jiff::SignedDuration;
use muster_shared::domain::id::TenantId;
use muster_shared::domain::link::Link;
use muster_shared::domain::person::{Membership, Person};
use muster_shared::domain::session::Session;
use muster_shared::domain::user::User;
use muster_shared::store::people::NameHolder;
use muster_shared::store::{keys, links};

use super::Judge;
use crate::report::Rule;

impl Judge<'_> {
    pub(super) fn person(&mut self) {
        let Some(person) = self.read::<Person>() else {
            return;
        };
        let folded = person.email.folded();
        self.stands_at(&keys::person(&folded));
        let name = keys::username(&person.username.folded());
        let holder: Option<NameHolder> = self.around.get(&name);
        let leads = holder.is_some_and(|holder| holder.person == folded);
        self.expect(leads, Rule::UsernameGuardMissing);
        let joined = |membership: &Membership| {
            let key = keys::user(&membership.tenant, &membership.user);
            let user: Option<User> = self.around.get(&key);
            user.is_some_and(|user| {
                user.activated_at.is_some() && Membership::leads_to(&user, &folded)
            })
        };
        // All are asked for, so that one reading is enough.
        let memberships = self.around.memberships(&self.key.pk).iter();
        let joined = memberships.filter(|membership| joined(membership)).count();
        self.expect(joined > 0, Rule::PersonWithoutUser);
    }

    pub(super) fn membership(&mut self, tenant: &TenantId) {
        let Some(membership) = self.read::<Membership>() else {
            return;
        };
        let folded = self.key.pk.trim_start_matches("P#");
        self.stands_at(&keys::membership(folded, &membership.tenant));
        let user: Option<User> = self.around.get(&keys::user(tenant, &membership.user));
        let leads = user.is_some_and(|user| Membership::leads_to(&user, folded));
        self.expect_of(leads, Rule::MembershipOrphaned, &membership.user);
    }

    pub(super) fn username(&mut self) {
        let Some(NameHolder { person }) = self.read() else {
            return;
        };
        let person: Option<Person> = self.around.get(&keys::person(&person));
        let name = self.key.pk.trim_start_matches("N#");
        let has = person.is_some_and(|person| person.username.folded() == name);
        self.expect(has, Rule::UsernameGuardOrphaned);
    }

    /// A session may outlive its user: whoever presents its token is looked up anew.
    pub(super) fn session(&mut self) {
        if let Some(session) = self.read::<Session>() {
            self.is_swept(session.expires_at, SignedDuration::ZERO);
        }
    }

    /// A link may outlive what it is for: whoever follows it is looked up anew.
    pub(super) fn link(&mut self) {
        let Some(link) = self.read::<Link>() else {
            return;
        };
        self.stands_at(&keys::link(&link.id));
        self.is_swept(link.created_at, links::KEPT);
        let end = link.expires_at.map(jiff::Timestamp::as_second);
        self.expect(self.number(keys::ENDS) == end, Rule::TtlWrong);
    }
}
