"""Archive -> entries of each split, and their images."""

import abc
import collections
import dataclasses
import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

from data_builders.archives import Archive
from data_builders.difference import Difference
from data_builders.facts import DatasetFacts
from dimn_tf import images
from dimn_tf.errors import DataError

_IMAGE_ENDINGS = r"\.(?:jpe?g|png|bmp)"


@dataclasses.dataclass(frozen=True)
class Entry(abc.ABC):
    """What is known of one image before it is read.

    Attributes:
        file_name: path from the data set's root folder, unique in the data set.
    """

    file_name: str

    @property
    @abc.abstractmethod
    def identity(self) -> Hashable:
        """What it shows, by which images are counted: its person, its class."""


@dataclasses.dataclass(frozen=True)
class ImageEntry(Entry):
    """Raw facts of one image of a person.

    Attributes:
        person_id: the archive's number of the person.
        camera_id: the archive's number of the camera; 0 where it names none.
    """

    person_id: int
    camera_id: int

    @property
    def identity(self) -> int:
        """The person."""
        return self.person_id


@dataclasses.dataclass(frozen=True)
class MissingPart:
    """A part that an archive should have but lacks.

    Attributes:
        name: the part in words, e.g. "folder P2/cam1/".
        split: the split that it belongs to, if to one.
    """

    name: str
    split: str | None = None


class Reader(abc.ABC):
    """What an archive of one data set holds.

    Attributes:
        entries: split -> its images; found by names and annotations alone.
        missing: parts that the archive should have but lacks.
        differences: what else it has otherwise than it should; counts of the entries
            are compared by `comparison.compare`.
        metadata: facts beside the images that are stored with the records.
    """

    entries: dict[str, list[Entry]]

    def __init__(self):
        self.entries = {}
        self.missing: list[MissingPart] = []
        self.differences: list[Difference] = []
        self.metadata: dict[str, object] = {}

    def persons(self, split: str) -> set[int]:
        """Person ids of a split; empty for a split that is not there."""
        return {entry.identity for entry in self.entries.get(split, ())}

    @abc.abstractmethod
    def images(self, split: str) -> Iterator[tuple[Entry, bytes]]:
        """The split's entries with their encoded images, each decoded once.

        Raises:
            DataError: an image cannot be read.
        """


@dataclasses.dataclass(frozen=True)
class ImageFolder:
    """A folder of images whose names tell person and camera.

    Attributes:
        split: split that its images belong to.
        folder: path from the data set's root folder.
        pattern: what a name without its ending must match as a whole.
        identify: match of `pattern` -> (person_id, camera_id).
    """

    split: str
    folder: str
    pattern: str
    identify: Callable[[re.Match], tuple[int, int]]


class FolderReader(Reader):
    """Reads data sets that are folders of named images.

    Attributes:
        root: the path in the archive that leads to the folders.
    """

    def __init__(
        self, archive: Archive, facts: DatasetFacts, folders: Sequence[ImageFolder]
    ):
        """Lists the images.

        Args:
            archive: the opened archive.
            facts: facts of the data set; its `by_files` are passed over.
            folders: the data set's image folders.

        Raises:
            DataError: no folder is there, or a name does not fit.
        """
        super().__init__()
        self._archive = archive
        self.root = archive.root({f.folder.split("/")[0] for f in folders})
        names = _names_by_folder(archive, self.root, [f.folder for f in folders])
        for folder in folders:
            entries = self._list_folder(folder, names[folder.folder], facts)
            if not entries:
                self.missing.append(
                    MissingPart(f"folder {folder.folder}/", folder.split)
                )
            self.entries.setdefault(folder.split, []).extend(entries)
        self.entries = {split: e for split, e in self.entries.items() if e}

    def _list_folder(
        self, folder: ImageFolder, names: Sequence[str], facts: DatasetFacts
    ) -> list[ImageEntry]:
        pattern = re.compile(f"(?:{folder.pattern}){_IMAGE_ENDINGS}", re.IGNORECASE)
        entries = []
        for name in names:
            match = pattern.fullmatch(name)
            if match:
                entries.append(
                    ImageEntry(f"{folder.folder}/{name}", *folder.identify(match))
                )
            elif name not in facts.by_files:
                raise DataError(
                    f"{facts.name}: a name in {folder.folder}/ does not fit",
                    path=self._archive.path,
                    found=f"{self.root}{folder.folder}/{name}",
                    expected=f"names like {folder.pattern}, .jpg, .jpeg, .png or .bmp",
                    action="remove the file if it is not the data set's, or fetch the "
                    "archive again",
                )
        return entries

    def images(self, split):
        """See base class."""
        for entry in self.entries[split]:
            encoded = self._archive.read(
                self.root + entry.file_name, largest=images.LARGEST_BYTES
            )
            # Crops are published as they are seen: no orientation is looked at.
            checked = images.checked(
                encoded, name=entry.file_name, place=self._archive.path, upright=False
            )
            yield entry, checked


def _names_by_folder(
    archive: Archive, root: str, folders: Sequence[str]
) -> Mapping[str, list[str]]:
    """Names below each folder, relative to it, in the archive's order."""
    names = collections.defaultdict(list)
    for name in archive.names:
        if not name.startswith(root):
            continue
        relative = name[len(root) :]
        for folder in folders:
            if relative.startswith(f"{folder}/"):
                names[folder].append(relative[len(folder) + 1 :])
    return names
