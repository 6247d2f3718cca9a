"""A calibration never takes another one's place."""

import json

import pytest

from dimn_tf import errors
from dimn_tf.training import workdir
from experiments import calibrate


def test_one_of_another_step_or_seed_is_put_aside(tmp_path):
    directory = workdir.WorkDir(tmp_path / "runs [a]")
    directory.root.mkdir()
    assert calibrate._put_aside(directory, 4, 0, "a") is None
    directory.calibration.write_text(json.dumps({"step": 4}))  # Of an older version.
    directory.calibration.with_suffix(".png").write_text("picture")
    assert calibrate._put_aside(directory, 4, 0, "a") is None
    for step, seed in ((5, 0), (4, 1)):
        directory.calibration.write_text(json.dumps({"step": 4, "seed": 0}))
        aside = calibrate._put_aside(directory, step, seed, "a")
        assert (
            aside == directory.root / "evaluations" / "calibration_0000004_seed0.json"
        )
        assert json.loads(aside.read_text()) == {"step": 4, "seed": 0}
        assert aside.with_suffix(".png").read_text() == "picture"
        assert not directory.calibration.exists()


def test_one_of_a_run_that_was_trained_anew_is_put_aside(tmp_path):
    directory = workdir.WorkDir(tmp_path)
    for checkpoint in ("a" * 64, "b" * 64):
        held = {"step": 4, "seed": 0, "checkpoint_sha256": checkpoint}
        directory.calibration.write_text(json.dumps(held))
        assert calibrate._put_aside(directory, 4, 0, checkpoint) is None
        aside = calibrate._put_aside(directory, 4, 0, "c" * 64)
        assert json.loads(aside.read_text()) == held
    assert len(list((tmp_path / "evaluations").iterdir())) == 2


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"step": ', '{"step": "../4"}', '{"step": 4, "seed": []}']
)
def test_what_is_no_calibration_is_left_and_named(tmp_path, text):
    directory = workdir.WorkDir(tmp_path)
    directory.calibration.write_text(text)
    with pytest.raises(
        errors.UserError, match="calibration.json: it is no calibration"
    ):
        calibrate._put_aside(directory, 4, 0, "a")
    assert directory.calibration.read_text() == text
