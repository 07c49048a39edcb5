//! New passwords: asked for by the person, or sent by an administrator, and chosen by a mailed link.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&reset_password::FUNCTION)
}
