"""Made-up networks for the tests of export."""

import keras
import numpy as np


def shake(model: keras.Model, seed: int = 0) -> None:
    """Gives batch norms weights as training leaves them: no statistic at its start."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            size = layer.moving_mean.shape[0]
            layer.set_weights(
                [
                    rng.uniform(0.5, 1.5, size),
                    rng.normal(0, 0.2, size),
                    rng.normal(0, 0.2, size),
                    rng.uniform(0.5, 2.0, size),
                ]
            )
