"""WORKSPACE_NOTES' worked method is what it says: two places, and all is there."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]


def _blocks():
    text = (ROOT / "WORKSPACE_NOTES.md").read_text()
    section = text.split("## A method, worked")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the tree in which just that is done."""
    copied = tmp_path_factory.mktemp("worked") / "tree"
    kept = ("dimn_tf", "data_builders", "experiments", "tests")
    for name in kept:
        shutil.copytree(
            ROOT / name, copied / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "conftest.py", "WORKSPACE_NOTES.md"):
        shutil.copy(ROOT / name, copied)
    for path in ROOT.glob("*.flags"):
        shutil.copy(path, copied)
    file, registration = _blocks()
    imported, line = registration.rstrip("\n").split("\n")
    (copied / "dimn_tf/methods/normface.py").write_text(file)
    registry = copied / "dimn_tf/methods/__init__.py"
    text = registry.read_text()
    text = text.replace(
        "from dimn_tf.methods.pcb import",
        f"{imported}\nfrom dimn_tf.methods.pcb import",
    )
    registry.write_text(text.replace('    "pcb": PCB,', f'{line}\n    "pcb": PCB,'))
    return copied


def _run(tree, *command):
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )


@pytest.mark.slow
def test_it_passes_what_every_method_must(tree):
    done = _run(
        tree,
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/dimn_tf/methods/conformance_test.py",
        "tests/dimn_tf/comparison/rows_test.py",
        "-k",
        "normface or rows_test",
    )
    assert done.returncode == 0, done.stdout[-3000:]
    found = re.search(r"(\d+) passed", done.stdout)
    assert int(found[1]) > 20, done.stdout[-500:]


@pytest.mark.slow
def test_it_learns(tree):
    learns = "tests/experiments/learning_test.py"
    done = _run(
        tree, "pytest", "-q", "-p", "no:cacheprovider", learns, "-k", "normface"
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "1 passed" in done.stdout


@pytest.mark.slow
def test_it_is_trained_by_its_flags_and_is_a_row(tree, tmp_path):
    flags = (
        f"--data_dir={tmp_path / 'tfds'}",
        "--sources=synthetic_reid/plaza,synthetic_reid/mall",
        "--targets=synthetic_reid/mall",
        "--encoder_width=0.35",
        "--encoder_weights=none",
        "--image_height=32",
        "--image_width=32",
        "--batch_norm_momentum=0.1",
        "--train_steps=3",
    )
    done = _run(
        tree,
        "experiments.compare",
        *flags,
        "--rows=normface",
        "--normface_scale=10",
        f"--workdir={tmp_path / 'runs'}",
        f"--results_dir={tmp_path / 'results'}",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "| normface | synthetic_reid/mall (TRAINED ON) |" in done.stdout
    text = (tmp_path / "results" / "normface_seed0.json").read_text()
    assert '"normface_scale": 10' in text
    refused = _run(
        tree,
        "experiments.train",
        *flags,
        "--method=normface",
        "--normface_scale=0",
        f"--workdir={tmp_path / 'other'}",
    )
    assert "--normface_scale=0.0: expected at least 1e-06" in refused.stderr


def test_its_text_is_formatted_as_the_tree_is():
    file, _ = _blocks()
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--check", "--stdin-filename=n.py"],
        input=file,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
