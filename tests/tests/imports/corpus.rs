//! Files as they come: what each one's plan says.

use std::fmt::Write;

use muster_tests::world::{World, text};
use serde_json::{Value, json};

use super::{data, download};

/// What the file's name in the snapshots stands for: its bytes.
type Case = (&'static str, Vec<u8>);

/// Text as UTF-16.
fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

const UMLAUTS: &str =
    "External ID;Email;Last Name\r\nU-1;ann@example.com;Müller\r\nU-2;;Żółć 🚚\r\n";

fn readable() -> Vec<Case> {
    let marked = format!("\u{feff}{UMLAUTS}");
    let long = "x".repeat(400 * 1024);
    vec![
        (
            "comma",
            b"External ID,Email,First Name,Last Name,Phone Number\nA-1,ann@example.com,Ann,Lee,+49 151 12345678\nA-2,,,,\n".into(),
        ),
        ("semicolon", UMLAUTS.into()),
        (
            "tab",
            b"External ID\tEmail\tLast Name\nA-1\tann@example.com\tLee, Ann; or so\n".into(),
        ),
        ("utf8_bom", marked.clone().into()),
        ("utf16_le", utf16(&marked, u16::to_le_bytes)),
        ("utf16_be", utf16(&marked, u16::to_be_bytes)),
        ("utf16_le_without_bom", utf16(UMLAUTS, u16::to_le_bytes)),
        (
            "windows_1252",
            b"External ID;Last Name\r\nW-1;M\xFCller\r\nW-2;Andr\xE9\r\n".into(),
        ),
        (
            "quoted_newlines_and_commas",
            b"External ID,Depot,Last Name\nQ-1,\"Hall 3,\nGate \"\"B\"\"\",\"Lee, Jr.\"\nQ-2,,\"Two\nlines\"\nQ-3,,Lee\n".into(),
        ),
        (
            "crlf_and_blank_lines",
            b"External ID,Last Name\r\n\r\nC-1,Lee\r\n , \r\nC-2,Ray\r\n".into(),
        ),
        ("cr_only", b"External ID,Last Name\rC-1,Lee\rC-2,Ray".into()),
        (
            "duplicates_within_the_file",
            b"External ID,Email\nD-1,one@example.com\nD-2,two@example.com\n d-1,three@example.com\nD-3,TWO@Example.com\nD-1,two@example.com\nD-4,not an address\nD-4,four@example.com\n".into(),
        ),
        (
            "known_to_the_store",
            b"External ID,Email,First Name,Last Name\ne-1,,,\nE-2,otto@here.example,Otto,New\nE-9,erin@here.example,Thief,\nE-2-b,new@here.example,,\nE-3,otto@here.example,,\nE-1,erin@here.example,Erin,Here\n".into(),
        ),
        (
            "blank_cells",
            b"External ID,Email,First Name,Last Name\nE-1,,  ,\nB-1,,,\n,blank@example.com,No,Id\n".into(),
        ),
        (
            "unknown_columns",
            b"Depot,external_id,E-MAIL,Colour,Roles,,Line\nNorth,X-1,x@example.com,red,user_manager,?,7\n".into(),
        ),
        ("one_column", b"External ID\nO-1\nO-2\n".into()),
        ("only_a_header", b"External ID,Email\n".into()),
        (
            "bad_values",
            b"External ID,Email,Phone Number,Kind,First Name\nV-1,ann@,12,spaceship,\nV-2,,+4915112345678,Vehicle,=2+3\nV-3,,,,\"tab\there\"\n".into(),
        ),
        (
            "spreadsheet_damage",
            b"External ID,Phone Number,Last Name\n1.2E+11,,\nS-2,\"4,91511E+12\",\nS-3,,#REF!\nS-4,,1.2E+11\n".into(),
        ),
        (
            "too_many_cells",
            b"External ID,Email\nM-1,,surplus\nM-2,,,\n".into(),
        ),
        (
            "a_cell_of_400_kb",
            format!("External ID,Depot,Last Name\nL-1,{long},Lee\nL-2,,{long}\nL-3,,Ray\n").into(),
        ),
        (
            "broken_characters",
            b"External ID,Last Name\nB-1,M\xC3\xBCller\nB-2,L\xFCbeck\nB-3,Lee\n".into(),
        ),
    ]
}

fn unreadable() -> Vec<Case> {
    let long = "y".repeat(2 << 20);
    vec![
        ("empty", Vec::new()),
        ("blank_lines", b"\r\n\r\n  \r\n".into()),
        (
            "no_header",
            b"A-1,ann@example.com,Ann,Lee\nA-2,bob@example.com,Bob,Ray\n".into(),
        ),
        (
            "no_external_id",
            b"Email,First Name\nann@example.com,Ann\n".into(),
        ),
        (
            "column_twice",
            b"External ID,Phone,Phone Number\nA-1,,\n".into(),
        ),
        (
            "unclosed_quote",
            b"External ID,Last Name\nA-1,Lee\nA-2,\"Ray\nA-3,Fox\n".into(),
        ),
        (
            "row_above_1_mb",
            format!("External ID,Depot\nA-1,\nA-2,{long}\n").into(),
        ),
        ("ten_mb_without_a_line_break", vec![b'z'; 10 << 20]),
        (
            "workbook",
            b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0[Content_Types].xml".into(),
        ),
        (
            "old_workbook",
            b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0\0\0".into(),
        ),
        ("pdf", b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n1 0 obj".into()),
        ("image", b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR".into()),
        ("json", b"[{\"External ID\": \"A-1\"}]".into()),
        (
            "web_page",
            b"<!DOCTYPE html><table><tr><td>External ID</td>".into(),
        ),
        (
            "noise",
            (0..4096_u32)
                .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
                .collect(),
        ),
    ]
}

#[tokio::test]
async fn every_kind_of_file_gets_the_plan_that_it_deserves_and_nothing_is_written() {
    let world = World::start().await;
    let company = world.company("Northwind").await;
    let owner = &company.owner;
    let _ = owner
        .add(json!({ "external_id": "E-1", "email": "erin@here.example", "first_name": "Erin", "last_name": "Here" }))
        .await;
    let _ = owner
        .add(json!({ "external_id": "E-2", "email": "otto@here.example", "first_name": "Otto", "last_name": "Here" }))
        .await;
    let before = data(&world);
    for (name, file) in readable() {
        let import = owner.upload_import(file).await;
        assert_eq!(import["state"], "ready", "{name}: {import}");
        let plan = download(&world, &import["plan_url"]).await;
        let told = format!("{}\n{}", told(&import), shortened(&plan, &import));
        insta::assert_snapshot!(format!("readable_{name}"), told);
    }
    let mut faults = String::new();
    for (name, file) in unreadable() {
        let import = owner.upload_import(file).await;
        assert_eq!(import["state"], "invalid", "{name}: {import}");
        assert_eq!(
            (&import["plan_url"], &import["planned"]["created"]),
            (&Value::Null, &json!(0))
        );
        let fault = &import["fault"];
        writeln!(
            faults,
            "{name}\n    line {}, {}: {}",
            fault["line"],
            text(&fault["code"]),
            text(&fault["message"])
        )
        .unwrap();
    }
    insta::assert_snapshot!("unreadable", faults);
    assert_eq!(data(&world), before);
    assert_eq!(json!(world.stack.dead_letters()), json!([]));
}

/// What the API says of an import's plan.
fn told(import: &Value) -> String {
    let planned = &import["planned"];
    let mut told = format!(
        "{}, {}; ignored {}\ncreated {}, updated {}, unchanged {}, refused {}\n",
        text(&import["encoding"]),
        text(&import["delimiter"]),
        import["ignored_columns"],
        planned["created"],
        planned["updated"],
        planned["unchanged"],
        planned["refused"],
    );
    for problem in import["problems"].as_array().unwrap() {
        writeln!(
            told,
            "line {}: {}",
            problem["line"],
            text(&problem["message"])
        )
        .unwrap();
    }
    told
}

/// A plan whose ids are the same in each run, and whose cells are bearable.
fn shortened(plan: &str, import: &Value) -> String {
    let mut shortened = String::new();
    for line in plan.strip_prefix('\u{feff}').unwrap().split('\n') {
        let cells = line.split(',').map(|cell| match cell {
            id if id.starts_with("usr_") => "usr_…".to_owned(),
            long if long.len() > 200 => format!("{}…{} bytes", &long[..8], long.len()),
            cell => cell.to_owned(),
        });
        let cells: Vec<String> = cells.collect();
        shortened += &cells.join(",");
        shortened.push('\n');
    }
    assert!(!shortened.contains(&text(&import["id"])));
    shortened.trim_end().replace('\t', "\\t")
}
