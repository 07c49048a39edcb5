//! What Muster does, as simply as it can be said.

use std::collections::BTreeSet;

/// Seats of each product.
pub const SEATS: usize = 3;
/// How many addresses there are to choose from.
const ADDRESSES: u8 = 9;
/// Hours that a link is good.
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

impl Expected {
    /// Whether something was changed, and so told in the audit trail.
    pub fn changes(&self) -> bool {
        *self == Self::Done
    }
}

/// An operation of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Add { email: u8, class: Class },
    Class(Class),
    Suspend,
    Reactivate,
    Delete,
    Restore,
    Invite,
    Resend,
    Revoke,
    Accept { newest: bool },
    Assign(usize),
    Unassign(usize),
    Wait(i64),
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
        match op % 20 {
            0..=2 => Self::Add {
                email: a % ADDRESSES,
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
    pub activated: bool,
    pub suspended: bool,
    pub deleted: bool,
    /// When the standing invitation was sent, in hours.
    pub invited: Option<i64>,
    /// How many invitations were sent, ever.
    sent: usize,
    /// How many were sent since the clock last moved.
    sent_now: usize,
    pub licences: BTreeSet<usize>,
    /// Whether the access token was issued since the sessions were last ended.
    token: bool,
}

impl User {
    fn new(class: Class, role: Option<&'static str>, email: u8) -> Self {
        Self {
            class,
            role,
            email,
            activated: false,
            suspended: false,
            deleted: false,
            invited: None,
            sent: 0,
            sent_now: 0,
            licences: BTreeSet::new(),
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
    /// What the last step must have been answered.
    pub expected: Expected,
}

pub fn address(slot: u8) -> String {
    format!("person-{slot}@model.example")
}

pub fn username(slot: u8) -> String {
    format!("person.{slot}")
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
        Self {
            users,
            used: [0; 2],
            now: 0,
            expected: Expected::Waited,
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

    /// The daily cap of mails to one recipient is tested elsewhere; the first owner stays as it is.
    pub fn allows(&self, step: &Step) -> bool {
        let (Some(_), Some(target)) = (self.users.get(step.actor), self.users.get(step.target))
        else {
            return false;
        };
        match step.op {
            Op::Invite | Op::Resend => target.sent_now < 4,
            Op::Add { .. } => self.users.len() < 24,
            _ => true,
        }
    }

    pub fn apply(&mut self, step: &Step) {
        self.expected = self.answer(step);
    }

    fn answer(&mut self, step: &Step) -> Expected {
        match step.op {
            Op::Wait(hours) => return self.wait(hours),
            Op::Accept { newest } => return self.accept(step.target, newest),
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
        let needed = match step.op {
            Op::Assign(_) | Op::Unassign(_) => Needed::Licences,
            _ => Needed::Users,
        };
        if !actor.permits(needed) {
            return refused("forbidden");
        }
        if let Op::Add { email, class } = step.op {
            return self.add(&actor, email, class);
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
            Op::Add { .. } | Op::Accept { .. } | Op::Wait(_) => Expected::Waited,
        }
    }

    fn wait(&mut self, hours: i64) -> Expected {
        self.now += hours;
        for user in &mut self.users {
            user.token = user.active();
            if hours >= LINK {
                user.sent_now = 0;
            }
        }
        Expected::Waited
    }

    fn taken(&self, email: u8) -> bool {
        self.users
            .iter()
            .any(|user| !user.deleted && user.email == email)
    }

    fn add(&mut self, actor: &User, email: u8, class: Class) -> Expected {
        if class > actor.class {
            return refused("beyond_your_rights");
        }
        if self.taken(email) {
            return refused("email_taken");
        }
        self.users.push(User::new(class, None, email));
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

    fn free(&mut self, target: usize) {
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
        self.free(target);
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
        self.free(target);
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
        let user = &mut self.users[target];
        (user.deleted, user.activated) = (false, false);
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
        user.invited = Some(now);
        user.sent += 1;
        user.sent_now += 1;
        Expected::Done
    }

    fn stands(&self, target: usize) -> bool {
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
