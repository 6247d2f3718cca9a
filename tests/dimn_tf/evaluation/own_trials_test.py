"""Trials of data sets without a published protocol."""

import hashlib

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.evaluation import (
    bootstrap,
    evaluator,
    options,
    own_trials,
    ranking,
    report,
    targets,
)


def _target(records, **changes):
    return targets.target_of_records(records, options.EvaluationOptions(**changes))


def _rows(cameras=(1, 2), shots=3, persons=5, split="images"):
    return [
        (split, f"{p}/{c}_{k}.png", p, c)
        for p in range(1, persons + 1)
        for c in cameras
        for k in range(shots)
    ]


@pytest.fixture
def own(fake_records):
    def make(rows, place="crops"):
        return fake_records(f"reid_folder:{place}", rows)

    return make


def test_several_gallery_images_of_other_cameras(own):
    target = _target(own(_rows()), gallery_images=2)
    assert len(target.trials) == 10
    for trial in target.trials:
        cameras = target.records.camera_ids
        assert cameras[trial.probe_indices].tolist() == [1] * 5
        assert cameras[trial.gallery_indices].tolist() == [2] * 10
        assert trial.gallery_ids.tolist() == np.repeat(range(1, 6), 2).tolist()
    drawn = {tuple(trial.probe_indices) for trial in target.trials}
    assert len(drawn) > 5


def test_all_other_images_where_no_cameras_are_told(own):
    target = _target(own(_rows(cameras=(0,), shots=4)), gallery_images=0)
    for trial in target.trials:
        assert len(trial.gallery_indices) == 15
        assert not set(trial.probe_indices) & set(trial.gallery_indices)


def test_draws_do_not_depend_on_the_place(own):
    for changes in ({}, {"gallery_images": 2}):
        here, there = (_target(own(_rows(), x), **changes) for x in ("a", "b/c.csv"))
        assert here.trials_sha256 == there.trials_sha256
        other = _target(own(_rows()), trial_seed=1, **changes)
        assert other.trials_sha256 != here.trials_sha256


def test_the_first_camera_against_the_others(own):
    target = _target(own(_rows(cameras=(2, 5, 7))), own_trials="cameras")
    (trial,) = target.trials
    cameras = target.records.camera_ids
    assert set(cameras[trial.probe_indices].tolist()) == {2}
    assert set(cameras[trial.gallery_indices].tolist()) == {5, 7}
    assert (len(trial.probe_indices), len(trial.gallery_indices)) == (15, 30)
    assert trial.probe_cameras is None


def test_splits_state_the_trial(own):
    rows = _rows(cameras=(1,), split="probe") + _rows(cameras=(1, 2), split="gallery")
    rows = [(s, f"{s}/{name}", p, c) for s, name, p, c in rows]
    target = _target(own(rows), camera_rule="cross_camera")
    (trial,) = target.trials
    splits = target.records.splits
    assert set(splits[trial.probe_indices].tolist()) == {"probe"}
    assert set(splits[trial.gallery_indices].tolist()) == {"gallery"}
    assert trial.probe_cameras.tolist() == [1] * 15
    drawn = _target(own(rows), own_trials="pairs")
    assert len(drawn.trials) == 10


@pytest.mark.parametrize(
    "changes", [{"own_trials": "cameras"}, {"camera_rule": "cross_camera"}]
)
def test_one_camera_says_what_to_change(own, changes):
    flag = "--" + "=".join(next(iter(changes.items())))
    with pytest.raises(errors.UserError, match=flag) as caught:
        _target(own(_rows(cameras=(1,))), **changes)
    assert "one camera" in str(caught.value) and "camera_id" in str(caught.value)


def test_too_few_images(own):
    for wanted in (1, 2):
        with pytest.raises(errors.UserError, match="0 identities have two images"):
            _target(own(_rows(cameras=(1,), shots=1)), gallery_images=wanted)


class Colours:
    """Bare features: the red of the image, which is its person."""

    def encode(self, images):
        return np.asarray(images)[:, 4, 2, :1]

    def probe_representation(self, features):
        return features

    gallery_representation = probe_representation
    score = staticmethod(evaluator.negative_squared_distance)


def test_probes_without_a_match_are_refused_before_encoding_or_counted_apart(
    own, tmp_path
):
    rows = [*_rows(), ("images", "9/1_0.png", 9, 1)]
    records = own(rows)
    target = _target(records, own_trials="cameras")
    path = tmp_path / "results.json"

    def evaluate(**changes):
        settings = options.EvaluationOptions(ranked_probes=16, **changes)
        return report.evaluate_and_report(
            Colours(), "dimn", [target], path, 8, 4, settings, log=printed.append
        )

    printed = []
    with pytest.raises(errors.UserError, match="identity 9.*--unmatched_probes=apart"):
        evaluate()
    assert records.reads == [] and not path.exists()
    figures = evaluate(unmatched_probes="apart")
    row = figures["targets"]["reid_folder:crops"]
    assert (row["probes"], row["unmatched_probes"]) == (16, 1)
    assert "1 of the probes have no match, counted apart" in printed[0]
    # Persons differ in colour: every probe that has a match finds it.
    assert row["rank1"]["mean"] == row["mAP"]["mean"] == 100
    assert (tmp_path / "results_ranked" / "reid_folder_crops.png").is_file()
    compared = bootstrap.compare(path, path, resamples=100)
    assert compared["identities"] == {"reid_folder:crops": 5}


def test_every_image_against_all_others_by_hand(own):
    # Person 1 in cameras 1, 1, 2; person 2 in 2, 3; person 3 in 1 only.
    seen = [(1, 1), (1, 1), (1, 2), (2, 2), (2, 3), (3, 1)]
    rows = [("images", f"{i}.png", p, c) for i, (p, c) in enumerate(seen)]
    target = _target(own(rows), own_trials="all")
    (trial,) = target.trials
    assert trial.probe_indices.tolist() == trial.gallery_indices.tolist() == [*range(6)]
    # Likeness falls with the distance of the images' numbers, so that each is most
    # like itself. Others than itself and its person's of its camera, nearest first:
    # 0: 2 3 4 5, match 2: AP 1. 1: 2 3 4 5, match 2: AP 1. 2: 1 3 0 4 5, matches 1 and
    # 0: AP (1 + 2/3) / 2. 3: 2 4 1 5 0, match 4: AP 1/2. 4: 3 5 2 1 0: AP 1. 5: none.
    numbers = np.arange(6)
    ranked = ranking.evaluate_ranking(
        -np.abs(numbers[:, None] - numbers),
        trial.probe_ids,
        trial.gallery_ids,
        trial.probe_cameras,
        trial.gallery_cameras,
        unmatched_probes="apart",
    )
    assert ranked.unmatched.tolist() == [5]
    np.testing.assert_allclose(
        ranked.average_precisions[:5], [1, 1, (1 + 2 / 3) / 2, 1 / 2, 1]
    )
    with pytest.raises(errors.UserError, match="all: 1 of 6 probes.*identity 3"):
        evaluator.refuse_unrankable(target, "refuse")
    assert "all 3 cameras" in target.trials_source


def test_many_cameras_give_many_probes(own):
    # Eight cameras; a person is seen by two that follow each other.
    seen = [(p, 1 + (p + k) % 8) for p in range(40) for k in (0, 1)]
    rows = [("images", f"{p}_{c}.png", p, c) for p, c in seen]
    assert len(_target(own(rows), own_trials="all").trials[0].probe_ids) == 80
    assert len(_target(own(rows), own_trials="cameras").trials[0].probe_ids) == 10


def test_all_needs_cameras(own):
    with pytest.raises(errors.UserError, match="--own_trials=all.*one camera"):
        _target(own(_rows(cameras=(1,))), own_trials="all")


def test_the_hash_knows_the_camera_rule_and_both_sides():
    one = own_trials.OpenTrial("t", ("a", "b"), ("c", "d"))
    others = [
        own_trials.OpenTrial("t", ("a", "b"), ("c", "d"), camera_rule=True),
        own_trials.OpenTrial("t", ("a",), ("c", "d")),
        own_trials.OpenTrial("t", ("a", "b"), ("c",)),
        own_trials.OpenTrial("u", ("a", "b"), ("c", "d")),
    ]
    assert len({own_trials.sha256([trial]) for trial in [one, *others]}) == 5
    # Written down, so that a change of the text form shows.
    text = b"trial t none\nprobe a\nprobe b\ngallery c\ngallery d\n"
    assert own_trials.sha256([one]) == hashlib.sha256(text).hexdigest()
    named = own_trials.OpenTrial("t", ("no\udcffutf8",), ("c",))  # As os.fsdecode.
    assert len(own_trials.sha256([named])) == 64
