//! Activation: what a link is good for, and accepting an invitation.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&activate::FUNCTION)
}
