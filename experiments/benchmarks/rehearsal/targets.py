"""Made-up targets. Their images are named as the package's trial lists ask."""

import io
import itertools
import pathlib

import numpy as np
import scipy.io

from data_builders.grid import facts as grid_facts
from data_builders.ilids import facts as ilids_facts
from data_builders.prid import facts as prid_facts
from dimn_tf.evaluation.protocols import shipped
from experiments.benchmarks.rehearsal import packing

VIPER_SIZE = packing.Size(128, 48)  # of every image of the archive
_LEAST_ILIDS, _MOST_ILIDS = 2, 8  # images of a person


def write_viper(folder: pathlib.Path, size: packing.Size = VIPER_SIZE) -> pathlib.Path:
    """Writes `VIPeR.v1.0.zip`: BMP files that end in two bytes which are no pixels."""
    names = (f"VIPeR/{name}.bmp" for name in sorted(_listed("viper")))
    members = (
        (name, content + bytes(2)) for name, content in packing.images(names, size)
    )
    return packing.write_zip(folder / "VIPeR.v1.0.zip", members)


def write_prid(folder: pathlib.Path, size: packing.Size = packing.TINY) -> pathlib.Path:
    """Writes `prid_2011.zip`, a few images that are not read included."""
    names = [
        f"prid_2011/single_shot/{split}/person_{person:04d}.png"
        for split, persons in prid_facts.FACTS.split_identities.items()
        for person in range(1, persons + 1)
    ]
    names += [f"prid_2011/multi_shot/cam_a/person_0001/{i:04d}.png" for i in range(9)]
    return packing.write_zip(folder / "prid_2011.zip", packing.images(names, size))


def write_grid(folder: pathlib.Path, size: packing.Size = packing.TINY) -> pathlib.Path:
    """Writes `underground_reid.zip` with its ten folds."""
    root = "underground_reid"
    persons = grid_facts.FACTS.identities
    distractors = grid_facts.FACTS.split_images["gallery"] - persons
    shown = {
        "probe": [*range(1, persons + 1)],
        "gallery": [grid_facts.DISTRACTOR] * distractors + [*range(1, persons + 1)],
    }
    names = (
        f"{root}/{split}/{person:04d}_{1 + number % 6}_{25_000 + number}_9_9_9_9.jpeg"
        for split, of in shown.items()
        for number, person in enumerate(of)
    )
    others = [
        (f"{root}/features_and_partitions.mat", _folds(persons)),
        (f"{root}/correspondence.txt", b"made up"),
        (f"{root}/sample.m", b"made up"),
    ]
    members = itertools.chain(others, packing.images(names, size))
    return packing.write_zip(folder / f"{root}.zip", members)


def write_ilids(
    folder: pathlib.Path, size: packing.Size = packing.TINY
) -> pathlib.Path:
    """Writes `i-LIDS_Pedestrian.tgz`: each person's images, numbered from 1."""
    highest: dict[int, int] = {}
    for name in _listed("ilids"):
        digits = name.rpartition("/")[2]
        person, image = int(digits[:4]), int(digits[4:])
        highest[person] = max(image, highest.get(person, _LEAST_ILIDS))
    free = ilids_facts.FACTS.images - sum(highest.values())
    for person in itertools.cycle(sorted(highest)):
        if not free:
            break
        if highest[person] < _MOST_ILIDS:
            highest[person] += 1
            free -= 1
    names = (
        f"i-LIDS_Pedestrian/Persons/{person:04d}{image:03d}.jpg"
        for person in sorted(highest)
        for image in range(1, highest[person] + 1)
    )
    return packing.write_tgz(
        folder / "i-LIDS_Pedestrian.tgz", packing.images(names, size)
    )


def _listed(target: str) -> set[str]:
    """Image names without extension that the target's trial list holds."""
    return {
        name
        for trial in shipped.shipped_list(target)
        for name in itertools.chain(*trial.pairs, trial.distractors)
    }


def _folds(persons: int) -> bytes:
    """Content of the partition file: 1 x 10 cells of training and test persons."""
    fields = [("probeImIdx", object), ("galleryImIdx", object), ("personIdx", object)]
    cells = {
        name: np.empty((1, grid_facts.FOLDS), dtype=object)
        for name in ("trainIdxAll", "testIdxAll")
    }
    rng = np.random.default_rng(0)
    for fold in range(grid_facts.FOLDS):
        order = 1 + rng.permutation(persons).astype(np.uint16)
        halves = order[grid_facts.FOLD_PERSONS :], order[: grid_facts.FOLD_PERSONS]
        for name, half in zip(cells, halves, strict=True):
            row = np.sort(half)[np.newaxis]
            cells[name][0, fold] = np.array([[(row, row, row)]], dtype=fields)
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, cells)
    return buffer.getvalue()
