# Verbs only. `make run` on a fresh machine needs python3 (3.11 to 3.14) and make; the rest it sets up in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check bench

run: .venv/runtime
	@$(BIN)/signalnode run --panel

test: .venv/dev
	@$(BIN)/python -m pytest -n 2

check: .venv/dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest tests/test_tidy.py -q

bench: .venv/dev
	@$(BIN)/python -m tests.benchmarks

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' || \
	  { echo "signalnode needs Python 3.11 to 3.14: make run PYTHON=/path/to/python3.12"; exit 2; }
	@echo "Setting up .venv (once; a few minutes on a slow line)"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/runtime: .venv/python pyproject.toml
	@$(BIN)/python -W ignore -m pip install --quiet --disable-pip-version-check --only-binary=:all: -e .
	@touch $@

.venv/dev: .venv/python pyproject.toml
	@$(BIN)/python -W ignore -m pip install --quiet --disable-pip-version-check --only-binary=:all: -e '.[dev]'
	@touch $@ .venv/runtime
