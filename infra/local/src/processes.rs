//! A function as processes: its binary, the environment that Lambda would give it, and the processes that wait for events.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_shared::config::Config;
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use crate::cloudformation::{ACCOUNT, REGION, STACK};
use crate::environment::Environment;
use crate::invoke::InvocationError;
use crate::template::Function;

/// Processes of one function at once, at most. Lambda too starts another when all are busy, only later refuses to; further
/// events wait here.
const MOST: usize = 8;

/// A function's processes.
pub struct Processes {
    binary: PathBuf,
    variables: BTreeMap<String, String>,
    arn: String,
    timeout: Duration,
    free: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Processes that wait for an event.
    idle: Vec<Environment>,
    /// Invocations under way.
    running: JoinSet<()>,
}

impl Processes {
    /// The processes of this binary; none runs before the first event.
    #[must_use]
    pub fn new(function: &Function, binary: PathBuf, variables: BTreeMap<String, String>) -> Self {
        Self {
            binary,
            variables,
            arn: format!(
                "arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}",
                deployed_name(function)
            ),
            timeout: function.timeout,
            free: Semaphore::new(MOST),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a process handle an event: one that waits, else a new one. It goes on even if nobody waits for the answer any more.
    ///
    /// # Errors
    /// When no process starts, or the one that got the event fails.
    pub async fn invoke(self: &Arc<Self>, event: Value) -> Result<Value, InvocationError> {
        let (answer, answered) = oneshot::channel();
        let processes = Arc::clone(self);
        {
            let running = &mut self.state().running;
            while running.try_join_next().is_some() {}
            running.spawn(async move {
                // Whoever asked may have gone.
                let _ = answer.send(processes.handle(event).await);
            });
        }
        answered.await.unwrap_or(Err(InvocationError::Stopped))
    }

    async fn handle(&self, event: Value) -> Result<Value, InvocationError> {
        let _permit = self.free.acquire().await;
        let mut environment = if let Some(waiting) = self.waiting() {
            waiting
        } else {
            let mut command = Command::new(&self.binary);
            command.env_clear().envs(&self.variables);
            Environment::start(command).await?
        };
        let answer = environment.invoke(&self.arn, &event, self.timeout).await;
        if environment.is_running() {
            self.state().idle.push(environment);
        }
        answer
    }

    /// The process that waits for the shortest time, as it is the warmest.
    fn waiting(&self) -> Option<Environment> {
        let idle = &mut self.state().idle;
        std::iter::from_fn(|| idle.pop()).find_map(|mut one| one.is_running().then_some(one))
    }

    /// Ends all processes, busy ones too.
    pub async fn stop(&self) {
        let State { idle, mut running } = std::mem::take(&mut *self.state());
        running.shutdown().await;
        for mut environment in idle {
            environment.end().await;
        }
    }
}

fn deployed_name(function: &Function) -> String {
    format!("{STACK}-{}", function.name)
}

/// What a process finds in its environment: what the template says, what Lambda adds, and where the stand-ins are.
#[must_use]
pub fn variables(
    function: &Function,
    config: &Config,
    clock_file: &Path,
) -> BTreeMap<String, String> {
    let name = deployed_name(function);
    let mut variables = function.environment.clone();
    let mut set = |variable: &str, value: String| variables.insert(variable.to_owned(), value);
    set(
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        function.memory.to_string(),
    );
    set("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned());
    set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned());
    set("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}"));
    set("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned());
    set("AWS_LAMBDA_FUNCTION_NAME", name);
    set("TZ", ":UTC".to_owned());
    set("CLOCK_FILE", clock_file.display().to_string());
    if config.meter {
        set("METER", "1".to_owned());
    }
    let aws = &config.aws;
    let key = &aws.credentials;
    set("AWS_REGION", aws.region.clone());
    set("AWS_DEFAULT_REGION", aws.region.clone());
    set("AWS_ACCESS_KEY_ID", key.access_key_id().to_owned());
    set("AWS_SECRET_ACCESS_KEY", key.secret_access_key().to_owned());
    let endpoints = [
        ("AWS_ENDPOINT_URL_DYNAMODB", &aws.dynamodb),
        ("AWS_ENDPOINT_URL_S3", &aws.s3),
        ("AWS_ENDPOINT_URL_SESV2", &aws.ses),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &aws.secrets),
    ];
    for (variable, endpoint) in endpoints {
        if let Some(endpoint) = endpoint {
            set(variable, endpoint.clone());
        }
    }
    variables
}
