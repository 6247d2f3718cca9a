"""Crops persons from CUHK-SYSU's frames."""

import collections
import itertools
from collections.abc import Iterator

from data_builders.archives import Archive
from data_builders.cuhk_sysu import annotation
from data_builders.readers import ImageEntry, MissingPart, Reader
from dimn_tf import images
from dimn_tf.errors import DataError

SPLIT = "persons"
_FRAMES = "Image/SSM/"
# The archive names no cameras.
_NO_CAMERA = 0


class FrameReader(Reader):
    """One entry for each person in each frame.

    Entries follow the frames, so that each frame is decoded once. Their file names
    are made up of the archive's own: `p12_s16929_1.png` is person p12 in the frame
    s16929.jpg, for the first time there.
    """

    def __init__(self, archive: Archive):
        """Lists the persons and clamps their boxes.

        Args:
            archive: the opened archive.

        Raises:
            DataError: the annotation is missing or cannot be read, or a frame's
                header cannot.
        """
        super().__init__()
        self._archive = archive
        self._root = archive.root({"annotation", "Image"})
        name = self._root + annotation.FILE_NAME
        if name not in archive.names:
            raise DataError(
                "cuhk_sysu: the annotation is missing",
                path=archive.path,
                found=f"no {name}",
                expected=annotation.FILE_NAME,
                action="put the original archive there, annotation included",
            )
        by_frame = collections.defaultdict(list)
        for appearance in annotation.read_appearances(archive.read(name), archive.path):
            # Some copies have `.JPG` where the annotation has `.jpg`.
            by_frame[appearance.frame.casefold()].append(appearance)
        self._crops: dict[str, tuple[str, tuple[int, int, int, int]]] = {}
        self.entries[SPLIT] = list(self._list_frames(by_frame))
        if by_frame:
            self.missing.append(MissingPart(f"{len(by_frame):,} frames in {_FRAMES}"))

    def _list_frames(self, by_frame) -> Iterator[ImageEntry]:
        """Entries of the frames that are there, which are taken off `by_frame`."""
        prefix = self._root + _FRAMES
        for path in self._archive.names:
            if not path.startswith(prefix):
                continue
            appearances = by_frame.pop(path.removeprefix(prefix).casefold(), ())
            if appearances:
                yield from self._list_frame(path, appearances)

    def _list_frame(self, path, appearances) -> Iterator[ImageEntry]:
        width, height = self._frame_size(path)
        times = collections.Counter()
        for appearance in appearances:
            times[appearance.person] += 1
            box = appearance.clamped(width, height)
            if box is None:
                continue
            stem = appearance.frame.rpartition("/")[2].rpartition(".")[0]
            name = f"p{appearance.person}_{stem}_{times[appearance.person]}.png"
            self._crops[name] = path, box
            yield ImageEntry(name, appearance.person, _NO_CAMERA)

    def _frame_size(self, path: str) -> tuple[int, int]:
        """Width and height from the frame's header."""
        with self._archive.open(path) as file:
            return images.size_of(file, name=path, place=self._archive.path)

    def images(self, split):
        """See base class; crops become lossless PNG."""
        by_path = itertools.groupby(
            self.entries[split], key=lambda entry: self._crops[entry.file_name][0]
        )
        for path, entries in by_path:
            # The boxes are of the frame as it is stored: it is not turned.
            frame = images.decoded(
                self._archive.read(path, largest=images.LARGEST_BYTES),
                name=path,
                place=self._archive.path,
                upright=False,
            )
            for entry in entries:
                left, top, right, bottom = self._crops[entry.file_name][1]
                yield entry, images.encode_png(frame[top:bottom, left:right])
