//! The real program, which can be killed at any point of its work, and its client.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

/// How long to wait before looking again at something that takes its time, and how often to look.
const PAUSE: Duration = Duration::from_millis(50);
const PATIENCE: usize = 24_000;
/// How long to wait before looking again at how far the program is.
const MOMENT: Duration = Duration::from_micros(500);

/// A running program on a folder.
pub struct Program {
    process: Child,
    ready: PathBuf,
}

/// However a test ends, no process outlives it; and however a program ends, it is killed.
impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Program {
    /// Starts it on this folder.
    pub fn start(data: &Path) -> Self {
        let ready = data.join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let process = Command::new(env!("CARGO_BIN_EXE_muster-local"))
            .args(["--listen", "127.0.0.1:0", "--log", "off"])
            .arg("--data")
            .arg(data)
            .arg("--ready-file")
            .arg(&ready)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, ready }
    }

    /// How many bytes it has written since it began, to files and to whom it talks with: how far it is.
    pub fn written(&self) -> u64 {
        let told = std::fs::read_to_string(format!("/proc/{}/io", self.process.id())).unwrap();
        let mut lines = told.lines();
        let written = lines.find_map(|line| line.strip_prefix("wchar: "));
        written.unwrap().parse().unwrap()
    }

    /// Returns once it has written so many bytes.
    pub async fn has_written(&self, bytes: u64) {
        while self.written() < bytes {
            tokio::time::sleep(MOMENT).await;
        }
    }

    /// Where it answers, once it does, and how to sign in.
    pub async fn ready(&self) -> Value {
        until("the program is ready", async || {
            serde_json::from_slice(&std::fs::read(&self.ready).ok()?).ok()
        })
        .await
    }
}

/// The demo tenant's owner at the program, who tries again what broke off.
pub struct Owner {
    http: Client,
    url: String,
    token: String,
}

impl Owner {
    /// Signs in.
    pub async fn of(program: &Program) -> Self {
        let ready = program.ready().await;
        let demo = &ready["demo"];
        let login = json!({ "login": demo["email"], "password": demo["password"] });
        let mut owner = Self {
            http: Client::new(),
            url: ready["url"].as_str().unwrap().to_owned(),
            token: String::new(),
        };
        let session = owner.post("/v1/sessions", "", &login).await;
        session["access_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut owner.token);
        owner
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}{path}", self.url));
        self.json(request.bearer_auth(&self.token)).await
    }

    /// POST with a key, if it is not empty.
    pub async fn post(&self, path: &str, key: &str, body: &Value) -> Value {
        let mut request = self.http.post(format!("{}{path}", self.url));
        if !key.is_empty() {
            request = request.header("Idempotency-Key", key);
        }
        self.json(request.bearer_auth(&self.token).json(body)).await
    }

    /// PUT of a file to an address that was signed.
    pub async fn upload(&self, address: &Value, file: String) {
        let request = self.http.put(address.as_str().unwrap()).body(file);
        let _ = self.text(request.header("content-type", "text/csv")).await;
    }

    /// GET of a file from an address that was signed.
    pub async fn download(&self, address: &Value) -> String {
        self.text(self.http.get(address.as_str().unwrap())).await
    }

    /// What stands at a path once it has left these states.
    pub async fn left(&self, path: &str, states: &[&str]) -> Value {
        until("the work moves on", async || {
            let work = self.get(path).await;
            (!states.iter().any(|state| work["state"] == *state)).then_some(work)
        })
        .await
    }

    async fn json(&self, request: RequestBuilder) -> Value {
        serde_json::from_str(&self.text(request).await).unwrap()
    }

    /// Moves the program's clock on.
    pub async fn wait(&self, seconds: u32) {
        let request = self.http.post(format!("{}/local/clock", self.url));
        let wait = json!({ "advance_seconds": seconds });
        // Whoever is killed meanwhile has not moved it, or has.
        let _ = request.json(&wait).send().await;
    }

    /// The answer; the request is sent again while nobody answers, and once it is sure that no attempt at it still runs.
    async fn text(&self, request: RequestBuilder) -> String {
        until("somebody answers", async || {
            let answer = request.try_clone()?.send().await.ok()?;
            let status = answer.status();
            let text = answer.text().await.ok()?;
            if text.contains("request_in_progress") {
                self.wait(40).await;
                return None;
            }
            assert!(status.is_success(), "{status} {text}");
            Some(text)
        })
        .await
    }
}

/// What `look` finds in the end.
pub async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..PATIENCE {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("waited too long until {what}");
}
