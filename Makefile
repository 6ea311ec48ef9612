# `make help` lists the targets. Each runs setup first, which does nothing if it is complete.

PYTHON ?= python3
# Arguments of `pip install` for PyTorch only: see docs/install.md for the CPU build.
TORCH_ARGS ?=
# Arguments of `e1 up`, such as ARGS="--port 9000 --model e1-150m".
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/setup.stamp
PROJECTS := pyproject.toml packaging/e1-client/pyproject.toml
ASSETS := jobs/static/jobs/dist/manifest.json
FRONTEND := $(shell find frontend -name node_modules -prune -o -type f -print)
QUIET_PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input

# Checks read the settings, but open no connection.
CHECK_ENV := DATABASE_URL=postgresql://checks@127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1/0

.PHONY: help setup install demo test test-slow test-full up check bench benchmark-biology
.DEFAULT_GOAL := help

help:
	@echo "make setup   create $(VENV) and install everything (a download the first time)"
	@echo "make demo    run a job of 240 proteins from start to results"
	@echo "make up      start the service on http://127.0.0.1:8000 (ARGS=... for its options); e1 down stops it"
	@echo "make test    all tests except those marked slow: about 9 minutes on two cores"
	@echo "make test-slow   tests marked slow: whole services, faults, memory, benchmarks: about 35 minutes"
	@echo "make test-full   both, then the full table of faults, and the faults under load"
	@echo "make check   style, English, types, import contracts, migrations, audit of the dependencies"
	@echo "make bench   benchmarks"
	@echo "make benchmark-biology MODEL=e1-600m DATA=DIR   how well the network predicts biology (docs/biology.md)"

# The stamp is a copy of both project files: setup runs again when one changes. Scripts and styles are built again when a
# source is newer.
setup:
	@cat $(PROJECTS) | cmp -s - $(STAMP) || $(MAKE) --no-print-directory install
	@$(MAKE) --no-print-directory --silent $(ASSETS)

$(ASSETS): $(FRONTEND)
	@echo "building the pages' scripts and styles"
	@sh frontend/npm.sh $(VENV) ci --loglevel=error
	@sh frontend/npm.sh $(VENV) run --silent build -- --logLevel warn
	@touch $(ASSETS)

install:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else "Python 3.11 to 3.13 is needed, $(PYTHON) is %d.%d; name another with PYTHON=python3.12" % v)'
	@test -x $(BIN)/python -a -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || \
		{ echo "$(PYTHON) -m venv failed; on Debian and Ubuntu install the package python3-venv" >&2; exit 1; }
	@$(BIN)/python -c 'import torch' 2>/dev/null || $(BIN)/python packaging/install.py torch $(TORCH_ARGS)
	@$(BIN)/python packaging/install.py service
	@# An older e1-service also had the script `e1`, and replacing it deletes the script of e1-client.
	@test -x $(BIN)/e1 || $(QUIET_PIP) --no-deps --force-reinstall -e ./packaging/e1-client
	@cat $(PROJECTS) > $(STAMP)
	@echo "setup done; now: source $(BIN)/activate, which puts the command e1 on the path"

demo: setup
	@$(BIN)/python examples/demo.py

up: setup
	@$(BIN)/e1 up $(ARGS)

# Three processes share the tests, each with its own database and one PyTorch thread: on two cores the third works while
# others wait for workers and servers. Compiled tests are kept on disk, as half of a process's start is their compilation.
# Browser tests run separately: Django refuses database calls in a process with Playwright's event loop. A file of them
# stays in one process, since what its tests look at takes long to make.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 3
BROWSER := DJANGO_ALLOW_ASYNC_UNSAFE=true $(PYTEST) --dist loadfile tests/e2e

# All tests that are not marked slow.
test: setup
	@$(PYTEST) --dist worksteal -m "not slow" --ignore=tests/e2e
	@$(BROWSER) -m "not slow"
	@sh frontend/npm.sh $(VENV) run --silent test

# Whole services, every route in every role, faults, memory and benchmarks. `.ci/run` runs these too. Tests that share a
# service stay in one process.
test-slow: setup
	@$(PYTEST) --dist loadgroup -m "slow and not full" --ignore=tests/e2e
	@$(BROWSER) -m "slow and not full"

# Tests that take too long for `.ci/run`: those marked `full`, each fault of docs/performance.md on a job of 2,000 items, and
# all faults under load. Tests of containers, clusters and long attacks belong here too. Run it once per issue.
# E1_TEST_FULL asks for all seeds of tests/learning, and demands programs that other runs do without: those of Slurm.
test-full: export E1_TEST_FULL = yes
test-full: test test-slow
	@$(PYTEST) --dist loadgroup -m full --ignore=tests/e2e
	@$(BROWSER) -m full
	@$(BIN)/python -m tests.faults
	@$(BIN)/python -m tests.faults load
	@if command -v podman >/dev/null; then $(BIN)/python -m tests.deploy.stand_ins; \
		else echo "podman is not installed: the containers did not run (CONTRIBUTING.md)"; fi

# ruff's rules S come from bandit and audit our own code. words.py checks the English of code and documents.
check: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/python .ci/words.py
	@$(CHECK_ENV) $(BIN)/mypy
	@$(BIN)/lint-imports
	@sh frontend/npm.sh $(VENV) run --silent check
	@$(CHECK_ENV) $(BIN)/python -W 'ignore:Got an error checking:RuntimeWarning' manage.py makemigrations --check --dry-run
	@$(BIN)/python .ci/audit.py

bench: setup
	@echo "the benchmarks are in benchmarks/; docs/performance.md explains the results"
	@if test -f benchmarks/__main__.py; then $(BIN)/python -m benchmarks; else echo "no benchmark is installed in this checkout"; fi

# DATA: a folder with alignments, a scan and a structure (docs/biology.md). Without it, only held-out families run.
MODEL ?= e1-demo
DATA ?=
benchmark-biology: setup
	@$(BIN)/python -m benchmarks.biology --model $(MODEL) $(if $(DATA),--data $(DATA))
