"""What a start was trained on goes on with the run, through any chain of runs."""

import json

import pytest

from dimn_tf import errors
from dimn_tf.training import checkpoints, trained_before, workdir
from tests.dimn_tf.methods import tiny


def _run(root, recorded=None, aside=None):
    """A run's folder, as training leaves it."""
    method = tiny.method("aggregation", 9)
    checkpoints.Checkpoints(root / "checkpoints", method).save(5)
    if recorded is not None:
        (root / "config.json").write_text(json.dumps(recorded))
    if aside is not None:
        (root / "holdout.json").write_text(json.dumps(aside))
    return workdir.WorkDir(root)


def test_a_chain_of_runs_is_known_to_its_end(tmp_path):
    _run(tmp_path / "a", {"sources": ["cuhk02"]}, {"cuhk02": [3, 5]})
    b = _run(tmp_path / "b", {"sources": ["viper"], "init_from": "ckpt-5 sha256:a"})
    first = trained_before.of_start(str(tmp_path / "a"))
    assert first == [trained_before.Before(("cuhk02",), {"cuhk02": [3, 5]})]
    trained_before.save(b.trained_before, first)
    found = trained_before.of_start(str(tmp_path / "b" / "checkpoints" / "ckpt-5"))
    assert found == [trained_before.Before(("viper",), {}), *first]
    trained_before.save(b.trained_before, found)
    assert trained_before.load(b.trained_before) == found


def test_what_nothing_tells_is_told(tmp_path):
    unknown = trained_before.Before(None, {})
    _run(tmp_path / "bare")
    assert trained_before.of_start(str(tmp_path / "bare")) == [unknown]
    _run(tmp_path / "older", {"sources": ["grid"], "init_from": "ckpt-5 sha256:a"})
    assert trained_before.of_start(str(tmp_path / "older")) == [
        trained_before.Before(("grid",), {}),
        unknown,
    ]
    _run(tmp_path / "classes", {"dataset": "mini_imagenet"})
    (found,) = trained_before.of_start(str(tmp_path / "classes"))
    assert found.sources == ("mini_imagenet",)
    directory = workdir.WorkDir(tmp_path)
    assert trained_before.load(directory.trained_before) == []
    trained_before.save(directory.trained_before, [unknown])
    assert trained_before.load(directory.trained_before) == [unknown]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"runs": [1]}', '{"runs": [{"sources": 1, "holdout": {}}]}',
     '{"runs": [{"sources": ["a"], "holdout": {"a": ["b"]}}]}'],
)  # fmt: skip
def test_a_damaged_record_is_named(text, tmp_path):
    path = workdir.WorkDir(tmp_path).trained_before
    path.write_text(text)
    with pytest.raises(errors.UserError, match="trained_before.json does not say"):
        trained_before.load(path)
