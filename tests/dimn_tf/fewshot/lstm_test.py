"""The LSTM's step against Keras' cell."""

import keras
import numpy as np

from dimn_tf.fewshot import lstm


def test_a_step_is_keras_cells():
    layer = lstm.LSTM(3, 4, "some", seed=5)
    cell = keras.layers.LSTMCell(4)
    cell.build((None, 3))
    for ours, theirs in zip(layer.weights, cell.trainable_variables, strict=True):
        assert ours.shape == theirs.shape
        theirs.assign(ours)
    rng = np.random.default_rng(0)
    state = theirs_state = layer.start(2)
    assert [s.shape for s in state] == [(2, 4), (2, 4)]
    for _ in range(3):
        inputs = rng.normal(size=(2, 3)).astype(np.float32)
        state = layer(inputs, state)
        output, theirs_state = cell(inputs, theirs_state)
        np.testing.assert_allclose(state[0], output, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(state[1], theirs_state[1], rtol=1e-5, atol=1e-6)


def test_its_start_is_keras_unless_told():
    layer = lstm.LSTM(3, 4, "some", seed=5)
    np.testing.assert_array_equal(layer.bias, [0] * 4 + [1] * 4 + [0] * 8)
    other = lstm.LSTM(3, 4, "some", seed=6)
    assert np.abs(layer.kernel - other.kernel).max() > 0.1
    told = lstm.LSTM(3, 4, "told", lambda i: keras.initializers.Constant(i + 0.5))
    assert [float(np.unique(w.numpy())[0]) for w in told.weights] == [0.5, 1.5, 2.5]
    assert [w.path for w in told.weights] == [
        "told/kernel", "told/recurrent_kernel", "told/bias"
    ]  # fmt: skip
