//! Names what the template grants and no end-to-end test needed, of those that ran since what they noted was last removed.

use std::io::{self, Write};
use std::process::ExitCode;

use muster_tests::permissions;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let needed = permissions::needed()
        .map_err(|error| format!("no end-to-end test has noted what it needed: {error}"))?;
    let granted = muster_local::grants()?;
    let named = [
        (
            "granted, and needed by no test that ran",
            granted.difference(&needed),
        ),
        (
            "needed by a test of another template",
            needed.difference(&granted),
        ),
    ];
    let mut out = io::stdout().lock();
    let mut faults = 0;
    for (fault, grants) in named {
        for grant in grants {
            writeln!(out, "{fault}: {grant}")?;
            faults += 1;
        }
    }
    let both = granted.intersection(&needed).count();
    writeln!(out, "{} of {} grants are needed", both, granted.len())?;
    Ok(if faults == 0 && both > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
