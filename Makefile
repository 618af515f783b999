# Everything here sets itself up on first use and needs Python >= 3.11 and make.
#   make demo     thousands of a shop's contacts find people and bots, over real sockets
#   make test     the tests
# PYTHON=/path/to/python3 chooses the interpreter; ARGS='…' is passed on.

.DEFAULT_GOAL := help
.PHONY: help demo test faults planted fuzz killer reference behaviour lint format setup record bench sweep load upgrade docs lock clean

ARGS ?=
N ?= 20000
SEED ?= 1
SECONDS ?= 10
KILLS ?= 30
RATE ?= 1000
BIN := .venv/bin
VENV := @PYTHON='$(PYTHON)' sh tools/venv.sh
# Where `make load` finds the engine: as given to `sluice serve`.
WS ?= ws://127.0.0.1:7700
MSGPACK ?= msgpack://127.0.0.1:7701

help: ## what can be made
	@echo 'usage: make TARGET [ARGS="…"] [PYTHON=/path/to/python3]'
	@sed -n 's/^\([a-z][a-z]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

demo: ## a shop's day at speed, over real sockets (ARGS='--speed 60 --day double11')
	$(VENV)
	@$(BIN)/sluice demo $(ARGS)

test: ## the tests (ARGS='-k offers')
	$(VENV) test postgresql browser
	@sh tools/postgresql.sh
	@sh tools/browser.sh
	@$(BIN)/python -m pytest $(ARGS)

faults: N = 2000
faults: ## the real server in virtual time on disks and wires that fail: N schedules (N=2000; N=1 SEED=17 plays one again)
	$(VENV) test
	@$(BIN)/python -m tests.faults --count $(N) --seed $(SEED) $(ARGS)

planted: ## bugs planted into driver, store and sessions, each found by the fault schedules: which seed, after how many
	$(VENV) test
	@$(BIN)/python -m tests.faults.planted $(ARGS)

reference: ## the naive second dispatcher against the first, over N histories in two processes (N=20000, ARGS='--seed 7' for one)
	$(VENV) test
	@$(BIN)/python -m tests.reference_dispatcher --count $(N) $(ARGS)

behaviour: ## what of the dispatcher's behaviour random histories exercise, item by item (ARGS='--days 200')
	$(VENV) test
	@$(BIN)/python -m tests.dispatch.coverage $(ARGS)

fuzz: ## malformed input against parsers, a server in memory and a real process, SECONDS each (GUIDED=1: by coverage)
	$(VENV) test $(if $(GUIDED),fuzz)
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(if $(GUIDED),--guided) $(if $(JSON),--json) $(ARGS)

killer: ## kill -9 a real engine KILLS times at RATE contacts/s and count (STORE=postgresql, JSON=1, ARGS='--pause' or '--fail-io-up-to 40')
	$(VENV) test $(if $(STORE),postgresql)
	@$(if $(STORE),sh tools/postgresql.sh,true)
	@$(BIN)/python -m tests.killer --kills $(KILLS) --rate $(RATE) $(if $(STORE),--store $(STORE)) $(if $(JSON),--json) $(ARGS)

lint: ## ruff, mypy strict, import arrows
	$(VENV) test lint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: ## let ruff lay the code out
	$(VENV) test lint
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

setup: ## the set-up alone, with every extra
	$(VENV) postgresql browser load plots test lint

record: ## play and record the demo journal that the tests replay (tests/replay/shop_day.backup) again
	$(VENV) test
	@$(BIN)/python tools/record_day.py

bench: ## full lives per second through the bare dispatcher (ARGS='--agents 100 --queues 1')
	$(VENV)
	@$(BIN)/python -m bench dispatch $(ARGS)

sweep: ## cost per life along agents, waiting and queues, with a plot: five minutes (ARGS='--axis queues')
	$(VENV) plots
	@$(BIN)/python -m bench sweep $(ARGS)

load: ## 200 locust users for 30 s against a running engine (WS=…, MSGPACK=…)
	$(VENV) load
	@$(BIN)/locust -f bench/locust/sluice_user.py --headless -u 200 -r 50 -t 30s --host $(WS) --framed $(MSGPACK) $(ARGS)

upgrade: ## one engine gives way to the next under load, and back again (RATE=1000 STORE=postgresql JSON=1): pause, acked, lost, double_assigned
	$(VENV) $(if $(STORE),test postgresql)
	@$(if $(STORE),sh tools/postgresql.sh,true)
	@$(BIN)/python -m bench upgrade --rate $(RATE) $(if $(STORE),--journal $(STORE)) $(if $(JSON),--json) $(ARGS)

docs: ## write the generated pages again
	$(VENV)
	@$(BIN)/python -m docs.generate

lock: ## resolve requirements.lock again (needs uv in .venv: .venv/bin/pip install uv)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --upgrade \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml -o requirements.lock

clean: ## remove what was made here
	@python3 tools/compile.py --remove 2>/dev/null || true
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
