//! Shows and changes the company's settings.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&tenant::FUNCTION)
}
