//! Names what the template grants and no end-to-end test needed. `forget` before the tests, without arguments after them.

use std::io::{self, Write};
use std::process::ExitCode;

use muster_tests::permissions;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    if std::env::args().nth(1).as_deref() == Some("forget") {
        permissions::forget()?;
        return Ok(ExitCode::SUCCESS);
    }
    let needed = permissions::needed()?;
    let granted = muster_local::grants()?;
    let unneeded: Vec<&String> = granted.difference(&needed).collect();
    let mut out = io::stdout().lock();
    for grant in &unneeded {
        writeln!(out, "granted, and needed by no test: {grant}")?;
    }
    writeln!(
        out,
        "{} of {} grants are needed",
        granted.len() - unneeded.len(),
        granted.len()
    )?;
    Ok(if unneeded.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
