"""A run in mixed precision is exported in float32, of the same weights."""

import keras
import numpy as np
import pytest

from dimn_tf.encoders import encoder as encoder_lib
from dimn_tf.export import exporter, folding, served_model
from dimn_tf.training import run
from experiments import flags
from tests.dimn_tf.export import made_up
from tests.dimn_tf.export.made_up import HEIGHT, WIDTH

C = 7
# What two layers of 11 and of 8 bits may differ by, of the largest feature.
ROUNDED = {"mixed_float16": 0.01, "mixed_bfloat16": 0.1}


@pytest.fixture(params=ROUNDED)
def mixed(request, monkeypatch):
    monkeypatch.setitem(encoder_lib.BACKBONES, "tiny", made_up.tiny_backbone)
    options = flags.options_from(
        {
            "method": "dimn",
            "encoder": "tiny",
            "precision": request.param,
            "image_height": HEIGHT,
            "image_width": WIDTH,
            "encoder_weights": "none",
            "batch_norm_momentum": 0.0,
        }
    )
    method = run.build_method(options, C)
    made_up.shake(method.encoder.backbone)
    method.encoder(exporter.made_up_images(16, HEIGHT, WIDTH, 5)[0], training=True)
    method.step.assign(11)
    yield method, options
    keras.mixed_precision.set_dtype_policy("float32")


def test_the_export_agrees_with_the_float32_method(mixed, tmp_path):
    method, options = mixed
    whole = run.in_float32(method, options)
    assert int(whole.step) == 11
    for ours, theirs in zip(whole.get_weights(), method.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    folder = made_up.export(whole, tmp_path, formats=["litert"])
    images, files = exporter.made_up_images(4, HEIGHT, WIDTH, seed=3)
    found = served_model.ServedModel(folder).probe_features(files).vectors
    expected = whole.probe_representation(whole.encode(images)).numpy()
    limit = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=limit)
    # It is the method that was trained, up to what half precision rounds.
    half = np.asarray(method.probe_representation(method.encode(images)), np.float32)
    difference = np.abs(half - expected).max() / np.abs(expected).max()
    assert 1e-6 < difference < ROUNDED[options.optimiser.precision]
    kinds = {w.dtype for w in folding.fold_batch_norm(whole.encoder.backbone).weights}
    assert kinds == {"float32"}


def test_a_float32_method_stays_as_it_is():
    options = flags.options_from({"method": "dimn"})
    method = object()
    assert run.in_float32(method, options) is method
