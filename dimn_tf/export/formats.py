"""A serving module in each format that it can be exported to."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from dimn_tf import extras
from dimn_tf.export import layout, onnx_files, serving, tracker_onnx

OUTPUTS = ("gallery_classifiers", "probe_features")
"""What the formats for pixels give for `images`: float32 [n, height, width, 3], RGB in
0..255, at the model's input size."""


def saved_model(module: serving.ServingModule, folder: pathlib.Path) -> None:
    """Writes the SavedModel into a folder."""
    signatures = module.signatures()
    # The name that servers and `saved_model_cli` fall back on.
    default = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
    tf.saved_model.save(
        module,
        str(folder),
        signatures={**signatures, default: signatures[layout.DEFAULT_SIGNATURE]},
    )


def onnx(module: serving.ServingModule, folder: pathlib.Path) -> None:
    """Writes `model.onnx`.

    Raises:
        errors.UserError: the packages for it are not installed.
    """
    onnx_files.refuse_without_packages("onnx")
    onnx_files.write(_both(module), _images(module), folder / layout.ONNX_FILE, "onnx")


def litert(module: serving.ServingModule, folder: pathlib.Path) -> None:
    """Writes `model.tflite`.

    The weights are made constants first: TensorFlow 2.21's converter leaves Keras 3's
    variables out (a file of 90 kB that answers NaN).
    """
    from tensorflow.python.framework import convert_to_constants

    concrete = _both(module).get_concrete_function(_images(module))
    frozen = convert_to_constants.convert_variables_to_constants_v2(concrete)
    # Through a SavedModel, because only its signature keeps the outputs' names.
    holder = tf.Module()
    holder.frozen = tf.function(
        lambda images: dict(zip(OUTPUTS, frozen(images), strict=True)),
        input_signature=[_images(module)],
    )
    scratch = folder / ".litert"
    tf.saved_model.save(holder, str(scratch), signatures=holder.frozen)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(scratch))
    (folder / layout.LITERT_FILE).write_bytes(converter.convert())
    shutil.rmtree(scratch)


FORMATS: dict[str, Callable[[serving.ServingModule, pathlib.Path], None]] = {
    "saved_model": saved_model,
    "onnx": onnx,
    "litert": litert,
    tracker_onnx.NAME: tracker_onnx.write,
}

CHECKED: dict[str, tuple[str, ...]] = {
    "saved_model": OUTPUTS,
    "onnx": OUTPUTS,
    "litert": OUTPUTS,
    tracker_onnx.NAME: ("unit_features",),
}
"""By format: what its runner gives, all of it compared with the live model's outputs of
these names (`exporter.live_outputs`)."""


def run_saved_model(folder: pathlib.Path, images, files) -> dict[str, Any]:
    """Outputs of the SavedModel for image files (not for `images`)."""
    del images
    loaded = tf.saved_model.load(str(folder))
    return {
        "gallery_classifiers": loaded.signatures["enroll_gallery"](
            image_bytes=tf.constant(files)
        )["gallery_classifiers"].numpy(),
        "probe_features": loaded.signatures["embed_probe"](
            image_bytes=tf.constant(files)
        )["probe_features"].numpy(),
    }


def run_onnx(folder: pathlib.Path, images, files) -> dict[str, Any]:
    """Outputs of ONNX Runtime for images at the model's input size."""
    del files
    found = onnx_files.run(
        folder / layout.ONNX_FILE, OUTPUTS, {"images": images}, "onnx"
    )
    return dict(zip(OUTPUTS, found, strict=True))


def run_litert(folder: pathlib.Path, images, files) -> dict[str, Any]:
    """Outputs of LiteRT for images at the model's input size."""
    del files
    package = extras.load("ai_edge_litert.interpreter", "litert", "--formats=litert")
    interpreter = package.Interpreter(str(folder / layout.LITERT_FILE))
    return interpreter.get_signature_runner()(images=images)


RUNNERS: dict[str, Callable[..., dict[str, Any]]] = {
    "saved_model": run_saved_model,
    "onnx": run_onnx,
    "litert": run_litert,
    tracker_onnx.NAME: tracker_onnx.run,
}


def _images(module: serving.ServingModule) -> tf.TensorSpec:
    return tf.TensorSpec([None, module.height, module.width, 3], tf.float32, "images")


def _both(module: serving.ServingModule):
    """Both representations of images at the model's input size, in OUTPUTS' order."""

    def represent(images):
        return {
            "gallery_classifiers": module.gallery_classifiers(images),
            "probe_features": module.probe_features(images),
        }

    return tf.function(represent)
