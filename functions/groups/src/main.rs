//! Makes, renames and deletes fleets and tags, and moves users in and out.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&groups::FUNCTION)
}
