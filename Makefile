# Credence: `make` alone says what there is. Needs Python 3.11 and make; everything else goes into .venv.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(firstword $(foreach name,python3.11 python3,$(shell command -v $(name) 2>/dev/null)))
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SETUPTOOLS := $(shell sed -n 's/.*"\(setuptools==[^"]*\)".*/\1/p' pyproject.toml)

PROCESSES := 2
SOAK := 20

.DEFAULT_GOAL := help
.PHONY: help run demo test soak lint format translations tour bench lock dev-tools clean

help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/ready ## set up, load the research data if the ledger is empty, serve until Ctrl-C
	@$(BIN)/credence up

demo: $(VENV)/ready ## the same without serving: print a table, verify a proof, exit
	@$(BIN)/credence demo

test: $(VENV)/ready-dev dev-tools ## run all tests in PROCESSES (2): tests/core first, then the layers above it
	@$(BIN)/python -m pytest -n $(PROCESSES)

soak: $(VENV)/ready-dev ## try SOAK (20) times as many examples of the properties that say examples(...)
	@SOAK=$(SOAK) $(BIN)/python -m pytest -rP --timeout=0 $$(grep -rlE 'tests.soak import|import CHANGES' tests)

lint: $(VENV)/ready-dev ## check style, types and layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/ready-dev ## lay out the code
	@$(BIN)/ruff format

translations: $(VENV)/ready-dev ## compile the texts of pages in other languages
	@for area in app/web/translations/*; do $(BIN)/pybabel -q compile -d $$area; done

tour: $(VENV)/ready-dev dev-tools ## take the pictures of docs/tour.md anew
	@$(BIN)/python -m tests.tour

bench: $(VENV)/ready-dev ## measure, as ratios of floors taken in the same run
	@$(BIN)/python -m benchmarks

dev-tools: $(BIN)/python ## install what tests need beside Python (chromium, Go)
	@bash tests/tools.sh

lock: $(BIN)/python ## bring requirements*.txt in step with setup.cfg, pins that still fit stay
	@$(PIP) install uv==0.13.9
	@echo '$(SETUPTOOLS)' | $(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url --output-file requirements.txt setup.cfg -
	@echo '$(SETUPTOOLS)' | $(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url --constraint requirements.txt --extra dev \
		--output-file requirements-dev.txt setup.cfg -

clean: ## remove .venv and what tools left; the data in var/ stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The environment. Its stamps are written last, so an interrupted set-up is simply done again.
$(BIN)/python:
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "Credence needs Python 3.11: install it (Debian: apt-get install python3.11 python3.11-venv)" \
		"or say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "This Python cannot make environments: apt-get install python3.11-venv" >&2; exit 1; }
	@echo "making $(VENV) (once)" && $(PYTHON) -m venv --clear $(VENV)

$(VENV)/ready: requirements.txt setup.cfg pyproject.toml | $(BIN)/python
	@echo "installing requirements.txt (once)"
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --no-deps --no-index --no-build-isolation --editable .
	@touch $@

$(VENV)/ready-dev: requirements-dev.txt $(VENV)/ready
	@echo "installing requirements-dev.txt (once)"
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@
