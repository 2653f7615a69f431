# The two commands that matter: `make demo` and `make test`; each does all the set-up it needs.
# Workflows (.github/workflows) and .ci/run call these targets and nothing else, so a red job repeats at home.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST_SOURCES := .cargo/config.toml Cargo.toml Cargo.lock pyproject.toml $(shell find rust -name '*.rs' -o -name 'Cargo.toml' | sort)
# One more process than cores: tests that start programs wait for a third of their time.
JOBS ?= $(shell echo $$(( $$(nproc) + 1 )))
SHARD ?= 0/1
SOAK_PART ?=
SECONDS ?= 60
SEED ?=
BARS ?= 1000000
TAG ?=
# Tests start some hundred programs: each would compile the whole package for itself.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test test-rust test-python test-container check lint types contract docs audit bench bench-instructions bench-peers mutants soak fuzz-yaml fuzz-snapshot build release-check fmt lock clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' Makefile

$(VENV)/.preflight:
	@scripts/preflight.sh $(PYTHON)
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: requirements.lock requirements.hashes $(VENV)/.preflight
	@echo "set-up: installing the locked dependencies (minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.hashes
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@touch $@

$(VENV)/.built: $(VENV)/.installed $(RUST_SOURCES)
	@echo "set-up: building the Rust extension"
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --quiet --release --locked > /dev/null
	@touch $@

setup: $(VENV)/.built ## Virtual environment, dependencies, extension

demo: setup ## The main job on sample data: train, backtest, summary
	@$(BIN)/ktrdr demo

test: test-rust test-python ## Every test but the soak and the container

test-rust: setup ## The tests of the core
	@cargo test --quiet --locked -p ktrdr-core

test-python: setup ## The tests of the package, the contracts among them, and the examples of its docstrings
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal tests -m "not soak and not container"

test-container: setup ## Image and sandbox on a Docker engine (20 to 40 minutes); skipped where there is none
	@$(BIN)/python -m pytest -q tests/integration/container/test_engine.py --log-cli-level=INFO

check: lint types contract ## What a change must pass before review: lint, types, stub, contracts

lint: setup ## Format and lint of Rust and Python
	@cargo fmt --all --check
	@cargo clippy --quiet --locked --all-targets -- -D warnings
	@$(BIN)/ruff format --quiet --check python tests benches scripts
	@$(BIN)/ruff check --quiet python tests benches scripts

types: setup ## Types of the package, and of its public API as a caller sees it
	@$(BIN)/mypy
	@$(BIN)/mypy tests/typing/public_api.py

contract: setup ## Layers, stub, language, settings, README: the tests in tests/contract (part of `make test`)
	@$(BIN)/python -m pytest -q -n auto tests/contract

docs: setup ## The guide in target/docs, the core's pages in target/doc, and every block of README and guide
	@$(BIN)/python -m scripts.guide target/docs
	@RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --no-deps -p ktrdr-core
	@$(BIN)/python -m pytest -q tests/contract/test_docs_run.py tests/integration/guide tests/soak/guide/test_commands.py -m ""

audit: setup ## Licences of every dependency; known holes, where pip-audit and cargo-audit are and reach their data
	@$(BIN)/python -m scripts.audit

bench: setup ## Speed as ratios; every bench checks its answer
	@cargo bench --locked -p ktrdr-core --bench simulation
	@$(BIN)/python -m benches.harness

bench-instructions: ## Instructions for each bar under callgrind beside benches/instructions.json (ARGS=--renew writes it)
	@$(PYTHON) -m benches.instructions $(ARGS)

bench-peers: setup ## ktrdr beside six other programs, which it installs in target/peers (BARS=1000000)
	@BARS=$(BARS) $(BIN)/python -m benches.peers

mutants: setup ## cargo-mutants over the core's money (SHARD=k/n, or ARGS=--in-diff=FILE)
	@command -v cargo-mutants >/dev/null || cargo install --locked cargo-mutants
	@cargo mutants --package ktrdr-core --shard $(SHARD) $(ARGS)

soak: SECONDS = 7200
soak: setup ## The slow, exhaustive tests; SOAK_PART=kills for one (tests/soak/README.md); chaos has SECONDS=7200 SEED=1
	@SOAK_SECONDS=$(SECONDS) SOAK_SEED=$(SEED) $(BIN)/python -m pytest -q -n auto tests -m soak -k "$(SOAK_PART)"

fuzz-yaml: setup ## Hostile files for the YAML reader and the strategy loader (SECONDS=600)
	@cd tests && ../$(BIN)/python -m fuzz.yaml_reader --seconds $(SECONDS)

fuzz-snapshot: ## Hostile bytes as a snapshot; needs a nightly compiler and cargo-fuzz (rust/fuzz/README.md)
	@cd rust/fuzz && cargo +nightly fuzz run --fuzz-dir . snapshot seeds/snapshot -- -max_len=8192 -max_total_time=$(SECONDS)

build: $(VENV)/.installed ## A wheel in dist/
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/container/build_wheel.sh dist

release-check: ## Tag, version and changelog agree (TAG=v0.1.0)
	@scripts/check_release.sh "$(TAG)"

fmt: setup ## Format Rust and Python
	@cargo fmt --all
	@$(BIN)/ruff format --quiet python tests benches scripts
	@$(BIN)/ruff check --quiet --fix python tests benches scripts

lock: $(VENV)/.installed ## Compile requirements.lock and requirements.hashes anew
	@$(BIN)/python -m pip install --quiet pip-tools
	@$(BIN)/pip-compile --quiet --no-header --no-emit-find-links --no-emit-index-url --allow-unsafe --strip-extras \
		--extra dev --extra docs --extra notebook --extra pandas --extra paper --extra plot --extra report --extra research \
		--extra study --extra worker \
		--upgrade-package torch==2.13.0 \
		--output-file requirements.lock pyproject.toml
	@sed -i 's/+cpu//' requirements.lock
	@grep '^[a-z].*==' requirements.lock | grep -v '^torch==' > $(VENV)/hashed.in
	@$(BIN)/pip-compile --quiet --generate-hashes --no-header --no-annotate --no-emit-find-links --no-emit-index-url \
		--allow-unsafe --strip-extras --output-file requirements.hashes $(VENV)/hashed.in
	@sed -i '/^#/d;/^$$/d' requirements.hashes

clean: ## Remove what was built (the virtual environment too)
	@rm -rf $(VENV) target dist build python/ktrdr/*.so .pytest_cache .mypy_cache .ruff_cache .hypothesis
