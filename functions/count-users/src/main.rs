//! Counts a company's users for the overview.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&count_users::FUNCTION)
}
