# Everything a developer runs. Each target sets up .venv by itself, from locked and hashed requirements.

PYTHON ?= python3
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
VENUE ?= kraken

BIN := .venv/bin
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"

# Bytecode is kept: hundreds of tests start a process, and each would compile the whole package anew.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: set-up set-up-bench set-up-lock help demo fleet-demo venue test lint types pytest test-thorough coverage docs docs-check chaos model mutants bench format lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

demo: set-up  ## show exitplan at work on a paper account
	@$(RUN) sh demo/run.sh

fleet-demo: set-up  ## show a fleet at work: Postgres, two workers, 2,000 paper accounts, and one worker killed
	@$(BIN)/python -m tools.fleet_demo $(FLEET)

demo-web: set-up  ## serve the dashboard on demo accounts with a made-up past; prints address and log-in
	@rm -rf demo/web
	@$(RUN) $(BIN)/python -m tools.demo_past demo/web
	@cd demo/web && $(RUN) exitplan serve

venue: set-up  ## serve the demo account on loopback as a real venue does (VENUE=kraken, coinbase, binance or bybit)
	@$(BIN)/python -m tests.venues $(VENUE)

test: lint types pytest  ## everything CI checks

lint: set-up  ## style, formatting, which room may import which, and closed locks
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m tools.locks

types: set-up  ## mypy, strict
	@$(BIN)/mypy

pytest: set-up  ## the tests alone
	@$(RUN) $(BIN)/pytest -n $(WORKERS) --maxprocesses 8

test-thorough: lint types  ## the slow tests too, 1,000 examples per law, then the chaos suite (about half an hour)
	@TEST_PROFILE=thorough $(RUN) $(BIN)/pytest -n $(WORKERS) --maxprocesses 8 --timeout 1800
	@$(BIN)/python -m tests.chaos
	@$(BIN)/python -m tests.chaos --store postgres
	@$(BIN)/python -m tests.chaos --fleet
	@$(BIN)/python -m tests.chaos --group

coverage: set-up  ## the tests with branch coverage
	@$(RUN) $(BIN)/pytest -n $(WORKERS) --maxprocesses 8 --cov --cov-report term-missing:skip-covered

docs: set-up  ## write the generated docs
	@$(BIN)/python -m docs.generate

docs-check: set-up  ## fail where the generated docs are out of date
	@$(BIN)/python -m docs.generate --check

chaos: set-up  ## 1,000 kills and faults on paper, at each live venue, in Postgres, in a fleet and in a group: nothing lost, nothing doubled
	@$(BIN)/python -m tests.chaos
	@$(BIN)/python -m tests.chaos --store postgres
	@$(BIN)/python -m tests.chaos --fleet
	@$(BIN)/python -m tests.chaos --group

model: set-up  ## every crash, lost or late reply and takeover, two at a time: nothing lost, nothing doubled (MODEL="--depth 1 group", MODEL=--mutants)
	@$(BIN)/python -m tests.model $(MODEL)

mutants: set-up  ## small faults put into the rooms that handle money: do their tests notice? (an hour or more; MUTANTS="--only reconcile.py")
	@nice $(BIN)/python -u -m tools.mutants $(MUTANTS)

bench: set-up-bench  ## compare speeds; installs the other engines first
	@$(BIN)/python -m bench

format: set-up  ## let ruff fix and format
	@$(BIN)/ruff check --fix-only
	@$(BIN)/ruff format

# One file holds for every supported Python and platform; each set is resolved within the ones before it.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --no-header
lock: set-up-lock  ## renew the locked requirements from PyPI
	@$(COMPILE) --group lock -o requirements/lock.txt
	@$(COMPILE) --group build -o requirements/build.txt
	@$(COMPILE) pyproject.toml -c requirements/build.txt -o requirements/runtime.txt
	@$(COMPILE) --group dev -c requirements/build.txt -c requirements/runtime.txt -o requirements/dev.txt
	@$(COMPILE) --group bench -c requirements/runtime.txt -c requirements/dev.txt -o requirements/bench.txt
	@$(BIN)/python -m tools.locks --update

clean:  ## remove .venv and everything built or cached (never data/)
	@rm -rf .venv .venv.lock build dist *.egg-info .*_cache .hypothesis .coverage .coverage.* htmlcov demo/out demo/web
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# tools/venv.py knows what stands already, and lets one process at a time work on .venv.
set-up:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "exitplan needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) -c \
	    'import platform; print(platform.python_version())' 2>/dev/null || echo missing)." >&2; \
	  echo "Name another one: make $(or $(MAKECMDGOALS),test) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -I tools/venv.py

# Further tools, installed only where a target asks.
set-up-bench: set-up
	@$(PYTHON) -I tools/venv.py bench

set-up-lock:
	@$(PYTHON) -I tools/venv.py --tools-only lock
