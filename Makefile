# The operator's targets only call bin/appliance, which also works without make.
.DEFAULT_GOAL := help
SHELL := /bin/bash
# The same choice as bin/appliance makes: PyTorch's CPU build is locked for Python 3.11.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3 /usr/bin/python3; do \
    $$python -P -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/webapp/bin
ENVIRONMENTS := $(PYTHON) -P -m appliance.local.environments ensure
export PYTHONPATH := $(CURDIR)

##@ Running the appliance

.PHONY: up
up: ## Install what is missing, start everything, print the address
	@bin/appliance up

.PHONY: down
down: ## Stop everything; the data stays
	@bin/appliance down

.PHONY: status
status: ## Show each component: state, address, health
	@bin/appliance status

.PHONY: logs
logs: ## Show the last lines of every component's log (C=web for one)
	@bin/appliance logs $(C)

.PHONY: ask
ask: ## Ask a question in the terminal: make ask Q="..."
	@bin/appliance ask "$${Q:?Write the question: make ask Q=\"...\"}"

.PHONY: doctor
doctor: ## Check this machine and say everything that is wrong at once
	@bin/appliance doctor

##@ Developing

.PHONY: test
test: environments system-packages lint types imports ## Everything a change must pass
	$(BIN)/pytest tests/architecture tests/unit tests/integration tests/helm
	$(BIN)/pytest tests/serving
	$(BIN)/pytest tests/e2e tests/system

# Engines that die, and several at once: a tier of their own, because together they would be too long for one.
CHAOS := $(wildcard tests/matrix/test_dying.py tests/matrix/test_nodes.py tests/matrix/test_several_models.py)

.PHONY: test-engines
test-engines: environments quantize-environment ## Each family in each format on the real vLLM: tools, schemas, memory (12 minutes)
	$(BIN)/pytest tests/matrix $(addprefix --ignore=,$(CHAOS))

.PHONY: test-chaos
test-chaos: environments ## Real engines that are killed, wedged and stopped under load, and several beside each other
	@$(BIN)/python -m tests.system_packages chaos
	$(BIN)/pytest $(CHAOS)

.PHONY: test-gpu
test-gpu: environments ## Where there is an NVIDIA GPU: plan against engine, readings recorded, bench kept (GPU_MODEL=folder)
	@GPU_MODEL="$(GPU_MODEL)" $(BIN)/python -m tests.gpu.ground
	GPU_MODEL="$(GPU_MODEL)" $(BIN)/pytest tests/gpu

.PHONY: test-vpc
test-vpc: environments ## Roles of the playbooks on this machine, and the playbook that makes a VPC against a stand-in for AWS
	$(BIN)/pytest tests/vpc tests/playbooks

.PHONY: test-install
test-install: environments install-packages ## Boot two hosts, install them from an offline set, reboot and audit them (root, Debian)
	$(BIN)/pytest tests/install

.PHONY: install-packages
install-packages: ## Install what test-install boots hosts with (as root; otherwise says what to run)
	@$(BIN)/python -m tests.system_packages install

.PHONY: test-images
test-images: environments ## Build the container images and run the chart's Pods from them (as root, on Debian; 10 minutes)
	@$(BIN)/python -m tests.system_packages images
	$(BIN)/pytest -s tests/images

.PHONY: environments
environments: ## Make the virtual environments that the tests need
	@$(ENVIRONMENTS) dev
	@$(ENVIRONMENTS) inference
	@$(ENVIRONMENTS) deploy
	@$(ENVIRONMENTS) signing

.PHONY: quantize-environment
quantize-environment: ## Make the environment that `models quantize` runs in, for the tests that quantise
	@$(ENVIRONMENTS) quantize

.PHONY: system-packages
system-packages: ## Install what only the system can give, such as Chromium (as root; otherwise says what to run)
	@$(BIN)/python -m tests.system_packages

.PHONY: lint
lint: ## ruff: style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types: ## mypy, strict
	$(BIN)/mypy

.PHONY: imports
imports: ## Who may import whom
	$(BIN)/lint-imports --no-cache

.PHONY: generate
generate: ## Write what is generated: reference pages, diagrams and the port matrix, half of each model card
	$(BIN)/python -m appliance.settings.reference
	$(BIN)/python -m appliance.cli.reference
	$(BIN)/python -m appliance.rendering.documents
	$(BIN)/python -m appliance.rendering.inventory
	$(BIN)/python -m inference.registry.cards
	$(BIN)/python -m inference.engine_proxy.reference
	$(BIN)/python -m appliance.rendering.chart

.PHONY: chart
chart: ## Print what the Helm chart renders: make chart VALUES=values.yaml
	@.venv/deploy/bin/python -m tests.helm.print_chart $${VALUES:?Name a values file: VALUES=values.yaml}

.PHONY: screenshots
screenshots: ## Run the browser tests and renew the screenshot in README
	$(BIN)/pytest tests/e2e --update-screenshots

.PHONY: bench-retrieval
bench-retrieval: ## Measure retrieval on a BEIR collection: make bench-retrieval DATA=folder
	$(BIN)/python -m tests.benchmarks.retrieval --data $${DATA:?Name a folder in BEIR layout: DATA=folder}

.PHONY: bench-proxy
bench-proxy: ## Measure engine-proxy against asking the engine directly, and against nginx where it is installed
	$(BIN)/python -m tests.benchmarks.proxy

.PHONY: lock
lock: ## Resolve requirements/*.in again (WHEELHOUSE=folder with PyTorch's CPU build, PYTHON_VERSION=3.11)
	@requirements/lock "$(WHEELHOUSE)" $(PYTHON_VERSION)

.PHONY: clean
clean: ## Remove environments and caches; data in var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
