# Two commands are enough: `make lab` to look, `make test` to check. Everything else is for people who change mekit.
PYTHON ?= python3
TORCH  ?= torch==2.13.0
CLIP   ?=
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
SIDE   := -n 2 --dist loadgroup --no-loadscope-reorder
NEEDS  := settings.ini setup.py pyproject.toml constraints.txt

# A CLIP is given relative to where make was called; notebooks run elsewhere.
ifneq ($(strip $(CLIP)),)
export MEKIT_CLIP := $(shell $(PYTHON) -c "import os, sys; print(os.path.abspath(os.path.expanduser(sys.argv[1])))" "$(CLIP)")
endif

.PHONY: help setup lab tour test slow bench docs execute prepare clean

help:
	@echo "make lab  [CLIP=file]   install what is missing and open JupyterLab on the tour"
	@echo "make tour [CLIP=file]   run the tour without a browser, to _build/tour.html"
	@echo "make test               everything CI checks"
	@echo "make slow               the long checks too"
	@echo "make setup | bench | docs | execute | prepare | clean"

$(VENV)/.torch: constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; v >= (3, 11) or sys.exit("mekit needs Python 3.11 or newer, this is %d.%d: make PYTHON=python3.12" % v)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -q "$(TORCH)"
	@touch $@

$(VENV)/.lab: $(VENV)/.torch $(NEEDS)
	$(PIP) install -q -c constraints.txt -e ".[lab]"
	@touch $@

$(VENV)/.dev: $(VENV)/.torch $(NEEDS)
	$(PIP) install -q -c constraints.txt -e ".[lab,landmarks,dev]"
	@touch $@ $(VENV)/.lab

setup: $(VENV)/.dev

# A copy, so that pictures of your own video never land in a tracked file; an older copy is kept.
_build/tour.ipynb: nbs/tutorials/01_tour.ipynb
	@mkdir -p _build
	@test ! -f $@ || mv $@ _build/tour.before.ipynb
	cp $< $@

lab: $(VENV)/.lab _build/tour.ipynb
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/_build/tour.ipynb

tour: $(VENV)/.lab
	$(BIN)/python tools/page.py nbs/tutorials/01_tour.ipynb _build/tour.html

test: $(VENV)/.dev
	$(BIN)/nbdev-test --n-workers 2 --timing
	$(BIN)/python -m pytest $(SIDE)

slow: $(VENV)/.dev
	$(BIN)/nbdev-test --n-workers 2 --flags slow
	$(BIN)/python -m pytest -m "slow or not slow"

bench: $(VENV)/.dev
	$(BIN)/python -m bench

docs: $(VENV)/.lab
	$(BIN)/python tools/page.py nbs _build/docs

execute: $(VENV)/.dev
	$(BIN)/python tools/execute.py $(NB)

prepare: $(VENV)/.dev
	$(BIN)/python tools/prepare.py
	$(BIN)/nbdev-test --n-workers 2
	$(BIN)/python -m pytest -q -m "not slow and not browser"

clean:
	rm -rf _build build dist *.egg-info
