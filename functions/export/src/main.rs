//! Writes an export to the bucket.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&export::FUNCTION)
}
