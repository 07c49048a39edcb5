# Everything that is done with Muster; `make run` and `make test` do all the set-up themselves.
.PHONY: run test lint check openapi bench

# The local stack: API, mails, S3 and all functions in one process. ARGS="--memory --listen 127.0.0.1:0" and the like.
run:
	cargo run --locked --package muster-local --bin muster-local -- $(ARGS)

# All tests and the gates that need nothing but Rust.
test: lint
	INSTA_UPDATE=no cargo test --locked --profile ci --workspace --no-fail-fast

lint:
	cargo fmt --all --check
	cargo clippy --locked --profile ci --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --profile ci --workspace --no-deps --document-private-items

# Gates that need further tools: cargo-deny (licences, sources, bans; advisories where its database can be reached).
check: test
	cargo deny --locked check bans licenses sources

# Writes openapi.json anew from the code.
openapi:
	cargo run --locked --package muster-tests --bin openapi

# Rows a second through the whole local path, beside what the embedded store does with the same writes.
bench:
	cargo bench --locked --package muster-tests --bench import -- $(ARGS)
