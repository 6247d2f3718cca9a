"""Reading weights files of stock Keras graphs."""

import hashlib
import pathlib
import warnings

import keras

from dimn_tf import errors


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


def existing(path: str) -> pathlib.Path:
    """The file at `path`.

    Raises:
        errors.UserError: there is none.
    """
    file = pathlib.Path(path)
    if not file.is_file():
        raise errors.UserError(
            f"--encoder_weights={path}: no such file (looked at {file.absolute()}). "
            "Give a .weights.h5 file of the stock Keras graph without its top, "
            "`imagenet` or `none`."
        )
    return file


def fingerprint(path: str) -> str:
    """`NAME sha256:HASH` of a weights file, which stays when the file is moved.

    Raises:
        errors.UserError: there is no such file.
    """
    file = existing(path)
    return f"{file.name} sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
