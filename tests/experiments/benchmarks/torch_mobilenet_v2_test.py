"""The PyTorch network that we are compared with is our network."""

import numpy as np
import pytest

from dimn_tf import encoders
from dimn_tf.export import exporter
from tests.dimn_tf.export import made_up

torch = pytest.importorskip("torch", reason="needs the extra `torch`")


@pytest.mark.parametrize("width", [0.35, 1.4])
def test_same_weights_give_the_same_features(width):
    from experiments.benchmarks import torch_mobilenet_v2

    encoder = encoders.build_encoder("mobilenet_v2", 64, 32, width)
    made_up.shake(encoder.backbone)
    images, _ = exporter.made_up_images(3, 64, 32)
    model = torch_mobilenet_v2.MobileNetV2(width, keras_padding=True).eval()
    torch_mobilenet_v2.carry_weights(encoder.backbone, model)
    with torch.inference_mode():
        found = model(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()
    expected = encoder(images).numpy()
    limit = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=limit)
    # Timed is the custom in PyTorch: as many weights, as many places.
    timed = torch_mobilenet_v2.MobileNetV2(width)
    assert sum(p.numel() for p in timed.parameters()) == sum(
        np.prod(w.shape) for w in encoder.trainable_weights
    )
    images = torch.zeros((1, 3, 64, 32))
    assert timed.layers(images).shape == model.layers(images).shape
