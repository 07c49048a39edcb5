//! A company with many users, and what its owner does with them; and the same for the embedded store alone.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use muster_tests::world::{Actor, Answer, World};
use serde_json::{Value, json};

use crate::bare::{Item, TABLE, attributes};

/// What is asked of the API.
pub enum Request {
    /// GET of a path.
    Get(String),
    /// POST of a body to a path.
    Post(String, Value),
    /// PATCH of what stands in its first version.
    Patch(String, Value),
}

/// Something that is done again and again, each time with another user.
pub struct Call {
    /// What it is.
    pub name: &'static str,
    /// The function that does it.
    pub function: &'static str,
    request: fn(&Scene<'_>, usize) -> Request,
}

/// What is called. What goes by the first version of a user comes before what changes users; what mails are sent for, last.
pub static CALLS: [Call; 6] = [
    Call {
        name: "get a user",
        function: "list-users",
        request: |scene, n| Request::Get(format!("/v1/users/{}", scene.user(n))),
    },
    Call {
        name: "list of 50",
        function: "list-users",
        request: |_, _| Request::Get("/v1/users?limit=50".to_owned()),
    },
    Call {
        name: "edit a user",
        function: "edit-user",
        request: |scene, n| {
            let path = format!("/v1/users/{}", scene.user(n));
            Request::Patch(path, json!({ "first_name": "Augusta" }))
        },
    },
    Call {
        name: "add a user",
        function: "add-user",
        request: |_, n| {
            let email = format!("b{n}@bench.example");
            let form = json!({ "external_id": format!("B-{n}"), "email": email });
            Request::Post("/v1/users".to_owned(), form)
        },
    },
    Call {
        name: "assign a licence",
        function: "assign",
        request: |scene, n| {
            let path = format!("/v1/products/{}/assign", scene.product);
            Request::Post(path, json!({ "users": [scene.user(n)] }))
        },
    },
    Call {
        name: "invite a user",
        function: "invite",
        request: |scene, n| {
            let users = json!({ "users": [scene.user(n)] });
            Request::Post("/v1/invitations".to_owned(), users)
        },
    },
];

/// A company, its owner, and its users.
pub struct Scene<'w> {
    world: &'w World,
    owner: Actor<'w>,
    users: Vec<(String, Item)>,
    product: String,
}

impl<'w> Scene<'w> {
    /// A company with so many users, and a seat and an invitation for each.
    pub async fn set(world: &'w World, users: usize) -> Self {
        let order = json!({
            "products": [{ "name": "MileOn", "seats": users }],
            "invitations_per_day": 100_000,
        });
        let company = world.company_with("Northwind", order).await;
        let file = muster_tests::bench::users(u32::try_from(users).unwrap());
        let import = company.owner.upload_import(file).await;
        let _ = company.owner.commit_import(&import).await;
        let imported = |((_, sk), item): ((String, String), Value)| {
            let id = sk.strip_prefix("USER#")?.to_owned();
            let _ = item.get("external_id")?;
            Some((id, key(&attributes(&item))))
        };
        let table = world.table(|_, sk| sk.starts_with("USER#"));
        Self {
            world,
            users: table.into_iter().filter_map(imported).collect(),
            product: company.products[0].clone(),
            owner: company.owner,
        }
    }

    fn user(&self, n: usize) -> &str {
        &self.users[n].0
    }

    /// Makes a call for the so-many-th time.
    pub async fn call(&self, call: &Call, n: usize) -> Answer {
        let answer = match (call.request)(self, n) {
            Request::Get(path) => self.owner.get(&path).await,
            Request::Post(path, body) => self.owner.post(&path, body).await,
            Request::Patch(path, body) => self.owner.patch(&path, 1, body).await,
        };
        assert!(answer.status < 300, "{}: {}", call.name, answer.text);
        answer
    }

    /// The same by somebody who is nobody, which is refused before anything is read.
    pub async fn call_in_vain(&self, call: &Call, n: usize) {
        let nobody = self.world.nobody();
        let answer = match (call.request)(self, n) {
            Request::Get(path) => nobody.get(&path).await,
            Request::Post(path, body) => nobody.post(&path, body).await,
            Request::Patch(path, body) => nobody.patch(&path, 1, body).await,
        };
        assert_eq!(answer.status, 401, "{}: {}", call.name, answer.text);
    }

    /// What a call reads, and writes with all that comes of it: found out by making it, when all else is done.
    pub async fn bare(&self, call: &Call, n: usize) -> Bare {
        self.world.stack.settled().await;
        let before = self.world.table(|_, _| true);
        let (reads, _) = self.call(call, n).await.consumed();
        self.world.stack.settled().await;
        let table = self.world.table(|_, _| true);
        let new = table
            .iter()
            .filter(|(key, item)| before.get(key) != Some(item));
        let list = call.name.starts_with("list");
        Bare {
            // A list is the caller, read alone, and a query.
            reads: if list { 1 } else { units(reads) },
            written: new.map(|(_, item)| attributes(item)).collect(),
            page: list.then(|| self.users[0].1["PK"].clone()),
        }
    }

    /// Does for the store alone what a call does.
    pub async fn call_bare(&self, store: &Client, bare: &Bare, n: usize) {
        for read in 0..bare.reads {
            let (_, key) = &self.users[(n + read) % self.users.len()];
            let got = store.get_item().table_name(TABLE).consistent_read(true);
            let got = got.set_key(Some(key.clone())).send().await.unwrap();
            assert!(got.item.is_some());
        }
        if let Some(partition) = &bare.page {
            let page = store.query().table_name(TABLE).index_name("by-name");
            let page = page.key_condition_expression("PK = :pk").limit(50);
            let page = page.expression_attribute_values(":pk", partition.clone());
            assert_eq!(page.send().await.unwrap().count, 50);
        }
        if !bare.written.is_empty() {
            let parts = bare.written.iter().map(|item| elsewhere(item, n));
            let sent = store.transact_write_items();
            let sent = sent.set_transact_items(Some(parts.collect()));
            sent.send().await.unwrap();
        }
    }
}

/// What a call makes of the store.
pub struct Bare {
    /// Items read, one by one.
    reads: usize,
    /// Items written in one transaction.
    written: Vec<Item>,
    /// The partition of which a page of users is read.
    page: Option<AttributeValue>,
}

/// Puts the item where nobody looks, and no worker comes to.
fn elsewhere(item: &Item, n: usize) -> TransactWriteItem {
    let mut item = item.clone();
    if let Some(AttributeValue::S(key)) = item.get_mut("PK") {
        *key = format!("BARE#{n}#{key}");
    }
    item.remove("outbox");
    let put = Put::builder().table_name(TABLE).set_item(Some(item));
    TransactWriteItem::builder()
        .put(put.build().unwrap())
        .build()
}

fn key(item: &Item) -> Item {
    let of = |name: &str| (name.to_owned(), item[name].clone());
    Item::from(["PK", "SK"].map(of))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "few"
)]
fn units(reads: f64) -> usize {
    reads.ceil() as usize
}
