# make demo | test | lint: each makes what it needs in .venv first; PYTHON=python3.13 takes another Python, and .venv-3.13.x
# make test: what takes less than five minutes; make test-all: everything, with what test-setup has installed
# make test-setup: what tests need beyond Python: tool chains and emulators of boards (make boards-setup: these alone), a
#   browser without a screen, a session bus; installed if you are root, else named
# make wheel: the compiled wheel of this Python, in dist/; make test COMPILED=1: the tests on such a wheel, in .venv-compiled
# make package: builds the sdist and the wheel into dist/, and tries them outside of the checkout
# make simulate: whole networks in virtual time, each from a seed; SEEDS of them (docs/testing.md); COMPILED=1 as above
# make soak: the same with more seeds, ten million frames for the C client under sanitizers, and a server among 1,000 hostile
#   links; SWEEP, FRAMES, HOSTILE_LINKS, HOSTILE_SECONDS
# make fuzz: every parser that a peer can reach, SECONDS each (10), guided by coverage if atheris can be installed
# make bench-lines: measures boards on serial lines
# make bench: measures pysig beside its peers, about 40 minutes; BENCH_PEERS, BENCH_WORKLOADS, BENCH_OPTIONS change it

PYTHON ?= python3
ifeq ($(PYTHON),python3)
VENV := .venv
else
VENV := .venv-$(shell $(PYTHON) -c "import platform; print(platform.python_version())")
ifeq ($(VENV),.venv-)
$(error $(PYTHON) can not be run)
endif
endif
ifeq ($(COMPILED),1)
VENV := $(VENV:.venv%=.venv-compiled%)
endif
BIN := $(VENV)/bin

.PHONY: demo test test-all lint package wheel without-sources simulate soak fuzz bench bench-lines test-setup boards-setup clean

demo: $(VENV)/.all
	$(BIN)/sig demo

# Processes of tests share two cores with all that they start: time limits, which only end what hangs, are longer, those of
# whole tests too. What is quick waits half of its time, so three of them keep two cores busy.
PYTEST = SIG_TIMEOUT_FACTOR=3 $(CURDIR)/$(BIN)/python -m pytest -q --dist loadgroup --timeout 360

ifneq ($(COMPILED),1)
READY := $(VENV)/.test
WHERE := .
else
# Python looks beside the tests first: they run in a copy of the checkout that has no sources, and find what is installed.
READY := $(VENV)/.compiled without-sources
WHERE := $(VENV)/checkout
endif

test: $(READY)
	cd $(WHERE) && $(PYTEST) -n 3 -m "not slow" $(TESTS)

test-all: $(READY) test-setup
	cd $(WHERE) && $(PYTEST) -n 2 --lock-watch $(TESTS)

without-sources: $(BIN)/python
	@rm -rf $(WHERE) && mkdir $(WHERE)
	@tar -c $(addprefix --exclude=./,.git '.venv*' '.bench*' '.*_cache' build dist '*.egg-info' sig_core sig_carriers \
		sig_codecs) . | tar -x -C $(WHERE)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --no-namespace-packages examples/*.py
	$(BIN)/mypy examples/web_events_logger

package: $(VENV)/.dev
	$(BIN)/python tests/packaging/check.py

COMPILED_WHEEL = PYSIG_COMPILE=1 $(BIN)/python -m pip wheel -q --disable-pip-version-check --no-deps .

wheel: $(BIN)/python
	$(COMPILED_WHEEL) -w dist

BENCH_PEERS ?= raw,pysig,pysig_compiled,zenoh,nats,pyzmq,redis,mosquitto,aiomqtt,socketio,cyclonedds,iceoryx2
BENCH_WORKLOADS ?= W1,W2,W3,W4,W5,W6,W8,W9
BENCH_OPTIONS ?= --repeats 5 --seconds 1

bench:
	benchmarks/setup
	.bench/bin/python benchmarks/run.py --peers $(BENCH_PEERS) --workloads $(BENCH_WORKLOADS) --limit 5400 $(BENCH_OPTIONS) \
		--relative-to zenoh --results benchmarks; failed=$$?; \
	.bench/bin/python benchmarks/inprocess.py --only "plain list of functions,blinker,blinker strong refs,psygnal" --peers pysig \
		--results benchmarks && .bench/bin/python benchmarks/plot.py && exit $$failed

bench-lines: $(VENV)/.test
	$(BIN)/python benchmarks/lines.py --results benchmarks/LINES.md

SEEDS ?= 2000

simulate: $(READY)
	cd $(WHERE) && $(CURDIR)/$(BIN)/python -m tests.simulation --seeds $(SEEDS)

SWEEP ?= 6
FRAMES ?= 10000000
HOSTILE_LINKS ?= 1000
HOSTILE_SECONDS ?= 600

soak: $(VENV)/.test
	SIG_SWEEP=$(SWEEP) $(BIN)/python -m pytest tests/line tests/boards/test_noise.py
	SIG_SWEEP=20 $(BIN)/python -m pytest tests/plugins/test_unreliable.py
	$(MAKE) simulate SEEDS=100000
	$(BIN)/python -m tests.hostile --links $(HOSTILE_LINKS) --seconds $(HOSTILE_SECONDS)
	$(MAKE) -C boards/c/fuzz fuzz FRAMES=$(FRAMES) BUILD=$(CURDIR)/build/fuzz

SECONDS ?= 10

fuzz: $(VENV)/.test
	-@$(BIN)/python -c "import atheris" 2>/dev/null || $(BIN)/python -m pip install -qq --disable-pip-version-check atheris
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(FUZZ_OPTIONS)

test-setup:
	tests/setup

boards-setup:
	tests/setup boards

clean:
	rm -rf .bench .bench-compiled .boards .venv .venv-* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

SOURCES := pyproject.toml setup.py build_backend.py compiled.txt $(shell find sig_core sig_carriers sig_codecs -name '*.py')

$(VENV)/.compiled: $(BIN)/python $(SOURCES)
	@echo "making $(VENV) with pysig[test], compiled ..."
	@rm -rf $(VENV)/wheel
	@$(COMPILED_WHEEL) -w $(VENV)/wheel
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --force-reinstall $(VENV)/wheel/*.whl
	@$(BIN)/python -m pip install -qq --disable-pip-version-check "$$(echo $(VENV)/wheel/*.whl)[test]"
	@touch $@

$(VENV)/.all $(VENV)/.test $(VENV)/.dev: $(VENV)/.%: pyproject.toml
	@echo "making $(VENV) with pysig[$*] ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[$*]'
	@touch $@
