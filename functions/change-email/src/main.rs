//! Changes of e-mail addresses: started, confirmed from the new address, cancelled from the old one.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&change_email::FUNCTION)
}
