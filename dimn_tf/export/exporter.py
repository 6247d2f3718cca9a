"""A trained method -> a version folder for a server, whole or not at all."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from dimn_tf import (
    errors,
    full_precision,
    methods,
    plain_paths,
    standard_json,
    tensorflow_errors,
    unfinished,
)
from dimn_tf.export import decoding, layout, serving, warmup
from dimn_tf.export import formats as formats_lib

LARGEST_DIFFERENCE = 1e-4
"""Largest relative difference between an export and the live model; ours."""
_CHECKED_IMAGES = 8
_VERSION = r"\d+"  # As `next_version` knows them.


def export(
    method: methods.Method,
    export_dir: str | os.PathLike,
    height: int,
    width: int,
    metadata: Mapping[str, Any],
    card: Callable[[Mapping[str, Any]], str],
    formats: Sequence[str] = ("saved_model",),
    log: Callable[[str], None] = print,
    network_name: str = "network",
    method_name: str = "method",
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
        network_name: See `serving.ServingModule`.
        method_name: See `serving.ServingModule`.

    Returns:
        The version's folder.

    Raises:
        errors.UserError: a format that is not known or whose packages are missing, one
            that differs from the live model, a model that gives NaN or zeros, or a
            place that cannot be written to; nothing is left behind.
        OSError: a folder that cannot be made.
    """
    unknown = [name for name in formats if name not in formats_lib.FORMATS]
    if unknown or not formats:
        raise errors.UserError(
            f"--formats={','.join(formats)}: expected some of "
            f"{', '.join(formats_lib.FORMATS)}."
        )
    wanted = list(dict.fromkeys(["saved_model", *formats]))
    export_dir = pathlib.Path(export_dir)
    made = _missing_folders(export_dir)
    export_dir.mkdir(parents=True, exist_ok=True)
    version = next_version(export_dir)
    folder = export_dir / str(version)
    try:
        with unfinished.beside(folder, _VERSION) as partial:
            with plain_paths.plain(partial) as place, full_precision.full_precision():
                module = serving.ServingModule(
                    method, height, width, network_name, method_name
                )
                written = {
                    **metadata,
                    "version": version,
                    **_write(method, module, place, export_dir.name, wanted, log),
                }
            text = standard_json.text(written)
            (partial / layout.METADATA_FILE).write_text(text, encoding="utf-8")
            (partial / layout.CARD_FILE).write_text(card(written), encoding="utf-8")
            unfinished.publish(
                partial,
                folder,
                f"{folder}: another export took this version meanwhile. Nothing was "
                "exported; export again",
            )
    except tf.errors.OpError as error:  # Also the disk's: it is full, or fails.
        raise errors.UserError(
            f"{export_dir}: the export cannot be written: "
            f"{tensorflow_errors.reason(error)}. Nothing was exported"
        ) from error
    finally:
        if not folder.exists():
            _remove_empty(made)
    return folder


def _write(method, module, place, name, wanted, log) -> dict[str, Any]:
    """Writes every format into a folder, checked; what is found on the way."""
    size = module.height, module.width
    images, files = made_up_images(_CHECKED_IMAGES, *size)
    live = live_outputs(method, method.matched_features(images))
    refuse_lifeless(live)
    differences = {}
    for format_name in wanted:
        log(f"{format_name}: exporting")
        formats_lib.FORMATS[format_name](module, place)
        outputs = formats_lib.RUNNERS[format_name](place, images, files)
        expected = {key: live[key] for key in formats_lib.CHECKED[format_name]}
        differences[format_name] = check(format_name, expected, outputs)
        log(
            f"{format_name}: largest relative difference {differences[format_name]:.1e}"
        )
    warm = warmup.write(place, name, files, method.representation_dimension)
    if not warm:
        log(
            "No warm-up requests: they need tensorflow-serving-api (pip install -e "
            "'.[serving]')."
        )
    return {
        "formats": wanted,
        "input_height": size[0],
        "input_width": size[1],
        "dimension": method.representation_dimension,
        "feature_dimension": method.feature_dimension,
        "inner_product_scale": method.inner_product_scale,
        "largest_pixels": decoding.LARGEST_PIXELS,
        "largest_request_pixels": decoding.LARGEST_REQUEST_PIXELS,
        "largest_relative_difference": differences,
        "warmup_requests": warm,
    }


def _missing_folders(folder: pathlib.Path) -> list[pathlib.Path]:
    """A folder and those above it that are not there yet, deepest first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def _remove_empty(folders: Sequence[pathlib.Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:  # It holds something, of another process.
            return


def next_version(export_dir: pathlib.Path) -> int:
    """One above the highest version in a folder; 1 in an empty one."""
    versions = [int(p.name) for p in export_dir.iterdir() if p.name.isdecimal()]
    return max(versions, default=0) + 1


def live_outputs(method: methods.Method, features: tf.Tensor) -> dict[str, tf.Tensor]:
    """What a live model makes of its features, by the names of `formats.CHECKED`.

    Args:
        method: A trained method.
        features: `Method.matched_features` of images, [n, D].
    """
    return {
        "probe_features": method.probe_representation(features),
        "gallery_classifiers": method.gallery_representation(features),
        "unit_features": tf.math.l2_normalize(features, axis=-1),
    }


def refuse_lifeless(live: Mapping[str, Any]) -> None:
    """Raises where a model's own outputs for different images tell nothing.

    Raises:
        errors.UserError: they are not finite, or zero.
    """
    for name, values in live.items():
        values = np.asarray(values)
        if not np.isfinite(values).all() or not values.any():
            found = "zero" if np.isfinite(values).all() else "not finite (NaN)"
            raise errors.UserError(
                f"the trained model's own {name} are {found}: its training went wrong, "
                "and nothing was exported. Look at its loss curves; train again with a "
                "lower learning rate"
            )


def check(
    name: str, live: Mapping[str, Any], outputs: Mapping[str, np.ndarray]
) -> float:
    """The largest difference of a format from the live model, relative to the output.

    Args:
        name: The format's.
        live: What is expected: of the live model's outputs, those of
            `formats.CHECKED`.
        outputs: What the format's runner gave, by the same names.

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
