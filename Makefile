# Signalbox. `make` alone lists what there is. Needs make and Python 3.11 or newer, nothing else.

VENV    := .venv
BIN     := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEV     := $(VENV)/.dev-installed

# PYTHON=/path/to/python chooses the interpreter; left empty, the newest supported one on PATH is taken.
PYTHON  ?=
# ARGS is handed to the tool behind a target: make test ARGS="tests/webhooks -k retry"
ARGS    ?=
# What `make test` tests on. marked: SQLite, and PostgreSQL where it may matter; both: everything on both, as CI does.
DATABASES ?= marked
# A file to which `make check` and pytest add how long each part took.
TIMES   ?=

SOURCES := app worker.py wsgi.py migrations tests bench tools
CHECKS  := format-check lint types templates imports lock-check test
PYTEST   = $(BIN)/pytest -n 2 --dist loadgroup
PRESENT  = $(wildcard $(SOURCES))
PIP      = $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes
COMPILE  = $(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
           --no-emit-index-url --no-emit-find-links $(ARGS)
DIGEST   = $(BIN)/python -c 'import hashlib, sys; \
           print(hashlib.sha256(b"".join(open(name, "rb").read() for name in sys.argv[1:])).hexdigest())'

.DEFAULT_GOAL := help
.PHONY: help setup run demo migrate test test-slow check lint format-check templates types imports lock-check \
        fmt bench screenshots vendor lock clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## Using it

run: $(RUNTIME) ## start everything: Redis, web, worker, demo receiver; Ctrl-C stops it
	@exec $(BIN)/python -m app.local $(ARGS)

demo: $(RUNTIME) ## fill a team with believable data and print how to sign in (beside `make run`)
	@exec $(BIN)/flask demo fill $(ARGS)

migrate: $(RUNTIME) ## bring the database to the newest schema
	@exec $(BIN)/flask db upgrade $(ARGS)

## Working on it

setup: $(DEV) ## create .venv with everything to run, test and lint

# `=` before a path: pytest takes one that stands alone for tests to run, before it knows the option.
test: $(DEV) ## run the suite (ARGS="tests/webhooks -k retry", DATABASES=both)
	@$(PYTEST) --database=$(DATABASES) $(if $(TIMES),--times=$(TIMES)) $(ARGS)

test-slow: $(DEV) ## run the whole suite on both databases, then the slow, load and soak tests
	@$(PYTEST) --database both $(ARGS)
	@$(BIN)/pytest -m "slow or load or soak" --database both --timeout=1800 $(ARGS)

check: $(DEV) ## all that CI runs
	@for part in $(CHECKS); do \
	   begun_s=$$(date +%s); status=0; $(MAKE) --no-print-directory $$part || status=$$?; \
	   if [ -n "$(TIMES)" ]; then echo "$$(($$(date +%s) - begun_s)) $$part" >>"$(TIMES)"; fi; \
	   if [ $$status -ne 0 ]; then exit $$status; fi; \
	 done

lint: $(DEV) ## ruff
	@$(BIN)/ruff check $(PRESENT) $(ARGS)

format-check: $(DEV)
	@$(BIN)/ruff format --check $(PRESENT)

types: $(DEV) ## mypy, strict on the application
	@$(BIN)/mypy $(ARGS)

templates: $(DEV) ## djlint over the templates
	@if [ -d templates ]; then $(BIN)/djlint --quiet --lint templates $(ARGS); fi

imports: $(DEV) ## the import rules between features and roles
	@$(BIN)/lint-imports $(ARGS)

fmt: $(DEV) ## format and fix what can be fixed
	@$(BIN)/ruff check --fix-only --quiet $(PRESENT)
	@$(BIN)/ruff format $(PRESENT)

bench: $(DEV) ## measure throughput and latency on this machine
	@exec $(BIN)/python -m bench $(ARGS)

screenshots: $(DEV) ## take pictures of the pages
	@exec $(BIN)/python -m tests.browser.screenshots $(ARGS)

vendor: ## fetch the vendored CSS, JavaScript and icons again from npm
	@exec static/vendor/refresh.sh $(ARGS)

lock: $(VENV)/.lock-tool ## write requirements*.txt from requirements*.in (ARGS=--upgrade for newer versions)
	@digest=$$($(DIGEST) requirements.in) && \
	  $(COMPILE) --custom-compile-command "make lock  (requirements.in $$digest)" \
	    -o requirements.txt requirements.in
	@digest=$$($(DIGEST) requirements.in requirements-dev.in) && \
	  $(COMPILE) --custom-compile-command "make lock  (requirements-dev.in $$digest)" \
	    -o requirements-dev.txt requirements-dev.in

# Offline on purpose: an uploader who adds a wheel to an old release must not turn this red.
lock-check: $(DEV)
	@grep -q "(requirements.in $$($(DIGEST) requirements.in))" requirements.txt && \
	 grep -q "(requirements-dev.in $$($(DIGEST) requirements.in requirements-dev.in))" requirements-dev.txt || \
	 { echo "requirements*.txt are older than requirements*.in: run 'make lock' and commit the result." >&2; exit 1; }

clean: ## remove .venv and caches; the data directory stays
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage htmlcov
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

## The virtual environment: a stamp file per set of packages, renewed when its lock file is newer.

$(VENV)/bin/python:
	@python="$(PYTHON)"; enough='import sys; raise SystemExit(sys.version_info < (3, 11))'; \
	 if [ -n "$$python" ]; then \
	   "$$python" -c "$$enough" 2>/dev/null || { \
	     echo "PYTHON=$$python is not a Python 3.11 or newer." >&2; exit 1; }; \
	 else \
	   for candidate in python3.13 python3.12 python3.11 python3 python; do \
	     if "$$candidate" -c "$$enough" >/dev/null 2>&1; then python=$$candidate; break; fi; \
	   done; \
	   [ -n "$$python" ] || { \
	     echo "Signalbox needs Python 3.11 or newer and found none on PATH." >&2; \
	     echo "Install one, or name it: make PYTHON=/path/to/python3 ..." >&2; exit 1; }; \
	 fi; \
	 echo "Creating $(VENV) with $$("$$python" --version 2>&1)"; \
	 "$$python" -m venv --clear $(VENV) || { rm -rf $(VENV); \
	   echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; \
	   exit 1; }

$(RUNTIME): requirements.txt | $(VENV)/bin/python
	@echo "Installing what Signalbox runs on (requirements.txt)"
	@$(PIP) -r requirements.txt
	@touch $@

$(DEV): requirements-dev.txt $(RUNTIME)
	@echo "Installing the tools to work on it (requirements-dev.txt)"
	@$(PIP) -r requirements-dev.txt
	@touch $@

# `make lock` must work when the lock files are missing or broken, so its tool does not come from them.
$(VENV)/.lock-tool: | $(VENV)/bin/python
	@[ -x $(BIN)/uv ] || $(BIN)/python -m pip --disable-pip-version-check install --quiet uv
	@touch $@
