# Needs Python 3.11 with venv and pip, git and make; installs the rest. `make` alone lists the targets.

PY ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Tests run at once. Most wait more than they compute: three keep two cores busy.
WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help setup rabbitmq postgres test-tools migration migration-again demo check test test-unit test-faults bench clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

setup: $(INSTALLED) ## Make the virtual environment

$(INSTALLED): pyproject.toml constraints.txt
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Runlet needs Python 3.11 or later; name one with: make PY=python3.11" >&2; exit 1; }
	$(PY) -m venv $(VENV) || \
	  { echo "install venv with: sudo apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

rabbitmq: ## Install RabbitMQ if it is missing (Debian and Ubuntu)
	@scripts/install-rabbitmq

postgres: ## Install PostgreSQL if it is missing (Debian and Ubuntu)
	@scripts/install-postgres

test-tools: ## Install the programs that the tests drive if they are missing (Debian and Ubuntu)
	@scripts/install-test-tools

demo: setup rabbitmq ## Three local devices, one job that asks on each, three answers
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/demo

check: setup ## Formatting, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup rabbitmq postgres test-tools ## All tests, against a real RabbitMQ and a real PostgreSQL
	$(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal -m 'not long and not alone'
	$(BIN)/pytest -m 'alone and not long' tests/faults tests/e2e

test-unit: setup ## The tests that start nothing
	$(BIN)/pytest tests/unit tests/cases

test-faults: setup rabbitmq postgres test-tools ## The long fault tests, which `make test` leaves out
	$(BIN)/pytest -m long tests/faults

migration: setup ## A migration to what tables.py says now: make migration m="add facts"
	@$(BIN)/python scripts/migration "$(or $(m),$(error say what changes: make migration m="add facts"))"

migration-again: setup ## The newest migration anew, while no release has it
	@$(BIN)/python scripts/migration --again

bench: setup rabbitmq postgres ## The benchmarks, beside ssh, Ansible and pyinfra; writes docs/reference/performance.md
	@PY=$(PY) VENV=$(VENV) bench/run --write

clean: ## Remove what the targets above made, installed packages excepted
	rm -rf $(VENV) bench/.venv-peers .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
