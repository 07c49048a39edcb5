//! How many sign-ins a second, beside how many passwords argon2 alone verifies on as many threads.

use std::io;
use std::time::Instant;

use muster_shared::domain::password::{Password, PasswordHash};
use muster_tests::report::{Report, Row, Unit};
use muster_tests::world::{PASSWORD, World};
use serde_json::json;
use tokio::task::JoinSet;

use crate::stacks;

/// How many sign in at a time.
const AT_ONCE: [u32; 3] = [1, 2, 8];
/// How often all of them together do.
const TIMES: u32 = 320;
const CAPTION: &str = "How many sign-ins with a password are answered in a second, so many people at a time, over HTTP, with all \
    functions and the file-backed store in one process beside the client. The ceiling is argon2 alone with the same parameters, \
    on as many threads.";

pub async fn measure() -> io::Result<Report> {
    let folder = tempfile::tempdir()?;
    let world = World::with(stacks::of_one_process(folder.path(), false)).await;
    let world: &'static World = Box::leak(Box::new(world));
    let company = world.company("Northwind").await;
    let mut people = vec![company.owner_email];
    for n in 1..8 {
        let name = format!("ada{n}");
        let _ = company.owner.colleague(&name, "standard", &[]).await;
        people.push(format!("{name}@colleagues.example"));
    }
    let mut report = Report::new("sign-ins", "Sign-ins", CAPTION);
    for at_once in AT_ONCE {
        let ceiling = verified(at_once);
        let rate = signed_in(world, &people, at_once).await;
        let row = Row::new(format!("{at_once} at once"), rate, Unit::Rate("/s"));
        report.push(row.ceiling(ceiling, "").aim_of_ceiling(0.9));
    }
    Ok(report)
}

async fn signed_in(world: &'static World, people: &[String], at_once: u32) -> f64 {
    let (mut workers, began) = (JoinSet::new(), Instant::now());
    for person in &people[..at_once as usize] {
        let form = json!({ "login": person, "password": PASSWORD });
        workers.spawn(async move {
            for _ in 0..TIMES / at_once {
                let session = world.nobody().post("/v1/sessions", form.clone()).await;
                let _ = session.expect(200);
            }
        });
    }
    workers.join_all().await;
    f64::from(TIMES) / began.elapsed().as_secs_f64()
}

/// How many passwords are verified in a second on so many threads.
fn verified(threads: u32) -> f64 {
    let password = || Password::presented(PASSWORD.to_owned()).unwrap();
    let hash: PasswordHash = password().hash().unwrap();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..TIMES / threads {
                    assert!(password().matches(Some(&hash)));
                }
            });
        }
    });
    f64::from(TIMES) / began.elapsed().as_secs_f64()
}
