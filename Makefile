# make setup | run | validation | test | faults | lint | docs | docs-test | gallery | clean ; see README.md
NP ?= 2
CASE ?= runs/fig2_phi6_quick.toml
NAME := $(basename $(notdir $(CASE)))
BIN := .venv/bin
export OMP_NUM_THREADS = 1
export OPENBLAS_NUM_THREADS = 1
export OMPI_ALLOW_RUN_AS_ROOT = 1
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM = 1
MPIRUN := mpirun --oversubscribe

.PHONY: setup run validation test faults lint docs docs-test gallery clean

setup: .venv/.ready

.venv/.ready: pyproject.toml .setup.sh
	bash .setup.sh
	touch $@

run: setup
	@echo "$(CASE) on $(NP) ranks (the whole Fig. 2 run: make run CASE=runs/fig2_phi6.toml)"
	$(MPIRUN) -n $(NP) $(BIN)/gbbgky run $(CASE) -o runs/results/$(NAME).h5 --force
	$(BIN)/gbbgky plot runs/results/$(NAME).h5

TIER ?= quick
validation: setup
	$(BIN)/gbbgky validate --tier $(TIER) --launcher "$(MPIRUN) -n $(NP)" --ranks $(NP)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell

# the site, in site/: neither warnings nor links that lead nowhere
docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

.venv/.docs: .venv/.ready
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[docs]"
	touch $@

# follows every page of the documentation: tutorials and how-to pages by the letter, the rest at reduced size
docs-test: setup
	timeout 3600 $(BIN)/python -m pytest -q -m docs -o faulthandler_timeout=0 tests/test_docs.py

gallery: setup
	$(BIN)/python docs/gallery.py

test: setup
	timeout 1800 $(BIN)/python -m pytest -q -n 2 --dist loadfile tests
	timeout 600 $(MPIRUN) -n 2 $(BIN)/python -m pytest -q --color=no -m parallel tests
	timeout 600 $(MPIRUN) -n 3 $(BIN)/python -m pytest -q --color=no -m parallel tests

faults: setup
	timeout 3000 $(BIN)/python -m pytest -q -m faults -o faulthandler_timeout=0 tests/test_faults.py

clean:
	rm -rf .venv runs/results site
