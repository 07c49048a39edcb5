//! Lists users, shows one, and shows the caller.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&list_users::FUNCTION)
}
