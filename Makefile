# `make help` lists the commands. They only need Python 3.11 to 3.13; choose another with PYTHON=...
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
		&& echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
CHECKOV := $(VENV)/checkov
CLIENTS := $(VENV)/clients
LOCALSTACK := $(VENV)/localstack
MINISTACK := $(VENV)/ministack
MUTANTS := $(VENV)/mutants
export SAM_CLI_TELEMETRY := 0
unexport PYTHONDONTWRITEBYTECODE # or each process that a test starts would compile everything

.DEFAULT_GOAL := help
.PHONY: help run test soak mutants scale bench rehearse check lock clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

run: $(VENV)/.installed ## serve http://127.0.0.1:$PORT/rooms over an embedded Postgres until Ctrl-C
	@$(BIN)/python manage.py serve

test: check ## everything CI runs: format, lint, types, imports, template, tests
	@$(BIN)/python -m pytest --numprocesses 4 --dist worksteal

soak: $(VENV)/.installed ## send ten thousand requests with faults to ours and to a plain repository; print a table
	@$(BIN)/python -m tests.soak

mutants: $(VENV)/.installed $(MUTANTS)/.installed ## change the code in small ways, and list what no test notices; two hours
	@$(BIN)/python -m tests.mutants

scale: $(VENV)/.installed ## measure each kind of query on ten thousand and on a million rooms, and let GDAL read them
	@$(BIN)/python -m benchmarks.scale

bench: $(VENV)/.installed ## measure cold starts and warm requests, ours and those of alternatives
	@$(BIN)/python -m benchmarks

rehearse: $(VENV)/.installed $(LOCALSTACK)/.installed $(MINISTACK)/.installed ## deploy both stacks to three stand-ins for AWS, with each parameter; writes docs/rehearsal.md
	@$(BIN)/python -m tests.deployment.rehearsal

# Side by side, two at a time; each says what it has to say in one piece. The longest come first.
CHECKS := "$(BIN)/mypy" \
	"$(CHECKOV)/bin/checkov --config-file .checkov.yaml" \
	"$(BIN)/sam validate --lint" \
	"$(BIN)/cfn-lint template.yaml database.yaml deployer.yaml" \
	"$(CLIENTS)/bin/node $(CLIENTS)/node_modules/.bin/redocly lint rentomatic/http/openapi.json rentomatic/http/openapi30.json" \
	"$(CLIENTS)/bin/node $(CLIENTS)/node_modules/.bin/spectral lint --ruleset tests/e2e/clients/spectral.yaml --fail-severity warn rentomatic/http/openapi.json rentomatic/http/openapi30.json" \
	"$(BIN)/lint-imports" \
	"$(BIN)/zizmor --offline --no-progress --strict-collection --quiet .github" \
	"$(BIN)/ruff check" \
	"$(BIN)/ruff format --check"

check: $(VENV)/.installed $(CHECKOV)/.installed $(CLIENTS)/.installed
	@printf '%s\n' $(CHECKS) | xargs -P 2 -I {} sh -c \
		'if output=$$({} 2>&1); then echo "$$output"; else echo "$$output"; echo "Failed: {}" >&2; exit 255; fi'

lock: $(VENV)/.installed ## pin the newest versions that pyproject.toml allows
	@$(BIN)/uv pip compile pyproject.toml --group dev $(LOCK) --output-file requirements-dev.txt
	@$(BIN)/uv pip compile pyproject.toml $(LOCK) --constraint requirements-dev.txt \
		--output-file layers/dependencies/requirements.txt
	@$(BIN)/uv pip compile --group pyproject.toml:migrate $(LOCK) --constraint requirements-dev.txt \
		--output-file functions/migrate/requirements.txt
	@$(BIN)/uv pip compile --group pyproject.toml:import $(LOCK) --constraint requirements-dev.txt \
		--output-file functions/import_rooms/requirements.txt
	@$(BIN)/uv pip compile pyproject.toml --group containers $(LOCK) --constraint requirements-dev.txt \
		--output-file containers/requirements.txt
	@$(BIN)/uv pip compile tests/deployment/checkov/requirements.in $(LOCK) --output-file tests/deployment/checkov/requirements.txt
	@$(BIN)/uv pip compile tests/deployment/emulators/localstack/pyproject.toml --project tests/deployment/emulators/localstack $(LOCK) \
		--output-file tests/deployment/emulators/localstack/requirements.txt
	@$(BIN)/uv pip compile tests/deployment/emulators/ministack/requirements.in $(LOCK) \
		--output-file tests/deployment/emulators/ministack/requirements.txt
	@$(BIN)/uv pip compile tests/e2e/clients/requirements.in $(LOCK) --output-file tests/e2e/clients/requirements.txt
	@$(BIN)/uv pip compile tests/mutants/requirements.in $(LOCK) --output-file tests/mutants/requirements.txt
	@for peer in benchmarks/peers/*; do $(BIN)/uv pip compile $$peer/requirements.in $(LOCK) \
		--constraint requirements-dev.txt --output-file $$peer/requirements.txt || exit 1; done

# Universal: one file for every platform and Python. Hashes, but no address of any registry.
LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

clean: ## remove everything that the other targets created, including the embedded database
	@if [ -x $(BIN)/python ]; then $(BIN)/python manage.py down --delete-data; fi
	@rm -rf $(VENV) .aws-sam .data .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/.installed: requirements-dev.txt
	@if [ -z "$(PYTHON)" ]; then \
		echo "rentomatic needs Python 3.11, 3.12 or 3.13, and none was found: install one, or name it with PYTHON=..." >&2; \
		exit 1; \
	fi
	@echo "Setting up $(VENV) with $$($(PYTHON) --version) (once; a minute or two)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

# Separate environments: each pins a hundred packages, some in old versions.
$(CHECKOV)/.installed: tests/deployment/checkov/requirements.txt $(VENV)/.installed
	$(set_up)

# With Node and its packages.
$(CLIENTS)/.installed: tests/e2e/clients/requirements.txt tests/e2e/clients/package-lock.json $(VENV)/.installed
	$(set_up)
	@cp tests/e2e/clients/package.json tests/e2e/clients/package-lock.json tests/e2e/clients/.npmrc $(CLIENTS)/
	@PATH="$(CURDIR)/$(CLIENTS)/bin:$$PATH" $(CLIENTS)/bin/npm ci --silent --prefix $(CLIENTS)

$(MUTANTS)/.installed: tests/mutants/requirements.txt $(VENV)/.installed
	$(set_up)

$(LOCALSTACK)/.installed $(MINISTACK)/.installed: $(VENV)/%/.installed: tests/deployment/emulators/%/requirements.txt $(VENV)/.installed
	$(set_up)

define set_up
@echo "Setting up $(@D) (once; a minute)"
@$(BIN)/python -m venv --clear $(@D)
@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
@touch $@
endef
