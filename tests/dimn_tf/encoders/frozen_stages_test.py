"""Stages that are not trained."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import encoders, errors

FIRST = (
    "Conv1",
    "expanded_conv_",
    "block_1_",
    "block_2_",
    "bn_Conv1",
    "stem",
    "block_0",
)
"""What the names of MobileNetV2's layers up to block_2 begin with."""


def _build(**kwargs):
    arguments = {"height": 32, "width": 32, "width_multiplier": 0.35, **kwargs}
    return encoders.build_encoder("mobilenet_v2", **arguments)


def _is_first(layer):
    return layer.name.startswith(FIRST)


@pytest.mark.parametrize("norms", [{}, {"instance_norm_through": "block_4"}])
def test_stages_up_to_a_place_are_not_trained_and_all_others_are(norms):
    made = _build(frozen_through="block_2", neck=True, **norms)
    layers = [layer for layer in made.backbone.layers if layer.weights]
    frozen = [layer for layer in layers if not layer.trainable]
    assert frozen == [layer for layer in layers if _is_first(layer)]
    assert len(frozen) == (18 if not norms else 19)
    held = {id(v) for layer in frozen for v in layer.variables}
    left = {id(v) for v in made.variables} - held
    moving = {id(v) for v in made.variables if v.name.startswith("moving_")}
    assert {id(v) for v in made.trainable_variables} == left - moving
    assert all(v.trainable for v in _build(**norms).backbone.trainable_variables)


def test_a_step_leaves_frozen_stages_as_they_were_and_moves_the_others():
    made = _build(frozen_through="block_2", instance_norm_through="block_4", neck=True)
    before = {v.path: v.numpy() for v in made.variables}
    images = np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype("float32")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(made(images, training=True) ** 2)
    variables = made.trainable_variables
    gradients = tape.gradient(loss, variables)
    keras.optimizers.SGD(1e-3).apply(gradients, variables)
    for layer in made.backbone.layers:
        for variable in layer.variables:
            same = np.array_equal(before[variable.path], variable)
            assert same == _is_first(layer), variable.path


def test_frozen_stages_normalise_by_their_averages_in_training_too():
    """So that the gradients of the rest are those of what the averages make."""
    made, whole = _build(frozen_through="block_2"), _build()
    whole.set_weights(made.get_weights())
    first, same = (
        keras.Model(net.input, net.get_layer("block_2_add").output)
        for net in (whole.backbone, made.backbone)
    )
    images = np.random.default_rng(0).uniform(-1, 1, (4, 32, 32, 3)).astype("float32")
    expected = first(images, training=False)
    np.testing.assert_allclose(same(images, training=True), expected, atol=1e-5)
    assert np.abs(first(images, training=True) - expected).max() > 1e-2


def test_a_copy_is_frozen_where_the_encoder_is():
    made = _build(frozen_through="block_2", instance_norm_through="block_1")
    copy = made.copy("other_")
    pairs = zip(copy.backbone.layers, made.backbone.layers, strict=True)
    kept = [one.trainable == other.trainable for one, other in pairs if other.weights]
    assert len(kept) > 50 and all(kept)


def test_a_place_that_a_backbone_lacks_is_refused():
    with pytest.raises(errors.UserError) as caught:
        _build(frozen_through="block_99")
    assert "--frozen_through=block_99: mobilenet_v2 has no such place; " \
        "expected one of stem, block_0, " in str(caught.value)  # fmt: skip
