# The same targets serve people and CI; `make help` lists them.
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# The first interpreter that is new enough; override with PYTHON=...
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(shell \
  $(p) -c 'import sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
SAM_VENV := .venv-sam# its own: aws-sam-cli pins boto3 and much else
SAM := SAM_CLI_TELEMETRY=0 $(SAM_VENV)/bin/sam
AUDIT_VENV := .venv-audit# its own: checkov pins boto3 too, and is 290 MB
EMULATOR_VENV := .venv-emulator# its own: MiniStack pins botocore
EMULATOR := ministack==1.5.33# as in tests/data/not_deployed.json
MUTATE_VENV := .venv-mutate# its own: cosmic-ray changes code, and needs nothing of it
PIP_QUIET := --quiet --disable-pip-version-check

PORT ?= 8787# make demo: the port of the API
ONCE ?=# make demo: 1 ends after the session
ARCH ?= x86_64# make build: x86_64 or arm64
MINUTES ?= 60# make mutate: how long to go on
TARGETS ?=# make mutate: names in infra/checks/mutants.toml, all by default
MUTATE = $(MUTATE_VENV)/bin/python -m infra.checks.mutate --python $(BIN)/python --minutes $(MINUTES) $(TARGETS)
PYTEST_ARGS ?=# make test: more arguments for pytest, such as -n 0 for one process

# Three workers for two cores: tests wait for processes, browsers and polls half of the time. A file's tests stay together, so that what they share is built once; files keep their order,
# short ones last (tests/conftest.py). A worker that crashes ends the run: by loadfile, one that takes its place may
# wait for ever (https://github.com/pytest-dev/pytest-xdist/issues/1323).
WORKERS = $(shell $(PYTHON) -c 'import os; print(min(8, len(os.sched_getaffinity(0)) * 3 // 2 if hasattr(os, "sched_getaffinity") else os.cpu_count()))')
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder \
	--max-worker-restart 0 -rfEs
# Without compiled files on disk, every process that a test starts would compile all that it imports.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup setup-training demo test test-training prove mutate check audit docs openapi storefront bench build pins clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

setup: $(VENV)/.installed ## create .venv with everything but torch

$(VENV)/.installed: pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo "Endcap needs Python 3.11 or newer; none was found. Set PYTHON=/path/to/python3." >&2; exit 1; fi
	@if [ ! -x $(BIN)/python ]; then echo "Creating $(VENV) with $$($(PYTHON) --version)"; $(PYTHON) -m venv $(VENV); fi
	@echo "Installing Endcap and its development tools into $(VENV)"
	@$(BIN)/python -m pip install $(PIP_QUIET) --editable '.[dev]'
	@touch $@

setup-training: $(VENV)/.installed-training ## add torch and sentence-transformers to .venv (gigabytes on Linux)

$(VENV)/.installed-training: pyproject.toml | $(VENV)/.installed
	@echo "Adding torch to $(VENV)"
	@$(BIN)/python -m pip install $(PIP_QUIET) --editable '.[dev,training]'
	@touch $@

$(SAM_VENV)/.installed: Makefile
	@echo "Installing the SAM CLI into $(SAM_VENV)"
	@[ -x $(SAM_VENV)/bin/python ] || $(PYTHON) -m venv $(SAM_VENV)
	@$(SAM_VENV)/bin/python -m pip install $(PIP_QUIET) 'aws-sam-cli>=1.150,<2'
	@touch $@

$(AUDIT_VENV)/.installed: Makefile
	@echo "Installing checkov into $(AUDIT_VENV) (290 MB, minutes)"
	@[ -x $(AUDIT_VENV)/bin/python ] || $(PYTHON) -m venv $(AUDIT_VENV)
	@$(AUDIT_VENV)/bin/python -m pip install $(PIP_QUIET) 'checkov>=3.3,<4'
	@touch $@

$(EMULATOR_VENV)/.installed: Makefile
	@echo "Installing MiniStack into $(EMULATOR_VENV)"
	@[ -x $(EMULATOR_VENV)/bin/python ] || $(PYTHON) -m venv $(EMULATOR_VENV)
	@$(EMULATOR_VENV)/bin/python -m pip install $(PIP_QUIET) '$(EMULATOR)' 'aws-sam-translator>=1.90,<2' cryptography
	@touch $@

$(MUTATE_VENV)/.installed: Makefile
	@echo "Installing cosmic-ray into $(MUTATE_VENV)"
	@[ -x $(MUTATE_VENV)/bin/python ] || $(PYTHON) -m venv $(MUTATE_VENV)
	@$(MUTATE_VENV)/bin/python -m pip install $(PIP_QUIET) 'cosmic-ray>=8.7,<9'
	@touch $@

demo: setup ## build a snapshot from the bundled data, serve it, play a shopper's session
	@$(BIN)/endcap demo --port $(PORT) $(if $(filter 1,$(ONCE)),--once)

test: setup $(EMULATOR_VENV)/.installed ## run the suite but for the torch part and the long proofs
	@echo "Pages are tested in $$($(BIN)/python -m infra.checks.chromium 2>&1)"
	@$(PYTEST) -m 'not training and not prove' $(PYTEST_ARGS)
	@echo "Left out: tests that need torch (make test-training), proofs (make prove), tests/benchmarks; skips are listed above."

# torch is fetched only when a test asks for it.
test-training: setup ## add torch and run the rest of the suite
	@if ! grep -rqsE --include='*.py' 'mark\.training' tests; then \
	  echo "No test is marked 'training' yet: nothing to run, torch not installed."; exit 0; fi; \
	$(MAKE) --no-print-directory setup-training; \
	$(PYTEST) -m 'training and not prove' $(PYTEST_ARGS) || { code=$$?; [ $$code -eq 5 ] || exit $$code; }

prove: setup $(MUTATE_VENV)/.installed ## run the long proofs, then make mutate (MINUTES=0: without it); writes docs/proofs.md
	@mkdir -p .build
	@code=0; $(PYTEST) -m prove --hypothesis-profile=prove --junitxml=.build/proofs.xml $(PYTEST_ARGS) || code=$$?; \
	$(BIN)/python infra/checks/report_proofs.py .build/proofs.xml docs/proofs.md; \
	[ $(MINUTES) = 0 ] || $(MUTATE) || code=$$?; exit $$code

mutate: setup $(MUTATE_VENV)/.installed ## change the code, see whether tests notice; writes docs/mutants.md (MINUTES=60)
	$(MUTATE)

check: setup $(SAM_VENV)/.installed ## lint, security, types, contract, documentation, template, samconfig
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy functions infra/rebuild/function infra/checks infra/openapi infra/site infra/storefront
	$(BIN)/bandit -q -c pyproject.toml -r layers functions infra
	$(BIN)/python -m infra.openapi --check
	$(BIN)/python -m infra.storefront --check
	$(BIN)/python -m mkdocs build --quiet
	$(BIN)/cfn-lint template.yaml infra/monitoring.yaml infra/rebuild.yaml infra/front.yaml infra/waf.yaml infra/pipes.yaml infra/studio.yaml infra/canaries.yaml infra/athena.yaml
	$(SAM) validate --lint --template-file template.yaml
	$(SAM_VENV)/bin/python infra/checks/lint_samconfig.py samconfig.toml

# Not a part of check: checkov takes minutes to install.
audit: $(AUDIT_VENV)/.installed ## check the templates and the image with checkov
	$(AUDIT_VENV)/bin/checkov --config-file infra/checks/checkov.yaml

docs: setup ## build the documentation as a site, into .build/site
	@$(BIN)/python -m mkdocs build --quiet
	@echo "Open .build/site/index.html"

openapi: setup ## write layers/core/endcap/api/openapi.json, the API's contract, from the code
	$(BIN)/python -m infra.openapi

storefront: setup ## make the storefront kit's files from infra/storefront/src
	$(BIN)/python -m infra.storefront

bench: setup ## measure serving, ingestion, cold start and encoding on this machine
	@for kind in serve ingest cold-start encode; do echo "== endcap bench $$kind"; $(BIN)/endcap bench $$kind; done

build: $(SAM_VENV)/.installed ## sam build into .aws-sam (ARCH=arm64 for Graviton)
	@find functions layers -name __pycache__ -type d -prune -exec rm -rf {} +
	PIP="$(CURDIR)/$(SAM_VENV)/bin/python -m pip" LAYER_ARCH=$(ARCH) $(SAM) build --parameter-overrides Architecture=$(ARCH)
	@$(SAM_VENV)/bin/python infra/checks/measure_build.py .aws-sam/build
	@echo "Built. Next: .venv-sam/bin/sam deploy --config-env $(if $(filter arm64,$(ARCH)),arm64,sandbox), with AWS_DEFAULT_REGION and credentials (README.md, Deploy)"

pins: setup ## write the digests of the layers' wheels, after a change of versions
	@$(BIN)/python infra/checks/pin_layers.py layers/core layers/inference layers/parquet layers/rebuild infra/rebuild

clean: ## remove what the targets made, but not the virtual environments
	rm -rf .aws-sam .build .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	find . -path './.venv*' -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
