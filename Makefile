# `make demo` and `make test` need only Python 3.11 or later, make and a C compiler: each makes its own environment.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo test check format lock bench proof compare clean

$(READY): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

test: $(READY)
	$(BIN)/python -m pytest -q

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_tidy.py

demo: $(READY)
	$(BIN)/python -m tools.demo

bench: $(READY)
	$(BIN)/python -m bench

# The two crash proofs at length: an hour and more.
proof: $(READY)
	ONCEMQ_SIMULATION_SEEDS=20000 ONCEMQ_KILL_FOLDERS=20 $(BIN)/python -m pytest -q -o timeout=0 \
	  tests/simulate tests/crash

# What RabbitMQ is said to answer, beside a live one (installs Debian's).
compare: $(READY)
	$(BIN)/python -m pytest -q -o timeout=0 -m rabbitmq tests/amqp_clients

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --strip-extras --extra test --extra worker --extra postgres --extra sqs --extra rabbitmq \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
