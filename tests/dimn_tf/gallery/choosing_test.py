"""One entry a person against sorting, whatever crowds stand before."""

import numpy as np
import pytest

from dimn_tf.gallery import choosing, facts, indexes

D = 8


def _literal(scores, persons, numbers, allowed, k):
    found, seen = [], set()
    for place in np.argsort(-scores, kind="stable"):
        if allowed[place] and (persons[place] is None or persons[place] not in seen):
            seen.add(persons[place])
            found.append(int(numbers[place]))
    return found[:k]


@pytest.fixture(params=indexes.INDEXES)
def kind(request):
    return request.param


@pytest.mark.parametrize("most_in_a_pass", [1, 3, 4_096])
def test_as_sorting_does_it(kind, monkeypatch, most_in_a_pass):
    monkeypatch.setattr(choosing, "_WIDEST", most_in_a_pass)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(150, D)).astype(np.float32)
    numbers = np.cumsum(rng.integers(1, 4, 150))
    persons = [None if i % 7 == 0 else f"p{i % 11}" for i in range(150)]
    index, held = indexes.INDEXES[kind](D), facts.Facts()
    index.add(numbers, vectors)
    held.add([(int(n), person, {}) for n, person in zip(numbers, persons, strict=True)])
    stored = vectors.astype(np.float16) if "16" in kind else vectors
    for probe in rng.normal(size=(4, D)).astype(np.float32):
        scores = stored.astype(np.float32) @ probe
        for allowed in (None, rng.random(150) < 0.3, np.arange(150) == 7):
            counts = np.ones(150, bool) if allowed is None else allowed
            for k in (1, 5, 60):
                told, found = choosing.one_a_person(
                    index, held, probe[np.newaxis], k, allowed
                )
                expected = _literal(scores, persons, numbers, counts, k)
                assert found[0].tolist() == expected
                at = np.searchsorted(numbers, found[0])
                np.testing.assert_allclose(told[0], scores[at], rtol=1e-4, atol=1e-4)


def test_a_crowd_of_one_person_hides_nobody(kind):
    """Of whom there are more entries than a pass looks for."""
    crowd = choosing._WIDEST + 300
    vectors = np.zeros((crowd + 2, D), np.float32)
    vectors[:, 0] = np.linspace(2, 3, crowd + 2)  # All before the last two persons'.
    vectors[-2:, 0] = (1.0, 0.5)
    index, held = indexes.INDEXES[kind](D), facts.Facts()
    index.add(np.arange(crowd + 2), vectors)
    names = ["anna"] * crowd + ["bo", None]
    held.add([(i, name, {}) for i, name in enumerate(names)])
    scores, found = choosing.one_a_person(index, held, np.eye(1, D, dtype="f"), 10)
    assert found[0, 1:].tolist() == [crowd, crowd + 1]
    np.testing.assert_allclose(scores[0], [vectors[crowd - 1, 0], 1, 0.5], rtol=1e-3)


def test_of_nobody_nobody_is_found(kind):
    index, held = indexes.INDEXES[kind](D), facts.Facts()
    scores, found = choosing.one_a_person(index, held, np.ones((1, D), "f"), 3)
    assert scores.shape == found.shape == (1, 0)


class _MissingOne:
    """Numbers 0, 1, ... with falling scores; the first search misses the best."""

    def __init__(self, count):
        self._scores = np.arange(count, 0, -1, dtype=np.float32)
        self._searches = 0

    def __len__(self):
        return len(self._scores)

    def search(self, probe, k, allowed=None):
        seen = np.ones(len(self), bool) if allowed is None else allowed.copy()
        seen[0] &= self._searches > 0
        self._searches += 1
        found = np.flatnonzero(seen)[:k]
        return self._scores[found][np.newaxis], found[np.newaxis]


@pytest.mark.parametrize(
    "k, expected", [(2, [0, 1]), (3, [0, 1, 5]), (9, [0, 1, 5, 7])]
)
def test_whom_a_graph_finds_late_comes_before_those_less_alike(
    monkeypatch, k, expected
):
    monkeypatch.setattr(choosing, "_WIDEST", 2)
    held, persons = facts.Facts(), ["p0", *4 * ["p1"], "p2", "p2", "p3"]
    held.add([(i, name, {}) for i, name in enumerate(persons)])
    probe = np.ones((1, D), np.float32)
    scores, found = choosing.one_a_person(_MissingOne(len(persons)), held, probe, k)
    assert found[0].tolist() == expected and (np.diff(scores[0]) < 0).all()
