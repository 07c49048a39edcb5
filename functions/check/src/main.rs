//! Proves that a table keeps every rule; support invokes it, it has no route.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&check::FUNCTION)
}
