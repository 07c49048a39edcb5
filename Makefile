# Everything that is done with Muster; `make run` and `make test` do all the set-up themselves.
.PHONY: run console test lint test-console e2e lighthouse screenshots check openapi bench

# What the console is built from, and what it is built into.
CONSOLE_SOURCES := $(shell find console/src console/public console/scripts -type f -not -name schema.d.ts 2>/dev/null) \
	console/index.html console/package.json console/vite.config.ts console/svelte.config.js console/tsconfig.json openapi.json
CONSOLE_BUILT := console/dist/index.html
CONSOLE_MODULES := console/node_modules/.package-lock.json
# Names the local stack that the browser tests start.
WITH_LOCAL = MUSTER_LOCAL="$$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/ci/muster-local"

# The local stack: console, API, mails, S3 and all functions in one process. ARGS="--memory --listen 127.0.0.1:0" and the
# like. Without Node.js it starts all the same, and says how to get the console.
run: $(if $(shell command -v npm),console)
	cargo run --locked --package muster-local --bin muster-local -- $(ARGS)

# The console, in console/dist; needs Node.js 20.19 or newer.
console: $(CONSOLE_BUILT)

$(CONSOLE_BUILT): $(CONSOLE_MODULES) $(CONSOLE_SOURCES)
	cd console && npm run build

$(CONSOLE_MODULES): console/package-lock.json
	cd console && npm ci --no-audit --no-fund
	touch $@

# All tests and the gates that need nothing but Rust, Node.js and Chromium.
test: lint test-console
	cargo run --locked --profile ci --package muster-tests --bin permissions -- forget
	INSTA_UPDATE=no cargo test --locked --profile ci --workspace --no-fail-fast
	cargo run --locked --profile ci --package muster-tests --bin permissions
	$(MAKE) e2e

lint:
	cargo fmt --all --check
	cargo clippy --locked --profile ci --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --profile ci --workspace --no-deps --document-private-items

# Types and logic of the console, and the size of what it loads at first.
test-console: $(CONSOLE_MODULES)
	cd console && npm run check && npm test && npm run build

# The console in a browser (Chromium at /usr/bin/chromium, or CHROMIUM), against a local stack of its own; `lighthouse`
# measures it, which is no test because a busy machine makes it slow, and fetches Lighthouse from npm.
e2e lighthouse: console
	cargo build --locked --profile ci --package muster-local --bin muster-local
	cd console && $(WITH_LOCAL) npm run $@

# The pictures in the README: made anew by the story that the browser tests tell.
screenshots: console
	cargo build --locked --profile ci --package muster-local --bin muster-local
	cd console && $(WITH_LOCAL) MUSTER_SCREENSHOTS=../docs/screenshots npm run e2e -- story.spec.ts

# Gates that need further tools: cargo-deny (licences, sources, bans; advisories where its database can be reached).
check: test
	cargo deny --locked check bans licenses sources

# Writes openapi.json anew from the code.
openapi:
	cargo run --locked --package muster-tests --bin openapi

# How long calls take, and rows a second through the whole local path, beside what the embedded store alone does with the
# same reads and writes. ARGS are those of the import: the rows.
bench:
	cargo bench --locked --package muster-tests --bench calls
	cargo bench --locked --package muster-tests --bench import -- $(ARGS)
