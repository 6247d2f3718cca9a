"""Protocols by name; the trials of data sets without a published one."""

import dataclasses

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.evaluation import (
    bootstrap,
    evaluator,
    options,
    ranking,
    report,
    targets,
)
from dimn_tf.evaluation.protocols import protocol, registry, trial
from tests.dimn_tf.evaluation.protocols import asking


def _target(records, **changes):
    return targets.target_of_records(records, options.EvaluationOptions(**changes))


@pytest.fixture
def own(fake_records):
    def make(rows, place="crops"):
        return fake_records(f"reid_folder:{place}", rows)

    return make


def test_draws_do_not_depend_on_the_place(own):
    for changes in ({}, {"gallery_images": 2}):
        here, there = (
            _target(own(asking.rows(), x), **changes) for x in ("a", "b/c.csv")
        )
        assert here.trials_sha256 == there.trials_sha256
        other = _target(own(asking.rows()), trial_seed=1, **changes)
        assert other.trials_sha256 != here.trials_sha256


def test_the_first_camera_against_the_others(own):
    target = _target(own(asking.rows(cameras=(2, 5, 7))), own_trials="cameras")
    (trial,) = target.trials
    cameras = target.records.camera_ids
    assert set(cameras[trial.probe_indices].tolist()) == {2}
    assert set(cameras[trial.gallery_indices].tolist()) == {5, 7}
    assert (len(trial.probe_indices), len(trial.gallery_indices)) == (15, 30)
    assert trial.probe_cameras is None


def test_splits_state_the_trial(own):
    rows = asking.rows(cameras=(1,), split="probe") + asking.rows(
        cameras=(1, 2), split="gallery"
    )
    rows = [(s, f"{s}/{name}", p, c) for s, name, p, c in rows]
    target = _target(own(rows), camera_rule="cross_camera")
    (trial,) = target.trials
    splits = target.records.splits
    assert set(splits[trial.probe_indices].tolist()) == {"probe"}
    assert set(splits[trial.gallery_indices].tolist()) == {"gallery"}
    assert trial.probe_cameras.tolist() == [1] * 15
    drawn = _target(own(rows), own_trials="pairs")
    assert len(drawn.trials) == 10


def test_matches_from_a_probes_own_camera_are_told(own):
    """Without the rule they make a figure that is no benchmark's."""
    probes = asking.rows(cameras=(1,), split="probe")
    rows = probes + asking.rows(cameras=(1, 2), split="gallery")[1:]
    rows = [(s, f"{s}/{name}", p, c) for s, name, p, c in rows]
    told = "of 15 probes have a match from their own camera"
    plain = _target(own(rows)).trials_source
    assert told in plain and "--camera_rule=cross_camera" in plain
    ruled = _target(own(rows), camera_rule="cross_camera").trials_source
    assert ruled.endswith("its own camera passed over")
    apart = probes + asking.rows(cameras=(2,), split="gallery")
    apart = [(s, f"{s}/{name}", p, c) for s, name, p, c in apart]
    assert _target(own(apart)).trials_source == "its splits probe and gallery"


@pytest.mark.parametrize(
    "changes", [{"own_trials": "cameras"}, {"camera_rule": "cross_camera"}]
)
def test_one_camera_says_what_to_change(own, changes):
    flag = "--" + "=".join(next(iter(changes.items())))
    with pytest.raises(errors.UserError, match=flag) as caught:
        _target(own(asking.rows(cameras=(1,))), **changes)
    assert "one camera" in str(caught.value) and "camera_id" in str(caught.value)


def test_too_few_images(own):
    for wanted in (1, 2):
        with pytest.raises(errors.UserError, match="0 identities have two images"):
            _target(own(asking.rows(cameras=(1,), shots=1)), gallery_images=wanted)


class Colours:
    """Bare features: the red of the image, which is its person."""

    def encode(self, images):
        return np.asarray(images)[:, 4, 2, :1]

    def probe_representation(self, features):
        return features

    gallery_representation = held_gallery = probe_representation
    score = staticmethod(evaluator.negative_squared_distance)


def test_probes_without_a_match_are_refused_before_encoding_or_counted_apart(
    own, tmp_path
):
    rows = [*asking.rows(), ("images", "9/1_0.png", 9, 1)]
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
        _target(own(asking.rows(cameras=(1,))), own_trials="all")


_ITS_SPLITS = (
    "its splits probe and gallery; 15 of 15 probes have a match from their own camera, "
    "which benchmarks pass over (--camera_rule=cross_camera)"
)


def _in_splits():
    rows = asking.rows(cameras=(1,), split="probe") + asking.rows(split="gallery")
    return [(split, f"{split}/{name}", p, c) for split, name, p, c in rows]


# Worked out by the code of commit c925730, as results on disk name their trials.
@pytest.mark.parametrize(
    ("rows", "changes", "digest"),
    [
        (asking.rows(), {}, "de698da1a074ae3501add439efb133d5d207b1dc37c28c1f"),
        (
            asking.rows(),
            {"trial_seed": 1},
            "c858ade67d0a3b3d2fbc32bc88b88ca9beb2ac023b248aec",
        ),
        (
            asking.rows(),
            {"gallery_images": 2},
            "8318bd20bed9a7b28a8ec6e16792042607ed44cadb93f2f4",
        ),
        (
            asking.rows(cameras=(1, 2, 3)),
            {"gallery_images": 0, "camera_rule": "cross_camera"},
            "bfaac8981b85c8d5b83e16f5c600966c0fa32ce7c67cd858",
        ),
        (
            asking.rows(cameras=(2, 5, 7)),
            {"own_trials": "cameras"},
            "853e8494771027eeae729e251782e4fc6916a14181f17868",
        ),
        (
            asking.rows(cameras=(2, 5, 7)),
            {"own_trials": "cameras", "camera_rule": "cross_camera"},
            "ad7bbbd7494ac097d7c654717975eaa6b51e2b48efc41a62",
        ),
        (
            asking.rows(),
            {"own_trials": "all"},
            "05e1e11c3947b421a01e4d02eca23ce0ad5d4cea563cd2af",
        ),
        (_in_splits(), {}, "c3e419b1b480f28e20a6bbe0da012fb819cf0b24d019770b"),
        (
            _in_splits(),
            {"camera_rule": "cross_camera"},
            "b3881d2fa438868e685da5aaeda40c332a64ec4192179dba",
        ),
    ],
)
def test_hashes_stay_as_results_on_disk_have_them(own, rows, changes, digest):
    assert _target(own(rows), **changes).trials_sha256.startswith(digest)


@pytest.mark.parametrize(
    ("reference", "digest"),
    [
        ("synthetic_reid/plaza", "9d1a47b12300a9e80e54cbb20a5f874c9ed0467dcd52ef21"),
        ("market1501/partial", "f458b15b1f4151491905ac87fba949325ca20b9e8888f0f1"),
    ],
)
def test_hashes_of_other_data_sets_stay(fake_records, reference, digest):
    target = _target(fake_records(reference, asking.rows()))
    assert target.trials_sha256.startswith(digest)


def test_what_the_hash_names_is_what_is_ranked(own):
    """The camera rule is in the text, in the trial and in the ranking alike."""
    for chosen in ("pairs", "cameras", "splits"):
        plain, ruled = (
            _target(own(_in_splits()), own_trials=chosen, camera_rule=rule)
            for rule in trial.CAMERA_RULES
        )
        assert plain.trials_sha256 != ruled.trials_sha256
        assert all(found.probe_cameras is None for found in plain.trials)
        assert all(found.probe_cameras is not None for found in ruled.trials)


@pytest.mark.parametrize("chosen", ["pairs", "cameras", "all", "auto"])
def test_images_that_differ_in_the_extension_alone_are_two(own, chosen):
    rows = asking.rows() + asking.rows(ending="jpg")
    target = _target(own(rows), own_trials=chosen, gallery_images=0)
    names = target.records.file_names
    for found in target.trials:
        indices = [*found.probe_indices, *found.gallery_indices]
        assert {names[i][-4:] for i in indices} == {".png", ".jpg"}
        assert len(set(found.gallery_indices.tolist())) == len(found.gallery_indices)


def test_splits_can_be_asked_for(own):
    asked, auto = (_target(own(_in_splits()), own_trials=x) for x in ("splits", "auto"))
    assert asked.trials_sha256 == auto.trials_sha256
    assert asked.trials_source == _ITS_SPLITS
    for rows in (asking.rows(), asking.rows(split="probe")):
        with pytest.raises(errors.UserError, match="=splits.*no splits probe and gall"):
            _target(own(rows), own_trials="splits")


def test_options_are_what_they_say_whoever_made_the_text(own):
    def read(text):  # As a flag is: equal to the known text, and another object.
        return "".join(list(text))

    auto = _target(own(_in_splits()), own_trials=read("auto"))
    assert auto.trials_source == _ITS_SPLITS
    asked = _target(own(_in_splits()), own_trials=read("splits"))
    assert asked.trials_source == _ITS_SPLITS
    ruled = _target(own(asking.rows()), camera_rule=read("cross_camera"))
    assert ruled.trials[0].probe_cameras is not None
    plain = _target(own(asking.rows()), camera_rule=read("none"))
    assert plain.trials_sha256 == _target(own(asking.rows())).trials_sha256
    with pytest.raises(errors.UserError, match="--camera_rule=cross_camera.*one cam"):
        _target(own(asking.rows(cameras=(1,))), camera_rule=read("cross_camera"))


def test_splits_that_take_no_part_are_said(own):
    def target(rows, trained, **changes):
        records = own(rows)
        records.training_splits = trained
        return _target(records, **changes)

    rows = [*asking.rows(split="train", persons=3), *_in_splits()]
    rows.append(("aside", "aside/1.png", 1, 2))
    splits = target(rows, ("train",))
    assert splits.trials_source == (f"{_ITS_SPLITS}; split aside, train takes no part")
    for side in ("probe", "gallery"):
        indices = getattr(splits.trials[0], f"{side}_indices")
        assert set(splits.records.splits[indices].tolist()) == {side}
    # What is trained on is not drawn from, but where there is nothing else.
    pairs = target(rows, ("train",), own_trials="pairs")
    assert pairs.trials_source == "drawn by seed 0; split train takes no part"
    drawn = pairs.records.splits[pairs.trials[0].probe_indices]
    assert set(drawn.tolist()) <= {"probe", "gallery", "aside"}
    alone = target(asking.rows(split="train"), ("train",))
    assert alone.trials_source == "drawn by seed 0"
    assert len(alone.trials[0].probe_ids) == 5


def test_where_trials_come_from_is_said(own):
    def source(**changes):
        return _target(own(asking.rows(cameras=(2, 5, 7))), **changes).trials_source

    assert source(trial_seed=3) == "drawn by seed 3"
    assert source(gallery_images=2) == "drawn by seed 0, 2 gallery images each"
    assert source(gallery_images=0) == "drawn by seed 0, all gallery images each"
    assert source(own_trials="cameras") == "camera 2 against 2 other camera(s)"
    assert source(camera_rule="cross_camera") == (
        "drawn by seed 0, 1 gallery images each"
    )


def test_images_of_no_person_and_of_other_splits_take_no_part(fake_records):
    rows = asking.rows(persons=3) + [("images", "0/1_0.png", 0, 1)]
    rows += [("labeled", f"x{name}", p, c) for _, name, p, c in asking.rows()]
    records = fake_records("market1501", rows)
    records.training_splits = ("images",)
    for chosen in ("pairs", "cameras", "all"):
        target = _target(records, own_trials=chosen)
        for found in target.trials:
            for indices in (found.probe_indices, found.gallery_indices):
                assert set(records.splits[indices].tolist()) == {"images"}
                assert set(records.person_ids[indices].tolist()) == {1, 2, 3}
        assert target.trials_source.endswith(
            "; images of no identity take no part (1 of person_id 0)"
        )


def _market(fake_records, probes="query"):
    """Four persons, of whom two are trained on; two distractors, three of junk."""
    rows = [
        (split, f"{split}/{p}_{c}.jpg", p, c)
        for split, cameras in ((probes, (1,)), ("gallery", (1, 2)))
        for p in (1, 2)
        for c in cameras
    ]
    rows += [("train", f"train/{p}_{c}.jpg", p, c) for p in (3, 4) for c in (1, 2)]
    rows += [("gallery", f"gallery/0_{i}.jpg", 0, 2) for i in range(2)]
    rows += [("gallery", f"gallery/-1_{i}.jpg", -1, 2) for i in range(3)]
    return fake_records("market1501", rows)


def test_market1501s_own_protocol_is_query_against_gallery(fake_records):
    target = _target(
        _market(fake_records), own_trials="splits", camera_rule="cross_camera"
    )
    (trial,) = target.trials
    assert trial.probe_ids.tolist() == [1, 2]
    # Distractors stay, as strangers; junk does not.
    assert sorted(trial.gallery_ids.tolist()) == [0, 0, 1, 1, 2, 2]
    splits = target.records.splits
    assert set(splits[trial.probe_indices].tolist()) == {"query"}
    assert set(splits[trial.gallery_indices].tolist()) == {"gallery"}
    assert target.trials_source == (
        "its splits query and gallery, a probe's own person in its own camera passed "
        "over; split train takes no part; images of no identity take no part (3 of "
        "person_id -1)"
    )


def test_query_is_asked_for_and_probe_goes_before_it(fake_records, own):
    """What was drawn by `auto` of Market-1501 stays comparable."""
    drawn = _target(_market(fake_records))
    assert len(drawn.trials) == 10
    assert drawn.trials_source == (
        "drawn by seed 0; images of no identity take no part (5 of person_id -1 and 0)"
    )
    rows = [*_in_splits(), ("query", "query/1.png", 1, 1)]
    both = _target(own(rows), own_trials="splits")
    assert both.trials_source == f"{_ITS_SPLITS}; split query takes no part"


def test_splits_that_are_trained_on_and_are_not_there_leave_all(fake_records):
    records = fake_records("cuhk03", asking.rows())
    records.training_splits = ("detected",)
    assert len(_target(records, own_trials="all").trials[0].probe_ids) == 30


def test_a_protocol_joins_by_its_line(own, monkeypatch):
    def two_by_name(asked):
        a, b, *_ = asked.chosen(asked.taking_part)
        return [trial.Trial("two", (a,), (b,))], "by name"

    monkeypatch.setitem(registry.OWN, "two", protocol.Protocol(two_by_name, "two"))
    target = _target(own(asking.rows()), own_trials="two")
    assert target.trials_source == "by name"
    names = target.records.file_names[target.trials[0].gallery_indices]
    assert names.tolist() == ["1/1_1.png"]


def test_the_flag_offers_and_explains_every_protocol():
    (field,) = [
        field
        for field in dataclasses.fields(options.EvaluationOptions)
        if field.name == "own_trials"
    ]
    assert set(field.metadata["choices"]) == {"auto", *registry.OWN}
    for name, known in registry.OWN.items():
        assert f"`{name}` ({known.help})" in field.metadata["help"]


def test_unknown_data_sets_are_named(fake_records):
    with pytest.raises(errors.UserError, match="no data set 'vipre'.*viper, prid"):
        _target(fake_records("vipre", asking.rows()))


def _shuffled(records):
    order = np.random.default_rng(5).permutation(len(records))
    for name in ("person_ids", "camera_ids", "file_names", "splits"):
        setattr(records, name, getattr(records, name)[order])
    return records


@pytest.mark.parametrize("chosen", ["pairs", "cameras", "all", "splits"])
@pytest.mark.parametrize("gallery_images", [1, 2])
def test_trials_do_not_depend_on_the_order_of_the_records(own, chosen, gallery_images):
    changes = {"own_trials": chosen, "gallery_images": gallery_images}
    straight, other = own(_in_splits()), _shuffled(own(_in_splits()))
    found = [_target(records, **changes).trials_sha256 for records in (straight, other)]
    assert found[0] == found[1]
