# README's two commands are `make demo` and `make test`; `make help` lists the rest.
# The first one run makes .venv, with a Python that .ci/find-python finds (or PYTHON=... names).

PY := .venv/bin/python
WORKERS ?= 2
PYTEST_ARGS ?=
# Figures are written to files, never shown.
export MPLBACKEND ?= Agg

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-full lint bench fuzz

help:
	@echo "make demo       run the demonstration; its report goes to demo-output/"
	@echo "make test       run the tests at their reduced size"
	@echo "make test-full  run the tests at full size (slow)"
	@echo "make lint       ruff, and mypy on the rules, the parameters and the calibration"
	@echo "make bench      measure the speed of the engines, of the event log and of sweeps"
	@echo "make fuzz       look for files that break what reads them, guided by coverage (FUZZ_SECONDS=300)"

demo: .venv/.ready-run
	.venv/bin/clinictwin demo --out demo-output

test: .venv/.ready-test
	$(PY) -m pytest -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)

test-full: .venv/.ready-test
	CLINICTWIN_FULL=1 $(PY) -m pytest -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)

lint: .venv/.ready-test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy abm/rules abm/parameters.py calibration

bench: .venv/.ready-bench
	$(PY) -m tests.benchmarks.speed
	$(PY) -m tests.benchmarks.ingest
	$(PY) -m tests.benchmarks.sweep

# Stops at the first finding: it writes the input that broke a source to .cache/fuzz-found/.
FUZZ_SECONDS ?= 300
fuzz: .venv/.ready-fuzz
	@mkdir -p .cache/fuzz-found
	$(PY) -m tests.fuzz.fuzz_sources -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=20 \
		-artifact_prefix=.cache/fuzz-found/

# --- Setting up -------------------------------------------------------------------------------
# Stamps keep a second run quick. A .venv that no longer runs is made anew; one that came along
# when the folder was moved or copied is installed into again, since an editable install and the
# scripts beside it name the folder they were made in.

ifneq ($(shell $(PY) -c "import pip" 2>/dev/null && cat .venv/.made-in 2>/dev/null),$(CURDIR))
.PHONY: .venv/.made-in
endif

.venv/.made-in:
	@if $(PY) -c "import sys, pip; assert sys.version_info >= (3, 12)" 2>/dev/null; then :; else \
		python=$$(bash .ci/find-python) || exit 1; \
		echo "Making .venv with $$python"; \
		"$$python" -m venv --clear .venv; \
	fi
	@printf '%s\n' "$(CURDIR)" > $@

extras-run := [all]
extras-test := [test]
extras-bench := [bench]
extras-fuzz := [test,fuzz]

.venv/.ready-run .venv/.ready-test .venv/.ready-bench .venv/.ready-fuzz: .venv/.ready-%: .venv/.made-in pyproject.toml constraints.txt
	@echo "Installing clinictwin$(extras-$*) into .venv (minutes the first time)"
	@$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.$(extras-$*)'
	@touch .venv/.ready-run $@
