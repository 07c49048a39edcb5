//! For each rule a fault, made straight in the table, is found and called by its name, and nothing else is.

use std::collections::BTreeSet;

use check::Rule;
use muster_shared::domain::id::{TenantId, UserId};
use muster_shared::store::keys::{self, Key};
use muster_tests::world::{Table, World, text};
use serde_json::{Value, json};

use crate::scene::Scene;
use crate::{broken, check};

/// What is done to the table by hand.
enum Deed {
    Put(Value),
    Delete(Value),
}

/// A table, and what stands in it.
struct Hand<'s> {
    scene: &'s Scene,
    table: Table,
}

type Fault = (&'static [Rule], fn(&Hand<'_>) -> Vec<Deed>);

const OTHER_TIME: &str = "2026-01-01T00:00:00Z";

/// Each with all the rules that it breaks.
const FAULTS: &[Fault] = &[
    (&[Rule::UnknownItem], |hand| {
        vec![Deed::Put(
            json!({ "PK": { "S": hand.own() }, "SK": { "S": "HOLD#1" } }),
        )]
    }),
    (&[Rule::UnreadableItem], |hand| {
        vec![set(hand.one("PRODUCT#"), "seats", json!({ "S": "many" }))]
    }),
    (&[Rule::WrongPlace], |hand| {
        let mut guard = hand.one("EXT#pending");
        let shard = text(&guard["PK"]["S"]);
        let (tenant, number) = shard.rsplit_once('#').unwrap();
        let number = 1 - number.parse::<u16>().unwrap();
        guard["PK"] = json!({ "S": format!("{tenant}#{number}") });
        vec![Deed::Put(guard)]
    }),
    (&[Rule::TtlWrong], |hand| {
        vec![set(hand.email("pending@"), "ttl", json!({ "N": "1" }))]
    }),
    (&[Rule::TtlWrong], |hand| {
        vec![set(
            hand.one("EXPORT#"),
            "ttl",
            json!({ "N": "4000000000" }),
        )]
    }),
    (&[Rule::IndexKeyWrong], |hand| {
        vec![set(
            hand.email("pending@"),
            "name_key",
            json!({ "S": "zoe" }),
        )]
    }),
    (&[Rule::IndexKeyWrong], |hand| {
        vec![set(hand.deleted(), "expiry_shard", json!({ "S": "X#0" }))]
    }),
    (&[Rule::OutboxWrong], |hand| {
        // The newest: an older one would be overdue as well.
        let notices = hand.all(|_, item| item["kind"]["S"] == "email_change_notice");
        let newest = notices.max_by_key(|notice| text(&notice["created_at"]["S"]));
        vec![set(newest.unwrap(), "state", json!({ "S": "queued" }))]
    }),
    (&[Rule::WorkOverdue], |hand| {
        let import = hand.find(|_, item| item["state"]["S"] == "cancelled");
        let checking = with(import, "state", json!({ "S": "checking" }));
        vec![set(checking, "updated_at", json!({ "S": OTHER_TIME }))]
    }),
    (&[Rule::WorkOverdue], |hand| {
        let registration =
            hand.find(|(pk, sk), _| pk.starts_with("TENANTS#") && sk == hand.scene.other.as_str());
        let mut bare = with(registration, "since", json!({ "S": OTHER_TIME }));
        bare.as_object_mut().unwrap().remove("sealed");
        let mut deeds = vec![Deed::Put(bare)];
        let seals = format!("T#{}#S", hand.scene.other);
        deeds.extend(hand.all(|(pk, _), _| *pk == seals).map(Deed::Delete));
        deeds
    }),
    (&[Rule::TenantMissing], |hand| {
        let own = format!("T#{}", hand.scene.other);
        vec![Deed::Delete(
            hand.find(|(pk, sk), _| *pk == own && sk == "TENANT"),
        )]
    }),
    (&[Rule::TenantUnregistered], |hand| {
        let tenant = hand.scene.other.as_str();
        vec![Deed::Delete(hand.find(|(pk, sk), _| {
            pk.starts_with("TENANTS#") && sk == tenant
        }))]
    }),
    (&[Rule::EmailGuardMissing], |hand| {
        vec![Deed::Delete(hand.one("EMAIL#pending@"))]
    }),
    (&[Rule::ExternalIdGuardMissing], |hand| {
        vec![Deed::Delete(hand.one("EXT#pending"))]
    }),
    (
        &[Rule::ExternalIdGuardMissing, Rule::GuardOrphaned],
        |hand| {
            let other = json!({ "S": text(&hand.email("dora@")["id"]["S"]) });
            vec![set(hand.one("EXT#pending"), "user", other)]
        },
    ),
    (&[Rule::GuardOrphaned], |hand| {
        let guard = keys::external_id_guard(&hand.tenant(), "ghost");
        let user = json!({ "S": text(&hand.email("dora@")["id"]["S"]) });
        vec![Deed::Put(at(&guard, json!({ "user": user })))]
    }),
    (&[Rule::GuardOrphaned], |hand| {
        let guard = keys::email_guard(&hand.tenant(), "gone@colleagues.example");
        let user = json!({ "S": text(&hand.deleted()["id"]["S"]) });
        vec![Deed::Put(at(&guard, json!({ "user": user })))]
    }),
    (&[Rule::InvitationMissing], |hand| {
        vec![Deed::Delete(hand.of("INVITE#", "pending@"))]
    }),
    (&[Rule::InvitationOrphaned], |hand| {
        vec![without(hand.email("pending@"), "invited")]
    }),
    (&[Rule::InvitationOrphaned], |hand| {
        let invitation = hand.of("INVITE#", "pending@");
        let key = keys::invitation(&hand.tenant(), &hand.user("dora@"));
        let mut copy = with(
            invitation,
            "user",
            json!({ "S": hand.user("dora@").as_str() }),
        );
        copy["PK"] = json!({ "S": key.pk });
        copy["SK"] = json!({ "S": key.sk });
        for field in [
            "expires_at",
            "sent_at",
            "ends",
            "ttl",
            "expiry_shard",
            "expiry_key",
        ] {
            copy.as_object_mut().unwrap().remove(field);
        }
        vec![Deed::Put(copy)]
    }),
    (&[Rule::InvitationDiffers], |hand| {
        let other = json!({ "S": OTHER_TIME });
        vec![set(hand.of("INVITE#", "pending@"), "sent_at", other)]
    }),
    (&[Rule::InvitationDiffers], |hand| {
        let other = json!({ "N": "4000000000" });
        vec![set(hand.of("INVITE#", "pending@"), "ends", other)]
    }),
    (&[Rule::MailStateDiffers], |hand| {
        let mut user = hand.email("pending@");
        user["invited"]["M"]["state"] = json!({ "S": "bounced" });
        vec![Deed::Put(user)]
    }),
    (&[Rule::SeatsMiscounted], |hand| {
        vec![set(hand.used_product(), "used", json!({ "N": "17" }))]
    }),
    (&[Rule::SeatsExceeded], |hand| {
        vec![set(hand.used_product(), "seats", json!({ "N": "1" }))]
    }),
    (&[Rule::LicenceWithoutProduct], |hand| {
        vec![Deed::Delete(hand.used_product())]
    }),
    (&[Rule::LicenceCodeMissing], |hand| {
        vec![Deed::Delete(hand.find(|(pk, _), _| pk.starts_with("K#")))]
    }),
    (&[Rule::LicenceCodeOrphaned], |hand| {
        let code = hand.find(|(pk, _), _| pk.starts_with("K#"));
        vec![set(code, "PK", json!({ "S": "K#0123456789ABCDEF" }))]
    }),
    (&[Rule::OwnersMiscounted], |hand| {
        let owners = hand.find(|(pk, sk), _| *pk == hand.own() && sk == "OWNERS");
        vec![set(owners, "acting", json!({ "N": "2" }))]
    }),
    (&[Rule::NoOwner], |hand| {
        let own = format!("T#{}", hand.scene.other);
        let owners = hand.find(|(pk, sk), _| *pk == own && sk == "OWNERS");
        let mut owner = hand.email("owner@north");
        owner.as_object_mut().unwrap().remove("invited");
        let barred = json!({ "S": OTHER_TIME });
        vec![
            set(owners, "acting", json!({ "N": "0" })),
            set(owner, "suspended_at", barred),
        ]
    }),
    (&[Rule::RolesMiscounted], |hand| {
        vec![set(hand.one("ROLES"), "count", json!({ "N": "2" }))]
    }),
    (&[Rule::NameGuardMissing], |hand| {
        vec![Deed::Delete(hand.one("GROUPNAME#"))]
    }),
    (&[Rule::NameGuardMissing], |hand| {
        vec![Deed::Delete(hand.one("ROLENAME#"))]
    }),
    (&[Rule::NameGuardMissing], |hand| {
        vec![Deed::Delete(hand.one("SUB#-#"))]
    }),
    (&[Rule::NameGuardOrphaned], |hand| {
        vec![set(
            hand.one("ROLENAME#"),
            "SK",
            json!({ "S": "ROLENAME#ghost" }),
        )]
    }),
    (&[Rule::NameGuardOrphaned], |hand| {
        vec![set(
            hand.one("GROUPNAME#"),
            "SK",
            json!({ "S": "GROUPNAME#ghost" }),
        )]
    }),
    (&[Rule::NameGuardOrphaned], |hand| {
        vec![set(hand.one("SUB#-#"), "SK", json!({ "S": "SUB#-#ghost" }))]
    }),
    (&[Rule::AccountMissing, Rule::NameGuardOrphaned], |hand| {
        vec![Deed::Delete(
            hand.find(|_, item| item["kind"]["S"] == "employee"),
        )]
    }),
    (&[Rule::AccountPathBroken], |hand| {
        let mut account = hand.find(|_, item| item["kind"]["S"] == "employee");
        let path = account["path"]["L"].as_array_mut().unwrap();
        path.insert(0, json!({ "S": "acc_0123456789abcdef" }));
        vec![Deed::Put(account)]
    }),
    (&[Rule::AccountMembershipMissing], |hand| {
        vec![Deed::Delete(hand.one("IN#"))]
    }),
    (&[Rule::AccountMembershipOrphaned], |hand| {
        let account = text(&hand.one("IN#")["SK"]["S"]);
        let account = account.split('#').nth(1).unwrap().parse_id();
        let key = keys::user_in_account(&hand.tenant(), &account, &hand.user("pending@"));
        vec![Deed::Put(at(&key, json!({})))]
    }),
    (&[Rule::MembershipMissing], |hand| {
        let pk = "P#pending@drivers.example";
        vec![Deed::Delete(hand.find(|(at, _), _| at == pk))]
    }),
    (&[Rule::MembershipOrphaned], |hand| {
        let membership = hand.find(|(at, _), _| at == "P#pending@drivers.example");
        vec![set(
            membership,
            "PK",
            json!({ "S": "P#ghost@drivers.example" }),
        )]
    }),
    (
        &[Rule::PersonMissing, Rule::UsernameGuardOrphaned],
        |hand| {
            let pk = "P#dora@wheels.example";
            vec![Deed::Delete(
                hand.find(|(at, sk), _| at == pk && sk == "PERSON"),
            )]
        },
    ),
    (&[Rule::PersonWithoutUser], |hand| {
        let pk = "P#dora@wheels.example";
        let person = hand.find(|(at, sk), _| at == pk && sk == "PERSON");
        let mut person = with(person, "PK", json!({ "S": "P#ghost@wheels.example" }));
        person["email"] = json!({ "S": "ghost@wheels.example" });
        person["username"] = json!({ "S": "ghost.wheels" });
        let key = keys::username("ghost.wheels");
        let name = at(&key, json!({ "person": { "S": "ghost@wheels.example" } }));
        vec![Deed::Put(person), Deed::Put(name)]
    }),
    (&[Rule::UsernameGuardMissing], |hand| {
        vec![Deed::Delete(hand.find(|(pk, _), _| pk == "N#dora.wheels"))]
    }),
    (&[Rule::UsernameGuardOrphaned], |hand| {
        let name = hand.find(|(pk, _), _| pk == "N#dora.wheels");
        vec![set(name, "PK", json!({ "S": "N#ghost.wheels" }))]
    }),
    (&[Rule::UsernameDiffers], |hand| {
        vec![set(
            hand.email("dora@"),
            "username",
            json!({ "S": "ghost.wheels" }),
        )]
    }),
    (&[Rule::UserContradictory], |hand| {
        let truck =
            hand.find(|(_, sk), item| sk.starts_with("USER#") && item["licences"]["M"].is_object());
        vec![set(truck, "suspended_at", json!({ "S": OTHER_TIME }))]
    }),
    (&[Rule::LinkMissing], |hand| {
        let user = hand.find(|_, item| item["email_change"]["M"].is_object());
        let link = format!("L#{}", text(&user["email_change"]["M"]["link"]["S"]));
        vec![Deed::Delete(hand.find(|(pk, _), _| *pk == link))]
    }),
    (&[Rule::ChunkMissing], |hand| {
        vec![Deed::Delete(hand.find(|(_, sk), item| {
            sk == "CHUNK" && item["finished"]["BOOL"] == true
        }))]
    }),
    (&[Rule::ChunkOrphaned], |hand| {
        vec![Deed::Delete(hand.find(|(_, sk), item| {
            sk.starts_with("IMPORT#") && item["state"]["S"] == "ready"
        }))]
    }),
    (&[Rule::ImportMiscounted], |hand| {
        let mut import =
            hand.find(|(_, sk), item| sk.starts_with("IMPORT#") && item["state"]["S"] == "done");
        import["done"]["M"]["created"] = json!({ "N": "31" });
        vec![Deed::Put(import)]
    }),
    (&[Rule::ChangeUnaudited], |hand| {
        let later = json!({ "S": "2026-04-01T00:00:00Z" });
        vec![set(hand.email("dora@"), "updated_at", later)]
    }),
    (&[Rule::TrailBroken], |hand| {
        let entry = hand
            .find(|(pk, _), item| pk.contains("#A#") && item["operation"]["S"] == "roles.define");
        vec![set(entry, "operation", json!({ "S": "roles.nothing" }))]
    }),
];

/// Reads an id out of a key.
trait ParseId {
    fn parse_id<T: TryFrom<String>>(&self) -> T;
}

impl ParseId for str {
    fn parse_id<T: TryFrom<String>>(&self) -> T {
        T::try_from(self.to_owned()).ok().unwrap()
    }
}

fn with(mut item: Value, attribute: &str, value: Value) -> Value {
    item[attribute] = value;
    item
}

fn set(item: Value, attribute: &str, value: Value) -> Deed {
    Deed::Put(with(item, attribute, value))
}

fn without(mut item: Value, attribute: &str) -> Deed {
    item.as_object_mut().unwrap().remove(attribute).unwrap();
    Deed::Put(item)
}

fn at(key: &Key, mut item: Value) -> Value {
    item["PK"] = json!({ "S": key.pk });
    item["SK"] = json!({ "S": key.sk });
    item
}

impl Hand<'_> {
    fn own(&self) -> String {
        format!("T#{}", self.scene.tenant)
    }

    fn tenant(&self) -> TenantId {
        self.scene.tenant.parse_id()
    }

    fn all(
        &self,
        passes: impl Fn(&(String, String), &Value) -> bool,
    ) -> impl Iterator<Item = Value> {
        let found = self
            .table
            .iter()
            .filter(move |(key, item)| passes(key, item));
        found.map(|(_, item)| item.clone())
    }

    fn find(&self, passes: impl Fn(&(String, String), &Value) -> bool) -> Value {
        self.all(passes).next().unwrap()
    }

    /// The first item of the company whose sort key begins so.
    fn one(&self, prefix: &str) -> Value {
        let own = self.own();
        self.find(|(pk, sk), _| pk.starts_with(&own) && sk.starts_with(prefix))
    }

    /// The user whose address begins so.
    fn email(&self, begins: &str) -> Value {
        let has = |item: &Value| {
            item["email"]["S"]
                .as_str()
                .is_some_and(|email| email.starts_with(begins))
        };
        self.find(|(_, sk), item| sk.starts_with("USER#") && has(item))
    }

    fn user(&self, begins: &str) -> UserId {
        text(&self.email(begins)["id"]["S"]).parse_id()
    }

    fn deleted(&self) -> Value {
        self.find(|(_, sk), item| sk.starts_with("USER#") && item["deleted_at"].is_object())
    }

    /// What hangs on the user whose address begins so.
    fn of(&self, prefix: &str, begins: &str) -> Value {
        let key = format!("{prefix}{}", self.user(begins));
        self.find(|(_, sk), _| *sk == key)
    }

    fn used_product(&self) -> Value {
        self.find(|(_, sk), item| sk.starts_with("PRODUCT#") && item["used"]["N"] != "0")
    }
}

fn delete(world: &World, item: &Value) {
    let key = json!({ "PK": item["PK"], "SK": item["SK"] });
    let request = json!({ "TableName": "muster", "Key": key });
    let request = serde_json::from_value(request).unwrap();
    let _ = world.stack.database().delete_item(request).unwrap();
}

/// Where an item stands.
fn place(item: &Value) -> (String, String) {
    (text(&item["PK"]["S"]), text(&item["SK"]["S"]))
}

#[tokio::test]
async fn each_fault_is_found_and_called_by_its_name() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let hand = Hand {
        scene: &scene,
        table: world.table(|_, _| true),
    };
    let mut seeded = BTreeSet::new();
    for (number, (rules, fault)) in FAULTS.iter().enumerate() {
        let deeds = fault(&hand);
        for deed in &deeds {
            match deed {
                Deed::Put(item) => world.put(item),
                Deed::Delete(item) => delete(world, item),
            }
        }
        let answer = check(world).await;
        let expected: BTreeSet<String> = rules.iter().map(|rule| text(&json!(rule))).collect();
        assert_eq!(broken(&answer), expected, "fault {number}: {answer:#}");
        assert_eq!(answer["clean"], json!(false));
        let told = answer.to_string();
        for personal in [
            "@",
            "pending",
            "dora",
            "ghost",
            "wheels",
            "vans",
            "0123456789ABCDEF",
        ] {
            assert!(!told.contains(personal), "{personal} in {told}");
        }
        for deed in deeds {
            let (Deed::Put(item) | Deed::Delete(item)) = deed;
            match hand.table.get(&place(&item)) {
                Some(before) => world.put(before),
                None => delete(world, &item),
            }
        }
        seeded.extend(rules.iter().copied());
    }
    let answer = check(world).await;
    assert_eq!(answer["clean"], json!(true), "all was mended: {answer:#}");
    let all: BTreeSet<Rule> = Rule::ALL.iter().copied().collect();
    assert_eq!(seeded, all, "every rule has a fault that breaks it");
}
