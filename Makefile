# Two commands do everything on a fresh machine: make up, make test.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup up kubernetes backup restore preview down bench test test-matrix test-long test-machines test-machines-long lint format docs

STACK ?= dev
SYSTEM ?=
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LAB := $(BIN)/python -m lab
# Tests run side by side, each worker with a lab of its own; most of their time is waiting.
WORKERS ?= 3
PYTEST := $(BIN)/python -m pytest --durations=25 --durations-min=10
# The least share of all lines, those of the tests too, that `make test` has to run, in percent.
COVERED := 66
SIDE_BY_SIDE := -n $(WORKERS) --dist loadscope --no-loadscope-reorder

help: ## Say what there is
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Made anew when the requirements change, and where it was moved from another folder.
$(VENV)/.complete: requirements.txt requirements-dev.txt
	@echo "• installing the Python requirements …" >&2
	@rm -rf $(VENV)
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; name one with PYTHON=…")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
	@echo "✓ installed the Python requirements" >&2

setup: $(VENV)/.complete ## Install what the program, the lab and the tests need
	@$(LAB) setup --stack $(STACK)

up: $(VENV)/.complete ## Bring up the lab's hosts, then `pulumi up` of the stack on them
	@$(LAB) up --stack $(STACK) --system "$(SYSTEM)"
	@$(LAB) pulumi up --yes --stack $(STACK)
	@$(LAB) usage --stack $(STACK)

backup: $(VENV)/.complete ## After `make up`: backups in a store of the lab, and one of them now
	@$(LAB) backup before --stack $(STACK)
	@$(LAB) pulumi up --yes --stack $(STACK)
	@$(LAB) backup after --stack $(STACK)

restore: $(VENV)/.complete ## After `make backup`: lose a key, and restore the newest backup
	@$(LAB) restore before --stack $(STACK)
	@$(LAB) pulumi up --yes --stack $(STACK)
	@$(LAB) restore after --stack $(STACK)

preview: $(VENV)/.complete ## Show what `make up` would change, key by key
	@$(LAB) pulumi preview --diff --stack $(STACK)

kubernetes: $(VENV)/.complete ## After `make up`: a control plane of Kubernetes on it
	@$(LAB) up master01 --stack $(STACK) --control-plane
	@$(LAB) pulumi up -C examples/kubernetes --yes --stack $(STACK)
	@$(LAB) usage --stack $(STACK) --control-plane

down: $(VENV)/.complete ## Destroy the stacks and the lab
	@$(LAB) destroy --stack $(STACK)
	@$(LAB) down

bench: $(VENV)/.complete ## Time `pulumi up` against the manual procedure, and 3 members against 7
	@$(BIN)/python -m lab.bench

test: $(VENV)/.complete lint ## Run every check, and the tests on today's versions
	@$(LAB) setup
	@$(PYTEST) $(SIDE_BY_SIDE) --cov --cov-report=term --cov-fail-under=$(COVERED) -m "not matrix and not alone and not long and not machines"
	@$(PYTEST) -m "alone and not matrix and not long"

test-matrix: $(VENV)/.complete ## Run further tests: the seed's versions, CRI-O, dnf, faults
	@$(LAB) setup
	@$(LAB) setup --stack seed --every-etcd
	@$(PYTEST) $(SIDE_BY_SIDE) -m "matrix and not long"

test-long: $(VENV)/.complete ## Run what CI leaves out: more cases of each kind, storms of faults
	@$(LAB) setup
	@$(LAB) setup --stack seed --every-etcd
	@$(PYTEST) -n 2 --dist loadscope --no-loadscope-reorder -m "long and not machines"

test-machines: $(VENV)/.complete ## Run what only machines with a kernel of their own show; alone, three quarters of an hour
	@$(LAB) setup
	@$(PYTEST) -m "machines and not long" --record-support tests/machines

test-machines-long: $(VENV)/.complete ## Run further tests on machines: Debian 14 from bare hosts, wrong clocks, lost labels
	@$(LAB) setup
	@$(PYTEST) -m "machines and long" --record-support tests/machines

lint: $(VENV)/.complete ## ruff, mypy --strict, shellcheck, gofmt
	@$(LAB) packages
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@shellcheck .ci/run $$(git ls-files '*.sh' | grep -v '^etcd_cluster/hostprogram/')
	@$(BIN)/python -c 'from etcd_cluster import hostprogram; print(hostprogram.text(), end="")' | shellcheck --shell=bash -
	@go=$$($(BIN)/python -c 'from lab.go.compiler import go_program; print(go_program())') && \
	wrong=$$("$$("$$go" env GOROOT)/bin/gofmt" -l lab/go) && \
	if [ -n "$$wrong" ]; then echo "not as gofmt has it: $$wrong" >&2; exit 1; fi

docs: $(VENV)/.complete ## Write docs/configuration.md from the fields of the configuration
	@$(BIN)/python -m etcd_cluster.config.reference > docs/configuration.md

format: $(VENV)/.complete ## Format the Python code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
