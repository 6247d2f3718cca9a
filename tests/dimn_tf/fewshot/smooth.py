"""A small encoder with batch norm and without kinks, and a made-up task."""

import numpy as np
import tensorflow as tf

from dimn_tf.data import label_specification
from dimn_tf.training import fused_adam
from tests.dimn_tf.methods import descent

HEIGHT, WIDTH, D = 6, 5, 4


def method(kind, classes: int = 9, seed: int = 0, **options):
    """A method built for training, its weights well apart from its start."""
    values = kind.Options(**options)
    made = kind(
        descent.smooth_encoder(HEIGHT, WIDTH, D, seed, use_bias=True), values, seed
    )
    specification = label_specification.LabelSpecification(
        classes, 1, 1, np.zeros(classes, np.int32)
    )
    made.build_training(specification, kind.batch_request(None, values))
    rng = np.random.default_rng(seed)
    for variable in made.encoder.trainable_variables:
        variable.assign(rng.normal(0, 0.6, variable.shape))
    made.compile(optimizer=fused_adam.FusedAdam(0.01, name="o"), jit_compile=False)
    made.optimizer.build(made.trainable_variables)
    return made


def images(*leading: int, seed: int = 0) -> np.ndarray:
    """float32 [*leading, HEIGHT, WIDTH, 3] in 0..255."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 255, (*leading, HEIGHT, WIDTH, 3)).astype(np.float32)


def batch(made, seed: int = 0) -> dict[str, tf.Tensor]:
    """What the method's step takes."""
    request = made.request
    leading = (*request.leading, request.identities, request.images_per_identity)
    labels = np.arange(request.identities, dtype=np.int32)
    labels = np.broadcast_to(labels, leading[:-1])
    return {
        "images": tf.constant(images(*leading, seed=seed)),
        "labels": tf.constant(labels),
        "domains": tf.zeros_like(labels),
        "cameras": tf.zeros(leading, tf.int32),
    }


def cross_entropy(logits, labels) -> np.ndarray:
    """By hand, a value a row."""
    logits = np.asarray(logits, np.float64)
    largest = logits.max(axis=-1, keepdims=True)
    log_sum = np.log(np.exp(logits - largest).sum(axis=-1)) + largest[..., 0]
    return log_sum - logits[np.arange(len(labels)), labels]
