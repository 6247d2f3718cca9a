"""An index by itself: what it holds after removals, writing and reading."""

import numpy as np
import pytest

from dimn_tf.gallery import indexes

D = 8


def _vectors(count):
    return np.random.default_rng(0).normal(size=(count, D)).astype(np.float32)


@pytest.fixture(params=indexes.INDEXES)
def index(request):
    return indexes.INDEXES[request.param](D)


def test_what_is_read_takes_the_place_of_all_that_was_there(index, tmp_path):
    vectors = _vectors(5)
    index.add(np.arange(10, 15), vectors)
    index.write(tmp_path / "five")
    index.remove([11, 12, 99])
    assert len(index) == 3
    index.read(tmp_path / "five")
    assert len(index) == 5 and index.removed_share == 0
    _, numbers = index.search(vectors, 5)
    assert all(set(row) == {10, 11, 12, 13, 14} for row in numbers)


def test_removed_vectors_are_counted_while_a_graph_holds_them(index):
    assert len(index) == 0 and index.removed_share == 0
    index.add(np.arange(4), _vectors(4))
    index.remove([1, 77])  # 77 was never there.
    index.remove([1])
    assert len(index) == 3
    assert index.removed_share == (0.25 if index.worth_keeping else 0)
    assert 1 not in index.search(_vectors(4), 3)[1]


def test_scores_are_inner_products_best_first(index):
    vectors = _vectors(6)
    index.add(np.arange(6), vectors)
    scores, numbers = index.search(vectors[:2], 6)
    expected = vectors[:2] @ vectors.T
    np.testing.assert_allclose(scores, -np.sort(-expected, axis=1), atol=5e-3)
    for row, found in zip(expected, numbers, strict=True):
        np.testing.assert_allclose(row[found], -np.sort(-row), atol=5e-3)


def test_of_none_nothing_is_removed_or_found(index):
    index.remove([3])
    assert len(index) == 0 and (index.search(_vectors(2), 3)[1] == -1).all()


def test_of_one_vector_all_is_removed(index):
    index.add(np.array([7]), _vectors(1))
    index.remove([7])
    assert len(index) == 0
    assert index.removed_share == (1.0 if index.worth_keeping else 0)
    assert (index.search(_vectors(2), 3)[1] == -1).all()


def test_what_is_written_holds_no_removed_vector_and_finds_the_others(tmp_path):
    for kind in ("hnsw", "hnsw_float16"):
        index, vectors = indexes.INDEXES[kind](D), _vectors(400)
        index.add(np.arange(400) * 3, vectors)
        gone = np.arange(0, 400, 7)
        index.remove(3 * gone)
        index.write(tmp_path / kind)
        content = (tmp_path / kind).read_bytes()
        stored = vectors.astype(np.float16 if "16" in kind else np.float32)
        held = [content.count(vector.tobytes()) for vector in stored]
        assert not any(held[i] for i in gone)
        assert all(held[i] for i in range(400) if i % 7)
        again = indexes.INDEXES[kind](D)
        again.read(tmp_path / kind)
        again.remove(3 * gone)  # As a gallery does: it is in the file as a step.
        for found in (index, again):
            kept = np.delete(np.arange(400), gone)
            _, numbers = found.search(vectors[:50], 5)
            expected = kept[np.argsort(-(vectors[:50] @ vectors[kept].T))[:, :5]]
            shared = [
                len({*a} & {*b}) for a, b in zip(numbers // 3, expected, strict=True)
            ]
            assert sum(shared) >= 245


def test_where_every_neighbour_is_gone_nothing_is_left(tmp_path):
    index, vectors = indexes.INDEXES["hnsw"](D), _vectors(4)
    index.add(np.arange(4), vectors)
    index.remove([0, 1, 2, 3])
    index.write(tmp_path / "x")
    content = (tmp_path / "x").read_bytes()
    assert not any(vector.tobytes() in content for vector in vectors)


@pytest.mark.parametrize("kind", indexes.INDEXES)
@pytest.mark.parametrize("through_the_graph", [True, False])
@pytest.mark.parametrize("removed", [(), range(0, 300, 4)])
def test_among_some_vectors_it_finds_what_numpy_finds(
    kind, monkeypatch, tmp_path, removed, through_the_graph
):
    monkeypatch.setattr(indexes, "HNSW_LOOKS", 0 if through_the_graph else 10**9)
    index = indexes.INDEXES[kind](D)
    rng, vectors = np.random.default_rng(1), _vectors(300)
    numbers = np.cumsum(rng.integers(1, 4, 300))
    index.add(numbers, vectors)
    index.remove(numbers[list(removed)])
    kept = np.delete(np.arange(300), list(removed)).astype(int)
    probes = rng.normal(size=(5, D)).astype(np.float32)
    exact = vectors.astype(np.float16) if "16" in kind else vectors
    exact = exact.astype(np.float32)
    for written in (False, True):
        for share in (0.0, 0.01, 0.1, 0.5, 1.0):
            allowed = rng.random(len(kept)) < share
            count = int(allowed.sum())
            for k in (1, 7, 299, 1_000):
                scores, found = index.search(probes, k, allowed)
                assert scores.shape == found.shape == (5, min(k, count))
                expected = np.where(allowed, probes @ exact[kept].T, -np.inf)
                order = np.argsort(-expected, axis=1)[:, : min(k, count)]
                np.testing.assert_array_equal(found, numbers[kept][order])
                np.testing.assert_allclose(
                    scores, np.take_along_axis(expected, order, 1), atol=1e-5
                )
        if not written:  # The same of an index that was read.
            index.write(tmp_path / "index")
            index.read(tmp_path / "index")
            index.remove(numbers[list(removed)])


def test_a_graph_finds_the_few_that_it_does_not_lead_to(monkeypatch):
    """The best that count lie behind thousands that do not."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(3_000, D)).astype(np.float32)
    probe = vectors[:1] * 9
    order = np.argsort(-(vectors @ probe[0]))
    allowed = np.zeros(3_000, bool)
    allowed[order[-40:]] = True  # The least alike.
    for kind in ("hnsw", "hnsw_float16"):
        index = indexes.INDEXES[kind](D)
        index.add(np.arange(3_000), vectors)
        for looks in (10**9, 0):  # All of those, or through the graph at first.
            monkeypatch.setattr(indexes, "HNSW_LOOKS", looks)
            _, found = index.search(probe, 10, allowed)
            assert len({*found[0]} & {*order[-40:-29]}) >= 9
            assert (found >= 0).all()


GRAPHS = ("hnsw", "hnsw_float16")


@pytest.mark.parametrize("kind", GRAPHS)
def test_of_many_alike_as_many_are_found_as_there_are(kind):
    """A graph's links among equal vectors lead nowhere else."""
    vectors = _vectors(2_100)
    vectors[:600] = vectors[0]
    index = indexes.INDEXES[kind](D)
    index.add(np.arange(2_100), vectors)
    for removed in ((), range(0, 2_100, 7)):
        index.remove(removed)
        kept = np.delete(np.arange(2_100), list(removed)).astype(int)
        scores, numbers = index.search(vectors[:3], 2_100)
        assert numbers.shape == scores.shape == (3, 2_100)
        for i in range(3):
            np.testing.assert_array_equal(np.sort(numbers[i][: len(kept)]), kept)
            expected = np.sort(vectors[kept] @ vectors[i])[::-1]
            np.testing.assert_allclose(scores[i][: len(kept)], expected, atol=2e-2)
            assert (numbers[i][len(kept) :] == -1).all()


@pytest.mark.parametrize("kind", GRAPHS)
@pytest.mark.parametrize("count", [300, 5_800])
@pytest.mark.parametrize("nearest", [True, False])
def test_removals_make_a_search_little_wider(kind, count, nearest, monkeypatch):
    """Wherever those that were removed lie, the others are found."""
    vectors, widths = _vectors(6_000), []
    plain = indexes.faiss.SearchParametersHNSW

    def watched(efSearch, **more):  # noqa: N803 - FAISS' name.
        widths.append(efSearch)
        return plain(efSearch=efSearch, **more)

    monkeypatch.setattr("faiss.SearchParametersHNSW", watched)
    index, probe = indexes.INDEXES[kind](D), vectors[:1] * 9
    index.add(np.arange(6_000), vectors)
    order = np.argsort(-(vectors @ probe[0]))
    gone = order[:count] if nearest else order[np.arange(6_000) % 30 < count // 200]
    index.remove(gone)
    kept = np.setdiff1d(np.arange(6_000), gone)
    assert len(index) == len(kept)
    _, numbers = index.search(probe, 10)
    expected = kept[np.argsort(-(vectors[kept] @ probe[0]))[:10]]
    assert len({*numbers[0]} & {*expected}) >= 9
    assert max(widths) <= indexes.HNSW_MOST
    share = len(gone) / 6_000
    assert widths[0] <= indexes.HNSW_SEARCH / (1 - share) + 2
    if not nearest:
        assert len(widths) == 1


def test_what_is_added_after_a_removal_is_found():
    for kind in GRAPHS:
        index, vectors = indexes.INDEXES[kind](D), _vectors(30)
        index.add(np.arange(20), vectors[:20])
        index.remove([3, 19])
        index.add(np.arange(20, 30), vectors[20:])
        index.remove([25])
        assert len(index) == 27 and index.removed_share == pytest.approx(0.1)
        _, numbers = index.search(vectors, 30)
        expected = np.setdiff1d(np.arange(30), [3, 19, 25])
        for row in numbers:
            np.testing.assert_array_equal(np.sort(row[:27]), expected)
            assert (row[27:] == -1).all()
        allowed = np.arange(27) % 2 == 0
        _, numbers = index.search(vectors, 30, allowed)
        np.testing.assert_array_equal(np.sort(numbers[0]), expected[allowed])
