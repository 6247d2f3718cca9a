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


def test_of_one_vector_all_is_removed(index):
    index.add(np.array([7]), _vectors(1))
    index.remove([7])
    assert len(index) == 0
    assert index.removed_share == (1.0 if index.worth_keeping else 0)


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
