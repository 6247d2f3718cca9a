"""What a backbone does to pixels."""

import numpy as np

from dimn_tf.encoders import backbone


def test_pixels_become_minus_one_to_one():
    pixels = np.array([0.0, 63.75, 127.5, 255.0], np.float32)
    assert backbone.minus_one_to_one(pixels).tolist() == [-1.0, -0.5, 0.0, 1.0]
