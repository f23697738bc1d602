# Everything a developer runs. Each target sets up .venv by itself, from locked and hashed requirements.

PYTHON ?= python3
WORKERS ?= auto
VENUE ?= kraken

BIN := .venv/bin
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"
PIP = $(BIN)/python -m pip install --disable-pip-version-check --no-input --progress-bar off
LOCKED = $(PIP) --no-build-isolation --require-hashes
LOG := >>.venv/setup.log 2>&1
FAILED := { tail -n 60 .venv/setup.log >&2; echo "Set-up failed: the end of .venv/setup.log is above." >&2; exit 1; }

# The interpreter behind $(PYTHON), also where that is a venv's or a shim, and a key that changes with it or with the checkout's
# place: scripts and the editable install name both by their full path.
WHICH := $(shell $(PYTHON) -I -c 'import os, sys, zlib; base = getattr(sys, "_base_executable", "") or sys.executable; \
	key = zlib.crc32((os.path.realpath(base) + os.getcwd()).encode()); \
	print("%s-%08x" % (sys.version.split()[0], key), base)' 2>/dev/null)
BASE := $(wordlist 2,$(words $(WHICH)),$(WHICH))
READY := .venv/ready-$(firstword $(WHICH))

unexport PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help
.PHONY: help demo venue test lint types pytest coverage docs docs-check chaos bench format lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

demo: $(BIN)/exitplan  ## show exitplan at work on a paper account
	@$(RUN) sh demo/run.sh

venue: $(BIN)/exitplan  ## serve the demo account on loopback as a real venue does (VENUE=kraken or coinbase)
	@$(BIN)/python -m tests.venues $(VENUE)

test: lint types pytest  ## everything CI checks

lint: $(BIN)/exitplan  ## style, formatting, and which room may import which
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports --no-logo

types: $(BIN)/exitplan  ## mypy, strict
	@$(BIN)/mypy

pytest: $(BIN)/exitplan  ## the tests alone
	@$(RUN) $(BIN)/pytest -n $(WORKERS) --maxprocesses 8

coverage: $(BIN)/exitplan  ## the tests with branch coverage
	@$(RUN) $(BIN)/pytest -n $(WORKERS) --maxprocesses 8 --cov --cov-report term-missing:skip-covered

docs: $(BIN)/exitplan  ## write the generated docs
	@$(BIN)/python -m docs.generate

docs-check: $(BIN)/exitplan  ## fail where the generated docs are out of date
	@$(BIN)/python -m docs.generate --check

chaos: $(BIN)/exitplan  ## at least 1,000 kills and faults: nothing lost, nothing doubled
	@$(BIN)/python -m tests.chaos

bench: $(BIN)/exitplan .venv/bench  ## compare speeds; installs the other engines first
	@$(BIN)/python -m bench

format: $(BIN)/exitplan  ## let ruff fix and format
	@$(BIN)/ruff check --fix-only
	@$(BIN)/ruff format

# One file holds for every supported Python and platform; each set is resolved within the ones before it.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --no-header
lock: $(BIN)/exitplan .venv/lock  ## renew the locked requirements from PyPI
	@$(COMPILE) requirements/lock.in -o requirements/lock.txt
	@$(COMPILE) requirements/build.in -o requirements/build.txt
	@$(COMPILE) pyproject.toml -c requirements/build.txt -o requirements/runtime.txt
	@$(COMPILE) requirements/dev.in -c requirements/build.txt -c requirements/runtime.txt -o requirements/dev.txt
	@$(COMPILE) requirements/bench.in -c requirements/runtime.txt -c requirements/dev.txt -o requirements/bench.txt

clean:  ## remove .venv and everything built or cached (never data/)
	@rm -rf .venv build dist *.egg-info .*_cache .hypothesis .coverage .coverage.* htmlcov demo/out
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# durable-rules is published as source only. It calls PyEval_CallObject, which 3.13 took out (3.11 and 3.12 define it in a header, which
# then wins); its setup.py overwrites CFLAGS, so CC carries the definition. No cache: pip may hold a wheel built without it.
$(READY): requirements/build.txt requirements/runtime.txt requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "exitplan needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) -c \
	    'import platform; print(platform.python_version())' 2>/dev/null || echo missing)." >&2; \
	  echo "Name another one: make $(or $(MAKECMDGOALS),test) PYTHON=python3.12" >&2; exit 1; }
	@echo "setting up .venv (about a minute, once)" >&2
	@rm -rf .venv && mkdir .venv
	@"$(BASE)" -m venv .venv $(LOG) || $(FAILED)
	@$(LOCKED) -r requirements/build.txt $(LOG) || $(FAILED)
	@sed -n '/^durable-rules==/,/[^\\]$$/p' requirements/runtime.txt >.venv/engine.txt
	@CC="$(CC) -DPyEval_CallObject=PyObject_CallObject" $(LOCKED) --no-cache-dir --no-deps -r .venv/engine.txt $(LOG) || $(FAILED)
	@$(LOCKED) -r requirements/runtime.txt -r requirements/dev.txt $(LOG) || $(FAILED)
	@$(BIN)/python -c 'import durable_rules_engine' $(LOG) || $(FAILED)
	@touch $@

$(BIN)/exitplan: $(READY) pyproject.toml ruleset/version.py
	@$(PIP) --no-build-isolation --no-deps -e . $(LOG) || $(FAILED)
	@touch $@

# Further tools, installed only where a target asks: .venv/NAME stands for requirements/NAME.txt.
.venv/bench .venv/lock: .venv/%: requirements/%.txt $(READY)
	@$(LOCKED) -r $< $(LOG) || $(FAILED)
	@touch $@
