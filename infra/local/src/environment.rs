//! An execution environment, as Lambda calls it: a process of a function behind a runtime API of its own.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::invoke::InvocationError;
use crate::runtime_api::RuntimeApi;

/// How long a process may take until it asks for its first event, as on Lambda.
const START: Duration = Duration::from_secs(10);

/// A process of a function. It handles one event at a time, and is killed when this is dropped.
pub struct Environment {
    process: Child,
    api: RuntimeApi,
}

impl Environment {
    /// Starts a function's binary, and waits until it asks for its first event.
    ///
    /// # Errors
    /// When it cannot be started, says that it cannot start, ends, or takes too long.
    pub async fn start(mut command: Command) -> Result<Self, InvocationError> {
        let broken = |error: io::Error| InvocationError::NotStarted(error.to_string());
        let api = RuntimeApi::start().await.map_err(broken)?;
        let process = command
            .env("AWS_LAMBDA_RUNTIME_API", api.address.to_string())
            .stdin(Stdio::null())
            // Its logs go where those of the stack go.
            .stdout(io::stderr())
            // Ctrl-C is meant for the stack, which lets open requests end first.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(broken)?;
        let mut environment = Self { process, api };
        tokio::select! {
            ready = environment.api.ready() => ready.map_err(InvocationError::NotStarted)?,
            ended = environment.process.wait() => return Err(gone(ended)),
            () = sleep(START) => return Err(InvocationError::TimedOut(START)),
        }
        Ok(environment)
    }

    /// Has the process handle an event.
    ///
    /// # Errors
    /// When it answers with an error, ends, or takes too long; then it is killed.
    pub async fn invoke(
        &mut self,
        function_arn: &str,
        event: &Value,
        timeout: Duration,
    ) -> Result<Value, InvocationError> {
        tokio::select! {
            biased;
            answer = self.api.invoke(function_arn, event, timeout) => answer.map_err(InvocationError::Failed),
            ended = self.process.wait() => Err(gone(ended)),
            () = sleep(timeout) => {
                self.end().await;
                Err(InvocationError::TimedOut(timeout))
            }
        }
    }

    /// Whether the process runs.
    #[must_use]
    pub fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// The process's id, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits until the process has ended by itself.
    pub async fn ended(&mut self) {
        // An error means that there is none any more.
        let _ = self.process.wait().await;
    }

    /// Kills the process and waits until it is gone.
    pub async fn end(&mut self) {
        if let Err(error) = self.process.kill().await {
            tracing::warn!(%error, "a function's process cannot be killed");
        }
    }
}

fn gone(ended: io::Result<ExitStatus>) -> InvocationError {
    match ended {
        Ok(status) => InvocationError::Exited(status),
        Err(error) => InvocationError::NotStarted(error.to_string()),
    }
}
