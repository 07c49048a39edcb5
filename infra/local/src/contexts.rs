//! What the functions borrow, configured as the template's environment variables say.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_shared::clock::Clock;
use muster_shared::config::{self, Aws, Config};
use muster_shared::context::Context;

use crate::iam::credentials;
use crate::stack::StackError;
use crate::template::{Function, Template};

/// A context for each function: what it is not told on AWS, it is not told here, and what it may not do there, it may not
/// do here.
///
/// # Errors
/// When the template sets too little, or a service does not answer.
pub async fn connect(
    template: &Template,
    endpoints: &Aws,
    clock: &Clock,
    meter: bool,
) -> Result<BTreeMap<String, Arc<Context>>, StackError> {
    let mut contexts = BTreeMap::new();
    // Those that sign first: they publish the keys that the others read when they start.
    let mut functions: Vec<_> = template.functions.values().collect();
    functions.sort_by_key(|function| !function.environment.contains_key("SIGNING_SECRET_ARN"));
    for function in functions {
        let config = config(function, endpoints, meter)?;
        // Boxed, because it is large and whoever starts a stack would hold it.
        let context = Box::pin(Context::connect(config, clock.clone())).await?;
        contexts.insert(function.name.clone(), Arc::new(context));
    }
    Ok(contexts)
}

/// One for whoever runs the stack, for a look past the functions.
///
/// # Errors
/// When the template has no function or sets too little, or a service does not answer.
pub async fn operator(
    template: &Template,
    endpoints: &Aws,
    clock: &Clock,
    meter: bool,
) -> Result<Arc<Context>, StackError> {
    let any = template.functions.values().next();
    let function = any.ok_or_else(|| StackError::NoCode(Vec::new()))?;
    let mut config = config(function, endpoints, meter)?;
    config.aws = endpoints.clone();
    let context = Box::pin(Context::connect(config, clock.clone())).await?;
    Ok(Arc::new(context))
}

/// What `Config::from_env` would read on AWS.
///
/// # Errors
/// When the template sets too little.
pub fn config(function: &Function, endpoints: &Aws, meter: bool) -> Result<Config, StackError> {
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
        mail_turn: config::mail_turn(optional),
        base_url: required("BASE_URL")?,
        signing_secret: optional("SIGNING_SECRET_ARN"),
        // Nothing stands in front of the local gateway: it sees for itself where requests come from.
        edge_secret: None,
        meter,
        aws: Aws {
            credentials: credentials(&function.name),
            ..endpoints.clone()
        },
    })
}
