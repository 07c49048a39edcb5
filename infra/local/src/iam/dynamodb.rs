//! What calls of `DynamoDB` do, as IAM sees it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Access, Context};
use crate::cloudformation::{ACCOUNT, REGION};
use crate::template::Table;

/// The partition keys' attributes, of the table and of its indexes.
#[derive(Debug)]
pub struct Schema {
    table: String,
    indexes: BTreeMap<String, String>,
}

/// A request that does not say which keys it is about.
#[derive(Debug, thiserror::Error)]
#[error("the request does not say which partition keys it is about")]
pub struct Unclear;

impl Schema {
    /// The schema of the template's table.
    #[must_use]
    pub fn of(table: &Table) -> Self {
        let indexes = table.create["GlobalSecondaryIndexes"].as_array();
        let indexes = indexes.into_iter().flatten().map(|index| {
            let name = index["IndexName"].as_str().unwrap_or_default();
            (name.to_owned(), hash_key(&index["KeySchema"]))
        });
        Self {
            table: hash_key(&table.create["KeySchema"]),
            indexes: indexes.collect(),
        }
    }

    /// What a request does. A transaction does what each of its parts does; every other request is one action.
    ///
    /// # Errors
    /// When it does not say which keys it is about.
    pub fn accesses(&self, operation: &str, request: &Value) -> Result<Vec<Access>, Unclear> {
        match operation {
            "TransactWriteItems" | "TransactGetItems" => {
                let parts = request["TransactItems"].as_array().ok_or(Unclear)?;
                let parts = parts.iter().map(|part| self.part(part));
                // Several parts that do the same are judged once.
                let accesses: BTreeSet<Access> = parts.collect::<Result<_, _>>()?;
                Ok(accesses.into_iter().collect())
            }
            "BatchGetItem" | "BatchWriteItem" => {
                let tables = request["RequestItems"].as_object().ok_or(Unclear)?;
                let accesses = tables.iter().map(|(table, asked)| {
                    let keys = match asked {
                        Value::Array(writes) => {
                            writes.iter().map(|write| self.written(write)).collect()
                        }
                        reads => self.keys(&reads["Keys"]),
                    };
                    Ok(access(operation, table, None, Context::LeadingKeys(keys?)))
                });
                accesses.collect()
            }
            _ => self.one(operation, request).map(|access| vec![access]),
        }
    }

    fn one(&self, operation: &str, request: &Value) -> Result<Access, Unclear> {
        let index = request["IndexName"].as_str();
        let context = match operation {
            "GetItem" | "UpdateItem" | "DeleteItem" | "ConditionCheckItem" => {
                leading(self.key(&request["Key"])?)
            }
            "PutItem" => leading(self.key(&request["Item"])?),
            "Query" => leading(self.queried(index, request)?),
            // It has no leading keys, so no condition on them holds it back: only its action does.
            _ => Context::None,
        };
        let table = request["TableName"].as_str().unwrap_or("*");
        Ok(access(operation, table, index, context))
    }

    /// A part of a transaction, by the action that it needs.
    fn part(&self, part: &Value) -> Result<Access, Unclear> {
        let mut kinds = part.as_object().into_iter().flatten();
        let (kind, request) = kinds.next().ok_or(Unclear)?;
        let operation = match kind.as_str() {
            "Get" => "GetItem",
            "Put" => "PutItem",
            "Update" => "UpdateItem",
            "Delete" => "DeleteItem",
            "ConditionCheck" => "ConditionCheckItem",
            _ => return Err(Unclear),
        };
        self.one(operation, request)
    }

    fn written(&self, write: &Value) -> Result<String, Unclear> {
        match &write["PutRequest"] {
            Value::Null => self.key(&write["DeleteRequest"]["Key"]),
            put => self.key(&put["Item"]),
        }
    }

    fn keys(&self, keys: &Value) -> Result<BTreeSet<String>, Unclear> {
        let keys = keys.as_array().ok_or(Unclear)?;
        keys.iter().map(|key| self.key(key)).collect()
    }

    fn key(&self, item: &Value) -> Result<String, Unclear> {
        text(&item[&self.table])
    }

    /// The partition that a query reads: what its condition says of the partition key, which is always `name = :value`.
    fn queried(&self, index: Option<&str>, request: &Value) -> Result<String, Unclear> {
        let hash_key = match index {
            None => &self.table,
            Some(index) => self.indexes.get(index).ok_or(Unclear)?,
        };
        let condition = request["KeyConditionExpression"].as_str().ok_or(Unclear)?;
        let name = |name: &str| {
            let named = &request["ExpressionAttributeNames"][name];
            named.as_str().unwrap_or(name) == hash_key
        };
        let spaced = condition.replace(['(', ')'], " ").replace('=', " = ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut values = words.windows(3).filter_map(|words| match words {
            [left, "=", value] if name(left) => Some(*value),
            _ => None,
        });
        let value = values.next().ok_or(Unclear)?;
        text(&request["ExpressionAttributeValues"][value])
    }
}

fn hash_key(schema: &Value) -> String {
    let mut keys = schema.as_array().into_iter().flatten();
    let hash = keys.find(|key| key["KeyType"] == "HASH");
    let name = hash.and_then(|key| key["AttributeName"].as_str());
    name.unwrap_or_default().to_owned()
}

fn text(value: &Value) -> Result<String, Unclear> {
    value["S"].as_str().map(str::to_owned).ok_or(Unclear)
}

fn leading(key: String) -> Context {
    Context::LeadingKeys(BTreeSet::from([key]))
}

fn access(operation: &str, table: &str, index: Option<&str>, context: Context) -> Access {
    let index = index.map_or_else(String::new, |index| format!("/index/{index}"));
    Access {
        action: format!("dynamodb:{operation}").into(),
        resource: format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}{index}"),
        context,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn accesses(operation: &str, request: &Value) -> Vec<String> {
        let schema = Schema {
            table: "PK".to_owned(),
            indexes: BTreeMap::from([("by-expiry".to_owned(), "expiry_shard".to_owned())]),
        };
        let accesses = schema.accesses(operation, request).unwrap();
        let told = accesses.into_iter().map(|access| {
            let resource = access.resource.rsplit(':').next().unwrap().to_owned();
            match access.context {
                Context::LeadingKeys(keys) => {
                    let keys: Vec<String> = keys.into_iter().collect();
                    format!("{} {resource} {}", access.action, keys.join(" "))
                }
                _ => format!("{} {resource}", access.action),
            }
        });
        told.collect()
    }

    fn key(pk: &str) -> Value {
        json!({ "PK": { "S": pk }, "SK": { "S": "x" } })
    }

    #[test]
    fn a_transaction_needs_the_action_of_each_part() {
        let request = json!({ "TransactItems": [
            { "Put": { "TableName": "t", "Item": key("M#1") } },
            { "Update": { "TableName": "t", "Key": key("T#1") } },
            { "Update": { "TableName": "t", "Key": key("T#1") } },
            { "Delete": { "TableName": "t", "Key": key("P#1") } },
            { "ConditionCheck": { "TableName": "t", "Key": key("T#2") } },
        ]});
        assert_eq!(
            accesses("TransactWriteItems", &request),
            [
                "dynamodb:ConditionCheckItem table/t T#2",
                "dynamodb:DeleteItem table/t P#1",
                "dynamodb:PutItem table/t M#1",
                "dynamodb:UpdateItem table/t T#1",
            ]
        );
        let request =
            json!({ "TransactItems": [{ "Get": { "TableName": "t", "Key": key("T#1") } }] });
        assert_eq!(
            accesses("TransactGetItems", &request),
            ["dynamodb:GetItem table/t T#1"]
        );
    }

    #[test]
    fn a_batch_is_one_action_on_all_its_keys() {
        let request = json!({ "RequestItems": { "t": { "Keys": [key("T#2"), key("P#1")] } } });
        assert_eq!(
            accesses("BatchGetItem", &request),
            ["dynamodb:BatchGetItem table/t P#1 T#2"]
        );
        let request = json!({ "RequestItems": { "t": [
            { "PutRequest": { "Item": key("T#2") } }, { "DeleteRequest": { "Key": key("P#1") } },
        ]}});
        assert_eq!(
            accesses("BatchWriteItem", &request),
            ["dynamodb:BatchWriteItem table/t P#1 T#2"]
        );
    }

    #[test]
    fn a_query_is_about_the_partition_of_what_it_queries() {
        let request = |index: Value, condition: &str| {
            json!({
                "TableName": "t", "IndexName": index, "KeyConditionExpression": condition,
                "ExpressionAttributeNames": { "#e": "expiry_shard", "#p": "PK", "#s": "SK" },
                "ExpressionAttributeValues": { ":a": { "S": "A" }, ":b": { "S": "B" } },
            })
        };
        let asked = |index, condition| accesses("Query", &request(index, condition));
        assert_eq!(
            asked(Value::Null, "#p = :b AND #s BETWEEN :a AND :b"),
            ["dynamodb:Query table/t B"]
        );
        assert_eq!(
            asked(Value::Null, "SK >= :b and (PK=:a)"),
            ["dynamodb:Query table/t A"]
        );
        assert_eq!(
            asked(json!("by-expiry"), "#e = :a"),
            ["dynamodb:Query table/t/index/by-expiry A"]
        );
        assert_eq!(
            accesses("Scan", &json!({ "TableName": "t" })),
            ["dynamodb:Scan table/t"]
        );
    }

    #[test]
    fn a_request_that_hides_its_keys_is_unclear() {
        let schema = Schema {
            table: "PK".to_owned(),
            indexes: BTreeMap::new(),
        };
        let partition = json!({ "AttributeValueList": [{ "S": "A" }], "ComparisonOperator": "EQ" });
        for (operation, request) in [
            (
                "GetItem",
                json!({ "TableName": "t", "Key": { "SK": { "S": "x" } } }),
            ),
            (
                "Query",
                json!({ "TableName": "t", "KeyConditions": { "PK": partition } }),
            ),
            (
                "TransactWriteItems",
                json!({ "TransactItems": [{ "Scan": {} }] }),
            ),
        ] {
            assert!(schema.accesses(operation, &request).is_err(), "{operation}");
        }
    }
}
