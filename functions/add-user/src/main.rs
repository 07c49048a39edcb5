//! Adds one user, with licences and an invitation if asked for.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&add_user::FUNCTION)
}
