//! Sends invitations again; only the newest link works.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&resend::FUNCTION)
}
