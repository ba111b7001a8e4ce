.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

help:   ## This list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/base: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rackplan needs Python 3.11 or later; set PYTHON=python3.x")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/dev: .venv/base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@

setup: .venv/dev   ## The environment, with everything for tests and notebooks

demo: .venv/base   ## Simulate a real trace, print a summary, write report.html
	$(BIN)/rackplan experiment=demo hydra.run.dir=runs/demo overwrite=true
	@cp runs/demo/report.html report.html && echo "report.html is the report of this run"

test: .venv/dev    ## All tests but the slow ones, on all cores
	$(BIN)/python -m pytest -n auto --dist loadfile --nbmake -m "not slow and not rare" tests notebooks

truth: .venv/dev   ## The slow tests: every published run of OpenB, rare rules compiled; many minutes
	$(BIN)/python -m pytest -n auto --dist loadfile -m "slow or rare" tests

check: .venv/dev lint types test   ## Everything that a change must pass

lint: .venv/dev    ## Style
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: .venv/dev   ## mypy --strict
	$(BIN)/mypy

speed: .venv/dev   ## The benchmark: jobs per CPU-second, ratios, memory
	$(BIN)/python -m experiments.speed

notebooks: .venv/dev   ## Run the notebooks
	$(BIN)/python -m pytest --nbmake notebooks

.PHONY: help setup demo test truth check lint types speed notebooks
