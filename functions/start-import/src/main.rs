//! Begins, shows, commits and cancels imports.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&start_import::FUNCTION)
}
