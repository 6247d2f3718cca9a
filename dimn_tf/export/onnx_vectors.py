"""`model.onnx` of an export in ONNX Runtime: image files in, vectors out."""

from __future__ import annotations

import importlib.util
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from dimn_tf import errors, extras
from dimn_tf.export import decoding, layout

RUNTIMES = ("saved_model", "onnx")
"""What an export's vectors can be computed by."""


def chosen(folder: pathlib.Path, asked: str = "") -> str:
    """The runtime for an export: the one asked for, or the one that suits the machine.

    Args:
        folder: Of a version.
        asked: One of `RUNTIMES`; "": ONNX Runtime where the export has `model.onnx`,
            the package is installed and TensorFlow sees no GPU (ONNX Runtime runs on
            the CPU here), else TensorFlow.

    Raises:
        errors.UserError: it is none, or the export or the machine lacks it.
    """
    there = (folder / layout.ONNX_FILE).is_file()
    if not asked:
        installed = importlib.util.find_spec("onnxruntime") is not None
        if there and installed and not tf.config.list_physical_devices("GPU"):
            return "onnx"
        return "saved_model"
    if asked not in RUNTIMES:
        raise errors.UserError(
            f"--runtime={asked}: expected one of {', '.join(RUNTIMES)}, or nothing: "
            "then what the export holds decides"
        )
    if asked == "onnx" and not there:
        raise errors.UserError(
            f"--runtime=onnx: {folder} holds no {layout.ONNX_FILE}. Export the run "
            "again with --formats=saved_model,onnx, or use --runtime=saved_model"
        )
    return asked


class OnnxVectors:
    """The vectors of image files by ONNX Runtime, on the CPU.

    Files are decoded and resized by TensorFlow, as the SavedModel does it: another
    decoder's pixels differ by some levels of 256, and so would the scores.

    Args:
        folder: Of a version that holds `model.onnx`.
        height: Rows of the model's input, pixels.
        width: Columns of it.

    Raises:
        errors.UserError: the package is missing, or the file is not whole.
    """

    def __init__(self, folder: pathlib.Path, height: int, width: int):
        runtime = extras.load("onnxruntime", "onnx", "--runtime=onnx")
        path = folder / layout.ONNX_FILE
        try:
            self._session = runtime.InferenceSession(
                path.read_bytes(), providers=["CPUExecutionProvider"]
            )
        except OSError:
            raise
        # ONNX Runtime's exceptions have no common class of their own.
        except Exception as error:
            raise errors.UserError(
                f"{path}: ONNX Runtime cannot load it ({str(error).splitlines()[0]}). "
                "Copy the export again, or export the run again"
            ) from error
        # The mapping is not computed where only the feature is asked for.
        self._options = runtime.RunOptions()
        self._options.only_execute_path_to_fetches = True
        self._decode, self._decode_good = (
            tf.function(
                lambda files, decode=decode: decode(files, height, width),
                input_signature=[tf.TensorSpec([None], tf.string)],
            ).get_concrete_function()
            for decode in (decoding.decode_batch, decoding.decode_good_batch)
        )

    def __call__(self, output: str, files: Sequence[bytes]) -> dict[str, np.ndarray]:
        """An output for image files, as a signature of the SavedModel gives it.

        Args:
            output: `probe_features` or `gallery_classifiers`.
            files: n image files, n > 0.

        Returns:
            The output, float32 [n, E], NaN where a file was not decoded, and why under
            `layout.FAULT`, bytes [n].
        """
        given = tf.constant(files, tf.string)
        try:
            images = self._decode_good(given)
            faults = np.full(len(files), b"", object)
        except tf.errors.OpError:
            images, faults = self._decode(given)
            faults = faults.numpy()
        vectors = self._session.run([output], {"images": images.numpy()}, self._options)
        found = np.array(vectors[0])
        found[faults != b""] = np.nan
        return {output: found, layout.FAULT: faults}
