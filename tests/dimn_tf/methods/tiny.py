"""A tiny encoder for tests of methods: no batch norm, a few hundred weights."""

import keras
import numpy as np
import tensorflow as tf

from dimn_tf import methods
from dimn_tf.encoders import encoder as encoder_lib
from dimn_tf.training import fused_adam

HEIGHT, WIDTH, DIMENSION = 8, 4, 6


def encoder(seed: int = 0) -> encoder_lib.Encoder:
    keras.utils.set_random_seed(seed)
    images = keras.Input((HEIGHT, WIDTH, 3))
    features = keras.layers.Conv2D(DIMENSION, 3, activation="relu")(images)
    return encoder_lib.Encoder(keras.Model(images, features))


def method(
    name: str, num_identities: int, seed: int = 0, rate: float = 0.01, **options
):
    kind = methods.METHODS[name]
    made = kind(encoder(seed), num_identities, kind.Options(**options), seed)
    made.compile(optimizer=fused_adam.FusedAdam(rate), jit_compile=False)
    made.optimizer.build(made.trainable_variables)
    return made


def batch(labels, seed: int = 0) -> dict[str, tf.Tensor]:
    rng = np.random.default_rng(seed)
    shape = (len(labels), HEIGHT, WIDTH, 3)
    return {
        "gallery": tf.constant(rng.uniform(0, 255, shape), tf.float32),
        "probe": tf.constant(rng.uniform(0, 255, shape), tf.float32),
        "labels": tf.constant(labels, tf.int32),
    }
