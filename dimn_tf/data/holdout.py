"""The identities that are never trained on: the draw and its record."""

import json
import os
import pathlib
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from dimn_tf import errors, files, standard_json
from dimn_tf.data import records as records_module


def draw(
    source: records_module.ReidRecords, indices: np.ndarray, count: int, seed: int
) -> list[int]:
    """Draws identities that can be ranked: two images, of two cameras if possible.

    Identities seen by two cameras or more come first; where a source has fewer of
    those than asked for (or knows no cameras), those with two images fill up.
    """
    if count < 0:
        raise errors.UserError(f"--holdout_identities={count}: expected 0 or more.")
    if count == 0:
        return []
    persons, images = np.unique(source.person_ids[indices], return_counts=True)
    views = np.stack([source.person_ids[indices], source.camera_ids[indices]])
    seen, cameras = np.unique(np.unique(views, axis=1)[0], return_counts=True)
    assert np.array_equal(seen, persons)
    able = persons[images >= 2]
    if len(able) < count or len(persons) <= count:
        raise errors.UserError(
            f"{source.reference}: --holdout_identities={count} leaves nothing to "
            f"train on or to rank: found {len(persons)} identities, {len(able)} of "
            "them with two images or more. Lower that flag."
        )
    # The name's checksum makes a source's draw its own, whatever stands beside it. A
    # folder's name may be no UTF-8.
    name = source.reference.encode(errors="surrogateescape")
    rng = np.random.default_rng([seed, zlib.crc32(name)])
    order = rng.permutation(len(persons))
    rank = np.where(cameras >= 2, 0, np.where(images >= 2, 1, 2))[order]
    chosen = order[np.argsort(rank, kind="stable")[:count]]
    return sorted(persons[chosen].tolist())


def save(path: str | os.PathLike, holdout: Mapping[str, Sequence[int]]) -> None:
    """Writes raw person ids by data set as JSON, whole or not at all."""
    text = json.dumps({name: [int(p) for p in ids] for name, ids in holdout.items()})
    with files.replacing(path) as partial:
        partial.write_text(text + "\n")


def load(path: str | os.PathLike) -> dict[str, list[int]]:
    """Reads what `save` wrote.

    Raises:
        errors.UserError: the file is missing or not of that form.
    """
    path = pathlib.Path(path)
    expected = (
        'expected JSON like {"cuhk02": [1004, 1017]}, as training with '
        "--holdout_identities writes it into its work directory"
    )
    try:
        holdout = standard_json.read_object(path)
    except FileNotFoundError as error:
        raise errors.UserError(f"{path}: found no such file, {expected}.") from error
    except ValueError as error:
        raise errors.UserError(
            f"{path}: found no JSON ({error}), {expected}."
        ) from error
    well_formed = all(
        isinstance(persons, list)
        and all(isinstance(p, int) and not isinstance(p, bool) for p in persons)
        for persons in holdout.values()
    )
    if not well_formed:
        raise errors.UserError(f"{path}: found another form, {expected}.")
    return holdout
