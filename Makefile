# Every target sets up .venv by itself the first time. Only python3 >= 3.11 and plain pip are needed.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.set-up
QUICK := tests/unit tests/stages tests/contract tests/architecture tests/pipeline tests/edges tests/exhaustive tests/golden
DEMO_HOME ?= .demo/$(shell date +%Y-%m-%d-%H%M%S)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types bench bench-verifier bench-sharding bench-private docs docs-check licences sbom up down constraints

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP)  ## make .venv with every pinned package (other targets do this by themselves)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rtbf needs Python 3.11 or newer, found " + sys.version.split()[0] + "; run make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/pip install --disable-pip-version-check --quiet -e '.[all,dev]'
	@touch $@

demo: $(STAMP)  ## the whole story in minutes: people, a model, a ticket, unlearning, a signed report
	@mkdir -p .demo
	$(BIN)/rtbf demo --folder $(DEMO_HOME)

# Two processes on two cores: torch threads of their own would only wait for each other.
test: export OMP_NUM_THREADS = 1
test: $(STAMP)  ## all tests, two at a time: first those that need no server, then integration and journey
	$(BIN)/python -m pytest -n 2 $(QUICK) $(PYTEST_ARGS) $(if $(JUNIT),--junitxml=$(JUNIT)-quick.xml)
	$(BIN)/python -m pytest -n 2 --dist loadscope tests/integration tests/journey $(PYTEST_ARGS) $(if $(JUNIT),--junitxml=$(JUNIT).xml)

lint: $(STAMP)  ## ruff, formatting, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

types: $(STAMP)  ## mypy strict on rtbf and workers
	$(BIN)/mypy

bench: $(STAMP)  ## every benchmark; each prints a ratio measured in one run; rewrites docs/reference/benchmarks.md
	$(BIN)/python -m benchmarks.run

bench-verifier: $(STAMP)  ## what the verifier says where the truth is known; rewrites docs/reference/verifier-calibration.md
	$(BIN)/python -W ignore -m benchmarks.verifier_calibration

bench-sharding: $(STAMP)  ## what a model in shards is worth, and what an erasure takes; rewrites the tables of docs/reference/sharding.md
	$(BIN)/python -W ignore -m benchmarks.sharding

bench-private: $(STAMP)  ## what a private base is worth, and what its audit sees; rewrites the tables of docs/reference/private-base.md
	$(BIN)/python -W ignore -m benchmarks.private_base

docs: $(STAMP)  ## rewrite docs/reference from cards, errors, settings and the command tree
	$(BIN)/python docs/generate.py

docs-check: $(STAMP)
	$(BIN)/python docs/generate.py --check

licences: $(STAMP)  ## refuse a package whose licence is not allowed
	$(BIN)/python compliance/licences.py

sbom: $(STAMP)  ## write build/sbom.json (CycloneDX)
	@mkdir -p build
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --of JSON -o build/sbom.json $(BIN)/python

up: $(STAMP)  ## start private PostgreSQL and Redis, API, one worker and sweep
	$(BIN)/python -m deploy.native up

down: $(STAMP)  ## stop what `make up` started
	$(BIN)/python -m deploy.native down

constraints:  ## pin what is installed in .venv now
	$(BIN)/python compliance/pins.py
