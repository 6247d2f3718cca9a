"""Made-up CUHK03 as published: a MATLAB v7.3 (HDF5) file in a .zip."""

import pathlib
import tempfile
import zipfile
from collections.abc import Sequence

import h5py
import numpy as np

from data_builders import dummy_images
from data_builders.cuhk03.facts import FACTS
from data_builders.facts import DatasetFacts
from dimn_tf import files
from experiments.benchmarks.rehearsal import packing

PAIR_PERSONS = (843, 440, 77, 58, 49)  # of the five pairs of cameras
_COLUMNS = 10  # images of a person at most, five from each camera
_HEADER = b"MATLAB 7.3 MAT-file, made up"
_USER_BLOCK = 512  # bytes before the HDF5 content


def write(
    folder: pathlib.Path,
    size: packing.Size = packing.TINY,
    facts: DatasetFacts = FACTS,
    pair_persons: Sequence[int] = PAIR_PERSONS,
) -> pathlib.Path:
    """Writes `cuhk03_release.zip` with its `cuhk-03.mat`.

    Args:
        folder: where to.
        size: of the images.
        facts: images of both halves.
        pair_persons: persons of each pair.
    """
    path = folder / "cuhk03_release.zip"
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        mat = pathlib.Path(scratch) / "cuhk-03.mat"
        with h5py.File(mat, "w", userblock_size=_USER_BLOCK) as file:
            for seed, (half, images) in enumerate(facts.split_images.items()):
                _write_half(file, half, images, pair_persons, size, seed)
        with mat.open("r+b") as file:
            file.write(_HEADER.ljust(_USER_BLOCK))
        with files.replacing(path) as partial, zipfile.ZipFile(partial, "w") as archive:
            archive.write(mat, "cuhk03_release/cuhk-03.mat")
    return path


def _write_half(file, half, images, pair_persons, size, seed) -> None:
    counts = packing.spread(images, sum(pair_persons), 1, _COLUMNS, seed)
    rng = np.random.default_rng(seed)
    cells = np.empty((1, len(pair_persons)), dtype=object)
    first = 0
    for pair, persons in enumerate(pair_persons):
        # HDF5 holds transposed what MATLAB shows as persons x 10.
        references = np.empty((_COLUMNS, persons), dtype=object)
        for person in range(persons):
            filled = rng.permutation(_COLUMNS) < counts[first + person]
            for column in range(_COLUMNS):
                name = f"#refs#/{half}_{pair}_{person}_{column}"
                if filled[column]:
                    number = (first + person) * _COLUMNS + column
                    data = dummy_images.pixels(
                        2 * number + seed, size.height, size.width
                    ).transpose(2, 1, 0)
                else:
                    data = np.zeros(2, dtype=np.uint64)  # MATLAB's way to store []
                references[column, person] = file.create_dataset(name, data=data).ref
        first += persons
        cells[0, pair] = file.create_dataset(
            f"#refs#/{half}_{pair}", data=references, dtype=h5py.ref_dtype
        ).ref
    file.create_dataset(half, data=cells, dtype=h5py.ref_dtype)
