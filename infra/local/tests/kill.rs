//! The real program is killed, again and again, in the middle of an import; started anew on the same folder it goes on to
//! the same end as if nothing had happened.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::format_push_string,
    reason = "a test that cannot go on says so"
)]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dynoxide::Database;
use reqwest::{Client, Response};
use rusqlite::Connection;
use serde_json::{Map, Value, json};

const ROWS: usize = 5_000;
/// How long to wait before looking again at something that takes its time, and how often to look.
const PAUSE: Duration = Duration::from_millis(5);
const PATIENCE: usize = 12_000;

/// A running program on a data folder.
struct Program {
    process: Child,
    data: PathBuf,
    ready: Value,
}

/// However the test ends, no process outlives it.
impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Program {
    async fn start(data: &Path) -> Self {
        let ready = data.join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let process = Command::new(env!("CARGO_BIN_EXE_muster-local"))
            .args(["--listen", "127.0.0.1:0", "--log", "error"])
            .arg("--data")
            .arg(data.join("stack"))
            .arg("--ready-file")
            .arg(&ready)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut program = Self {
            process,
            data: data.to_owned(),
            ready: Value::Null,
        };
        program.ready = until("the program is ready", async || {
            serde_json::from_slice(&std::fs::read(&ready).ok()?).ok()
        })
        .await;
        program
    }

    /// Kills the program as soon as the table has so many items of a kind, and starts it anew; how many it had then.
    async fn kill_at(self, items: usize, sort_key: &str) -> (Self, usize) {
        let table = self.data.join("stack/table.sqlite");
        until("the work has come so far", async || {
            (count(&table, sort_key) >= items).then_some(())
        })
        .await;
        let data = self.data.clone();
        drop(self);
        let left = count(&table, sort_key);
        (Self::start(&data).await, left)
    }

    async fn sign_in(&self) -> Owner {
        let demo = &self.ready["demo"];
        let login = json!({ "login": demo["email"], "password": demo["password"] });
        let url = self.ready["url"].as_str().unwrap().to_owned();
        let http = Client::new();
        let session = http.post(format!("{url}/v1/sessions")).json(&login);
        let session = body(session.send().await.unwrap()).await;
        let token = session["access_token"].as_str().unwrap().to_owned();
        Owner { http, url, token }
    }
}

/// The demo tenant's owner, signed in.
struct Owner {
    http: Client,
    url: String,
    token: String,
}

impl Owner {
    async fn get(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}{path}", self.url));
        body(request.bearer_auth(&self.token).send().await.unwrap()).await
    }

    async fn post(&self, path: &str) -> Value {
        let request = self.http.post(format!("{}{path}", self.url));
        let request = request.bearer_auth(&self.token).json(&json!({}));
        body(request.send().await.unwrap()).await
    }

    /// The import, once it has left this state.
    async fn left(&self, path: &str, state: &str) -> Value {
        until("the import moves on", async || {
            let import = self.get(path).await;
            (import["state"] != state).then_some(import)
        })
        .await
    }
}

async fn body(response: Response) -> Value {
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "{status} {text}");
    serde_json::from_str(&text).unwrap()
}

/// What `look` finds in the end.
async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..PATIENCE {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("waited too long until {what}");
}

/// How many items the engine's file has whose sort key, a string, begins so; it may be in use.
fn count(table: &Path, sort_key: &str) -> usize {
    let connection = Connection::open(table).unwrap();
    connection.busy_timeout(Duration::from_secs(30)).unwrap();
    let query = "SELECT count(*) FROM muster WHERE sk GLOB ?1";
    connection
        .query_row(query, [format!("S:{sort_key}*")], |row| row.get(0))
        .unwrap()
}

/// Users that the import adds, and some that it refuses; with line breaks.
fn file() -> String {
    let mut file = "External ID,Email,First Name,Last Name,Depot\n".to_owned();
    for row in 0..ROWS {
        let email = match row % 250 {
            249 => "n/a".to_owned(),
            _ => format!("n{row}@new.example"),
        };
        file += &format!("N-{row},{email},Ann {row},Lee,\"Hall {row},\nGate\"\n");
    }
    file
}

/// What an import came to.
struct Outcome {
    import: Value,
    report: String,
    table: BTreeMap<String, Value>,
}

/// Imports into the demo tenant of a new folder; the program is killed when the plan has so many chunks, and when the
/// table has so many users. Beside the outcome, how many there were at each kill.
async fn import(chunks: &[usize], users: &[usize]) -> (Outcome, Vec<usize>) {
    let data = tempfile::tempdir().unwrap();
    let mut program = Program::start(data.path()).await;
    let mut owner = program.sign_in().await;
    let begun = owner.post("/v1/imports").await;
    let path = format!("/v1/imports/{}", begun["id"].as_str().unwrap());
    let put = owner.http.put(begun["upload"]["url"].as_str().unwrap());
    let put = put.header("content-type", "text/csv").body(file());
    assert_eq!(put.send().await.unwrap().status(), 200);
    let mut left = Vec::new();
    for chunks in chunks {
        let (again, had) = program.kill_at(*chunks, "CHUNK").await;
        program = again;
        left.push(had);
    }
    owner = program.sign_in().await;
    let ready = owner.left(&path, "checking").await;
    assert_eq!(ready["state"], "ready", "{ready}");
    let _ = owner.post(&format!("{path}/commit")).await;
    for users in users {
        // The demo's owner is a user too.
        let (again, had) = program.kill_at(users + 1, "USER#").await;
        program = again;
        left.push(had - 1);
    }
    owner = program.sign_in().await;
    let import = owner.left(&path, "importing").await;
    let report = owner.http.get(import["report_url"].as_str().unwrap());
    let report = report.send().await.unwrap().text().await.unwrap();
    let dead = owner.get("/local/dead-letters.json").await;
    assert_eq!(dead, json!([]));
    drop(program);
    let table = table(&data.path().join("stack/table.sqlite"));
    (
        Outcome {
            import,
            report,
            table,
        },
        left,
    )
}

/// Whether an attribute differs from run to run: times, the attempt whose plan counts, and the random keys of users.
fn is_passing(name: &str) -> bool {
    matches!(name, "at" | "ttl" | "sequencer" | "plan" | "audit_key") || name.ends_with("_at")
}

/// What the table has of the tenant's in the end but for its owner, under names that are the same in each run.
fn table(file: &Path) -> BTreeMap<String, Value> {
    let database = Database::new(&file.to_string_lossy()).unwrap();
    let (mut items, mut start) = (Vec::new(), Value::Null);
    loop {
        let mut request = json!({ "TableName": "muster" });
        if !start.is_null() {
            request["ExclusiveStartKey"] = start;
        }
        let request = serde_json::from_value(request).unwrap();
        let mut page = json!(database.scan(request).unwrap());
        items.append(page["Items"].as_array_mut().unwrap());
        start = page["LastEvaluatedKey"].take();
        if start.is_null() {
            break;
        }
    }
    let of_import = |item: &Value| {
        let operation = item.get("operation");
        // The demo's owner has no external ID.
        let owner = text(item, "SK").starts_with("USER#") && item.get("external_id").is_none();
        let imported = operation.is_none_or(|name| name["S"] == "users.import");
        text(item, "PK").starts_with("T#") && imported && !owner
    };
    items.retain(of_import);
    let names = names(&items);
    let renamed = items.into_iter().map(|mut item| {
        let fields = item.as_object_mut().unwrap();
        fields.retain(|name, _| !is_passing(name));
        if fields.contains_key("operation") {
            // An entry's name is its time and a hash of the import's; its targets tell as well which it is.
            fields.remove("SK");
            fields.remove("id");
            for target in item["targets"]["L"].as_array_mut().unwrap() {
                target["M"].as_object_mut().unwrap().remove("personal");
            }
        }
        rename(&mut item, &names);
        let key = item.get("targets").or(item.get("SK")).unwrap();
        (format!("{} {key}", text(&item, "PK")), item)
    });
    renamed.collect()
}

fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name]["S"].as_str().unwrap_or_default()
}

/// What stands for the ids that are new in each run: users by their external ID, and the one import.
fn names(items: &[Value]) -> HashMap<String, String> {
    let name = |item: &Value| {
        let (kind, id) = text(item, "SK").split_once('#')?;
        let name = match kind {
            "USER" => text(item, "external_id"),
            "IMPORT" => "the import",
            _ => return None,
        };
        Some((id.to_owned(), name.to_owned()))
    };
    items.iter().filter_map(name).collect()
}

fn rename(value: &mut Value, names: &HashMap<String, String>) {
    match value {
        Value::String(text) => {
            let parts = text
                .split(['#', '/', '.', '\t'])
                .map(|part| names.get(part).map_or(part, |name| name));
            *text = parts.collect::<Vec<_>>().join("#");
        }
        Value::Array(values) => values.iter_mut().for_each(|value| rename(value, names)),
        Value::Object(fields) => fields.values_mut().for_each(|value| rename(value, names)),
        _ => {}
    }
}

/// So many places to kill at, anywhere between the first and the last row, in their order.
fn places(count: usize) -> Vec<usize> {
    let place = |_| {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).unwrap();
        1 + usize::from_le_bytes(bytes) % (CREATED - 1)
    };
    let mut places: Vec<usize> = (0..count).map(place).collect();
    places.sort_unstable();
    places
}

/// Rows that become users.
const CREATED: usize = ROWS - ROWS / 250;

#[tokio::test]
async fn an_import_whose_process_is_killed_again_and_again_ends_as_if_nothing_had_happened() {
    let mut places = places(4);
    // And once when every row is done, but no report is written.
    places.push(CREATED);
    let (disturbed, left) = import(&[1, 3], &places).await;
    let within = left[2..]
        .iter()
        .filter(|users| (1..CREATED).contains(users));
    assert!(within.count() >= 2, "killed at {places:?}, left {left:?}");

    let (undisturbed, _) = import(&[], &[]).await;
    assert_eq!(undisturbed.import["state"], "done_with_errors");
    for field in ["state", "planned", "done", "problems", "encoding", "fault"] {
        assert_eq!(
            disturbed.import[field], undisturbed.import[field],
            "{field}"
        );
    }
    assert_eq!(undisturbed.report.lines().count(), 1 + 2 * ROWS);
    assert!(disturbed.report == undisturbed.report, "the reports differ");
    for (key, item) in &undisturbed.table {
        let other = disturbed.table.get(key).unwrap_or(&Value::Null);
        // Each run is a trace of its own.
        for (name, value) in item
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| *name != "trace")
        {
            assert_eq!(&other[name], value, "{name} of {key}, killed at {places:?}");
        }
        assert_eq!(
            other.as_object().map(Map::len),
            item.as_object().map(Map::len),
            "{key}"
        );
    }
    assert_eq!(disturbed.table.len(), undisturbed.table.len());
}
