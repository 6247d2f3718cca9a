"""Squared distances of all pairs, against their definition."""

import numpy as np

from dimn_tf.methods import squared_distances


def test_each_pair_of_each_episode():
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(2, n, 5)).astype("float32") for n in (3, 4))
    found = squared_distances.of_pairs(a, b)
    assert found.shape == (2, 3, 4)
    for e in range(2):
        for i in range(3):
            for j in range(4):
                expected = np.sum((a[e, i] - b[e, j]) ** 2)
                np.testing.assert_allclose(found[e, i, j], expected, rtol=1e-5)
