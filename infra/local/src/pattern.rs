//! Event patterns, the filters of rules, pipes and topic subscriptions.

use serde_json::{Map, Value};

/// A pattern that an event matches or not: an object of fields, each a nested pattern or a list of alternatives.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern(Vec<(String, Field)>);

#[derive(Debug, Clone, PartialEq)]
enum Field {
    Nested(Pattern),
    AnyOf(Vec<Test>),
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Equals(Value),
    Prefix(String),
    Exists(bool),
}

/// Why a pattern is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PatternError {
    /// The pattern, or a part of it, is no JSON object.
    #[error("a pattern must be an object, not {0}")]
    NotAnObject(String),
    /// The alternatives of a field are missing.
    #[error("the pattern's field `{0}` allows nothing")]
    Empty(String),
    /// An operator that AWS may know, but this matcher does not.
    #[error(
        "the pattern's field `{field}` uses {operator}, which the local stack does not understand"
    )]
    Unknown {
        /// The field's name.
        field: String,
        /// The operator as written.
        operator: String,
    },
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is malformed or uses an operator other than literals, `prefix` and `exists`.
    pub fn parse(pattern: &Value) -> Result<Self, PatternError> {
        let Value::Object(fields) = pattern else {
            return Err(PatternError::NotAnObject(pattern.to_string()));
        };
        fields
            .iter()
            .map(|(name, value)| Ok((name.clone(), Field::parse(name, value)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether `event` has what the pattern asks for.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        self.0
            .iter()
            .all(|(name, field)| field.matches(event.get(name)))
    }

    /// The fields of the object at `path` without which nothing matches.
    #[must_use]
    pub fn required_at(&self, path: &[&str]) -> Vec<&str> {
        match path.split_first() {
            None => self
                .0
                .iter()
                .filter(|(_, field)| !field.matches(None))
                .map(|(name, _)| name.as_str())
                .collect(),
            Some((first, rest)) => match self.0.iter().find(|(name, _)| name == first) {
                Some((_, Field::Nested(inner))) => inner.required_at(rest),
                _ => Vec::new(),
            },
        }
    }
}

impl Field {
    fn parse(name: &str, value: &Value) -> Result<Self, PatternError> {
        match value {
            Value::Object(_) => Pattern::parse(value).map(Self::Nested),
            Value::Array(tests) if tests.is_empty() => Err(PatternError::Empty(name.to_owned())),
            Value::Array(tests) => tests
                .iter()
                .map(|test| Test::parse(name, test))
                .collect::<Result<_, _>>()
                .map(Self::AnyOf),
            other => Err(PatternError::NotAnObject(other.to_string())),
        }
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Nested(pattern) => pattern.matches(value.unwrap_or(&Value::Null)),
            Self::AnyOf(tests) => match value {
                Some(Value::Array(values)) => values
                    .iter()
                    .any(|value| tests.iter().any(|test| test.matches(Some(value)))),
                value => tests.iter().any(|test| test.matches(value)),
            },
        }
    }
}

impl Test {
    fn parse(field: &str, value: &Value) -> Result<Self, PatternError> {
        match value {
            Value::Object(operator) => {
                Self::operator(operator).ok_or_else(|| PatternError::Unknown {
                    field: field.to_owned(),
                    operator: value.to_string(),
                })
            }
            Value::Array(_) => Err(PatternError::Unknown {
                field: field.to_owned(),
                operator: value.to_string(),
            }),
            literal => Ok(Self::Equals(literal.clone())),
        }
    }

    fn operator(operator: &Map<String, Value>) -> Option<Self> {
        let mut entries = operator.iter();
        match (entries.next()?, entries.next()) {
            ((name, Value::String(prefix)), None) if name == "prefix" => {
                Some(Self::Prefix(prefix.clone()))
            }
            ((name, Value::Bool(exists)), None) if name == "exists" => Some(Self::Exists(*exists)),
            _ => None,
        }
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Equals(literal) => value == Some(literal),
            Self::Prefix(prefix) => value
                .and_then(Value::as_str)
                .is_some_and(|text| text.starts_with(prefix)),
            Self::Exists(exists) => value.is_some() == *exists,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pattern(value: &Value) -> Pattern {
        Pattern::parse(value).unwrap()
    }

    #[test]
    fn a_literal_matches_any_of_its_alternatives() {
        let rule = pattern(&json!({"source": ["aws.s3", "aws.ses"]}));
        assert!(rule.matches(&json!({"source": "aws.ses", "other": 1})));
        assert!(!rule.matches(&json!({"source": "aws.sqs"})));
        assert!(!rule.matches(&json!({})));
    }

    #[test]
    fn an_event_s_list_matches_when_one_of_its_members_does() {
        assert!(pattern(&json!({"to": ["a"]})).matches(&json!({"to": ["b", "a"]})));
        assert!(!pattern(&json!({"to": ["a"]})).matches(&json!({"to": ["b"]})));
    }

    #[test]
    fn a_prefix_matches_the_beginning_of_a_text() {
        let rule = pattern(
            &json!({"detail": {"object": {"key": [{"prefix": "uploads/"}, {"prefix": "drop/"}]}}}),
        );
        assert!(rule.matches(&json!({"detail": {"object": {"key": "drop/t/a.csv"}}})));
        assert!(!rule.matches(&json!({"detail": {"object": {"key": "plans/uploads/"}}})));
    }

    #[test]
    fn a_new_outbox_item_passes_and_a_known_one_does_not() {
        let outbox = pattern(&json!({"dynamodb": {
            "NewImage": {"outbox": {"S": ["mail"]}}, "OldImage": {"outbox": {"S": [{"exists": false}]}}}}));
        let waiting = json!({"outbox": {"S": "mail"}});
        assert!(outbox.matches(&json!({"dynamodb": {"NewImage": waiting}})));
        assert!(
            outbox.matches(
                &json!({"dynamodb": {"NewImage": waiting, "OldImage": {"PK": {"S": "a"}}}})
            )
        );
        assert!(!outbox.matches(&json!({"dynamodb": {"NewImage": waiting, "OldImage": waiting}})));
        assert!(!outbox.matches(&json!({"dynamodb": {"OldImage": waiting}})));
        assert_eq!(outbox.required_at(&["dynamodb", "NewImage"]), ["outbox"]);
        assert!(outbox.required_at(&["dynamodb", "OldImage"]).is_empty());
    }

    #[test]
    fn an_operator_it_does_not_know_is_refused() {
        let refused = Pattern::parse(&json!({"key": [{"suffix": ".csv"}]}));
        assert!(
            matches!(refused, Err(PatternError::Unknown { .. })),
            "{refused:?}"
        );
        assert_eq!(
            Pattern::parse(&json!({"key": []})),
            Err(PatternError::Empty("key".into()))
        );
        assert!(Pattern::parse(&json!({"key": "value"})).is_err());
    }
}
