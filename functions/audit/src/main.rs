//! Shows the audit trail and its seals, and verifies them.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&audit::FUNCTION)
}
