# Needs Python 3.11 to 3.13 and make; everything else comes from the hashed locks in requirements/.
# PYTHON=... chooses the interpreter. Two stamps in .venv remember what is installed from which locks.

BIN = .venv/bin
INSTALL = PYTHON="$(PYTHON)" sh requirements/install.sh
COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	--python-version 3.11 --custom-compile-command "make lock" $(LOCK_FLAGS)

.PHONY: help demo up down test test-long check test-system bench bench-detection bench-tenancy bench-audit bench-peers bench-windows bench-examination bench-rollup bench-scale bench-alerts chaos chaos-alerts malformed fuzz mutation audit docs lock clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1: /p' Makefile

demo: .venv/.stack ## show the whole main job on a simulated product (KEEP=1 leaves the stack up)
	@$(BIN)/augentis demo $(if $(KEEP),--keep)

up: .venv/.stack ## start embedded Kafka and PostgreSQL, or find them running
	@$(BIN)/augentis stack up

down: .venv/.stack ## stop them; their data are kept
	@$(BIN)/augentis stack down

test: .venv/.dev ## all tests that need Python alone
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

test-long: .venv/.dev ## tests that take long: storms, a noisy neighbour, hundreds of assumptions
	@$(BIN)/pytest -m long

check: .venv/.dev ## static: lint, format, types, import rules, the compose file
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q tests/unit/test_compose.py

test-system: .venv/.system ## tests on Debian's PostgreSQL 15, which is installed (root or sudo)
	@sh requirements/debian.sh postgresql-15 curl prometheus prometheus-alertmanager
	@sh requirements/on-postgres-15.sh $(BIN)/pytest

bench: .venv/.dev ## samples/s beside the limit
	@$(BIN)/python -m benchmarks.throughput

bench-detection: .venv/.dev .venv-river/.river ## what detection costs and finds, simulated (SERIES=200, a cell)
	@$(BIN)/python -m benchmarks.detection --series $(or $(SERIES),200)

bench-tenancy: .venv/.dev ## what a list page costs, and row-level security of it
	@$(BIN)/python -m benchmarks.tenancy

bench-audit: .venv/.dev ## what the audit log and its chain cost whoever writes
	@$(BIN)/python -m benchmarks.audit

bench-peers: .venv-peers/.peers ## the same work done by other stream processors (in .venv-peers)
	@$(BIN)/python -m benchmarks.peers

bench-windows: .venv/.dev ## what open hours cost, and how soon one is closed
	@$(BIN)/python -m benchmarks.windows

bench-examination: .venv/.dev ## what a letter costs detection where a project has 300 assumptions
	@$(BIN)/python -m benchmarks.examination

bench-rollup: .venv/.dev ## what a million executions take to become costs
	@$(BIN)/python -m benchmarks.rollup

bench-scale: .venv/.dev ## telemetry at 20 million rows (needs 32 GiB of disk)
	@$(BIN)/python -m benchmarks.scale

bench-alerts: .venv/.dev ## from a report's commit to its webhook, and what waits beside it
	@$(BIN)/python -m benchmarks.alerts

chaos: .venv/.dev ## kill, stop and restart at random while apps send; then judge every row (SEED=1 EVENTS=200)
	@$(BIN)/python -m tests.chaos.storm --seed $(or $(SEED),1) --events $(or $(EVENTS),200)

chaos-alerts: .venv/.dev ## kill worker and relay while reports open and end; compare what a team got (SEED=1 KILLS=100 REPORTS=1000)
	@$(BIN)/python -m tests.chaos.alerts --seed $(or $(SEED),1) --kills $(or $(KILLS),100) --reports $(or $(REPORTS),1000)

malformed: .venv/.dev ## a million malformed messages between good ones, fifty of 20 MB (SEED=1 COUNT=1000000)
	@$(BIN)/python -m benchmarks.malformed --seed $(or $(SEED),1) --count $(or $(COUNT),1000000)

fuzz: .venv/.fuzz ## atheris at both decoders (Linux; SECONDS=300)
	@$(BIN)/python -m tests.fuzz.decoders -max_total_time=$(or $(SECONDS),300) -max_len=3000

mutation: .venv-mutation/.mutation ## break the pure rules; print what no unit test noticed (ONLY=detectors/cascade.py)
	@.venv-mutation/bin/python -m tests.mutation --only $(ONLY)

audit: .venv-audit/.audit ## known vulnerabilities of the locks, imports against declarations, licences
	@sh requirements/audit.sh .venv-audit/bin

docs: .venv/.dev ## write what is made from the code: docs/entities.md, docs/openapi.json
	@$(BIN)/python -m cli.entities >.venv/entities.md && mv .venv/entities.md docs
	@$(BIN)/augentis openapi >.venv/openapi.json && mv .venv/openapi.json docs

lock: .venv/.dev ## write the locks anew (LOCK_FLAGS=--upgrade takes newer versions)
	$(COMPILE) requirements/bootstrap.in -o requirements/bootstrap.txt
	$(COMPILE) pyproject.toml --extra dev -c requirements/bootstrap.txt -o requirements/dev.txt
	$(COMPILE) pyproject.toml --extra system -c requirements/dev.txt -o requirements/system.txt
	$(COMPILE) pyproject.toml --extra stack -c requirements/dev.txt -o requirements/stack.txt
	$(COMPILE) pyproject.toml -c requirements/dev.txt -o requirements/runtime.txt
	$(COMPILE) requirements/fuzz.in -o requirements/fuzz.txt
	$(COMPILE) requirements/mutation.in -o requirements/mutation.txt
	$(COMPILE) requirements/audit.in -o requirements/audit.txt
	$(COMPILE) benchmarks/peers/requirements.in -o benchmarks/peers/requirements.txt
	$(COMPILE) benchmarks/detection/requirements.in -o benchmarks/detection/requirements.txt
	$(BIN)/python -m cli.stack.lock_jars

clean: ## remove the virtualenvs and caches
	rm -rf .venv .venv-audit .venv-mutation .venv-peers .venv-river .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/.stack: requirements/bootstrap.txt requirements/stack.txt requirements/install.sh pyproject.toml
	@$(INSTALL) stack
	@touch $@

.venv/.dev: requirements/bootstrap.txt requirements/dev.txt requirements/install.sh pyproject.toml
	@$(INSTALL) dev
	@touch $@ .venv/.stack

.venv/.system: .venv/.dev requirements/system.txt
	@$(INSTALL) system
	@touch $@

.venv-peers/.peers: .venv/.dev benchmarks/peers/requirements.txt
	@$(BIN)/python -m venv --clear .venv-peers
	@$(BIN)/uv pip install --quiet --python .venv-peers/bin/python --require-hashes -r benchmarks/peers/requirements.txt
	@touch $@

.venv-river/.river: .venv/.dev benchmarks/detection/requirements.txt
	@$(BIN)/python -m venv --clear .venv-river
	@$(BIN)/uv pip install --quiet --python .venv-river/bin/python --require-hashes -r benchmarks/detection/requirements.txt
	@touch $@

.venv/.fuzz: .venv/.dev requirements/fuzz.txt
	@$(INSTALL) fuzz
	@touch $@

.venv-mutation/.mutation: .venv/.dev requirements/mutation.txt requirements/beside.sh
	@sh requirements/beside.sh mutation
	@touch $@

.venv-audit/.audit: .venv/.dev requirements/audit.txt requirements/beside.sh
	@sh requirements/beside.sh audit
	@touch $@
