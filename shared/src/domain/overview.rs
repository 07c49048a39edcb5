//! How many users of a company stand where.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::invitation::MailState;
use super::user::{Kind, Status, User};

/// How near its end an invitation is called expiring.
pub const SOON: SignedDuration = SignedDuration::from_hours(6);

/// How long a count may take before another is begun in its place: longer than the worker and its retries run.
pub const PATIENCE: SignedDuration = SignedDuration::from_hours(2);

/// Users by where they stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ByStatus {
    /// Nobody has invited them.
    pub not_invited: u64,
    /// Invited, and the link is on its way or good.
    pub activation_pending: u64,
    /// Invited, and nobody came in time.
    pub invitation_expired: u64,
    /// Signed up, or active by a licence.
    pub active: u64,
    /// Barred for now.
    pub suspended: u64,
    /// Deleted, and restorable.
    pub deleted: u64,
}

/// Users who are not deleted, by what they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ByKind {
    /// Drivers, administrators.
    pub person: u64,
    /// Vehicles.
    pub vehicle: u64,
    /// Devices.
    pub device: u64,
}

/// Invitations that somebody may want to look at: those of users who have not come yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToLookAt {
    /// Whose link ends within six hours.
    pub expiring: u64,
    /// Whose mail was turned away.
    pub bounced: u64,
    /// Whose mail was reported as spam.
    pub complained: u64,
    /// Whose mail the mail service refused.
    pub failed: u64,
}

/// How many users stand where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = UserCounts)]
pub struct Counts {
    /// By status.
    pub status: ByStatus,
    /// By kind.
    pub kind: ByKind,
    /// Invitations to look at.
    pub invitations: ToLookAt,
}

impl Counts {
    /// Counts a user in.
    pub fn add(&mut self, user: &User, now: Timestamp) {
        let status = user.status(now);
        *match status {
            Status::NotInvited => &mut self.status.not_invited,
            Status::ActivationPending => &mut self.status.activation_pending,
            Status::InvitationExpired => &mut self.status.invitation_expired,
            Status::Active => &mut self.status.active,
            Status::Suspended => &mut self.status.suspended,
            Status::Deleted => &mut self.status.deleted,
        } += 1;
        if status == Status::Deleted {
            return;
        }
        *match user.kind {
            Kind::Person => &mut self.kind.person,
            Kind::Vehicle => &mut self.kind.vehicle,
            Kind::Device => &mut self.kind.device,
        } += 1;
        if matches!(
            status,
            Status::ActivationPending | Status::InvitationExpired
        ) {
            self.invitations.add(user, status, now);
        }
    }
}

impl ToLookAt {
    fn add(&mut self, user: &User, status: Status, now: Timestamp) {
        let Some(invited) = &user.invited else {
            return;
        };
        match invited.mail_state(now) {
            MailState::Bounced => self.bounced += 1,
            MailState::Complained => self.complained += 1,
            MailState::Failed => self.failed += 1,
            MailState::Queued | MailState::Sending | MailState::Sent | MailState::Delivered => {
                let left = invited.expires_at.map(|end| end.duration_since(now));
                let soon = left.is_some_and(|left| left <= SOON);
                self.expiring += u64::from(status == Status::ActivationPending && soon);
            }
        }
    }
}

/// What the company's overview knows of its users.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// The newest count; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_at: Option<Timestamp>,
    /// When the count was asked for that runs now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::super::email::Email;
    use super::super::id::{Seed, TenantId, UserId};
    use super::super::invitation::Offer;
    use super::super::leaving::Step;
    use super::super::user::Draft;
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn user(name: &str, kind: Kind) -> User {
        let draft = Draft {
            kind,
            email: Email::parse(&format!("{name}@example.com")).ok(),
            ..Draft::default()
        };
        User::new(UserId::derive(&Seed::of(&[name])), draft, NOW)
    }

    fn invited(name: &str, state: MailState, hours_left: i64) -> User {
        let tenant = TenantId::with_shards(&Seed::of(&["t"]), 1);
        let user = user(name, Kind::Person);
        let offer = Offer::to(&user, &tenant, None, &Seed::of(&[name]), NOW).unwrap();
        let mut user = offer.applied(&user);
        let invited = user.invited.as_mut().unwrap();
        invited.state = state;
        invited.expires_at = Some(NOW + SignedDuration::from_hours(hours_left));
        user
    }

    #[test]
    fn everybody_is_counted_where_they_stand_and_invitations_where_they_need_a_look() {
        let truck = user("truck", Kind::Vehicle);
        let users = [
            truck.clone(),
            Step::Suspend.applied(&truck, NOW),
            Step::Delete.applied(&truck, NOW),
            invited("pending", MailState::Delivered, 7),
            invited("expiring", MailState::Sent, 6),
            invited("expired", MailState::Delivered, 0),
            invited("bounced", MailState::Bounced, 3),
            invited("spam", MailState::Complained, -3),
        ];
        let mut counts = Counts::default();
        for user in &users {
            counts.add(user, NOW);
        }
        let status = ByStatus {
            not_invited: 1,
            activation_pending: 3,
            invitation_expired: 2,
            suspended: 1,
            deleted: 1,
            active: 0,
        };
        assert_eq!(counts.status, status);
        let kind = ByKind {
            person: 5,
            vehicle: 2,
            device: 0,
        };
        assert_eq!(counts.kind, kind);
        let invitations = ToLookAt {
            expiring: 1,
            bounced: 1,
            complained: 1,
            failed: 0,
        };
        assert_eq!(counts.invitations, invitations);
    }
}
