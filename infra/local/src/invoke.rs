//! The one seam between the stack and the functions: a name and an event go in, an answer comes out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use muster_shared::context::Context;
use muster_shared::lambda::Function;
use serde_json::Value;

use crate::stream::Nudge;
use crate::template::Template;

/// The functions, ready to be invoked.
#[derive(Debug)]
pub struct Functions {
    functions: BTreeMap<String, Invocable>,
    nudge: Nudge,
}

struct Invocable {
    function: &'static Function,
    context: Arc<Context>,
    timeout: Duration,
}

impl std::fmt::Debug for Invocable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Invocable({}, {:?})", self.function.name, self.timeout)
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
    /// The function took longer than the template allows.
    #[error("the function took longer than {} s", .0.as_secs())]
    TimedOut(Duration),
}

impl Functions {
    /// Gives the template's functions their code and their contexts; the error names those that lack either.
    ///
    /// # Errors
    /// When code or context is missing for a function of the template.
    pub fn new(
        template: &Template,
        code: &[&'static Function],
        contexts: &BTreeMap<String, Arc<Context>>,
        nudge: Nudge,
    ) -> Result<Self, Vec<String>> {
        let mut functions = BTreeMap::new();
        let mut missing = Vec::new();
        for (name, model) in &template.functions {
            let function = code.iter().find(|function| function.name == name).copied();
            match (function, contexts.get(name)) {
                (Some(function), Some(context)) => {
                    let context = Arc::clone(context);
                    functions.insert(
                        name.clone(),
                        Invocable {
                            function,
                            context,
                            timeout: model.timeout,
                        },
                    );
                }
                _ => missing.push(name.clone()),
            }
        }
        if missing.is_empty() {
            Ok(Self { functions, nudge })
        } else {
            Err(missing)
        }
    }

    /// Invokes a function, in a task of its own: neither a panic nor a hang goes any further.
    ///
    /// # Errors
    /// When the function fails, panics, takes too long or does not exist.
    pub async fn invoke(&self, name: &str, event: Value) -> Result<Value, InvocationError> {
        let Some(Invocable {
            function,
            context,
            timeout,
        }) = self.functions.get(name)
        else {
            return Err(InvocationError::Unknown(name.to_owned()));
        };
        let (function, context, timeout) = (*function, Arc::clone(context), *timeout);
        let mut task = tokio::spawn(async move { function.invoke(&context, event).await });
        let finished = tokio::time::timeout(timeout, &mut task).await;
        self.nudge.look();
        match finished {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(error))) => Err(InvocationError::Failed(error.to_string())),
            Ok(Err(_)) => Err(InvocationError::Panicked),
            Err(_) => {
                task.abort();
                Err(InvocationError::TimedOut(timeout))
            }
        }
    }
}
