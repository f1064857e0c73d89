# Two commands for newcomers: `make demo` and `make test`. Needs Python 3.11 or newer, and nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# `make test TRAIN=1` adds torch and the training tests; CI always has them.
TRAIN ?= $(if $(CI),1,)
EXTRAS = dev$(if $(TRAIN),$(comma)train)
comma = ,
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: pictures export-speed dataset-speed recipes mutations demo run test storm discord-storm kill-latency lint types format sample-persona clean

demo: $(VENV)/installed
	@$(BIN)/understudy demo $(if $(HEADLESS),--headless)

run: $(VENV)/installed
	@$(BIN)/understudy run

test: lint types
	$(BIN)/python -m pytest --numprocesses=3 --dist=loadfile

# What the README's figures on safety come from: minutes each, with real processes. `make storm STORM="--seed 7"`
storm: $(VENV)/installed-$(EXTRAS)
	$(BIN)/python -m benchmarks.storm $(STORM)

# The same over Discord's protocol. `make discord-storm STORM="--seed 7 --rounds 3"`
discord-storm: $(VENV)/installed-$(EXTRAS)
	$(BIN)/python -m benchmarks.discord_storm $(STORM)

export-speed: $(VENV)/installed-$(EXTRAS)
	$(BIN)/python -m benchmarks.exports

dataset-speed: $(VENV)/installed-$(EXTRAS)
	$(BIN)/python -m benchmarks.dataset

kill-latency: $(VENV)/installed-$(EXTRAS)
	$(BIN)/python -m benchmarks.kill_latency $(KILL_LATENCY)

lint: $(VENV)/installed-$(EXTRAS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed-$(EXTRAS)
	$(BIN)/mypy

format: $(VENV)/installed-$(EXTRAS)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Breaks one guard after another in a copy of the tree and sees a test fail each time; ONLY="fence-kill …" for some.
mutations: $(VENV)/installed-$(EXTRAS)
	@$(BIN)/python -m tests.mutations $(ONLY)

# Takes the pictures of README.md and docs/discord.md anew.
pictures: $(VENV)/installed-$(EXTRAS)
	$(BIN)/python -m tests.pictures

# Every published recipe from the sample's export to a persona with its report: half an hour on two cores.
recipes: $(VENV)/installed-dev,train
	$(BIN)/python -m benchmarks.recipes --reports docs/recipes

# Makes the sample persona anew from nothing: corpus, tokenizer, base, export, adapter, GGUF, figures.
sample-persona: $(VENV)/installed-dev,train
	$(BIN)/python -m personas.sample.recipe

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Understudy needs Python 3.11 or newer; name one: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(VENV)/installed-%: pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[$*]'
	@touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
