"""The meta-learner LSTM's updates and gradients against literal ones."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import encoders
from dimn_tf.fewshot import meta_lstm
from tests.dimn_tf.fewshot import smooth
from tests.dimn_tf.methods import descent


def _method(seed=0, **options):
    given = {
        "ways": 3, "train_ways": 3, "shots": 2, "train_queries": 2,
        "lstm_updates": 2, "lstm_hidden": 4, **options,
    }  # fmt: skip
    method = smooth.method(meta_lstm.MetaLSTM, seed=seed, **given)
    rng = np.random.default_rng(4)
    for layer in (method.reader, method.gates):
        for weight in layer.weights:
            weight.assign(rng.normal(0, 0.5, weight.shape))
    return method


def _pre(x):
    if abs(x) > np.exp(-10):
        return [np.log(abs(x)) / 10, np.sign(x)]
    return [-1.0, np.exp(10) * x]


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("x", [0.5, -3.0, 1e-5, -1e-6, 0.0, 1e-4])
def test_two_numbers_for_each(x):
    found = meta_lstm.preprocessed(tf.constant([x]))
    np.testing.assert_allclose(found, [_pre(np.float32(x))], rtol=1e-4, atol=1e-6)


def _literal(method, support):
    """c_T and the last inner loss, a weight at a time, by the layers themselves."""
    variables = [
        *method.encoder.trainable_variables, *method.classifier.trainable_variables
    ]  # fmt: skip
    start = [v.numpy() for v in variables]
    kernel, recurrent, bias = (w.numpy() for w in method.reader.weights)
    (forget, take), (forget_bias, take_bias) = (
        [w.numpy() for w in weights]
        for weights in (method.gates.kernels, method.gates.biases)
    )
    flat = tf.reshape(support, (6, *support.shape[2:]))
    cell = np.concatenate([v.ravel() for v in start]).astype(np.float64)
    size = len(cell)
    hidden, memory = np.zeros((size, 4)), np.zeros((size, 4))
    before_f, before_i = np.zeros(size), np.zeros(size)
    for _ in range(2):
        position = 0
        for variable in variables:
            count = int(np.prod(variable.shape))
            variable.assign(cell[position : position + count].reshape(variable.shape))
            position += count
        with tf.GradientTape() as tape:
            log_p = tf.nn.log_softmax(
                method.classifier(method.encoder(flat, training=True))
            )
            labels = np.repeat(np.arange(3), 2)
            loss = -tf.reduce_mean(tf.gather(log_p, labels, batch_dims=1))
        gradient = np.concatenate(
            [g.numpy().ravel() for g in tape.gradient(loss, variables)]
        )
        gradient = gradient / 6  # Divided by the images once more.
        for p in range(size):
            u = np.array([*_pre(float(loss)), *_pre(gradient[p])])
            i, f, g, o = np.split(u @ kernel + hidden[p] @ recurrent + bias, 4)
            memory[p] = _sigmoid(f) * memory[p] + _sigmoid(i) * np.tanh(g)
            hidden[p] = _sigmoid(o) * np.tanh(memory[p])
            before_f[p] = ([*hidden[p], cell[p], before_f[p]] @ forget + forget_bias)[0]
            before_i[p] = ([*hidden[p], cell[p], before_i[p]] @ take + take_bias)[0]
            cell[p] = (
                _sigmoid(before_f[p]) * cell[p] - _sigmoid(before_i[p]) * gradient[p]
            )
    for variable, value in zip(variables, start, strict=True):
        variable.assign(value)
    return cell


def test_a_learners_weights_are_the_cell_of_an_lstm():
    method = _method()
    support = smooth.images(3, 2, seed=5)
    expected = _literal(method, support)
    weights, _ = method.learned(tf.constant(support))
    found = np.concatenate([np.ravel(w) for w in weights])
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-4)


def test_at_its_start_it_takes_plain_gradient_steps():
    options = {"ways": 3, "train_ways": 3, "shots": 2, "lstm_updates": 1}
    method = smooth.method(meta_lstm.MetaLSTM, **options)
    support = tf.constant(smooth.images(3, 2, seed=5))
    before = np.concatenate([np.ravel(w) for w in method._fast.own()])
    flat, labels = tf.reshape(support, (6, *support.shape[2:])), np.repeat(range(3), 2)
    _, gradient, _ = method._gradient(
        tf.constant(before), flat, tf.constant(labels), method._fast.own_statistics()
    )
    weights, _ = method.learned(support)
    found = np.concatenate([np.ravel(w) for w in weights])
    forget, take = (_sigmoid(float(b[0])) for b in method.gates.biases)
    assert 0.98 < forget < 0.994 and 0.006 < take < 0.018
    np.testing.assert_allclose(
        found, forget * before - take * gradient / 6, rtol=0.02, atol=2e-4
    )


def test_the_meta_gradient_holds_the_learners_constant():
    """Finite differences in b_i and c_0's part that no inner gradient reaches."""
    method = _method(lstm_clip=1e9)
    ((support, queries),) = method.tasks_of(smooth.batch(method))
    variables = method.trainable_variables
    with tf.GradientTape() as tape:
        value = loss_of(method, support, queries)
    gradients = tape.gradient(value, variables)
    for variable, gradient in zip(variables, gradients, strict=True):
        assert gradient is not None, variable.path
        if "bias" in variable.path and "c0" in variable.path:
            continue  # Batch norm takes a convolution's bias away.
        assert np.abs(gradient).max() > 0, variable.path
    # With one update b_i moves c_T alone: its gradient is the whole derivative.
    method = _method(lstm_updates=1)
    (bias,) = [b for b in method.gates.biases if "take" in b.path]
    with tf.GradientTape() as tape:
        value = loss_of(method, support, queries)
    (found,) = tape.gradient(value, [bias.value])
    values = []
    for h in (0.05, -0.05):
        bias.assign_add([h])
        values.append(float(loss_of(method, support, queries)))
        bias.assign_sub([h])
    assert float(found[0]) == pytest.approx((values[0] - values[1]) / 0.1, rel=0.02)


def loss_of(method, support, queries):
    logits = method.training_logits(support, queries)
    labels = np.repeat(np.arange(3), 2)
    at_label = tf.gather(tf.nn.log_softmax(logits), labels, batch_dims=1)
    return -tf.reduce_mean(at_label)


def test_a_learners_statistics_are_its_supports():
    method = _method(lstm_updates=1)
    for layer in method.encoder.backbone.layers:
        if hasattr(layer, "momentum"):
            layer.momentum = 0.1
            layer.moving_mean.assign(layer.moving_mean + 7)  # Not the learner's.
    support = tf.constant(smooth.images(3, 2, seed=5))
    _, found = method.learned(support)
    flat = tf.reshape(support, (6, *support.shape[2:])) / 127.5 - 1
    outputs = method.encoder.backbone.get_layer("c0")(flat).numpy()
    names = [v.path for v in method._fast.statistics]
    mean = found[names.index("n0/moving_mean")]
    variance = found[names.index("n0/moving_variance")]
    np.testing.assert_allclose(
        mean, 0.9 * outputs.mean((0, 1, 2)), rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(variance, 0.1 + 0.9 * outputs.var((0, 1, 2)), rtol=1e-3)


def test_statistics_of_the_support_are_those_of_the_last_weights():
    """By them, a support is normalised at test as in training; by its own, not."""
    method = _method(lstm_updates=2)
    for layer in method.encoder.backbone.layers:
        if hasattr(layer, "momentum"):
            layer.momentum = 0.0
    method.gates.biases[1].assign([2.0])  # Updates that are large.
    support = tf.constant(smooth.images(3, 2, seed=5))
    flat = tf.reshape(support, (6, *support.shape[2:]))
    weights, own = method.learned(support)
    expected = method._fast.logits(flat, weights, own, True)[0]
    found = {
        kind: np.asarray(method.episode_scores(support, flat, kind))
        for kind in ("support", "moving")
    }
    np.testing.assert_allclose(found["support"], expected, rtol=1e-3, atol=1e-4)
    assert np.abs(found["moving"] - expected).max() > 1e-2


def test_at_test_queries_are_normalised_as_asked_for():
    method = _method()
    support, queries = smooth.images(3, 2, seed=5), smooth.images(4, seed=6)
    weights, own = method.learned(tf.constant(support))
    found = {
        kind: np.asarray(method.episode_scores(support, queries, kind))
        for kind in method.statistics
    }
    for kind, training in (("moving", False), ("episode", True)):
        expected = method._fast.logits(tf.constant(queries), weights, own, training)[0]
        np.testing.assert_allclose(found[kind], expected, rtol=1e-3, atol=1e-5)
    both = np.concatenate([support.reshape(6, *queries.shape[1:]), queries[2:3]])
    expected = method._fast.logits(tf.constant(both), weights, own, True)[0][-1]
    np.testing.assert_allclose(found["query"][2], expected, rtol=1e-3, atol=1e-5)
    assert np.abs(found["moving"] - found["episode"]).max() > 1e-3


@pytest.mark.parametrize(("shots", "updates"), [(1, 12), (5, 8)])
def test_updates_are_the_codes(shots, updates):
    options = {"ways": 3, "train_ways": 3, "shots": shots}
    assert smooth.method(meta_lstm.MetaLSTM, **options).updates == updates


def test_the_meta_gradients_length_is_clipped():
    found = []
    for clip in (1e9, 0.01):
        method = _method(lstm_clip=clip)
        method.compile(optimizer=keras.optimizers.SGD(1.0), jit_compile=False)
        found.append(descent.step(method, smooth.batch(method))[1])
    length = np.sqrt(sum((g**2).sum() for g in found[0]))
    assert length > 0.02
    for whole, clipped in zip(*found, strict=True):
        np.testing.assert_allclose(clipped, whole * 0.01 / length, rtol=0.01, atol=1e-6)


def test_the_published_learner_has_as_many_weights():
    """32,901 with 32 filters at 84 x 84 and five ways."""
    encoder = encoders.build_encoder("conv4", 84, 84, 0.5)
    method = meta_lstm.MetaLSTM(encoder, meta_lstm.MetaLSTMOptions())
    assert sum(int(np.prod(v.shape)) for v in method._fast.variables) == 32_901
