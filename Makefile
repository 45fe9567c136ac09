# Everything a developer does, in two commands: `make demo` to see it, `make test` to trust it.

SHELL := /bin/bash -euo pipefail
.DEFAULT_GOAL := help
# npm leaves its mark before the engine is held against its hash: a target that failed must not pass for made.
.DELETE_ON_ERROR:

DASHBOARD := src/dashboard
DASHBOARD_SOURCES := $(shell find $(DASHBOARD) -type f -not -path '*/node_modules/*' -not -path '*/dist/*' \
	-not -path '*/e2e/*' -not -path '*/screenshots/*' -not -path '*/test-results/*')
ENGINE_READY := engine/node_modules/.package-lock.json
DASHBOARD_READY := $(DASHBOARD)/node_modules/.package-lock.json
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

say = @printf '\n\033[1m%s\033[0m\n' "$(1)"

.PHONY: help
help: ## List these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-15s %s\n", $$1, $$2 }'

.PHONY: demo
demo: build ## Build, start with simulated visitors, and print the dashboard's URL
	@./target/release/weir demo

.PHONY: run
run: build ## Build and start on a lasting data directory (weir-data)
	@./target/release/weir serve

.PHONY: build
build: $(ENGINE_READY) $(DASHBOARD)/dist/index.html ## Build the dashboard, then the release binary with it inside
	$(call say,Building weir (a few minutes the first time))
	@cargo build --release --locked

# npm holds what it fetches against the lock file's hash; what it has unpacked is held against the recorded one.
$(ENGINE_READY): engine/package-lock.json engine/SHA256SUMS
	$(call say,Fetching the embedded engine (about 150 MB))
	@npm ci --prefix engine --no-audit --no-fund --loglevel=error
	@cd engine && if [ -d node_modules/@chdb/lib-linux-x64-gnu ]; then sha256sum --quiet --check SHA256SUMS; \
		else echo 'Of the engine for this platform no hash is recorded in engine/SHA256SUMS.' >&2; fi
	@touch $@

$(DASHBOARD_READY): $(DASHBOARD)/package-lock.json
	$(call say,Fetching the dashboard's packages)
	@npm ci --prefix $(DASHBOARD) --no-audit --no-fund --loglevel=error
	@touch $@

$(DASHBOARD)/dist/index.html: $(DASHBOARD_READY) $(DASHBOARD_SOURCES)
	$(call say,Building the dashboard)
	@npm run --prefix $(DASHBOARD) --silent build
	@touch $@

.PHONY: test
test: $(ENGINE_READY) $(DASHBOARD)/dist/index.html browser ## Run every test, on the real engine and in a real browser
	$(call say,Testing the program)
	@cargo test --locked
	$(call say,Testing the dashboard's parts)
	@npm run --prefix $(DASHBOARD) --silent test
	$(call say,Testing the whole in a browser)
	@WEIR_BIN="$(CURDIR)/target/debug/weir" npm run --prefix $(DASHBOARD) --silent e2e

PYTHON ?= python3

.PHONY: test-compat
test-compat: $(ENGINE_READY) ## Run schema and queries on ClickHouse 23.10, 24.5 and the embedded one, and compare
	$(call say,Comparing versions of ClickHouse (fetches about 280 MB the first time))
	@command -v $(PYTHON) >/dev/null || { echo 'Python 3.9 to 3.12 is needed: make test-compat PYTHON=...' >&2; exit 1; }
	@$(PYTHON) tests/compat/compare.py

.PHONY: torture
torture: $(ENGINE_READY) ## Kills, an outage, an overload and idle connections, each under load; then count what was lost
	$(call say,Torturing (about ten minutes; leave the machine alone))
	@cargo test --locked --release --test torture -- kills=100 outage=180 overload=120 idle_connections=9000

.PHONY: browser
browser:
ifeq ($(CHROMIUM),)
	$(call say,Installing chromium for the browser tests)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	else \
		echo "Install chromium (Debian: apt-get install chromium), or set CHROMIUM_PATH to a browser." >&2; exit 1; \
	fi
endif

.PHONY: check
check: $(ENGINE_READY) $(DASHBOARD)/dist/index.html ## Check format, lints, types, generated files and dependencies
	$(call say,Checking the program)
	@cargo fmt --check
	@cargo clippy --locked --all-targets -- -D warnings
	$(call say,Checking the generated API description)
	@cargo run --locked --quiet -- openapi | diff -u docs/openapi.json - \
		|| { echo 'docs/openapi.json is stale: run make generate' >&2; exit 1; }
	$(call say,Checking the dashboard)
	@npm run --prefix $(DASHBOARD) --silent lint
	@npm run --prefix $(DASHBOARD) --silent types
	@npm run --prefix $(DASHBOARD) --silent generate -- --check
	$(call say,Checking the dependencies)
	@command -v cargo-deny >/dev/null || cargo install cargo-deny --locked
	@cargo deny --all-features check bans licenses sources

NPM_LOCKS := $(DASHBOARD) engine benches/ingest_vs_peer/node_pipeline

# All are looked up, also after one that is not clean; and one that could not be looked up does not pass for clean.
.PHONY: audit
audit: ## Look known vulnerabilities of all dependencies up (asks RustSec and the npm registry)
	@command -v cargo-deny >/dev/null || cargo install cargo-deny --locked
	$(call say,Looking up all dependencies)
	@suspect=(); \
	cargo deny --all-features check advisories || suspect+=(Cargo.lock); \
	for part in $(NPM_LOCKS); do \
		echo "$$part:"; npm audit --prefix "$$part" --package-lock-only || suspect+=("$$part/package-lock.json"); done; \
	[ $${#suspect[@]} = 0 ] || { echo "Vulnerable, or not looked up (see above): $${suspect[*]}" >&2; exit 1; }

SBOM := target/sbom

.PHONY: sbom
sbom: ## Write what everything is made of to target/sbom, as CycloneDX
	@mkdir -p $(SBOM)
	@command -v cargo-cyclonedx >/dev/null || cargo install cargo-cyclonedx --locked
	@cargo cyclonedx --quiet --format json --spec-version 1.5 --override-filename weir.cdx
	@sed 's|file://$(CURDIR)|file:///weir|g' weir.cdx.json > $(SBOM)/weir.json && rm weir.cdx.json
	@for part in $(DASHBOARD) engine; do \
		(cd $$part && npm sbom --sbom-format cyclonedx --package-lock-only) > $(SBOM)/$$(basename $$part).json; done
	@ls -l $(SBOM)

PEER_READY := benches/ingest_vs_peer/node_pipeline/node_modules/.package-lock.json

$(PEER_READY): benches/ingest_vs_peer/node_pipeline/package-lock.json
	@npm ci --prefix benches/ingest_vs_peer/node_pipeline --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: bench-ingest
bench-ingest: $(ENGINE_READY) $(PEER_READY) ## Measure ingestion in turn with the pipeline people write first
	$(call say,Measuring (about five minutes a round; leave the machine alone))
	@cargo bench --locked --bench ingest_vs_peer

DUCKDB_READY := target/duckdb/ready
DUCKDB_REQUIREMENTS := benches/queries/duckdb/requirements.txt

# Without python3 or a package index, Weir is measured alone, and the benchmark says so.
$(DUCKDB_READY): $(DUCKDB_REQUIREMENTS)
	@rm -rf target/duckdb
	@python3 -m venv target/duckdb && target/duckdb/bin/pip install --quiet --disable-pip-version-check -r $< && touch $@ \
		|| { rm -rf target/duckdb; echo 'DuckDB could not be installed and is left out' >&2; }

.PHONY: bench-queries
bench-queries: $(ENGINE_READY) $(DUCKDB_READY) ## Measure every query on days of up to 432 million events, beside DuckDB
	$(call say,Measuring (two hours, up to 35 GB in target/; leave the machine alone))
	@cargo bench --locked --bench queries

.PHONY: screenshots
screenshots: build browser ## Take the pictures of the README of a running demo, into docs/screenshots
	$(call say,Taking pictures (about a quarter of an hour: the story passes at its own pace))
	@npm run --prefix $(DASHBOARD) --silent screenshots

.PHONY: bench-freshness
bench-freshness: build browser ## Measure from an accepted event to a changed pixel, by push and by polling
	$(call say,Measuring (about ten minutes; leave the machine alone))
	@npm run --prefix $(DASHBOARD) --silent bench -- freshness

.PHONY: bench-first-paint
bench-first-paint: build browser ## Measure how long the overview takes to be drawn
	$(call say,Measuring (half a minute; leave the machine alone))
	@npm run --prefix $(DASHBOARD) --silent bench -- first-paint

.PHONY: generate
generate: $(DASHBOARD_READY) ## Write the OpenAPI document and the TypeScript types from the code
	@cargo run --locked --quiet -- openapi > docs/openapi.json
	@npm run --prefix $(DASHBOARD) --silent generate

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
WEIR_BIN ?= target/release/weir
ENGINE_LIBRARY ?= $(wildcard engine/node_modules/@chdb/*/libchdb.so)

# The library lies beside the program, where it is looked for. Settings that are there are kept.
.PHONY: install
install: ## Install what `make build` built, with its systemd unit (PREFIX, DESTDIR)
	@test -x "$(WEIR_BIN)" && test -f "$(ENGINE_LIBRARY)" || { echo 'Nothing is built yet: run make build first' >&2; exit 1; }
	@install -D -m 755 "$(WEIR_BIN)" "$(DESTDIR)$(PREFIX)/lib/weir/weir"
	@install -D -m 644 "$(ENGINE_LIBRARY)" "$(DESTDIR)$(PREFIX)/lib/weir/libchdb.so"
	@install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(UNITDIR)"
	@ln -sfn ../lib/weir/weir "$(DESTDIR)$(PREFIX)/bin/weir"
	@install -D -m 644 -t "$(DESTDIR)$(PREFIX)/share/doc/weir" README.md LICENSE init-db.sql
	@sed 's|@PREFIX@|$(PREFIX)|g; s|@SYSCONFDIR@|$(SYSCONFDIR)|g' deploy/weir.service > "$(DESTDIR)$(UNITDIR)/weir.service"
	@test -e "$(DESTDIR)$(SYSCONFDIR)/weir/weir.env" \
		|| install -D -m 600 .env.example "$(DESTDIR)$(SYSCONFDIR)/weir/weir.env"
	@echo "Installed. Settings: $(SYSCONFDIR)/weir/weir.env. Start: systemctl daemon-reload && systemctl enable --now weir"

.PHONY: uninstall
uninstall: ## Remove what `make install` installed; data and settings stay
	@rm -rf "$(DESTDIR)$(PREFIX)/lib/weir" "$(DESTDIR)$(PREFIX)/share/doc/weir"
	@rm -f "$(DESTDIR)$(PREFIX)/bin/weir" "$(DESTDIR)$(UNITDIR)/weir.service"
	@echo "Removed. Data (/var/lib/weir) and settings ($(SYSCONFDIR)/weir) are kept."

.PHONY: clean
clean: ## Remove what was built
	@rm -rf target $(DASHBOARD)/dist $(DASHBOARD)/node_modules engine/node_modules
