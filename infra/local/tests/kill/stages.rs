//! The work, stage by stage, as a client does it who is not told when the program dies, and goes on where it was.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use super::program::{Owner, until};

/// How many users a request invites.
const AT_ONCE: usize = 1_000;
/// Which rows of the file are refused: one of so many.
const FAULTY: usize = 250;

/// A part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A file goes up, and its plan is made.
    Check,
    /// The plan is carried out, and the report is written.
    Commit,
    /// Users are invited, and the mails go out.
    Invite,
    /// All users are exported.
    Export,
}

/// All of it.
pub const STAGES: [Stage; 4] = [Stage::Check, Stage::Commit, Stage::Invite, Stage::Export];

/// What the client has learned so far, and what came of it.
#[derive(Debug, Default)]
pub struct Work {
    /// How many rows the file has.
    pub rows: usize,
    /// How many users are invited.
    pub invited: usize,
    uploaded: bool,
    import: Option<String>,
    users: Vec<Value>,
    /// Where the next page of users begins.
    next: Value,
    /// The import in the end.
    pub imported: Value,
    /// Its report.
    pub report: String,
    /// The exported file.
    pub exported: String,
}

impl Work {
    /// Nothing done yet.
    pub fn new(rows: usize, invited: usize) -> Self {
        Self {
            rows,
            invited,
            ..Self::default()
        }
    }

    /// Goes on with a stage until it is over, against the program whose table is in `data`.
    pub async fn go_on(&mut self, stage: Stage, owner: &Owner, data: &Path) {
        match stage {
            Stage::Check => self.check(owner).await,
            Stage::Commit => self.commit(owner).await,
            Stage::Invite => self.invite(owner, data).await,
            Stage::Export => self.export(owner).await,
        }
    }

    async fn check(&mut self, owner: &Owner) {
        let name = json!({ "file_name": "users.csv" });
        let begun = owner.post("/v1/imports", "import", &name).await;
        let path = format!("/v1/imports/{}", begun["id"].as_str().unwrap());
        self.import = Some(path.clone());
        if !self.uploaded {
            let import = owner.get(&path).await;
            // A file whose arrival nobody confirmed may have arrived all the same.
            if import["state"] == "uploading" {
                owner
                    .upload(&import["upload"]["url"], file(self.rows))
                    .await;
            }
            self.uploaded = true;
        }
        let ready = owner.left(&path, &["uploading", "checking"]).await;
        assert_eq!(ready["state"], "ready", "{ready}");
    }

    async fn commit(&mut self, owner: &Owner) {
        let path = self.import.clone().unwrap();
        let _ = owner.post(&format!("{path}/commit"), "", &json!({})).await;
        self.imported = owner.left(&path, &["ready", "importing"]).await;
        self.report = owner.download(&self.imported["report_url"]).await;
    }

    async fn invite(&mut self, owner: &Owner, data: &Path) {
        while self.users.len() < self.invited {
            // In the order of external IDs, which every run has.
            let from = self
                .next
                .as_str()
                .map_or_else(String::new, |next| format!("&cursor={next}"));
            let page = owner
                .get(&format!("/v1/users?external_id=N-&limit=200{from}"))
                .await;
            let users = page["users"].as_array().unwrap();
            self.users
                .extend(users.iter().map(|user| user["id"].clone()));
            self.next = page["next"].clone();
        }
        for (number, users) in self.users[..self.invited].chunks(AT_ONCE).enumerate() {
            let (key, body) = (format!("invite-{number}"), json!({ "users": users }));
            let told = owner.post("/v1/invitations", &key, &body).await;
            assert_eq!(told["refused"], 0, "{told}");
        }
        until("all mails are sent", async || {
            if nothing_waits(data) {
                return Some(());
            }
            // Who died over a mail had it for a while.
            owner.wait(1).await;
            None
        })
        .await;
    }

    async fn export(&mut self, owner: &Owner) {
        let order = json!({ "format": "csv", "columns": ["external_id", "groups"] });
        let begun = owner.post("/v1/exports", "export", &order).await;
        let path = format!("/v1/exports/{}", begun["id"].as_str().unwrap());
        let done = owner.left(&path, &["queued", "running"]).await;
        assert_eq!(done["state"], "done", "{done}");
        self.exported = owner.download(&done["url"]).await;
    }
}

/// Whether no mail waits to be sent, by the engine's file, which may be in use.
fn nothing_waits(data: &Path) -> bool {
    let file = data.join("table.sqlite");
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let waiting =
        "SELECT 1 FROM muster WHERE pk GLOB 'S:M#*' AND instr(item_json, '\"outbox\"') LIMIT 1";
    connection.query_row(waiting, [], |_| Ok(())) == Err(rusqlite::Error::QueryReturnedNoRows)
}

/// Users that the import adds, and some that it refuses; with line breaks.
fn file(rows: usize) -> String {
    let mut file = "External ID,Email,First Name,Last Name,Depot\n".to_owned();
    for row in 0..rows {
        let email = match row % FAULTY {
            0 => "n/a".to_owned(),
            _ => format!("n{row}@new.example"),
        };
        file += &format!("N-{row:06},{email},Ann {row:06},Lee,\"Hall {row},\nGate\"\n");
    }
    file
}
