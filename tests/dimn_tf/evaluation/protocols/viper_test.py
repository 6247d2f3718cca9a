"""VIPeR: halves, their swapped versions, and followers' variants."""

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.evaluation import options, targets
from dimn_tf.evaluation.protocols import shipped, viper
from tests.dimn_tf.evaluation.protocols import asking


def test_halves(viper_records):
    records = viper_records()
    trials = viper.draw(asking.asked(records))
    assert [t.name for t in trials][:3] == [
        "split1_half1",
        "split1_half2",
        "split2_half1",
    ]
    assert len(trials) == 10
    for first, second in zip(trials[::2], trials[1::2], strict=True):
        assert len(first.pairs) == len(second.pairs) == 316
        assert not set(first.pairs) & set(second.pairs)
        assert len(set(first.pairs) | set(second.pairs)) == 632
    assert len({frozenset(t.pairs) for t in trials}) == 10
    # Random halves of one set share half their persons: 158 +- a few.
    shared = len(set(trials[0].pairs) & set(trials[2].pairs))
    assert 120 < shared < 196
    for trial in asking.resolve(records, trials):
        assert (records.splits[trial.probe_indices] == "cam_a").all()
        assert (records.splits[trial.gallery_indices] == "cam_b").all()
        np.testing.assert_array_equal(trial.probe_ids, trial.gallery_ids)
        assert len(set(trial.probe_ids.tolist())) == 316


def test_draws_depend_on_seed_and_names_alone(viper_records):
    bmp, png = viper_records(40), viper_records(40, extension="png")
    drawn = viper.draw(asking.asked(bmp))
    assert drawn == viper.draw(asking.asked(png))
    assert drawn != viper.draw(asking.asked(bmp, trial_seed=1))
    order = np.random.default_rng(0).permutation(80)
    for name in ("person_ids", "camera_ids", "file_names", "splits"):
        setattr(png, name, getattr(png, name)[order])
    assert drawn == viper.draw(asking.asked(png))


def test_an_odd_person_is_in_the_second_half(viper_records):
    first, second = viper.draw(asking.asked(viper_records(5)), splits=1)
    assert (len(first.probes), len(second.probes)) == (2, 3)
    assert second.probes == tuple(sorted(second.probes))
    halves = viper.draw(asking.asked(viper_records(40)))
    assert all(half.probes == tuple(sorted(half.probes)) for half in halves)


def test_person_in_one_view_only(viper_records):
    for position in (0, 1):
        records = viper_records(10)
        records.splits[position] = "elsewhere"
        with pytest.raises(errors.UserError, match="1 persons are in one view only"):
            viper.draw(asking.asked(records))
    records = viper_records(40)
    records.splits[[62, 10, 2]] = "elsewhere"  # Persons 41, 6 and 1.
    with pytest.raises(errors.UserError, match="3 persons.*the first is 1.: "):
        viper.draw(asking.asked(records))


@pytest.fixture
def viper_names(fake_records):
    """Records with the images that viper.txt names."""
    pairs = sorted(
        {pair for trial in shipped.shipped_list("viper") for pair in trial.pairs}
    )
    rows = []
    for person, (probe, match) in enumerate(pairs):
        rows += [
            ("cam_a", probe + ".png", person, 1),
            ("cam_b", match + ".jpg", person, 2),
        ]
    return fake_records("viper", rows)


def make(records, **changes):
    return targets.target_of_records(records, options.EvaluationOptions(**changes))


def test_halves_are_the_default(viper_names):
    target = make(viper_names)
    assert [t.name for t in target.trials[:2]] == ["split1_half1", "split1_half2"]
    assert target.trials_source == "list viper.txt of the package"
    for trial in target.trials:
        assert (viper_names.splits[trial.probe_indices] == "cam_a").all()
    # Every person is a probe exactly once a split.
    probes = np.concatenate([t.probe_indices for t in target.trials])
    assert set(np.bincount(probes)[probes]) == {5}


def test_swapped_cameras(viper_names):
    halves, target = make(viper_names), make(viper_names, viper_trials="cameras")
    assert len(target.trials) == 10
    assert [t.name for t in target.trials[4:6]] == [
        "split5_half1",
        "split1_half1_swapped",
    ]
    assert target.trials_source.endswith("package, and with cameras swapped")
    for straight, swapped in zip(target.trials[:5], target.trials[5:], strict=True):
        np.testing.assert_array_equal(straight.probe_indices, swapped.gallery_indices)
        np.testing.assert_array_equal(straight.gallery_indices, swapped.probe_indices)
        assert (viper_names.splits[swapped.probe_indices] == "cam_b").all()
    assert target.trials_sha256 != halves.trials_sha256


def test_followers_variants(viper_names):
    ten = make(viper_names, viper_trials="ten_splits")
    assert len(ten.trials) == 10
    assert all(len(t.probe_ids) == 316 for t in ten.trials)
    assert len({tuple(t.probe_ids) for t in ten.trials}) == 10
    assert ten.trials_source == "10 random halves drawn by seed 0"
    both = make(viper_names, viper_trials="both_ways", trial_seed=1)
    assert len({trial.name for trial in both.trials}) == len(both.trials) == 20
    assert "seed 1, and with cameras swapped" in both.trials_source
    other = make(viper_names, viper_trials="ten_splits", trial_seed=1)
    assert other.trials_sha256 != ten.trials_sha256
