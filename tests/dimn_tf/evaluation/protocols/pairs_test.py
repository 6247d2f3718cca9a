"""Pairs of each identity: who is drawn, and of which camera."""

import collections

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.evaluation.protocols import pairs
from tests.dimn_tf.evaluation.protocols import asking
from tests.dimn_tf.evaluation.protocols.asking import asked, resolve


def ilids_like(fake_records, persons=119):
    rows = []
    for person in range(1, persons + 1):
        for image in range(1, 3 + person % 5):
            rows.append(("persons", f"Persons/{person:04d}{image:03d}.jpg", person, 0))
    return fake_records("ilids", rows)


def test_half_of_the_identities(fake_records):
    records = ilids_like(fake_records)
    named = pairs.one_pair_per_identity(asked(records), 60)
    chosen, used = collections.Counter(), set()
    for trial in resolve(records, named):
        assert len(set(trial.probe_ids.tolist())) == 60
        np.testing.assert_array_equal(trial.probe_ids, trial.gallery_ids)
        assert (trial.probe_indices != trial.gallery_indices).all()
        chosen.update(trial.probe_ids.tolist())
        used |= set(trial.probe_indices.tolist())
    assert len(chosen) > 110 and max(chosen.values()) < 10
    assert len(used) > 250  # other images in other trials, not the first ones always


def test_pairs_cross_cameras_where_an_identity_allows(fake_records):
    rows = []
    for person in range(20):
        for camera in (1, 1, 2) if person % 4 else (3, 3, 3):
            rows.append(("all", f"x/{len(rows)}.png", person, camera))
    rows.append(("all", "x/alone.png", 99, 1))
    records = fake_records("synthetic_reid/plaza", rows)
    named = pairs.one_pair_per_identity(asked(records))
    assert len(named) == 10
    for trial in resolve(records, named):
        assert sorted(trial.probe_ids.tolist()) == list(range(20))  # 99 has one image
        cross = (
            records.camera_ids[trial.probe_indices]
            != records.camera_ids[trial.gallery_indices]
        )
        np.testing.assert_array_equal(cross, trial.probe_ids % 4 != 0)
        assert (records.camera_ids[trial.probe_indices][cross] == 1).all()
        assert (trial.probe_indices != trial.gallery_indices).all()


def test_images_that_are_not_trained_on_are_not_drawn(fake_records):
    rows = [
        (split, f"{split}/{person}_{camera}.png", person, camera)
        for split in ("detected", "labeled")
        for person in range(10)
        for camera in (1, 2)
    ]
    records = fake_records("cuhk03", rows)
    records.training_splits = ("detected",)
    for trial in resolve(records, pairs.one_pair_per_identity(asked(records))):
        drawn = np.concatenate([trial.probe_indices, trial.gallery_indices])
        assert set(records.splits[drawn]) == {"detected"}


def test_held_out_identities_only(fake_records):
    records = ilids_like(fake_records, persons=30)
    named = pairs.one_pair_per_identity(asked(records, [3, 5, 29]))
    for trial in resolve(records, named):
        assert trial.probe_ids.tolist() == [3, 5, 29]
    with pytest.raises(errors.UserError, match="lacks 1 of the 2 identities .*77"):
        pairs.one_pair_per_identity(asked(records, [3, 77]))


def test_too_few_identities(fake_records):
    records = ilids_like(fake_records, persons=30)
    with pytest.raises(errors.UserError, match="30 identities .* trials need 60"):
        pairs.one_pair_per_identity(asked(records), 60)
    with pytest.raises(errors.UserError, match="1 identities .* trials need 2"):
        pairs.one_pair_per_identity(asked(records, [3]))


def _several(records, **changes):
    return resolve(records, pairs.several_per_identity(asked(records, **changes)))


def test_several_gallery_images_of_other_cameras(fake_records):
    records = fake_records("reid_folder:crops", asking.rows())
    trials = _several(records, gallery_images=2)
    assert len(trials) == 10
    for trial in trials:
        cameras = records.camera_ids
        assert cameras[trial.probe_indices].tolist() == [1] * 5
        assert cameras[trial.gallery_indices].tolist() == [2] * 10
        assert trial.gallery_ids.tolist() == np.repeat(range(1, 6), 2).tolist()
        assert len(set(trial.gallery_indices.tolist())) == 10
        assert trial.probe_cameras is None
    assert len({tuple(trial.probe_indices) for trial in trials}) > 5
    assert len({tuple(trial.gallery_indices) for trial in trials}) > 5


def test_all_other_images_where_no_cameras_are_told(fake_records):
    records = fake_records("reid_folder:crops", asking.rows(cameras=(0,), shots=4))
    for trial in _several(records, gallery_images=0):
        assert len(trial.gallery_indices) == 15
        assert not set(trial.probe_indices) & set(trial.gallery_indices)


def test_the_seed_draws_both_kinds(fake_records):
    records = fake_records("reid_folder:crops", asking.rows())
    for draw in (pairs.one_pair_per_identity, pairs.several_per_identity):
        one, again, other = (draw(asked(records, trial_seed=s)) for s in (3, 3, 4))
        assert one == again != other


def test_a_single_image_takes_no_part(fake_records):
    rows = [*asking.rows(persons=3), ("images", "9/1.png", 9, 1)]
    records = fake_records("reid_folder:crops", rows)
    for draw in (pairs.one_pair_per_identity, pairs.several_per_identity):
        for trial in resolve(records, draw(asked(records))):
            assert trial.probe_ids.tolist() == [1, 2, 3]


def test_the_seed_draws_probes_and_gallery_images(fake_records):
    def drawn(rows, seed):
        records = fake_records("reid_folder:crops", rows)
        return _several(records, gallery_images=1, trial_seed=seed)[0]

    # One image in the other camera leaves the lot to the probes alone, and so round.
    persons = range(1, 9)
    first = [("x", f"{p}/1_{k}.png", p, 1) for p in persons for k in range(3)]
    other = [("x", f"{p}/2_{k}.png", p, 2) for p in persons for k in range(3)]
    one, two = (drawn(first + other[::3], seed) for seed in (0, 1))
    assert one.gallery_indices.tolist() == two.gallery_indices.tolist()
    assert one.probe_indices.tolist() != two.probe_indices.tolist()
    one, two = (drawn(first[::3] + other, seed) for seed in (0, 1))
    assert one.probe_indices.tolist() == two.probe_indices.tolist()
    assert one.gallery_indices.tolist() != two.gallery_indices.tolist()


def test_cameras_of_large_numbers_are_told_apart(fake_records):
    rows = [
        ("images", f"{p}/{c}_{k}.png", p, c)
        for p in range(1, 9)
        for c, shots in ((1001, 3), (1002, 1))
        for k in range(shots)
    ]
    records = fake_records("reid_folder:crops", rows)
    for draw in (pairs.one_pair_per_identity, pairs.several_per_identity):
        for trial in resolve(records, draw(asked(records))):
            assert set(records.camera_ids[trial.probe_indices]) == {1001}
            assert set(records.camera_ids[trial.gallery_indices]) == {1002}


def test_one_identity_is_no_trial(fake_records):
    records = fake_records("reid_folder:crops", asking.rows(persons=1))
    for draw in (pairs.one_pair_per_identity, pairs.several_per_identity):
        with pytest.raises(errors.UserError, match="1 identities have.*trials need 2"):
            draw(asked(records))
