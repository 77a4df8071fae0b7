# Everything runs in .venv, which `setup` makes from requirements.lock.
SHELL := bash
PYTHON := .venv/bin/python
# A hundred processes import the same packages: whatever the shell says, they are compiled once.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test fuzz lint bench site lock setup clean

run: setup  ## the digits transformer on Lava's simulator, report in results/digits/
	@if $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))'; then \
		$(PYTHON) scripts/run_block.py configs/digits.yaml; \
	else \
		echo "Lava needs Python 3.10, which this machine does not have; here is the demo on the core" >&2; \
		$(PYTHON) -m lava_nexus demo --out results/demo; \
	fi

test: setup  ## the test suite
	@$(PYTHON) -m pytest

fuzz: setup  ## a minute of random inputs, damaged files and corner vectors; FUZZ_SEED=7 FUZZ_SECONDS=600 for others
	@FUZZ_SEED="$${FUZZ_SEED:-0}" FUZZ_SECONDS="$${FUZZ_SECONDS:-60}" $(PYTHON) -m pytest -n 0 -m fuzz tests/test_fuzz.py

lint: setup  ## style and types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@bash .ci/types

bench: setup  ## operations a second
	@for script in benchmarks/[a-z]*.py; do $(PYTHON) $$script || exit 1; done

setup:
	@bash scripts/setup_env.sh

site: setup  ## the documentation site, in results/site/
	@$(PYTHON) scripts/build_site.py

lock: setup  ## requirements.lock from pyproject.toml
	@uv="$$(command -v uv || echo .venv-tools/bin/uv)"; \
	"$$uv" pip compile pyproject.toml --quiet --extra dev --python-version 3.10 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links -o requirements.lock

clean:  ## everything that can be made again, the environment too
	rm -rf .venv .venv-tools results .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
