"""A tiny encoder for tests of methods: no batch norm, a few hundred weights."""

import keras
import numpy as np
import tensorflow as tf

from dimn_tf import methods
from dimn_tf.data import label_specification
from dimn_tf.encoders import encoder as encoder_lib
from dimn_tf.training import fused_adam

HEIGHT, WIDTH, DIMENSION = 8, 4, 6
DOMAINS, CAMERAS = 3, 5


def encoder(seed: int = 0) -> encoder_lib.Encoder:
    keras.utils.set_random_seed(seed)
    images = keras.Input((HEIGHT, WIDTH, 3))
    features = keras.layers.Conv2D(DIMENSION, 3, activation="relu", name="only")(images)
    return encoder_lib.Encoder(keras.Model(images, features))


def labels(num_identities: int) -> label_specification.LabelSpecification:
    """Identities of `DOMAINS` domains in turn, seen by `CAMERAS` cameras in all."""
    return label_specification.LabelSpecification(
        num_identities,
        DOMAINS,
        CAMERAS,
        np.sort(np.arange(num_identities, dtype=np.int32) % DOMAINS),
    )


def method(
    name: str, num_identities: int, seed: int = 0, rate: float = 0.01, **options
):
    kind = methods.METHODS[name]
    made = kind(encoder(seed), kind.Options(**options), seed)
    made.build_training(labels(num_identities))
    made.compile(
        optimizer=fused_adam.FusedAdam(rate, name="optimizer"), jit_compile=False
    )
    made.optimizer.build(made.trainable_variables)
    return made


def batch(labels, seed: int = 0, each: int = 2) -> dict[str, tf.Tensor]:
    """What a method's step gets: `each` images of each identity."""
    rng = np.random.default_rng(seed)
    shape = (each, len(labels), HEIGHT, WIDTH, 3)
    images = np.moveaxis(rng.uniform(0, 255, shape), 0, 1)
    return {
        "images": tf.constant(images, tf.float32),
        "labels": tf.constant(labels, tf.int32),
        "domains": tf.constant([label % DOMAINS for label in labels], tf.int32),
        "cameras": tf.constant(rng.integers(0, CAMERAS, (len(labels), each)), tf.int32),
    }


def view(batch, k: int) -> tf.Tensor:
    """The k-th image of each identity: of two, the gallery's and the probe's."""
    return batch["images"][:, k]
