//! What the functions borrow, configured as the template's environment variables say.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_shared::clock::Clock;
use muster_shared::config::{Config, Local};
use muster_shared::context::Context;

use crate::iam::OPERATOR;
use crate::stack::StackError;
use crate::template::{Function, Template};

/// A context for each function: what it is not told on AWS, it is not told here, and what it may not do there, it may not
/// do here.
///
/// # Errors
/// When the template sets too little, or a service does not answer.
pub async fn connect(
    template: &Template,
    endpoints: &Local,
    clock: &Clock,
    meter: bool,
) -> Result<BTreeMap<String, Arc<Context>>, StackError> {
    let mut contexts = BTreeMap::new();
    // Those that sign first: they publish the keys that the others read when they start.
    let mut functions: Vec<_> = template.functions.values().collect();
    functions.sort_by_key(|function| !function.environment.contains_key("SIGNING_SECRET_ARN"));
    for function in functions {
        let config = config(function, endpoints, meter)?;
        let context = Context::connect(config, clock.clone()).await?;
        contexts.insert(function.name.clone(), Arc::new(context));
    }
    // Whoever runs the stack has one too, for a look past the functions.
    if let Some(function) = template.functions.values().next() {
        let mut config = config(function, endpoints, meter)?;
        config.local = Some(endpoints.clone());
        let context = Context::connect(config, clock.clone()).await?;
        contexts.insert(OPERATOR.to_owned(), Arc::new(context));
    }
    Ok(contexts)
}

/// What `Config::from_env` would read on AWS.
fn config(function: &Function, endpoints: &Local, meter: bool) -> Result<Config, StackError> {
    let optional = |name: &str| function.environment.get(name).cloned();
    let required = |variable| {
        optional(variable).ok_or_else(|| StackError::Environment {
            function: function.name.clone(),
            variable,
        })
    };
    Ok(Config {
        table: required("TABLE")?,
        bucket: required("BUCKET")?,
        sender: required("SENDER")?,
        configuration_set: optional("CONFIGURATION_SET"),
        base_url: required("BASE_URL")?,
        signing_secret: optional("SIGNING_SECRET_ARN"),
        // Nothing stands in front of the local gateway: it sees for itself where requests come from.
        edge_secret: None,
        meter,
        local: Some(Local {
            access_key: function.name.clone(),
            ..endpoints.clone()
        }),
    })
}
