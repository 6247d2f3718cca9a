"""Claiming and reading a work directory."""

import pytest

from dimn_tf import errors
from dimn_tf.training import workdir

FOUND = {"num_identities": 3, "sources_sha256": "ab", "images_per_step": 8}


def test_values_round_trip_and_tuples_equal_lists(tmp_path):
    directory = workdir.WorkDir(tmp_path / "w")
    workdir.claim(directory, {"sources": ("a", "b"), "rate": 3.5e-4}, FOUND)
    assert workdir.read(directory) == {"sources": ["a", "b"], "rate": 3.5e-4, **FOUND}
    workdir.claim(directory, {"sources": ["a", "b"], "rate": 3.5e-4}, FOUND)


def test_a_flag_that_did_not_exist_then_is_named(tmp_path):
    directory = workdir.WorkDir(tmp_path)
    workdir.claim(directory, {"rate": 1.0}, FOUND)
    directory.checkpoints.mkdir()
    with pytest.raises(errors.UserError, match=r"--new: made with \(not a flag then\)"):
        workdir.claim(directory, {"rate": 1.0, "new": None}, FOUND)


def test_checkpoints_without_a_record_are_refused(tmp_path):
    directory = workdir.WorkDir(tmp_path)
    directory.checkpoints.mkdir()
    with pytest.raises(errors.UserError, match="holds checkpoints but no config.json"):
        workdir.claim(directory, {"rate": 1.0}, FOUND)


def test_missing_and_broken_records_are_named(tmp_path):
    directory = workdir.WorkDir(tmp_path)
    with pytest.raises(errors.UserError, match="no run here"):
        workdir.read(directory)
    for text in ("{", "", "[1]", "null"):
        directory.config.write_text(text)
        with pytest.raises(errors.UserError, match="config.json: not JSON as"):
            workdir.read(directory)


def test_nothing_half_written_stays(tmp_path, monkeypatch):
    directory = workdir.WorkDir(tmp_path)

    def fail(self, target):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        workdir.claim(directory, {"rate": 1.0}, FOUND)
    assert not list(tmp_path.iterdir())


def test_other_images_are_refused(tmp_path):
    directory = workdir.WorkDir(tmp_path)
    workdir.claim(directory, {"rate": 1.0}, FOUND)
    directory.checkpoints.mkdir()
    for name, other in (
        ("num_identities", 4), ("sources_sha256", "cd"), ("images_per_step", 9)
    ):  # fmt: skip
        expected = f"other images: {name} was {FOUND[name]}, is {other}"
        with pytest.raises(errors.UserError, match=expected):
            workdir.claim(directory, {"rate": 1.0}, {**FOUND, name: other})


def test_a_record_without_what_was_found_is_of_other_images(tmp_path):
    directory = workdir.WorkDir(tmp_path)
    directory.config.write_text('{"rate": 1.0}')
    with pytest.raises(errors.UserError, match=r"num_identities was \(not recorded\)"):
        workdir.claim(directory, {"rate": 1.0}, FOUND)


def test_one_process_trains_in_a_directory(tmp_path):
    directory = workdir.WorkDir(tmp_path / "runs" / "w")
    with workdir.locked(directory):
        with pytest.raises(errors.UserError, match="another process is training"):
            with workdir.locked(directory):
                pass
    with workdir.locked(directory):
        pass


def test_each_differing_flag_is_named_with_both_values(tmp_path):
    directory = workdir.WorkDir(tmp_path)
    workdir.claim(directory, {"a": 1, "b": "x", "c": None}, FOUND)
    directory.checkpoints.mkdir()
    before = directory.config.read_bytes()
    with pytest.raises(errors.UserError) as caught:
        workdir.claim(directory, {"b": "y", "c": None, "d": [2]}, FOUND)
    assert str(caught.value).splitlines()[1:-1] == [
        "  --a: made with 1, now (not a flag then)",
        '  --b: made with "x", now "y"',
        "  --d: made with (not a flag then), now [2]",
    ]
    assert directory.config.read_bytes() == before


@pytest.mark.parametrize(
    "made", ["checkpoints", "training_log", "tensorboard", "results"]
)
def test_what_was_refused_before_it_made_anything_is_in_nobodys_way(tmp_path, made):
    directory = workdir.WorkDir(tmp_path)
    workdir.claim(directory, {"a": 1}, FOUND)
    workdir.refuse_other(directory, {"a": 2})
    workdir.claim(directory, {"a": 2}, {**FOUND, "images_per_step": 9})
    assert workdir.read(directory) == {"a": 2, **FOUND, "images_per_step": 9}
    getattr(directory, made).write_text("")  # A file or a folder.
    with pytest.raises(errors.UserError, match="--a: made with 2, now 1"):
        workdir.refuse_other(directory, {"a": 1})


def test_another_programs_record_is_left_alone(tmp_path):
    directory = workdir.WorkDir(tmp_path)
    directory.config.write_text('{"name": "a project of its own"}')
    with pytest.raises(errors.UserError, match="--name: made with"):
        workdir.claim(directory, {"rate": 1.0}, FOUND)
    assert "project of its own" in directory.config.read_text()


def test_every_part_has_a_place_of_its_own(tmp_path):
    directory = workdir.WorkDir(tmp_path)
    names = {
        name: getattr(directory, name).relative_to(tmp_path).as_posix()
        for name, kind in vars(workdir.WorkDir).items()
        if isinstance(kind, property)
    }
    # Runs of earlier versions have them there.
    assert names == {
        "config": "config.json",
        "places": "places.json",
        "holdout": "holdout.json",
        "trained_before": "trained_before.json",
        "checkpoints": "checkpoints",
        "tensorboard": "tensorboard",
        "training_log": "training_log.csv",
        "loss_curves": "loss_curves.png",
        "results": "results.json",
        "calibration": "calibration.json",
    }
    assert directory.results_at(1000) == tmp_path / "evaluations/results_0001000.json"


def test_a_claim_without_a_difference_writes_nothing(tmp_path):
    directory = workdir.WorkDir(tmp_path)
    workdir.claim(directory, {"rate": 1.0}, FOUND)
    directory.config.chmod(0o400)
    before = directory.config.stat().st_mtime_ns
    workdir.claim(directory, {"rate": 1.0}, FOUND)
    assert directory.config.stat().st_mtime_ns == before


@pytest.mark.parametrize("text", ["[]", "null", "3", '"x"', "[" * 100_000, ""])
def test_a_record_that_is_no_options_is_named(text, tmp_path):
    directory = workdir.WorkDir(tmp_path)
    directory.config.write_text(text)
    with pytest.raises(errors.UserError, match=r"config\.json: (not|found a) JSON"):
        workdir.read(directory)
