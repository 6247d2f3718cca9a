"""Warm-up requests: every signature at every batch size, for a server of that name."""

import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from dimn_tf.export import exporter, layout, warmup


@pytest.fixture(scope="module")
def files():
    return exporter.made_up_images(max(warmup.BATCHES), 12, 6)[1]


def test_every_signature_is_asked_at_every_batch_size(files):
    made = warmup.requests(files, 5)
    assert {name for name, _ in made} == {*layout.SIGNATURES}
    sizes = dict.fromkeys(layout.SIGNATURES, ())
    for name, inputs in made:
        (size,) = {len(values) for values in inputs.values()}
        sizes[name] += (size,)
        for key, values in inputs.items():
            if key == "image_bytes":
                assert values.numpy().tolist() == files[:size]
            elif key == "pixels":
                assert values.dtype == tf.uint8
                np.testing.assert_array_equal(values[0], tf.io.decode_png(files[0]))
                assert values.shape == (size, 12, 6, 3)
            else:
                np.testing.assert_array_equal(values, np.ones((size, 5)))
    assert sizes == dict.fromkeys(layout.SIGNATURES, warmup.BATCHES)


def test_a_grey_image_is_asked_about_in_three_channels():
    grey = tf.io.encode_png(tf.zeros((12, 6, 1), tf.uint8)).numpy()
    made = warmup.requests([grey] * max(warmup.BATCHES), 5)
    pixels = [inputs["pixels"] for _, inputs in made if "pixels" in inputs]
    assert pixels and all(values.shape[1:] == (12, 6, 3) for values in pixels)


def test_what_is_written_is_what_is_asked(files, tmp_path):
    assert warmup.write(tmp_path, "small", files, 5) is True
    assert warmup.write(tmp_path, "small", files, 5) is True  # Nothing is in its way.
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(tmp_path / warmup.WARMUP_FILE))
    ]
    asked = [log.predict_log.request for log in logs]
    expected = warmup.requests(files, 5)
    assert {request.model_spec.name for request in asked} == {"small"}
    for request, (name, inputs) in zip(asked, expected, strict=True):
        assert request.model_spec.signature_name == name
        assert set(request.inputs) == set(inputs)
        for key, values in inputs.items():
            np.testing.assert_array_equal(
                tf.make_ndarray(request.inputs[key]), values.numpy()
            )


def test_without_the_package_nothing_is_written(files, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    assert warmup.write(tmp_path, "small", files, 5) is False
    assert not list(tmp_path.iterdir())
