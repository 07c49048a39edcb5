//! Ends invitations whose time is over; runs by the schedule.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&expire_invitations::FUNCTION)
}
