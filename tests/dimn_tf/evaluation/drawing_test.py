"""The draws: portable order, counts, and who may stand against whom."""

import collections
import hashlib

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.evaluation import drawing, trials


def resolve(records, named):
    positions = trials.positions_by_name(records)
    return [trial.resolve(records, positions) for trial in named]


def test_order_is_that_of_the_hashes():
    items = ["a", "b", "c", "d", "e"]
    digests = {x: hashlib.sha256(b"7/t/" + x.encode()).hexdigest() for x in items}
    assert drawing.shuffled(items, 7, "t") == sorted(items, key=digests.get)
    # By coreutils: sort of `printf 0/trial1/$x | sha256sum` for x in a..h. Written
    # down, so that a change of the algorithm shows.
    assert drawing.shuffled("abcdefgh", 0, "trial1") == list("bhfecagd")


def test_viper_halves(viper_records):
    records = viper_records()
    named = drawing.viper(records)
    assert [t.name for t in named][:3] == [
        "split1_half1",
        "split1_half2",
        "split2_half1",
    ]
    assert len(named) == 10
    for first, second in zip(named[::2], named[1::2], strict=True):
        assert len(first.pairs) == len(second.pairs) == 316
        assert not set(first.pairs) & set(second.pairs)
        assert len(set(first.pairs) | set(second.pairs)) == 632
    assert len({frozenset(t.pairs) for t in named}) == 10
    # Random halves of one set share half their persons: 158 +- a few.
    shared = len(set(named[0].pairs) & set(named[2].pairs))
    assert 120 < shared < 196
    for trial in resolve(records, named):
        assert (records.splits[trial.probe_indices] == "cam_a").all()
        assert (records.splits[trial.gallery_indices] == "cam_b").all()
        np.testing.assert_array_equal(trial.probe_ids, trial.gallery_ids)
        assert len(set(trial.probe_ids.tolist())) == 316


def test_draws_depend_on_seed_and_names_alone(viper_records):
    bmp, png = viper_records(40), viper_records(40, extension="png")
    assert drawing.viper(bmp) == drawing.viper(png)
    assert drawing.viper(bmp, seed=1) != drawing.viper(bmp)
    order = np.random.default_rng(0).permutation(80)
    for name in ("person_ids", "camera_ids", "file_names", "splits"):
        setattr(png, name, getattr(png, name)[order])
    assert drawing.viper(bmp) == drawing.viper(png)


def test_viper_person_in_one_view_only(viper_records):
    records = viper_records(10)
    records.splits[0] = "elsewhere"
    with pytest.raises(errors.UserError, match="1 persons are in one view only"):
        drawing.viper(records)


def test_prid(prid_records):
    named = drawing.prid(prid_records)
    assert len(named) == 10 and len({t.pairs for t in named}) == 10
    for trial in resolve(prid_records, named):
        assert len(trial.probe_ids) == 100 and len(trial.gallery_ids) == 649
        assert len(set(trial.gallery_ids.tolist())) == 649
        assert trial.probe_ids.max() <= 200 and trial.probe_ids.min() >= 1
        assert (prid_records.splits[trial.probe_indices] == "cam_a").all()
        assert (prid_records.splits[trial.gallery_indices] == "cam_b").all()
        # Persons of B alone are all there; the 100 paired ones not drawn are not.
        assert set(range(201, 750)) <= set(trial.gallery_ids.tolist())
        # Nobody of the gallery but the probe's own image counts as a match.
        matches = trial.probe_ids[:, None] == trial.gallery_ids
        assert (matches.sum(axis=1) == 1).all()


def test_prid_lacking_a_paired_person(prid_records):
    prid_records.splits[4] = "elsewhere"  # person 5 of view A
    with pytest.raises(errors.UserError, match="1 are not .the first is 5"):
        drawing.prid(prid_records)


def test_two_images_of_a_person_in_a_single_shot_view(prid_records):
    prid_records.person_ids[1] = 1
    with pytest.raises(errors.UserError, match="two images of person 1"):
        drawing.prid(prid_records)


def test_grid(grid_records):
    persons = np.arange(1, 251)
    folds = [np.random.default_rng(k).permutation(persons)[:125] for k in range(10)]
    named = drawing.grid(grid_records, folds)
    assert [t.name for t in named] == [f"fold{k}" for k in range(1, 11)]
    for trial, fold in zip(resolve(grid_records, named), folds, strict=True):
        assert set(trial.probe_ids.tolist()) == set(fold.tolist())
        assert len(trial.gallery_ids) == 900
        assert (trial.gallery_ids == 0).sum() == 775
        assert (grid_records.splits[trial.probe_indices] == "probe").all()
        assert (grid_records.splits[trial.gallery_indices] == "gallery").all()
        matches = trial.probe_ids[:, None] == trial.gallery_ids
        assert (matches.sum(axis=1) == 1).all()


def test_grid_fold_of_unknown_persons(grid_records):
    with pytest.raises(errors.UserError, match="fold 1 names 1 persons.*251"):
        drawing.grid(grid_records, [np.array([1, 251])])


def ilids_like(fake_records, persons=119):
    rows = []
    for person in range(1, persons + 1):
        for image in range(1, 3 + person % 5):
            rows.append(("persons", f"Persons/{person:04d}{image:03d}.jpg", person, 0))
    return fake_records("ilids", rows)


def test_half_of_the_identities(fake_records):
    records = ilids_like(fake_records)
    named = drawing.one_pair_per_identity(records, identities_per_trial=60)
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
    named = drawing.one_pair_per_identity(records)
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
    for trial in resolve(records, drawing.one_pair_per_identity(records)):
        drawn = np.concatenate([trial.probe_indices, trial.gallery_indices])
        assert set(records.splits[drawn]) == {"detected"}


def test_held_out_identities_only(fake_records):
    records = ilids_like(fake_records, persons=30)
    named = drawing.one_pair_per_identity(records, person_ids=[3, 5, 29])
    for trial in resolve(records, named):
        assert trial.probe_ids.tolist() == [3, 5, 29]
    with pytest.raises(errors.UserError, match="lacks 1 of the 2 identities .*77"):
        drawing.one_pair_per_identity(records, person_ids=[3, 77])


def test_too_few_identities(fake_records):
    records = ilids_like(fake_records, persons=30)
    with pytest.raises(errors.UserError, match="30 identities .* trials need 60"):
        drawing.one_pair_per_identity(records, identities_per_trial=60)
    with pytest.raises(errors.UserError, match="1 identities .* trials need 2"):
        drawing.one_pair_per_identity(records, person_ids=[3])
