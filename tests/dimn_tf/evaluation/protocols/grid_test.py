"""QMUL GRID: its folds."""

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.evaluation import targets
from dimn_tf.evaluation.protocols import grid
from tests.dimn_tf.evaluation.protocols import asking


@pytest.fixture
def folds():
    persons = np.arange(1, 251)
    return [np.random.default_rng(k).permutation(persons)[:125] for k in range(10)]


def _check(records, trials, folds):
    for trial, fold in zip(trials, folds, strict=True):
        assert set(trial.probe_ids.tolist()) == set(fold.tolist())
        assert len(trial.gallery_ids) == 900
        assert (trial.gallery_ids == 0).sum() == 775
        assert (records.splits[trial.probe_indices] == "probe").all()
        assert (records.splits[trial.gallery_indices] == "gallery").all()
        matches = trial.probe_ids[:, None] == trial.gallery_ids
        assert (matches.sum(axis=1) == 1).all()


def test_folds(grid_records, folds):
    trials = grid.trials_of_folds(asking.asked(grid_records), folds)
    assert [t.name for t in trials] == [f"fold{k}" for k in range(1, 11)]
    _check(grid_records, asking.resolve(grid_records, trials), folds)
    again = grid.trials_of_folds(
        asking.asked(grid_records), [np.sort(fold) for fold in folds]
    )
    assert again == trials  # Whatever the order of a fold's persons.
    grid_records.splits[-1] = "elsewhere"  # No distractor of another split.
    trials = grid.trials_of_folds(asking.asked(grid_records), folds)
    assert [len(trial.distractors) for trial in trials] == [774] * 10


def test_trials_of_the_archives_folds(grid_records, folds, monkeypatch):
    asked_for = []
    monkeypatch.setattr(
        "data_builders.registry.make_builder", lambda *args: asked_for.append(args)
    )
    monkeypatch.setattr("data_builders.grid.load_folds", lambda builder: folds)
    target = targets.target_of_records(grid_records, data_dir="some/folder")
    assert asked_for == [("grid", "some/folder")]
    assert target.trials_source == "the archive's official folds"
    _check(grid_records, target.trials, folds)


@pytest.mark.parametrize("split", ["probe", "gallery"])
def test_fold_of_unknown_persons(grid_records, split):
    with pytest.raises(errors.UserError, match="fold 1 names 2 persons.*first is 251"):
        grid.trials_of_folds(asking.asked(grid_records), [np.array([1, 251, 252])])
    at = np.flatnonzero((grid_records.splits == split) & (grid_records.person_ids == 7))
    grid_records.splits[at] = "elsewhere"
    with pytest.raises(errors.UserError, match="fold 2 names 1 persons.*first is 7"):
        folds = [np.array([1, 2]), np.array([7, 8])]
        grid.trials_of_folds(asking.asked(grid_records), folds)


def test_the_order_of_the_records_does_not_matter(grid_records, folds):
    straight = grid.trials_of_folds(asking.asked(grid_records), folds)
    for name in ("person_ids", "camera_ids", "file_names", "splits"):
        setattr(grid_records, name, getattr(grid_records, name)[::-1])
    assert grid.trials_of_folds(asking.asked(grid_records), folds) == straight
