# The one place that says how Warren is built, tested and run. Plain cargo throughout.

CARGO ?= cargo
# What `make run` crawls, and with which further options.
URL ?= https://www.gnu.org/
ARGS ?=
# The storm of `make chaos`: a seed to repeat one, how long faults go on, and how the producer learns of the images.
SEED ?=
MINUTES ?= 1
SOURCE ?= pages
# How often `make bench-gimp` has each crawler crawl, and `make bench` everybody fetch.
ROUNDS ?= 5
# Where `make browser-test` puts pictures, if anywhere; images in the ledger of `make bench-report`.
SCREENSHOTS ?=
IMAGES ?= 1000000

.DEFAULT_GOAL := help
# The steps of a target build the same tree: side by side they would only wait for each other's lock.
.NOTPARALLEL:

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## both programs, optimised, in target/release
	$(CARGO) build --release --locked --bin producer --bin downloader

.PHONY: run
run: ## crawl a site in one process, without a broker: make run URL=https://example.org/ ARGS='--depth 2'
	$(CARGO) run --release --locked --bin producer -- crawl --embedded $(ARGS) $(URL)

.PHONY: test
test: install fmt lint doc cargo-test ## everything that CI asks of the code; installs what it needs on Debian

.PHONY: install
install: ## find or install what the tests need: RabbitMQ, nginx, Prometheus, a real site
	tests/install.sh

.PHONY: fmt
fmt: ## is the code formatted? ('cargo fmt --all' does it)
	$(CARGO) fmt --all --check

.PHONY: lint
lint: ## clippy, where a warning is an error
	$(CARGO) clippy --workspace --all-targets --features warren-downloader/benching --locked -- -D warnings

.PHONY: doc
doc: ## rustdoc, private items too (its readers are contributors), where a warning is an error
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --document-private-items

.PHONY: cargo-test
# The end-to-end tests mostly wait: for time-outs, heartbeats, brokers that start. More of them than cores at once is right.
cargo-test: export RUST_TEST_THREADS ?= 8
cargo-test: ## unit tests and end-to-end tests on a private RabbitMQ
	$(CARGO) test --workspace --locked

.PHONY: chaos
chaos: ## a large run while everything fails that can: make chaos MINUTES=10 SEED=42 SOURCE=pages|list
	@# Built as for the tests, so that what `make test` has built is used again.
	$(CARGO) test --workspace --locked --no-run
	"$${CARGO_TARGET_DIR:-target}/debug/warren-chaos" \
	  --minutes $(MINUTES) --source $(SOURCE) $(if $(SEED),--seed $(SEED))

.PHONY: torture
torture: ## every Nth operation fails: each kind of operation, many N
	$(CARGO) test --workspace --locked --test e2e -- --ignored --nocapture torture::

.PHONY: chromium
chromium: ## what Chromium requests on real pages, against what we find there; unpacks 1.5 GB of Debian's documentation
	tests/chromium/run.sh

.PHONY: browser-test
browser-test: ## what is shown in a browser, looked at and clicked through in Chromium; installs what it needs: make browser-test SCREENSHOTS=docs/images
	SCREENSHOTS=$(SCREENSHOTS) tests/browser/run.sh

.PHONY: bench-report
bench-report: ## the report of a ledger of a million images, and how it opens in Chromium: make bench-report IMAGES=100000
	tests/browser/million.sh $(IMAGES)

.PHONY: bench-gimp
bench-gimp: ## the whole GIMP manual against Scrapy, which it fetches from PyPI: make bench-gimp ROUNDS=5
	benches/gimp/run.sh $(ROUNDS)

.PHONY: bench
bench: ## thousands of small images, beside what people use today: make bench ROUNDS=5 PEERS=wrk,wget2 (see docs/performance.md)
	benches/run.sh side_by_side

.PHONY: bench-peers
bench-peers: ## install what `make bench` measures Warren beside, from Debian and PyPI
	benches/peers/install.sh

.PHONY: bench-scaling
bench-scaling: ## 1 to 8 downloaders on a server that is far away: make bench-scaling TAKES=15
	benches/run.sh scaling

.PHONY: bench-list
bench-list: ## a list of ten million through the producer, with downloaders that fetch nothing: make bench-list URLS=1000000
	benches/run.sh long_list

.PHONY: bench-copies
bench-copies: ## copies of images on one core, beside img2dataset's resizer
	benches/run.sh copies

.PHONY: bench-micro
bench-micro: ## micro-benchmarks: extract, wire, frontier, ledger, verify, appender
	benches/run.sh micro

.PHONY: compose-test
compose-test: ## the Docker image and docker-compose.yml, on a real site; needs a Docker engine
	tests/compose/run.sh

.PHONY: policy
policy: cargo-deny ## licences, banned crates and sources of the dependencies
	$(CARGO) deny --locked check licenses bans sources

.PHONY: advisories
advisories: cargo-deny ## known vulnerabilities of the dependencies; reaches for the RustSec database
	$(CARGO) deny --locked check advisories

.PHONY: cargo-deny
cargo-deny:
	@$(CARGO) deny --version >/dev/null 2>&1 \
	  || { echo "policy: cargo-deny is not installed; hint: cargo install --locked cargo-deny" >&2; exit 1; }

.PHONY: clean
clean: ## remove what was built, and nothing that a crawl stored
	$(CARGO) clean
