"""Trials of data sets without a published protocol."""

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.evaluation import bootstrap, evaluator, options, report, targets


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


def test_query_is_the_fields_other_word_for_probe(own, fake_records):
    rows = _rows(shots=1, cameras=(1,), split="query")
    rows += _rows(shots=1, cameras=(2,), split="gallery")
    target = _target(own(rows))
    (trial,) = target.trials
    splits = target.records.splits
    assert set(splits[trial.probe_indices]) == {"query"}
    assert set(splits[trial.gallery_indices]) == {"gallery"}
    assert target.trials_source == "its splits query and gallery"
    # A data set with splits of another protocol is drawn from as ever.
    drawn = _target(fake_records("market1501/partial", rows))
    assert len(drawn.trials) == 10
