"""Groups of identities that are alike, against a literal slow search and by hand."""

import numpy as np
import pytest

from dimn_tf.data import hard_groups

STARTS = np.array([0, 2, 40, 90])


def _slowly(vectors, starts, label: int, size: int) -> list[int]:
    """Of the same domain, by cosine, one after another."""
    own = next(
        range(low, high)
        for low, high in zip(starts, starts[1:], strict=False)
        if low <= label < high
    )
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    others = sorted(
        (other for other in own if other != label),
        key=lambda other: -unit[label] @ unit[other],
    )[: size - 1]
    return others + [-1] * (size - 1 - len(others))


@pytest.mark.parametrize("rows", [7, 1024])
def test_the_nearest_are_those_of_a_slow_search(rows, monkeypatch):
    monkeypatch.setattr(hard_groups, "_ROWS_AT_A_TIME", rows)
    # Lengths differ, so that an inner product would not do for a cosine.
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(90, 5)) * rng.uniform(0.1, 10, (90, 1))
    found = hard_groups.nearest(vectors, STARTS, 5)
    assert found.dtype == np.int32
    expected = [_slowly(vectors, STARTS, label, 5) for label in range(90)]
    np.testing.assert_array_equal(found, expected)
    assert found[0].tolist() == [1, -1, -1, -1]


def test_an_identity_with_a_twin_and_an_opposite_is_never_its_own_neighbour():
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    found = hard_groups.nearest(vectors, np.array([0, 3]), 3)
    assert found.tolist() == [[1, 2], [0, 2], [0, 1]]


def _ring(share: float, size: int, count: int = 100) -> hard_groups.HardGroups:
    """Each label's neighbours are the next ones of a ring."""
    groups = hard_groups.HardGroups(share, size)
    following = np.arange(count)[:, None] + np.arange(1, size)
    groups.nearest = (following % count).astype(np.int32)
    return groups


def test_a_batch_has_its_share_in_groups_and_the_rest_as_drawn():
    groups = _ring(share=0.5, size=4)
    labels = np.arange(0, 100, 10)  # None is in another one's group.
    seen = set()
    for seed in range(50):
        found = groups.put_into(np.random.default_rng(seed), labels)
        assert found.dtype == np.int64 and len(set(found.tolist())) == 10
        # Half of ten are five: one whole group of four, 1.25 rounded.
        first = found[0]
        assert found[:4].tolist() == [first, first + 1, first + 2, first + 3]
        assert set(found[4:].tolist()) < set(labels.tolist()) - {first}
        seen.add(int(first))
    assert seen == set(labels.tolist())  # Each brings its own along at times.


def test_groups_that_overlap_hold_an_identity_once():
    groups = _ring(share=1.0, size=4, count=9)
    for seed in range(50):
        labels = np.random.default_rng(seed).choice(9, 8, replace=False)
        found = groups.put_into(np.random.default_rng(seed), labels)
        assert len(found) == len(set(found.tolist())) == 8


def test_an_identity_of_a_group_brings_no_group_along():
    groups, labels = _ring(share=1.0, size=2), np.array([0, 1, 10, 20])
    for seed in range(50):
        found = groups.put_into(np.random.default_rng(seed), labels).tolist()
        # 2 comes with 1 alone, unless 1 itself came with 0.
        if 0 in found and found.index(0) < found.index(1):
            assert 2 not in found and len({11, 21} & set(found)) == 1


def test_unknown_neighbours_are_left_out():
    groups = hard_groups.HardGroups(1.0, 3)
    groups.nearest = np.full((6, 2), -1, np.int32)
    groups.nearest[4, 0] = 5
    found = groups.put_into(np.random.default_rng(0), np.array([1, 2, 4]))
    assert sorted(found.tolist()) in ([1, 2, 4], [1, 4, 5], [2, 4, 5])
    assert found.min() >= 0


@pytest.mark.parametrize("share, known", [(0.1, True), (0.5, False)])
def test_without_a_whole_group_or_a_search_a_draw_stays(share, known):
    groups = _ring(share=share, size=4)
    if not known:
        groups.nearest = None
    labels = np.arange(0, 100, 10)
    rng = np.random.default_rng(0)
    assert groups.put_into(rng, labels) is labels
    assert rng.random() == np.random.default_rng(0).random()
