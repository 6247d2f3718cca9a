"""Reads `cuhk-03.mat`, CUHK03's official archive (MATLAB v7.3, which is HDF5)."""

import contextlib
from collections.abc import Iterator

import h5py
import numpy as np

from data_builders.archives import Archive
from data_builders.cuhk03 import naming
from data_builders.readers import ImageEntry, Reader
from dimn_tf import images
from dimn_tf.errors import DataError

FILE_NAME = "cuhk-03.mat"
_HALVES = ("detected", "labeled")
_COLUMNS = 10  # images of a person: 1 to 5 from the first camera, 6 to 10 the second


class MatReader(Reader):
    """Entries and images of the two halves.

    h5py shows MATLAB's arrays transposed: `file["detected"][0, pair]` refers to an
    array [10, persons] of references, each to an image [3, width, height] or, where
    a person has fewer images, to a short vector of numbers.
    """

    def __init__(self, archive: Archive, root: str, resources: contextlib.ExitStack):
        """Lists the images.

        Args:
            archive: the opened archive.
            root: path in it that leads to `cuhk-03.mat`.
            resources: closes the file.

        Raises:
            DataError: it is truncated or laid out otherwise.
        """
        super().__init__()
        self._archive = archive
        self._cells: dict[str, h5py.Reference] = {}
        path = resources.enter_context(archive.local_file(root + FILE_NAME))
        with self._faults():
            self._file = resources.enter_context(h5py.File(path, "r"))
            for half in _HALVES:
                self.entries[half] = list(self._list_half(half))

    def _list_half(self, half: str) -> Iterator[ImageEntry]:
        for pair, reference in enumerate(self._file[half][0], start=1):
            cells = self._file[reference][()]
            if cells.ndim != 2 or cells.shape[0] != _COLUMNS:
                raise ValueError(f"{half} pair {pair} is an array {cells.shape}")
            for person, column in np.ndindex(cells.shape[1], _COLUMNS):
                cell = cells[column, person]
                if self._file[cell].ndim != 3:
                    continue
                entry = naming.entry(
                    half, pair, person + 1, 1 + column // 5, column + 1, "png"
                )
                self._cells[entry.file_name] = cell
                yield entry

    def images(self, split):
        """See base class; pixels become lossless PNG."""
        for entry in self.entries[split]:
            with self._faults():
                pixels = self._file[self._cells[entry.file_name]][()]
                if pixels.dtype != np.uint8 or pixels.shape[0] != 3:
                    raise ValueError(
                        f"{entry.file_name} is {pixels.dtype} {pixels.shape}"
                    )
                encoded = images.encode_png(
                    np.ascontiguousarray(pixels.transpose(2, 1, 0))
                )
            yield entry, encoded

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        # h5py raises these on damaged files and on objects of another kind.
        except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
            raise DataError(
                f"cuhk03: {FILE_NAME} cannot be read",
                path=self._archive.path,
                found=f"{type(error).__name__}: {error}",
                expected="HDF5 (MATLAB v7.3) with 1 x 5 cells `detected` and "
                "`labeled`, each of them persons x 10 cells of uint8 images",
                action="the file is truncated or another version; download it again",
            ) from error
