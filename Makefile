# `make demo` and `make test` need nothing but make and Python 3.10 or newer: they set up .venv in this checkout, once, with
# the versions that constraints.txt pins. `make` alone lists all targets.
#
#   make demo DATA=photos   FOLDER/<class>/<image> instead of the rendered set
#   make demo ARGS=--help   the example's own options;  make test ARGS="-k crop"  pytest's ("-n 0": in one process)
#   make test JOBS=4        processes that tests run in
#   make PYTHON=...         the interpreter that the environment is made with
#   PIP_INDEX_URL=...       and pip's other variables are honored, for a mirror or for builds of torch without CUDA

NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 10))'
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do \
	$$python $(NEW_ENOUGH) 2>/dev/null && echo $$python && break; done)
# The lowest releases that pyproject.toml allows have wheels up to Python 3.12.
LOWEST_PYTHON ?= $(shell for python in python3.10 python3.11 python3.12; do \
	$$python $(NEW_ENOUGH) 2>/dev/null && echo $$python && break; done)
LOWEST := torch==2.8.0 torchvision==0.23.0 numpy==1.26.0 scipy==1.12.0 pillow==10.0.0 matplotlib==3.8.0 scikit-learn==1.3.1 joblib==1.4.0 \
	torchmetrics==1.4.0 pycocotools==2.0.8 setuptools==77.0.1
OF_THEIR_TIME := pyparsing==3.1.0 # a newer one warns of matplotlib 3.8, and warnings are errors in tests
# A pair between the lowest and the pinned one, with the newest setuptools that it takes. All else is as constraints.txt has it.
MIDDLE := torch==2.11.0 torchvision==0.26.0 setuptools==81.0.0

JOBS ?= 2
# By file: the examples of a page follow one another. With one thread each, processes do not wait for each other.
PYTEST := -m pytest -n $(JOBS) --dist loadfile

NATIVE := setup.py $(wildcard jointaug/_native/csrc/*)
DEMO := .venv/.installed-examples
DEV := .venv/.installed-dev
DEV_LOWEST := .venv-lowest/.installed-dev
DEV_MIDDLE := .venv-middle/.installed-dev
FRAMEWORKS := .venv-frameworks/.installed
WHEELS := .venv-wheels/.installed
DOCS_CHECK := .venv-docs-check/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-lowest test-middle lint types docs docs-check bench frameworks tables rows wheels wheels-check wheels-arm64 changelog clean
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(DEMO) ## pairs, laws, and how a small network learns by two crops and by JointCrop, into demo/ (DATA=folder of class folders)
	.venv/bin/python examples/quickstart.py --out demo $(if $(DATA),--data "$(DATA)") $(ARGS)

test: $(DEV) ## the whole suite
	OMP_NUM_THREADS=1 .venv/bin/python $(PYTEST) $(ARGS)

test-lowest: $(DEV_LOWEST) ## the whole suite on the lowest versions that pyproject.toml allows, in .venv-lowest
test-middle: $(DEV_MIDDLE) ## the whole suite on a pair between the lowest and the pinned one, in .venv-middle
test-lowest test-middle: test-%:
	OMP_NUM_THREADS=1 .venv-$*/bin/python $(PYTEST) $(ARGS)

lint: $(DEV) ## formatting and ruff's rules
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .

types: $(DEV) ## mypy, strict
	.venv/bin/mypy
	.venv/bin/mypy tests/typed_calls.py release/*.py
	MYPYPATH=examples .venv/bin/mypy -p trainer
	MYPYPATH=examples .venv/bin/mypy examples/*.py examples/figures/*.py

docs: $(DEV) ## the documentation, warnings as errors, into docs/_build/html
	.venv/bin/python -m sphinx -W -n --keep-going -b html docs docs/_build/html

docs-check: docs $(DOCS_CHECK) ## links, anchors, code and pictures of the built documentation, in headless Chromium (ARGS="--shots shots")
	.venv-docs-check/bin/python docs/check.py $(ARGS)

bench: ## tables of pipelines, kernels and memory, beside the peers, into benchmarks/results (ARGS="--rounds 3")
	benchmarks/peers.sh
	.venv-peers/bin/python benchmarks/all.py $(ARGS)

frameworks: $(FRAMEWORKS) ## the snippets of "In your framework" against the real packages (ARGS="--only lightning --write")
	OMP_NUM_THREADS=1 .venv-frameworks/bin/python benchmarks/frameworks/run.py $(ARGS)

tables: $(DEMO) ## the papers' tables on the toys, from what is kept in benchmarks/results/toys on (ARGS="--seeds 8 leoclr")
	PYTHONPATH=examples .venv/bin/python benchmarks/tables.py $(ARGS)

rows: $(DEV) ## the first steps of every recipe and every row of the papers' tables, with a small network
	OMP_NUM_THREADS=1 .venv/bin/python $(PYTEST:loadfile=load) -m "rows or not rows" tests/examples/papers/test_first_steps.py $(ARGS)

wheels: $(WHEELS) ## the sdist and the wheels of four platforms, into dist/, the same bytes anywhere (ARGS="--tag win_amd64")
	.venv-wheels/bin/python release/wheels.py $(ARGS)

wheels-check: $(WHEELS) ## whether what is in dist/ may go out: each library opened, this machine's wheel installed and tried
	.venv-wheels/bin/python release/check.py $(ARGS)

wheels-arm64: $(WHEELS) ## the wheel for Linux on arm64, installed and tried under qemu (needs apt-get and qemu-user-static)
	.venv-wheels/bin/python release/arm64.py $(ARGS)

changelog: $(DEV) ## what waits in changelog.d, into CHANGELOG.md as the version of jointaug/about.py (ARGS=--draft shows it)
	.venv/bin/towncrier build --yes --version "$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' jointaug/about.py)" $(ARGS)

clean: ## remove what these commands wrote, except the environments
	rm -rf demo build dist docs/_build docs/_static/generated docs/reference/generated *.egg-info examples/*.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find jointaug tests examples benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +

# $(call environment,python,folder) makes a virtual environment, or says what is missing.
define environment
	@$(1) $(NEW_ENOUGH) 2>/dev/null || { echo "make needs a suitable Python on the path; name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(2)/bin/python || $(1) -m venv $(2) || { rm -rf $(2); echo "could not make a virtual environment: \
	Debian and Ubuntu keep that in a package of its own, apt install python3-venv" >&2; exit 1; }
endef

$(DEMO): pyproject.toml examples/pyproject.toml constraints.txt $(NATIVE)
	$(call environment,$(PYTHON),.venv)
	.venv/bin/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[examples]' -e examples
	@touch $@

# lightly is an oracle of the losses' tests. Of what it depends on, its losses need only torch and numpy.
$(DEV): pyproject.toml examples/pyproject.toml constraints.txt $(NATIVE)
	$(call environment,$(PYTHON),.venv)
	.venv/bin/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]' -e examples
	.venv/bin/python -m pip install --disable-pip-version-check -c constraints.txt --no-deps lightly
	@touch $@

# What the two environments beside .venv differ in: the interpreter, and what pip is told.
$(DEV_LOWEST): MADE_WITH = $(LOWEST_PYTHON)
$(DEV_LOWEST): PINS := $(LOWEST) $(OF_THEIR_TIME)
$(DEV_MIDDLE): MADE_WITH = $(PYTHON)
$(DEV_MIDDLE): PINS := $(MIDDLE) -c .venv-middle/constraints.txt
$(DEV_LOWEST) $(DEV_MIDDLE): .venv-%/.installed-dev: pyproject.toml examples/pyproject.toml Makefile $(NATIVE)
	$(call environment,$(MADE_WITH),.venv-$*)
	.venv-$*/bin/python -m pip install --disable-pip-version-check $(PINS) -e '.[dev]' -e examples
	@touch $@

$(DEV_MIDDLE): .venv-middle/constraints.txt
.venv-middle/constraints.txt: constraints.txt Makefile
	@mkdir -p $(@D)
	sed -E '/^(torch|torchvision|setuptools)==/d' $< >$@

# A Chromium on the path is used; where there is none, playwright fetches its own.
$(DOCS_CHECK): Makefile
	$(call environment,$(PYTHON),.venv-docs-check)
	.venv-docs-check/bin/python -m pip install --disable-pip-version-check 'playwright>=1.49'
	@command -v chromium || command -v chromium-browser || command -v google-chrome || .venv-docs-check/bin/playwright install chromium
	@touch $@

$(FRAMEWORKS): pyproject.toml examples/pyproject.toml benchmarks/frameworks/requirements.txt benchmarks/frameworks/alone.txt $(NATIVE)
	$(call environment,$(PYTHON),.venv-frameworks)
	.venv-frameworks/bin/python -m pip install --disable-pip-version-check -r benchmarks/frameworks/requirements.txt
	.venv-frameworks/bin/python -m pip install --disable-pip-version-check --no-deps -r benchmarks/frameworks/alone.txt
	.venv-frameworks/bin/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[examples]' -e examples
	@touch $@

$(WHEELS): release/requirements.txt
	$(call environment,$(PYTHON),.venv-wheels)
	.venv-wheels/bin/python -m pip install --disable-pip-version-check -r $<
	@touch $@
