//! Who may do what: every call to an embedded service passes here, and is refused unless the caller's role in the template
//! allows it, as on AWS. What was needed of a role is remembered, so that tests can tell what is not.

pub mod dynamodb;
mod policy;
pub mod s3;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use muster_shared::config::Credentials;

pub use policy::{Grant, Policy};

use crate::cloudformation::ACCOUNT;
use crate::template::Function;

/// The access key of whoever runs the stack: it may do everything.
pub const OPERATOR: &str = "local";
/// The secret of all access keys. A function's access key is its name.
pub const SECRET_KEY: &str = "local-secret";

/// The credentials of a function, by its name, or of the [`OPERATOR`].
#[must_use]
pub fn credentials(access_key: &str) -> Credentials {
    Credentials::new(access_key, SECRET_KEY, None, None, "local")
}

/// One action on one resource, as IAM sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// For example `dynamodb:PutItem`.
    pub action: Cow<'static, str>,
    /// The ARN.
    pub resource: String,
    /// What conditions may ask about.
    pub context: Context,
}

/// What a condition may ask about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Context {
    /// Nothing.
    None,
    /// `dynamodb:LeadingKeys`: the partition keys of all items, or of the index that is queried.
    LeadingKeys(BTreeSet<String>),
    /// `ses:FromAddress`.
    FromAddress(String),
}

/// Why a call is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// Nobody has this access key.
    #[error("there is no access key {0}")]
    Unknown(String),
    /// The role does not allow it.
    #[error(
        "User: arn:aws:sts::{ACCOUNT}:assumed-role/{function} is not authorized to perform: {action} on resource: \
         {resource}{keys} because no identity-based policy allows the {action} action"
    )]
    Access {
        /// The function.
        function: String,
        /// The action.
        action: String,
        /// The resource.
        resource: String,
        /// The kinds of leading keys, without what may name people.
        keys: String,
    },
}

/// The roles of the functions.
#[derive(Debug)]
pub struct Roles(BTreeMap<String, Role>);

#[derive(Debug)]
struct Role {
    policy: Policy,
    needed: Mutex<HashSet<Grant>>,
    denied: Mutex<BTreeSet<String>>,
}

impl Roles {
    /// Takes the policies out of the functions.
    pub fn take(functions: &mut BTreeMap<String, Function>) -> Self {
        let roles = functions.iter_mut().map(|(name, function)| {
            let role = Role {
                policy: std::mem::take(&mut function.policy),
                needed: Mutex::default(),
                denied: Mutex::default(),
            };
            (name.clone(), role)
        });
        Self(roles.collect())
    }

    /// The access keys: one for each function, and the operator's.
    pub fn access_keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str).chain([OPERATOR])
    }

    /// Lets a call through if whoever has the access key may do all of what it does.
    ///
    /// # Errors
    /// When it may not, or nobody has the key.
    pub fn authorize(&self, access_key: &str, accesses: &[Access]) -> Result<(), Denied> {
        if access_key == OPERATOR {
            return Ok(());
        }
        let role = self
            .0
            .get(access_key)
            .ok_or_else(|| Denied::Unknown(access_key.to_owned()))?;
        accesses
            .iter()
            .try_for_each(|access| role.authorize(access_key, access))
    }

    /// What the calls so far tell of the roles.
    #[must_use]
    pub fn review(&self) -> Review {
        let mut review = Review::default();
        for (function, role) in &self.0 {
            review.denied.extend(lock(&role.denied).iter().cloned());
            let needed = lock(&role.needed);
            let told = needed
                .iter()
                .map(|grant| told(function, &role.policy, *grant));
            review.needed.extend(told);
        }
        review
    }

    /// All that the roles grant.
    #[must_use]
    pub fn grants(&self) -> BTreeSet<String> {
        let all = self.0.iter().flat_map(|(function, role)| {
            let grants = role.policy.grants();
            grants.map(|grant| told(function, &role.policy, grant))
        });
        all.collect()
    }
}

impl Role {
    fn authorize(&self, function: &str, access: &Access) -> Result<(), Denied> {
        let Some(needed) = self.policy.allows(access) else {
            let keys = match &access.context {
                Context::LeadingKeys(keys) => format!(" (leading keys: {})", kinds(keys)),
                Context::None | Context::FromAddress(_) => String::new(),
            };
            let denied = Denied::Access {
                function: function.to_owned(),
                action: access.action.to_string(),
                resource: access.resource.clone(),
                keys,
            };
            tracing::warn!(%denied);
            lock(&self.denied).insert(denied.to_string());
            return Err(denied);
        };
        lock(&self.needed).extend(needed);
        Ok(())
    }
}

/// What the calls so far tell of the roles.
#[derive(Debug, Default)]
pub struct Review {
    /// What was refused.
    pub denied: BTreeSet<String>,
    /// The grants that were needed: some call would have been refused without them.
    pub needed: BTreeSet<String>,
}

/// A grant in words.
fn told(function: &str, policy: &Policy, grant: Grant) -> String {
    format!("{function}: {}", policy.describe(grant))
}

/// The kinds of keys, `P#…`, without addresses and the like.
fn kinds(keys: &BTreeSet<String>) -> String {
    let kinds: BTreeSet<String> = keys
        .iter()
        .map(|key| match key.split_once('#') {
            Some((kind, _)) => format!("{kind}#…"),
            None => key.clone(),
        })
        .collect();
    kinds.into_iter().collect::<Vec<_>>().join(" ")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What a panicking thread left is a set all the same.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A header, empty where there is none or it is no text.
#[must_use]
pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

/// The access key that a request is signed with (Signature Version 4).
#[must_use]
pub fn access_key(headers: &HeaderMap) -> Option<&str> {
    let (_, credential) = header(headers, "authorization").split_once("Credential=")?;
    Some(credential.split_once('/')?.0)
}
