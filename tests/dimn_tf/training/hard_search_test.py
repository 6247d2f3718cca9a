"""Runs whose batches hold groups that the classifier finds hard to tell apart."""

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.data import hard_groups
from dimn_tf.training import run, workdir
from tests.dimn_tf.methods import tiny
from tests.dimn_tf.training import tiny_run

# Searches after steps 3, 6 and 9; the killed run goes on after step 5.
HARD = {"hard_share": 1.0, "hard_group": 2, "hard_search_every": 3}
METHODS = [
    "dimn",
    "aggregation",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in (
            "aligned_reid",
            "crossgrad",
            "dimn_no_memory",
            "mldg",
            "pcb_refined",
            "ppa",
            "reptile_identities",
        )
    ),
]


@pytest.fixture(autouse=True)
def tiny_world(monkeypatch):
    tiny_run.keep_globals(monkeypatch)


def _quiet(line):
    del line


@pytest.fixture
def searches(monkeypatch):
    """What each search was asked and found, in order."""
    made, nearest = [], hard_groups.nearest

    def watched(vectors, starts, size):
        found = nearest(vectors, starts, size)
        made.append((np.array(vectors), found))
        return found

    monkeypatch.setattr(hard_groups, "nearest", watched)
    return made


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_run_goes_on_bit_for_bit(method, tmp_path, searches):
    # PPA's first stage, which takes images, is long enough for three searches.
    own = {"ppa": {"ppa_mapping_steps": 1, "train_steps": 11}}.get(method, {})
    tiny_run.same_when_killed(tmp_path, method=method, **HARD, **own)
    count = len(searches)
    whole, killed, resumed = searches[:3], searches[3:5], searches[5:]
    assert count == 7
    for one, other in zip(whole, [*killed[:1], *resumed], strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
    assert np.any(whole[0][0] != whole[2][0])  # The classifier learns in between.
    folder = tmp_path / "plain"
    plain = tiny_run.train(folder, log=_quiet, method=method, **own)
    whole_run = tmp_path / "whole"
    hard = tiny_run.train(whole_run, log=_quiet, method=method, **HARD, **own)
    one, other = tiny_run.variables(plain), tiny_run.variables(hard)
    assert not all(np.array_equal(value, other[path]) for path, value in one.items())


@pytest.mark.parametrize(
    "name", [name for name in tiny.CASES if name != "reptile_fresh"]
)
def test_vectors_are_those_that_the_classifier_tells_identities_by(name):
    method = tiny.method(name, 9)
    vectors = method.identity_vectors
    assert method.classifies_all(method.options) == (vectors is not None)
    if name == "reptile":  # Its head is of a task's identities.
        assert vectors is None
        return
    assert vectors.shape[0] == 9
    if tiny.CASES[name] == "pcb":
        kernel = method.classifiers.kernel.numpy()
        for label in range(9):
            parts = [part[:, label] for part in kernel]
            unit = [part / np.linalg.norm(part) for part in parts]
            np.testing.assert_allclose(vectors[label], np.concatenate(unit), rtol=1e-5)
        return
    probe = np.zeros((1, method.feature_dimension), "float32")
    probe[0, 2] = 1.0
    logits = np.array(method.classifier(probe))[0]
    bias = np.array(method.classifier(0 * probe))[0]
    np.testing.assert_allclose(vectors[:, 2], logits - bias, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "name, options",
    [
        ("reptile", {}),
        ("reptile_fresh", {}),
        ("aligned_reid", {"aligned_identification": False}),
    ],
)
def test_a_method_without_such_a_classifier_is_refused(name, options, tmp_path):
    with pytest.raises(errors.UserError, match=r"--hard_share=1: --method=\w+ has, wi"):
        tiny_run.train(tmp_path, log=_quiet, method=name, **options, **HARD)


def test_the_sampler_draws_by_what_was_found_last(tmp_path):
    tiny_run.install()
    recipe = tiny_run.recipe_of(**HARD)
    directory = workdir.WorkDir(tmp_path)
    prepared = run.prepare(recipe, directory, data_dir="", log=_quiet)
    run.train(prepared, log=_quiet)
    found = prepared.sampling.groups.nearest
    for step in range(30):
        labels = prepared.sampling.sample(step).labels
        held = set(labels.tolist())
        first = int(labels[0])
        assert int(found[first][0]) in held
        # A group stays within its domain: 9 and 7 identities.
        assert (first < 9) == (int(found[first][0]) < 9)
