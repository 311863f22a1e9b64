# Everything one does here, the same on every machine. Needed: Python 3.11 or later with venv, make, git.
# A virtual environment is made from its lock when it is missing, and made anew when the lock has changed.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first Python that is new enough and can make virtual environments; `make PYTHON=/path/to/python` overrides it.
PYTHON ?= $(shell for candidate in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$candidate -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$candidate && break; done)

BIN := .venv/bin
DEMO_BIN := .venv-demo/bin

# Tests run in a process for each core; `make test ARGS=-n0` runs them in one.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --dist worksteal

.PHONY: demo test test-long check fix docs bench soak lock clean help

demo: .venv-demo/installed ## Show everything at work on this machine, with a page in French (ARGS="--for 20s --json")
	@$(DEMO_BIN)/vdl-lora demo $(ARGS)

test: .venv/installed ## Run the tests that take seconds (ARGS="-k name" is handed to pytest)
	$(PYTEST) -m "not long" $(ARGS)

test-long: .venv/installed ## Run the tests that take longer: failures of whole services, browsers, real servers
	$(PYTEST) -m long $(ARGS)

check: .venv/installed ## Check style, types, layers, spelling and the shape of decoders
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python -m pytest -q tests/unit/test_decoders_ast.py

fix: .venv/installed ## Mend what ruff can mend, and format
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

docs: .venv/installed ## Build the documentation into build/docs; a warning is an error
	$(BIN)/python docs/generate.py
	$(BIN)/sphinx-build -q -E -W --keep-going -b html docs build/docs

bench: .venv/installed ## Measure what the documentation states
	$(BIN)/python -m bench $(ARGS)

soak: .venv/installed ## Run all tests with many more examples and rounds
	VDL_LORA_SOAK=1 $(PYTEST) --timeout 7200 $(ARGS)

lock: .venv/installed ## Resolve both locks again, to the newest versions that pyproject.toml and requirements*.in allow
	$(COMPILE) --output-file requirements.lock pyproject.toml requirements.in
	$(COMPILE) --constraints requirements.lock --output-file requirements-dev.lock pyproject.toml requirements-dev.in

# One lock serves every Python from 3.11 on and every platform; it holds hashes, and neither a registry nor a path.
# Extras stay in it: where a package asks for `coverage[toml]` and the lock says `coverage`, the pip of Debian 12 and of
# Python 3.11 looks at the newest coverage first, finds no hash for it, and stops.
COMPILE = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
	--no-strip-extras --generate-hashes --no-header --no-emit-index-url

clean: ## Remove the virtual environments and everything that was built
	rm -rf .venv .venv-demo build dist .coverage htmlcov .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

# The two environments. `locked` says that the lock is installed, `installed` that the project is, in place:
# the build backend comes from the lock, so this last step fetches nothing.
.venv/locked: requirements-dev.lock
	$(call make_venv,.venv,$<)

.venv-demo/locked: requirements.lock
	$(call make_venv,.venv-demo,$<)

%/installed: %/locked pyproject.toml
	$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

define make_venv
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later with venv is needed and was not found." \
		"On Debian: apt install python3 python3-venv. Elsewhere: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(1)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --use-pep517 --require-hashes --requirement $(2)
	@touch $@
endef
