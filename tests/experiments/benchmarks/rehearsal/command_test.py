"""The rehearsal stops where a stage fails, and keeps a user's folder."""

import importlib

import pytest

from dimn_tf import errors

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
