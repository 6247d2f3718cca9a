"""Targets: shipped lists, variants, folds, held-out identities."""

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.evaluation import drawing, options, targets, trials


@pytest.mark.parametrize(
    ("name", "probes", "gallery"),
    [("viper", 316, 316), ("prid", 100, 649), ("ilids", 60, 60)],
)
def test_shipped_lists(name, probes, gallery):
    named = targets.shipped_list(name)
    assert len(named) == 10 and len({t.name for t in named}) == 10
    for trial in named:
        assert len(set(trial.pairs)) == probes
        images = [match for _, match in trial.pairs] + list(trial.distractors)
        assert len(set(images)) == len(images) == gallery


def test_prid_is_drawn_by_the_command_in_its_header(prid_records):
    # PRID's names follow from its numbers, so its list can be redrawn anywhere.
    assert drawing.prid(prid_records) == targets.shipped_list("prid")


def test_prid_target(prid_records):
    target = targets.target_of_records(prid_records)
    assert target.name == "prid" and len(target.trials) == 10
    assert target.trials_sha256 == trials.sha256(targets.shipped_list("prid"))
    assert "prid.txt" in target.trials_source
    assert len(target.trials[0].gallery_indices) == 649


def test_a_partial_target_names_what_it_lacks(prid_records, fake_records):
    rows = [("cam_a", "single_shot/cam_a/person_0001.png", 1, 1)]
    with pytest.raises(errors.UserError, match=r"prid/partial names \d+ of 749 images"):
        targets.target_of_records(fake_records("prid/partial", rows))


@pytest.fixture
def viper_names(fake_records):
    """Records with the images that viper.txt names."""
    pairs = sorted(
        {pair for trial in targets.shipped_list("viper") for pair in trial.pairs}
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


def test_viper_halves_is_the_default(viper_names):
    target = make(viper_names)
    assert [t.name for t in target.trials[:2]] == ["split1_half1", "split1_half2"]
    for trial in target.trials:
        assert (viper_names.splits[trial.probe_indices] == "cam_a").all()
    # Every person is a probe exactly once a split.
    probes = np.concatenate([t.probe_indices for t in target.trials])
    assert set(np.bincount(probes)[probes]) == {5}


def test_viper_swapped_cameras(viper_names):
    halves, target = make(viper_names), make(viper_names, viper_trials="cameras")
    assert len(target.trials) == 10
    assert [t.name for t in target.trials[4:6]] == [
        "split5_half1",
        "split1_half1_swapped",
    ]
    for straight, swapped in zip(target.trials[:5], target.trials[5:], strict=True):
        np.testing.assert_array_equal(straight.probe_indices, swapped.gallery_indices)
        np.testing.assert_array_equal(straight.gallery_indices, swapped.probe_indices)
        assert (viper_names.splits[swapped.probe_indices] == "cam_b").all()
    assert target.trials_sha256 != halves.trials_sha256


def test_viper_followers_variants(viper_names):
    ten = make(viper_names, viper_trials="ten_splits")
    assert len(ten.trials) == 10
    assert all(len(t.probe_ids) == 316 for t in ten.trials)
    assert len({tuple(t.probe_ids) for t in ten.trials}) == 10
    assert len(make(viper_names, viper_trials="both_ways").trials) == 20
    other = make(viper_names, viper_trials="ten_splits", trial_seed=1)
    assert other.trials_sha256 != ten.trials_sha256


def test_synthetic_domain(fake_records):
    rows = [("all", f"{p}_{c}.png", p, c) for p in range(30) for c in range(3)]
    records = fake_records("synthetic_reid/night_market", rows)
    target = make(records)
    assert target.name == "synthetic_reid/night_market" and len(target.trials) == 10
    for trial in target.trials:
        cameras = records.camera_ids
        assert (cameras[trial.probe_indices] != cameras[trial.gallery_indices]).all()
    assert make(records, trial_seed=1).trials_sha256 != target.trials_sha256


def test_heldout_identities(fake_records):
    rows = [("all", f"{p}_{c}.png", p, c) for p in range(30) for c in range(2)]
    rows.append(("all", "single.png", 30, 0))
    target = targets.heldout_target(fake_records("cuhk02", rows), [4, 8, 30])
    assert target.name == "cuhk02 (held out)"
    assert "2 of 3 held-out identities" in target.trials_source
    assert [t.probe_ids.tolist() for t in target.trials] == [[4, 8]] * 10


def test_any_data_set_can_be_a_target_by_drawn_pairs(fake_records):
    # Market-1501's -1 (junk) and 0 (distractors) are no persons to look for.
    persons = (-1, 0, 5, 9)
    rows = [("train", f"{p}_{c}.jpg", p, c) for p in persons for c in (1, 2, 3)]
    target = targets.target_of_records(fake_records("market1501/partial", rows))
    assert [t.probe_ids.tolist() for t in target.trials] == [[5, 9]] * 10
    for trial in target.trials:
        assert all(trial.probe_indices // 3 == trial.gallery_indices // 3)
        assert all(trial.probe_indices != trial.gallery_indices)


def test_unknown_targets_are_named():
    with pytest.raises(errors.UserError, match="no data set 'vipre'.*viper, prid"):
        targets.load_target("vipre", "nowhere")
