//! Products with their seats; assigns and un-assigns licences in bulk.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&assign::FUNCTION)
}
