//! Defines, changes and deletes the company's own roles, and shows all there are.

fn main() -> Result<(), lambda_runtime::Error> {
    muster_shared::lambda::serve(&roles::FUNCTION)
}
