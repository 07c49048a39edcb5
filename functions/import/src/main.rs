//! Checks an uploaded file and makes the plan.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&import::FUNCTION)
}
