"""The evaluator: each image once, blocks, the method's sides, the diagnosis."""

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import errors, progress
from dimn_tf.evaluation import evaluator, ranking, targets
from dimn_tf.evaluation.protocols import resolved_trial, trial_text
from dimn_tf.evaluation.protocols import trial as trial_lib
from tests.dimn_tf.evaluation.protocols import asking
from tests.dimn_tf.methods import tiny


class FakeMethod:
    """Feature = (person, camera, position) colours; probe and gallery sides differ."""

    def __init__(self):
        self.encoded = 0

    def encode(self, images):
        assert images.shape[1:] == (8, 4, 3) and images.dtype == np.float32
        self.encoded += len(images)
        return np.asarray(images)[:, 4, 2, :]

    def probe_representation(self, features):
        return features[:, :1]

    def gallery_representation(self, features):
        return 2 * features[:, :1]  # so that sides exchanged by mistake would show

    def held_gallery(self, representations):
        return representations

    def score(self, probes, gallery):
        return -np.abs(2 * np.asarray(probes) - np.asarray(gallery).T)


@pytest.fixture
def target(fake_records):
    rows = [("all", f"p/{person}_{camera}.png", person, camera)
            for person in range(6) for camera in (0, 1)]  # fmt: skip
    rows.append(("all", "p/unused.png", 77, 3))
    records = fake_records("set", rows)
    named = [
        trial_lib.Trial.of_pairs(f"t{k}", [(f"p/{i}_0", f"p/{i}_1") for i in persons])
        for k, persons in enumerate([(0, 1, 2), (1, 3, 5), (5, 4, 0)])
    ]
    resolved = tuple(asking.resolve(records, named))
    digest = trial_text.sha256(named)
    return targets.Target("set", records, resolved, digest, "made up")


def evaluate(method, target):
    return evaluator.evaluate_target(method, target, 8, 4, 5, progress=False)


def test_ranks_by_probe_and_gallery_representation(target):
    result = evaluate(FakeMethod(), target)
    assert set(result.rankings) == {"method", "euclidean", "cosine"}
    for ranked in result.rankings["method"]:
        assert ranked.cmc[1] == 1.0 and ranked.mean_average_precision == 1.0


def test_sides_exchanged_would_show(target):
    class Exchanged(FakeMethod):
        probe_representation = FakeMethod.gallery_representation
        gallery_representation = FakeMethod.probe_representation

    ranked = evaluate(Exchanged(), target).rankings["method"]
    assert np.mean([r.mean_average_precision for r in ranked]) < 1


def test_each_image_is_read_and_encoded_once(target):
    method = FakeMethod()
    result = evaluate(method, target)
    assert method.encoded == 12
    assert sorted(target.records.reads) == list(range(12))  # 12, the unused, never
    np.testing.assert_array_equal(result.features.indices, np.arange(12))
    np.testing.assert_array_equal(
        result.features.values[:, 2], np.arange(12)
    )  # feature i is image i's


def test_equals_a_full_matrix_by_hand(target, monkeypatch):
    monkeypatch.setattr(ranking, "_PROBE_BLOCK_SCORES", 3)  # one probe a block

    class Odd(FakeMethod):
        def encode(self, images):
            return np.sin(1 + np.asarray(images)[:, 4, 2, :] * [[3.0, 5.0, 7.0]])

    result = evaluate(Odd(), target)
    features = result.features.values
    for k, trial in enumerate(target.trials):
        probes, gallery = features[trial.probe_indices], features[trial.gallery_indices]
        distances = np.linalg.norm(probes[:, None] - gallery[None], axis=2)
        units = [
            x / np.linalg.norm(x, axis=1, keepdims=True) for x in (probes, gallery)
        ]
        expected = {
            "method": -np.abs(2 * probes[:, :1] - 2 * gallery[:, :1].T),
            "euclidean": -distances,
            "cosine": units[0] @ units[1].T,
        }
        for name, scores in expected.items():
            whole = ranking.evaluate_ranking(scores, trial.probe_ids, trial.gallery_ids)
            np.testing.assert_array_equal(
                result.rankings[name][k].average_precisions, whole.average_precisions
            )


def test_no_block_holds_more_than_its_share_of_scores(target, monkeypatch):
    monkeypatch.setattr(ranking, "_PROBE_BLOCK_SCORES", 7)
    shapes = []

    class Watched(FakeMethod):
        def score(self, probes, gallery):
            shapes.append((len(probes), len(gallery)))
            return super().score(probes, gallery)

    evaluate(Watched(), target)
    assert shapes == [(2, 3), (1, 3)] * 3  # 3 x 3 scores, at most 7 at once


def test_a_trials_gallery_is_converted_once_for_all_blocks(target, monkeypatch):
    monkeypatch.setattr(ranking, "_PROBE_BLOCK_SCORES", 3)  # one probe a block
    held, scored = [], []

    class Held(FakeMethod):
        def held_gallery(self, representations):
            held.append(tf.convert_to_tensor(representations))
            return held[-1]

        def score(self, probes, gallery):
            scored.append(gallery)
            return super().score(probes, gallery)

    found = evaluate(Held(), target).rankings["method"]
    assert len(held) == len(target.trials) and len(scored) == 9
    for k, gallery in enumerate(scored):
        assert gallery is held[k // 3]  # The very tensor, block after block.
    plain = evaluate(FakeMethod(), target).rankings["method"]
    for one, other in zip(found, plain, strict=True):
        np.testing.assert_array_equal(one.average_precisions, other.average_precisions)


def test_a_methods_scores_of_a_held_gallery_are_the_same_bit_for_bit():
    method = tiny.method("dimn", 3)
    features = np.random.default_rng(0).normal(size=(50, tiny.DIMENSION))
    scoring = evaluator.scorings(method, features.astype(np.float32))["method"]
    held = scoring.hold(scoring.gallery)
    assert tf.is_tensor(held) and tf.convert_to_tensor(held) is held
    for rows in (slice(0, 1), slice(3, 30)):
        np.testing.assert_array_equal(
            scoring.score(scoring.probes[rows], held),
            scoring.score(scoring.probes[rows], scoring.gallery),
        )


def test_representations_are_made_in_blocks(monkeypatch):
    monkeypatch.setattr(evaluator, "_ROWS", 4)
    features = np.arange(30, dtype=np.float32).reshape(10, 3)
    scoring = evaluator.scorings(FakeMethod(), features)["method"]
    np.testing.assert_array_equal(scoring.gallery, 2 * features[:, :1])


def test_zero_features_do_not_divide_by_zero():
    scoring = evaluator.scorings(FakeMethod(), np.zeros((2, 3), np.float32))["cosine"]
    np.testing.assert_array_equal(scoring.probes, np.zeros((2, 3)))


def test_camera_rule_of_a_trial_is_applied(fake_records):
    # The gallery image of the probe's own camera would be first, and is ignored.
    rows = [("all", "0.png", 1, 0), ("all", "1.png", 1, 0), ("all", "2.png", 3, 0)]
    rows += [("all", "3.png", 1, 5)]
    records = fake_records("own", rows)
    labels = (np.array([1]), np.array([1, 3, 1]))
    cameras = (np.array([0]), np.array([0, 0, 5]))
    ruled = resolved_trial.ResolvedTrial(
        "t", np.array([0]), np.array([1, 2, 3]), *labels, *cameras
    )
    target = targets.Target("own", records, (ruled,), "", "")
    ranked = evaluate(FakeMethod(), target).rankings["euclidean"][0]
    # Distances from (1, 0, 0): image 1 at (1, 0, 1) 1, image 2 at (3, 0, 2) sqrt 8,
    # image 3 at (1, 5, 3) sqrt 34. Without image 1 the match is second: AP 1/2;
    # with it the AP would be (1 + 2/3) / 2.
    assert ranked.cmc[1] == 0.0
    assert ranked.average_precisions[0] == 0.5


def test_features_that_are_not_finite_are_named(target):
    class Broken(FakeMethod):
        def encode(self, images):
            features = np.array(images)[:, 4, 2, :]
            features[features[:, 0] == 4] = np.nan
            return features

    with pytest.raises(errors.UserError, match=r"2 of 12 images.*p/4_0\.png"):
        evaluate(Broken(), target)


@pytest.mark.parametrize(
    ("part", "told"), [("encode", "features"), ("gallery_representation", "classifi")]
)
def test_a_model_that_tells_nobody_apart_is_refused(target, part, told, monkeypatch):
    """By ties, trials that list true matches first would give it a figure."""
    held = getattr(FakeMethod, part)
    monkeypatch.setattr(
        FakeMethod, part, lambda self, x: np.zeros_like(np.asarray(held(self, x)))
    )
    with pytest.raises(errors.UserError, match=f"{told}.*are the same.*learning rate"):
        evaluate(FakeMethod(), target)


def test_how_far_it_is_is_told_in_lines_without_a_terminal(target, capsys):
    evaluator.evaluate_target(FakeMethod(), target, 8, 4, 5)
    out, err = capsys.readouterr()
    assert err == "" and "\r" not in out  # No bar is painted into a log.


def test_each_bar_says_what_it_counts(target, monkeypatch):
    shown, bar = [], progress.bar

    def watched(*iterable, **given):
        shown.append(given)
        return bar(*iterable, **given)

    monkeypatch.setattr(progress, "bar", watched)
    evaluate(FakeMethod(), target)
    assert [(row["label"], row.get("unit"), row.get("total")) for row in shown] == [
        ("set: encoding", None, 12),
        ("set: method", "trials", None),
        ("set: euclidean", "trials", None),
        ("set: cosine", "trials", None),
    ]
    assert not any(row["show"] for row in shown)
    shown.clear()
    evaluator.evaluate_target(FakeMethod(), target, 8, 4, 5)
    evaluator.encode_target(FakeMethod(), target, 8, 4)
    evaluator.encode_images(FakeMethod(), target.records, "x", np.arange(2), 8, 4)
    assert len(shown) == 6 and all(row["show"] for row in shown)


def test_lines_are_told_where_there_is_no_terminal(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(progress, "bar", lambda **given: asked.append(given["log"]))
    for terminal in (True, False):
        monkeypatch.setattr("sys.stderr.isatty", lambda x=terminal: x, raising=False)
        evaluator._bar(label="x")
    assert asked[0] is None
    asked[1]("a line")
    assert capsys.readouterr().out == "a line\n"


def test_probes_without_a_match_are_refused_first_or_counted_apart(target):
    rows = trial_lib.Trial("t", ("p/0_0", "p/1_0"), ("p/1_1", "p/2_1"))
    (trial,) = asking.resolve(target.records, [rows])
    lost = targets.Target("set", target.records, (trial,), "", "made up")
    with pytest.raises(errors.UserError, match="^set, t: 1 of 2 probes"):
        evaluate(FakeMethod(), lost)
    assert target.records.reads == []
    evaluator.refuse_unrankable(lost, "apart")
    found = evaluator.evaluate_target(
        FakeMethod(), lost, 8, 4, 5, progress=False, unmatched_probes="apart"
    )
    for (ranked,) in found.rankings.values():
        assert ranked.unmatched.tolist() == [0]
    assert found.rankings["method"][0].cmc[1] == 1.0
