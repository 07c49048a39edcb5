//! The policy of a role, read from the template and evaluated as IAM does.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Access, Context};

/// What a role is granted: nothing that no statement allows.
#[derive(Debug, Default)]
pub struct Policy {
    statements: Vec<Statement>,
}

/// One action on one resource, under one value of the condition if there is one: the smallest part of a policy that could be
/// taken away. By position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grant {
    statement: usize,
    action: usize,
    resource: usize,
    value: usize,
}

#[derive(Debug)]
struct Statement {
    actions: Vec<String>,
    resources: Vec<String>,
    condition: Option<Condition>,
}

/// The conditions that the functions' policies use.
#[derive(Debug)]
enum Condition {
    /// `ForAllValues:StringLike` on `dynamodb:LeadingKeys`.
    LeadingKeys(Vec<String>),
    /// `StringEquals` on `ses:FromAddress`.
    FromAddress(Vec<String>),
}

/// A policy document; anything in it that is not understood is an error, not ignored.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Document {
    #[serde(rename = "Version")]
    _version: Version,
    statement: Vec<Written>,
}

#[derive(Deserialize)]
enum Version {
    #[serde(rename = "2012-10-17")]
    Current,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Written {
    #[serde(rename = "Effect")]
    _effect: Effect,
    action: OneOrMore,
    resource: OneOrMore,
    #[serde(default)]
    condition: BTreeMap<String, BTreeMap<String, OneOrMore>>,
}

#[derive(Deserialize)]
enum Effect {
    Allow,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl From<OneOrMore> for Vec<String> {
    fn from(values: OneOrMore) -> Self {
        match values {
            OneOrMore::One(value) => vec![value],
            OneOrMore::More(values) => values,
        }
    }
}

impl Policy {
    /// Reads a function's `Policies`, its references resolved.
    ///
    /// # Errors
    /// When they say anything that is not evaluated here.
    pub fn parse(documents: Value) -> Result<Self, String> {
        let documents: Vec<Document> = serde_json::from_value(documents)
            .map_err(|error| format!("the local stack does not understand the policy: {error}"))?;
        let written = documents
            .into_iter()
            .flat_map(|document| document.statement);
        let statements = written.map(Statement::read).collect::<Result<_, _>>()?;
        Ok(Self { statements })
    }

    /// Whether one of the statements allows the access; if so, the grants without which it would be refused. Those are
    /// none when several grants allow the same.
    #[must_use]
    pub fn allows(&self, access: &Access) -> Option<Vec<Grant>> {
        let mut allowing = self
            .statements
            .iter()
            .enumerate()
            .filter_map(|(position, statement)| Some((position, statement.allows(access)?)));
        let (statement, values) = allowing.next()?;
        if allowing.next().is_some() {
            return Some(Vec::new());
        }
        let Statement {
            actions, resources, ..
        } = &self.statements[statement];
        let action = only(positions(actions, |action| *action == access.action));
        let resource = only(positions(resources, |pattern| {
            like(pattern, &access.resource)
        }));
        let (Some(action), Some(resource)) = (action, resource) else {
            return Some(Vec::new());
        };
        let grant = |value| Grant {
            statement,
            action,
            resource,
            value,
        };
        Some(values.into_iter().filter_map(only).map(grant).collect())
    }

    /// All that is granted.
    pub fn grants(&self) -> impl Iterator<Item = Grant> {
        let statements = self.statements.iter().enumerate();
        statements.flat_map(|(statement, written)| {
            let values = written.condition.as_ref().map_or(1, Condition::len);
            let actions = 0..written.actions.len();
            actions.flat_map(move |action| {
                let resources = 0..written.resources.len();
                resources.flat_map(move |resource| {
                    (0..values).map(move |value| Grant {
                        statement,
                        action,
                        resource,
                        value,
                    })
                })
            })
        })
    }

    /// What a grant of this policy says.
    #[must_use]
    pub fn describe(&self, grant: Grant) -> String {
        let statement = &self.statements[grant.statement];
        let (action, resource) = (
            &statement.actions[grant.action],
            &statement.resources[grant.resource],
        );
        let condition = match &statement.condition {
            None => String::new(),
            Some(Condition::LeadingKeys(patterns)) => {
                format!(" where keys are like {}", patterns[grant.value])
            }
            Some(Condition::FromAddress(addresses)) => {
                format!(" from {}", addresses[grant.value])
            }
        };
        format!("{action} on {resource}{condition}")
    }
}

impl Statement {
    fn read(written: Written) -> Result<Self, String> {
        let actions: Vec<String> = written.action.into();
        if let Some(action) = actions.iter().find(|action| action.contains(['*', '?'])) {
            return Err(format!("the action {action} is not named in full"));
        }
        let mut conditions = written
            .condition
            .into_iter()
            .flat_map(|(operator, keys)| {
                keys.into_iter()
                    .map(move |(key, values)| (operator.clone(), key, values))
            })
            .map(|(operator, key, values)| Condition::read(&operator, &key, values.into()));
        let condition = conditions.next().transpose()?;
        if conditions.next().is_some() {
            return Err("the local stack understands one condition in a statement".to_owned());
        }
        Ok(Self {
            actions,
            resources: written.resource.into(),
            condition,
        })
    }

    /// Whether it allows the access; if so, for each value that the condition asks about, which of its values fit.
    fn allows(&self, access: &Access) -> Option<Vec<Vec<usize>>> {
        let applies = self.actions.iter().any(|action| *action == access.action)
            && self
                .resources
                .iter()
                .any(|pattern| like(pattern, &access.resource));
        if !applies {
            return None;
        }
        match &self.condition {
            None => Some(vec![vec![0]]),
            Some(condition) => condition.holds(&access.context),
        }
    }
}

impl Condition {
    fn read(operator: &str, key: &str, values: Vec<String>) -> Result<Self, String> {
        match (operator, key) {
            ("ForAllValues:StringLike", "dynamodb:LeadingKeys") => Ok(Self::LeadingKeys(values)),
            ("StringEquals", "ses:FromAddress") => Ok(Self::FromAddress(values)),
            _ => Err(format!(
                "the local stack does not understand {operator} on {key}"
            )),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::LeadingKeys(values) | Self::FromAddress(values) => values.len(),
        }
    }

    /// For each value of the request, which values of the condition fit; none if one has none.
    fn holds(&self, context: &Context) -> Option<Vec<Vec<usize>>> {
        let fits = match (self, context) {
            (Self::LeadingKeys(patterns), Context::LeadingKeys(keys)) if !keys.is_empty() => keys
                .iter()
                .map(|key| positions(patterns, |pattern| like(pattern, key)))
                .collect(),
            // "For all values" holds of none at all: a scan has no leading keys.
            (Self::LeadingKeys(patterns), _) => vec![positions(patterns, |_| true)],
            (Self::FromAddress(addresses), Context::FromAddress(from)) => {
                vec![positions(addresses, |address| address == from)]
            }
            (Self::FromAddress(_), Context::None | Context::LeadingKeys(_)) => return None,
        };
        fits.iter().all(|fits| !fits.is_empty()).then_some(fits)
    }
}

fn positions(values: &[String], fits: impl Fn(&String) -> bool) -> Vec<usize> {
    let all = values.iter().enumerate();
    all.filter(|(_, value)| fits(value))
        .map(|(position, _)| position)
        .collect()
}

fn only(positions: Vec<usize>) -> Option<usize> {
    <[usize; 1]>::try_from(positions).ok().map(|[one]| one)
}

/// IAM's `StringLike`: `*` stands for any text, `#` and `/` included, `?` for any one character.
fn like(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return fits(pattern, text) == Some("");
    };
    let Some(mut rest) = fits(before, text) else {
        return false;
    };
    loop {
        if like(after, rest) {
            return true;
        }
        let mut characters = rest.chars();
        if characters.next().is_none() {
            return false;
        }
        rest = characters.as_str();
    }
}

/// What is left of a text that begins as the pattern, which has no `*`, says.
fn fits<'a>(pattern: &str, text: &'a str) -> Option<&'a str> {
    let mut rest = text.chars();
    for wanted in pattern.chars() {
        let found = rest.next()?;
        if wanted != '?' && wanted != found {
            return None;
        }
    }
    Some(rest.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(statements: &Value) -> Policy {
        Policy::parse(json!([{ "Version": "2012-10-17", "Statement": statements }])).unwrap()
    }

    fn keyed(action: &'static str, resource: &str, keys: &[&str]) -> Access {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        Access {
            action: action.into(),
            resource: resource.to_owned(),
            context: Context::LeadingKeys(keys),
        }
    }

    impl Policy {
        /// Asks as if one grant were not there, by evaluating the grants one by one.
        fn allows_without(&self, access: &Access, missing: Option<Grant>) -> bool {
            (0..self.statements.len()).any(|statement| {
                let grants = self.grants().filter(|grant| {
                    let written = &self.statements[grant.statement];
                    grant.statement == statement
                        && Some(*grant) != missing
                        && written.actions[grant.action] == access.action
                        && like(&written.resources[grant.resource], &access.resource)
                });
                let grants: Vec<Grant> = grants.collect();
                let condition = self.statements[statement].condition.as_ref();
                let keys: &[&str] = match &access.context {
                    Context::LeadingKeys(keys) => {
                        &keys.iter().map(String::as_str).collect::<Vec<_>>()
                    }
                    _ => &[],
                };
                let value = |grant: &Grant| match condition {
                    Some(Condition::LeadingKeys(patterns)) => patterns[grant.value].clone(),
                    _ => "*".to_owned(),
                };
                !grants.is_empty()
                    && keys
                        .iter()
                        .all(|key| grants.iter().any(|grant| like(&value(grant), key)))
            })
        }
    }

    #[test]
    fn nothing_is_allowed_that_is_not_granted() {
        let policy = policy(&json!([{
            "Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:PutItem"], "Resource": "arn:table",
            "Condition": { "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["T#*", "KEYS"] } },
        }, {
            "Effect": "Allow", "Action": "dynamodb:Query", "Resource": ["arn:table", "arn:table/index/a"],
            "Condition": { "ForAllValues:StringLike": { "dynamodb:LeadingKeys": "X#?" } },
        }]));
        let allowed = |action, resource, keys: &[&str]| {
            policy.allows(&keyed(action, resource, keys)).is_some()
        };
        assert!(allowed("dynamodb:GetItem", "arn:table", &["T#a", "KEYS"]));
        assert!(!allowed("dynamodb:GetItem", "arn:table", &["T#a", "P#b"]));
        assert!(!allowed("dynamodb:DeleteItem", "arn:table", &["T#a"]));
        assert!(!allowed("dynamodb:GetItem", "arn:table/index/a", &["T#a"]));
        assert!(allowed("dynamodb:Query", "arn:table/index/a", &["X#1"]));
        assert!(!allowed("dynamodb:Query", "arn:table/index/b", &["X#1"]));
        assert!(!allowed("dynamodb:Query", "arn:table", &["X#12"]));
    }

    #[test]
    fn a_mail_is_allowed_from_one_address() {
        let policy = policy(&json!([{
            "Effect": "Allow", "Action": "ses:SendEmail", "Resource": "arn:identity/*",
            "Condition": { "StringEquals": { "ses:FromAddress": "a@b.example" } },
        }]));
        let from = |context| Access {
            action: "ses:SendEmail".into(),
            resource: "arn:identity/b.example".to_owned(),
            context,
        };
        assert!(
            policy
                .allows(&from(Context::FromAddress("a@b.example".to_owned())))
                .is_some()
        );
        assert!(
            policy
                .allows(&from(Context::FromAddress("A@b.example".to_owned())))
                .is_none()
        );
        assert!(policy.allows(&from(Context::None)).is_none());
    }

    #[test]
    fn a_grant_is_needed_exactly_if_nothing_is_allowed_without_it() {
        let policy = policy(&json!([{
            "Effect": "Allow", "Action": ["a:Get", "a:Put"], "Resource": ["arn:one", "arn:two", "arn:t*"],
            "Condition": { "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["T#*", "T#*#A", "P#*"] } },
        }, {
            "Effect": "Allow", "Action": ["a:Get", "a:Query"], "Resource": "arn:one",
            "Condition": { "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["P#*", "K#*"] } },
        }, { "Effect": "Allow", "Action": ["a:List"], "Resource": ["arn:one", "arn:two"] }]));
        let keys: [&[&str]; 7] = [
            &[],
            &["T#1"],
            &["T#1#A"],
            &["P#1"],
            &["T#1", "P#1"],
            &["K#1"],
            &["K#1", "P#1"],
        ];
        let mut seen = (0, 0);
        for action in ["a:Get", "a:Put", "a:Query", "a:List", "a:No"] {
            for resource in ["arn:one", "arn:two", "arn:three"] {
                for keys in keys {
                    let access = keyed(action, resource, keys);
                    let allowed = policy.allows(&access);
                    assert_eq!(
                        allowed.is_some(),
                        policy.allows_without(&access, None),
                        "{access:?}"
                    );
                    for grant in policy.grants() {
                        let needed = allowed
                            .as_ref()
                            .is_some_and(|needed| needed.contains(&grant));
                        let refused =
                            allowed.is_some() && !policy.allows_without(&access, Some(grant));
                        assert_eq!(needed, refused, "{access:?}: {}", policy.describe(grant));
                        seen = (seen.0 + usize::from(needed), seen.1 + 1);
                    }
                }
            }
        }
        assert!(seen.0 > 20 && seen.1 > 5 * seen.0, "{seen:?}");
    }

    #[test]
    fn what_is_not_evaluated_is_refused() {
        let base = json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" });
        let refused = |field: &str, value: Value| {
            let mut statement = base.clone();
            statement[field] = value;
            Policy::parse(json!([{ "Version": "2012-10-17", "Statement": [statement] }]))
                .unwrap_err()
        };
        assert!(refused("Effect", json!("Deny")).contains("Deny"));
        assert!(refused("NotAction", json!("s3:*")).contains("NotAction"));
        assert!(refused("Action", json!("s3:*")).contains("s3:*"));
        let condition = json!({ "StringLike": { "aws:SourceIp": "10.*" } });
        assert!(refused("Condition", condition).contains("aws:SourceIp"));
        let both = json!({
            "StringEquals": { "ses:FromAddress": "a@b.example" },
            "ForAllValues:StringLike": { "dynamodb:LeadingKeys": "T#*" },
        });
        assert!(refused("Condition", both).contains("one condition"));
        assert!(Policy::parse(json!(["AmazonDynamoDBFullAccess"])).is_err());
    }

    #[test]
    fn a_wildcard_stands_for_any_text_and_a_question_mark_for_one_character() {
        for (pattern, text) in [
            ("T#*", "T#"),
            ("T#*", "T#x#A#2026-01"),
            ("T#*#A#*", "T#x#A#2026-01"),
            ("*", ""),
            ("a?c", "aéc"),
            ("*b*b", "abb"),
        ] {
            assert!(like(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("T#*", "P#x"),
            ("T#*#A#*", "T#x"),
            ("a?c", "ac"),
            ("KEYS", "KEYS#1"),
            ("*b*b", "ab"),
            ("t#*", "T#1"),
        ] {
            assert!(!like(pattern, text), "{pattern} {text}");
        }
    }
}
