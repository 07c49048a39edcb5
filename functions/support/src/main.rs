//! What only the operator of the service does for a company; invoked by IAM, it has no route.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&support::FUNCTION)
}
