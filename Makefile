# Verbs only. `make run` on a fresh machine needs python3 (3.11 to 3.14) and make; the rest it sets up in .venv.
PYTHON ?= python3
BIN := .venv/bin

# Tests start hundreds of processes: bytecode is kept, or each of them would compile the whole house anew.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest
# Five workers keep two cores busy: some tests wait for real processes. A file's tests share one node, so they stay
# together. `--workers` collects once, where each worker of `-n` does (tests/workers.py).

# What asks for more of the machine than Python: systemd, a browser, a Prometheus, environments of its own, all commands
# of the docs, a cluster; and whole nodes whose every process is killed in turn, for a tenth of the suite's time.
OUTSIDE := tests/browser tests/cluster/test_on_hosts.py tests/processes/test_levels.py \
  tests/processes/test_live_node.py tests/processes/test_recorded_node.py tests/processes/test_remote_host.py \
  tests/processes/test_systemd.py tests/processes/test_watched_node.py \
  tests/processes/test_wheel.py tests/test_extend.py tests/test_readme.py

# What is held at some venues in `make test`, and here at each.
WIDE := tests/feeds/recorded/test_law.py tests/feeds/test_feed_laws.py \
  $(addprefix tests/feeds/live/test_, announced.py delisted.py gateway.py live_images.py live_laws.py many_markets.py)

.PHONY: run test test-outside test-long test-versions check bench

run: .venv/runtime
	@$(BIN)/signalnode run --panel

test: .venv/dev
	@$(PYTEST) --workers 5 --ignore-glob 'tests/test_tidy*.py' $(OUTSIDE:%=--ignore %)

test-outside: .venv/cluster
	@$(PYTEST) -n 3 --dist loadfile --no-loadscope-reorder $(OUTSIDE)
	@$(PYTEST) -n 3 --dist worksteal --hypothesis-profile wide $(WIDE)

# The whole suite with more of all that is drawn: 10,000 schedules of the supervisor's core, 10,000 runs of the bus
# and the aggregator, a million broken messages, 3,000 examples of each property and 400 of each law; and what has a
# smaller test beside it in `make test`, which says so of each that it skips: `tests/effort.py`. Many minutes.
test-long: .venv/dev
	@$(PYTEST) -n 3 --dist worksteal --ignore-glob 'tests/test_tidy*.py' --hypothesis-profile long

# Each line of .ci/versions: other Pythons and other versions of numba, as far as they are here. Long.
test-versions:
	@.ci/run-versions

check: .venv/dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(PYTEST) tests/test_tidy*.py -q

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

# Ray is 250 MB, so it comes for what needs it alone.
.venv/cluster: .venv/dev pyproject.toml
	@$(BIN)/python -W ignore -m pip install --quiet --disable-pip-version-check --only-binary=:all: -e '.[dev,cluster]'
	@touch $@
