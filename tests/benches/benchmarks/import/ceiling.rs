//! What the embedded store does with an import's writes bare: the same items in transactions of the same size, as many
//! at once, through the same SDK, on files of the same kind.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::time::Instant;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValuesOnConditionCheckFailure::AllOld, TransactWriteItem, Update,
};
use futures::stream::{self, StreamExt};
use muster_local::{Options, Stack};
use muster_tests::usage::thread_cpu;
use serde_json::{Value, json};

use crate::bare::{Item, TABLE, attributes, client};
use crate::stacks;

/// As many transactions at once as chunks run at once.
const AT_ONCE: usize = 8;
/// As many transactions to a checkpoint's item as a chunk has.
const CHUNK: usize = 32;

/// Transactions whose items are in memory at a time; all would be gigabytes.
const BATCH: usize = 512;

/// What the writes took.
#[derive(Default)]
pub struct Ceiling {
    pub seconds: f64,
    /// Seconds of a processor that the client needed.
    pub cpu: f64,
}

/// Writes what the import into `imported` wrote once more, to an empty table.
pub async fn measure(imported: &Path) -> io::Result<Ceiling> {
    let source = stack(&imported.join("stack")).await;
    let transactions = transactions(&source);
    source.shutdown().await;

    let fresh = tempfile::tempdir().unwrap();
    let target = stack(fresh.path()).await;
    let took = stacks::apart(async || write(&client(&target.dynamodb_url), &transactions).await);
    target.shutdown().await;
    took
}

async fn write(db: &Client, transactions: &[Vec<String>]) -> io::Result<Ceiling> {
    for chunk in 0..=transactions.len() / CHUNK {
        let empty = [
            ("next", number(0)),
            ("done", AttributeValue::M(Item::new())),
        ];
        let item: Item = chunk_key(chunk)
            .into_iter()
            .chain(empty.map(|(name, value)| (name.to_owned(), value)))
            .collect();
        let put = db.put_item().table_name(TABLE).set_item(Some(item));
        put.send().await.unwrap();
    }
    let (mut took, mut place) = (Ceiling::default(), 0);
    for batch in transactions.chunks(BATCH) {
        // Parsed beforehand, because the import's items are not parsed either.
        let batch: Vec<Vec<Item>> = batch.iter().map(|items| parse(items)).collect();
        let (count, start, cpu) = (batch.len(), Instant::now(), thread_cpu()?);
        let sent = stream::iter(batch.into_iter().zip(place..))
            .map(|(items, place)| send(db, place, items))
            .buffer_unordered(AT_ONCE);
        sent.collect::<()>().await;
        took.seconds += start.elapsed().as_secs_f64();
        took.cpu += thread_cpu()? - cpu;
        place += count;
    }
    Ok(took)
}

async fn stack(data: &Path) -> Stack {
    let options = Options {
        data: Some(data.to_owned()),
        ..Options::default()
    };
    let stack = Box::pin(muster_local::start(options, muster_local::functions::ALL)).await;
    stack.unwrap()
}

/// The items, as JSON, of each of the import's transactions, the audit entry last, in the order of their commits.
fn transactions(stack: &Stack) -> Vec<Vec<String>> {
    let (mut entries, mut of_user) = (Vec::new(), HashMap::<String, Vec<String>>::new());
    for item in scan(stack) {
        let text = |name: &str| item[name]["S"].as_str().map(str::to_owned);
        let (Some(pk), Some(sk)) = (text("PK"), text("SK")) else {
            continue;
        };
        let guard = pk.starts_with("T#") && (sk.starts_with("EMAIL#") || sk.starts_with("EXT#"));
        if text("operation").is_some_and(|operation| operation == "users.import") {
            entries.push((sk, item));
        } else if let Some(user) = sk.strip_prefix("USER#") {
            of_user
                .entry(user.to_owned())
                .or_default()
                .push(item.to_string());
        } else if let Some(user) = text("user").filter(|_| guard) {
            of_user.entry(user).or_default().push(item.to_string());
        }
    }
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    let transaction = |(_, entry): (String, Value)| {
        let targets = entry["targets"]["L"].as_array().into_iter().flatten();
        let users = targets.filter_map(|target| of_user.remove(target["M"]["id"]["S"].as_str()?));
        users.flatten().chain([entry.to_string()]).collect()
    };
    entries.into_iter().map(transaction).collect()
}

/// The whole table, page by page.
fn scan(stack: &Stack) -> impl Iterator<Item = Value> {
    let (mut start, mut over) = (Value::Null, false);
    std::iter::from_fn(move || {
        if over {
            return None;
        }
        let mut request = json!({ "TableName": TABLE });
        if !start.is_null() {
            request["ExclusiveStartKey"] = start.clone();
        }
        let page = stack
            .database()
            .scan(serde_json::from_value(request).unwrap());
        let mut page = json!(page.unwrap());
        start = page["LastEvaluatedKey"].take();
        over = start.is_null();
        Some(page["Items"].as_array().cloned().unwrap_or_default())
    })
    .flatten()
}

fn parse(items: &[String]) -> Vec<Item> {
    let item = |text: &String| attributes(&serde_json::from_str(text).unwrap());
    items.iter().map(item).collect()
}

fn number(number: usize) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn chunk_key(chunk: usize) -> Item {
    let key = [("PK", format!("C#{chunk:06}")), ("SK", "CHUNK".to_owned())];
    key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value)))
        .into()
}

/// One transaction: users and guards where there are none, the audit entry, and the checkpoint.
async fn send(db: &Client, place: usize, items: Vec<Item>) {
    let entry = items.len() - 1;
    let mut parts = Vec::with_capacity(items.len() + 1);
    for (at, item) in items.into_iter().enumerate() {
        let mut put = Put::builder().table_name(TABLE).set_item(Some(item));
        if at < entry {
            put = put
                .condition_expression("attribute_not_exists(#n0)")
                .expression_attribute_names("#n0", "PK")
                .return_values_on_condition_check_failure(AllOld);
        }
        parts.push(
            TransactWriteItem::builder()
                .put(put.build().unwrap())
                .build(),
        );
    }
    let done = ["created", "updated", "unchanged", "refused"];
    let done = done.map(|name| (name.to_owned(), number(place)));
    let update = Update::builder()
        .table_name(TABLE)
        .set_key(Some(chunk_key(place / CHUNK)))
        .update_expression("SET #n0 = :v0, #n1 = :v1")
        .condition_expression("attribute_exists(#n2)")
        .expression_attribute_names("#n0", "next")
        .expression_attribute_names("#n1", "done")
        .expression_attribute_names("#n2", "PK")
        .expression_attribute_values(":v0", number(place))
        .expression_attribute_values(":v1", AttributeValue::M(done.into()))
        .return_values_on_condition_check_failure(AllOld);
    let update = update.build().unwrap();
    parts.push(TransactWriteItem::builder().update(update).build());
    let sent = db.transact_write_items().set_transact_items(Some(parts));
    sent.send().await.unwrap();
}
