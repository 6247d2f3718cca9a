"""The memory bank against the literal Eq. 3 to 5, values and gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import losses, memory_bank

C, D, B = 11, 6, 4
LABELS = np.array([7, 0, 10, 3], np.int32)


def _unit(columns):
    norms = np.linalg.norm(columns, axis=0, keepdims=True)
    return columns / np.where(norms > 0, norms, 1)


def _bank(alpha=0.5, seed=0):
    bank = memory_bank.MemoryBank(C, D, alpha)
    rng = np.random.default_rng(seed)
    w = _unit(rng.normal(size=(D, C))).astype(np.float32)  # The paper's D x C.
    bank.classifiers.assign(w.T)
    return bank, w


def _inputs(seed=1):
    rng = np.random.default_rng(seed)
    probes = tf.constant(rng.normal(size=(B, D)), tf.float32)
    predicted = tf.constant(rng.normal(size=(B, D)), tf.float32)
    return probes, predicted


def _literal_losses(w, probes, predicted):
    """Eq. 3 with a full copy of W, Eq. 4 and 7 on it."""
    online = tf.identity(tf.constant(w))
    for j, label in enumerate(LABELS):
        column = tf.one_hot(label, C)[tf.newaxis]
        online = online * (1 - column) + predicted[j][:, tf.newaxis] * column
    logits = tf.matmul(probes, online)
    return losses.matching_loss(logits, LABELS) + losses.logit_triplet_loss(
        logits, LABELS, 0.8
    )


def test_online_logits_and_gradients_equal_the_literal_online_memory():
    bank, w = _bank()
    probes, predicted = _inputs()
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([probes, predicted])
        logits = bank.online_logits(probes, LABELS, predicted)
        ours = losses.matching_loss(logits, LABELS) + losses.logit_triplet_loss(
            logits, LABELS, 0.8
        )
        literal = _literal_losses(w, probes, predicted)
    assert float(ours) == pytest.approx(float(literal), rel=1e-5)
    for variable in (probes, predicted):
        np.testing.assert_allclose(
            tape.gradient(ours, variable),
            tape.gradient(literal, variable),
            rtol=1e-4,
            atol=1e-6,
        )
    assert np.abs(tape.gradient(ours, predicted)).min() > 0


def test_no_gradient_reaches_the_target_memory():
    bank, _ = _bank()
    probes, predicted = _inputs()
    with tf.GradientTape() as tape:
        tape.watch(bank.classifiers.value)
        loss = tf.reduce_sum(bank.online_logits(probes, LABELS, predicted))
        loss += losses.regularisation_loss(bank.columns(LABELS), predicted)
    assert tape.gradient(loss, bank.classifiers.value) is None
    assert not bank.trainable_variables


@pytest.mark.parametrize("alpha", [0.5, 0.2, 1.0, 0.0])
def test_update_is_eq_5_with_unit_columns(alpha):
    bank, w = _bank(alpha)
    _, predicted = _inputs()
    online = w.copy()
    online[:, LABELS] = predicted.numpy().T
    expected = _unit((1 - alpha) * w + alpha * online)
    bank.update(LABELS, predicted)
    np.testing.assert_allclose(bank.classifiers.numpy().T, expected, atol=1e-6)


def test_update_leaves_other_identities_bit_for_bit():
    bank, w = _bank()
    _, predicted = _inputs()
    bank.update(LABELS, predicted)
    others = np.setdiff1d(np.arange(C), LABELS)
    np.testing.assert_array_equal(bank.classifiers.numpy()[others], w.T[others])


def test_scale_multiplies_all_logits():
    bank, _ = _bank()
    probes, predicted = _inputs()
    np.testing.assert_allclose(
        bank.online_logits(probes, LABELS, predicted, scale=3.0),
        3.0 * bank.online_logits(probes, LABELS, predicted),
        rtol=1e-5,
    )


def test_random_start_is_on_the_sphere_and_zeros_are_zero():
    random = memory_bank.MemoryBank(C, D, initialiser="random", seed=3)
    norms = np.linalg.norm(random.classifiers.numpy(), axis=1)
    np.testing.assert_allclose(norms, 1.0, rtol=1e-5)
    other = memory_bank.MemoryBank(C, D, initialiser="random", seed=4)
    assert not np.allclose(random.classifiers.numpy(), other.classifiers.numpy())
    again = memory_bank.MemoryBank(C, D, initialiser="random", seed=3)
    np.testing.assert_array_equal(random.classifiers, again.classifiers)
    assert not memory_bank.MemoryBank(C, D).classifiers.numpy().any()


def test_its_variable_has_one_name_whatever_was_made_before():
    # Weights files and checkpoints find it by that name.
    for _ in range(2):
        made = memory_bank.MemoryBank(C, D)
        assert made.classifiers.path == "memory_bank/classifiers"
    assert memory_bank.MemoryBank(C, D, name="other").name == "other"


def test_it_is_float32_whatever_the_method_is_trained_in():
    keras.mixed_precision.set_dtype_policy("float16")
    try:
        bank = memory_bank.MemoryBank(C, D)
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert bank.classifiers.dtype == "float32"


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="initialiser.*'ones'"):
        memory_bank.MemoryBank(C, D, initialiser="ones")
    for beyond in (1.5, -0.5):
        with pytest.raises(ValueError, match=f"0..1; got {beyond}"):
            memory_bank.MemoryBank(C, D, running_average=beyond)


def test_an_inner_step_leaves_the_memory_as_it_is():
    """An update within a stateless scope is the scope's, not the variable's."""
    bank, w = _bank()
    _, predicted = _inputs()
    expected, _ = _bank()
    expected.update(LABELS, predicted)
    with keras.StatelessScope() as scope:
        bank.update(tf.constant(LABELS), predicted)
    np.testing.assert_array_equal(bank.classifiers.numpy(), w.T)
    np.testing.assert_allclose(
        scope.get_current_value(bank.classifiers),
        expected.classifiers.numpy(),
        rtol=1e-6,
    )
    # A second inner step goes on from the first one's memory.
    moved = [(bank.classifiers, scope.get_current_value(bank.classifiers))]
    with keras.StatelessScope(state_mapping=moved) as scope:
        bank.update(tf.constant(LABELS), predicted)
    expected.update(LABELS, predicted)
    np.testing.assert_allclose(
        scope.get_current_value(bank.classifiers),
        expected.classifiers.numpy(),
        rtol=1e-6,
    )
