"""Why an entry was found: where in probe and match the score comes from."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from dimn_tf import images
from dimn_tf.export import served_model
from dimn_tf.gallery import entries

TOLERANCE = 0.01
"""Largest difference of a score from the index' (which may be of half precision),
relative to the best score, before an image counts as changed since it was enrolled;
ours."""

_AT_A_TIME = 16  # Pairs explained.
_CHANGED = "changed since enrolment"


@dataclasses.dataclass(frozen=True)
class Found:
    """A hit with its image.

    Attributes:
        hit: Its score is the model's.
        likeness: The score over the length of the probe's feature: what thresholds are
            of (see `calibration.by_probe_length`).
        image: The enrolled image's file, or None.
        missing: Why there is no image or no map of it; empty where there is.
        probe_map: float32 [rows, columns], the shares of the probe's places in the
            score, whose sum is the score; None where not asked for or not to be had.
        gallery_map: Those of the enrolled image's places, likewise.
    """

    hit: entries.Hit
    likeness: float
    image: bytes | None = None
    missing: str = ""
    probe_map: np.ndarray | None = None
    gallery_map: np.ndarray | None = None


def with_images(found: Sequence[Found]) -> list[Found]:
    """Reads the images of entries that `enrolment.enrol` added."""
    read = []
    for row in found:
        path = row.hit.metadata.get("path")
        if path is None:
            read.append(dataclasses.replace(row, missing="no image known"))
            continue
        try:
            image = images.read_file(pathlib.Path(path))
            read.append(dataclasses.replace(row, image=image))
        except images.ImageFault as error:
            read.append(dataclasses.replace(row, missing=error.reason))
    return read


def explained(
    model: served_model.ServedModel, probe: bytes, found: Sequence[Found]
) -> list[Found]:
    """Adds the maps to those that have an image.

    The score is linear in each side's pooled feature map. A probe's map is exact: what
    the score would lose without the place. An enrolled image's holds the length that
    its classifier is divided by constant. A place sees beyond its square of the image,
    since the encoder's receptive field is larger.

    Args:
        model: The gallery's.
        probe: Image file.
        found: Of `with_images`; scores are the model's.

    Returns:
        The same, with maps; without where the image was changed since it was enrolled.

    Raises:
        errors.UserError: the model's score is no sum over places.
    """
    rows = [i for i, row in enumerate(found) if row.image is not None]
    made = list(found)
    if not rows:
        return made
    limit = TOLERANCE * max(abs(row.hit.score) for row in found)
    for start in range(0, len(rows), _AT_A_TIME):
        part = rows[start : start + _AT_A_TIME]
        told = model.explain(probe, [found[i].image for i in part])
        for k, i in enumerate(part):
            if told.faults[k]:
                made[i] = dataclasses.replace(
                    found[i], image=None, missing=told.faults[k]
                )
            elif abs(told.scores[k] - found[i].hit.score) > limit:
                made[i] = dataclasses.replace(found[i], missing=_CHANGED)
            else:
                made[i] = dataclasses.replace(
                    found[i],
                    probe_map=told.probe_maps[k],
                    gallery_map=told.gallery_maps[k],
                )
    return made
