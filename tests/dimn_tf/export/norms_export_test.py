"""Exports by dg_strong.flags: instance norms, neck, stride, unit probes, mirror."""

import numpy as np
import pytest

from dimn_tf.export import exporter, folding, formats, served_model
from tests.dimn_tf.export import made_up

ENCODER = {"instance_norm_through": "block_12", "neck": True, "stride": 16}
OWN = {"normalise_probes": True, "logit_scale": 14.0}


@pytest.fixture(scope="module")
def method():
    return made_up.method("dimn", own=OWN, **ENCODER)


@pytest.mark.parametrize("mirror", [False, True])
def test_every_format_is_the_live_method(method, tmp_path, monkeypatch, mirror):
    monkeypatch.setattr(method, "mirror", mirror)
    # The exporter refuses a format that differs from the live method.
    folder = made_up.export(method, tmp_path, formats=tuple(formats.FORMATS))
    images, files = exporter.made_up_images(4, made_up.HEIGHT, made_up.WIDTH, seed=3)
    features = method.matched_features(images)
    assert np.allclose(features, method.embed(images), rtol=1e-3) != mirror
    expected = method.gallery_representation(features)
    model = served_model.ServedModel(folder)
    found = model.gallery_classifiers(files).vectors
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    # The maps of a pair add up to its score, the neck's part included.
    told = model.explain(files[0], files[1:])
    scores = method.score(method.probe_representation(features[:1]), expected[1:])
    for found in (told.probe_maps.sum((1, 2)), told.gallery_maps.sum((1, 2))):
        np.testing.assert_allclose(found, scores[0], rtol=1e-3)


def test_folding_leaves_the_instance_norms(method):
    folded = folding.for_inference(method.encoder.backbone)
    kept = [layer.name for layer in folded.layers if "_instance_norm" in layer.name]
    places = ["stem", *(f"block_{i}" for i in range(13))]
    assert kept == [f"{name}_instance_norm" for name in places]
    norms = [layer for layer in folded.layers if "moving_mean" in dir(layer)]
    assert norms == []
