//! Sessions: sign-in, refresh, sign-out, and the published keys.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&sign_in::FUNCTION)
}
