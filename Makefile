# Two commands do everything: make demo, make test. The first of them sets up .venv.
VENV   := .venv
PYTHON := $(VENV)/bin/python
READY  := $(VENV)/ready
OUT    ?= out

export QT_QPA_PLATFORM := offscreen
export PYTHONPATH := $(CURDIR):$(CURDIR)/Testing

# Tests run side by side: one thread each.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=1 \
              VTK_SMP_MAX_THREADS=1 LP_NUM_THREADS=1

.PHONY: help setup demo test bench lint format pages cmake-lists screenshots clean distclean

help:
	@echo "make demo         phantom patient, through the module, into $(OUT)/ (report.html and more)"
	@echo "make test         all tests"
	@echo "make bench        speed and accuracy against their requirements, $(OUT)/bench.json"
	@echo "make lint         ruff over the whole repository: rules and format; mypy over the library"
	@echo "make format       let ruff put the format right"
	@echo "make pages        write schemas, tables of settings and the API reference again"
	@echo "make cmake-lists  write the file lists of the CMake files again"
	@echo "make screenshots  draw icon and screenshot again, from the scene of make demo"
	@echo "make setup        only set up $(VENV); the others do it when it is needed"
	@echo "make clean        remove what was made; make distclean also removes $(VENV)"

setup: $(READY)

$(READY): pyproject.toml tools/prepare.sh tools/check_environment.py
	@bash tools/prepare.sh $(VENV)
	@touch $(READY)

demo: $(READY)
	@$(PYTHON) tools/demo.py --out $(OUT)

test: $(READY)
	@$(ONE_THREAD) $(PYTHON) -m pytest -n 2 --dist loadfile Testing

bench: $(READY)
	@$(PYTHON) -m benchmarks --out $(OUT)

lint: $(READY)
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy

format: $(READY)
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

pages: $(READY)
	@$(PYTHON) tools/build_schemas.py
	@$(PYTHON) tools/build_pages.py

cmake-lists: $(READY)
	@$(PYTHON) tools/list_files.py

screenshots: $(READY)
	@$(PYTHON) tools/make_pictures.py --out $(OUT)

clean:
	@rm -rf $(OUT) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	@find . -name __pycache__ -type d -not -path "./$(VENV)/*" -prune -exec rm -rf {} +

distclean: clean
	@rm -rf $(VENV)
