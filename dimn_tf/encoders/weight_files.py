"""Reading weights files of stock Keras graphs."""

import warnings

import keras


def load(model: keras.Model, path: str) -> None:
    """Loads a `.weights.h5` file into the stock graph that it was saved from.

    Args:
        model: A stock `keras.applications` graph, before any layer is exchanged
            (Keras files name weights by layer class).
        path: The file.

    Raises:
        ValueError: a layer's weights are missing or of another shape.
    """
    with warnings.catch_warnings():
        # Files of older Keras versions lack groups for containers that hold no
        # weights; a layer whose weights are missing raises instead.
        warnings.filterwarnings("ignore", message="Skipping nested container")
        model.load_weights(path)
