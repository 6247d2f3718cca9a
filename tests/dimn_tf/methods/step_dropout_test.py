"""Dropout by seed and step: its rate, its order, its shares on replicas."""

import numpy as np
import pytest

from dimn_tf.methods import base, replica_context, step_dropout
from tests.dimn_tf.methods import tiny


@pytest.mark.parametrize("shape", [(3, 40), (4, 5, 16)])
def test_a_share_is_kept_and_made_up_for(shape):
    batch = tiny.batch([4, 0, 7])
    found = step_dropout.mask(batch, shape, 0.25, 1, 0).numpy()
    assert found.shape == (6, *shape)
    np.testing.assert_allclose(np.unique(found), [0.0, 1 / 0.75], rtol=1e-6)
    assert found.mean() == pytest.approx(1.0, abs=0.1)
    np.testing.assert_array_equal(
        step_dropout.mask(batch, shape, 0.0, 1, 0), np.ones_like(found)
    )


def test_it_is_a_function_of_seed_and_step():
    batch = tiny.batch([4, 0, 7])
    masks = [
        step_dropout.mask(batch, (9, 9), 0.5, seed, step).numpy()
        for seed, step in ((1, 0), (1, 0), (2, 0), (1, 1))
    ]
    np.testing.assert_array_equal(masks[0], masks[1])
    assert np.any(masks[0] != masks[2]) and np.any(masks[0] != masks[3])


def test_replicas_have_their_rows_of_the_whole_batchs(monkeypatch):
    whole = tiny.batch([4, 0, 7, 2])
    _, labels = base.image_by_image(whole)
    expected = step_dropout.mask(whole, (2, 3, 8), 0.5, 7, 3).numpy()
    for replica in range(4):
        own = {name: value[replica : replica + 1] for name, value in whole.items()}
        monkeypatch.setattr(replica_context, "replica_of", lambda r=replica: (4, r))
        found = step_dropout.mask(own, (2, 3, 8), 0.5, 7, 3).numpy()
        mine = np.isin(labels, own["labels"])
        np.testing.assert_array_equal(found, expected[mine])
