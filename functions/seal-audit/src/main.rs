//! Seals the audit trails; runs by the schedule.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&seal_audit::FUNCTION)
}
