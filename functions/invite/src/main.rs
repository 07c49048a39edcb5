//! Invites users in bulk, or a new person by e-mail in one go.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&invite::FUNCTION)
}
