//! An app redeems its licence code.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&activate_licence::FUNCTION)
}
