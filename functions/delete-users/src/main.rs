//! Deletes users, and restores them while that is possible.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&delete_users::FUNCTION)
}
