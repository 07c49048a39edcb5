//! Writes `openapi.json` anew: `make openapi`.

fn main() -> std::io::Result<()> {
    std::fs::write(
        concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.json"),
        muster_tests::openapi::document(),
    )
}
