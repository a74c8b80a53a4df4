# `make demo` and `make test` do everything: environment, installation, run. They need git, make and Python >= 3.11.
# Another Python: make test PYTHON=python3.12

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet
RESULTS ?= results
JOBS ?= 2

# Larger data sets are optional; where they lie beside the clone, tests and experiments use them.
ifeq ($(origin SYNFIRE_DATA),undefined)
ifneq ($(wildcard ../shared/data/.),)
export SYNFIRE_DATA := $(abspath ../shared/data)
endif
endif

.PHONY: help demo test lint bench clean

help:
	@echo "make demo    install, run both experiments at the preset laptop, say where the figures are"
	@echo "make test    install, check style and types, run all tests"
	@echo "make lint    install, check style and types"
	@echo "make bench   install, measure speed against NumPy and Brian2"
	@echo "make clean   remove the environment and what tools leave behind; results stay"

demo: $(VENV)/.installed
	$(BIN)/synfire run what-when --preset laptop --out $(RESULTS)
	$(BIN)/synfire run digits --preset laptop --out $(RESULTS)
	@echo
	@echo "Figures:"
	@ls -1 $(RESULTS)/what-when/*.png $(RESULTS)/digits/*.png

test: lint
	$(BIN)/python -m pytest -q -n $(JOBS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.installed-test
	$(BIN)/synfire bench izhikevich-reservoir --peers numpy,brian2

# torch goes first and alone, by its exact pin: resolved together with others, pip may fetch a second, larger build.
$(VENV)/.installed: pyproject.toml constraints.txt
	@python= ; \
	for candidate in "$(PYTHON)" python3 python3.13 python3.12 python3.11 python; do \
		if [ -n "$$candidate" ] && "$$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
		then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "make: no Python >= 3.11 with venv found; install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	echo "installing into $(VENV) with $$("$$python" --version); the first time takes some minutes"; \
	"$$python" -m venv $(VENV)
	$(PIP) torch==2.13.0 -c constraints.txt
	$(PIP) -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP) -c constraints.txt -e '.[test,brian2]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
