"""Targets: data sets with their trials, held-out identities."""

import hashlib

import pytest

from dimn_tf import errors
from dimn_tf.evaluation import options, targets
from tests.dimn_tf.evaluation.protocols import asking


def make(records, **changes):
    return targets.target_of_records(records, options.EvaluationOptions(**changes))


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


def test_heldout_identities_of_all_sources_that_have_some(fake_records, monkeypatch):
    rows = asking.rows(persons=9)
    opened = []

    def load_records(source, data_dir):
        opened.append((source, data_dir))
        return fake_records(source, rows)

    monkeypatch.setattr("dimn_tf.data.records.load_records", load_records)
    settings = options.EvaluationOptions(trial_seed=4)
    persons = {"cuhk02": [4, 8], "cuhk03": [], "market1501": [7, 9]}
    found = targets.heldout_targets(persons, "folder", settings)
    assert opened == [("cuhk02", "folder"), ("market1501", "folder")]
    assert [target.name for target in found] == [
        "cuhk02 (held out)",
        "market1501 (held out)",
    ]
    for target, ids in zip(found, ([4, 8], [7, 9]), strict=True):
        assert target.trials[0].probe_ids.tolist() == ids
        one = targets.heldout_target(target.records, ids, settings)
        assert target.trials_sha256 == one.trials_sha256
    other = targets.heldout_targets(persons, "folder")
    assert other[0].trials_sha256 != found[0].trials_sha256


def test_heldout_hash_stays_and_lost_identities_are_named(fake_records):
    rows = asking.rows()
    target = targets.heldout_target(fake_records("cuhk02", rows), [2, 4])
    assert target.trials_sha256.startswith("a558cb097d270fff89f168af3eb284e4")
    with pytest.raises(errors.UserError, match="lacks 1 of the 2 .*e.g. 77"):
        targets.heldout_target(fake_records("cuhk02", rows), [2, 77])


def test_a_target_is_loaded_from_its_folder(fake_records, monkeypatch):
    opened = []

    def load_records(reference, data_dir):
        opened.append((reference, data_dir))
        return fake_records(reference, asking.rows())

    monkeypatch.setattr("dimn_tf.data.records.load_records", load_records)
    settings = options.EvaluationOptions(trial_seed=1)
    target = targets.load_target("synthetic_reid/plaza", "folder", settings)
    assert opened == [("synthetic_reid/plaza", "folder")]
    assert target.trials_source == "drawn by seed 1"


def _own(fake_records, persons=(1, 1, 2, 2), cameras=(1, 2, 1, 2), last="d"):
    splits = ("probe", "gallery", "probe", "gallery")
    names = (*(f"{name}.png" for name in "abc"), f"{last}.png")
    rows = list(zip(splits, names, persons, cameras, strict=True))
    rows.append(("train", "trained.png", persons[0] + 7, 1))
    return fake_records("reid_folder:list.csv", rows)


def test_labels_of_ones_own_images_have_a_hash_of_their_own(fake_records):
    target = make(_own(fake_records), own_trials="splits")
    same = make(_own(fake_records), own_trials="splits")
    assert same.images_sha256 == target.images_sha256
    # The second gallery image is of the first person, by the corrected list.
    for changes in ({"persons": (1, 1, 2, 1)}, {"cameras": (1, 2, 1, 3)}):
        other = make(_own(fake_records, **changes), own_trials="splits")
        assert other.trials_sha256 == target.trials_sha256
        assert other.images_sha256 != target.images_sha256
    # The lines are literally these, in whichever order the records come.
    lines = '["a", 1, 1]\n["b", 1, 2]\n["c", 2, 1]\n["d", 2, 2]\n'
    assert target.images_sha256 == hashlib.sha256(lines.encode()).hexdigest()


def test_only_published_protocols_need_no_hash_of_labels(fake_records, viper_records):
    viper = make(viper_records(), viper_trials="ten_splits")
    assert viper.images_sha256 is None
    assert viper.hashes == {"trials_sha256": viper.trials_sha256}
    heldout = targets.heldout_target(fake_records("viper", asking.rows()), [2, 4])
    assert heldout.images_sha256
    assert heldout.hashes["images_sha256"] == heldout.images_sha256
    byte = make(_own(fake_records, last="b\udcf6"), own_trials="splits")
    assert byte.images_sha256  # A name that is no text.
