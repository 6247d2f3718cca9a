"""Each loss against arithmetic by hand and against a literal loop."""

import math

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import losses


def _softmax(row):
    exponentials = [math.exp(v) for v in row]
    return [e / sum(exponentials) for e in exponentials]


def test_identification_loss_is_the_sum_of_cross_entropies():
    # softmax([ln 1, ln 2, ln 5]) = [1/8, 2/8, 5/8]; softmax([0, 0, 0]) = 1/3 each.
    logits = tf.constant([[0.0, math.log(2), math.log(5)], [0.0, 0.0, 0.0]])
    loss = losses.identification_loss(logits, tf.constant([1, 2]))
    assert float(loss) == pytest.approx(math.log(8 / 2) + math.log(3))


def test_matching_loss_is_taken_in_float32_for_half_logits():
    # exp(20) overflows nothing in float32; in float16 the log-softmax of 18 rounds
    # to a multiple of 1/64.
    logits = tf.constant([[0.0, 18.0]], tf.float16)
    loss = losses.matching_loss(logits, tf.constant([0]))
    assert loss.dtype == tf.float32
    assert float(loss) == pytest.approx(18.0 + math.log1p(math.exp(-18.0)), rel=1e-7)


def test_cross_entropy_is_one_value_a_probe_and_unsmoothed_unless_asked():
    logits = tf.math.log(tf.constant([[1.0, 2.0, 5.0], [3.0, 3.0, 2.0]]))
    values = losses.cross_entropy(logits, tf.constant([2, 0]))
    np.testing.assert_allclose(values, [math.log(8 / 5), math.log(8 / 3)], rtol=1e-6)


# Row 1 has S = [1/8, 2/8, 5/8], row 2 [1/2, 1/4, 1/4].
_LOGITS = [[0.0, math.log(2), math.log(5)], [math.log(2), 0.0, 0.0]]
_LOG_P = [[math.log(x / 8) for x in (1, 2, 5)], [math.log(x / 4) for x in (2, 1, 1)]]
# Of the labels 1 and 0; targets at 0.3: 0.1 each, and 0.7 more at the label.
_SMOOTHED = [
    -(0.8 * _LOG_P[0][1] + 0.1 * _LOG_P[0][0] + 0.1 * _LOG_P[0][2]),
    -(0.8 * _LOG_P[1][0] + 0.1 * _LOG_P[1][1] + 0.1 * _LOG_P[1][2]),
]


def test_label_smoothing_spreads_a_probes_target_over_all_identities():
    values = losses.cross_entropy(tf.constant(_LOGITS), tf.constant([1, 0]), 0.3)
    np.testing.assert_allclose(values, _SMOOTHED, rtol=1e-6)


@pytest.mark.parametrize("loss", [losses.identification_loss, losses.matching_loss])
def test_label_smoothing_reaches_the_loss_where_it_is_asked_for(loss):
    logits, labels = tf.constant(_LOGITS), tf.constant([1, 0])
    assert float(loss(logits, labels, 0.3)) == pytest.approx(sum(_SMOOTHED), rel=1e-6)
    unsmoothed = -_LOG_P[0][1] - _LOG_P[1][0]
    assert float(loss(logits, labels)) == pytest.approx(unsmoothed, rel=1e-6)


def test_regularisation_loss_is_squared_and_summed():
    memory = tf.constant([[1.0, 0.0], [0.0, 0.0]])
    predicted = tf.constant([[0.0, 2.0], [3.0, 0.0]])
    # (1 + 4) + 9
    assert float(losses.regularisation_loss(memory, predicted)) == 14.0


def test_logit_triplet_by_hand():
    # Row 1: S = [1/8, 2/8, 5/8], label 1: 0.8 + 5/8 - 2/8 = 1.175.
    # Row 2: S = [1/100, 98/100, 1/100], label 1: 0.8 + 0.01 - 0.98 < 0 -> 0.
    logits = tf.math.log(tf.constant([[1.0, 2.0, 5.0], [1.0, 98.0, 1.0]]))
    loss = losses.logit_triplet_loss(logits, tf.constant([1, 1]), margin=0.8)
    assert float(loss) == pytest.approx(0.8 + 5 / 8 - 2 / 8, rel=1e-6)


def test_logit_triplet_takes_its_hardest_negative_over_all_columns():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(5, 40)).astype(np.float32)
    labels = np.array([3, 0, 39, 7, 20], np.int32)
    # Two positives lead, within the margin: taken for negatives, they would count.
    logits[[0, 2], [3, 39]] = logits.max() + 0.5
    expected = 0.0
    for row, label in zip(logits, labels, strict=True):
        s = _softmax(row)
        hardest = max(s[j] for j in range(40) if j != label)
        expected += max(0.0, 0.3 + hardest - s[label])
    loss = losses.logit_triplet_loss(tf.constant(logits), tf.constant(labels), 0.3)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_full_loss_weighs_each_term():
    # 1 + 3 * 10 + 0.5 * 100 + 2 * 1000
    assert losses.full_loss(1.0, 10.0, 100.0, 1000.0, 3.0, 0.5, 2.0) == 2081.0
