//! Sends the mails that wait in the table.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&send_mail::FUNCTION)
}
