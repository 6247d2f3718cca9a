"""Matching networks' attention and context against literal ones."""

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf.fewshot import matching_net
from tests.dimn_tf.fewshot import smooth


def _cosine(a, b):
    return a @ b / np.sqrt((a @ a) * (b @ b))


def _softmax(x):
    e = np.exp(x - np.max(x))
    return e / e.sum()


def _features(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4, 5)), rng.normal(size=(6, 5))


def _tensors(*arrays):
    return [tf.constant(a, tf.float32) for a in arrays]


def test_a_class_has_the_attention_of_its_support_images():
    support, queries = _features()
    method = smooth.method(matching_net.MatchingNet)
    found = method.scores_of_features(*_tensors(support, queries))
    for m in range(6):
        attention = _softmax(
            np.array(
                [_cosine(queries[m], support[n, k]) for n in range(3) for k in range(4)]
            )
        )
        for n in range(3):
            probability = sum(attention[4 * n + k] for k in range(4))
            assert float(found[m, n]) == pytest.approx(np.log(probability), rel=1e-4)
    np.testing.assert_allclose(np.exp(found).sum(axis=-1), 1, rtol=1e-5)


def test_ravis_code_adds_the_cosines_up():
    support, queries = _features()
    method = smooth.method(matching_net.MatchingNet, matching_votes="sum")
    found = method.scores_of_features(*_tensors(support, queries))
    for m in range(6):
        for n in range(3):
            expected = sum(_cosine(queries[m], support[n, k]) for k in range(4))
            assert float(found[m, n]) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_with_one_shot_both_rank_alike():
    support, queries = _features()
    found = [
        np.asarray(
            smooth.method(
                matching_net.MatchingNet, matching_votes=votes
            ).scores_of_features(*_tensors(support[:, :1], queries))
        )
        for votes in matching_net.VOTES
    ]
    np.testing.assert_array_equal(found[0].argsort(), found[1].argsort())


def _lstm(layer, x, h, c):
    """A step of an LSTM, gate by gate."""
    kernel, recurrent, bias = (w.numpy() for w in layer.weights)
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4)

    def sigmoid(v):
        return 1 / (1 + np.exp(-v))

    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def test_full_context_is_the_one_written_out():
    rng = np.random.default_rng(1)
    support, queries = rng.normal(size=(2, 2, 4)), rng.normal(size=(3, 4))
    method = smooth.method(matching_net.MatchingNet, matching_context=True)
    forward, backward, reading = method.matching_layers
    for layer in method.matching_layers:
        for weight in layer.weights:
            weight.assign(rng.normal(0, 0.5, weight.shape))
    images = support.reshape(4, 4)
    h, c, states = np.zeros(4), np.zeros(4), []
    for x in images:
        h, c = _lstm(forward, x, h, c)
        states.append(h)
    h, c, back = np.zeros(4), np.zeros(4), []
    for x in images[::-1]:
        h, c = _lstm(backward, x, h, c)
        back.insert(0, h)
    g = images + np.array(states) + np.array(back)
    f = []
    for x in queries:
        h, c, read = np.zeros(4), np.zeros(4), g.mean(axis=0)
        for _ in range(3):
            output, c = _lstm(reading, np.concatenate([x, read]), h, c)
            h = output + x
            read = _softmax(g @ h) @ g
        f.append(h)
    expected = np.array(
        [[np.log(_softmax(np.array([_cosine(q, s) for s in g]))[2 * n :][:2].sum())
          for n in range(2)] for q in f]
    )  # fmt: skip
    found = method.scores_of_features(*_tensors(support, queries))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    # Several episodes at a time are each by itself.
    other = rng.normal(size=(2, 2, 4)), rng.normal(size=(3, 4))
    both = method.scores_of_features(
        *_tensors(np.stack([support, other[0]]), np.stack([queries, other[1]]))
    )
    np.testing.assert_allclose(both[0], found, rtol=1e-5)
    np.testing.assert_allclose(
        both[1], method.scores_of_features(*_tensors(*other)), rtol=1e-5
    )


def test_a_step_trains_the_context_too():
    method = smooth.method(
        matching_net.MatchingNet, matching_context=True, train_ways=3, train_queries=2
    )
    before = [v.numpy() for v in method.trainable_variables]
    logs = tf.function(method.train_step)(smooth.batch(method))
    assert 0.5 < float(logs["loss"]) < 2
    for old, variable in zip(before, method.trainable_variables, strict=True):
        assert np.abs(variable.numpy() - old).max() > 0, variable.path
