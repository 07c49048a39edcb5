//! Edits a user; suspends and reactivates users.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&edit_user::FUNCTION)
}
