"""Made-up GRID in the official layout."""

import pathlib
from collections.abc import Sequence

import numpy as np
import scipy.io

from data_builders import dummy_images

SPLITS = {"probe": 4, "gallery": 6}
_NAMES = (
    "probe/0001_1_25004_107_32_106_221.jpeg",
    "probe/0002_1_25008_169_19_94_224.jpeg",
    "probe/0003_4_25008_57_44_97_265.jpeg",
    "probe/0004_5_33175_369_28_74_231.jpeg",
    "gallery/0000_1_25698_101_16_87_246.jpeg",
    "gallery/0000_6_32855_4_109_81_303.jpeg",
    "gallery/0001_2_25023_116_134_128_330.jpeg",
    "gallery/0002_2_25027_160_75_118_274.jpeg",
    "gallery/0003_2_25025_98_125_134_336.jpeg",
    "gallery/0004_2_25055_247_60_53_177.jpeg",
)
TEST_PERSONS = ((1, 2), (3, 4), (1, 3), (2, 4), (1, 4), (2, 3)) * 2
FOLDS = TEST_PERSONS[:10]


def write(manual_dir: pathlib.Path) -> pathlib.Path:
    """Writes the extracted archive and returns its folder."""
    root = manual_dir / "underground_reid"
    dummy_images.write(root, _NAMES)
    write_folds(root / "features_and_partitions.mat", FOLDS)
    for name in ("sample.m", "correspondence.txt", "probe/sample.m"):
        (root / name).write_text("made up")
    return root


def write_folds(
    path: pathlib.Path,
    folds: Sequence[Sequence[int]],
    train: Sequence[Sequence[int]] | None = None,
    cells: bool = True,
) -> None:
    """Writes the partition file.

    Args:
        path: of the file.
        folds: test persons of each fold.
        train: training persons of each; None for the others of four.
        cells: whether it holds 1 x 10 cells of a struct each, as the official file
            does, or one struct array.
    """
    everyone = (1, 2, 3, 4)
    train = train or [[p for p in everyone if p not in fold] for fold in folds]
    fields = [("probeImIdx", object), ("galleryImIdx", object), ("personIdx", object)]
    variables = {}
    for name, listed in (("trainIdxAll", train), ("testIdxAll", folds)):
        structs = np.zeros((1, len(listed)), dtype=fields)
        for index, persons in enumerate(listed):
            row = np.array([persons], dtype=np.uint16)
            structs[0, index] = (row, row, row)
        variables[name] = _in_cells(structs) if cells else structs
    scipy.io.savemat(path, variables)


def _in_cells(structs: np.ndarray) -> np.ndarray:
    """A struct array as a cell array of 1 x 1 structs."""
    cells = np.empty(structs.shape, dtype=object)
    for place in np.ndindex(structs.shape):
        cells[place] = structs[place].reshape(1, 1)
    return cells
