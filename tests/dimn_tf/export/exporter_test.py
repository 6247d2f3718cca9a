"""Every format against the live model; a version folder is whole or not there."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from dimn_tf import encoders, errors, methods
from dimn_tf.data import resizing
from dimn_tf.export import exporter, formats, served_model, serving, warmup
from tests.dimn_tf.export import made_up

HEIGHT, WIDTH = 64, 32


@pytest.fixture(scope="module", params=["dimn", "aggregation"])
def method(request):
    encoder = encoders.build_encoder(
        "mobilenet_v2", HEIGHT, WIDTH, 0.35, batch_norm_momentum=0.0
    )
    made_up.shake(encoder.backbone)
    # Statistics of images, without which the features of all images are the same.
    encoder(exporter.made_up_images(16, HEIGHT, WIDTH, seed=5)[0], training=True)
    kind = methods.METHODS[request.param]
    options = {"logit_scale": 2.0} if request.param == "dimn" else {}
    method = kind(encoder, 50, kind.Options(**options), seed=0)
    for layer in method.matching_layers:
        rng = np.random.default_rng(1)
        layer.kernel.assign_add(rng.normal(0, 0.01, layer.kernel.shape))
    return method


@pytest.fixture(scope="module")
def exported(method, tmp_path_factory):
    return exporter.export(
        method,
        tmp_path_factory.mktemp("exports"),
        HEIGHT,
        WIDTH,
        {"method": "made up"},
        lambda metadata: f"card of version {metadata['version']}",
        ["onnx", "litert"],
        log=lambda line: None,
    )


def _live(method, images):
    features = method.encode(images)
    return {
        "probe_features": np.asarray(method.probe_representation(features)),
        "gallery_classifiers": np.asarray(method.gallery_representation(features)),
    }


@pytest.mark.parametrize("name", formats.FORMATS)
def test_agrees_and_ranks_as_the_live_model_does(method, exported, name):
    images, files = exporter.made_up_images(24, HEIGHT, WIDTH, seed=7)
    live = _live(method, images)
    found = formats.RUNNERS[name](exported, images, files)
    for key, expected in live.items():
        assert np.abs(expected).max() > 0.01
        limit = 1e-4 * np.abs(expected).max()
        np.testing.assert_allclose(found[key], expected, rtol=0, atol=limit)
    scores, expected = (
        np.asarray(
            method.score(tf.constant(x["probe_features"]), x["gallery_classifiers"])
        )
        for x in (found, live)
    )
    limit = 1e-4 * np.abs(expected).max()
    assert np.ptp(expected) > 10 * limit  # There is something to rank.
    ahead = expected[:, :, None] - expected[:, None, :] > limit
    assert (scores[:, :, None] - scores[:, None, :])[ahead].min() > 0


def test_bytes_of_other_sizes_are_resized_as_in_evaluation(method, exported):
    _, files = exporter.made_up_images(3, 90, 70)
    files.append(tf.io.encode_jpeg(tf.io.decode_png(files[0])[:40, :30]).numpy())
    images = tf.stack([resizing.decode_and_resize(f, HEIGHT, WIDTH) for f in files])
    loaded = tf.saved_model.load(str(exported)).signatures
    found = loaded["embed_probe"](image_bytes=tf.constant(files))["probe_features"]
    expected = _live(method, images)["probe_features"]
    limit = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=limit)
    pixels = tf.stack([tf.io.decode_png(f) for f in files[:3]])
    by_pixels = loaded["embed_probe_pixels"](pixels=pixels)["probe_features"]
    np.testing.assert_allclose(by_pixels, expected[:3], rtol=0, atol=limit)


def test_signatures_say_what_they_take_and_give(method, exported):
    loaded = tf.saved_model.load(str(exported)).signatures
    more = {"explain"} if method.has_score_maps else set()
    assert set(loaded) == {*serving.SIGNATURES, *more, "serving_default"}
    dimension = method.feature_dimension
    enroll = loaded["enroll_gallery_pixels"]
    assert enroll.structured_input_signature[1]["pixels"].dtype == tf.uint8
    (output,) = enroll.structured_outputs.values()
    assert output.shape.as_list() == [None, dimension]
    probes, gallery = tf.eye(3, dimension), tf.eye(2, dimension)
    scores = loaded["score"](probe_features=probes, gallery_classifiers=gallery)
    np.testing.assert_allclose(scores["scores"], method.score(probes, gallery))


def test_loads_as_servers_load_it(method, exported):
    images, files = exporter.made_up_images(2, HEIGHT, WIDTH)
    expected = _live(method, images)["gallery_classifiers"]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(exported))
        signature = loaded.signature_def["enroll_gallery"]
        (output,) = signature.outputs.values()
        (given,) = signature.inputs.values()
        found = session.run(output.name, {given.name: files})
    limit = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=limit)


def test_what_training_alone_needs_stays_behind(method, exported):
    variables = tf.train.list_variables(str(exported / "variables" / "variables"))
    assert not [shape for _, shape in variables if 50 in shape]  # C.


def test_metadata_and_card(method, exported):
    written = json.loads((exported / "metadata.json").read_text())
    assert written["version"] == 1 and written["method"] == "made up"
    assert written["formats"] == ["saved_model", "onnx", "litert"]
    assert written["feature_dimension"] == method.feature_dimension
    assert all(x < 1e-4 for x in written["largest_relative_difference"].values())
    assert (exported / "model_card.md").read_text() == "card of version 1"


def test_warm_up_requests_are_answered(exported):
    loaded = tf.saved_model.load(str(exported)).signatures
    asked = []
    for record in tf.data.TFRecordDataset(str(exported / warmup.WARMUP_FILE)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        inputs = {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
        name = request.model_spec.signature_name
        outputs = loaded[name](**{k: tf.constant(v) for k, v in inputs.items()})
        (output,) = outputs.values()
        asked.append((name, len(output)))
    assert asked == [(n, s) for s in warmup.BATCHES for n in (
        "embed_probe", "enroll_gallery", "embed_probe_pixels", "enroll_gallery_pixels",
        "score",
    )]  # fmt: skip


def _export(method, folder, **changes):
    arguments = {"formats": ["saved_model"], "log": lambda line: None, **changes}
    return exporter.export(method, folder, 64, 32, {}, lambda m: "", **arguments)


def test_a_gallery_takes_models_whose_score_is_an_inner_product(method, exported):
    model = served_model.ServedModel(exported)
    if method.inner_product_scale is None:
        with pytest.raises(errors.UserError, match="no inner product"):
            _ = model.inner_product_scale
        return
    images, _ = exporter.made_up_images(4, HEIGHT, WIDTH)
    live = _live(method, images)
    product = live["probe_features"] @ live["gallery_classifiers"].T
    scores = method.score(
        tf.constant(live["probe_features"]), live["gallery_classifiers"]
    )
    np.testing.assert_allclose(
        model.inner_product_scale * product, scores, rtol=1e-4, atol=1e-4
    )


def test_an_export_explains_its_scores(method, exported):
    model = served_model.ServedModel(exported)
    images, (probe, *gallery) = exporter.made_up_images(4, HEIGHT, WIDTH, seed=3)
    if not method.has_score_maps:
        with pytest.raises(errors.UserError, match="cannot explain"):
            model.explain(probe, gallery)
        return
    probe_maps, gallery_maps, scores = model.explain(probe, gallery)
    assert probe_maps.shape == gallery_maps.shape == (3, HEIGHT // 32, WIDTH // 32)
    live = _live(method, images)
    expected = method.score(
        tf.constant(live["probe_features"][:1]), live["gallery_classifiers"][1:]
    )[0]
    for found in (scores, probe_maps.sum((1, 2)), gallery_maps.sum((1, 2))):
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    maps = method.encoder.feature_maps(tf.constant(images))
    live_maps = method.score_maps(tf.repeat(maps[:1], 3, axis=0), maps[1:])
    for found, live_map in zip((probe_maps, gallery_maps), live_maps, strict=True):
        limit = 1e-4 * np.abs(live_map).max()
        np.testing.assert_allclose(found, live_map, rtol=0, atol=limit)


def test_versions_rise(method, tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "notes").mkdir()
    assert _export(method, tmp_path).name == "8"


def _broken_onnx(module, folder: pathlib.Path):
    module.encoder.backbone.layers[1].kernel.assign_add(
        tf.ones_like(module.encoder.backbone.layers[1].kernel)
    )
    formats.onnx(module, folder)


@pytest.mark.parametrize("fault", ["differs", "crashes"])
def test_a_failed_export_leaves_nothing(method, tmp_path, monkeypatch, fault):
    def crash(module, folder):
        raise KeyboardInterrupt

    writer = _broken_onnx if fault == "differs" else crash
    monkeypatch.setitem(formats.FORMATS, "onnx", writer)
    expected = errors.UserError if fault == "differs" else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        _export(method, tmp_path, formats=["onnx"])
    if fault == "differs":
        assert "onnx: the export differs" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_unknown_formats_are_named(method, tmp_path):
    with pytest.raises(errors.UserError, match="saved_model, onnx, litert"):
        _export(method, tmp_path / "E", formats=["caffe"])
    assert not (tmp_path / "E").exists()


def test_nan_is_a_difference():
    live = {"probe_features": np.ones((1, 2))}
    with pytest.raises(errors.UserError, match="differs from the live model by inf"):
        exporter.check("onnx", live, {"probe_features": np.array([[1, np.nan]])})
