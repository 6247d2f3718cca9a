"""Margins and their maps against literal arithmetic; `search_picture_test.py` has the
maps of scores, and what is painted."""

import dataclasses

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.export import exporter, served_model
from dimn_tf.gallery import Entry, Gallery, entries, explanation, places
from tests.dimn_tf.export import made_up

IMAGES = 12
CASES = {
    "dimn": ("dimn", False, {}),
    "mirror": ("dimn", True, {}),
    "cosine": ("cosine", True, {}),
    "strong": ("dimn", True, {"neck": True, "own": {"normalise_probes": True}}),
}


@dataclasses.dataclass(frozen=True)
class Place:
    """A model, a probe, and images that may be enrolled.

    Attributes:
        method: Live.
        model: Its export.
        probe: Image file.
        pixels: Of the probe and of the images, float32 [1 + n, h, w, 3].
        paths: Of the images, [n].
        vectors: Theirs, float32 [n, E].
    """

    method: object
    model: served_model.ServedModel
    probe: bytes
    pixels: np.ndarray
    paths: list[str]
    vectors: np.ndarray

    def entries(self):
        return [
            Entry(path, vector, None, {"path": path})
            for path, vector in zip(self.paths, self.vectors, strict=True)
        ]

    def explained(self, gallery, hits, against):
        """As `experiments.search` explains its hits, by N others."""
        scale = self.model.inner_product_scale
        feature = self.model.probe_features([self.probe]).vectors
        found = gallery.search(feature, max(hits, against))[0]
        others = None
        if against:
            others = explanation.others_of(gallery, found, hits, against)
        rows = [
            explanation.Found(dataclasses.replace(hit, score=scale * hit.score), 0.5)
            for hit in found[:hits]
        ]
        rows = explanation.with_images(rows)
        return explanation.explained(self.model, self.probe, rows, others), others


def _place(method, folder):
    version = made_up.export(method, folder / "export")
    model = served_model.ServedModel(version)
    size = made_up.HEIGHT, made_up.WIDTH
    pixels, (probe, *files) = exporter.made_up_images(1 + IMAGES, *size, seed=3)
    paths = [str(folder / f"{i}.png") for i in range(IMAGES)]
    for path, file in zip(paths, files, strict=True):
        with open(path, "wb") as written:
            written.write(file)
    vectors = model.gallery_classifiers(files).vectors
    return Place(method, model, probe, pixels, paths, vectors)


@pytest.fixture(scope="module", params=CASES)
def place(request, tmp_path_factory):
    name, mirror, options = CASES[request.param]
    method = made_up.method(name, tiny=True, **options)
    method.mirror = mirror
    return _place(method, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def gallery(place, tmp_path):
    with Gallery.create(tmp_path / "g", "ab" * 32, place.model.dimension) as made:
        made.add(place.entries())
        yield made


def _literal(place, vectors, against):
    """Scores of all entries, best first, and the mean of the N best ones."""
    feature = place.model.probe_features([place.probe]).vectors[0].astype(np.float64)
    scores = place.model.inner_product_scale * vectors.astype(np.float64) @ feature
    scores = np.sort(scores)[::-1]
    return scores, scores[:against].mean()


@pytest.mark.parametrize("against", [1, 3, 5, IMAGES, 100])
def test_both_maps_add_up_to_the_score_less_the_mean_score(place, gallery, against):
    """However many are shown: a fourth is told from the three best and itself."""
    found, others = place.explained(gallery, 4, against)
    assert others.count == min(against, IMAGES)
    scores, _ = _literal(place, place.vectors, others.count)
    limit = 1e-5 * np.abs(scores).max()
    assert len(found) == 4 and np.ptp(scores[:4]) > 100 * limit
    for rank, (row, score) in enumerate(zip(found, scores, strict=False)):
        of = [*scores[: others.count], *([score] if rank >= others.count else [])]
        mean = np.mean(of)
        assert others.count_of(rank) == len(of)
        assert not row.missing
        assert row.margin == pytest.approx(score - mean, abs=limit)
        assert row.hit.score == pytest.approx(score, abs=limit)
        for shares in (row.probe_map, row.gallery_map):
            assert shares.sum() == pytest.approx(score - mean, abs=2 * limit)


def test_each_place_has_its_share(place, gallery):
    found, _ = place.explained(gallery, 3, 5)
    scale = place.model.inner_product_scale
    maps = place.method.matched_maps(place.pixels).numpy().astype(np.float64)
    feature = maps[0].mean(axis=(0, 1))
    unit = isinstance(place.method, made_up.Cosine)
    unit |= getattr(place.method.options, "normalise_probes", False)
    length = np.linalg.norm(feature) if unit else 1
    order = np.argsort(-(place.vectors @ feature))
    mean = place.vectors[order[:5]].astype(np.float64).mean(axis=0)
    cells = maps.shape[1] * maps.shape[2]
    mean_score = scale * mean @ feature / length
    for row, i in zip(found, order, strict=False):
        assert row.hit.entry_id == place.paths[i]
        expected = scale * maps[0] @ (place.vectors[i] - mean) / length / cells
        limit = 1e-4 * np.abs(expected).max()
        np.testing.assert_allclose(row.probe_map, expected, rtol=0, atol=limit)
        pair = maps[[0]].astype(np.float32), maps[[1 + i]].astype(np.float32)
        of_score = place.method.score_maps(*pair)[1]
        expected = of_score[0].numpy() - mean_score / cells
        limit = 1e-4 * np.abs(expected).max()
        np.testing.assert_allclose(row.gallery_map, expected, rtol=0, atol=limit)


@pytest.mark.parametrize("kind", ["float16", "exact_float16", "hnsw", "milvus"])
def test_on_every_gallery(place, tmp_path, kind):
    dimension, allowed = place.model.dimension, 1e-5
    if kind == "milvus":
        made = places.create(f"milvus:{tmp_path}/m.db#people", "ab" * 32, dimension)
    elif kind == "float16":
        made = Gallery.create(
            tmp_path / "g", "ab" * 32, dimension, vector_type="float16"
        )
        allowed = 2e-3  # Ten bits.
    else:
        made = Gallery.create(tmp_path / "g", "ab" * 32, dimension, kind)
    with made:
        made.add(place.entries())
        found, _ = place.explained(made, 4, 6)
    scores, mean = _literal(place, place.vectors, 6)
    limit = allowed * np.abs(scores).max()
    for row, score in zip(found, scores, strict=False):
        assert not row.missing
        assert row.margin == pytest.approx(score - mean, abs=limit)
        assert row.probe_map.sum() == pytest.approx(row.margin, abs=1e-5 * scores[0])
        assert row.gallery_map.sum() == pytest.approx(score - mean, abs=limit)


def test_one_entry_alone_has_no_margin_and_nothing_in_the_probe_speaks(place, tmp_path):
    with Gallery.create(tmp_path / "g", "ab" * 32, place.model.dimension) as alone:
        alone.add(place.entries()[:1])
        (row,), others = place.explained(alone, 5, 100)
    assert others.count == 1 and row.margin == 0 and not row.missing
    np.testing.assert_array_equal(row.probe_map, np.zeros_like(row.probe_map))
    # How its own places differ is still told.
    assert np.abs(row.gallery_map).max() > 1e-3 * row.hit.score
    assert row.gallery_map.sum() == pytest.approx(0, abs=1e-5 * row.hit.score)


def test_without_others_the_maps_are_the_scores(place, gallery):
    found, _ = place.explained(gallery, 4, 0)
    files = [row.image for row in found]
    told = place.model.explain(place.probe, files)
    for row, probe_map, gallery_map in zip(
        found, told.probe_maps, told.gallery_maps, strict=True
    ):
        assert row.margin is None
        np.testing.assert_array_equal(row.probe_map, probe_map)
        np.testing.assert_array_equal(row.gallery_map, gallery_map)
        assert row.probe_map.sum() == pytest.approx(row.hit.score, rel=1e-4)


def test_what_was_changed_or_is_gone_has_a_margin_and_no_map(place, tmp_path):
    entries = place.entries()
    changed, gone = tmp_path / "changed.png", tmp_path / "gone.png"
    changed.write_bytes(exporter.made_up_images(1, 40, 20, seed=9)[1][0])
    for i, path in ((2, changed), (5, gone)):
        metadata = {"path": str(path)}
        entries[i] = dataclasses.replace(entries[i], metadata=metadata)
    with Gallery.create(tmp_path / "g", "ab" * 32, place.model.dimension) as made:
        made.add(entries)
        found, _ = place.explained(made, IMAGES, IMAGES)
    missing = {row.hit.metadata["path"]: row.missing for row in found if row.missing}
    assert set(missing) == {str(changed), str(gone)}
    assert "changed since" in missing[str(changed)] and "No such" in missing[str(gone)]
    scores, mean = _literal(place, place.vectors, IMAGES)
    margins = [row.margin for row in found]
    limit = 1e-5 * np.abs(scores).max()
    np.testing.assert_allclose(margins, scores - mean, rtol=0, atol=limit)
    assert sum(margins) == pytest.approx(0, abs=IMAGES * limit)
    for row in found:
        assert (row.probe_map is None) == (row.gallery_map is None) == bool(row.missing)


def test_the_mean_by_hand(tmp_path, monkeypatch):
    monkeypatch.setattr(explanation, "_READ_AT_A_TIME", 2)
    vectors = [[9, 1], [5, -3], [4, 2], [2, 8], [-7, 1]]
    with Gallery.create(tmp_path, "ab" * 32, 2) as gallery:
        gallery.add([Entry(f"e{i}", np.array(v)) for i, v in enumerate(vectors)])
        hits = gallery.search([[1.0, 0.0]], 5)[0]
        others = explanation.others_of(gallery, hits[:4], 2)
        assert others.count == 4
        np.testing.assert_array_equal(others.mean, [5, 2])  # 20 / 4 and 8 / 4.
        np.testing.assert_array_equal(others.differences, [[4, -1], [0, -5]])
        assert others.mean.dtype == others.differences.dtype == np.float32
        others = explanation.others_of(gallery, hits, 9)
        np.testing.assert_allclose(others.mean, [13 / 5, 9 / 5], rtol=1e-7)
        assert others.differences.shape == (5, 2)
        others = explanation.others_of(gallery, hits, 3, against=2)
        assert others.count == 2 and [others.count_of(i) for i in range(3)] == [2, 2, 3]
        np.testing.assert_array_equal(others.mean, [7, -1])
        # The third's from (9 + 5 + 4) / 3 and (1 - 3 + 2) / 3.
        np.testing.assert_allclose(others.differences, [[2, 2], [-2, -2], [-2, 2]])
        none = explanation.others_of(gallery, [], 3)
        assert none.count == 0 and none.differences.shape == (0, 2)
        gallery.remove(["e1"])
        with pytest.raises(errors.UserError, match="'e1'.*another process removed"):
            explanation.others_of(gallery, hits, 1)


def test_nothing_found_is_explained_by_nothing(place, tmp_path):
    with Gallery.create(tmp_path / "g", "ab" * 32, place.model.dimension) as empty:
        found, others = place.explained(empty, 3, 100)
    assert found == [] and others.count == 0


class _Cancelling:
    """A model whose shares are +-5, and add up to nearly nothing."""

    def __init__(self, score):
        self.score = np.float32(score)

    def explain(self, probe, images):
        shares = np.array([[[5.0, -5.0 + self.score]]], np.float32)
        return served_model.Explanation(shares, shares, np.array([self.score]), ("",))


def test_what_adds_up_to_nearly_nothing_is_measured_by_its_parts():
    hit = entries.Hit("a", 1e-4, None, {})
    row = explanation.Found(hit, 0.0, b"image")
    (same,) = explanation.explained(_Cancelling(2e-4), b"probe", [row])
    assert not same.missing and same.probe_map is not None
    (other,) = explanation.explained(_Cancelling(0.2), b"probe", [row])
    assert "changed" in other.missing and other.probe_map is None
