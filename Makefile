# Every target does its own set-up: a fresh clone needs Python 3.11+ and make, nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8000
# One thread a process: the tests themselves run in parallel, and small matrices gain nothing.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

PYTEST := $(BIN)/python -m pytest -n auto --dist worksteal -q

.PHONY: demo test test-numeric test-postgres test-deployment test-hosts test-slow lint lock audit bench serve screenshots clean

demo: $(VENV)/.site
	$(BIN)/python manage.py demo --port $(PORT)

test: $(VENV)/.tools
	$(PYTEST) --durations 15 -m "not slow and not gpu"

test-numeric: $(VENV)/.tools
	$(PYTEST) -m "not slow and not gpu" tests/compute tests/ml

# The database's tests once more, on a PostgreSQL that is started for them.
test-postgres: $(VENV)/.tools
	.ci/postgres $(PYTEST) -m "not slow and not gpu" tests/spectradb; status=$$?; \
	test $$status = 77 || exit $$status

# The commands of docs/deployment.md, as root of a Debian, in a copy of the machine (about 6 minutes).
test-deployment: $(VENV)/.tools
	$(BIN)/python -m pip install --quiet -r requirements-operate.txt
	SPECTRADB_TEST_DEPLOYMENT=1 $(BIN)/python -m pytest -q -m slow tests/spectradb/site/test_deployment_page.py

# A web host and two of workers in network namespaces, as root of a Debian with PostgreSQL: one is
# killed, one cut off and back (12 minutes of a busy machine). With redis-server on the path, Redis is the broker.
test-hosts: $(VENV)/.tools
	$(BIN)/python -m pip install --quiet -r requirements-operate.txt -r requirements-s3.txt
	SPECTRADB_TEST_HOSTS=1 $(BIN)/python -m pytest -q -s -m slow tests/spectradb/clusters/test_three_hosts.py

test-slow: $(VENV)/.tools
	$(PYTEST) --durations 25 -m "slow and not gpu"; status=$$?; test $$status = 5 || exit $$status

lint: $(VENV)/.tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

# Every version and hash of what requirements.txt leads to. torch is left out, with all that it alone
# needs: which build a host takes hangs on its graphics processor.
lock: $(VENV)/.tools
	echo torch > $(VENV)/without.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-annotate \
	  --no-header --excludes $(VENV)/without.txt requirements.txt --output-file requirements.lock

audit: $(VENV)/.tools
	$(BIN)/pip-audit --requirement requirements.lock --require-hashes --disable-pip \
	  --progress-spinner off

bench: $(VENV)/.tools
	$(BIN)/python manage.py bench

# Every page anew, at both widths, light, dark and Japanese, into var/screenshots.
screenshots: $(VENV)/.tools
	$(BIN)/python manage.py demo --no-serve
	$(BIN)/python -m tests.screenshots

serve: $(VENV)/.site
	$(BIN)/python manage.py runserver $(PORT)

$(VENV)/.site: requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.txt
	touch $@

$(VENV)/.tools: $(VENV)/.site tests/requirements.txt
	$(BIN)/python -m pip install --quiet -r tests/requirements.txt
	touch $@

clean:
	rm -rf $(VENV) var staticfiles
