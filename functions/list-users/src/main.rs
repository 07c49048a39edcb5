//! Lists users, shows one, shows the caller, and previews what a user would see.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&list_users::FUNCTION)
}
