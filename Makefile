# Needs only Python 3.11 or later (with its venv module) and make. `make demo` and `make test` set up what they need once.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
DEMO_READY := $(VENV)/.demo-ready
TEST_READY := $(VENV)/.test-ready

# The first interpreter that is new enough; `make PYTHON=/path/to/python demo` takes another.
PYTHON ?= $(shell for name in python3 python python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$name"; break; }; done)

KERNEL_TESTS := tests/broker tests/rulebook tests/properties

.PHONY: help demo test check lint types imports tests broker-coverage bench bench-self loopback format readme clean
.DEFAULT_GOAL := help

help: ## say what each target does
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' Makefile

demo: $(DEMO_READY) ## run a strategy on the embedded sample market and write its report
	@$(BIN)/backtest run gradual-leverage

test: lint types imports tests broker-coverage ## all checks and all tests

check: lint types imports ## style, types and import contracts, without the tests

lint: $(TEST_READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(TEST_READY)
	$(BIN)/mypy

imports: $(TEST_READY)
	$(BIN)/lint-imports

tests: $(TEST_READY)
	$(BIN)/python -m pytest

# Compiled code is invisible to coverage, so the broker's tests run once more as plain Python.
broker-coverage: $(TEST_READY)
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -q $(KERNEL_TESTS) --cov=backtest.broker --cov-report=term-missing --cov-fail-under=100

# make bench PEERS="vectorbt bt" times those alone and keeps nothing.
bench: $(TEST_READY) ## time every backtester on the same four works (about 15 minutes; each in its own environment)
	$(BIN)/python -m benchmarks $(if $(PEERS),--peers $(PEERS)) $(if $(WORKS),--works $(WORKS))

bench-self: $(TEST_READY) ## time the engine against the last release's figures, and vectorbt beside it
	$(BIN)/python -m benchmarks --self

loopback: $(TEST_READY) ## fetch from the loopback venue: 200 trials with faults, 50 kills, a year in each format (about 20 minutes)
	$(BIN)/python -m tests.loopback.trials 200
	$(BIN)/python -m tests.loopback.kills 50
	$(BIN)/python -m benchmarks.loopback_year

format: $(TEST_READY) ## put the code into the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

readme: $(TEST_READY) ## write the first screen of README.md and its figure anew
	$(BIN)/python -m tests.readme

clean: ## remove what set-up and caches have left (market history in store/ and finished runs stay)
	rm -rf $(VENV) benchmarks/.cache benchmarks/.environments build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "isomargin needs Python 3.11 or later; install it, or name it: make PYTHON=/path/to/python3 demo" >&2; exit 1; }
	@echo "making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(DEMO_READY): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing isomargin and what it needs into $(VENV) (once; about a minute when packages are cached)"
	@$(PIP) install -c constraints.txt -e .
	@touch $@

$(TEST_READY): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing isomargin with its tools for checks and tests into $(VENV) (once)"
	@$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $(DEMO_READY) $@
