//! What a check tells: how many items of which kind there are, and which rules do not hold.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use muster_shared::domain::id::TenantId;
use muster_shared::store::keys::Key;
use muster_shared::store::kinds::Kind;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The most violations that one answer lists; all are counted.
const LISTED: usize = 200;

/// Declares the rules: what is said where one does not hold.
macro_rules! rules {
    ($($name:ident = $meaning:literal;)*) => {
        /// A rule that does not hold.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Rule {
            $(#[doc = $meaning] $name,)*
        }

        impl Rule {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What is the matter where it does not hold.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                }
            }
        }
    };
}

rules! {
    UnknownItem = "An item of no kind that Muster writes.";
    UnreadableItem = "An item that is not of the form of its kind.";
    WrongPlace = "An item that stands at another key than its content gives, or in the wrong shard.";
    TtlWrong = "An item would be swept away too early, too late, never, or at all though it is to stay.";
    IndexKeyWrong = "An item stands in an index where it does not belong, or not where it belongs.";
    OutboxWrong = "An item waits for a worker although its work is done, or does not although it is not.";
    WorkOverdue = "Work has waited too long: a worker, a schedule or a dead-letter queue wants looking at.";
    TenantMissing = "An item of a company that is not there.";
    TenantUnregistered = "A company that the schedule does not find: its trail is not sealed.";
    EmailGuardMissing = "A user's address is not guarded for that user: two could have it.";
    ExternalIdGuardMissing = "A user's external ID is not guarded for that user: two could have it.";
    GuardOrphaned = "An address or external ID is kept for a user who does not have it: nobody can take it.";
    InvitationMissing = "A user waits for an invitation to be accepted that is not there.";
    InvitationOrphaned = "An invitation of a user who is gone, barred, active, or invited anew: it must not be accepted.";
    InvitationDiffers = "An invitation and what its user remembers of it disagree.";
    MailStateDiffers = "How far an invitation's mail has come stands differently on mail and user.";
    SeatsMiscounted = "A product's seats in use are not as many as the licences that users hold.";
    SeatsExceeded = "More seats of a product are in use than were bought.";
    LicenceWithoutProduct = "Licences of a product that is not there.";
    LicenceCodeMissing = "A licence whose code leads nowhere, or elsewhere: its app cannot be activated.";
    LicenceCodeOrphaned = "A licence code of a licence that nobody holds.";
    OwnersMiscounted = "The owners who can act are not as many as are counted.";
    NoOwner = "A company had an owner who could act, and has none any more.";
    RolesMiscounted = "The roles that a company defined are not as many as are counted.";
    NameGuardMissing = "The name of a role, group or account is not guarded for it: two could have it, and lists lack it.";
    NameGuardOrphaned = "A name is kept for a role, group or account that does not have it.";
    AccountMissing = "A user in an account that is not there.";
    AccountPathBroken = "An account that is not below the one it names, or whose way to the top is not that one's.";
    AccountMembershipMissing = "A user in an account that does not know of it: it could be deleted with the user inside.";
    AccountMembershipOrphaned = "An account knows of a user who is not in it: it cannot be deleted.";
    MembershipMissing = "A user who is invited or active, and whom the person's address does not lead to.";
    MembershipOrphaned = "An address leads to a user who is gone, or has another address.";
    PersonMissing = "An active user without the person who signs in.";
    PersonWithoutUser = "A person who is an active user nowhere: left by a deletion that broke off; asking for it again ends it.";
    UsernameGuardMissing = "A person's username does not lead to the person: two could have it.";
    UsernameGuardOrphaned = "A username is kept for a person who does not have it: nobody can take it.";
    UsernameDiffers = "A user is shown under another username than the person signs in with.";
    UserContradictory = "A user in a state that no change leads to.";
    LinkMissing = "A change of an address waits for a link that is not there, is spent, or leads elsewhere.";
    ChunkMissing = "A plan lacks a piece: its import cannot be carried out.";
    ChunkOrphaned = "A piece of a plan whose import is not there.";
    ImportMiscounted = "A finished import tells other numbers than its pieces.";
    ChangeUnaudited = "A user's newest change is not in the audit trail.";
    TrailBroken = "The audit trail is not as it was sealed.";
}

/// Where a rule does not hold. Nothing in it is personal.
#[derive(Debug, Clone, Serialize)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// In which company, if it is a company's own item.
    pub tenant: Option<TenantId>,
    /// The item; where its key holds anything but ids, a hash of it.
    pub item: String,
    /// More, in ids and numbers.
    pub detail: Option<String>,
}

/// What was found in a part of the table.
#[derive(Debug, Default)]
pub struct Report {
    /// Items by kind.
    pub items: BTreeMap<Kind, u64>,
    /// Violations by rule.
    pub found: BTreeMap<Rule, u64>,
    /// The first of them.
    pub violations: Vec<Violation>,
    /// What kept changing while it was looked at, so that nothing can be said of it.
    pub unsettled: u64,
    /// Seals verified.
    pub seals: u64,
}

impl Report {
    /// Notes a violation.
    pub fn add(&mut self, violation: Violation) {
        *self.found.entry(violation.rule).or_default() += 1;
        if self.violations.len() < LISTED {
            self.violations.push(violation);
        }
    }

    /// Adds what was found elsewhere.
    pub fn merge(&mut self, other: Self) {
        for (kind, count) in other.items {
            *self.items.entry(kind).or_default() += count;
        }
        for (rule, count) in other.found {
            *self.found.entry(rule).or_default() += count;
        }
        let room = LISTED - self.violations.len();
        self.violations
            .extend(other.violations.into_iter().take(room));
        self.unsettled += other.unsettled;
        self.seals += other.seals;
    }
}

/// What an item is called: its key, where that is made of ids alone; else what kinds of key it has, and the beginning of
/// a SHA-256 of both, by which whoever knows the key finds it.
#[must_use]
pub fn name_of(key: &Key, kind: Option<Kind>) -> String {
    if kind.is_some_and(Kind::has_plain_key) {
        return format!("{} {}", key.pk, key.sk);
    }
    let digest = Sha256::digest(format!("{} {}", key.pk, key.sk));
    let word = |text: &str| {
        let word = text.split('#').next().unwrap_or_default();
        let plain = word.len() <= 12 && word.bytes().all(|b| b.is_ascii_uppercase());
        if plain { word } else { "?" }.to_owned()
    };
    let hash = HEXLOWER.encode(&digest[..8]);
    format!("{} {} {hash}", word(&key.pk), word(&key.sk))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(pk: &str, sk: &str) -> String {
        let key = Key {
            pk: pk.to_owned(),
            sk: sk.to_owned(),
        };
        name_of(&key, Kind::of(&key).map(|(kind, _)| kind))
    }

    #[test]
    fn an_item_is_named_without_what_is_personal() {
        let (tenant, user) = ("tnt_0123456789abcdef", "usr_0123456789abcdef");
        let plain = name(&format!("T#{tenant}#0"), &format!("USER#{user}"));
        assert_eq!(plain, format!("T#{tenant}#0 USER#{user}"));
        for (pk, sk, kinds) in [
            (format!("T#{tenant}#0"), "EMAIL#ada@example.com", "T EMAIL"),
            (format!("T#{tenant}#0"), "EXT#ada", "T EXT"),
            (format!("T#{tenant}"), "SUB#-#ada", "T SUB"),
            (format!("T#{tenant}"), "SUPPORT#ada", "T SUPPORT"),
            (format!("T#{tenant}"), "ada lovelace", "T ?"),
            ("P#ada@example.com".to_owned(), "PERSON", "P PERSON"),
            ("N#ada".to_owned(), "NAME", "N NAME"),
            ("K#ADA0ADA0ADA0ADA0".to_owned(), "CODE", "K CODE"),
            ("ada".to_owned(), "ada", "? ?"),
        ] {
            let name = name(&pk, sk);
            let (told, hash) = name.rsplit_once(' ').unwrap();
            assert_eq!((told, hash.len()), (kinds, 16), "{name}");
        }
    }
}
