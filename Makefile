# Everything that is done with Muster; `make run` and `make test` do all the set-up themselves.
.PHONY: run functions console test explore lint soak test-console test-api test-deploy test-expressions faults e2e lighthouse screenshots check \
	fuzz test-fuzz deny check-infra permissions kills deploy undeploy requeue costs openapi bench bench-cold

# What the console is built from, and what it is built into.
CONSOLE_SOURCES := $(shell find console/src console/public console/scripts -type f -not -name schema.d.ts 2>/dev/null) \
	console/index.html console/package.json console/vite.config.ts console/svelte.config.js console/tsconfig.json openapi.json
CONSOLE_BUILT := console/dist/index.html
CONSOLE_MODULES := console/node_modules/.package-lock.json
# What checks the template, in a virtual environment of Python's.
INFRA_VENV := target/infra-venv
INFRA_TOOLS := $(INFRA_VENV)/.installed
# What asks the API, likewise.
API_TOOLS := target/api-tools/installed
# Where cargo puts what it builds.
TARGET = "$$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')"
# Where end-to-end tests note what they needed of the functions' roles, and what names the rest of what the template grants.
NEEDED = $(TARGET)/ci/needed-grants
NAME_UNNEEDED = $(TARGET)/ci/permissions
# Names the local stack that the tests of browser and API start.
WITH_LOCAL = MUSTER_LOCAL=$(TARGET)/ci/muster-local

# The local stack: console, API, mails, S3 and all functions in one process. ARGS="--memory --listen 127.0.0.1:0" and the
# like; with --spawn the functions are processes of their own, and what is built and run of them is what is deployed. Without
# Node.js it starts all the same, and says how to get the console.
run: $(if $(shell command -v npm),console) $(if $(filter --spawn,$(ARGS)),functions)
	cargo run --locked --package muster-local --bin muster-local -- $(patsubst --spawn,--spawn=$(TARGET)/release,$(ARGS))

# The functions as they are deployed, but for the architecture.
FUNCTIONS := $(notdir $(wildcard functions/*))
functions:
	cargo build --locked --release --bins $(addprefix --package ,$(FUNCTIONS))

# The console, in console/dist; needs Node.js 20.19 or newer.
console: $(CONSOLE_BUILT)

$(CONSOLE_BUILT): $(CONSOLE_MODULES) $(CONSOLE_SOURCES)
	cd console && npm run build

$(CONSOLE_MODULES): console/package-lock.json
	cd console && npm ci --no-audit --no-fund
	touch $@

# All tests and the gates that need nothing but Rust, Node.js, Python and Chromium. What tests throw dice for is the same each
# time, so that it is the change that is tested; `explore` throws others.
test: lint check-infra test-console
	rm -rf $(NEEDED)
	INSTA_UPDATE=no PROPTEST_RNG_SEED=4711 cargo test --locked --profile ci --workspace --no-fail-fast
	$(NAME_UNNEEDED)
	$(MAKE) test-fuzz
	$(MAKE) test-api
	$(MAKE) e2e

# Looks a few seconds for bytes that break a target of tests/fuzz, led by the coverage of our own code: with the stable
# compiler, and with the dependencies that the tests were built with.
FUZZED := upload token cursor key text
GUIDED = RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/tests/fuzz/covered \
	cargo test --locked --profile ci --workspace --features muster-fuzz/libfuzzer --test guided
test-fuzz:
	$(GUIDED) --no-run
	for target in $(FUZZED); do \
		mkdir -p target/fuzz/$$target && \
		$(GUIDED) --quiet -- -max_total_time=4 -verbosity=0 -artifact_prefix=$(CURDIR)/target/fuzz/ \
			$(CURDIR)/target/fuzz/$$target $(CURDIR)/tests/fuzz/corpus/$$target || exit; \
	done

# Looks longer, and at whole functions too (target `event`): cargo-fuzz (`cargo install cargo-fuzz`) builds everything for speed
# and with its coverage counted. ARGS are libFuzzer's, for each target: "-max_total_time=3600". What it finds worth keeping goes to
# target/fuzz; FUZZED="event" chooses targets.
fuzz: FUZZED += event
fuzz: ARGS := -max_total_time=60
fuzz:
	for target in $(FUZZED); do \
		mkdir -p target/fuzz/$$target && \
		CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=2 CARGO_PROFILE_RELEASE_STRIP=none \
		cargo fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz/built --sanitizer none --codegen-units 16 \
			--features libfuzzer,stack $$target target/fuzz/$$target tests/fuzz/corpus/$$target -- $(ARGS) || exit; \
	done

# What companies do, by other dice each time, so many times as ARGS say; a seed that finds something finds it again.
explore: ARGS := 10
explore:
	for run in $$(seq $(ARGS)); do \
		seed=$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ') && echo "seed $$seed" && \
		PROPTEST_RNG_SEED=$$seed cargo test --locked --profile ci --package muster-tests --test model || exit; \
	done

# The end-to-end tests alone, and what the functions' roles grant and none of them needed, which `test` refuses as well.
permissions:
	rm -rf $(NEEDED)
	INSTA_UPDATE=no cargo test --locked --profile ci --package muster-tests --no-fail-fast
	$(NAME_UNNEEDED)

# Kills the local stack at 200 random points of an import of 100,000 rows, bulk invitations and exports, and of small ones,
# and says whether it came to the same end each time. SEED=7 takes the points of an earlier run.
kills:
	KILLS=all KILLS_SEED=$(SEED) cargo test --locked --profile ci --package muster-local --test kill -- --nocapture

# Half an hour of everything at once, with the release binaries as processes and calls that go wrong; ARGS are the minutes.
soak: functions
	cargo bench --locked --profile ci --package muster-tests --bench soak -- $(ARGS)

# Every call of every function going wrong in every way, of which `make test` tries a part; with ARGS, the calls of that function.
faults:
	FAULTS=$(or $(ARGS),all) cargo test --locked --profile ci --package muster-tests --test faults -- --nocapture

lint:
	cargo fmt --all --check
	cargo clippy --locked --profile ci --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --profile ci --workspace --no-deps --document-private-items

# The template as CloudFormation would take it, and the scripts that deploy it. Once its tools are there, it asks no network.
check-infra: $(INFRA_TOOLS)
	$(INFRA_VENV)/bin/python infra/checks/transform.py infra/template.yaml target/infra/template.json
	$(INFRA_VENV)/bin/cfn-lint target/infra/template.json
	$(INFRA_VENV)/bin/checkov --config-file infra/checks/checkov.yaml --file target/infra/template.json
	$(INFRA_VENV)/bin/shellcheck --external-sources infra/*.sh .ci/run
	$(INFRA_VENV)/bin/python -m pytest --quiet -p no:cacheprovider infra/checks

$(INFRA_TOOLS): infra/checks/requirements.txt infra/checks/constraints.txt
	python3 -m venv --clear $(INFRA_VENV)
	$(INFRA_VENV)/bin/pip install --quiet --disable-pip-version-check --requirement infra/checks/requirements.txt --constraint infra/checks/constraints.txt
	touch $@

# To AWS, and away from there: docs/operations.md. Settings stand in infra/deploy.env, or here: make deploy Sender=…
deploy: console
	infra/deploy.sh

undeploy:
	infra/undeploy.sh

# Hands what waits in the table to the workers once more, when the stream no longer can.
requeue:
	infra/requeue.sh

# Writes the tables of costs in docs/operations.md and of capacity in BENCHMARKS.md anew from the measured capacity; a test fails
# when they are stale.
costs: $(INFRA_TOOLS)
	$(INFRA_VENV)/bin/python infra/checks/costs.py

# Types and logic of the console, and the size of what it loads at first.
test-console: $(CONSOLE_MODULES)
	cd console && npm run check && npm test && npm run build

# The API against openapi.json, by Schemathesis (Python 3.10 or newer; what it needs is fetched into target/), with a local
# stack of its own. ARGS are options of `schemathesis run`: "--max-examples 200" looks longer.
test-api: $(API_TOOLS)
	cargo build --locked --profile ci --package muster-local --bin muster-local
	$(WITH_LOCAL) $(dir $(API_TOOLS))bin/python tests/api/run.py $(ARGS)

$(API_TOOLS): tests/api/requirements.txt
	python3 -m venv $(dir $@)
	$(dir $@)bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# The console in a browser (Chromium at /usr/bin/chromium, or CHROMIUM), against a local stack of its own; `lighthouse`
# measures it, which is no test because a busy machine makes it slow, and fetches Lighthouse from npm.
e2e lighthouse: console
	cargo build --locked --profile ci --package muster-local --bin muster-local
	cd console && $(WITH_LOCAL) npm run $@

# The pictures in the README: made anew by the story that the browser tests tell.
screenshots: console
	cargo build --locked --profile ci --package muster-local --bin muster-local
	cd console && $(WITH_LOCAL) MUSTER_SCREENSHOTS=../docs/screenshots npm run e2e -- story.spec.ts

# Gates that need further tools, or the network.
check: test deny

# Licences, sources and bans of all dependencies, and what is known against them (RustSec's database, from GitHub), by cargo-deny
# (`cargo install --locked cargo-deny`). DENY="bans licenses sources" asks no network.
DENY := all
deny:
	cargo deny --locked check $(DENY)

# Writes openapi.json anew from the code.
openapi:
	cargo run --locked --package muster-tests --bin openapi

# Measures, and writes what it finds into BENCHMARKS.md, each benchmark its own section. ROWS are the most rows that are imported
# and users that are exported, after 10,000 and 100,000; BENCHES chooses.
BENCHES := import sign-ins calls cpu exports sending quotas
ROWS := 1000000
bench: $(INFRA_TOOLS)
	commit=$$(git describe --always --dirty --exclude '*') && for bench in $(BENCHES); do \
		cargo bench --locked --package muster-tests --bench benchmarks -- $$bench \
			--rows $(ROWS) --into $(CURDIR)/BENCHMARKS.md --commit $$commit || exit; \
	done
	$(MAKE) costs

# The template deployed to an AWS that is not ours (ministack, from PyPI), with the functions' binaries and every call
# authorised, and the main job done with it by clients that are not ours. ARGS=--mutate takes each permission from each role
# in turn and says which nobody missed; ARGS="--profile release" deploys what AWS gets; names of functions choose some.
DEPLOY := target/deploy
test-deploy: $(DEPLOY)/venv/.installed
	$(DEPLOY)/venv/bin/python tests/deploy/run.py $(ARGS)

# The same, and each kind of request that it makes of the table put before another engine, which says what is malformed:
# dynalite, from npm, or whatever DynamoDB answers at ENGINE.
ENGINE := $(DEPLOY)/engine
test-expressions: $(DEPLOY)/venv/.installed $(if $(findstring $(DEPLOY)/engine,$(ENGINE)),$(DEPLOY)/engine/.installed)
	$(DEPLOY)/venv/bin/python tests/deploy/run.py --engine $(ENGINE) $(ARGS)

$(DEPLOY)/venv/.installed: tests/deploy/requirements.txt
	python3 -m venv $(DEPLOY)/venv
	$(DEPLOY)/venv/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

$(DEPLOY)/engine/.installed:
	npm install --silent --no-audit --no-fund --prefix $(DEPLOY)/engine dynalite@4.0.0
	touch $@

# Cold start and size of functions as they are deployed, beside one that does nothing and beside themselves with all that the
# libraries have by default; needs valgrind and openssl. ARGS are the functions, or all.
DEFAULTS = $(TARGET)/library-defaults/source
COLD = $(if $(filter all,$(ARGS)),$(FUNCTIONS),$(or $(ARGS),sign-in invite list-users send-mail import-chunk export))
bench-cold:
	cargo build --locked --release --bins $(addprefix --package ,hello $(COLD))
	mkdir -p $(DEFAULTS)
	git ls-files -z Cargo.toml Cargo.lock shared functions infra tests | tar -c --null --files-from - | tar -x -C $(DEFAULTS)
	sed -i -E -e '/^(aws|lambda)/s/default-features = false(, )?//' -e '/^\[patch/,/^$$/d' $(DEFAULTS)/Cargo.toml
	cd $(DEFAULTS) && cargo build --release --bins --target-dir .. $(addprefix --package ,$(COLD))
	cargo bench --locked --profile ci --package muster-tests --bench cold -- $(COLD)
