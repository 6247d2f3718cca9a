"""What a step descends, seen from outside, and an encoder that has derivatives."""

import keras
import numpy as np

from dimn_tf.encoders import backbone, encoder, fused_batch_norm


def smooth_encoder(
    height: int,
    width: int,
    channels: int,
    seed: int = 0,
    use_bias: bool = False,
) -> encoder.Encoder:
    """An encoder with two batch norms and no kink."""
    keras.utils.set_random_seed(seed)
    images = keras.Input((height, width, 3))
    hidden = images
    for i in range(2):
        hidden = keras.layers.Conv2D(channels, 2, use_bias=use_bias, name=f"c{i}")(
            hidden
        )
        hidden = fused_batch_norm.FusedBatchNormalization(name=f"n{i}")(hidden)
        hidden = keras.layers.Activation("tanh", name=f"t{i}")(hidden)
    kind = backbone.Backbone(lambda **_: None, backbone.minus_one_to_one, (1,))
    return encoder.Encoder(keras.Model(images, hidden), kind)


def step(method, batch):
    """A step's scalars, and the gradient that it descends; the weights stay.

    The method's optimiser is plain gradient descent at rate 1.
    """
    before = [v.numpy() for v in method.trainable_variables]
    method.optimizer.iterations.assign(0)
    logs = method.train_step(batch)
    after = [v.numpy() for v in method.trainable_variables]
    for variable, value in zip(method.trainable_variables, before, strict=True):
        variable.assign(value)
    return logs, [b - a for a, b in zip(after, before, strict=True)]


def direction_like(gradient, rng):
    """A random direction of unit length in the space of the gradient."""
    direction = [rng.normal(size=g.shape) for g in gradient]
    length = np.sqrt(sum((d**2).sum() for d in direction))
    return [d / length for d in direction]


def along(gradient, direction):
    """The derivative that a gradient gives in a direction."""
    return sum((g * d).sum() for g, d in zip(gradient, direction, strict=True))


def finite_difference(method, batch, direction, h):
    """The derivative of a step's loss in a direction, from both sides."""
    values = []
    start = [v.numpy() for v in method.trainable_variables]
    for sign in (1, -1):
        for variable, value, d in zip(
            method.trainable_variables, start, direction, strict=True
        ):
            variable.assign(value + sign * h * d)
        values.append(float(step(method, batch)[0]["loss"]))
    for variable, value in zip(method.trainable_variables, start, strict=True):
        variable.assign(value)
    return (values[0] - values[1]) / (2 * h)
