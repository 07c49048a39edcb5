//! The YAML of a `CloudFormation` template as JSON, its `!Ref`, `!Sub` and `!GetAtt` replaced by local names.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The account number in local ARNs.
pub const ACCOUNT: &str = "000000000000";
/// The region in local ARNs, and of the functions' clients.
pub const REGION: &str = "us-east-1";
/// The name of the local stack, from which the template derives others.
pub const STACK: &str = "muster";

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It is no YAML.
    #[error("the template is not YAML: {0}")]
    Yaml(#[from] yaml_serde::Error),
    /// A part of it does not have the expected form.
    #[error("template, {place}: {problem}")]
    Form {
        /// Where in the template.
        place: String,
        /// What is wrong there.
        problem: String,
    },
    /// Several places of it are wrong in a way that only shows when they are put together.
    #[error("template, {place}: {source}")]
    Pattern {
        /// Where in the template.
        place: String,
        /// What is wrong with the pattern there.
        source: crate::pattern::PatternError,
    },
}

impl TemplateError {
    /// An error at a place.
    pub fn form(place: impl Into<String>, problem: &(impl ToString + ?Sized)) -> Self {
        Self::Form {
            place: place.into(),
            problem: problem.to_string(),
        }
    }
}

/// A resource of the template, its properties not yet resolved.
#[derive(Debug, Clone, Deserialize)]
pub struct Resource {
    /// For example `AWS::SQS::Queue`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Its properties.
    #[serde(rename = "Properties", default)]
    pub properties: Value,
}

/// A template that can say what a reference in it means.
#[derive(Debug)]
pub struct CloudFormation {
    /// The template's `Globals`.
    pub globals: Value,
    /// The resources by logical id.
    pub resources: BTreeMap<String, Resource>,
    parameters: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    #[serde(default)]
    parameters: BTreeMap<String, Parameter>,
    #[serde(default)]
    globals: Value,
    resources: BTreeMap<String, Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    default: Option<Value>,
}

impl CloudFormation {
    /// Reads a template; `parameters` stand in for what a deployment would be asked.
    ///
    /// # Errors
    /// When it is no YAML, has no resources, or a parameter has no value.
    pub fn parse(yaml: &str, parameters: &BTreeMap<&str, String>) -> Result<Self, TemplateError> {
        let document: yaml_serde::Value = yaml_serde::from_str(yaml)?;
        let document: Document = serde_json::from_value(plain(document)?)
            .map_err(|error| TemplateError::form("top level", &error))?;
        let parameters = document
            .parameters
            .into_iter()
            .map(|(name, parameter)| {
                let given = parameters
                    .get(name.as_str())
                    .map(|value| Value::String(value.clone()));
                match given.or(parameter.default) {
                    Some(value) => Ok((name, value)),
                    None => Err(TemplateError::form(
                        format!("parameter {name}"),
                        "has no value here",
                    )),
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            globals: document.globals,
            resources: document.resources,
            parameters,
        })
    }

    /// `value` with every reference replaced by what it stands for locally.
    ///
    /// # Errors
    /// When it refers to something that is not there, or by a function other than `Ref`, `Sub` and `GetAtt`.
    pub fn resolve(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::Array(values) => values.iter().map(|value| self.resolve(value)).collect(),
            Value::Object(fields) => match intrinsic(fields) {
                Some(("Ref", Value::String(name))) => self.reference(name),
                Some(("Fn::GetAtt", Value::String(path))) => {
                    self.attribute(path).map(Value::String)
                }
                Some(("Fn::Sub", Value::String(text))) => self.substitute(text).map(Value::String),
                Some((function, _)) => {
                    Err(format!("the local stack does not understand {function}"))
                }
                None => fields
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), self.resolve(value)?)))
                    .collect::<Result<Map<_, _>, String>>()
                    .map(Value::Object),
            },
            plain => Ok(plain.clone()),
        }
    }

    fn reference(&self, name: &str) -> Result<Value, String> {
        let pseudo = match name {
            "AWS::AccountId" => Some(ACCOUNT),
            "AWS::Region" => Some(REGION),
            "AWS::StackName" => Some(STACK),
            "AWS::Partition" => Some("aws"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            _ => None,
        };
        if let Some(value) = pseudo {
            return Ok(json!(value));
        }
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        let resource = self
            .resources
            .get(name)
            .ok_or_else(|| format!("there is no {name} to refer to"))?;
        let named = match resource.kind.as_str() {
            "AWS::DynamoDB::Table" => resource.properties.get("TableName"),
            "AWS::S3::Bucket" => resource.properties.get("BucketName"),
            "AWS::SES::ConfigurationSet" => resource.properties.get("Name"),
            "AWS::SNS::Topic" | "AWS::SecretsManager::Secret" => {
                return self.attribute(&format!("{name}.Arn")).map(Value::String);
            }
            _ => None,
        };
        named.map_or_else(|| Ok(json!(name)), |value| self.resolve(value))
    }

    fn attribute(&self, path: &str) -> Result<String, String> {
        let (name, attribute) = path
            .split_once('.')
            .ok_or_else(|| format!("{path} is not Resource.Attribute"))?;
        let resource = self
            .resources
            .get(name)
            .ok_or_else(|| format!("there is no {name} to refer to"))?;
        if attribute == "Arn"
            && let Some(arn) = self.arn_by_name(name, resource)?
        {
            return Ok(arn);
        }
        let service = match resource.kind.as_str() {
            "AWS::SQS::Queue" => "sqs",
            "AWS::SNS::Topic" => "sns",
            "AWS::SecretsManager::Secret" => "secretsmanager",
            "AWS::Events::Rule" => "events",
            "AWS::IAM::Role" => "iam",
            "AWS::DynamoDB::Table" => "dynamodb",
            kind => return Err(format!("the local stack does not know {path} of a {kind}")),
        };
        match attribute {
            "Arn" | "StreamArn" => Ok(format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{name}")),
            _ => Err(format!("the local stack does not know {path}")),
        }
    }

    /// The ARN of what policies name: as a request for it has it.
    fn arn_by_name(&self, name: &str, resource: &Resource) -> Result<Option<String>, String> {
        let before = match resource.kind.as_str() {
            "AWS::DynamoDB::Table" => format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/"),
            "AWS::S3::Bucket" => "arn:aws:s3:::".to_owned(),
            _ => return Ok(None),
        };
        let called = self.reference(name)?;
        Ok(called.as_str().map(|called| format!("{before}{called}")))
    }

    fn substitute(&self, text: &str) -> Result<String, String> {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| format!("`{text}` lacks a closing brace"))?;
            let value = if name.contains('.') {
                Value::String(self.attribute(name)?)
            } else {
                self.reference(name)?
            };
            result.push_str(before);
            match value {
                Value::String(value) => result.push_str(&value),
                other => result.push_str(&other.to_string()),
            }
            rest = after;
        }
        result.push_str(rest);
        Ok(result)
    }
}

/// The logical id in an ARN that `resolve` made.
#[must_use]
pub fn logical_id(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

fn intrinsic(fields: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut entries = fields.iter();
    match (entries.next(), entries.next()) {
        (Some((name, value)), None) if name == "Ref" || name.starts_with("Fn::") => {
            Some((name, value))
        }
        _ => None,
    }
}

/// The long form: `!Ref X` becomes `{"Ref": "X"}`, any other tag `{"Fn::…": …}`.
fn plain(value: yaml_serde::Value) -> Result<Value, TemplateError> {
    Ok(match value {
        yaml_serde::Value::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = match tag.trim_start_matches('!') {
                "Ref" => "Ref".to_owned(),
                other => format!("Fn::{other}"),
            };
            let mut call = Map::new();
            call.insert(name, plain(tagged.value)?);
            Value::Object(call)
        }
        yaml_serde::Value::Sequence(values) => {
            values.into_iter().map(plain).collect::<Result<_, _>>()?
        }
        yaml_serde::Value::Mapping(fields) => {
            let mut object = Map::new();
            for (name, value) in fields {
                let yaml_serde::Value::String(name) = name else {
                    return Err(TemplateError::form(
                        "a mapping",
                        "has a key that is no text",
                    ));
                };
                object.insert(name, plain(value)?);
            }
            Value::Object(object)
        }
        scalar => yaml_serde::from_value(scalar)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "
Parameters: { Sender: { Type: String }, Filter: { Type: String, Default: info } }
Resources:
  Queue: { Type: AWS::SQS::Queue }
  Table: { Type: AWS::DynamoDB::Table, Properties: { TableName: !Ref AWS::StackName } }
  Rule:
    Type: AWS::Events::Rule
    Properties: { a: !Ref Sender, b: !Sub '${Table}-${AWS::Region}-${Queue.Arn}', c: [!GetAtt Queue.Arn, !Ref Filter], d: !Join [a, b] }
";

    #[test]
    fn references_become_local_names() {
        let template = CloudFormation::parse(
            SMALL,
            &BTreeMap::from([("Sender", "a@b.example".to_owned())]),
        )
        .unwrap();
        let rule = &template.resources["Rule"].properties;
        assert_eq!(template.resolve(&rule["a"]).unwrap(), json!("a@b.example"));
        assert_eq!(
            template.resolve(&rule["b"]).unwrap(),
            json!("muster-us-east-1-arn:aws:sqs:us-east-1:000000000000:Queue")
        );
        assert_eq!(template.resolve(&rule["c"]).unwrap()[1], json!("info"));
        assert_eq!(
            logical_id(template.resolve(&rule["c"]).unwrap()[0].as_str().unwrap()),
            "Queue"
        );
        assert!(
            template
                .resolve(&rule["d"])
                .unwrap_err()
                .contains("Fn::Join")
        );
    }

    #[test]
    fn a_parameter_without_a_value_is_refused() {
        let refused = CloudFormation::parse(SMALL, &BTreeMap::new()).unwrap_err();
        assert!(refused.to_string().contains("Sender"), "{refused}");
    }
}
