"""A run in mixed precision is exported in float32, of the same weights."""

import numpy as np
import pytest

from dimn_tf.encoders import encoder as encoder_lib
from dimn_tf.export import exporter, folding, served_model
from dimn_tf.training import build, recipe
from tests.dimn_tf.export import made_up
from tests.dimn_tf.export.made_up import HEIGHT, WIDTH
from tests.dimn_tf.methods import tiny

C = 7
# What two layers of 11 and of 8 bits may differ by, of the largest feature.
ROUNDED = {"mixed_float16": 0.01, "mixed_bfloat16": 0.1}


@pytest.fixture(params=ROUNDED)
def mixed(request, monkeypatch):
    monkeypatch.setitem(encoder_lib.BACKBONES, "tiny", made_up.BACKBONE)
    found = recipe.from_values(
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
    method = build.for_training(found, tiny.labels(C))
    made_up.shake(method.encoder.backbone)
    method.encoder(exporter.made_up_images(16, HEIGHT, WIDTH, 5)[0], training=True)
    return method, found


def test_the_export_agrees_with_the_float32_method(mixed, tmp_path):
    method, found_recipe = mixed
    whole = build.for_inference_of(method, found_recipe)
    pairs = zip(whole.inference_variables, method.inference_variables, strict=True)
    for ours, theirs in pairs:
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    folder = made_up.export(whole, tmp_path, formats=["litert"])
    images, files = exporter.made_up_images(4, HEIGHT, WIDTH, seed=3)
    found = served_model.ServedModel(folder).probe_features(files).vectors
    expected = whole.probe_representation(whole.encode(images)).numpy()
    limit = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=limit)
    # It is the method that was trained, up to what half precision rounds.
    half = np.asarray(method.probe_representation(method.encode(images)), np.float32)
    difference = np.abs(half - expected).max() / np.abs(expected).max()
    assert 1e-6 < difference < ROUNDED[found_recipe.optimiser.precision]
    kinds = {w.dtype for w in folding.fold_batch_norm(whole.encoder.backbone).weights}
    assert kinds == {"float32"}
