# The two commands that matter: `make demo` and `make test`; each does all the set-up it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST_SOURCES := .cargo/config.toml Cargo.toml Cargo.lock pyproject.toml $(shell find rust -name '*.rs' -o -name 'Cargo.toml' | sort)
SHARD ?= 0/1
SOAK_PART ?=

.PHONY: help setup demo test check quality bench mutants soak build fmt lock clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

$(VENV)/.preflight:
	@scripts/preflight.sh $(PYTHON)
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: requirements.lock $(VENV)/.preflight
	@echo "set-up: installing the locked dependencies (minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@touch $@

$(VENV)/.built: $(VENV)/.installed $(RUST_SOURCES)
	@echo "set-up: building the Rust extension"
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --quiet --release --locked > /dev/null
	@touch $@

setup: $(VENV)/.built ## Virtual environment, dependencies, extension

demo: setup ## The main job on sample data: train, backtest, summary
	@$(BIN)/ktrdr demo

test: setup ## Every test but the soak
	@cargo test --quiet --locked -p ktrdr-core
	@$(BIN)/python -m pytest -q -n auto --doctest-modules python/ktrdr
	@$(BIN)/python -m pytest -q -n auto --dist worksteal tests -m "not soak"

check: setup ## Format, lint, types, stub, layers
	@cargo fmt --all --check
	@cargo clippy --quiet --locked --all-targets -- -D warnings
	@$(BIN)/ruff format --quiet --check python tests benches
	@$(BIN)/ruff check --quiet python tests benches
	@$(BIN)/mypy
	@$(BIN)/python -m mypy.stubtest --concise ktrdr._core
	@$(BIN)/python -m pytest -q tests/contract

quality: check ## The same as check

bench: setup ## Speed as ratios; every bench checks its answer
	@cargo bench --locked -p ktrdr-core
	@$(BIN)/python -m benches.harness

mutants: setup ## cargo-mutants over the core's money (SHARD=k/n, or ARGS=--in-diff=FILE)
	@command -v cargo-mutants >/dev/null || cargo install --locked cargo-mutants
	@cargo mutants --package ktrdr-core --shard $(SHARD) $(ARGS)

soak: setup ## The slow, exhaustive tests; SOAK_PART=kills for one; goes on where tests/soak/results.jsonl ends
	@$(BIN)/python -m pytest -q -n auto tests -m soak -k "$(SOAK_PART)"

build: $(VENV)/.installed ## A wheel in dist/
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/container/build_wheel.sh dist

fmt: setup ## Format Rust and Python
	@cargo fmt --all
	@$(BIN)/ruff format --quiet python tests benches
	@$(BIN)/ruff check --quiet --fix python tests benches

lock: $(VENV)/.installed ## Compile requirements.lock anew
	@$(BIN)/python -m pip install --quiet pip-tools
	@$(BIN)/pip-compile --quiet --no-header --no-emit-find-links --no-emit-index-url --allow-unsafe --strip-extras \
		--extra dev --extra worker --upgrade-package torch==2.13.0 --output-file requirements.lock pyproject.toml
	@sed -i 's/+cpu//' requirements.lock

clean: ## Remove what was built (the virtual environment too)
	@rm -rf $(VENV) target dist build python/ktrdr/*.so .pytest_cache .mypy_cache .ruff_cache .hypothesis
