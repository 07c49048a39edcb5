//! Notes what became of mails: delivered, bounced, complained.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&record_delivery::FUNCTION)
}
