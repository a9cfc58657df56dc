# What to type: make demo | test | check | bench | run | jar | docs | setup | clean. Each sets up first what is missing.
SHELL := /bin/bash
.DEFAULT_GOAL := demo
.PHONY: demo test setup check bench run jar docs clean

PYTHON := .venv/bin/python
BENCHMARKS := transfer prediction objects engines preview large workers kills neighbours step demo vnc urocell gpu
JAR := fiji-plugin/target/.built
MAVEN := mvn --batch-mode --no-transfer-progress --file fiji-plugin/pom.xml
# The serial sections that benchmarks/vnc.py needs may not be copied here; it skips itself without them.
ifneq ($(wildcard ../shared/data/vnc),)
export CRISTAE_VNC ?= ../shared/data/vnc
endif
CONTRACT := $(wildcard proto/cristae/v1/*.proto)
PLUGIN := fiji-plugin/pom.xml $(shell find fiji-plugin/src/main -type f 2>/dev/null)

demo: setup
	$(PYTHON) scripts/demo.py

# Much of a test is the start of processes and waiting for them, so that two at a time save some.
test: setup
	scripts/with-display.sh $(PYTHON) -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile
	scripts/with-display.sh $(MAVEN) verify

check: setup
	scripts/check.sh

bench: setup
	@failed=; for name in $(BENCHMARKS); do \
	    echo "[bench] $$name"; $(PYTHON) benchmarks/$$name.py || failed+=" $$name"; done; \
	    [ -z "$$failed" ] || { echo "[bench] Failed, or missed its goal:$$failed" >&2; exit 1; }

run: .setup/python
	.venv/bin/cristae serve

jar: $(JAR)

docs: setup
	$(PYTHON) scripts/document.py
	scripts/with-display.sh $(PYTHON) scripts/pictures.py

setup: .setup/python $(JAR)

clean:
	rm -rf build fiji-plugin/target .pytest_cache .mypy_cache .ruff_cache .hypothesis

.setup/system: scripts/setup-system.sh
	@scripts/setup-system.sh && mkdir -p .setup && touch $@

.setup/python: pyproject.toml python/hatch_build.py scripts/setup.sh $(wildcard python/requirements*.txt) $(CONTRACT)
	@scripts/setup.sh && touch $@

# The ij.jar that the plugin was built against lies in target/imagej, for the demo and the tests.
$(JAR): .setup/system $(PLUGIN) $(CONTRACT)
	@echo "[setup] Building the Fiji plugin ..."
	@$(MAVEN) --quiet -DskipTests -Dfmt.skip package dependency:copy-dependencies \
	    -DincludeArtifactIds=ij -Dmdep.stripVersion=true -DoutputDirectory=target/imagej && touch $@
	@echo "[setup] Ready: the plugin is $$(ls fiji-plugin/target/cristae_fiji-*.jar), the command .venv/bin/cristae."
