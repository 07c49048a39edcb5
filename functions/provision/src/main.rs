//! Sets up a tenant with its first owner and its products; support invokes it, it has no route.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&provision::FUNCTION)
}
