"""A trained method -> a version folder for a server, whole or not at all."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from dimn_tf import errors, methods
from dimn_tf.export import formats as formats_lib
from dimn_tf.export import serving, warmup

LARGEST_DIFFERENCE = 1e-4
"""Largest relative difference between an export and the live model; ours."""
METADATA_FILE, CARD_FILE = "metadata.json", "model_card.md"
_CHECKED_IMAGES = 8


def export(
    method: methods.Method,
    export_dir: str | os.PathLike,
    height: int,
    width: int,
    metadata: Mapping[str, Any],
    card: Callable[[Mapping[str, Any]], str],
    formats: Sequence[str] = ("saved_model",),
    log: Callable[[str], None] = print,
) -> pathlib.Path:
    """Writes `export_dir/<version>/`, checked against the live model.

    The version is one above the highest that is there. The folder appears under its
    name only when it is complete and every format agrees with the live model.

    Args:
        method: A trained method.
        export_dir: Folder of versions, as TensorFlow Serving watches it.
        height: Rows of the method's input, pixels.
        width: Columns of it.
        metadata: Entries of metadata.json beside those that are found here.
        card: Makes the text of model_card.md of the metadata.
        formats: Keys of `formats.FORMATS`; a SavedModel is always among them.
        log: Takes a line for each format.

    Returns:
        The version's folder.

    Raises:
        errors.UserError: a format that is not known or whose packages are missing, or
            one that differs from the live model; nothing is left behind.
    """
    unknown = [name for name in formats if name not in formats_lib.FORMATS]
    if unknown or not formats:
        raise errors.UserError(
            f"--formats={','.join(formats)}: expected some of "
            f"{', '.join(formats_lib.FORMATS)}."
        )
    wanted = list(dict.fromkeys(["saved_model", *formats]))
    export_dir = pathlib.Path(export_dir)
    export_dir.mkdir(parents=True, exist_ok=True)
    version = next_version(export_dir)
    # Servers pass over names that are no number.
    partial = export_dir / f".{version}.{os.getpid()}.partial"
    try:
        partial.mkdir()
        module = serving.ServingModule(method, height, width)
        images, files = made_up_images(_CHECKED_IMAGES, height, width)
        live = {
            "probe_features": method.probe_representation(method.encode(images)),
            "gallery_classifiers": method.gallery_representation(method.encode(images)),
        }
        differences = {}
        for name in wanted:
            log(f"{name}: exporting")
            formats_lib.FORMATS[name](module, partial)
            outputs = formats_lib.RUNNERS[name](partial, images, files)
            differences[name] = check(name, live, outputs)
            log(f"{name}: largest relative difference {differences[name]:.1e}")
        warm = warmup.write(partial, export_dir.name, files, method.feature_dimension)
        if not warm:
            log("No warm-up requests: they need `pip install tensorflow-serving-api`.")
        written = {
            **metadata,
            "version": version,
            "formats": wanted,
            "input_height": height,
            "input_width": width,
            "feature_dimension": method.feature_dimension,
            "inner_product_scale": method.inner_product_scale,
            "largest_relative_difference": differences,
            "warmup_requests": warm,
        }
        text = json.dumps(written, indent=2) + "\n"
        (partial / METADATA_FILE).write_text(text, encoding="utf-8")
        (partial / CARD_FILE).write_text(card(written), encoding="utf-8")
        folder = export_dir / str(version)
        partial.rename(folder)
        return folder
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def next_version(export_dir: pathlib.Path) -> int:
    """One above the highest version in a folder; 1 in an empty one."""
    versions = [int(p.name) for p in export_dir.iterdir() if p.name.isdecimal()]
    return max(versions, default=0) + 1


def check(
    name: str, live: Mapping[str, Any], outputs: Mapping[str, np.ndarray]
) -> float:
    """The largest difference of a format from the live model, relative to the output.

    Raises:
        errors.UserError: it is above `LARGEST_DIFFERENCE`, or not finite.
    """
    worst = 0.0
    for key, expected in live.items():
        expected, found = np.asarray(expected), np.asarray(outputs[key])
        if expected.shape != found.shape:
            worst = np.inf
            break
        difference = np.abs(found - expected).max() / np.abs(expected).max()
        # NaN is above everything here.
        worst = max(worst, difference) if np.isfinite(difference) else np.inf
    if worst > LARGEST_DIFFERENCE:
        raise errors.UserError(
            f"{name}: the export differs from the live model by {worst:.1e} "
            f"(relative), more than {LARGEST_DIFFERENCE:g}: nothing was exported. "
            "Export without this format (--formats), and report it with the versions "
            "of TensorFlow and of the format's packages"
        )
    return float(worst)


def made_up_images(
    count: int, height: int, width: int, seed: int = 0
) -> tuple[np.ndarray, list[bytes]]:
    """Smooth noise, as arrays and as PNG files of the same pixels.

    Returns:
        float32 [count, height, width, 3] of whole numbers in 0..255, and the files.
    """
    coarse = tf.random.stateless_uniform((count, 8, 4, 3), (seed, 0), 0.0, 255.0)
    fine = tf.random.stateless_uniform(
        (count, height, width, 3), (seed, 1), -30.0, 30.0
    )
    smooth = tf.image.resize(coarse, (height, width), "bicubic") + fine
    pixels = tf.cast(tf.clip_by_value(tf.round(smooth), 0, 255), tf.uint8)
    files = [tf.io.encode_png(image).numpy() for image in pixels]
    return tf.cast(pixels, tf.float32).numpy(), files
