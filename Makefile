# make serve    the test project under gatewayserve, with its panel
# make test     lint, and the tests on two versions of Python and Django
# make bench    what recording costs, beside other tools, which are installed into .venv-bench
# All install what they need first.

PYTHON ?= python3
export PYTHON
NEWEST := $(shell tools/newest-python.sh)
NEWEST_VENV := $(if $(NEWEST),.venv-py$(shell $(NEWEST) -c 'import sys; print("%d.%d" % sys.version_info[:2])'))
BIN := .venv/bin
# More arguments for gatewayserve, and for pytest: make serve SERVE="--wsgi 8080", make tests PYTEST="-k store -x".
SERVE ?=
PYTEST ?=
# And for benchmarks/overhead.py: make bench BENCH="--interface wsgi --json".
BENCH ?=
# The browser and the real projects are driven on the first leg only: they take most of the time.
PYTEST_NEWEST ?= -m "not slow and not browser"

# What recording is, once more without its compiled part: all that has a like in C is tried in Python as well.
PYTEST_PURE ?= $(wildcard tests/test_wsgi*.py tests/test_asgi*.py tests/test_instrument*.py tests/test_blackbox*.py \
	tests/test_clocks.py tests/test_crossings*.py tests/test_cut_short.py tests/test_redaction*.py tests/test_writer*.py)
# The compiled part is made when the package is installed: see django_gateway/native.
NATIVE := hatch_build.py $(wildcard django_gateway/native/*.[ch]) django_gateway/native/build.py

# Where Debian keeps web servers, which is not in everybody's PATH.
export PATH := $(PATH):/usr/sbin:/sbin

pytest = $(1)/bin/python -m pytest -o cache_dir=$(1)/pytest-cache $(2)

.PHONY: help serve test tests bench lint format setup tools clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# make/make/p' Makefile

serve: .venv/.serve
	cd testproject && ../$(BIN)/python manage.py migrate --verbosity 0
	cd testproject && ../$(BIN)/python manage.py demouser
	cd testproject && exec ../$(BIN)/python manage.py gatewayserve $(SERVE)

test: lint tests

tests: tools setup
	@tools/mod-wsgi.sh .venv
ifdef NEWEST
	$(call pytest,$(NEWEST_VENV),$(PYTEST_NEWEST) $(PYTEST))
else
	@echo "No Python 3.12 or newer here: the tests run with $(PYTHON) and Django 5.2 only, not with Django 6.1."
endif
	$(call pytest,.venv,$(PYTEST))
	GATEWAY_NATIVE=0 $(call pytest,.venv,$(PYTEST_PURE) -m "not slow" $(PYTEST))

bench: .venv-bench/.installed
	.venv-bench/bin/python benchmarks/overhead.py $(BENCH)

lint: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --cache-dir=/dev/null
	$(BIN)/lint-imports

format: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: .venv/.dev $(if $(NEWEST),$(NEWEST_VENV)/.dev)

tools:
	@tools/debian.sh tests
	@tools/debian.sh compiler

.venv/bin/python:
	@tools/debian.sh python
	$(PYTHON) -m venv .venv

# Django 5.2 here, also where python3 is new enough for a later one: the two legs cover both ends of what is supported.
.venv/.serve: pyproject.toml $(NATIVE) | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . 'django==5.2.*'
	touch $@

.venv-bench/.installed: pyproject.toml $(NATIVE)
	@tools/debian.sh python
	@tools/debian.sh compiler
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[benchmarks]' 'django==5.2.*'
	touch $@

.venv/.dev: pyproject.toml $(NATIVE) | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' 'django==5.2.*'
	touch $@ .venv/.serve

ifdef NEWEST
$(NEWEST_VENV)/bin/python:
	$(NEWEST) -m venv $(NEWEST_VENV)

$(NEWEST_VENV)/.dev: pyproject.toml $(NATIVE) | $(NEWEST_VENV)/bin/python
	$(NEWEST_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' 'django==6.1.*'
	touch $@
endif

clean:
	rm -f django_gateway/native/*.so
	rm -rf .venv .venv-py* .venv-bench build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
