PYTHON ?= python3
# An active virtual environment is used as it is; else .venv is made.
VENV := $(or $(VIRTUAL_ENV),.venv)
PY := $(VENV)/bin/python
# Stamps are named by content, so that a checkout's clock does not matter and an environment can serve two clones.
RUN_STAMP := $(VENV)/.stellar-run-$(shell cat requirements.txt constraints.txt Makefile | cksum | cut -d' ' -f1)
TEST_STAMP := $(VENV)/.stellar-test-$(shell cat requirements.txt requirements-test.txt constraints.txt Makefile | cksum | cut -d' ' -f1)

# Which faiss. faiss-gpu and faiss-cpu fill one folder, so the one that is already there stays. Else an NVIDIA driver decides,
# which the markers in requirements.txt cannot see: without one, 1.2 GB of CUDA libraries would lie idle.
WHICH_FAISS = if $(PY) -m pip show -q faiss-cpu 2>/dev/null; then echo faiss-cpu; \
	elif $(PY) -m pip show -q faiss-gpu 2>/dev/null; then echo faiss-gpu; \
	elif [ "$$(uname -sm)" = "Linux x86_64" ] && nvidia-smi -L >/dev/null 2>&1; then echo faiss-gpu; \
	else echo faiss-cpu; fi

# constraints.txt has the versions that passed. A torch that is there stays, whatever its version and build: its lines go.
CONSTRAIN = if $(PY) -m pip show -q torch 2>/dev/null; then grep -v '^torch\(vision\)\{0,1\}==' constraints.txt; \
	else cat constraints.txt; fi > $(VENV)/constraints.txt

# Files of tests that run at a time; 0 for one process, as a debugger wants it.
TESTS_AT_ONCE ?= 2

.DEFAULT_GOAL := help
.PHONY: help app test lint install install-test constraints upgrade clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

app: $(RUN_STAMP)  ## install what is missing and open the page; make app ARGS="--port 7861"
	$(PY) app.py $(ARGS)

test: $(TEST_STAMP)  ## install what is missing, check the style, run the tests; make test ARGS="-m slow"
	$(PY) -m ruff check .
	$(PY) -m pytest -q -n $(TESTS_AT_ONCE) --dist loadfile $(ARGS)

lint: $(TEST_STAMP)  ## check the style
	$(PY) -m ruff check .

install: $(RUN_STAMP)  ## only install what running needs

install-test: $(TEST_STAMP)  ## only install what the tests need

constraints: $(TEST_STAMP)  ## write the versions that are installed into constraints.txt, when the tests passed
	$(PY) .ci/constraints.py

# Torch is left alone: it has several builds, and they are large. Install another one by hand first, to try it.
upgrade: $(TEST_STAMP)  ## install the newest of everything but torch, run the tests, and renew constraints.txt if they pass
	$(PY) -m pip freeze | grep '^torch\(vision\)\{0,1\}==' > $(VENV)/constraints.txt
	$(PY) -m pip install --disable-pip-version-check --upgrade --upgrade-strategy eager -c $(VENV)/constraints.txt \
		-r $(VENV)/requirements.txt -r requirements-test.txt
	$(PY) -m ruff check .
	$(PY) -m pytest -q $(ARGS)
	$(PY) .ci/constraints.py

clean:  ## remove .venv and caches; an environment of your own loses only make's stamps
	rm -rf .venv .pytest_cache .ruff_cache .gradio "$(VENV)"/.stellar-run-* "$(VENV)"/.stellar-test-*
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)

# pip leaves alone what already satisfies a bound: a torch that is there, CPU-only or from --system-site-packages, stays.
$(RUN_STAMP): | $(PY)
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip
	@faiss=$$($(WHICH_FAISS)); echo "Installing requirements.txt with $$faiss; the first time takes minutes."; \
	{ grep -v '^faiss-' requirements.txt; sed -n "s/^\($$faiss[^;]*\);.*/\1/p" requirements.txt; } > $(VENV)/requirements.txt
	@$(CONSTRAIN)
	$(PY) -m pip install --disable-pip-version-check -c $(VENV)/constraints.txt -r $(VENV)/requirements.txt
	@rm -f $(VENV)/.stellar-run-* && touch $@

$(TEST_STAMP): $(RUN_STAMP)
	@$(CONSTRAIN)
	$(PY) -m pip install -q --disable-pip-version-check -c $(VENV)/constraints.txt -r requirements-test.txt
	@rm -f $(VENV)/.stellar-test-* && touch $@
