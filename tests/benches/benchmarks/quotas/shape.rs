//! What a real import writes, row by row, looked up in the table afterwards.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use muster_tests::world::{Table, World, text};
use serde_json::{Value, json};

use super::simulation::{Shape, number};

/// Imports so many people into a company with so many shards, and looks at what came into the table.
pub async fn measure(rows: u32, shards: u16) -> Shape {
    let (tenant, table) = import(rows, shards).await;
    shape(&tenant, &table)
}

async fn import(rows: u32, shards: u16) -> (String, Table) {
    let world = World::with(|options| options).await;
    let company = world
        .company_with("Northwind", json!({ "shards": shards }))
        .await;
    let mut file =
        "External ID,Email,First Name,Last Name,Phone Number,Employee Number\n".to_owned();
    for row in 0..rows {
        let phone = 15_111_000_000 + u64::from(row);
        writeln!(
            file,
            "D-{row:07},driver.{row}@northwind.example,Ada {row},Lovelace,+49{phone},{row}"
        )
        .unwrap();
    }
    let planned = company.owner.upload_import(file).await;
    let done = company.owner.commit_import(&planned).await;
    assert_eq!(done["done"]["created"], rows, "{done}");
    let own = format!("T#{}", company.tenant);
    let table = world.table(|pk, _| pk.starts_with(&own) || pk.starts_with("C#"));
    let tenant = company.tenant.clone();
    world.stack.shutdown().await;
    (tenant, table)
}

fn shape(tenant: &str, table: &Table) -> Shape {
    // The user first, then what guards its values.
    let mut rows: BTreeMap<String, Vec<(String, f64)>> = BTreeMap::new();
    let (mut index, mut audits, mut checkpoints) = (0.0, Vec::new(), Vec::new());
    for ((pk, sk), item) in table {
        let write = (pk.clone(), transacted(item));
        if let Some(user) = sk.strip_prefix("USER#") {
            index += kilobytes(item);
            rows.entry(user.to_owned()).or_default().insert(0, write);
        } else if sk.starts_with("EXT#") || sk.starts_with("EMAIL#") {
            rows.entry(text(&item["user"]["S"]))
                .or_default()
                .push(write);
        } else if item["operation"]["S"] == "users.import" {
            audits.push(write);
        } else if sk == "CHUNK" {
            checkpoints.push(write.1);
        }
    }
    let imported: Vec<_> = rows
        .into_values()
        .filter(|writes| writes.len() == 3)
        .collect();
    let mean = |units: &[f64]| units.iter().sum::<f64>() / number(units.len());
    let entries: Vec<f64> = audits.iter().map(|(_, units)| *units).collect();
    let (audit, _) = audits.first().unwrap().clone();
    assert!(audit.starts_with(&format!("T#{tenant}#A#")), "{audit}");
    Shape {
        index: index / number(imported.len()),
        group: u32::try_from(imported.len().div_ceil(audits.len())).unwrap_or(1),
        rows: imported,
        audit: (audit, mean(&entries)),
        checkpoint: mean(&checkpoints),
    }
}

/// Units of an item in a transaction: twice those of its kilobytes.
fn transacted(item: &Value) -> f64 {
    2.0 * kilobytes(item)
}

/// Its size in whole kilobytes, as `DynamoDB` counts it (…/developerguide/CapacityUnitCalculations.html).
fn kilobytes(item: &Value) -> f64 {
    let fields = item.as_object().into_iter().flatten();
    let bytes: usize = fields.map(|(name, value)| name.len() + size(value)).sum();
    number(bytes.div_ceil(1_024))
}

/// The size of a value as `DynamoDB` writes it, `{"S": "text"}`.
fn size(value: &Value) -> usize {
    let typed = value.as_object().into_iter().flatten();
    typed
        .map(|(kind, value)| match (kind.as_str(), value) {
            ("S", Value::String(text)) => text.len(),
            ("N", Value::String(digits)) => digits.len().div_ceil(2) + 1,
            // Base64, which is a third longer.
            ("B", Value::String(bytes)) => bytes.len() * 3 / 4,
            ("L", Value::Array(values)) => {
                3 + values.iter().map(|value| 1 + size(value)).sum::<usize>()
            }
            ("M", Value::Object(fields)) => {
                3 + fields
                    .iter()
                    .map(|(name, value)| 1 + name.len() + size(value))
                    .sum::<usize>()
            }
            ("SS", Value::Array(texts)) => texts
                .iter()
                .map(|text| text.as_str().map_or(0, str::len))
                .sum(),
            _ => 1,
        })
        .sum()
}
