//! What the scenarios are about: two companies in which something of each kind waits for each function.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use muster_local::Options;
use muster_local::faults::Faults;
use muster_shared::clock::Clock;
use muster_tests::world::{Actor, Company, PASSWORD, Table, World, text};
use serde_json::{Value, json};

use super::outcome::Names;

/// A world that can be put back to how it was when it had been prepared.
pub struct Scene {
    /// The world.
    pub world: World,
    /// What goes wrong in it.
    pub faults: Arc<Faults>,
    /// Names of what scenarios speak of: ids, tokens, versions.
    pub things: BTreeMap<String, String>,
    table: Table,
    /// The long words that the scene begins with.
    pub names: Names,
    files: BTreeMap<PathBuf, Vec<u8>>,
    mails: usize,
    now: Timestamp,
    data: tempfile::TempDir,
}

impl Scene {
    /// Prepares a world.
    pub async fn new() -> Self {
        let faults = Arc::new(Faults::default());
        let data = tempfile::tempdir().unwrap();
        let options = |options| Options {
            data: Some(data.path().to_owned()),
            faults: Some(Arc::clone(&faults)),
            ..options
        };
        let world = World::with(options).await;
        let things = prepare(&world).await;
        world.stack.settled().await;
        // No moment of the preparation is that of what is done then.
        world.wait(SignedDuration::from_secs(1)).await;
        let table = world.table(|_, _| true);
        Self {
            names: Names::of(&table),
            table,
            files: files(&data.path().join("s3")),
            mails: world.stack.inbox().all().len(),
            now: world.stack.clock().now(),
            faults,
            things,
            world,
            data,
        }
    }

    /// Everything as it was at first, but for the mails that were sent.
    pub fn restore(&mut self) {
        restore_table(&self.world, &self.table);
        let folder = self.data.path().join("s3");
        let now = files(&folder);
        for path in now.keys().filter(|path| !self.files.contains_key(*path)) {
            fs::remove_file(path).unwrap();
        }
        for (path, content) in &self.files {
            if now.get(path) != Some(content) {
                fs::write(path, content).unwrap();
            }
        }
        set_clock(&self.world, self.now);
        self.mails = self.world.stack.inbox().all().len();
    }

    /// The table as it was at first.
    pub fn prepared(&self) -> &Table {
        &self.table
    }

    /// The files that were not there at first, by their place in the bucket.
    pub fn new_files(&self) -> BTreeMap<String, Vec<u8>> {
        let folder = self.data.path().join("s3").join(&self.world.stack.bucket);
        let new = files(&folder)
            .into_iter()
            .filter(|(path, content)| self.files.get(path) != Some(content));
        new.map(|(path, content)| {
            let key = path.strip_prefix(&folder).unwrap();
            (key.to_string_lossy().into_owned(), content)
        })
        .collect()
    }

    /// The mails since then, as address and subject.
    pub fn new_mails(&self) -> Vec<String> {
        let all = self.world.stack.inbox().all();
        let new = all[self.mails..].iter();
        new.map(|mail| format!("{}: {}", mail.to.join(", "), mail.subject))
            .collect()
    }

    /// Lets time pass, but nothing that would be due.
    pub fn pass(&self, seconds: i64) {
        let clock = self.world.stack.clock();
        clock.advance(SignedDuration::from_secs(seconds));
    }
}

fn restore_table(world: &World, wanted: &Table) {
    let database = world.stack.database();
    let now = world.table(|_, _| true);
    for (key, item) in wanted {
        if now.get(key) != Some(item) {
            world.put(item);
        }
    }
    for (pk, sk) in now.keys().filter(|key| !wanted.contains_key(*key)) {
        let key = json!({ "PK": { "S": pk }, "SK": { "S": sk } });
        let delete = json!({ "TableName": "muster", "Key": key });
        let delete = database.delete_item(serde_json::from_value(delete).unwrap());
        delete.unwrap();
    }
}

fn set_clock(world: &World, to: Timestamp) {
    let Clock::Fixed(at) = world.stack.clock() else {
        panic!("the clock does not stand still")
    };
    at.store(to.as_millisecond(), std::sync::atomic::Ordering::SeqCst);
}

/// All files below a folder, without the bucket's own of unfinished uploads.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            let content = fs::read(&path).unwrap();
            all.insert(path, content);
        }
    }
    all
}

struct Things<'w> {
    world: &'w World,
    owner: Actor<'w>,
    named: BTreeMap<String, String>,
}

impl Things<'_> {
    fn name(&mut self, name: &str, thing: impl Into<String>) {
        self.named.insert(name.to_owned(), thing.into());
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.owner.post(path, body).await;
        assert!(answer.status < 300, "{path}: {}", answer.text);
        answer.body
    }

    /// Makes something that has an id.
    async fn make(&mut self, name: &str, path: &str, body: Value) {
        let made = self.post(path, body).await;
        self.name(name, text(&made["id"]));
    }

    fn users(&self, name: &str) -> Value {
        json!({ "users": [self.named[name]] })
    }
}

/// Everything that the scenarios begin with.
async fn prepare(world: &World) -> BTreeMap<String, String> {
    let acme = world.company("Acme").await;
    let north = world.company("North").await;
    before_a_month(world, &acme).await;
    // What falls due in a month is left to the jobs of the schedule: they run in a year, all of it is undone, and they will
    // not run by themselves before that.
    let before = world.table(|_, _| true);
    let in_a_month = world.stack.clock().now() + SignedDuration::from_hours(24 * 31);
    world.wait_hours(24 * 365).await;
    restore_table(world, &before);
    set_clock(world, in_a_month);
    let Company {
        tenant,
        owner_email,
        products,
        ..
    } = acme;
    let mut things = Things {
        world,
        owner: world.sign_in(&owner_email).await,
        named: BTreeMap::new(),
    };
    things.name("tenant", tenant);
    things.name("north", north.tenant.clone());
    things.name("owner", things.owner.user.clone());
    things.name("owner's token", things.owner.token.clone().unwrap());
    things.name("product", products[0].clone());
    things.name("other product", products[1].clone());
    vehicles(&mut things).await;
    invited(&mut things).await;
    active(&mut things).await;
    belongings(&mut things).await;
    jobs(&mut things).await;
    joining(&mut things, &north.owner_email).await;
    things.named
}

async fn before_a_month(world: &World, acme: &Company<'_>) {
    let owner = &acme.owner;
    let form = json!({ "email": "lapsed@drivers.example", "external_id": "L-1", "invite": true });
    let _ = owner.add(form).await;
    let form = json!({ "email": "gone@drivers.example", "external_id": "G-1" });
    let gone = owner.add(form).await;
    let form = json!({ "confirm": "gone@drivers.example" });
    let deleted = owner.post(&format!("/v1/users/{gone}/delete"), form).await;
    let _ = deleted.expect(200);
    world.stack.settled().await;
}

async fn vehicles(things: &mut Things<'_>) {
    let product = things.named["product"].clone();
    for (name, products) in [
        ("truck", vec![]),
        ("licensed truck", vec![product.clone()]),
        ("truck to redeem", vec![product]),
    ] {
        let form = json!({ "kind": "vehicle", "external_id": name, "products": products });
        things.make(name, "/v1/users", form).await;
    }
    let redeeming = things.owner.show(&things.named["truck to redeem"]).await;
    things.name("code", text(&redeeming["licences"][0]["code"]));
}

/// People who were invited, or may be.
async fn invited(things: &mut Things<'_>) {
    let product = things.named["product"].clone();
    for name in ["ada", "resent", "revoked", "renewing"] {
        let email = format!("{name}@drivers.example");
        let form = json!({ "email": email, "invite": true, "products": [product] });
        things.make(name, "/v1/users", form).await;
        let token = things.world.link(&email, "activate").await;
        things.name(&format!("{name}'s link"), token);
    }
    for name in ["eve", "eve again"] {
        let email = format!("{}@drivers.example", name.replace(' ', "."));
        let form = json!({ "email": email, "products": [product] });
        things.make(name, "/v1/users", form).await;
    }
}

/// People who are active, each in the middle of something.
async fn active(things: &mut Things<'_>) {
    let owner = things.owner.clone();
    for name in [
        "bea", "cyd", "dan", "finn", "gus", "hal", "ivy", "jo", "kim", "leo",
    ] {
        let colleague = owner.colleague(name, "standard", &[]).await;
        things.name(name, colleague.user.clone());
        things.name(&format!("{name}'s token"), colleague.token.unwrap());
    }
    let session = json!({ "login": "bea@colleagues.example", "password": PASSWORD });
    let session = things.world.nobody().post("/v1/sessions", session).await;
    let session = session.expect(200);
    things.name("refresh", text(&session["refresh_token"]));
    things.post("/v1/users/suspend", things.users("cyd")).await;
    let delete = format!("/v1/users/{}/delete", things.named["dan"]);
    let confirm = json!({ "confirm": "dan@colleagues.example" });
    things.post(&delete, confirm).await;
    let reset = format!("/v1/users/{}/password-reset", things.named["gus"]);
    things.post(&reset, json!({})).await;
    let token = things.world.link("gus@colleagues.example", "reset").await;
    things.name("gus's reset", token);
    let change = format!("/v1/users/{}/email", things.named["hal"]);
    things
        .post(&change, json!({ "email": "hal@new.example" }))
        .await;
    let token = things.world.link("hal@new.example", "email").await;
    things.name("hal's change", token);
    let token = things.world.link("hal@colleagues.example", "email").await;
    things.name("hal's cancellation", token);
}

/// Roles, groups and accounts.
async fn belongings(things: &mut Things<'_>) {
    let role = json!({ "name": "Clerk", "permissions": ["users.read"] });
    things.make("role", "/v1/roles", role).await;
    let group = json!({ "kind": "fleet", "name": "Vans" });
    things.make("group", "/v1/groups", group).await;
    let add = format!("/v1/groups/{}/add", things.named["group"]);
    things.post(&add, things.users("licensed truck")).await;
    let holder = json!({ "kind": "consumer" });
    let client = json!({ "kind": "client", "name": "Wheels", "holder": holder });
    things.make("client", "/v1/accounts", client).await;
    let below = json!({ "kind": "subsidiary", "name": "Rims", "parent": things.named["client"], "holder": holder });
    things.make("sub-account", "/v1/accounts", below).await;
}

/// A file with new users, one who is known already, and a row that is refused.
pub const FILE: &str = "External ID,Email,First Name,Last Name,Products,Groups\n\
    N-1,n1@new.example,Ann,Lee,MileOn,Vans\n\
    N-2,n2@new.example,Ben,Ray,MileOn,\n\
    truck,,The,Truck,,Vans\n\
    N-4,no address,Dee,Fox,,\n";

/// Imports and exports.
async fn jobs(things: &mut Things<'_>) {
    let owner = things.owner.clone();
    for name in ["ready import", "import to cancel"] {
        let ready = owner.upload_import(FILE).await;
        assert_eq!(ready["state"], "ready");
        things.name(name, text(&ready["id"]));
    }
    let begun = json!({ "file_name": "users.csv" });
    things.make("import", "/v1/imports", begun).await;
    let csv = json!({ "format": "csv" });
    things.make("export", "/v1/exports", csv).await;
    things.world.stack.settled().await;
}

/// Somebody of the one company who is invited by the other.
async fn joining(things: &mut Things<'_>, owner: &str) {
    let owner = things.world.sign_in(owner).await;
    let email = "jo@colleagues.example";
    let form = json!({ "email": email, "invite": true });
    things.name("jo there", owner.add(form).await);
    let token = things.world.link(email, "activate").await;
    things.name("jo's link", token);
}
