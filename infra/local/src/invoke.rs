//! The one seam between the stack and the functions: a name and an event go in, an answer comes out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::OptionFuture;
use muster_shared::clock::Clock;
use muster_shared::config::Aws;
use muster_shared::context::Context;
use muster_shared::lambda::{Function, Invocation, LambdaEvent};
use serde_json::Value;

use crate::contexts;
use crate::data_dir::{DataDir, write_whole};
use crate::faults::Faults;
use crate::processes::{self, Processes};
use crate::stack::{Options, Spawn, StackError};
use crate::stream::Nudge;
use crate::template::Template;

/// The functions, ready to be invoked.
#[derive(Debug)]
pub struct Functions {
    by_name: BTreeMap<String, Invocable>,
    variables: BTreeMap<String, BTreeMap<String, String>>,
    /// What tells processes of the time.
    clock_file: PathBuf,
    faults: Option<Arc<Faults>>,
    nudge: Nudge,
}

enum Invocable {
    /// Its code runs in this process.
    Here {
        function: &'static Function,
        context: Arc<Context>,
        timeout: Duration,
    },
    /// Its binary runs in processes of its own.
    Apart(Arc<Processes>),
}

impl std::fmt::Debug for Invocable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Here { .. } => "Here",
            Self::Apart(_) => "Apart",
        })
    }
}

/// Why an invocation has no answer.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    /// There is no such function.
    #[error("there is no function {0}")]
    Unknown(String),
    /// The function answered with an error.
    #[error("{0}")]
    Failed(String),
    /// The function panicked.
    #[error("the function panicked")]
    Panicked,
    /// The function's process does not start, or says that it cannot.
    #[error("the function cannot start: {0}")]
    NotStarted(String),
    /// The function's process ended without an answer.
    #[error("the function's process ended, {0}")]
    Exited(ExitStatus),
    /// The function took longer than the template allows, or longer than any may to start.
    #[error("the function took longer than {} s", .0.as_secs())]
    TimedOut(Duration),
    /// A fault that was planned killed the function.
    #[error("the function's process was killed")]
    Killed,
    /// The stack stopped meanwhile.
    #[error("the stack stopped")]
    Stopped,
}

impl Functions {
    /// The template's functions with their code, or with their binaries where the options say so.
    ///
    /// # Errors
    /// When code or binaries are missing, the template sets too little, or a service does not answer.
    pub async fn start(
        options: &Options,
        code: &[&'static Function],
        template: &Template,
        endpoints: &Aws,
        data: &DataDir,
        nudge: Nudge,
    ) -> Result<Self, StackError> {
        let clock_file = data.join("clock");
        let mut variables = BTreeMap::new();
        for (name, function) in &template.functions {
            let config = contexts::config(function, endpoints, options.meter)?;
            let of_it = processes::variables(function, &config, &clock_file);
            variables.insert(name.clone(), of_it);
        }
        let by_name = if let Some(Spawn { folder, .. }) = &options.spawn {
            apart(template, folder, &variables)?
        } else {
            let (clock, meter) = (&options.clock, options.meter);
            let contexts = contexts::connect(template, endpoints, clock, meter).await?;
            here(template, code, &contexts)?
        };
        let functions = Self {
            by_name,
            variables,
            clock_file,
            faults: options.faults.clone(),
            nudge,
        };
        functions.tell_time(&options.clock);
        Ok(functions)
    }

    /// What a process of a function finds in its environment.
    #[must_use]
    pub fn variables(&self, name: &str) -> Option<&BTreeMap<String, String>> {
        self.variables.get(name)
    }

    /// What a function borrows, if it runs in this process.
    #[must_use]
    pub fn context(&self, name: &str) -> Option<&Arc<Context>> {
        match self.by_name.get(name)? {
            Invocable::Here { context, .. } => Some(context),
            Invocable::Apart(_) => None,
        }
    }

    /// Lets processes go by this clock, as it stands now.
    pub fn tell_time(&self, clock: &Clock) {
        if let Err(error) = write_whole(&self.clock_file, clock.told().as_bytes()) {
            tracing::error!(%error, "the functions' clock cannot be set");
        }
    }

    /// Invokes a function, in a task or process of its own: neither a panic nor a hang goes any further.
    ///
    /// # Errors
    /// When the function fails, panics, takes too long or does not exist.
    pub async fn invoke(&self, name: &str, event: Value) -> Result<Value, InvocationError> {
        let answer = match self.by_name.get(name) {
            None => return Err(InvocationError::Unknown(name.to_owned())),
            Some(Invocable::Here {
                function,
                context,
                timeout,
            }) => {
                let (context, faults) = (Arc::clone(context), self.faults.as_deref());
                invoke_here(function, context, event, *timeout, faults).await
            }
            Some(Invocable::Apart(processes)) => processes.invoke(event).await,
        };
        self.nudge.look();
        answer
    }

    /// Ends the processes.
    pub async fn stop(&self) {
        for function in self.by_name.values() {
            if let Invocable::Apart(processes) = function {
                processes.stop().await;
            }
        }
    }
}

/// The functions whose code this process has.
fn here(
    template: &Template,
    code: &[&'static Function],
    contexts: &BTreeMap<String, Arc<Context>>,
) -> Result<BTreeMap<String, Invocable>, StackError> {
    let mut functions = BTreeMap::new();
    let mut missing = Vec::new();
    for (name, model) in &template.functions {
        let function = code.iter().find(|function| function.name == name).copied();
        match (function, contexts.get(name)) {
            (Some(function), Some(context)) => {
                let invocable = Invocable::Here {
                    function,
                    context: Arc::clone(context),
                    timeout: model.timeout,
                };
                functions.insert(name.clone(), invocable);
            }
            _ => missing.push(name.clone()),
        }
    }
    if missing.is_empty() {
        Ok(functions)
    } else {
        Err(StackError::NoCode(missing))
    }
}

/// The functions whose binaries are in `folder`.
fn apart(
    template: &Template,
    folder: &Path,
    variables: &BTreeMap<String, BTreeMap<String, String>>,
) -> Result<BTreeMap<String, Invocable>, StackError> {
    let mut functions = BTreeMap::new();
    let mut missing = Vec::new();
    for (name, function) in &template.functions {
        let binary = folder.join(name);
        match variables.get(name) {
            Some(variables) if binary.is_file() => {
                let processes = Processes::new(function, binary, variables.clone());
                functions.insert(name.clone(), Invocable::Apart(Arc::new(processes)));
            }
            _ => missing.push(name.clone()),
        }
    }
    if missing.is_empty() {
        Ok(functions)
    } else {
        Err(StackError::NoBinaries {
            folder: folder.to_owned(),
            functions: missing,
        })
    }
}

async fn invoke_here(
    function: &'static Function,
    context: Arc<Context>,
    event: Value,
    timeout: Duration,
    faults: Option<&Faults>,
) -> Result<Value, InvocationError> {
    let invocation = invocation(&event, &context.clock);
    let event = LambdaEvent::new(event, invocation);
    let death = faults.map(|faults| faults.death(function.name));
    let mut task = tokio::spawn(async move { function.invoke(&context, event).await });
    let answer = tokio::select! {
        ended = tokio::time::timeout(timeout, &mut task) => match ended {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(error))) => Err(InvocationError::Failed(error.to_string())),
            Ok(Err(_)) => Err(InvocationError::Panicked),
            Err(_) => Err(InvocationError::TimedOut(timeout)),
        },
        () = OptionFuture::from(death).map(drop), if faults.is_some() => Err(InvocationError::Killed),
    };
    // Where it did not end by itself it is ended before anybody hears of it.
    task.abort();
    if let Err(InvocationError::Killed) = answer {
        let _ = task.await;
    }
    if let Some(faults) = faults {
        faults.over(function.name);
    }
    answer
}

/// What Lambda says of an invocation.
fn invocation(event: &Value, clock: &Clock) -> Invocation {
    let mut invocation = Invocation::default();
    invocation.request_id = uuid::Uuid::new_v4().to_string();
    invocation.xray_trace_id = Some(trace_header(event, clock));
    invocation
}

/// The header of the trace that an event belongs to. The gateway tells that of a request in a header; what comes from a queue, a
/// schedule or support begins a trace of its own.
pub fn trace_header(event: &Value, clock: &Clock) -> String {
    let told = event["headers"]["x-amzn-trace-id"].as_str();
    told.map_or_else(|| new_trace(clock), str::to_owned)
}

/// The header of a trace that begins now (AWS X-Ray developer guide, "Tracing header").
pub fn new_trace(clock: &Clock) -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("Root=1-{:08x}-{}", clock.now().as_second(), &random[..24])
}
