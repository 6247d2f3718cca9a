"""Tests of the CSV files: each row that does not fit is named."""

import pytest

from data_builders.archives import open_archive
from data_builders.mini_imagenet import csv_lists, dummy_data
from dimn_tf.errors import DataError


@pytest.fixture
def root(tmp_path):
    return dummy_data.write(tmp_path)


def _fail(folder, *parts):
    with pytest.raises(DataError) as caught:
        csv_lists.read(open_archive(folder))
    message = str(caught.value)
    for part in (str(folder.parent), "found:", "expected:", "to do:", *parts):
        assert part in message
    return message


def test_rows_say_class_and_split(root):
    lists = csv_lists.read(open_archive(root))
    assert len(lists.rows) == 8 and lists.place == root
    assert lists.rows["n01855672", "n0185567200000004"] == "val"
    assert lists.classes["n0761348000000011"] == ["n07613480"]
    assert lists.splits == ["train", "val", "test"]


def test_there_may_be_none(root):
    for path in root.glob("*.csv"):
        path.unlink()
    assert csv_lists.read(open_archive(root)) is None


def test_those_of_the_archive_come_before_those_beside_it(root):
    dummy_data.write_lists(root.parent, dummy_data.IMAGES[:1])
    assert len(csv_lists.read(open_archive(root)).rows) == 8


def test_a_folder_of_other_things_is_none_of_csv_files(root):
    for path in root.glob("*.csv"):
        path.unlink()
    dummy_data.write_images(root.parent / "splits", "{file}")
    assert csv_lists.read(open_archive(root)) is None


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("a.jpg,n01855672", "a.jpg of 'n01855672', which is a class of val"),
        ("a.jpg,cat", "a.jpg of 'cat', which is none of the 100 classes"),
        ("a.jpg", "1 of 2 columns"),
        ("n0153282900000005.jpg,n01532829", "mini_imagenet/train.csv, row 2 has too"),
        ("n0153282900000005.jpg,n13133613", "mini_imagenet/train.csv, row 2 has too"),
        ("x/n0153282900000005.jpg,n01532829", "which a row before it has too"),
    ],
)
def test_a_row_that_does_not_fit(root, row, found):
    with (root / "train.csv").open("a") as file:
        file.write(f"{row}\n")
    message = _fail(root, "mini_imagenet/train.csv, row 6 does not fit", found)
    assert "Ravi and Larochelle's" in message and "Vinyals" in message


def test_an_image_in_two_splits(root):
    with (root / "test.csv").open("a") as file:
        file.write("n0153282900000006.jpg,n07613480\n")
    _fail(root, "test.csv, row 4", "train.csv, row 3 has too")


def test_a_file_of_two_classes_stays_without_class(root):
    """`1.jpg` in two class folders is no fault; which one lies flat is unknown."""
    with (root / "train.csv").open("a") as file:
        file.write("n01532829/1.jpg,n01532829\nn13133613/1.jpg,n13133613\n")
    lists = csv_lists.read(open_archive(root))
    assert lists.classes["1"] == ["n01532829", "n13133613"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"name,class\n", "the columns name, class"),
        (b"", "the columns none"),
        (b"filename,label\n\xff\xfe\n", "not text in rows"),
    ],
)
def test_what_is_no_csv_file_of_the_split(root, content, found):
    (root / "test.csv").write_bytes(content)
    _fail(root, "mini_imagenet/test.csv does not fit", found)


def test_in_two_places_beside_the_images(root):
    for path in root.glob("*.csv"):
        path.unlink()
    dummy_data.write_lists(root.parent / "splits")
    dummy_data.write_lists(root.parent)
    _fail(root, "in more than one place", f"splits and {root.parent.name}")


def test_twice_in_the_archive(root):
    dummy_data.write_lists(root / "split")
    _fail(root, "more than once", "mini_imagenet/split/")
