//! What Muster does, as simply as it can be said.

use std::collections::{BTreeMap, BTreeSet};

/// Seats of each product.
pub const SEATS: usize = 3;
/// How many addresses there are to choose from.
const ADDRESSES: u8 = 9;
/// How many external IDs there are to choose from.
const EXTERNAL: u8 = 5;
/// How many mails an address gets by invitations in a day.
const MAILS: usize = 5;
/// The hour of the day at which it all begins, UTC.
const BEGINNING: i64 = 8;
/// Hours that a link is good: to activate by, and to confirm an address by.
const LINK: i64 = 24;

/// How far a user's power can reach; ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Limited,
    Standard,
    Owner,
}

impl Class {
    pub fn word(self) -> &'static str {
        match self {
            Self::Limited => "limited",
            Self::Standard => "standard",
            Self::Owner => "owner",
        }
    }

    fn thrown(die: u8) -> Self {
        match die % 4 {
            0 => Self::Owner,
            1 => Self::Standard,
            _ => Self::Limited,
        }
    }
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    Done,
    Unchanged,
    Refused(String),
    /// There was no link to follow.
    NoLink,
    Waited,
}

/// An operation of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Add {
        email: u8,
        external: Option<u8>,
        class: Class,
    },
    Class(Class),
    Suspend,
    Reactivate,
    Delete,
    Restore,
    Invite,
    Resend,
    Revoke,
    Accept {
        newest: bool,
    },
    Assign(usize),
    Unassign(usize),
    /// Starts a change of the address.
    Move(u8),
    /// Follows the newest link that the new address got.
    Confirm,
    /// Follows the newest link that the old address got.
    Cancel,
    /// Asks for a new password, and chooses one by the link that comes.
    Reset,
    /// Has support do it, whoever the actor would be.
    Support(Order),
    Wait(i64),
}

/// What support is asked for: it may with owners, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Suspend,
    Reactivate,
    Delete,
    /// Makes it a standard user.
    Demote,
}

impl Order {
    fn thrown(die: u8) -> Self {
        match die % 4 {
            0 => Self::Suspend,
            1 => Self::Reactivate,
            2 => Self::Delete,
            _ => Self::Demote,
        }
    }
}

/// An entry of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub operation: &'static str,
    pub actor: Who,
    pub target: usize,
    pub product: Option<usize>,
}

/// Who did it, as the audit trail says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    User(usize),
    /// The target, by a link.
    Invitee,
    /// The same, by another link.
    Recipient,
    Support,
    Schedule,
}

/// Who does what to whom.
#[derive(Debug, Clone)]
pub struct Step {
    pub actor: usize,
    pub target: usize,
    pub op: Op,
}

impl Op {
    /// The operation that the dice say.
    pub fn thrown([op, a, b]: [u8; 3]) -> Self {
        let product = usize::from(a % 2);
        match op % 27 {
            0..=2 => Self::Add {
                email: a % ADDRESSES,
                external: (b < 128).then_some(a % EXTERNAL),
                class: Class::thrown(b),
            },
            3 => Self::Class(Class::thrown(a)),
            4 => Self::Suspend,
            5 => Self::Reactivate,
            6 => Self::Delete,
            7 => Self::Restore,
            8..=9 => Self::Invite,
            10 => Self::Resend,
            11 => Self::Revoke,
            12..=14 => Self::Accept { newest: a % 4 != 0 },
            15..=17 => Self::Assign(product),
            18 => Self::Unassign(product),
            19..=20 => Self::Move(a % ADDRESSES),
            21..=22 => Self::Confirm,
            23 => Self::Cancel,
            24 => Self::Reset,
            25 => Self::Support(Order::thrown(a)),
            _ => Self::Wait(i64::from(a % 30) + 1),
        }
    }

    /// Whether it would change something about the user, if the actor may.
    fn suits(self, user: &User) -> bool {
        match self {
            Self::Accept { .. } => user.invited.is_some(),
            Self::Reactivate => user.suspended && !user.deleted,
            Self::Restore => user.deleted,
            Self::Invite | Self::Assign(_) => !user.deleted && !user.activated,
            Self::Resend | Self::Revoke => user.invited.is_some() && !user.activated,
            Self::Unassign(product) => user.licences.contains(&product),
            Self::Class(_) | Self::Suspend | Self::Delete => {
                !user.deleted && user.class != Class::Owner
            }
            Self::Move(_) => user.active() && user.class != Class::Owner,
            Self::Confirm | Self::Cancel => user.moving.is_some_and(|to| to.spent.is_none()),
            Self::Reset => user.active() || user.invited.is_some(),
            Self::Support(_) => user.class == Class::Owner,
            Self::Add { .. } | Self::Wait(_) => true,
        }
    }
}

/// A user.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts, as the table has them"
)]
pub struct User {
    pub class: Class,
    role: Option<&'static str>,
    pub email: u8,
    pub external: Option<u8>,
    pub activated: bool,
    pub suspended: bool,
    pub deleted: bool,
    /// When the standing invitation was sent, in hours.
    pub invited: Option<i64>,
    /// How many invitations were sent, ever.
    sent: usize,
    pub licences: BTreeSet<usize>,
    /// The newest change of the address.
    moving: Option<Moving>,
    /// How many changes were started since the clock last moved by a day.
    moves: usize,
    /// Whether the access token was issued since the sessions were last ended.
    token: bool,
}

/// A change of an address.
#[derive(Debug, Clone, Copy)]
struct Moving {
    to: u8,
    /// When it was started, in hours.
    at: i64,
    /// By whom.
    by: usize,
    /// Whether the user left, or chose a new password, meanwhile.
    gone: bool,
    /// What its links are answered, once they were followed.
    spent: Option<&'static str>,
}

impl User {
    fn new(class: Class, role: Option<&'static str>, email: u8) -> Self {
        Self {
            class,
            role,
            email,
            external: None,
            activated: false,
            suspended: false,
            deleted: false,
            invited: None,
            sent: 0,
            licences: BTreeSet::new(),
            moving: None,
            moves: 0,
            token: false,
        }
    }

    fn colleague(class: Class, role: Option<&'static str>, email: u8) -> Self {
        Self {
            activated: true,
            token: true,
            sent: 1,
            ..Self::new(class, role, email)
        }
    }

    pub fn roles(&self) -> Vec<&'static str> {
        self.role.into_iter().collect()
    }

    fn stops_moving(&mut self) {
        if let Some(moving) = &mut self.moving {
            moving.gone = true;
        }
    }

    /// Whether its access token, if it has not expired, is good.
    pub fn token(&self) -> bool {
        self.token
    }

    pub fn active(&self) -> bool {
        self.activated && !self.suspended && !self.deleted
    }

    fn permits(&self, permission: Needed) -> bool {
        self.class == Class::Owner
            || self.class == Class::Standard
                && match permission {
                    Needed::Users => self.role == Some("user_manager"),
                    Needed::Licences => self.role == Some("licence_manager"),
                }
    }
}

#[derive(Clone, Copy)]
enum Needed {
    Users,
    Licences,
}

/// A company and all that happened in it.
#[derive(Debug, Clone)]
pub struct Model {
    pub users: Vec<User>,
    pub used: [usize; 2],
    now: i64,
    /// How many invitations each address got today.
    mails: BTreeMap<u8, usize>,
    /// How many new passwords were asked for since the clock last moved.
    resets: usize,
    /// What the last step must have been answered.
    pub expected: Expected,
    /// What the audit trail must tell of it.
    pub told: Vec<Told>,
}

pub fn address(slot: u8) -> String {
    format!("person-{slot}@model.example")
}

/// What a user signs in with, whatever its address is by then.
pub fn username(user: usize) -> String {
    format!("person.{user}")
}

pub fn external(slot: u8) -> String {
    format!("D-{slot}")
}

fn refused(code: &str) -> Expected {
    Expected::Refused(code.to_owned())
}

impl Model {
    /// Two owners, who are the people of slots nobody is added with, and a colleague of each kind.
    pub fn new() -> Self {
        let users = vec![
            User::colleague(Class::Owner, None, 100),
            User::colleague(Class::Owner, None, 101),
            User::colleague(Class::Standard, Some("user_manager"), 102),
            User::colleague(Class::Standard, Some("licence_manager"), 103),
            User::colleague(Class::Limited, None, 104),
        ];
        // A first owner is provisioned, and invited past the count.
        let mails = users.iter().skip(1).map(|user| (user.email, 1));
        let mails = mails.collect();
        Self {
            users,
            used: [0; 2],
            now: 0,
            mails,
            resets: 0,
            expected: Expected::Waited,
            told: Vec::new(),
        }
    }

    /// Whom it may be done to: anybody, or if it is to be `apt`, those whom it would change, if there are any.
    pub fn targets(&self, op: Op, apt: bool) -> Vec<usize> {
        let all = 0..self.users.len();
        let suit: Vec<usize> = all
            .clone()
            .filter(|user| apt && op.suits(&self.users[*user]))
            .collect();
        if suit.is_empty() { all.collect() } else { suit }
    }

    /// What is throttled by the hour or the day is tested elsewhere.
    pub fn allows(&self, step: &Step) -> bool {
        let (Some(_), Some(target)) = (self.users.get(step.actor), self.users.get(step.target))
        else {
            return false;
        };
        match step.op {
            Op::Move(_) => target.moves < 8,
            // Of somebody who has the address now.
            Op::Reset => self.resets < 4 && !(target.deleted && self.taken(target.email)),
            // Which of two refusals is told first is not promised.
            Op::Add {
                email, external, ..
            } => self.users.len() < 24 && !(self.taken(email) && self.taken_external(external)),
            Op::Restore => !(self.taken(target.email) && self.taken_external(target.external)),
            _ => true,
        }
    }

    pub fn apply(&mut self, step: &Step) {
        self.told.clear();
        self.expected = self.answer(step);
        if self.expected != Expected::Done {
            return;
        }
        let added = self.users.len() - 1;
        let (operation, actor, target) = match step.op {
            Op::Add { .. } => ("users.add", Who::User(step.actor), added),
            Op::Class(_) => ("users.edit", Who::User(step.actor), step.target),
            Op::Suspend => ("users.suspend", Who::User(step.actor), step.target),
            Op::Reactivate => ("users.reactivate", Who::User(step.actor), step.target),
            Op::Delete => ("users.delete", Who::User(step.actor), step.target),
            Op::Restore => ("users.restore", Who::User(step.actor), step.target),
            Op::Invite => ("invitations.send", Who::User(step.actor), step.target),
            Op::Resend => ("invitations.resend", Who::User(step.actor), step.target),
            Op::Revoke => ("invitations.revoke", Who::User(step.actor), step.target),
            Op::Accept { .. } => ("invitations.accept", Who::Invitee, step.target),
            Op::Assign(_) => ("licences.assign", Who::User(step.actor), step.target),
            Op::Unassign(_) => ("licences.unassign", Who::User(step.actor), step.target),
            Op::Move(_) => ("users.email.start", Who::User(step.actor), step.target),
            Op::Confirm => ("users.email.change", Who::Recipient, step.target),
            Op::Cancel => ("users.email.cancel", Who::Recipient, step.target),
            Op::Reset if self.users[step.target].activated => {
                ("users.reset_password", Who::Recipient, step.target)
            }
            Op::Reset => ("invitations.renew", Who::Invitee, step.target),
            Op::Support(order) => {
                let operation = match order {
                    Order::Suspend => "users.suspend",
                    Order::Reactivate => "users.reactivate",
                    Order::Delete => "users.delete",
                    Order::Demote => "users.set_class",
                };
                (operation, Who::Support, step.target)
            }
            Op::Wait(_) => return,
        };
        let product = match step.op {
            Op::Assign(product) | Op::Unassign(product) => Some(product),
            _ => None,
        };
        self.told.push(Told {
            operation,
            actor,
            target,
            product,
        });
    }

    fn answer(&mut self, step: &Step) -> Expected {
        match step.op {
            Op::Wait(hours) => return self.wait(hours),
            Op::Accept { newest } => return self.accept(step.target, newest),
            Op::Confirm => return self.confirm(step.target),
            Op::Cancel => return self.cancel(step.target),
            Op::Reset => return self.reset(step.target),
            Op::Support(order) => return self.support(step.target, order),
            _ => {}
        }
        let actor = self.users[step.actor].clone();
        if !actor.active() || !actor.token {
            return refused("unauthenticated");
        }
        let own = step.actor == step.target;
        if let Op::Class(class) = step.op
            && own
        {
            return Self::own_class(&actor, class);
        }
        if let Op::Move(to) = step.op {
            return self.start_moving(step.actor, step.target, to);
        }
        let needed = match step.op {
            Op::Assign(_) | Op::Unassign(_) => Needed::Licences,
            _ => Needed::Users,
        };
        if !actor.permits(needed) {
            return refused("forbidden");
        }
        if let Op::Add {
            email,
            external,
            class,
        } = step.op
        {
            return self.add(&actor, email, external, class);
        }
        if self.users[step.target].class > actor.class {
            return refused("beyond_your_rights");
        }
        match step.op {
            Op::Class(class) => self.class(&actor, step.target, class),
            Op::Suspend => self.suspend(own, step.target),
            Op::Reactivate => self.reactivate(own, step.target),
            Op::Delete => self.delete(own, step.target),
            Op::Restore => self.restore(&actor, own, step.target),
            Op::Invite => self.invite(step.target),
            Op::Resend => self.resend(step.target),
            Op::Revoke => self.revoke(step.target),
            Op::Assign(product) => self.assign(step.target, product),
            Op::Unassign(product) => self.unassign(step.target, product),
            _ => Expected::Waited,
        }
    }

    /// Invitations that nobody came for end by themselves, and the trail tells.
    fn wait(&mut self, hours: i64) -> Expected {
        let ended = |now: i64, user: &User| user.invited.is_some_and(|sent| now >= sent + LINK);
        let before = self.now;
        self.now += hours;
        let day = |now: i64| (BEGINNING + now) / 24;
        if day(before) != day(self.now) {
            self.mails.clear();
        }
        self.resets = 0;
        for (target, user) in self.users.iter_mut().enumerate() {
            if ended(self.now, user) && !ended(before, user) {
                self.told.push(Told {
                    operation: "invitations.expire",
                    actor: Who::Schedule,
                    target,
                    product: None,
                });
            }
            user.token = user.active();
            if hours >= 24 {
                user.moves = 0;
            }
        }
        Expected::Waited
    }

    fn taken(&self, email: u8) -> bool {
        self.users
            .iter()
            .any(|user| !user.deleted && user.email == email)
    }

    fn signs_in(&self, email: u8) -> bool {
        let mut users = self.users.iter();
        users.any(|user| user.email == email && user.activated && !user.deleted)
    }

    fn taken_external(&self, external: Option<u8>) -> bool {
        let mut users = self.users.iter();
        external.is_some() && users.any(|user| !user.deleted && user.external == external)
    }

    fn add(&mut self, actor: &User, email: u8, external: Option<u8>, class: Class) -> Expected {
        if class > actor.class {
            return refused("beyond_your_rights");
        }
        if self.taken(email) {
            return refused("email_taken");
        }
        if self.taken_external(external) {
            return refused("external_id_taken");
        }
        self.users.push(User {
            external,
            ..User::new(class, None, email)
        });
        Expected::Done
    }

    /// Nobody changes their own class or roles; to say again what one is, is nothing.
    fn own_class(actor: &User, class: Class) -> Expected {
        if actor.class == Class::Limited {
            refused("forbidden")
        } else if actor.class == class && actor.role.is_none() {
            Expected::Unchanged
        } else {
            refused("not_yourself")
        }
    }

    fn class(&mut self, actor: &User, target: usize, class: Class) -> Expected {
        let user = &mut self.users[target];
        if user.deleted {
            return refused("user_deleted");
        }
        if user.class == class && user.role.is_none() {
            return Expected::Unchanged;
        }
        if class > actor.class {
            return refused("beyond_your_rights");
        }
        if user.class == Class::Owner && class != Class::Owner {
            return refused("owner_protected");
        }
        (user.class, user.role) = (class, None);
        Expected::Done
    }

    /// Whoever goes leaves the seats and a change of the address behind.
    fn leave(&mut self, target: usize) {
        self.users[target].stops_moving();
        for product in std::mem::take(&mut self.users[target].licences) {
            self.used[product] -= 1;
        }
    }

    fn suspend(&mut self, own: bool, target: usize) -> Expected {
        let user = &mut self.users[target];
        if own {
            return refused("not_yourself");
        }
        if user.deleted {
            return refused("user_deleted");
        }
        if user.suspended {
            return Expected::Unchanged;
        }
        if user.class == Class::Owner {
            return refused("owner_protected");
        }
        (user.suspended, user.token, user.invited) = (true, false, None);
        self.leave(target);
        Expected::Done
    }

    fn reactivate(&mut self, own: bool, target: usize) -> Expected {
        let user = &mut self.users[target];
        if own {
            return refused("not_yourself");
        }
        if user.deleted {
            return refused("user_deleted");
        }
        if !user.suspended {
            return Expected::Unchanged;
        }
        user.suspended = false;
        Expected::Done
    }

    fn delete(&mut self, own: bool, target: usize) -> Expected {
        let user = &mut self.users[target];
        if own {
            return refused("not_yourself");
        }
        if user.deleted {
            return Expected::Unchanged;
        }
        if user.class == Class::Owner {
            return refused("owner_protected");
        }
        (user.deleted, user.token, user.invited) = (true, false, None);
        self.leave(target);
        Expected::Done
    }

    /// Whoever restores gives what the user held.
    fn restore(&mut self, actor: &User, own: bool, target: usize) -> Expected {
        if own {
            return refused("not_yourself");
        }
        let user = &self.users[target];
        if !user.deleted {
            return Expected::Unchanged;
        }
        if actor.class != Class::Owner && user.role.is_some_and(|role| actor.role != Some(role)) {
            return refused("beyond_your_rights");
        }
        if self.taken(self.users[target].email) {
            return refused("email_taken");
        }
        if self.taken_external(self.users[target].external) {
            return refused("external_id_taken");
        }
        let user = &mut self.users[target];
        (user.deleted, user.activated) = (false, false);
        Expected::Done
    }

    /// One's own address is one's own affair, but for owners; another's is given only by who holds as much.
    fn may_move(&self, by: usize, target: usize) -> Result<(), Expected> {
        let (actor, user, own) = (&self.users[by], &self.users[target], by == target);
        if !own {
            if actor.class == Class::Limited {
                return Err(refused("user_not_found"));
            }
            let holds =
                actor.class == Class::Owner || user.role.is_none() || user.role == actor.role;
            if !actor.permits(Needed::Users) || user.class > actor.class || !holds {
                return Err(refused("beyond_your_rights"));
            }
            if user.class == Class::Owner {
                return Err(refused("owner_protected"));
            }
        }
        if user.deleted {
            Err(refused("user_deleted"))
        } else if user.suspended {
            Err(refused("user_suspended"))
        } else if !user.activated {
            Err(refused("not_active"))
        } else if own && user.class == Class::Owner {
            Err(refused("own_email_by_support"))
        } else {
            Ok(())
        }
    }

    fn start_moving(&mut self, by: usize, target: usize, to: u8) -> Expected {
        if let Err(refusal) = self.may_move(by, target) {
            return refusal;
        }
        if self.users[target].email == to {
            return refused("invalid_fields");
        }
        if self.taken(to) {
            return refused("email_taken");
        }
        let at = self.now;
        let user = &mut self.users[target];
        user.moves += 1;
        user.moving = Some(Moving {
            to,
            at,
            by,
            gone: false,
            spent: None,
        });
        Expected::Done
    }

    /// The change that waits, or what its links are answered.
    fn waiting(&self, target: usize) -> Result<Moving, Expected> {
        let Some(moving) = self.users[target].moving else {
            return Err(Expected::NoLink);
        };
        if let Some(spent) = moving.spent {
            Err(refused(spent))
        } else if self.now >= moving.at + LINK {
            Err(refused("link_expired"))
        } else if moving.gone {
            Err(refused("link_revoked"))
        } else {
            Ok(moving)
        }
    }

    /// Whoever started it must be one who might start it now.
    fn confirm(&mut self, target: usize) -> Expected {
        let to = match self.waiting(target) {
            Ok(moving) if !self.users[moving.by].active() => return refused("link_revoked"),
            Ok(moving) if self.may_move(moving.by, target).is_err() => {
                return refused("link_revoked");
            }
            // Who is there already, and active, joins with that one's password, which is not given.
            Ok(moving) if self.signs_in(moving.to) => return refused("invalid_fields"),
            Ok(moving) if self.taken(moving.to) => return refused("email_taken"),
            Ok(moving) => moving.to,
            Err(answer) => return answer,
        };
        let user = &mut self.users[target];
        (user.email, user.token) = (to, false);
        self.spend(target, "link_used");
        Expected::Done
    }

    fn cancel(&mut self, target: usize) -> Expected {
        if let Err(answer) = self.waiting(target) {
            return answer;
        }
        self.spend(target, "link_revoked");
        Expected::Done
    }

    /// What the links of a change that waits no more are answered.
    fn spend(&mut self, target: usize, answer: &'static str) {
        if let Some(moving) = &mut self.users[target].moving {
            let _ = moving.spent.get_or_insert(answer);
        }
    }

    /// Whoever was invited and has not come gets the invitation again instead.
    fn reset(&mut self, target: usize) -> Expected {
        self.resets += 1;
        let user = &mut self.users[target];
        if user.active() {
            user.stops_moving();
            user.token = true;
            return Expected::Done;
        }
        if user.deleted || user.suspended || user.invited.is_none() {
            return Expected::NoLink;
        }
        match self.send(target) {
            // Nobody is told.
            Expected::Refused(_) => Expected::NoLink,
            sent => sent,
        }
    }

    /// Somebody who can act as an owner: there always is one.
    pub fn owner(&self) -> usize {
        let acts = |user: &User| user.class == Class::Owner && user.active();
        self.users.iter().position(acts).unwrap()
    }

    fn support(&mut self, target: usize, order: Order) -> Expected {
        let user = &self.users[target];
        if user.deleted && order != Order::Delete {
            return refused("user_deleted");
        }
        let stands = match order {
            Order::Suspend => user.suspended,
            Order::Reactivate => !user.suspended,
            Order::Delete => user.deleted,
            Order::Demote => user.class == Class::Standard,
        };
        if stands {
            return Expected::Unchanged;
        }
        let acting = |user: &&User| user.class == Class::Owner && user.active();
        let last = self.users.iter().filter(acting).count() == 1;
        if last && acting(&user) && order != Order::Reactivate {
            return refused("last_owner");
        }
        let user = &mut self.users[target];
        match order {
            Order::Suspend => (user.suspended, user.token, user.invited) = (true, false, None),
            Order::Reactivate => user.suspended = false,
            Order::Delete => (user.deleted, user.token, user.invited) = (true, false, None),
            Order::Demote => {
                user.token &= user.class < Class::Standard;
                user.class = Class::Standard;
            }
        }
        if matches!(order, Order::Suspend | Order::Delete) {
            self.leave(target);
        }
        Expected::Done
    }

    fn uninvitable(&self, target: usize) -> Option<Expected> {
        let user = &self.users[target];
        if user.deleted {
            Some(refused("user_deleted"))
        } else if user.suspended {
            Some(refused("user_suspended"))
        } else if user.activated {
            Some(refused("already_active"))
        } else {
            None
        }
    }

    fn send(&mut self, target: usize) -> Expected {
        let now = self.now;
        let user = &mut self.users[target];
        let mails = self.mails.entry(user.email).or_default();
        if *mails == MAILS {
            return refused("too_many_invitations");
        }
        *mails += 1;
        user.invited = Some(now);
        user.sent += 1;
        Expected::Done
    }

    /// Whether an invitation waits to be accepted.
    pub fn stands(&self, target: usize) -> bool {
        let sent = self.users[target].invited;
        sent.is_some_and(|sent| self.now < sent + LINK)
    }

    fn invite(&mut self, target: usize) -> Expected {
        match self.uninvitable(target) {
            Some(refusal) => refusal,
            None if self.stands(target) => Expected::Unchanged,
            None => self.send(target),
        }
    }

    fn resend(&mut self, target: usize) -> Expected {
        match self.uninvitable(target) {
            Some(refusal) => refusal,
            None if self.users[target].invited.is_none() => refused("not_invited"),
            None => self.send(target),
        }
    }

    fn revoke(&mut self, target: usize) -> Expected {
        let user = &mut self.users[target];
        if user.deleted {
            return refused("user_deleted");
        }
        if user.activated {
            return refused("already_active");
        }
        if user.invited.take().is_none() {
            return Expected::Unchanged;
        }
        Expected::Done
    }

    fn accept(&mut self, target: usize, newest: bool) -> Expected {
        let stands = self.stands(target);
        let user = &mut self.users[target];
        if user.sent == 0 {
            return Expected::NoLink;
        }
        if user.deleted {
            return refused("link_revoked");
        }
        if user.activated {
            return refused("link_used");
        }
        let Some(_) = user.invited else {
            return refused("link_revoked");
        };
        if !stands {
            return refused("link_expired");
        }
        if !newest && user.sent > 1 {
            return refused("link_replaced");
        }
        (user.activated, user.token, user.invited) = (true, true, None);
        Expected::Done
    }

    fn assign(&mut self, target: usize, product: usize) -> Expected {
        let user = &self.users[target];
        if user.deleted {
            return refused("user_deleted");
        }
        if user.suspended {
            return refused("user_suspended");
        }
        if user.licences.contains(&product) {
            return Expected::Unchanged;
        }
        if self.used[product] == SEATS {
            return refused("no_seats_left");
        }
        self.used[product] += 1;
        self.users[target].licences.insert(product);
        Expected::Done
    }

    fn unassign(&mut self, target: usize, product: usize) -> Expected {
        if self.users[target].deleted {
            return refused("user_deleted");
        }
        if !self.users[target].licences.remove(&product) {
            return Expected::Unchanged;
        }
        self.used[product] -= 1;
        Expected::Done
    }
}
