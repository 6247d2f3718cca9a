"""Tests of the reader: the full set's counts, and files that have no place."""

import io
import pathlib

import pytest

from data_builders import comparison, registry
from data_builders.archives import Archive, open_archive
from data_builders.mini_imagenet import dummy_data
from data_builders.mini_imagenet.class_reader import ClassReader
from data_builders.mini_imagenet.classes import CLASSES, SPLIT_OF
from dimn_tf import images
from dimn_tf.errors import DataError

FACTS = registry.facts("mini_imagenet")
_FULL = [(label, f"{label}{n:08}.jpg") for label in SPLIT_OF for n in range(600)]


class _Listed(Archive):
    """An archive of names, without pixels."""

    def __init__(self, place: pathlib.Path, names: list[str], rows=()):
        self._texts = {
            f"top/{split}.csv": "filename,label\n"
            + "".join(f"{file},{label}\n" for label, file in rows if label in labels)
            for split, labels in CLASSES.items()
            if rows
        }
        self._files = names
        super().__init__(place / "mini_imagenet.zip")

    def _list(self):
        return [*self._files, *self._texts]

    def _open(self, name):
        return io.BytesIO(self._texts[name].encode())


@pytest.fixture
def root(tmp_path):
    """The made-up archive, without CSV files."""
    root = dummy_data.write(tmp_path)
    for path in root.glob("*.csv"):
        path.unlink()
    return root


def _differences(*given):
    return [str(found) for found in comparison.compare(ClassReader(*given), FACTS)]


def _fail(folder, *parts):
    with pytest.raises(DataError) as caught:
        ClassReader(open_archive(folder))
    for part in (str(folder), "found:", "expected:", "to do:", *parts):
        assert part in str(caught.value)


def test_classes_are_ravi_and_larochelles():
    assert {split: len(names) for split, names in CLASSES.items()} == {
        "train": 64,
        "val": 16,
        "test": 20,
    }
    assert len(SPLIT_OF) == 100
    assert all(list(names) == sorted(names) for names in CLASSES.values())


def test_the_full_set_is_complete(tmp_path):
    flat = [f"top/images/{file}" for _, file in _FULL]
    folders = [f"{SPLIT_OF[label]}/{label}/{file}" for label, file in _FULL]
    for archive in (_Listed(tmp_path, flat, _FULL), _Listed(tmp_path, folders)):
        reader = ClassReader(archive)
        assert comparison.compare(reader, FACTS) == []
        counts = comparison.count(reader.entries, FACTS)
        assert counts.split_images == {"train": 38_400, "val": 9_600, "test": 12_000}
        assert counts.split_identities == {"train": 64, "val": 16, "test": 20}


def test_each_difference_from_the_full_set_is_named(tmp_path):
    lacking = "n01532829/n0153282900000007"
    flat = [f"top/images/{file}" for _, file in _FULL if file[:-4] not in lacking]
    found = _differences(_Listed(tmp_path, [*flat, "top/images/new.jpg"], _FULL))
    assert found == [
        "38,399 of 38,400 images in train",
        "59,999 of 60,000 images of classes in all",
        "99 of 100 classes of 600 images (n01532829: 599)",
        f"38,399 of 38,400 rows of train.csv with an image (none for {lacking})",
        "59,999 of 60,000 images with a row in a CSV file "
        "(none for top/images/new.jpg)",
    ]


def test_a_class_too_few_and_one_image_too_many(tmp_path):
    names = [f"{label}/{file}" for label, file in _FULL if label != "n07613480"]
    found = comparison.compare(
        ClassReader(_Listed(tmp_path, [*names, "n01855672/new.jpeg"])), FACTS
    )
    assert [(str(difference), difference.is_missing) for difference in found] == [
        ("9,601 of 9,600 images in val", False),
        ("11,400 of 12,000 images in test", True),
        ("19 of 20 classes in test", True),
        ("99 of 100 classes in all", True),
        ("59,401 of 60,000 images of classes in all", True),
        ("1 of 0 classes of more than 600 images (n01855672: 601)", False),
    ]


def test_an_image_twice(root):
    dummy_data.write_images(root / "again", "{label}/{file}")
    file = "n0761348000000009.jpg"
    _fail(root, "an image twice", f"again/n07613480/{file}", f"test/n07613480/{file}")


@pytest.mark.parametrize("lists", [True, False])
def test_a_class_folder_in_another_split(root, lists):
    if lists:
        dummy_data.write_lists(root)
    (root / "train/n13133613").rename(root / "test/n13133613")
    _fail(root, "has a class of train in test, n13133613")


def test_an_image_in_the_folder_of_another_split(root):
    dummy_data.write_lists(root)
    image = root / "train/n13133613/n1313361300001299.jpg"
    image.rename(root / "val" / image.name)
    _fail(root, "has a class of train in val, n13133613", f"val/{image.name}")


def test_val_may_be_called_validation(root):
    (root / "val").rename(root / "validation")
    assert len(ClassReader(open_archive(root)).entries["val"]) == 2
    (root / "train/n13133613").rename(root / "validation/n13133613")
    _fail(root, "has a class of train in val, n13133613")


def test_an_unknown_class_folder(root):
    (root / "train/n13133613").rename(root / "train/n00000001")
    _fail(root, "holds an unknown class, n00000001", "train/n00000001/n131")


def test_images_of_unknown_class(root, tmp_path):
    dummy_data.write_images(tmp_path / "flat/mini_imagenet", "images/{file}")
    _fail(tmp_path / "flat/mini_imagenet", "neither CSV", "mini_imagenet_ravi_splits")
    dummy_data.write_images(root, "more/new_{file}")
    (found,) = ClassReader(open_archive(root)).differences
    assert str(found).startswith("8 of 16 images in a class folder (none for ")
    assert "mini_imagenet/more/new_n0153282900000005.jpg, " in str(found)
    assert found.is_missing


def test_archives_and_arrays_inside(tmp_path):
    dummy_data.write_lists(tmp_path / "mini_imagenet")
    (tmp_path / "mini_imagenet/images.zip").touch()
    _fail(
        tmp_path / "mini_imagenet",
        "holds no JPEG file",
        "mini_imagenet/images.zip, ",
        "unpack the archives",
    )


@pytest.fixture
def real(shared_dir):
    """The folder of the real subset; the test is skipped without it."""
    folder = shared_dir / "fewshot_data"
    if not folder.is_dir():
        pytest.skip(f"needs real data: {folder} is absent on this machine")
    return folder


def test_the_real_subset(real):
    with open_archive(real / "mini_imagenet_60.zip") as archive:
        reader = ClassReader(archive)
        counts = comparison.count(reader.entries, FACTS)
        first = {split: next(reader.images(split)) for split in CLASSES}
    assert counts.split_images == {"train": 3_840, "val": 960, "test": 1_200}
    assert counts.split_identities == {"train": 64, "val": 16, "test": 20}
    assert set(counts.identity_images.values()) == {60}
    assert reader.differences == reader.missing == []
    for split, (entry, encoded) in first.items():
        assert SPLIT_OF[entry.class_name] == split
        assert images.decoded(encoded).shape == (84, 84, 3)


def test_the_real_csv_files_beside_the_subsets_images(real, tmp_path):
    lists = real / "mini_imagenet_ravi_splits.zip"
    (tmp_path / lists.name).symlink_to(lists)
    with open_archive(real / "mini_imagenet_60.zip") as archive:
        names = [name for name in archive.names if name.endswith(".jpg")]
    found = ClassReader(_Listed(tmp_path, names)).differences
    assert [str(difference).partition(" (")[0] for difference in found] == [
        "3,840 of 38,400 rows of train.csv with an image",
        "960 of 9,600 rows of val.csv with an image",
        "1,200 of 12,000 rows of test.csv with an image",
    ]
