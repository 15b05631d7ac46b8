# demo: the whole suite on throwaway servers · test: every test · lint: what CI lints
# bench: against pgbench, redis-benchmark, pidstat and psutil · soak: fifty interrupts, five sweeps in a row,
# fifty scrapers for a minute
# prove: causes planted on throwaway servers must be named, healthy runs must be called healthy; 80 minutes, in the
# background; prove-status: how far it is; prove-judge: the same runs judged by the present analyzer
# schema: docs/schema anew
# docs/architecture.svg: the picture anew, with Graphviz
# install: programs, completions and manual pages under PREFIX (docs/install.md)

CARGO ?= cargo
# The commit stands in every report. A tree without git builds as well.
export PLIMSOLL_COMMIT ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null)

PREFIX ?= /usr/local
PROGRAMS = db-pool-bench redis-bench ws-bench sysmon bottleneck-analyzer plimsoll

.PHONY: demo build install test test-postgres-matrix lint bench soak prove prove-status prove-judge schema servers deny

demo: servers build
	target/release/plimsoll run --profile quick

build:
	$(CARGO) build --release --locked --workspace --exclude peers --bins

# Each program writes its own pages and completions. DESTDIR stands before every path, for packages.
# A bash completion is looked up by the program's name alone.
install: share = $(DESTDIR)$(PREFIX)/share
install: bash = $(share)/bash-completion/completions
install: build
	install -d "$(DESTDIR)$(PREFIX)/bin"
	@set -e; for program in $(PROGRAMS); do \
		install -m 755 "target/release/$$program" "$(DESTDIR)$(PREFIX)/bin/$$program"; \
		set -- "target/release/$$program" generate; \
		"$$@" man --to "$(share)/man/man1"; \
		"$$@" zsh --to "$(share)/zsh/site-functions"; \
		"$$@" fish --to "$(share)/fish/vendor_completions.d"; \
		"$$@" bash --to "$(bash)"; \
		mv "$(bash)/$$program.bash" "$(bash)/$$program"; \
		echo "installed $$program under $(DESTDIR)$(PREFIX)"; \
	done

# Every program has tests of its own, so that one command builds them all before the first runs. Most tests wait for
# time to pass and not for a CPU: four at a time on any machine.
test: export RUST_TEST_THREADS ?= 4
test: servers
	@scripts/install-servers pgbouncer || { \
		echo "Without PgBouncer: the test of db-pool-bench through it is left out." >&2; \
		export PLIMSOLL_WITHOUT_PGBOUNCER=1; }; \
	scripts/install-servers pidstat || { \
		echo "Without pidstat: the test of sysmon beside it is left out." >&2; \
		export PLIMSOLL_WITHOUT_PIDSTAT=1; }; \
	scripts/install-servers faketime || { \
		echo "Without faketime: the test of sysmon under a clock that is set is left out." >&2; \
		export PLIMSOLL_WITHOUT_FAKETIME=1; }; \
	$(CARGO) test --locked --workspace

# Takes PostgreSQL 13 to 18 from npm and shows the evidence on each.
test-postgres-matrix:
	$(CARGO) test --locked -p db-pool-bench --test evidence --test planted_evidence --test behaviour --no-run
	$(CARGO) test --locked -p pg-evidence --test retention --test watch --no-run
	scripts/postgres-matrix

lint: deny
	$(CARGO) fmt --all --check
	scripts/plain-words
	scripts/one-engine
	@scripts/install-servers python3
	scripts/file-circles
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked -p sysmon --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items
	$(CARGO) deny --log-level error check bans licenses sources

# Built without optimisation: it runs for a second, and compiling it is what takes time.
deny:
	@$(CARGO) deny --version >/dev/null 2>&1 || { \
		echo "Installing cargo-deny" >&2; \
		CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=64 \
		$(CARGO) install --locked --quiet cargo-deny; }

# The smallest loops are built with what they are measured beside: one set of features for both.
bench: servers
	@scripts/install-servers pidstat psutil || \
		echo "Without them: what is measured beside them is left out." >&2
	$(CARGO) build --release --locked --workspace --bins \
		--example minimal --example minimal_pool --example minimal_websocket --example sample_sysinfo
	target/release/peers

soak: servers
	$(CARGO) build --locked --workspace --bins
	PLIMSOLL_SOAK=50 $(CARGO) test --locked -p plimsoll --test behaviour interrupts -- --nocapture
	$(CARGO) test --locked -p db-pool-bench --test same_size -- --ignored --nocapture
	$(CARGO) test --locked -p sysmon --test export -- --ignored --nocapture

# Runs in the background; resumed by the next call.
prove: servers
	scripts/prove start

prove-status:
	@scripts/prove status

prove-judge:
	scripts/prove judge

schema:
	$(CARGO) run --quiet --locked -p bench-report --example report_schema > docs/schema/report-1.json
	$(CARGO) run --quiet --locked -p bottleneck-analyzer --example assessment_schema > docs/schema/assessment-1.json

docs/architecture.svg: docs/architecture.dot
	dot -Tsvg $< -o $@

servers:
	@scripts/install-servers
