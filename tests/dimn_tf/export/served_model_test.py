"""An export as clients use it: faults are data, and what is no export is named."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.export import exporter, layout, served_model
from tests.dimn_tf.export.made_up import HEIGHT, STRIDE, WIDTH

_IMPORTED = """
import sys
import tensorflow  # Which imports Keras, and Keras matplotlib.
names = {"tensorflow_datasets", "matplotlib", "data_builders", "dimn_tf.methods"}
before = set(sys.modules)
from dimn_tf.export import served_model
print(sorted(names & (set(sys.modules) - before)))
from dimn_tf.gallery import explanation, places
print(sorted(names & (set(sys.modules) - before)))
"""


def _images(count, seed=0):
    return exporter.made_up_images(count, HEIGHT, WIDTH, seed)[1]


def test_what_is_no_export_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "saved" / "1").mkdir(parents=True)
    (tmp_path / "others" / "x").mkdir(parents=True)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "saved_model.pb").write_text("")
    for name, said in {
        "nowhere": "there is no such folder.*--export_dir=.*nowhere",
        "file": "it is a file",
        "empty": "found an empty folder",
        "run": "found a run's work directory",
        "saved": "saved/1: it lacks metadata.json",
        "others": "without a version's folder",
        "foreign": "a SavedModel without metadata.json",
    }.items():
        with pytest.raises(errors.UserError, match=said):
            served_model.ServedModel(tmp_path / name)


def test_a_request_with_many_bad_images_answers_for_the_good_ones(halves_export):
    model, good = halves_export.model, _images(9)
    files = [
        f for g in good for f in (b"bad", g, b"", b"\x89PNG\r\n\x1a\n" + bytes(40))
    ]
    is_good = np.arange(36) % 4 == 1
    for call in (model.probe_features, model.gallery_classifiers):
        found, expected = call(files), call(good)
        assert found.vectors.shape == (36, 5) and expected.faults == ("",) * 9
        np.testing.assert_allclose(found.vectors[is_good], expected.vectors, rtol=1e-5)
        assert np.isnan(found.vectors[~is_good]).all()
        assert [not fault for fault in found.faults] == is_good.tolist()
        assert all("\n" not in fault for fault in found.faults)
        assert "decoder refuses it" in found.faults[0]


def test_a_request_without_an_image_has_no_vector(halves_export, dimn_export):
    model = halves_export.model
    for call in (model.probe_features, model.gallery_classifiers):
        assert call([]).vectors.shape == (0, 5) and call([]).faults == ()
    for name in ("embed_probe_pixels", "enroll_gallery_pixels"):
        pixels = tf.zeros((0, 9, 9, 3), tf.uint8)
        (found,) = model._loaded.signatures[name](pixels=pixels).values()
        assert found.shape == (0, 5)
    explained = dimn_export.model.explain(_images(1)[0], [])
    assert explained.scores.shape == (0,) and len(explained.probe_maps) == 0


def test_an_image_that_claims_too_much_is_told(halves_export):
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes([0, 0, 255, 255] * 2) + bytes(40)
    answer = halves_export.model.probe_features([*_images(1), header])
    assert answer.faults[0] == ""
    assert answer.faults[1] == "its header tells of more than 64,000,000 pixels"


class _Full:
    """A signature that takes the first `fits` images of a request."""

    def __init__(self, fits):
        self.fits, self.asked = fits, []

    def __call__(self, image_bytes):
        import tensorflow as tf

        files = [int(f) for f in image_bytes.numpy()]
        self.asked.append(files)
        fault = ["" if i < self.fits else "request_full" for i in range(len(files))]
        return {
            "probe_features": tf.constant([[f, -f] for f in files], tf.float32),
            "decoded": tf.constant([not f for f in fault]),
            "fault": tf.constant(fault),
        }


def test_what_a_request_cannot_take_goes_in_further_ones(halves_export, monkeypatch):
    full = _Full(2)
    monkeypatch.setattr(
        halves_export.model,
        "_loaded",
        type("L", (), {"signatures": {"embed_probe": full}}),
    )
    answer = halves_export.model.probe_features([b"1", b"2", b"3", b"4", b"5"])
    assert full.asked == [[1, 2, 3, 4, 5], [3, 4, 5], [5]]
    assert answer.faults == ("",) * 5
    np.testing.assert_array_equal(answer.vectors[:, 0], [1, 2, 3, 4, 5])
    full.fits = 0
    with pytest.raises(AssertionError, match="full before its first image"):
        halves_export.model.probe_features([b"1"])


def test_an_export_explains_its_scores(dimn_export, aggregation_export):
    import tensorflow as tf

    method, model = dimn_export.method, dimn_export.model
    images, (probe, *gallery) = exporter.made_up_images(4, HEIGHT, WIDTH, seed=3)
    with pytest.raises(errors.UserError, match="cannot explain"):
        aggregation_export.model.explain(probe, gallery)
    found = model.explain(probe, [gallery[0], b"bad", *gallery[1:]])
    assert [not fault for fault in found.faults] == [True, False, True, True]
    for values in (found.probe_maps, found.gallery_maps, found.scores):
        assert np.isnan(values[1]).all()
    probe_maps, gallery_maps, scores = (
        values[[0, 2, 3]]
        for values in (found.probe_maps, found.gallery_maps, found.scores)
    )
    places = (3, HEIGHT // STRIDE, WIDTH // STRIDE)
    assert probe_maps.shape == gallery_maps.shape == places
    maps = method.encoder.feature_maps(tf.constant(images))
    features = method.embed(images)
    expected = method.score(
        method.probe_representation(features[:1]),
        method.gallery_representation(features[1:]),
    )[0]
    for values in (scores, probe_maps.sum((1, 2)), gallery_maps.sum((1, 2))):
        np.testing.assert_allclose(values, expected, rtol=1e-4)
    live_maps = method.score_maps(tf.repeat(maps[:1], 3, axis=0), maps[1:])
    for values, live_map in zip((probe_maps, gallery_maps), live_maps, strict=True):
        limit = 1e-4 * np.abs(live_map).max()
        np.testing.assert_allclose(values, live_map, rtol=0, atol=limit)


def test_an_export_explains_a_probe_against_vectors(dimn_export, aggregation_export):
    method, model = dimn_export.method, dimn_export.model
    (probe, other), rng = _images(2, seed=3), np.random.default_rng(0)
    vectors = rng.normal(size=(4, model.dimension))
    with pytest.raises(errors.UserError, match="cannot explain its scores"):
        aggregation_export.model.explain_vectors(probe, vectors)
    found = model.explain_vectors(probe, vectors)
    assert found.fault == "" and found.probe_maps.dtype == np.float32
    assert found.probe_maps.shape == (4, HEIGHT // STRIDE, WIDTH // STRIDE)
    feature = model.probe_features([probe]).vectors[0].astype(np.float64)
    expected = method.inner_product_scale * vectors @ feature
    limit = 1e-4 * np.abs(expected).max()
    for scores in (found.scores, found.probe_maps.sum((1, 2))):
        np.testing.assert_allclose(scores, expected, rtol=0, atol=limit)
    # Of a pair's classifier it is the pair's map.
    classifiers = model.gallery_classifiers([other]).vectors
    pair = model.explain(probe, [other]).probe_maps
    found = model.explain_vectors(probe, classifiers).probe_maps
    np.testing.assert_allclose(found, pair, atol=1e-5 * np.abs(pair).max())
    refused = model.explain_vectors(b"bad", vectors)
    assert "decoder refuses it" in refused.fault and np.isnan(refused.scores).all()
    none = model.explain_vectors(probe, np.zeros((0, model.dimension)))
    assert none.scores.shape == (0,) and none.fault == ""


def test_an_export_of_before_the_maps_against_vectors_says_to_export_again(
    dimn_export, monkeypatch
):
    model = dimn_export.model
    kept = {
        name: signature
        for name, signature in model._loaded.signatures.items()
        if name != "explain_vectors"
    }
    monkeypatch.setattr(model, "_loaded", type("L", (), {"signatures": kept}))
    (probe,) = _images(1)
    with pytest.raises(errors.UserError, match="Export the run again.*galleries stay"):
        model.explain_vectors(probe, np.zeros((1, model.dimension)))
    assert model.explain(probe, [probe]).faults == ("",)


@pytest.fixture
def copied(halves_export, tmp_path):
    """A version's folder to spoil."""
    shutil.copytree(halves_export.folder, tmp_path / "E" / "1")
    return tmp_path / "E" / "1"


def test_the_newest_version_under_any_name(copied, halves_export):
    odd = copied.parent.with_name("a[b] *?\\ \udce9")
    copied.parent.rename(odd)
    (odd / "2").write_text("a file is no version")
    shutil.copytree(odd / "1", odd / "10")
    files = _images(2)
    model = served_model.ServedModel(odd)
    assert model.folder == odd / "10" and model.dimension == 5
    assert served_model.ServedModel(odd / "1").folder == odd / "1"
    np.testing.assert_array_equal(
        model.probe_features(files).vectors,
        halves_export.model.probe_features(files).vectors,
    )


def _change(**changes):
    def spoil(folder):
        path = folder / layout.METADATA_FILE
        metadata = {**json.loads(path.read_text()), **changes}
        kept = {k: v for k, v in metadata.items() if v is not KeyError}
        path.write_text(json.dumps(kept))

    return spoil


def _cut(name, size):
    def spoil(folder):
        path = folder / name
        path.write_bytes(path.read_bytes()[:size])

    return spoil


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_cut("metadata.json", 20), "metadata.json: cannot be read as JSON"),
        (_cut("saved_model.pb", 300), "1: its SavedModel cannot be loaded"),
        (_cut("saved_model.pb", 0), "1: its SavedModel cannot be loaded|signatures"),
        (_cut("variables/variables.index", 9), "1: its SavedModel cannot be loaded"),
        (
            _cut("variables/variables.data-00000-of-00001", 99),
            "1: its SavedModel cannot be loaded",
        ),
        (lambda f: (f / "saved_model.pb").unlink(), "its SavedModel cannot be loaded"),
        (lambda f: shutil.rmtree(f / "variables"), "its SavedModel cannot be loaded"),
        (lambda f: (f / "metadata.json").unlink(), "1: it lacks metadata.json"),
        (_change(dimension=KeyError), "dimension missing.*Export the run again"),
        (_change(checkpoint_sha256=""), "checkpoint_sha256 missing"),
        (_change(dimension=True), "dimension missing or of another type"),
    ],
)
def test_an_export_that_is_not_whole_is_named(copied, spoil, said):
    spoil(copied)
    with pytest.raises(errors.UserError, match=said):
        served_model.ServedModel(copied.parent)


def test_a_foreign_saved_model_is_named(tmp_path, halves_export):
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(tmp_path / "1"))
    shutil.copy(halves_export.folder / "metadata.json", tmp_path / "1")
    with pytest.raises(errors.UserError, match="lacks the signatures embed_probe"):
        served_model.ServedModel(tmp_path)


def test_thresholds_are_of_the_likeness_and_told(halves_export, monkeypatch):
    model = halves_export.model
    rows = [{"one_in": 100, "score": 0.25}, {"one_in": 1000, "refused": "too few"}]
    for measure, said in (("distance", "not of the likeness"), (None, "not of the")):
        thresholds = {"measure": measure, "thresholds": rows}
        monkeypatch.setitem(model.metadata, "thresholds", thresholds)
        with pytest.raises(errors.UserError, match=said):
            model.threshold(100)
    from dimn_tf.evaluation import measures

    thresholds = {"measure": measures.LIKENESS, "thresholds": rows}
    monkeypatch.setitem(model.metadata, "thresholds", thresholds)
    assert model.threshold(100) == 0.25
    with pytest.raises(errors.UserError, match="1000: .* holds thresholds for 100"):
        model.threshold(1000)
    older = {"measure": measures.OLDER_LIKENESS, "thresholds": rows}
    monkeypatch.setitem(model.metadata, "thresholds", older)
    for scale, told in ((1.0, None), (2.0, "not of the likeness"), (None, "not of")):
        monkeypatch.setitem(model.metadata, "inner_product_scale", scale)
        if told is None:
            assert model.threshold(100) == 0.25
            continue
        with pytest.raises(errors.UserError, match=told):
            model.threshold(100)
    monkeypatch.setitem(model.metadata, "thresholds", None)
    with pytest.raises(errors.UserError, match="holds thresholds for none"):
        model.threshold(100)


def test_no_temporary_name_is_left(tmp_path, monkeypatch, copied):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "[t]"))
    import tempfile

    (tmp_path / "[t]").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", None)
    odd = copied.parent.rename(tmp_path / "E[1]")
    with pytest.raises(errors.UserError, match="Set TMPDIR to a folder with a plain"):
        served_model.ServedModel(odd)
    assert not list((tmp_path / "[t]").iterdir())


def test_a_search_imports_no_training_data_sets_or_plots():
    """In an interpreter of its own: here, other tests have imported all."""
    process = subprocess.run(
        [sys.executable, "-c", _IMPORTED], capture_output=True, text=True, check=True
    )
    assert process.stdout.splitlines()[-2:] == ["[]", "[]"]
