"""Made-up CUHK03 in its two official forms."""

import pathlib

import h5py
import numpy as np

from data_builders import dummy_images

SPLITS = {"detected": 12, "labeled": 11}
# (pair, person) -> columns that hold an image; the others are empty cells.
DETECTED = {
    (1, 1): (0, 1, 5, 6),
    (1, 2): (0, 5),
    (2, 1): (0, 9),
    (3, 1): (1, 6),
    (5, 1): (5, 6),  # seen by the second camera only
}
LABELED = {**DETECTED, (5, 1): (5,)}
_PERSONS = (2, 1, 1, 1, 1)  # of each pair; pair 4's person has no image at all


def image(half: str, pair: int, person: int, column: int) -> np.ndarray:
    """Pixels of one image: uint8 [16, 8, 3]."""
    seed = ((("detected", "labeled").index(half) * 10 + pair) * 10 + person) * 10
    return dummy_images.pixels(seed + column)


def write(manual_dir: pathlib.Path) -> pathlib.Path:
    """Writes `cuhk03_release/cuhk-03.mat` and returns its folder."""
    root = manual_dir / "cuhk03_release"
    root.mkdir(parents=True)
    with h5py.File(root / "cuhk-03.mat", "w") as file:
        for half, images in (("detected", DETECTED), ("labeled", LABELED)):
            pairs = [
                _write_pair(file, half, pair, persons, images)
                for pair, persons in enumerate(_PERSONS, start=1)
            ]
            cells = np.empty((1, len(pairs)), dtype=object)
            cells[0, :] = pairs
            file.create_dataset(half, data=cells, dtype=h5py.ref_dtype)
    return root


def _write_pair(file, half, pair, persons, images) -> h5py.Reference:
    """Writes what MATLAB shows as a persons x 10 cell; HDF5 holds it transposed."""
    cells = np.empty((10, persons), dtype=object)
    for column, person in np.ndindex(cells.shape):
        name = f"#refs#/{half}_{pair}_{person + 1}_{column}"
        if column in images.get((pair, person + 1), ()):
            data = image(half, pair, person + 1, column).transpose(2, 1, 0)
        else:
            data = np.zeros(2, dtype=np.uint64)  # MATLAB's way to store []
        cells[column, person] = file.create_dataset(name, data=data).ref
    return file.create_dataset(
        f"#refs#/{half}_{pair}", data=cells, dtype=h5py.ref_dtype
    ).ref


def write_extracted(manual_dir: pathlib.Path, halves=("detected",)) -> pathlib.Path:
    """Writes `images_detected/` as users extract it, and returns its folder."""
    for half in halves:
        names = (
            f"images_{half}/{pair}_{person:03d}_{1 + column // 5}_{column + 1:02d}.png"
            for (pair, person), columns in DETECTED.items()
            for column in columns
        )
        dummy_images.write(manual_dir, names)
    return manual_dir / "images_detected"
