//! What the functions borrow, configured as the template's environment variables say.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_shared::clock::Clock;
use muster_shared::config::{Config, Local};
use muster_shared::context::Context;

use crate::stack::StackError;
use crate::template::{Function, Template};

/// One context for all functions with the same environment: what a function is not told on AWS, it is not told here.
///
/// # Errors
/// When the template sets too little, or a service does not answer.
pub async fn connect(
    template: &Template,
    endpoints: &Local,
    clock: &Clock,
    meter: bool,
) -> Result<BTreeMap<String, Arc<Context>>, StackError> {
    let mut by_environment: BTreeMap<&BTreeMap<String, String>, Arc<Context>> = BTreeMap::new();
    let mut by_function = BTreeMap::new();
    // Those that sign first: they publish the keys that the others read when they start.
    let mut functions: Vec<_> = template.functions.values().collect();
    functions.sort_by_key(|function| !function.environment.contains_key("SIGNING_SECRET_ARN"));
    for function in functions {
        let known = by_environment.get(&function.environment).cloned();
        let context = if let Some(context) = known {
            context
        } else {
            let config = config(function, endpoints, meter)?;
            Arc::new(Context::connect(config, clock.clone()).await?)
        };
        by_environment.insert(&function.environment, Arc::clone(&context));
        by_function.insert(function.name.clone(), context);
    }
    Ok(by_function)
}

/// What `Config::from_env` would read on AWS.
///
/// # Errors
/// When the template sets too little.
pub fn config(function: &Function, endpoints: &Local, meter: bool) -> Result<Config, StackError> {
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
        local: Some(endpoints.clone()),
    })
}
