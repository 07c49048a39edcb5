//! Begins and shows exports.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&start_export::FUNCTION)
}
