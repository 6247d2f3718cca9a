"""Pairs of images against their enumeration, and their draw."""

import numpy as np
import pytest

from dimn_tf.evaluation import image_pairs


def _all_genuine(identities, cameras):
    """As they were enumerated while all were taken, word for word."""
    across = len(set(cameras.tolist())) > 1
    found = [np.zeros((0, 2), np.int64)]
    for identity in np.unique(identities):
        images = np.flatnonzero(identities == identity)
        allowed = ~np.eye(len(images), dtype=bool)
        if across:
            allowed &= cameras[images][:, np.newaxis] != cameras[images]
        found.append(images[np.argwhere(allowed)])
    return np.concatenate(found)


def _old_strangers(identities, wanted, seed):
    """Likewise."""
    count = len(identities)
    _, sizes = np.unique(identities, return_counts=True)
    if count**2 - (sizes**2).sum() <= wanted:
        return np.argwhere(identities[:, np.newaxis] != identities)
    rng = np.random.default_rng(seed)
    drawn = np.zeros(0, np.int64)
    while len(drawn) < wanted:
        more = rng.integers(0, count**2, 2 * wanted)
        more = more[identities[more // count] != identities[more % count]]
        drawn = np.concatenate([drawn, more])
        drawn = drawn[np.sort(np.unique(drawn, return_index=True)[1])]
    chosen = np.sort(drawn[:wanted])
    return np.stack([chosen // count, chosen % count], axis=1)


def _check_each_is_as_likely(every, draw):
    """Of all pairs, `draw(most, seed)` gives a third, by seed alone."""
    every = {tuple(pair) for pair in every.tolist()}
    most, times = len(every) // 3, 3_000
    counts = dict.fromkeys(every, 0)
    for seed in range(times):
        drawn = draw(most, seed).tolist()
        assert len(drawn) == len({tuple(pair) for pair in drawn}) == most
        for pair in drawn:
            counts[tuple(pair)] += 1
    # Nothing but these pairs, and each in `most` of them: a person's share is that of
    # all pairs. Five standard deviations of a draw without replacement.
    share = most / len(every)
    assert set(counts) == every
    for found in counts.values():
        assert abs(found - times * share) < 5 * np.sqrt(times * share * (1 - share))
    np.testing.assert_array_equal(draw(most, 0), draw(most, 0))


@pytest.mark.parametrize("seed", range(12))
def test_below_the_caps_the_pairs_are_those_of_the_whole_enumeration(seed):
    rng = np.random.default_rng(seed)
    count, people, seen_by = rng.integers(1, (60, 12, 4))
    identities = rng.integers(0, people, count) * 5 - 3
    cameras = rng.integers(0, seen_by, count) * 2 + 1
    expected = _all_genuine(identities, cameras)
    for most in (len(expected), 10**6):
        found = image_pairs.genuine(identities, cameras, most, seed)
        np.testing.assert_array_equal(found, expected)
    # Of 500 pairs of strangers some have fewer: then it is all of them.
    np.testing.assert_array_equal(
        image_pairs.strangers(identities, 500, seed),
        _old_strangers(identities, 500, seed),
    )


@pytest.mark.parametrize("largest", [0, 400, 900])
def test_ordinary_strangers_are_drawn_as_ever(largest):
    """Committed calibrations were drawn so; one person has up to 90 % of the images."""
    rng = np.random.default_rng(largest)
    identities = rng.permutation(np.r_[np.zeros(largest, int), rng.integers(1, 40, 99)])
    for seed in range(3):
        np.testing.assert_array_equal(
            image_pairs.strangers(identities, 700, seed),
            _old_strangers(identities, 700, seed),
        )


def test_of_few_strangers_each_pair_is_as_likely_and_none_is_drawn_in_vain(monkeypatch):
    identities = np.repeat([3, 1, 2], [60, 1, 2])  # 248 pairs of 3,969.
    every = np.argwhere(identities[:, np.newaxis] != identities)
    _check_each_is_as_likely(
        every, lambda most, seed: image_pairs.strangers(identities, most, seed)
    )
    draws, distinct = [], image_pairs._distinct

    def counted(draw, wanted):
        return distinct(lambda: draws.append(1) or draw(), wanted)

    monkeypatch.setattr(image_pairs, "_distinct", counted)
    # One person has 99 % of the images: by rejection it took 26 draws, and 9 s of them.
    identities = np.maximum(np.arange(10_000) - 9_900, 0)
    assert len(image_pairs.strangers(identities, 20_000, 0)) == 20_000
    assert len(draws) == 1


@pytest.mark.parametrize("across", [False, True])
def test_above_the_cap_each_genuine_pair_is_as_likely_as_another(across):
    # People of 3, 6 and 12 images, of which 1, 2 and 4 are of camera 1.
    identities = np.repeat([7, 5, 6], [3, 6, 12])
    cameras = np.arange(21) % 3 == 0 if across else np.zeros(21, int)
    _check_each_is_as_likely(
        _all_genuine(identities, cameras),
        lambda most, seed: image_pairs.genuine(identities, cameras, most, seed),
    )
