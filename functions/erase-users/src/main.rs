//! Erases users for good who were deleted 30 days ago; runs by the schedule.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&erase_users::FUNCTION)
}
