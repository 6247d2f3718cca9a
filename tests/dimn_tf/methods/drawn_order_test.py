"""Orders that are drawn by a seed."""

import numpy as np
import tensorflow as tf

from dimn_tf.methods import drawn_order


def test_an_order_is_a_pure_function_of_its_seed():
    orders = [drawn_order.of_seed(7, tf.constant([3, i])).numpy() for i in range(50)]
    assert all(sorted(order) == list(range(7)) for order in orders)
    np.testing.assert_array_equal(
        drawn_order.of_seed(7, tf.constant([3, 4])), orders[4]
    )
    # Each place has each number about as often: 50 / 7 times.
    counts = np.array(
        [np.bincount(places, minlength=7) for places in np.stack(orders).T]
    )
    assert counts.min() >= 1 and counts.max() <= 17
