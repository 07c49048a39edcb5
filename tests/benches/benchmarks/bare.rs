//! The embedded store without Muster: through the same SDK, with the same items.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use data_encoding::BASE64;
use serde_json::Value;

/// The table's name.
pub const TABLE: &str = "muster";

/// An item of the table.
pub type Item = HashMap<String, AttributeValue>;

/// A client of the store at this address.
pub fn client(url: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new(
            "local",
            "local-secret",
            None,
            None,
            "bench",
        ))
        .region(Region::from_static("us-east-1"))
        .endpoint_url(url)
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}

/// An item as the SDK has it, of one as JSON.
pub fn attributes(item: &Value) -> Item {
    let attributes = item.as_object().into_iter().flatten();
    attributes
        .map(|(name, value)| (name.clone(), attribute(value)))
        .collect()
}

fn attribute(value: &Value) -> AttributeValue {
    let (kind, value) = value.as_object().and_then(|map| map.iter().next()).unwrap();
    let text = || value.as_str().unwrap_or_default().to_owned();
    match kind.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "B" => AttributeValue::B(Blob::new(BASE64.decode(text().as_bytes()).unwrap())),
        "BOOL" => AttributeValue::Bool(value.as_bool().unwrap_or_default()),
        "L" => {
            let list = value.as_array().into_iter().flatten();
            AttributeValue::L(list.map(attribute).collect())
        }
        "M" => AttributeValue::M(attributes(value)),
        other => unreachable!("no item has a {other}"),
    }
}
