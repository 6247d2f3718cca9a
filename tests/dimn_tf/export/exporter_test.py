"""Every format against the live model; a version folder is whole or not there."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from dimn_tf import errors, full_precision
from dimn_tf.data import resizing
from dimn_tf.export import (
    exporter,
    formats,
    layout,
    served_model,
    serving,
    tracker_onnx,
    warmup,
)
from tests.dimn_tf.export import made_up
from tests.dimn_tf.export.made_up import HEIGHT, WIDTH, C


@pytest.fixture(params=["dimn", "aggregation", "halves"])
def exported(request):
    return request.getfixturevalue(f"{request.param}_export")


@pytest.fixture(scope="module")
def tiny():
    return made_up.method("dimn", tiny=True)


def _live(method, images):
    features = method.embed(images)
    return {
        "probe_features": np.asarray(method.probe_representation(features)),
        "gallery_classifiers": np.asarray(method.gallery_representation(features)),
    }


@pytest.fixture
def quick(tiny, monkeypatch):
    """Formats that write one file each and answer as the live model does."""
    asked = []

    def runner(folder, images, files):
        asked.append((images, files))
        return _live(tiny, images)

    for name in ("saved_model", "onnx"):
        monkeypatch.setitem(
            formats.FORMATS, name, lambda _, x, n=name: (x / n).write_text("written")
        )
        monkeypatch.setitem(formats.RUNNERS, name, runner)
    return asked


def test_all_is_told_and_written(tiny, quick, tmp_path):
    said = []
    folder = made_up.export(
        tiny, tmp_path / "new" / "E", formats=["onnx", "onnx"], log=said.append
    )
    assert said == [
        "saved_model: exporting",
        "saved_model: largest relative difference 0.0e+00",
        "onnx: exporting",
        "onnx: largest relative difference 0.0e+00",
    ]
    assert folder == tmp_path / "new" / "E" / "1"
    text = (folder / "metadata.json").read_text()
    assert text.startswith('{\n  "method": "made up",\n') and text.endswith("\n}\n")
    assert json.loads(text) == {
        "method": "made up",
        "checkpoint_sha256": made_up.SHA256,
        "version": 1,
        "formats": ["saved_model", "onnx"],
        "input_height": HEIGHT,
        "input_width": WIDTH,
        "dimension": made_up.TINY,
        "feature_dimension": made_up.TINY,
        "inner_product_scale": 2.0,
        "largest_pixels": 64_000_000,
        "largest_request_pixels": 128_000_000,
        "largest_relative_difference": {"saved_model": 0.0, "onnx": 0.0},
        "warmup_requests": True,
    }
    files = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert files == {
        "metadata.json", "model_card.md", "saved_model", "onnx", warmup.WARMUP_FILE
    }  # fmt: skip
    record = next(iter(tf.data.TFRecordDataset(str(folder / warmup.WARMUP_FILE))))
    log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
    assert log.predict_log.request.model_spec.name == "E"
    expected_images, expected_files = exporter.made_up_images(8, HEIGHT, WIDTH)
    for images, files in quick:
        np.testing.assert_array_equal(images, expected_images)
        assert files == expected_files


def test_a_server_without_warm_up_requests_is_told(tiny, quick, tmp_path, monkeypatch):
    monkeypatch.setattr(warmup, "write", lambda *given: False)
    said = []
    folder = made_up.export(tiny, tmp_path, log=said.append)
    assert said[-1].startswith("No warm-up requests: they need tensorflow-serving")
    assert (
        json.loads((folder / "metadata.json").read_text())["warmup_requests"] is False
    )


def test_no_format_is_refused(tiny, quick, tmp_path):
    with pytest.raises(errors.UserError, match="--formats=: expected some of saved"):
        made_up.export(tiny, tmp_path / "E", formats=[])
    assert not list(tmp_path.iterdir())


def test_what_the_system_refuses_is_not_called_another_export(
    tiny, quick, tmp_path, monkeypatch
):
    def refuse(self, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.rename", refuse)
    with pytest.raises(PermissionError):
        made_up.export(tiny, tmp_path / "new" / "E")
    assert not list(tmp_path.iterdir())


def test_exports_of_equal_process_numbers_do_not_destroy_each_other(
    tiny, quick, tmp_path, monkeypatch
):
    monkeypatch.setattr("os.getpid", lambda: 1)  # As in containers.
    (tmp_path / ".1.1.partial").mkdir()  # A killed one's, or one that writes now.
    others = []

    def card(metadata):
        if not others:
            others.append(made_up.export(tiny, tmp_path))
        return "card"

    with pytest.raises(errors.UserError, match="1: another export took this version"):
        made_up.export(tiny, tmp_path, card=card)
    assert others == [tmp_path / "1"] and (others[0] / "saved_model").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"1", ".1.1.partial"}


def test_what_a_killed_export_of_a_version_left_goes_though_others_took_it(
    tiny, quick, tmp_path
):
    (tmp_path / "1").mkdir()
    (tmp_path / f".1.{'0a' * 8}.partial").mkdir()
    assert made_up.export(tiny, tmp_path) == tmp_path / "2"
    assert {path.name for path in tmp_path.iterdir()} == {"1", "2"}


def test_a_failed_export_leaves_what_others_put_there(tiny, quick, tmp_path):
    def card(metadata):
        (tmp_path / "new" / "other").mkdir()
        raise KeyError

    with pytest.raises(KeyError):
        made_up.export(tiny, tmp_path / "new" / "deep" / "E", card=card)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {"new", "new/other"}


@pytest.mark.parametrize("name", ["saved_model", "onnx", "litert"])
def test_agrees_and_ranks_as_the_live_model_does(exported, name):
    method = exported.method
    images, files = exporter.made_up_images(24, HEIGHT, WIDTH, seed=7)
    live = _live(method, images)
    found = formats.RUNNERS[name](exported.folder, images, files)
    for key, expected in live.items():
        assert expected.shape == (24, method.representation_dimension)
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


def test_bytes_of_other_sizes_are_resized_as_in_evaluation(dimn_export):
    _, files = exporter.made_up_images(3, 90, 70)
    files.append(tf.io.encode_jpeg(tf.io.decode_png(files[0])[:40, :30]).numpy())
    images = tf.stack([resizing.decode_and_resize(f, HEIGHT, WIDTH) for f in files])
    loaded = tf.saved_model.load(str(dimn_export.folder)).signatures
    found = loaded["embed_probe"](image_bytes=tf.constant(files))["probe_features"]
    expected = _live(dimn_export.method, images)["probe_features"]
    limit = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=limit)
    pixels = tf.stack([tf.io.decode_png(f) for f in files[:3]])
    by_pixels = loaded["embed_probe_pixels"](pixels=pixels)["probe_features"]
    np.testing.assert_allclose(by_pixels, expected[:3], rtol=0, atol=limit)


def test_signatures_say_what_they_take_and_give(exported):
    method = exported.method
    loaded = tf.saved_model.load(str(exported.folder)).signatures
    more = {"explain", "explain_vectors"} if method.has_score_maps else set()
    assert set(loaded) == {*layout.SIGNATURES, *more, "serving_default"}
    dimension = method.representation_dimension
    enroll = loaded["enroll_gallery_pixels"]
    assert enroll.structured_input_signature[1]["pixels"].dtype == tf.uint8
    (output,) = enroll.structured_outputs.values()
    assert output.shape.as_list() == [None, dimension]
    for name in ("embed_probe", "enroll_gallery", *more):
        given = loaded[name].structured_outputs
        assert given["decoded"].dtype == tf.bool and given["fault"].dtype == tf.string
    probes, gallery = tf.eye(3, dimension), tf.eye(2, dimension)
    scores = loaded["score"](probe_features=probes, gallery_classifiers=gallery)
    np.testing.assert_allclose(scores["scores"], method.score(probes, gallery))


def test_a_request_of_nothing_is_answered_with_nothing(exported):
    dimension = exported.method.representation_dimension
    loaded = tf.saved_model.load(str(exported.folder)).signatures
    files = tf.zeros([0], tf.string)
    pixels = tf.zeros([0, 40, 20, 3], tf.uint8)
    for name, output in (
        ("embed_probe", "probe_features"),
        ("enroll_gallery", "gallery_classifiers"),
    ):
        by_files = loaded[name](image_bytes=files)
        by_pixels = loaded[f"{name}_pixels"](pixels=pixels)
        assert by_files[output].shape == by_pixels[output].shape == (0, dimension)
        assert by_files["decoded"].shape == by_files["fault"].shape == (0,)
    if exported.method.has_score_maps:
        found = loaded["explain"](probe_bytes=files, gallery_bytes=files)
        assert found["scores"].shape == (0,)
        assert found["probe_map"].shape == found["gallery_map"].shape
        assert found["probe_map"].shape[0] == 0 < found["probe_map"].shape[1]


def test_loads_as_servers_load_it(exported):
    images, files = exporter.made_up_images(2, HEIGHT, WIDTH)
    expected = _live(exported.method, images)["gallery_classifiers"]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(exported.folder))
        signature = loaded.signature_def["enroll_gallery"]
        outputs = {k: v.name for k, v in signature.outputs.items()}
        (given,) = signature.inputs.values()
        found = session.run(outputs, {given.name: [files[0], b"none", files[1]]})
    limit = 1e-4 * np.abs(expected).max()
    vectors = found["gallery_classifiers"]
    np.testing.assert_allclose(vectors[[0, 2]], expected, rtol=0, atol=limit)
    assert np.isnan(vectors[1]).all()
    assert found["decoded"].tolist() == [True, False, True]
    assert found["fault"].tolist() == [b"", b"undecodable", b""]


def test_what_training_alone_needs_stays_behind(exported):
    variables = tf.train.list_variables(
        str(exported.folder / "variables" / "variables")
    )
    assert not [shape for _, shape in variables if C in shape]


def test_metadata_and_card(exported):
    written = json.loads((exported.folder / "metadata.json").read_text())
    assert written["version"] == 1 and written["method"] == "made up"
    assert written["formats"] == ["saved_model", "onnx", "litert"]
    assert written["dimension"] == exported.method.representation_dimension
    assert written["feature_dimension"] == exported.method.feature_dimension
    assert written["largest_pixels"] == 64_000_000
    assert all(x < 1e-4 for x in written["largest_relative_difference"].values())
    assert (exported.folder / "model_card.md").read_text() == "card of version 1"


def test_warm_up_requests_are_answered(exported):
    loaded = tf.saved_model.load(str(exported.folder)).signatures
    asked = []
    for record in tf.data.TFRecordDataset(str(exported.folder / warmup.WARMUP_FILE)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        inputs = {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
        name = request.model_spec.signature_name
        outputs = loaded[name](**{k: tf.constant(v) for k, v in inputs.items()})
        asked.append((name, len(next(iter(outputs.values())))))
        assert tf.reduce_all(outputs.get("decoded", True))
    assert asked == [(n, s) for s in warmup.BATCHES for n in (
        "embed_probe", "enroll_gallery", "embed_probe_pixels", "enroll_gallery_pixels",
        "score",
    )]  # fmt: skip


def test_a_gallerys_product_is_the_score(exported):
    scale = exported.method.inner_product_scale
    assert exported.model.metadata["inner_product_scale"] == scale
    if scale is None:
        with pytest.raises(errors.UserError, match="no inner product"):
            _ = exported.model.inner_product_scale
        return
    live = _live(exported.method, exporter.made_up_images(4, HEIGHT, WIDTH)[0])
    product = live["probe_features"] @ live["gallery_classifiers"].T
    scores = exported.method.score(
        tf.constant(live["probe_features"]), live["gallery_classifiers"]
    )
    np.testing.assert_allclose(
        exported.model.inner_product_scale * product, scores, rtol=1e-4, atol=1e-4
    )


def _export(method, folder, **changes):
    return made_up.export(method, folder, **{"formats": ["saved_model"], **changes})


@pytest.fixture(scope="module")
def odd_folder(tiny, tmp_path_factory):
    """An export under a name that TensorFlow takes for a pattern; the second there."""
    folder = tmp_path_factory.mktemp("exports") / "dimn[lr=1e-3] *?\\ \udce9" / "é"
    for name in ("7", "notes"):
        (folder / name).mkdir(parents=True)
    return folder, _export(tiny, folder, formats=["saved_model", "litert", "onnx"])


def test_any_path_and_rising_versions(tiny, odd_folder):
    folder, version = odd_folder
    assert version == folder / "8"
    assert {p.name for p in folder.iterdir()} == {"7", "8", "notes"}
    assert {p.name for p in version.iterdir()} >= {"model.tflite", "model.onnx"}
    assert ".litert" not in {p.name for p in version.iterdir()}


def _broken_onnx(module, folder: pathlib.Path):
    module.encoder.backbone.layers[2].kernel.assign_add(
        tf.ones_like(module.encoder.backbone.layers[2].kernel)
    )
    formats.onnx(module, folder)


def _crash(module, folder):
    (folder / "half").write_text("written")
    raise KeyboardInterrupt


def _full(module, folder):
    raise tf.errors.ResourceExhaustedError(
        None, None, "{{function_node wrapped}} x; No space left on device [Op:SaveV2]"
    )


@pytest.mark.parametrize(
    ("writer", "expected", "said"),
    [
        (_broken_onnx, errors.UserError, "onnx: the export differs"),
        (_crash, KeyboardInterrupt, None),
        (
            _full,
            errors.UserError,
            "new/E: the export cannot be written: x; No space left on device. Nothing",
        ),
    ],
)
def test_a_failed_export_leaves_nothing(
    tiny, tmp_path, monkeypatch, writer, expected, said
):
    monkeypatch.setitem(formats.FORMATS, "onnx", writer)
    with pytest.raises(expected, match=said):
        _export(tiny, tmp_path / "new" / "E", formats=["onnx"])
    assert not list(tmp_path.iterdir())


def test_a_trackers_file_is_named_and_checked(tiny, tmp_path, monkeypatch):
    given = {
        "formats": ["tracker_onnx"],
        "network_name": "mobilenetv2_x1_0",
        "method_name": "dimn",
    }
    folder = _export(tiny, tmp_path, **given)
    name = "mobilenetv2_x1_0_dimn.onnx"
    assert {p.name for p in folder.glob("*onnx*")} == {name, f"{name}.metadata.json"}
    written = json.loads((folder / "metadata.json").read_text())
    found = written["largest_relative_difference"]
    assert found.keys() == {"saved_model", "tracker_onnx"}
    assert 0 < found["tracker_onnx"] < 1e-4

    def of_other_colours(folder, images, files):
        return tracker_onnx.run(folder, images[..., ::-1], files)

    monkeypatch.setitem(formats.RUNNERS, "tracker_onnx", of_other_colours)
    with pytest.raises(errors.UserError, match="^tracker_onnx: the export differs"):
        _export(tiny, tmp_path, **given)
    assert [p.name for p in tmp_path.iterdir()] == ["1"]


def test_a_failed_export_leaves_older_versions(tiny, tmp_path, monkeypatch):
    (tmp_path / "1").mkdir()
    monkeypatch.setitem(formats.FORMATS, "onnx", _crash)
    with pytest.raises(KeyboardInterrupt):
        _export(tiny, tmp_path, formats=["onnx"])
    assert [p.name for p in tmp_path.iterdir()] == ["1"]


def test_a_version_that_another_export_took_is_left_alone(tiny, tmp_path):
    def another(metadata):
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "saved_model.pb").write_text("another's")
        return "card"

    with pytest.raises(errors.UserError, match="1: another export took this version"):
        _export(tiny, tmp_path, card=another)
    assert [p.name for p in tmp_path.rglob("*")] == ["1", "saved_model.pb"]


def test_unknown_formats_are_named(tiny, tmp_path):
    with pytest.raises(errors.UserError, match="saved_model, onnx, litert"):
        _export(tiny, tmp_path / "E", formats=["caffe"])
    assert not (tmp_path / "E").exists()


def test_the_difference_is_the_largest_of_all_outputs_relative_to_each():
    live = {"a": np.array([[2.0, -8.0]]), "b": np.array([[0.5, 0.25]])}
    found = {"a": live["a"] + [[0, 4e-4]], "b": live["b"] - [[1e-5, 0]]}
    # 4e-4 of 8, and 1e-5 of 0.5.
    assert exporter.check("onnx", live, found) == pytest.approx(5e-5, rel=1e-6)
    found["b"] = live["b"] + [[0, 4.9e-5]]
    assert exporter.check("onnx", live, found) == pytest.approx(9.8e-5, rel=1e-6)
    assert exporter.check("onnx", live, live) == 0.0
    found["b"] = live["b"] + [[0, 5.1e-5]]
    with pytest.raises(errors.UserError, match="^onnx: .* by 1.0e-04 .* than 0.0001:"):
        exporter.check("onnx", live, found)


@pytest.mark.parametrize(
    "found",
    [np.array([[1, np.nan]]), np.array([[np.inf, 1]]), np.ones((2, 1)), np.ones(2)],
)
def test_nan_and_other_shapes_are_differences(found):
    live = {"gallery_classifiers": np.ones((1, 2)), "probe_features": np.ones((1, 2))}
    for key in live:
        with pytest.raises(
            errors.UserError, match="differs from the live model by inf"
        ):
            exporter.check("onnx", live, {**live, key: found})


def test_versions_rise_by_their_numbers(tmp_path):
    assert exporter.next_version(tmp_path) == 1
    for name in ("9", "10", "11.partial", "x"):
        (tmp_path / name).mkdir()
    assert exporter.next_version(tmp_path) == 11


def test_made_up_images_are_pixels_and_files_of_the_same():
    images, files = exporter.made_up_images(3, 40, 20)
    assert images.shape == (3, 40, 20, 3) and images.dtype == np.float32
    decoded = np.stack([tf.io.decode_png(file).numpy() for file in files])
    np.testing.assert_array_equal(images, decoded)
    assert images.min() < 30 and images.max() > 225 and images.std() > 30
    again, _ = exporter.made_up_images(3, 40, 20)
    other, _ = exporter.made_up_images(3, 40, 20, seed=1)
    np.testing.assert_array_equal(images, again)
    assert np.abs(images - other).mean() > 10


@pytest.mark.parametrize(("value", "said"), [(np.nan, "not finite"), (0.0, "zero")])
def test_a_model_whose_own_vectors_tell_nothing_is_not_exported(tmp_path, value, said):
    method = made_up.method("halves", tiny=True)
    for weight in method.mapping.weights:
        weight.assign(tf.fill(weight.shape, value))
    with pytest.raises(errors.UserError, match=f"own probe_features are {said}"):
        _export(method, tmp_path / "E")
    assert not (tmp_path / "E").exists()


def test_every_comparison_is_in_whole_float32(tiny, tmp_path, monkeypatch):
    asked = tf.config.experimental.tensor_float_32_execution_enabled
    seen = []

    def noted(function):
        def call(*arguments):
            seen.append(asked())
            return function(*arguments)

        return call

    monkeypatch.setitem(formats.FORMATS, "onnx", lambda module, folder: None)
    monkeypatch.setitem(formats.RUNNERS, "onnx", noted(formats.RUNNERS["saved_model"]))
    monkeypatch.setattr(tiny, "probe_representation", noted(tiny.probe_representation))
    # As TensorFlow has it, and as it is again afterwards.
    tf.config.experimental.enable_tensor_float_32_execution(True)
    _export(tiny, tmp_path, formats=["onnx"])
    assert len(seen) > 2 and not any(seen) and asked()
    with pytest.raises(KeyboardInterrupt), full_precision.full_precision():
        raise KeyboardInterrupt
    assert asked()


def test_a_method_is_left_as_it_was(exported):
    assert exported.method.encoder.name != "folded_encoder"
    module = serving.ServingModule(exported.method, HEIGHT, WIDTH)
    own = exported.method.encoder
    images, _ = exporter.made_up_images(2, HEIGHT, WIDTH)
    module.probe_features(images)
    assert exported.method.encoder is own is not module.encoder


@pytest.mark.slow
def test_mobilenet_is_exported_whole_in_every_format(tmp_path):
    """What the other tests do on a tiny encoder, once on the paper's."""
    method = made_up.method("dimn")
    folder = made_up.export(method, tmp_path, formats=["onnx", "litert"])
    written = json.loads((folder / "metadata.json").read_text())
    found = written["largest_relative_difference"]
    assert found.keys() == {"saved_model", "onnx", "litert"}
    assert max(found.values()) < 1e-4 and written["dimension"] == 1280
    images, files = exporter.made_up_images(4, HEIGHT, WIDTH, seed=3)
    expected = method.probe_representation(method.embed(images)).numpy()
    vectors = served_model.ServedModel(folder).probe_features(files).vectors
    limit = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=limit)
