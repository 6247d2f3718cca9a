"""ONNX files of TensorFlow functions: written by tf2onnx, run by ONNX Runtime."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from dimn_tf import extras

OPSET = 17
"""ONNX operator set; ours: 17, which every runtime since 2022 reads."""
BATCH = "batch"
"""Name of the first axis, of any length, of all that goes in and comes out."""


def write(function, images: tf.TensorSpec, path: pathlib.Path, format_name: str):
    """Writes a function of a batch of images, which gives a dict of batches.

    Args:
        function: A `tf.function`; the names of its dict are the file's outputs.
        images: What it takes; its name is the file's input.
        path: The file.
        format_name: The format that is asked for.

    Raises:
        errors.UserError: the packages for it are not installed.
    """
    tf2onnx = _package("tf2onnx", format_name)
    model, _ = tf2onnx.convert.from_function(
        function, input_signature=[images], opset=OPSET
    )
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    path.write_bytes(model.SerializeToString())


def run(
    path: pathlib.Path,
    outputs: Sequence[str],
    given: Mapping[str, np.ndarray],
    format_name: str,
) -> list[Any]:
    """The outputs, in this order, that the processor computes.

    Raises:
        errors.UserError: the packages for it are not installed.
    """
    runtime = _package("onnxruntime", format_name)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(list(outputs), dict(given))


def refuse_without_packages(format_name: str) -> None:
    """Raises before anything is made where the packages are missing.

    Raises:
        errors.UserError: they are not installed.
    """
    _package("tf2onnx", format_name)


def _package(name: str, format_name: str):
    return extras.load(name, "onnx", f"--formats={format_name}")
