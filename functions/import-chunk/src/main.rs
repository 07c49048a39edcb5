//! Carries out a piece of a plan, and writes the report after the last.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&import_chunk::FUNCTION)
}
