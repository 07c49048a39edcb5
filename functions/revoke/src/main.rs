//! Withdraws standing invitations: their links work no more.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&revoke::FUNCTION)
}
