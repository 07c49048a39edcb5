//! Keeps the accounts of the company's customers.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&accounts::FUNCTION)
}
