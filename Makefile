PYTHON ?= python3
# An active virtual environment is used as it is; else .venv is made.
VENV := $(or $(VIRTUAL_ENV),.venv)
PY := $(VENV)/bin/python
# Stamps are named by content, so that a checkout's clock does not matter and an environment can serve two clones.
RUN_STAMP := $(VENV)/.stellar-run-$(shell cat requirements.txt constraints.txt Makefile | cksum | cut -d' ' -f1)
TEST_STAMP := $(VENV)/.stellar-test-$(shell cat requirements.txt requirements-test.txt constraints.txt Makefile | cksum | cut -d' ' -f1)
# npm's packages are the clone's own. Where nothing is tested, as in the Dockerfile, there is no lock.
NODE_STAMP := node_modules/.stellar-$(shell cat package-lock.json 2>/dev/null | cksum | cut -d' ' -f1)
# The node and npm of the environment, or else those of the machine.
WITH_NODE = PATH="$(abspath $(VENV))/bin:$$PATH"

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

# tests/test_javascript.py checks the page's scripts; what cannot be tested here is told with its reason.
test: $(TEST_STAMP) $(NODE_STAMP)  ## install what is missing, check the style, run the tests; make test ARGS="-m slow"
	$(PY) -m ruff check .
	$(PY) -m pytest -q -rs -n $(TESTS_AT_ONCE) --dist loadfile $(ARGS)

lint: $(TEST_STAMP) $(NODE_STAMP)  ## check the style, and the types of the page's scripts
	$(PY) -m ruff check .
	$(PY) -m pytest -q -rs tests/test_javascript.py -k "types or lint or lines"

install: $(RUN_STAMP)  ## only install what running needs

install-test: $(TEST_STAMP) $(NODE_STAMP)  ## only install what the tests need

constraints: $(TEST_STAMP)  ## write the versions that are installed into constraints.txt, when the tests passed
	$(PY) .ci/constraints.py

# Torch is left alone: it has several builds, and they are large. Install another one by hand first, to try it.
upgrade: $(TEST_STAMP) $(NODE_STAMP)  ## install the newest of everything but torch, run the tests, and renew constraints.txt if they pass
	$(PY) -m pip freeze | grep '^torch\(vision\)\{0,1\}==' > $(VENV)/constraints.txt
	$(PY) -m pip install --disable-pip-version-check --upgrade --upgrade-strategy eager -c $(VENV)/constraints.txt \
		-r $(VENV)/requirements.txt -r requirements-test.txt
	@$(WITH_NODE); command -v npm >/dev/null || { echo "There is no npm: its packages stay as they are."; exit 0; }; \
	npm install --ignore-scripts --no-audit --no-fund --save-dev typescript@latest @biomejs/biome@latest axe-core@latest
	$(PY) -m ruff check .
	$(PY) -m pytest -q $(ARGS)
	$(PY) .ci/constraints.py

clean:  ## remove .venv and caches; an environment of your own loses only make's stamps
	rm -rf .venv node_modules .pytest_cache .ruff_cache .gradio "$(VENV)"/.stellar-run-* "$(VENV)"/.stellar-test-*
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

# Not red where it cannot be: the checks of the scripts skip themselves then, and the next make tries again.
$(NODE_STAMP): | $(TEST_STAMP)
	@$(WITH_NODE); if ! command -v npm >/dev/null; then echo "There is no npm, so the page's scripts are not checked."; \
	elif npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1; then touch $@; \
	else rm -rf node_modules; echo "npm could not fetch what package-lock.json names, so the page's scripts are not checked."; fi
