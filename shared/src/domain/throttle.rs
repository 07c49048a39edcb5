//! How often something may be tried or asked for. Rules only; the counts stand in the table's buckets.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::email::{Email, fold_address};
use super::id::{Seed, TenantId, base32};
use super::text::fold;

/// How long to wait before coming again: whole seconds, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait(u32);

impl Wait {
    /// For when only the crowd was in the way.
    pub const SHORT: Self = Self(1);

    /// From `now` until `end`, rounded up: who waits that long does not come too early.
    #[must_use]
    pub fn until(end: Timestamp, now: Timestamp) -> Self {
        let left = end.duration_since(now);
        let seconds = left.as_secs() + i64::from(left.subsec_nanos() > 0);
        Self(u32::try_from(seconds.max(1)).unwrap_or(u32::MAX))
    }

    /// In seconds, as `Retry-After` tells it.
    #[must_use]
    pub fn seconds(self) -> u32 {
        self.0
    }
}

/// What is counted together: a person's login, a source address, a tenant. Hashed, so that no bucket's key holds an
/// e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject(String);

impl Subject {
    /// The subject of a kind of request that these parts name.
    #[must_use]
    pub fn of(kind: &str, parts: &[&str]) -> Self {
        let named: Vec<&str> = [kind].into_iter().chain(parts.iter().copied()).collect();
        Self(base32(&Seed::of(&named).bytes::<20>("subject")))
    }

    /// The invitations that a tenant sends.
    #[must_use]
    pub fn invitations(tenant: &TenantId) -> Self {
        Self::of("invitations", &[tenant.as_str()])
    }

    /// The mails that an address gets by a tenant's invitations.
    #[must_use]
    pub fn invitations_to(tenant: &TenantId, email: &Email) -> Self {
        Self::of("invitations-to", &[tenant.as_str(), &email.folded()])
    }

    /// As it stands in the table.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// At most `most` in each window. Windows stand on the clock (a day begins at midnight UTC), so that a bucket needs no
/// beginning and parallel requests share one count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How many.
    pub most: u32,
    /// How long a window is, in whole seconds.
    pub window: SignedDuration,
}

impl Allowance {
    /// At most so many a day.
    #[must_use]
    pub const fn per_day(most: u32) -> Self {
        Self {
            most,
            window: SignedDuration::from_hours(24),
        }
    }

    /// The number of the window that `now` falls into.
    #[must_use]
    pub fn window_at(&self, now: Timestamp) -> i64 {
        now.as_second().div_euclid(self.window.as_secs().max(1))
    }

    /// When the window that `now` falls into ends.
    #[must_use]
    pub fn end(&self, now: Timestamp) -> Timestamp {
        let second = (self.window_at(now) + 1).saturating_mul(self.window.as_secs().max(1));
        Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
    }

    /// How long to wait at `now` when all are taken.
    #[must_use]
    pub fn wait(&self, now: Timestamp) -> Wait {
        Wait::until(self.end(now), now)
    }
}

/// An allowance in use by one request, and what the request knows of how much of it is taken.
#[derive(Debug, Clone, Copy)]
pub struct Spending {
    /// The allowance.
    pub allowance: Allowance,
    taken: u32,
}

impl Spending {
    /// Nothing is known to be taken.
    #[must_use]
    pub fn of(allowance: Allowance) -> Self {
        Self {
            allowance,
            taken: 0,
        }
    }

    /// How many are left, as far as known.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.allowance.most.saturating_sub(self.taken)
    }

    /// Learns that so many are taken in all.
    pub fn learn(&mut self, taken: u32) {
        self.taken = taken;
    }

    /// Takes so many more.
    pub fn spend(&mut self, count: u32) {
        self.taken = self.taken.saturating_add(count);
    }
}

/// Where a request comes from: an IPv4 address, or the /64 that a household or an office has of IPv6.
#[derive(Clone, PartialEq, Eq)]
pub struct Source(String);

/// Without its content: logs carry no addresses.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source(…)")
    }
}

impl Source {
    /// The source with this address. What is no address is one source of its own.
    #[must_use]
    pub fn of(address: &str) -> Self {
        let canonical = address.parse().map(|ip: IpAddr| ip.to_canonical());
        Self(match canonical {
            Ok(IpAddr::V4(v4)) => v4.to_string(),
            Ok(IpAddr::V6(v6)) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).to_string(),
            Err(_) => "unknown".to_owned(),
        })
    }

    /// What is counted of this source in a kind of request.
    #[must_use]
    pub fn subject(&self, kind: &str) -> Subject {
        Subject::of(kind, &["source", &self.0])
    }
}

/// What somebody typed to say who they are, folded and hashed. E-mail address and username of one person are two
/// logins: if failures of the one held up the other, anybody could find out that they belong together, and so that
/// both exist (rule 9). The rules below are set so low that both together are few.
#[derive(Debug, Clone)]
pub struct Login(Subject);

impl Login {
    /// The longest text that can be somebody's login, in bytes.
    const LONGEST: usize = 300;

    /// The login that was typed.
    #[must_use]
    pub fn typed(text: &str) -> Self {
        let folded = if text.len() > Self::LONGEST {
            text.to_owned()
        } else if text.contains('@') {
            fold_address(text)
        } else {
            fold(text)
        };
        Self(Subject::of("sign-in", &["login", &folded]))
    }

    /// What its failures are counted under.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.0
    }

    /// A source as this login's bucket names it: another login's names it otherwise.
    #[must_use]
    pub fn place(&self, source: &Source) -> Place {
        let seed = Seed::of(&["place", self.0.as_str(), &source.0]);
        Place(base32(&seed.bytes::<10>("place")))
    }
}

/// A source, as the bucket of one login names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Place(String);

/// The first failures are free, then each makes the next attempt wait twice as long.
#[derive(Debug, Clone, Copy)]
struct BackOff {
    /// How many failures are free.
    free: u32,
    /// The longest wait.
    longest: SignedDuration,
}

/// How long a failure is remembered after the last one. Longer than the longest wait, so that waiting for the count to
/// end is no quicker way to guess.
const MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// Failures of one login from one place.
const AT_A_PLACE: BackOff = BackOff {
    free: 5,
    longest: SignedDuration::from_mins(15),
};

/// Failures of one login from all places where nobody has signed in by it.
const ELSEWHERE: BackOff = BackOff {
    free: 20,
    longest: SignedDuration::from_mins(15),
};

/// Failures of all logins from one source that are not known to be somebody's place: generous, because an office, or a
/// mobile network, has one address.
pub const FROM_A_SOURCE: Allowance = Allowance {
    most: 100,
    window: SignedDuration::from_mins(10),
};

/// How long a place stays known after the last sign-in from it.
const KNOWN: SignedDuration = SignedDuration::from_hours(24 * 90);

/// The most known places that are kept of a login; the one used longest ago goes.
const MOST_KNOWN: usize = 10;

/// The most other places that are kept of a login. Who has more addresses than these is held back by [`ELSEWHERE`].
const MOST_STRANGE: usize = 30;

/// Failures in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Failures {
    #[serde(default)]
    count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<Timestamp>,
}

impl BackOff {
    /// How long after its last failure somebody with so many has to wait.
    fn delay(self, failures: u32) -> SignedDuration {
        let Some(beyond) = failures.checked_sub(self.free) else {
            return SignedDuration::ZERO;
        };
        // 2, 4, 8, … seconds.
        SignedDuration::from_secs(2_i64 << beyond.min(32)).min(self.longest)
    }

    fn wait(self, failures: Failures, now: Timestamp) -> Option<Wait> {
        let failures = failures.remembered(now);
        let end = failures.last?.saturating_add(self.delay(failures.count));
        let end = end.unwrap_or(Timestamp::MAX);
        (end > now).then(|| Wait::until(end, now))
    }
}

impl Failures {
    fn end(self) -> Option<Timestamp> {
        Some(self.last?.saturating_add(MEMORY).unwrap_or(Timestamp::MAX))
    }

    fn remembered(self, now: Timestamp) -> Self {
        if self.end().is_some_and(|end| end > now) {
            self
        } else {
            Self::default()
        }
    }

    fn one_more(self, now: Timestamp) -> Self {
        Self {
            count: self.remembered(now).count.saturating_add(1),
            last: Some(now),
        }
    }
}

/// What is kept of one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct AtPlace {
    #[serde(flatten)]
    failures: Failures,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    known_until: Option<Timestamp>,
}

impl AtPlace {
    fn known(&self, now: Timestamp) -> bool {
        self.known_until.is_some_and(|end| end > now)
    }

    fn end(&self) -> Option<Timestamp> {
        self.known_until.max(self.failures.end())
    }
}

/// What the bucket of one login remembers, whether or not it is anybody's. Where the person has signed in before,
/// only failures from that very place count; nothing an outsider does elsewhere holds the person up there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Guesses {
    /// Counts its changes; none yet: 0.
    pub version: u64,
    #[serde(default)]
    elsewhere: Failures,
    #[serde(default)]
    places: BTreeMap<Place, AtPlace>,
}

impl Guesses {
    /// Whether the person has signed in from there before.
    #[must_use]
    pub fn knows(&self, place: &Place, now: Timestamp) -> bool {
        self.places.get(place).is_some_and(|at| at.known(now))
    }

    /// Counts an attempt from a place as failed, before it is known whether it is.
    ///
    /// # Errors
    /// How long to wait; then nothing is counted.
    pub fn attempted(&self, place: &Place, now: Timestamp) -> Result<Self, Wait> {
        let at = self.places.get(place).copied().unwrap_or_default();
        let here = AT_A_PLACE.wait(at.failures, now);
        let elsewhere = ELSEWHERE.wait(self.elsewhere, now);
        let elsewhere = elsewhere.filter(|_| !at.known(now));
        if let Some(wait) = here.max(elsewhere) {
            return Err(wait);
        }
        let mut next = self.clone();
        let failures = at.failures.one_more(now);
        if Self::counts_elsewhere(&at, failures, now) {
            next.elsewhere = next.elsewhere.one_more(now);
        }
        next.places
            .insert(place.clone(), AtPlace { failures, ..at });
        Ok(next.changed(now))
    }

    /// Takes the failures from a place back, because the last attempt was right, and knows the place from now on.
    #[must_use]
    pub fn succeeded(&self, place: &Place, now: Timestamp) -> Self {
        let mut next = self.clone();
        let at = self.places.get(place).copied().unwrap_or_default();
        if Self::counts_elsewhere(&at, at.failures, now) {
            next.elsewhere.count = next.elsewhere.count.saturating_sub(1);
        }
        next.learned(place, now)
    }

    /// Knows a place, because whoever is there has shown to be the person.
    #[must_use]
    pub fn learned(&self, place: &Place, now: Timestamp) -> Self {
        let mut next = self.clone();
        let known_until = Some(now.saturating_add(KNOWN).unwrap_or(Timestamp::MAX));
        let at = AtPlace {
            known_until,
            ..AtPlace::default()
        };
        next.places.insert(place.clone(), at);
        next.changed(now)
    }

    /// Whether the newest failure from a place counts for other places too. Not those that the place's own wait holds
    /// back already: who goes on from a few addresses slows down only these.
    fn counts_elsewhere(at: &AtPlace, failures: Failures, now: Timestamp) -> bool {
        !at.known(now) && failures.count <= AT_A_PLACE.free
    }

    /// Forgets what is over, and what is too much.
    fn changed(mut self, now: Timestamp) -> Self {
        self.version += 1;
        self.elsewhere = self.elsewhere.remembered(now);
        self.places
            .retain(|_, at| at.end().is_some_and(|end| end > now));
        self.keep(MOST_KNOWN, |at| at.known(now));
        self.keep(MOST_STRANGE, |at| !at.known(now));
        self
    }

    /// Of those places, keeps the ones that would be remembered longest.
    fn keep(&mut self, most: usize, those: impl Fn(&AtPlace) -> bool) {
        let such = self.places.iter().filter(|(_, at)| those(at));
        let mut such: Vec<_> = such.map(|(place, at)| (at.end(), place.clone())).collect();
        such.sort_unstable_by(|a, b| b.cmp(a));
        for (_, place) in such.into_iter().skip(most) {
            self.places.remove(&place);
        }
    }

    /// When nothing of it is remembered any more.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        let places = self.places.values().map(AtPlace::end);
        let last = places.chain([self.elsewhere.end()]).flatten().max();
        last.unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn login() -> Login {
        Login::typed("ada@example.com")
    }

    fn place(address: &str) -> Place {
        login().place(&Source::of(address))
    }

    /// Tries as soon as it is allowed, so many times; the waits between.
    fn guess_on(guesses: &mut Guesses, place: &Place, now: &mut i64, times: u32) -> Vec<u32> {
        let mut waits = Vec::new();
        for _ in 0..times {
            if let Err(wait) = guesses.attempted(place, at(*now)) {
                waits.push(wait.seconds());
                let early = at(*now + i64::from(wait.seconds()) - 1);
                assert!(guesses.attempted(place, early).is_err(), "a second early");
                *now += i64::from(wait.seconds());
            }
            *guesses = guesses.attempted(place, at(*now)).unwrap();
        }
        waits
    }

    #[test]
    fn the_first_failures_are_free_and_then_waits_double_up_to_a_quarter_of_an_hour() {
        let (mut guesses, mut now) = (Guesses::default(), 0);
        let home = place("192.0.2.1");
        assert!(guess_on(&mut guesses, &home, &mut now, 5).is_empty());
        let waits = guess_on(&mut guesses, &home, &mut now, 12);
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
        assert!(guesses.attempted(&home, at(now + 899)).is_err());
        now += 24 * 3600;
        assert!(
            guess_on(&mut guesses, &home, &mut now, 5).is_empty(),
            "a day later all is forgotten"
        );
        assert_eq!(AT_A_PLACE.delay(u32::MAX), AT_A_PLACE.longest);
    }

    #[test]
    fn what_is_refused_is_not_counted() {
        let (mut guesses, home) = (Guesses::default(), place("192.0.2.1"));
        let _ = guess_on(&mut guesses, &home, &mut 0, 5);
        for _ in 0..100 {
            assert_eq!(guesses.attempted(&home, at(0)).unwrap_err().seconds(), 2);
        }
        assert!(guesses.attempted(&home, at(2)).is_ok());
    }

    #[test]
    fn a_success_takes_the_failures_of_its_place_back() {
        let (mut guesses, home) = (Guesses::default(), place("192.0.2.1"));
        let _ = guess_on(&mut guesses, &home, &mut 0, 5);
        guesses = guesses.succeeded(&home, at(1));
        assert!(guesses.knows(&home, at(1)));
        assert!(guess_on(&mut guesses, &home, &mut 1, 5).is_empty());
        assert!(!guesses.knows(&home, at(91 * 24 * 3600)));
        assert!(guesses.end() > at(89 * 24 * 3600));
    }

    #[test]
    fn one_who_guesses_on_and_on_from_one_address_holds_up_nobody_elsewhere() {
        let (mut guesses, mut now) = (Guesses::default(), 0);
        let _ = guess_on(&mut guesses, &place("192.0.2.66"), &mut now, 200);
        assert!(guesses.attempted(&place("192.0.2.66"), at(now)).is_err());
        assert!(guesses.attempted(&place("192.0.2.1"), at(now)).is_ok());
    }

    #[test]
    fn many_addresses_hold_up_new_places_but_not_those_that_the_person_knows() {
        let (mut guesses, home) = (Guesses::default(), place("192.0.2.1"));
        guesses = guesses.succeeded(&home, at(0));
        for host in 100..120 {
            let place = place(&format!("198.51.100.{host}"));
            guesses = guesses.attempted(&place, at(1)).unwrap();
        }
        let new = place("203.0.113.1");
        assert_eq!(guesses.attempted(&new, at(1)).unwrap_err().seconds(), 2);
        assert!(guesses.attempted(&home, at(1)).is_ok());
        let told = guesses.learned(&new, at(1));
        assert!(
            told.attempted(&new, at(1)).is_ok(),
            "who came by a mailed link is not held up either"
        );
        let after = guesses
            .attempted(&new, at(3))
            .unwrap()
            .succeeded(&new, at(3));
        assert!(
            after.attempted(&place("203.0.113.2"), at(3)).is_err(),
            "one success does not clear what others did"
        );
    }

    #[test]
    fn a_bucket_stays_small_and_keeps_the_newest_places() {
        let mut guesses = Guesses::default();
        for host in 0..200 {
            let second = i64::from(host) * 1_000;
            let known = place(&format!("192.0.2.{host}"));
            guesses = guesses.learned(&known, at(second));
            let strange = place(&format!("198.51.100.{host}"));
            guesses = guesses.attempted(&strange, at(second)).unwrap_or(guesses);
        }
        assert_eq!(guesses.places.len(), MOST_KNOWN + MOST_STRANGE);
        assert!(guesses.knows(&place("192.0.2.199"), at(200_000)));
        assert!(!guesses.knows(&place("192.0.2.9"), at(200_000)));
    }

    #[test]
    fn a_window_stands_on_the_clock() {
        let day = Allowance::per_day(3);
        let noon: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
        assert_eq!(day.end(noon).to_string(), "2026-03-03T00:00:00Z");
        assert_eq!(day.wait(noon).seconds(), 12 * 3600);
        let late: Timestamp = "2026-03-02T23:59:59.999Z".parse().unwrap();
        assert_eq!(day.window_at(late), day.window_at(noon));
        assert_eq!(day.wait(late).seconds(), 1, "never zero");
        assert_eq!(day.window_at(day.end(noon)), day.window_at(noon) + 1);
    }

    #[test]
    fn an_address_is_folded_to_what_one_household_has() {
        let same = |a: &str, b: &str| Source::of(a) == Source::of(b);
        assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
        assert!(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
        assert!(same("", "no address"));
    }

    #[test]
    fn a_login_is_the_same_however_it_is_typed_and_cannot_be_read_back() {
        let key = |text: &str| Login::typed(text).subject().clone();
        assert_eq!(key(" ADA@Example.com "), key("ada@example.com"));
        assert_eq!(key("Ada.COLLEAGUE"), key("ada.colleague"));
        assert_ne!(key("ada"), key("ada@example.com"));
        assert!(!key("ada@example.com").as_str().contains("ada"));
        assert_ne!(
            place("192.0.2.1"),
            Login::typed("eve").place(&Source::of("192.0.2.1"))
        );
    }
}
