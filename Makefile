# `make demo` and `make test` are all that most people need; both install first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DEMO := runs/demo
DEMO_DATASETS := synthetic_reid/plaza,synthetic_reid/station,synthetic_reid/mall,synthetic_reid/alley,synthetic_reid/campus,synthetic_reid/night_market
DEMO_GALLERY := --model=$(DEMO)/export --gallery=$(DEMO)/people
DEMO_CAMERAS := --person_folders --camera_pattern='^(\d+)_'
# One process of tests a core, at most four: each takes up to 3 GB of memory.
TEST_PROCESSES ?= logical
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: install demo test test-all lint mutate clean

install: $(VENV)/installed

# Made anew where the requirements changed.
$(VENV)/installed: setup.py constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not on the PATH; install Python 3.11 or name another: make PYTHON=python3.12 ..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[tfds,tensorboard,gallery,milvus,onnx,litert,serving,service,dev]'
	touch $@

# Synthetic pedestrians, no download: the unseen domain is ranked by colour histogram,
# by the untrained model and by the trained one; then the trained model is exported, one
# of that domain's cameras is enrolled, and people of the other are searched for.
demo: install
	$(BIN)/python -m experiments.build_datasets --datasets=$(DEMO_DATASETS)
	$(BIN)/python -m experiments.evaluate --flagfile=demo.flags --model=histogram
	$(BIN)/python -m experiments.evaluate --flagfile=demo.flags --model=initial
	$(BIN)/python -m experiments.train --flagfile=demo.flags
	rm -rf $(DEMO)/export $(DEMO)/people $(DEMO)/crops
	$(BIN)/python -m experiments.export --workdir=$(DEMO) --export_dir=$(DEMO)/export
	$(BIN)/python -m experiments.extract_images --dataset=synthetic_reid/night_market --folder=$(DEMO)/crops
	$(BIN)/python -m experiments.enroll $(DEMO_GALLERY) $(DEMO_CAMERAS) --only_camera=2 $(DEMO)/crops
	$(BIN)/python -m experiments.evaluate_gallery $(DEMO_GALLERY) $(DEMO_CAMERAS) --only_camera=1 $(DEMO)/crops
	$(BIN)/python -m experiments.search $(DEMO_GALLERY) --topk=8 --explain --picture=$(DEMO)/search.png --probe=$$(ls $(DEMO)/crops/*/1_* | head -n 1)
	$(BIN)/python -m experiments.demo_summary --workdir=$(DEMO)

test: install
	$(BIN)/python -m pytest -m 'not slow' -n $(TEST_PROCESSES) --maxprocesses=4 --dist=worksteal

# The slow ones by themselves: some start several processes, or measure.
test-all: test
	$(BIN)/python -m pytest -m slow

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Small faults in a module or a folder, one at a time, which its tests should notice.
mutate: install
	nice $(BIN)/python -m tests.mutation.mutate --modules=$(MODULE)

# Removes the environment and the tools' caches. Runs, built data and archives stay.
clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache
