# One command sets everything up; every target here does that first, and only once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
PIP := $(BIN)/python -m pip --disable-pip-version-check
PYTEST_ARGS ?=
TEST_JOBS ?= logical
DEMO_ARGS ?=
CONFORMANCE_ARGS ?=
FUZZ_ARGS ?=
RUNS ?= 1000000
SAMPLE_SECONDS ?= 600
KMEANS_ARGS ?=
LOAD_ARGS ?=
CROSS_ARGS ?=
WIDTH_ARGS ?=
UNET_ARGS ?=
LOSS_ARGS ?=
KILL_ARGS ?=
SCALE_ARGS ?=
DISTILLED_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-android lint format schemas golden conformance frontends fuzz emulatorfuzz crosstable speed study trainspeed kmeansspeed loadspeed widthstudy unetstudy separablestudy distilledstudy lock clean lossstudy demostudy killstudy clustertest sweepscale sheets results apps test-ios universal axes universalstudy decoders wctstudy collaborationstudy

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*##/\1:/p' $(MAKEFILE_LIST) | awk -F': *' '{ printf "make %-14s %s\n", $$1, $$2 }'

setup: $(STAMP)  ## create .venv with the locked packages (PYTHON=... picks the interpreter)

# The stamp is the last thing written: a set-up that was interrupted is done again. The lock names every package, so pip
# has nothing to resolve (--no-deps); asked to, older ones refuse a package that another wants with an extra.
$(STAMP): pyproject.toml requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo "make: no $(PYTHON) here. Install Python 3.10 to 3.13, or name one: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(not (3, 10) <= v[:2] <= (3, 13) and f"make: {sys.executable} is Python {v[0]}.{v[1]}; Python 3.10 to 3.13 is needed. Name one: make PYTHON=python3.12")'
	@$(PYTHON) -c 'import platform, sys; p = platform.system(), platform.machine(); sys.exit(p not in {("Linux", "x86_64"), ("Darwin", "arm64")} and f"make: TensorFlow and coremltools have no wheels for {p[0]} on {p[1]}; use Linux on x86_64 or macOS on arm64.")'
	@echo "setting up $(VENV) (some minutes, 3 GB)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet --require-hashes --no-deps -r requirements.lock || $(MAKE) --no-print-directory $(VENV)/without-coreai
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@test -e $(VENV)/without-coreai || $(PIP) check
	@touch $@

# Where coreai-core has no wheel (glibc before 2.34), everything else is set up, and its targets say SKIPPED.
$(VENV)/without-coreai:
	@sed '/^coreai-core==/,/^[^ ]/{/^coreai-core==/d;/^ /d}' requirements.lock > $@.lock
	@$(PIP) install --quiet --require-hashes --no-deps -r $@.lock
	@echo "SKIPPED coreai-core: it has no wheel for this system" && touch $@

demo: $(STAMP)  ## run the main job on built-in material, into artifacts/demo
	$(BIN)/export-pipeline build export_pipeline/recipes/demo.toml -o artifacts/demo $(DEMO_ARGS)

# A file's tests stay in one process, for they share what they build. More than four processes wait for the longest file.
PYTEST = $(BIN)/python -m pytest -n $(TEST_JOBS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: $(STAMP)  ## run the tests on all cores, but for slow ones (TEST_JOBS=0: in one process, for a debugger; PYTEST_ARGS="-k parity" and the like are passed on)
	$(PYTEST) -m "not slow" $(PYTEST_ARGS)

test-slow: $(STAMP)  ## run the slow tests: whole builds, trainings, and commands of the README
	$(PYTEST) -m slow $(PYTEST_ARGS)

apps: $(STAMP)  ## copy the committed bundles into the iOS app
	$(BIN)/export-pipeline app $(sort $(patsubst %/manifest.json,%,$(filter-out artifacts/demo/% artifacts/starry_night_256/% artifacts/starry_night_tiny/% artifacts/unet_brain/%,$(wildcard artifacts/*/manifest.json)))) --ios ios_demo/App/StyleDemo.swiftpm/Sources/Bundles

test-ios: $(STAMP)  ## compile and test the iOS library with the committed models, and check the types of the app
	EXPORT_PIPELINE_PYTHON=$(CURDIR)/$(BIN)/python ios_demo/tools/test.sh

test-android: $(STAMP)  ## compile and test android_demo with Maven, with the shipped models on LiteRT; SKIPPED without a JDK, Maven and aapt2
	@$(BIN)/python -m tests.apps.android

lint: $(STAMP)  ## check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)  ## mend style and format where that is mechanical
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schemas: $(STAMP)  ## write the JSON Schemas of recipes and reports, and the page of recipe keys anew
	$(BIN)/python -m export_pipeline.recipe
	$(BIN)/python -m export_pipeline.report.schema

study: $(STAMP)  ## measure compression on the committed network, into artifacts/compression; goes on where it was
	$(BIN)/python -m tests.benchmarks.compression

trainspeed: $(STAMP)  ## measure training in images per second, variant by variant
	$(BIN)/python -m tests.benchmarks.train_speed

loadspeed: $(STAMP)  ## measure how fast VGG-19 loads from a weights container at 1 to 8 bits (LOAD_ARGS="-o record.json")
	$(BIN)/python -m tests.benchmarks.load_speed $(LOAD_ARGS)

kmeansspeed: $(STAMP)  ## time k-means on VGG-19 and compare its error with the exact optimum (KMEANS_ARGS="-o record.json")
	$(BIN)/python -m tests.benchmarks.kmeans_speed $(KMEANS_ARGS)

widthstudy: $(STAMP)  ## measure both networks at widths 0.25 to 1 (WIDTH_ARGS="--trained CHECKPOINT --style IMAGE")
	$(BIN)/python -m tests.benchmarks.width_study -o artifacts/sweeps/width_study $(WIDTH_ARGS)

unetstudy: $(STAMP)  ## measure the U-Net with 10 to 80 % zeros, in half precision and in 8 bits, into artifacts/unet_study; goes on where it was (UNET_ARGS="--steps 100")
	$(BIN)/python -m tests.benchmarks.unet_study $(UNET_ARGS)

separablestudy: $(STAMP)  ## train a style network with full and with separable blocks, and compare, into artifacts/separable_study; goes on where it was
	$(BIN)/python -m tests.benchmarks.separable_study

distilledstudy: $(STAMP)  ## measure the distilled loss network beside VGG-19, into artifacts/loss_network; goes on where it was (DISTILLED_ARGS="--no-large")
	$(BIN)/python -m tests.benchmarks.distilled_study $(DISTILLED_ARGS)

killstudy: $(STAMP)  ## kill builds 100 times at random moments, let them go on, and compare the bytes (KILL_ARGS="--kills 48 --aim export verify report bundle")
	$(BIN)/python -m tests.benchmarks.kill_study $(KILL_ARGS)

clustertest: $(STAMP)  ## test sweeps on a Ray cluster of several nodes on this machine, some of them killed
	EXPORT_PIPELINE_CLUSTER_TESTS=1 $(BIN)/python -m pytest tests/sweep/test_cluster.py tests/sweep/test_cluster_losses.py

sweepscale: $(STAMP)  ## time the points of a sweep with one and two workers, by processes and on Ray (SCALE_ARGS="--runs 1 -o record.json")
	$(BIN)/python -m tests.benchmarks.sweep_scale $(SCALE_ARGS)

universal: $(STAMP)  ## write the style encoder and the recipe of its bundle, into runs/universal
	$(BIN)/python -m export_pipeline.universal encoder runs/universal

axes: $(STAMP)  ## find the principal axes of the styles that `universal` learns from, into runs/axes
	$(BIN)/python -m export_pipeline.universal axes export_pipeline/recipes/universal.toml -o runs/axes/style_axes.weights

universalstudy: $(STAMP)  ## measure the network of any style beside the published one, into artifacts/universal (UNIVERSAL_ARGS="--photographs 4")
	$(BIN)/python -m tests.benchmarks.universal_study $(UNIVERSAL_ARGS)

decoders: $(STAMP)  ## train the mirrored decoders of the distilled loss network, into runs/decoders; goes on where it was
	$(BIN)/python -m export_pipeline.universal decoders --content "$$EXPORT_PIPELINE_DATA/photographs" --content "$$EXPORT_PIPELINE_DATA/content" --bits-deepest 3 -o runs/decoders/distilled_decoders.weights

wctstudy: $(STAMP)  ## judge whitening and colouring beside the network of any style, into artifacts/universal/wct (WCT_ARGS="--photographs 20")
	$(BIN)/python -m tests.benchmarks.wct_study $(WCT_ARGS)

collaborationstudy: $(STAMP)  ## what the decoders of VGG-19 are worth to a narrow encoder, into artifacts/universal/collaboration; about three and a half hours of a core (COLLABORATION_ARGS="--optimized-only" for the pictures by optimization alone)
	$(BIN)/python -m tests.benchmarks.collaboration_study $(COLLABORATION_ARGS)

lossstudy: $(STAMP)  ## train with the distilled loss network and with VGG-19, and compare (LOSS_ARGS="--steps 300")
	$(BIN)/python -m tests.benchmarks.loss_study $(LOSS_ARGS)

demostudy: $(STAMP)  ## build the demo as it was and as it is, and compare
	$(BIN)/python -m tests.benchmarks.demo_study

results: $(STAMP)  ## draw the tables of artifacts/README.md from the reports and from artifacts/compared
	$(BIN)/python -m tests.benchmarks.results

sheets: $(STAMP)  ## draw photo, style, published model and ours side by side, into artifacts/sheets
	$(BIN)/python -m tests.benchmarks.sheets

golden: $(STAMP)  ## record the golden files of the tests anew; look at the diff before committing it
	$(BIN)/python -m pytest --update-golden $(PYTEST_ARGS)

conformance: $(VENV)/torch  ## run Apple's operation tests out of the coremltools wheel; writes SUPPORT.md (CONFORMANCE_ARGS="iOS17 -k conv": only some; "--record runs/cases.jsonl": goes on where it was)
	$(VENV)/torch/bin/python -m tests.conformance $(CONFORMANCE_ARGS)

# What Apple's tests need, with the NumPy that Core ML Tools converts recurrent networks with, over what is installed already.
$(VENV)/torch: $(STAMP) tests/conformance/torch.txt
	@$(BIN)/python -m venv $@
	@$(BIN)/uv pip install --quiet --python $@/bin/python -r tests/conformance/torch.txt
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$($@/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/zz_below.pth"
	@touch $@

frontends: $(VENV)/torch  ## run a sample of Apple's tests of PyTorch, TensorFlow, the models and compression, SAMPLE_SECONDS=600 of each; writes SUPPORT.md
	for suite in torch models optimize; do $(VENV)/torch/bin/python -m tests.conformance --suite $$suite --seconds $(SAMPLE_SECONDS) || exit 1; done
	for suite in tensorflow tensorflow2; do $(BIN)/python -m tests.conformance --suite $$suite --seconds $(SAMPLE_SECONDS) || exit 1; done

# atheris has wheels for Linux and Python 3.11 to 3.13 only, so that it is in no extra; elsewhere the target says SKIPPED.
fuzz: $(STAMP)  ## fuzz every reader, guided by coverage; goes on with the corpus in .fuzz (RUNS=1000000, FUZZ_ARGS="--seconds 60 --readers tflite")
	@test -d $(VENV)/fuzz || $(PIP) install --quiet --no-deps --require-hashes --only-binary :all: --target $(VENV)/fuzz -r tests/fuzz/requirements.txt || rm -rf $(VENV)/fuzz
	PYTHONPATH=$(VENV)/fuzz $(BIN)/python -m tests.fuzz --runs $(RUNS) $(FUZZ_ARGS)

emulatorfuzz: $(STAMP)  ## damage Core ML models at random, 200,000 times or for 30 minutes (FUZZ_ARGS="--seconds 60")
	$(BIN)/python -m tests.emulator.fuzz $(FUZZ_ARGS)

crosstable: $(STAMP)  ## compare Core ML by the emulator with Core AI by Apple's runtime on every network; writes SUPPORT.md (CROSS_ARGS="--networks unet": only that anew)
	$(BIN)/python -m tests.formats.coreai.cross $(CROSS_ARGS)

speed: $(STAMP)  ## time the emulator against tf2onnx's exports; writes SPEED.md
	$(BIN)/python -m tests.emulator.speed

lock: $(STAMP)  ## resolve pyproject.toml anew into requirements.lock
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.10 --upgrade \
	  --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --quiet --output-file requirements.lock

clean:  ## remove what the tools leave behind, not .venv and not results
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
	find export_pipeline models tests -name __pycache__ -type d -prune -exec rm -rf {} +
