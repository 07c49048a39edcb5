//! Tells how many users stand where.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&overview::FUNCTION)
}
