"""An ONNX file that multi-object trackers load as their appearance model.

What a tracker gives and takes is BoxMOT's convention. Read in its sources, and tried
with its releases 13.0.17, 22.0.0 and 25.0.0:

* A box of a BGR frame is cut out, resized by OpenCV's linear rule without keeping its
  proportions (`preprocess` "resize"), turned to RGB, and normalised by ImageNet's mean
  and standard deviation: float32 [n, 3, H, W], one row a box. The first output is
  taken, and brought to unit length once more.
* Where ONNX Runtime is absent, trackers have OpenCV run the file and ask for `images`
  and `output0` (OpenCV 4.14 runs none of a run with a neck or a mirror image: its own
  reader lacks operations); batches of fixed sizes are made by the name `batch` of the
  first axis.
* Releases that know no sidecar (22 is one) look in the file's name for one of their
  own kinds of network (of ours `mobilenetv2_x1_0`, `mobilenetv2_x1_4`, `resnet50`),
  refuse a name without one, and give crops of 256x128 only. They build that network and
  never run it. Of the name they read more: "veri" and "vehicleid" mean square crops,
  "clip" other normalisation, "lmbn" and "hacnn" other sizes, data sets' names how many
  identities there are.
* Newer ones (25 is one) read `X.onnx.metadata.json` first: `model_name`, `preprocess`
  and `model_kwargs`, of which `img_size` is the size of crops. An unknown key in
  `model_kwargs`, or another `model_kwargs_schema_version`, is refused; a network that
  they do not know is not.
"""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from dimn_tf import standard_json
from dimn_tf.export import onnx_files, serving

NAME = "tracker_onnx"
INPUT, OUTPUT = "images", "output0"
SIDECAR = ".metadata.json"
"""What a sidecar's name has after its ONNX file's."""
_MEAN = np.array([0.485, 0.456, 0.406])
_DEVIATION = np.array([0.229, 0.224, 0.225])


def network_name(encoder: str, width: float) -> str:
    """BoxMOT's name of an encoder's kind, such as `mobilenetv2_x1_0`.

    Args:
        encoder: A key of `encoders.BACKBONES`.
        width: Its channels relative to the published network.
    """
    if encoder == "resnet50":  # It has one width.
        return encoder
    return f"{encoder.replace('_v2', 'v2')}_x{float(width)}".replace(".", "_")


def write(module: serving.ServingModule, folder: pathlib.Path) -> None:
    """Writes `<network>_<method>.onnx` and its sidecar.

    It takes `images` float32 [batch, 3, height, width], RGB, (x / 255 - mean) / std,
    and gives `output0` float32 [batch, D]: see `ServingModule.unit_features`.

    Raises:
        errors.UserError: the packages for it are not installed.
    """
    size = module.height, module.width
    # As numpy arrays: tensors from outside the function would be inputs of the file.
    scale, offset = np.float32(255 * _DEVIATION), np.float32(255 * _MEAN)

    def represent(images):
        pixels = tf.transpose(images, (0, 2, 3, 1)) * scale + offset
        return {OUTPUT: module.unit_features(pixels)}

    path = folder / f"{module.network_name}_{module.method_name}.onnx"
    images = tf.TensorSpec([None, 3, *size], tf.float32, INPUT)
    onnx_files.write(tf.function(represent), images, path, NAME)
    sidecar = {
        "schema_version": 1,
        "model_name": module.network_name,
        "preprocess": "resize",
        "model_kwargs_schema_version": 1,
        "model_kwargs": {"img_size": list(size)},
    }
    text = standard_json.text(sidecar)
    (folder / f"{path.name}{SIDECAR}").write_text(text, encoding="utf-8")


def run(folder: pathlib.Path, images: np.ndarray, files) -> dict[str, Any]:
    """`unit_features` of images at the model's input size, given as trackers do."""
    del files
    (found,) = onnx_files.run(
        path_in(folder), [OUTPUT], {INPUT: as_trackers_give(images)}, NAME
    )
    return {"unit_features": found}


def path_in(folder: pathlib.Path) -> pathlib.Path:
    """The file in a version's folder: the one that has a sidecar."""
    (sidecar,) = folder.glob(f"*.onnx{SIDECAR}")
    return sidecar.with_name(sidecar.name.removesuffix(SIDECAR))


def as_trackers_give(images: np.ndarray) -> np.ndarray:
    """Float32 RGB in 0..255, [n, H, W, 3] -> normalised float32 [n, 3, H, W]."""
    normalised = (images / 255.0 - _MEAN) / _DEVIATION
    return np.ascontiguousarray(normalised.transpose(0, 3, 1, 2), np.float32)
