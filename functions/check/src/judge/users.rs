//! Users, and what hangs on them: guards, invitations, licences, accounts.

use muster_shared::domain::email::Email;
use muster_shared::domain::id::{TenantId, UserId};
use muster_shared::domain::invitation::{Invitation, Invited};
use muster_shared::domain::leaving::restorable_until;
use muster_shared::domain::letter::Mail;
use muster_shared::domain::link::{Link, Purpose};
use muster_shared::domain::person::{Membership, Person};
use muster_shared::domain::user::User;
use muster_shared::store::accounts::counted;
use muster_shared::store::invitations::KEPT;
use muster_shared::store::keys::{self, Key};
use muster_shared::store::tenants::CodeHolder;
use muster_shared::store::users::{Guard, Unique, user_item};
use muster_shared::store::{Item, links};

use super::Judge;
use crate::report::Rule;

/// Whether the user has been invited, and nobody has come, or been turned away, since.
fn is_pending(user: &User) -> bool {
    user.invited.is_some()
        && user.activated_at.is_none()
        && user.suspended_at.is_none()
        && user.deleted_at.is_none()
}

impl Judge<'_> {
    pub(super) fn user(&mut self, tenant: &TenantId) {
        let Some(user) = self.read::<User>() else {
            return;
        };
        self.stands_at(&keys::user(tenant, &user.id));
        self.index_keys(&user_item(tenant, &user).unwrap_or_default());
        self.state(&user);
        for value in Unique::of(&user) {
            let rule = match value {
                Unique::Email(_) => Rule::EmailGuardMissing,
                Unique::ExternalId(_) => Rule::ExternalIdGuardMissing,
            };
            let guard: Option<Guard> = self.around.get(&value.key(tenant));
            self.expect(guard.is_some_and(|guard| guard.user == user.id), rule);
        }
        self.licences(tenant, &user);
        if let Some(account) = counted(Some(&user)) {
            let there = |key: &Key| self.around.item(key).is_some();
            let known = there(&keys::user_in_account(tenant, account, &user.id));
            let exists = there(&keys::account(tenant, account));
            self.expect_of(known, Rule::AccountMembershipMissing, account);
            self.expect_of(exists, Rule::AccountMissing, account);
        }
        if let Some(invited) = &user.invited {
            self.invited(tenant, &user, invited);
        }
        if let (None, Some(email)) = (user.deleted_at, &user.email) {
            self.behind(tenant, &user, email);
        }
        self.email_change(tenant, &user);
        if let Some(end) = restorable_until(&user) {
            self.in_time(false, end);
        }
    }

    /// Lists and schedules find it where its content says, and nowhere else.
    fn index_keys(&mut self, expected: &Item) {
        for name in [keys::NAME_KEY, keys::EXPIRY_SHARD, keys::EXPIRY_KEY] {
            let right = self.item.get(name) == expected.get(name);
            self.expect_of(right, Rule::IndexKeyWrong, &name);
        }
    }

    fn state(&mut self, user: &User) {
        let left = user.suspended_at.is_some() || user.deleted_at.is_some();
        let free =
            user.licences.is_empty() && user.invited.is_none() && user.email_change.is_none();
        let detail = "holds something though it is suspended or deleted";
        self.expect_of(!left || free, Rule::UserContradictory, &detail);
        let active = user.activated_at.is_some();
        let signs_in = user.username.is_some() == active && (user.email.is_some() || !active);
        let detail = "active without username or address, or the other way round";
        self.expect_of(signs_in, Rule::UserContradictory, &detail);
    }

    fn licences(&mut self, tenant: &TenantId, user: &User) {
        for (product, licence) in &user.licences {
            let holder: Option<CodeHolder> = self.around.get(&keys::code(licence.code.as_str()));
            let ours = |holder: &CodeHolder| {
                holder.tenant == *tenant && holder.user == user.id && holder.product == *product
            };
            let led = holder.is_some_and(|holder| ours(&holder));
            self.expect_of(led, Rule::LicenceCodeMissing, product);
        }
    }

    fn invited(&mut self, tenant: &TenantId, user: &User, invited: &Invited) {
        let stands = invited
            .expires_at
            .is_none_or(|end| self.moment.is_ahead(end));
        if is_pending(user) && stands {
            let invitation: Option<Invitation> =
                self.around.get(&keys::invitation(tenant, &user.id));
            let there = invitation.is_some_and(|invitation| invitation.mail == invited.mail);
            self.expect(there, Rule::InvitationMissing);
        }
        let mail: Option<Mail> = self.around.get(&keys::mail(&invited.mail));
        let same = mail.is_none_or(|mail| mail.state == invited.state);
        self.expect_of(same, Rule::MailStateDiffers, &invited.mail);
    }

    /// The person behind the address, and that the address leads to the user.
    fn behind(&mut self, tenant: &TenantId, user: &User, email: &Email) {
        let folded = email.folded();
        let active = user.activated_at.is_some();
        if active || user.invited.is_some() {
            let membership: Option<Membership> =
                self.around.get(&keys::membership(&folded, tenant));
            let leads = membership.is_some_and(|membership| membership.user == user.id);
            self.expect(leads, Rule::MembershipMissing);
        }
        if !active {
            return;
        }
        match self.around.get::<Person>(&keys::person(&folded)) {
            Some(person) => {
                let same = user.username.as_ref() == Some(&person.username);
                self.expect(same, Rule::UsernameDiffers);
            }
            None => self.expect(false, Rule::PersonMissing),
        }
    }

    fn email_change(&mut self, tenant: &TenantId, user: &User) {
        let Some(change) = &user.email_change else {
            return;
        };
        let swept = change.at.saturating_add(links::KEPT).unwrap_or(change.at);
        let waits = self.moment.is_ahead(change.expires_at.unwrap_or(swept));
        if !waits || !self.moment.is_ahead(swept) {
            return;
        }
        let ours = Purpose::Email {
            tenant: tenant.clone(),
            user: user.id.clone(),
        };
        let good = |link: &Link| {
            link.spent.is_none() && link.purpose == ours && link.expires_at == change.expires_at
        };
        let link: Option<Link> = self.around.get(&keys::link(&change.link));
        self.expect_of(
            link.is_some_and(|link| good(&link)),
            Rule::LinkMissing,
            &change.link,
        );
    }

    /// The guard of an address or an external ID.
    pub(super) fn guard(&mut self, tenant: &TenantId) {
        let Some(Guard { user: id }) = self.read() else {
            return;
        };
        let value = if let Some(folded) = self.key.sk.strip_prefix(keys::EMAIL) {
            Unique::Email(folded.to_owned())
        } else {
            let folded = self.key.sk.trim_start_matches(keys::EXTERNAL_ID);
            Unique::ExternalId(folded.to_owned())
        };
        self.stands_at(&value.key(tenant));
        let has = |user: User| Unique::of(&user).contains(&value);
        let held = self.user_of(tenant, &id).is_some_and(has);
        self.expect_of(held, Rule::GuardOrphaned, &id);
    }

    fn user_of(&self, tenant: &TenantId, id: &UserId) -> Option<User> {
        self.around.get(&keys::user(tenant, id))
    }

    pub(super) fn invitation(&mut self, tenant: &TenantId) {
        let Some(invitation) = self.read::<Invitation>() else {
            return;
        };
        let id = &invitation.user;
        self.stands_at(&keys::invitation(tenant, id));
        self.life_of_link(tenant, &invitation);
        let user = self.user_of(tenant, id).filter(is_pending);
        let invited = user.and_then(|user| user.invited);
        let Some(invited) = invited.filter(|invited| invited.mail == invitation.mail) else {
            self.expect(false, Rule::InvitationOrphaned);
            return;
        };
        let same = invited.at == invitation.created_at
            && invited.inviter == invitation.inviter
            && invited.sent_at == invitation.sent_at
            && invited.expires_at == invitation.expires_at;
        self.expect(same, Rule::InvitationDiffers);
    }

    /// All that follows from when the link ends.
    fn life_of_link(&mut self, tenant: &TenantId, invitation: &Invitation) {
        let mut expected = Item::new();
        if let Some(end) = invitation.expires_at {
            let keys = keys::expiry(tenant, &invitation.user, end);
            expected
                .extend(keys.map(|(name, key)| (name.to_owned(), muster_shared::store::s(key))));
            self.is_swept(end, KEPT);
            self.in_time(false, end);
        } else {
            self.expect(self.number(keys::TTL).is_none(), Rule::TtlWrong);
        }
        let end = invitation.expires_at.map(jiff::Timestamp::as_second);
        self.expect(self.number(keys::ENDS) == end, Rule::InvitationDiffers);
        self.index_keys(&expected);
    }

    pub(super) fn user_in_account(&mut self, tenant: &TenantId) {
        let mut ids = self.key.sk.split('#').skip(1);
        let account = ids.next().unwrap_or_default();
        let user = ids.next().and_then(|id| UserId::parse(id).ok());
        let Some(id) = user else {
            self.expect(false, Rule::WrongPlace);
            return;
        };
        let user = self.user_of(tenant, &id);
        let inside = counted(user.as_ref()).filter(|counted| counted.as_str() == account);
        match inside {
            Some(account) => self.stands_at(&keys::user_in_account(tenant, account, &id)),
            None => self.expect(false, Rule::AccountMembershipOrphaned),
        }
    }

    pub(super) fn licence_code(&mut self) {
        let Some(holder) = self.read::<CodeHolder>() else {
            return;
        };
        let user = self.user_of(&holder.tenant, &holder.user);
        let licence = user.and_then(|mut user| user.licences.remove(&holder.product));
        let code = self.key.pk.trim_start_matches("K#");
        let held = licence.is_some_and(|licence| licence.code.as_str() == code);
        self.expect_of(
            held,
            Rule::LicenceCodeOrphaned,
            &format!("{} {} {}", holder.tenant, holder.user, holder.product),
        );
    }
}
