# The one front door. Only a Python 3.11 or newer with pip is assumed; everything else is fetched from
# package registries into the user's cache and into .venv. `make help` lists the targets.

UV_VERSION := 0.13.9
PYTHON ?= python3
CACHE := $(or $(XDG_CACHE_HOME),$(or $(HOME),/root)/.cache)/orderflow
UV ?= $(CACHE)/uv-$(UV_VERSION)/bin/uv
VENV := .venv
RUN := $(VENV)/bin
SYNCED := $(VENV)/.synced
# Tests mostly wait for brokers, so more run side by side than there are cores; each job has a broker.
JOBS ?= 4
MANIFESTS := uv.lock pyproject.toml $(wildcard */pyproject.toml)

export UV_PYTHON_DOWNLOADS := never
# Every process of a test or of `make up` starts in a third of the time, also where Python may not write.
export UV_COMPILE_BYTECODE := 1
# Read by the project's own processes, so that output through a pipe arrives line by line.
export PYTHONUNBUFFERED := 1

.DEFAULT_GOAL := help
.PHONY: help up down status logs check test test-unit test-integration test-cluster chaos e2e kube-parts bench bench-autoscale bench-operator kind-up kind-down kind-logs kind-parts clean

help: ## list the targets
	@awk -F ' ## ' '/^[a-z-]+:.* ## / { sub(/:.*/, "", $$1); printf "  %-18s %s\n", $$1, $$2 }' Makefile

up: $(SYNCED) ## start Kafka and all services on this machine, Ctrl-C stops them (DETACH=1: in the background)
	@exec $(RUN)/python -m orderflow_local up

down: $(SYNCED) ## stop what `make up` started
	@exec $(RUN)/python -m orderflow_local down

status: $(SYNCED) ## show processes, topics, groups and lag
	@exec $(RUN)/python -m orderflow_local status

logs: $(SYNCED) ## follow the logs of all services and of the broker
	@exec $(RUN)/python -m orderflow_local logs

check: $(SYNCED) ## format, lint, types, import contracts, docs
	$(RUN)/ruff format --check
	$(RUN)/ruff check
	$(RUN)/mypy
	$(RUN)/lint-imports
	$(RUN)/python docs/settings_page.py | diff docs/settings.md -
	$(RUN)/python docs/metrics_page.py | diff docs/metrics.md -
	$(RUN)/python -m deploy.helm.values

# Tests of one group run in one process: those with a cluster share it, and begin first as the longest.
test: kube-parts ## run all tests (ARGS="-k name" for some of them)
	$(RUN)/python -m pytest -n $(JOBS) --dist loadgroup tests/cluster tests/integration tests/unit $(ARGS)

test-unit: $(SYNCED) ## run the tests that need no network: milliseconds each
	$(RUN)/python -m pytest tests/unit $(ARGS)

test-integration: $(SYNCED) ## run the tests against a real broker, which they start themselves
	$(RUN)/python -m pytest -n $(JOBS) --dist loadgroup tests/integration $(ARGS)

test-cluster: kube-parts ## run the tests against a real Kubernetes API server, which they start themselves
	$(RUN)/python -m pytest -n 2 --dist loadgroup tests/cluster $(ARGS)

chaos: $(SYNCED) ## kill, freeze and scale a pipeline under load, then prove that no order came to harm (SEED=7 DURATION=600)
	@PYTHONPATH=tests $(RUN)/python -m support.chaos $(if $(SEED),--seed $(SEED)) $(if $(DURATION),--duration $(DURATION)) $(ARGS)

e2e: $(SYNCED) ## run the end-to-end tests on a kind cluster of their own: half an hour, needs a container engine
	$(RUN)/python -m pytest tests/e2e $(ARGS)

kube-parts: $(SYNCED) ## build what tests need besides, once per machine: ten minutes, needs Go
	@$(RUN)/python -m deploy.kind.parts

kind-up: $(SYNCED) ## make a kind cluster and deploy everything on it (AIRGAP=1: pull no image, DEPLOY=0: leave it empty)
	@exec $(RUN)/python -m deploy.kind up

kind-down: $(SYNCED) ## delete the cluster of `make kind-up`
	@exec $(RUN)/python -m deploy.kind down

kind-logs: $(SYNCED) ## follow the logs of all services and of the operator on the cluster of `make kind-up`
	@exec $(RUN)/python -m deploy.kind logs

kind-parts: $(SYNCED) ## pull or build what `make kind-up` begins with, once per machine: ten minutes
	@exec $(RUN)/python -m deploy.kind prepare

bench: $(SYNCED) ## measure beside Quix Streams and Kafka Streams, 15 minutes (ARGS="--only latency" for a part)
	@$(UV) sync --frozen --quiet --inexact --all-packages --all-extras --group bench
	@UV=$(UV) $(RUN)/python -m bench.run --write-report $(ARGS)

bench-autoscale: $(SYNCED) ## simulate autoscalers beside ours, a minute or two (ARGS="--only sine" for a part)
	@$(UV) sync --frozen --quiet --inexact --all-packages --all-extras --group bench
	@$(RUN)/python -m bench.autoscale.run --write-report $(ARGS)

bench-operator: $(SYNCED) ## measure the real operator: a burst as KEDA met it, a thousand workers; 20 minutes
	@$(UV) sync --frozen --quiet --inexact --all-packages --all-extras --group bench
	@PYTHONPATH=tests $(RUN)/python -m bench.live.run --write-report $(ARGS)

clean: $(SYNCED) ## remove the data and logs of `make up`, and caches of the tools
	@$(RUN)/python -m orderflow_local clean
	@rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .schemathesis

# An environment that is there keeps its Python; a new one gets PYTHON, never a downloaded interpreter.
$(SYNCED): $(MANIFESTS) | $(UV)
	@test -x $(RUN)/python || UV_PYTHON=$$($(PYTHON) -c 'import sys; print(sys.executable)') $(UV) venv --quiet $(VENV)
	@$(UV) sync --frozen --quiet --all-packages --all-extras --group dev
	@touch $@

# --target keeps out of an interpreter that its distribution manages, and needs no ensurepip.
$(CACHE)/uv-$(UV_VERSION)/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "orderflow needs Python 3.11 or newer, and '$(PYTHON)' is not one; name one with make PYTHON=..."; exit 1; } >&2
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { \
		echo "'$(PYTHON)' has no pip; install it (Debian: python3-pip), or name another with make PYTHON=..."; exit 1; } >&2
	@echo "Installing uv $(UV_VERSION) into $(CACHE)"
	@mkdir -p $(CACHE) && staging=$$(mktemp -d $(CACHE)/uv-staging-XXXXXX) \
		&& $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore \
			--target $$staging uv==$(UV_VERSION) \
		&& { mv -T $$staging $(CACHE)/uv-$(UV_VERSION) 2>/dev/null || rm -rf $$staging; } && test -x $@
