# `make demo` and `make test` set everything up by themselves, in the virtual environment .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# Bytecode is written, as on a user's machine: else two workers and each process that they start compile 600 modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow test-docs test-browser test-torches lint docs pages format bench torture recipes clean

demo: $(VENV)/.installed-cli  ## the main job, on data that ships with scikit-learn
	$(BIN)/reweigh demo

test: lint docs  ## everything that CI runs
	$(BIN)/python -m pytest -n 2 --dist loadgroup README.md docs tests  # a page's or file's in one process

test-slow: $(VENV)/.installed-dev  ## the longer checks
	$(BIN)/python -m pytest -m slow -o faulthandler_timeout=7200

test-docs: $(VENV)/.installed-dev $(VENV)/.installed-all  ## every command of the pages pasted in order, and its output compared
	$(BIN)/python -m pages.pasted

test-browser: $(VENV)/.installed-dev $(VENV)/.installed-browser  ## the pages in Chromium (CHROMIUM=PATH names one)
	$(BIN)/python -m pytest -m "slow or not slow" tests/review tests/report tests/test_whole_job.py tests/pages/test_site.py

test-torches: $(VENV)/.installed-dev  ## the core on the oldest PyTorch that is claimed, the pinned one and the newest
	$(BIN)/python -m benchmarks.torches

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.installed-dev  ## the documentation, in build/site; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

pages: $(VENV)/.installed-dev  ## what is made for the documentation: options, notebooks, the table of the README
	$(BIN)/python -m pages.reference
	$(BIN)/python -m pages.notebooks
	$(BIN)/python -m pages.front

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-dev  ## the cost of a step, every engine and every peer, into docs/performance_tables.md
	$(BIN)/python -m benchmarks.step_cost --output docs/results/step_cost.json
	$(BIN)/python -m benchmarks.growth --output docs/results/growth.json
	$(BIN)/python -m benchmarks.tables
	$(BIN)/python -m benchmarks.plots

torture: $(VENV)/.installed-dev  ## random models, interrupts, files: counts of what went wrong, into docs/results/torture.json
	$(BIN)/python -m benchmarks.torture

recipes: $(VENV)/.installed-cli  ## the tables of docs/results.md
	$(BIN)/python recipes/mnist_imbalance.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "reweigh needs Python 3.11 or later: run make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "no virtual environment could be made: on Debian, apt-get install python3-venv"; exit 1; }

# torch comes first and pinned, so that nothing else decides which build it is.
$(VENV)/.installed-%: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) torch
	$(PIP) -e '.[$*]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
