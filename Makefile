.DEFAULT_GOAL := help
.PHONY: help run test test-fast test-faults soak check audit bench clean install install-dev

# The versions are tried together on Python 3.11; any newer one may do.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv/bin
# Small enough for tests: they need the plumbing of a model, not its answers.
TEST_MODEL := smollm2-135m-instruct-q4_1
TEST_FILES := $(TEST_MODEL) rampart-weights rampart-tokenizer
export CHATAPP_DEMO ?= 1

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: install ## Set everything up and run the product until Ctrl-C (PORT=8000)
	@exec $(VENV)/python -m chatapp.runtime --stop-with-parent

test: install-dev check audit ## Run lint, types, the audit of packages and all tests, with a real model and a browser
	@$(VENV)/python -m chatapp.runtime.browser
	@$(VENV)/python -m chatapp.inference.artifacts $(TEST_FILES)
	@$(VENV)/python -m pytest

test-fast: install-dev ## Run the tests that need no model, no browser and no running product
	@$(VENV)/python -m pytest -m "not model and not e2e and not faults"

test-faults: install-dev ## Run only the tests that hurt the running product, and print the table of faults
	@$(VENV)/python -m chatapp.runtime.browser
	@$(VENV)/python -m chatapp.inference.artifacts $(TEST_FILES)
	@$(VENV)/python -m pytest -m faults

soak: install-dev ## Let random faults happen under load for SOAK_MINUTES=20, and say what leaked
	@$(VENV)/python -m chatapp.inference.artifacts $(TEST_FILES)
	@SOAK_MINUTES=$${SOAK_MINUTES:-20} $(VENV)/python -m pytest tests/faults/test_soak.py

check: install-dev ## Run lint, types, template and migration checks
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@find templates -name '*.html' -exec $(VENV)/djade --check {} +
	@$(VENV)/python -m chatapp.runtime.with_services sh -euc '\
		$(VENV)/mypy --explicit-package-bases chatapp tests benchmarks manage.py && \
		$(VENV)/python manage.py makemigrations --check --dry-run && \
		$(VENV)/python manage.py check --deploy --fail-level WARNING'

audit: install-dev ## Look for known vulnerabilities of the pinned packages; write the bill of materials
	@$(VENV)/python -m tests.security.supply

bench: install ## Run every benchmark against the running product
	@for file in benchmarks/[a-z]*.py benchmarks/*/__main__.py; do \
		name=$$(echo $$file | sed 's|^benchmarks/||; s|/__main__||; s|\.py$$||'); \
		echo "== $$name"; \
		$(VENV)/python -m benchmarks.$$name || exit 1; \
	done

clean: ## Remove the virtual environment and caches; the data in var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache staticfiles test-results
	find . -name __pycache__ -prune -exec rm -rf {} +

install:
	@$(PYTHON) -m chatapp.runtime.install

install-dev:
	@$(PYTHON) -m chatapp.runtime.install --dev
