"""Ranking metrics: by hand, against a literal slow version, and at the edges."""

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.evaluation import ranking


def slow_ranking(scores, probe_ids, gallery_ids, probe_cameras, gallery_cameras, ranks):
    """The definition, word by word: sort, walk down the list, note each match."""
    firsts, precisions = [], []
    for p in range(len(probe_ids)):
        order = sorted(range(len(gallery_ids)), key=lambda g: (-scores[p][g], g))
        hits, seen, values, first = 0, 0, [], None
        for g in order:
            same = gallery_ids[g] == probe_ids[p]
            if same and probe_cameras is not None:
                if gallery_cameras[g] == probe_cameras[p]:
                    continue
            seen += 1
            if same:
                hits += 1
                values.append(hits / seen)
                first = first or seen
        firsts.append(first)
        precisions.append(sum(values) / len(values))
    cmc = {k: sum(f <= k for f in firsts) / len(firsts) for k in ranks}
    return cmc, precisions, firsts


def test_one_match_by_hand():
    # Probe 1: scores .9 .8 .7 for ids 5 1 2 -> its match stands at rank 2, AP 1/2.
    # Probe 2: scores .1 .2 .3 for ids 5 1 2 -> its match stands at rank 1, AP 1.
    # mAP (1/2 + 1) / 2 = 0.75. The trapezoid rule would give probe 1 an AP of
    # (0 + 1/2) / 2 = 0.25 and an mAP of 0.625.
    result = ranking.evaluate_ranking(
        np.array([[0.9, 0.8, 0.7], [0.1, 0.2, 0.3]]), [1, 2], [5, 1, 2], ranks=(1, 2)
    )
    np.testing.assert_allclose(result.average_precisions, [0.5, 1.0])
    assert result.mean_average_precision == pytest.approx(0.75)
    assert result.cmc == {1: 0.5, 2: 1.0}
    np.testing.assert_array_equal(result.first_match_ranks, [2, 1])


def test_several_matches_by_hand():
    # Ranked ids: 7 3 7 9 7 -> precision 1/1, 2/3, 3/5 at the matches;
    # AP = (1 + 2/3 + 3/5) / 3 = 34/45. (Trapezoid: ((1+1)/2 + (1/2+2/3)/2
    # + (2/4+3/5)/2) / 3 = 0.711.)
    result = ranking.evaluate_ranking([[5.0, 4.0, 3.0, 2.0, 1.0]], [7], [7, 3, 7, 9, 7])
    assert result.average_precisions[0] == pytest.approx(34 / 45)
    assert result.cmc == {1: 1.0, 5: 1.0, 10: 1.0}


def test_market_rule_by_hand():
    # Ranked (id, camera): (4,1) ignored, (6,1) wrong, (4,1) ignored, (4,2) right,
    # (8,2) wrong, (4,3) right. Left over: wrong, right, wrong, right
    # -> first match at rank 2; AP = (1/2 + 2/4) / 2 = 1/2.
    scores = [[6, 5, 4, 3, 2, 1]]
    gallery, cameras = [4, 6, 4, 4, 8, 4], [1, 1, 1, 2, 2, 3]
    result = ranking.evaluate_ranking(
        np.array(scores), [4], gallery, [1], cameras, ranks=(1, 2)
    )
    assert result.average_precisions[0] == pytest.approx(0.5)
    assert result.cmc == {1: 0.0, 2: 1.0}
    # Without cameras all four count: ranks 1, 3, 4, 6 -> (1 + 2/3 + 3/4 + 4/6) / 4.
    result = ranking.evaluate_ranking(np.array(scores), [4], gallery)
    assert result.average_precisions[0] == pytest.approx(37 / 48)


def test_ties_go_to_the_earlier_gallery_image():
    # All scores equal: the match keeps its place in the gallery, rank 3 of 4.
    result = ranking.evaluate_ranking(np.zeros((1, 4)), [1], [2, 3, 1, 4])
    assert result.first_match_ranks[0] == 3
    # The tied image before it is ignored by the camera rule: rank 2.
    result = ranking.evaluate_ranking(
        np.zeros((1, 4)), [1], [1, 3, 1, 4], [0], [0, 0, 1, 0]
    )
    assert result.first_match_ranks[0] == 2
    # The tied image *behind* it is ignored: nothing changes.
    result = ranking.evaluate_ranking(
        np.zeros((1, 4)), [1], [3, 1, 4, 1], [0], [0, 1, 0, 0]
    )
    assert result.first_match_ranks[0] == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int32])
@pytest.mark.parametrize("cameras", [False, True])
@pytest.mark.parametrize("levels", [3, 1000])
def test_equals_the_slow_version(dtype, cameras, levels):
    rng = np.random.default_rng([levels, cameras])
    compared = 0
    for _ in range(25):
        probes, gallery = rng.integers(1, 8), rng.integers(4, 60)
        scores = rng.integers(-levels, levels, (probes, gallery)).astype(dtype)
        gallery_ids = rng.integers(-1, 6, gallery)
        gallery_cameras = rng.integers(0, 3, gallery) if cameras else None
        probe_ids = rng.integers(-1, 6, probes)
        probe_cameras = rng.integers(0, 3, probes) if cameras else None
        answerable = [
            any(
                g == p and (not cameras or gallery_cameras[j] != probe_cameras[i])
                for j, g in enumerate(gallery_ids)
            )
            for i, p in enumerate(probe_ids)
        ]
        if not any(answerable):
            continue
        scores, probe_ids = scores[answerable], probe_ids[answerable]
        if cameras:
            probe_cameras = probe_cameras[answerable]
        arguments = (scores, probe_ids, gallery_ids, probe_cameras, gallery_cameras)
        cmc, precisions, firsts = slow_ranking(*arguments, ranks=(1, 2, 7))
        result = ranking.evaluate_ranking(*arguments, ranks=(1, 2, 7))
        np.testing.assert_allclose(result.average_precisions, precisions, rtol=1e-12)
        np.testing.assert_array_equal(result.first_match_ranks, firsts)
        assert result.cmc == pytest.approx(cmc)
        assert result.mean_average_precision == pytest.approx(np.mean(precisions))
        compared += len(probe_ids)
    assert compared > 40


def test_depends_on_the_order_of_scores_only():
    rng = np.random.default_rng(3)
    scores = rng.standard_normal((6, 40))
    probe_ids, gallery_ids = np.arange(6), rng.permutation(np.arange(40) % 8)
    plain = ranking.evaluate_ranking(scores, probe_ids, gallery_ids)
    for other in (np.exp(scores), 5 * scores - 3):
        again = ranking.evaluate_ranking(other, probe_ids, gallery_ids)
        np.testing.assert_array_equal(
            plain.average_precisions, again.average_precisions
        )
    order = rng.permutation(40)
    shuffled = ranking.evaluate_ranking(scores[:, order], probe_ids, gallery_ids[order])
    np.testing.assert_array_equal(plain.average_precisions, shuffled.average_precisions)


def test_infinite_scores_are_ordered():
    result = ranking.evaluate_ranking(
        np.array([[-np.inf, 0.0, np.inf]]), [1], [1, 2, 3]
    )
    assert result.first_match_ranks[0] == 3


def test_bfloat16_scores():
    import ml_dtypes

    scores = np.array([[1.0, 3.0, 2.0]], dtype=ml_dtypes.bfloat16)
    assert ranking.evaluate_ranking(scores, [1], [1, 2, 3]).first_match_ranks[0] == 3


def test_blocks_equal_the_whole(monkeypatch):
    monkeypatch.setattr(ranking, "_PROBE_BLOCK_SCORES", 100)
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((11, 30))
    labels = (np.arange(11) % 5, np.arange(30) % 6)
    accumulator = ranking.RankingAccumulator(*labels)
    blocks = accumulator.blocks()
    assert [(b.start, b.stop) for b in blocks] == [(0, 3), (3, 6), (6, 9), (9, 11)]
    for rows in blocks:
        accumulator.add(scores[rows])
    whole = ranking.evaluate_ranking(scores, *labels)
    result = accumulator.result()
    np.testing.assert_array_equal(result.average_precisions, whole.average_precisions)
    assert result.cmc == whole.cmc


def test_a_block_is_never_empty(monkeypatch):
    monkeypatch.setattr(ranking, "_PROBE_BLOCK_SCORES", 1)
    accumulator = ranking.RankingAccumulator([1, 1], [1, 2, 3])
    assert accumulator.blocks() == [slice(0, 1), slice(1, 2)]


def test_some_probes_are_one_block():
    accumulator = ranking.RankingAccumulator(np.zeros(1_000, int), np.arange(2_000))
    assert accumulator.blocks() == [slice(0, 1_000)]


def test_accumulator_wants_every_probe_once():
    accumulator = ranking.RankingAccumulator([1, 2], [1, 2])
    accumulator.add(np.eye(2)[:1])
    with pytest.raises(errors.UserError, match="scores of 1 probes were given, not 2"):
        accumulator.result()
    with pytest.raises(errors.UserError, match=r"\[1, 2\] at most, after 1 probes"):
        accumulator.add(np.eye(2))


def test_cmc_curve():
    # First matches at ranks 2, 1, 4 -> 1/3, 2/3, 2/3, 1.
    scores = np.array([[9, 8, 7, 6], [6, 9, 7, 8], [9, 8, 7, 6]])
    result = ranking.evaluate_ranking(scores, [2, 2, 4], [1, 2, 3, 4], ranks=(3,))
    np.testing.assert_allclose(result.cmc_curve(5), [1 / 3, 2 / 3, 2 / 3, 1, 1])
    assert result.cmc == {3: pytest.approx(2 / 3)}


def test_probes_without_a_match_are_counted_and_named():
    with pytest.raises(errors.UserError) as error:
        ranking.evaluate_ranking(np.zeros((3, 2)), [1, 9, 8], [1, 2])
    message = str(error.value)
    assert "2 of 3 probes have no true match" in message
    assert "probe 1 (identity 9), probe 2 (identity 8)" in message
    assert "leave these probes out" in message


def test_probes_whose_matches_share_their_camera_are_named_with_a_remedy():
    # Identity 2 is in the gallery, but only by the probe's own camera 4.
    with pytest.raises(errors.UserError) as error:
        ranking.evaluate_ranking(np.zeros((2, 2)), [1, 2], [1, 2], [3, 4], [5, 4])
    message = str(error.value)
    assert "1 of 2 probes" in message and "probe 1 (identity 2, camera 4)" in message
    assert "give no cameras" in message


def test_long_lists_of_lost_probes_are_cut():
    with pytest.raises(errors.UserError, match="probe 4 .* and 15 more"):
        ranking.evaluate_ranking(np.zeros((20, 1)), np.arange(20) + 5, [1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": np.zeros((2, 3))}, r"shape \(2, 3\), expected .* \[2, 2\]"),
        ({"scores": np.zeros((3, 2))}, r"shape \(3, 2\)"),
        ({"scores": np.zeros(2)}, r"shape \(2,\)"),
        ({"scores": np.zeros((1, 2))}, "scores of 1 probes were given, not 2"),
        ({"scores": np.zeros((2, 2), complex)}, "real numbers"),
        ({"probe_ids": [[1, 2]]}, "probe_ids has shape"),
        ({"gallery_ids": [1.0, 2.0]}, "gallery_ids must be whole numbers"),
        ({"probe_ids": []}, "nothing to rank: 0 probes"),
        ({"probe_cameras": [1, 2]}, "only one of probes and gallery"),
        (
            {"probe_cameras": [1], "gallery_cameras": [2, 2]},
            r"probe_cameras has shape \(1,\), expected shape \(2,\)",
        ),
        ({"ranks": (0,)}, "ranks must be"),
        ({"scores": np.array([[1, 2], [np.nan, 1]])}, r"probe 1 \(identity 2\).*NaN"),
    ],
)
def test_bad_input_is_named(changes, message):
    good = {"scores": np.eye(2), "probe_ids": [1, 2], "gallery_ids": [1, 2]}
    ranking.evaluate_ranking(**good)
    with pytest.raises(errors.UserError, match=message):
        ranking.evaluate_ranking(**(good | changes))


def test_probes_without_a_match_can_be_counted_apart():
    # Probe 0: its match (gallery 1) is second: AP 1/2. Probe 1: identity 9 is nowhere.
    # Probe 2: its match (gallery 2) is first: AP 1.
    scores = np.array([[9.0, 8, 7, 6], [9, 8, 7, 6], [6, 7, 9, 8]])
    result = ranking.evaluate_ranking(
        scores, [1, 9, 3], [0, 1, 3, 2], ranks=(1, 2), unmatched_probes="apart"
    )
    assert result.unmatched.tolist() == [1]
    assert result.first_match_ranks.tolist() == [2, 0, 1]
    np.testing.assert_allclose(result.average_precisions, [0.5, np.nan, 1.0])
    assert result.mean_average_precision == pytest.approx(0.75)
    assert result.cmc == {1: 0.5, 2: 1.0}
    np.testing.assert_allclose(result.cmc_curve(2), [0.5, 1.0])


def test_the_camera_rule_can_leave_a_probe_without_a_match():
    # Identity 2 is in the gallery, but only by the probe's own camera 4.
    result = ranking.evaluate_ranking(
        np.eye(2), [1, 2], [1, 2], [3, 4], [5, 4], unmatched_probes="apart"
    )
    assert result.unmatched.tolist() == [1]
    assert result.mean_average_precision == 1.0


def test_no_probe_with_a_match_is_an_error_all_the_same():
    with pytest.raises(errors.UserError, match="2 of 2 probes have no true match"):
        ranking.evaluate_ranking(np.eye(2), [8, 9], [1, 2], unmatched_probes="apart")
    many = np.zeros((300, 1))
    with pytest.raises(errors.UserError, match="300 of 300 probes have no true match"):
        ranking.evaluate_ranking(many, [8] * 300, [1], unmatched_probes="apart")
    with pytest.raises(errors.UserError, match="expected one of refuse, apart"):
        ranking.evaluate_ranking(np.eye(2), [1, 2], [1, 2], unmatched_probes="drop")


def test_large_ids_of_two_types_stay_apart():
    """As float64, 2^53 and 2^53 + 1 would be one number."""
    near, far = 2**53, 2**53 + 1
    result = ranking.evaluate_ranking(
        [[2.0, 1.0]],
        np.array([near], np.int64),
        np.array([far, near], np.uint64),
        np.array([near], np.int64),
        np.array([1, far], np.uint64),
    )
    # The other identity ranks first; the match, of another camera, second: AP 1/2.
    assert result.first_match_ranks.tolist() == [2]
    assert result.average_precisions.tolist() == [0.5]


@pytest.mark.parametrize("which", ["probe_ids", "gallery_cameras"])
def test_an_id_beyond_int64_is_refused(which):
    labels = {
        "probe_ids": np.array([1], np.uint64),
        "gallery_ids": np.array([1]),
        "probe_cameras": np.array([1]),
        "gallery_cameras": np.array([2], np.uint64),
    }
    labels[which] = np.array([2**63], np.uint64)
    told = f"{which} holds 9223372036854775808, expected at most 9223372036854775807"
    with pytest.raises(errors.UserError, match=told):
        ranking.evaluate_ranking([[1.0]], **labels)
