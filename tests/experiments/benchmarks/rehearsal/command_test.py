"""The rehearsal stops where a stage fails, and keeps a user's folder."""

import importlib

import pytest

from dimn_tf import errors
from dimn_tf.comparison import rows
from tests.experiments import launcher

command = importlib.import_module("experiments.benchmarks.rehearsal.__main__")


def test_a_stage_that_fails_ends_it(tmp_path):
    rehearsal = command.Rehearsal(tmp_path)
    with pytest.raises(errors.UserError) as caught:
        rehearsal.stage("made up", "no_module_of_this_name")
    assert "made up: exit code 1" in str(caught.value)
    assert "No module named no_module_of_this_name" in str(caught.value)
    assert str(tmp_path / "logs" / "made up.txt") in str(caught.value)


def test_a_stage_that_should_be_killed_but_ends_is_an_error(tmp_path):
    rehearsal = command.Rehearsal(tmp_path)
    with pytest.raises(errors.UserError, match="this: exit code 0"):
        rehearsal.stage("this", "this", kill_when=lambda: False)


def test_figures_of_a_stage(tmp_path):
    rehearsal = command.Rehearsal(tmp_path)
    rehearsal.archives.mkdir()
    (rehearsal.archives / "a.zip").write_bytes(bytes(3_000_000))
    rehearsal.stage("zen", "this", f"--flag={tmp_path / 'run'}")
    figures = rehearsal.stages["zen"]
    assert figures["command"] == "python -m this --flag=FOLDER/run"
    assert figures["disk_mb"] == {"archives": 3, "tfds": 0, "run": 0}
    rehearsal.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_machine():
    machine = command.machine()
    assert machine["cores"] >= 1 and machine["memory_gb"] > 0.1
    assert machine["versions"].keys() >= {"python", "tensorflow", "keras"}


_COMPARISON = """
--sources=synthetic_reid/plaza,synthetic_reid/mall
--targets=synthetic_reid/mall
--encoder=mobilenet_v2
--encoder_width=0.35
--image_height=32
--image_width=32
--identities_per_batch=4
--train_images=51200
--encoder_weights=imagenet
"""


@pytest.mark.slow
def test_each_row_of_a_comparison_is_started_and_ended(tmp_path, monkeypatch):
    folder = tmp_path / "rehearsal"
    folder.mkdir()
    rehearsal = command.Rehearsal(folder)
    names = "synthetic_reid/plaza,synthetic_reid/mall"
    launcher.launch(
        "build_datasets", f"--datasets={names}", f"--data_dir={rehearsal.records}"
    )
    flags = tmp_path / "made_up.flags"
    flags.write_text(_COMPARISON)
    two = {name: rows.ROWS[name] for name in ("dimn_no_memory", "ppa")}
    monkeypatch.setattr(rows, "ROWS", two)
    rehearsal.comparison(str(flags), "none")
    assert rehearsal.checks == {"dimn_no_memory starts": True, "ppa starts": True}
    assert list(rehearsal.stages) == ["compare_dimn_no_memory", "compare_ppa"]
    assert not list(rehearsal.run.iterdir())  # Their checkpoints are large.
    flags.write_text(_COMPARISON + "--learning_rate_start=0\n")
    with pytest.raises(errors.UserError, match="compare_dimn_no_memory: exit code 1"):
        rehearsal.comparison(str(flags), "none")
