"""Images of classes: by the rows of CSV files, or by a folder a class."""

import dataclasses
import re
from collections.abc import Iterable

from data_builders.archives import Archive
from data_builders.difference import Difference, first_of
from data_builders.mini_imagenet import csv_lists
from data_builders.mini_imagenet.classes import CLASSES, SPLIT_OF
from data_builders.readers import Entry, MissingPart, Reader
from dimn_tf import images
from dimn_tf.errors import DataError

_JPEG_NAME = re.compile(r".*\.jpe?g", re.IGNORECASE)
_JPEG_START = b"\xff\xd8"
_CLASS_FOLDER = re.compile(r"n\d{8}")
_SPLIT_FOLDERS = {**{split: split for split in CLASSES}, "validation": "val"}
_ROOT = "images"  # the folder of the original layout


@dataclasses.dataclass(frozen=True)
class ClassEntry(Entry):
    """One image of a class.

    Attributes:
        class_name: WordNet id of the class.
        stored: the file's name in the archive.
    """

    class_name: str
    stored: str

    @property
    def identity(self) -> str:
        """The class."""
        return self.class_name

    @property
    def label(self) -> int:
        """The class' place among those of its split."""
        return CLASSES[SPLIT_OF[self.class_name]].index(self.class_name)


class ClassReader(Reader):
    """Reads miniImageNet in the layouts that README.md names.

    An image's `file_name` is `CLASS/FILE`, whatever the layout.
    """

    def __init__(self, archive: Archive):
        """Lists the images.

        Args:
            archive: the opened archive; CSV files may lie beside it.

        Raises:
            DataError: it holds something else, or an image or class twice.
        """
        super().__init__()
        self._archive = archive
        self.metadata = {"classes": {s: list(names) for s, names in CLASSES.items()}}
        lists = csv_lists.read(archive)
        stored = self._jpeg_files()
        if lists is None and not any(_class_folder(name) for name in stored):
            raise self._fault(
                "holds neither CSV files nor class folders", first_of(stored)
            )
        chosen = self._chosen(stored, lists)
        self.entries = {split: [] for split in CLASSES}
        for (class_name, _), name in chosen.items():
            file_name = f"{class_name}/{name.rpartition('/')[2]}"
            entry = ClassEntry(file_name, class_name, name)
            self.entries[SPLIT_OF[class_name]].append(entry)
        if lists is not None:
            self._compare_rows(lists, chosen)
        used = {*chosen.values()}
        unused = [name for name in stored if name not in used]
        if unused:
            where = "in a class folder" if lists is None else "with a row in a CSV file"
            self.differences.append(
                Difference(f"images {where}", len(used), len(stored), _none_for(unused))
            )

    def images(self, split):
        """See base class."""
        for entry in self.entries[split]:
            encoded = self._archive.read(entry.stored, largest=images.LARGEST_BYTES)
            if encoded and not encoded.startswith(_JPEG_START):
                raise self._fault(
                    f"holds {entry.stored}, which is no JPEG file",
                    f"it begins with {encoded[:12]!r}",
                )
            checked = images.checked(
                encoded, name=entry.stored, place=self._archive.path, upright=False
            )
            yield entry, checked

    def _jpeg_files(self) -> list[str]:
        stored = [name for name in self._archive.names if _JPEG_NAME.fullmatch(name)]
        if not stored:
            raise self._fault(
                "holds no JPEG file",
                first_of(self._archive.names) or "no file",
                "unpack the archives that lie in it; arrays (.pkl, .npz) are not read",
            )
        for name in self._archive.names:
            in_folder = _class_folder(name) or _parent(name) == _ROOT
            fits = _JPEG_NAME.fullmatch(name) or csv_lists.is_list(name)
            if in_folder and not fits:
                raise self._fault(
                    "holds what is no JPEG file",
                    name,
                    "remove the file if it is not the data set's",
                )
        return stored

    def _chosen(
        self, stored: Iterable[str], lists: csv_lists.Lists | None
    ) -> dict[tuple[str, str], str]:
        """(class, name without folders and ending) -> the file of that image."""
        chosen: dict[tuple[str, str], str] = {}
        for name in stored:
            class_name = _class_of(name, lists)
            if class_name is None:
                continue
            self._refuse_other_split(name, class_name)
            key = class_name, csv_lists.plain(name)
            if key in chosen:
                raise self._fault("holds an image twice", f"{chosen[key]} and {name}")
            chosen[key] = name
        return chosen

    def _refuse_other_split(self, name: str, class_name: str) -> None:
        if class_name not in SPLIT_OF:
            raise self._fault(f"holds an unknown class, {class_name}", name)
        parts = name.split("/")[:-1]
        above = [part for part in parts[-2:] if not _CLASS_FOLDER.fullmatch(part)]
        split = _SPLIT_FOLDERS.get(above[-1].lower()) if above else None
        if split not in (None, SPLIT_OF[class_name]):
            raise self._fault(
                f"has a class of {SPLIT_OF[class_name]} in {split}, {class_name}", name
            )

    def _compare_rows(self, lists: csv_lists.Lists, chosen) -> None:
        for split in CLASSES:
            if split not in lists.splits:
                self.missing.append(MissingPart(f"file {split}.csv", split))
                continue
            rows = [key for key, of_split in lists.rows.items() if of_split == split]
            lacking = ["/".join(key) for key in rows if key not in chosen]
            if lacking:
                self.differences.append(
                    Difference(
                        f"rows of {split}.csv with an image",
                        len(rows) - len(lacking),
                        len(rows),
                        _none_for(lacking),
                    )
                )

    def _fault(self, problem: str, found: str, action: str = "") -> DataError:
        return DataError(
            f"mini_imagenet: {self._archive.path.name} {problem}",
            path=self._archive.path,
            found=found,
            expected="JPEG files of the 100 classes of Ravi and Larochelle's split: "
            "images/*.jpg with train.csv, val.csv and test.csv (in it or beside it, "
            "also as mini_imagenet_ravi_splits.zip), or a folder a class",
            action=action
            or "put the original data set there; its README in "
            "data_builders/mini_imagenet says which layouts are read",
        )


def _class_of(name: str, lists: csv_lists.Lists | None) -> str | None:
    """The class of a file; None where nothing tells it."""
    folder = _class_folder(name)
    if lists is None:
        return folder
    if folder:
        return folder if (folder, csv_lists.plain(name)) in lists.rows else None
    classes = lists.classes.get(csv_lists.plain(name), [])
    return classes[0] if len(classes) == 1 else None


def _parent(name: str) -> str:
    return name.rpartition("/")[0].rpartition("/")[2]


def _class_folder(name: str) -> str | None:
    """The class folder that a file lies in, if in one."""
    return _parent(name) if _CLASS_FOLDER.fullmatch(_parent(name)) else None


def _none_for(names: list[str]) -> str:
    return f"none for {first_of(names)}"
