"""Thresholds against hand counts and against theory."""

import tracemalloc

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.evaluation import calibration, evaluator, image_pairs, measures


@pytest.mark.parametrize(
    ("scores", "rate", "accepted"),
    [
        ([1, 2, 3, 4, 5], 0.4, {4, 5}),
        ([1, 2, 3, 4, 5], 0.39, {5}),
        ([1, 2, 3, 4, 5], 0.1, set()),
        ([1, 2, 2, 2, 5], 0.5, {5}),  # Ties are accepted together or not at all.
        ([1, 2, 2, 2, 5], 0.8, {2, 5}),
        ([7, 7, 7], 1.0, {7}),
    ],
)
def test_threshold_by_hand(scores, rate, accepted):
    (t,) = calibration.Impostors(np.array(scores, float)).thresholds([rate])
    assert {s for s in scores if s >= t} == accepted
    # The lowest such: a hair lower accepts more, or all are accepted already.
    lower = [s for s in scores if s >= np.nextafter(t, -np.inf)]
    assert len(lower) > rate * len(scores) or accepted == set(scores)


def test_a_threshold_keeps_tied_impostors_of_float32_out():
    """A step of float64 above them, NumPy compared it as a float32: one of them."""
    tied = np.float32(0.7)
    scores = np.concatenate([np.full(20, tied), np.linspace(0, 0.6, 980)])
    scores = scores.astype(np.float32)
    assert (scores >= float(np.nextafter(np.float64(tied), 1))).sum() == 20
    (t,) = calibration.Impostors(scores).thresholds([0.01])  # Ten at most.
    assert t == float(np.nextafter(tied, np.float32(1)))
    for accepted in (scores >= t, scores >= np.float64(t), measures.reaches(scores, t)):
        assert accepted.sum() == 0
    (t,) = calibration.Impostors(scores).thresholds([0.02])
    assert (scores >= t).sum() == 20
    (t,) = calibration.Impostors(scores).thresholds([1.0])
    assert (scores >= t).all() and t == np.finfo(np.float32).min


def test_thresholds_of_a_source_keep_to_their_rates_by_either_comparison():
    # Both probes of a pair are alike, so that each score comes twice or more.
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(size=(60, 8)), 2, axis=0).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    identities = np.repeat(np.arange(30), 4)
    pairs = calibration.score_pairs(
        _scoring(vectors, vectors), identities, identities * 0
    )
    assert pairs.scores.dtype == np.float32
    impostors = pairs.scores[~pairs.genuine]
    told = [row for row in calibration.thresholds(pairs) if "score" in row]
    assert told
    for row in told:
        for accepted in (
            impostors >= row["score"],
            impostors >= np.array(row["score"]),
        ):
            assert accepted.mean() <= 1 / row["one_in"]


def test_weights_count_as_copies():
    rng = np.random.default_rng(0)
    scores, times = rng.normal(size=50), rng.integers(0, 4, 50)
    copies = np.repeat(scores, times)
    rates = (0.02, 0.1, 0.5)
    assert calibration.Impostors(scores).thresholds(
        rates, times
    ) == calibration.Impostors(copies).thresholds(rates)


def _scoring(probes, gallery):
    return evaluator.Scoring(probes, gallery, lambda p, g: p @ g.T)


def test_pairs_of_a_source():
    # Three persons, cameras 1 and 2; the score is not symmetric.
    identities = np.array([4, 4, 4, 5, 5, 6])
    cameras = np.array([1, 2, 2, 1, 2, 1])
    probes, gallery = np.eye(6), np.arange(36.0).reshape(6, 6)
    pairs = calibration.score_pairs(_scoring(probes, gallery), identities, cameras)
    # Person 4: 0-1, 0-2 both ways; person 5: 3-4 both ways; 1-2 share their camera.
    assert pairs.genuine.sum() == 6 and (~pairs.genuine).sum() == 36 - 9 - 4 - 1
    found = set(pairs.scores[pairs.genuine].tolist())
    # score(probe i, gallery j) = gallery[j, i] = 6 j + i.
    assert found == {6.0, 12.0, 1.0, 2.0, 27.0, 22.0}
    one = calibration.score_pairs(_scoring(probes, gallery), identities, cameras * 0)
    assert one.genuine.sum() == 6 + 2
    few = calibration.score_pairs(
        _scoring(probes, gallery), identities, cameras, seed=3, impostors=5
    )
    assert (~few.genuine).sum() == 5


def test_the_gallery_is_held_once_for_all_probes(monkeypatch):
    monkeypatch.setattr(calibration, "_PROBE_BLOCK", 2)
    held, scored = [], []

    def hold(gallery):
        held.append(gallery.copy())
        return held[-1]

    def score(probes, gallery):
        scored.append(gallery)
        return probes @ gallery.T

    identities = np.array([4, 4, 4, 5, 5, 6])
    vectors = np.arange(12.0).reshape(6, 2)
    scoring = evaluator.Scoring(vectors, vectors, score, hold)
    likeness = calibration.likeness(scoring, 2.0)
    for each in (scoring, likeness):
        calibration.score_pairs(each, identities, identities * 0)
    assert len(held) == 2 and len(scored) == 6
    assert all(gallery is held[k // 3] for k, gallery in enumerate(scored))


def test_where_there_are_no_more_pairs_of_two_people_all_are_taken():
    identities = np.array([4, 4, 4, 5, 5, 6])
    scoring = _scoring(np.eye(6), np.arange(36.0).reshape(6, 6))
    strangers = identities[:, np.newaxis] != identities
    for wanted in (22, 23):  # 36 pairs, 9 + 4 + 1 of them of one person.
        pairs = calibration.score_pairs(
            scoring, identities, identities * 0, impostors=wanted
        )
        found = pairs.scores[~pairs.genuine]
        assert sorted(found) == sorted(scoring.gallery.T[strangers])


def _peak(call):
    tracemalloc.start()
    try:
        return call(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_many_images_of_one_person_take_memory_for_images_not_for_pairs():
    count = 6_000  # 36 million pairs: over a gigabyte of places alone.
    ones, one = np.ones((count, 1), np.float32), np.zeros(count, int)
    pairs, peak = _peak(lambda: calibration.score_pairs(_scoring(ones, ones), one, one))
    assert len(pairs.scores) == calibration.GENUINE_PAIRS and pairs.genuine.all()
    assert peak < 250e6
    with pytest.raises(errors.UserError, match="found 1,000,000 and 0"):
        calibration.thresholds(pairs)


def test_few_strangers_are_found_without_a_matrix_of_all_images():
    count = 20_000
    identities = np.zeros(count, int)
    identities[[5, 77, 9_000]] = 4, 4, 2
    found, peak = _peak(lambda: image_pairs.strangers(identities, 200_000, 0))
    assert peak < 50e6  # The matrix had 400 MB.
    assert len(found) == 2 * (3 * (count - 3) + 2)
    assert (identities[found[:, 0]] != identities[found[:, 1]]).all()
    assert len(np.unique(found[:, 0] * count + found[:, 1])) == len(found)


def _normal_pairs(impostors, genuine=1_000, seed=0):
    rng = np.random.default_rng(seed)
    people = 400
    a = rng.integers(0, people, impostors)
    b = (a + rng.integers(1, people, impostors)) % people
    same = rng.integers(0, people, genuine)
    scores = np.concatenate([rng.normal(0, 1, impostors), rng.normal(3, 1, genuine)])
    return calibration.Pairs(
        scores, np.concatenate([a, same]), np.concatenate([b, same])
    )


def test_thresholds_of_normal_scores():
    rows = calibration.thresholds(_normal_pairs(100_000))
    # Quantiles of the normal distribution at 1 - 1e-2, 1e-3, 1e-4.
    for row, (one_in, score, accept) in zip(
        rows, [(100, 2.326, 0.75), (1_000, 3.090, 0.464), (10_000, 3.719, 0.236)],
        strict=True,
    ):  # fmt: skip
        assert row["one_in"] == one_in
        low, high = row["interval"]
        assert low < row["score"] < high and low < score < high
        assert row["score"] == pytest.approx(score, abs=0.2)
        assert row["true_accept_rate"] == pytest.approx(accept, abs=0.08)


def test_too_few_pairs_are_refused_by_rate():
    rows = calibration.thresholds(_normal_pairs(9_999))
    assert "score" in rows[0] and "score" not in rows[1]
    assert "9,999 impostor pairs, 10,000 needed" in rows[1]["refused"]
    assert "--holdout_identities" in rows[2]["refused"]
    with pytest.raises(errors.UserError, match="found 0 and 50"):
        calibration.thresholds(_normal_pairs(50, genuine=0))


def test_an_interval_that_resamples_cannot_tell_is_none_with_its_reason():
    # Of two people, a quarter of the draws is one of them twice: -1.8e308 was an end.
    images = np.repeat([0, 1], 30)
    probes, gallery = np.repeat(images, 60), np.tile(images, 60)
    scores = np.random.default_rng(0).normal(size=len(probes))
    rows = calibration.thresholds(calibration.Pairs(scores, probes, gallery))
    assert abs(rows[0]["score"]) < 10 and rows[0]["interval"] is None
    reason = rows[0]["interval_refused"]
    assert " of 200 resamples of the people hold no pair of two of them" in reason
    assert "--holdout_identities" in reason
    assert 20 < int(reason.split()[0]) < 180
    assert "interval_refused" not in calibration.thresholds(_normal_pairs(2_000))[0]


@pytest.mark.parametrize("score", [np.nan, np.inf])
def test_a_score_that_is_not_finite_is_refused(score):
    pairs = _normal_pairs(2_000)
    pairs.scores[7] = score
    with pytest.raises(errors.UserError, match="finite scores, 1 of 3,000 are not"):
        calibration.thresholds(pairs)


def test_drawn_impostor_pairs_are_distinct_strangers_in_all_places():
    count, wanted = 900, 20_000
    identities = np.repeat(np.arange(count // 3), 3)
    # score(probe i, gallery j) = i + count * j, which tells the pair.
    probes = np.stack([np.arange(count), np.ones(count)], axis=1).astype(float)
    gallery = np.stack([np.ones(count), count * np.arange(count)], axis=1).astype(float)
    pairs = calibration.score_pairs(
        _scoring(probes, gallery), identities, identities * 0, 1, wanted
    )
    told = pairs.scores.astype(int)
    np.testing.assert_array_equal(identities[told % count], pairs.probes)
    np.testing.assert_array_equal(identities[told // count], pairs.gallery)
    assert len(set(told.tolist())) == len(told) == wanted + count * 2
    strangers = told[~pairs.genuine]
    assert len(strangers) == wanted
    for side in (strangers % count, strangers // count):
        counts = np.bincount(side // 90, minlength=10)
        assert np.abs(counts - wanted / 10).max() < 6 * np.sqrt(wanted / 10)


def test_likeness_is_a_cosine_where_classifiers_are_units_and_ranks_alike():
    rng = np.random.default_rng(0)
    probes, gallery = rng.normal(size=(9, 4)), rng.normal(size=(20, 4))
    probes *= rng.uniform(1, 9, (9, 1))
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    scaled = evaluator.Scoring(probes, gallery, lambda p, g: 14.0 * p @ g.T)
    divided = calibration.likeness(scaled, 14.0)
    np.testing.assert_allclose(np.linalg.norm(divided.probes, axis=1), 1)
    before, after = probes @ gallery.T, divided.score(divided.probes, divided.gallery)
    np.testing.assert_array_equal(np.argsort(before, axis=1), np.argsort(after, axis=1))
    np.testing.assert_allclose(
        before / np.linalg.norm(probes, axis=1, keepdims=True), after
    )


def test_a_resampled_pair_counts_by_both_of_its_identities():
    # Pairs (0, 0), (1, 1), (2, 2), (0, 1), (1, 0): an identity drawn n times is in
    # n * n pairs with itself, and two drawn n and m times in n * m either way.
    probes, gallery = np.array([0, 1, 2, 0, 1]), np.array([0, 1, 2, 1, 0])
    pairs = calibration.Pairs(np.zeros(5), probes, gallery)
    found = np.array(list(calibration._identity_weights(pairs, seed=0)))
    times = np.sqrt(found[:, :3])
    np.testing.assert_array_equal(times.sum(axis=1), 3)
    np.testing.assert_array_equal(found[:, 3], times[:, 0] * times[:, 1])
    np.testing.assert_array_equal(found[:, 3], found[:, 4])
    assert len(found) == calibration.RESAMPLES
    assert len(np.unique(times, axis=0)) == 10  # All draws of three with repetition.


def test_the_seed_draws_pairs_and_intervals():
    identities = np.repeat(np.arange(30), 2)
    probes, gallery = np.eye(60), np.arange(3600.0).reshape(60, 60)

    def strangers(seed):
        scoring = _scoring(probes, gallery)
        pairs = calibration.score_pairs(scoring, identities, identities * 0, seed, 50)
        return set(pairs.scores[~pairs.genuine].tolist())

    assert strangers(0) == strangers(0) != strangers(1)
    scoring = _scoring(probes, gallery)
    default = calibration.score_pairs(scoring, identities, identities * 0, impostors=50)
    assert set(default.scores[~default.genuine].tolist()) == strangers(0)
    pairs = _normal_pairs(2_000)
    assert calibration.thresholds(pairs) == calibration.thresholds(pairs, 0)
    intervals = [calibration.thresholds(pairs, s)[0]["interval"] for s in (0, 0, 1)]
    assert intervals[0] == intervals[1] != intervals[2]


def test_the_interval_holds_95_per_cent_of_the_resampled_thresholds():
    pairs = _normal_pairs(2_000)
    impostors = calibration.Impostors(pairs.scores[~pairs.genuine])
    resampled = [
        impostors.thresholds([0.01], weights[~pairs.genuine])
        for weights in calibration._identity_weights(pairs, seed=5)
    ]
    row = calibration.thresholds(pairs, seed=5)[0]
    assert row["interval"] == np.percentile(resampled, [2.5, 97.5]).tolist()


def test_resamples_take_memory_for_one_of_them():
    pairs = _normal_pairs(100_000)
    rows, peak = _peak(lambda: calibration.thresholds(pairs))
    assert all(row["interval"] for row in rows)
    assert peak < 25e6  # The weights of all of them had 160 MB.
