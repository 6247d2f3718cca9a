"""Names of images in trials."""

import pytest

from dimn_tf import errors
from dimn_tf.evaluation.protocols import naming


def test_stem():
    assert naming.stem("cam_a/000_45.bmp") == "cam_a/000_45"
    assert naming.stem("Persons/0001001.jpg") == naming.stem("Persons/0001001.png")
    assert naming.stem("a.b/c") == "a.b/c"


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("viper", "viper"),
        ("cuhk02/partial", "cuhk02"),
        ("reid_folder:a/b.csv?camera=(x)", "reid_folder"),
    ],
)
def test_data_set(reference, name):
    assert naming.data_set(reference) == name


def test_names_are_file_names_without_extension_in_the_order_of_the_records(
    fake_records,
):
    rows = [("all", "b/2.png", 1, 1), ("all", "a/1.jpg", 1, 1)]
    assert naming.image_names(fake_records("viper", rows)) == ["b/2", "a/1"]
    assert naming.image_names(fake_records("reid_folder:x", rows)) == ["b/2", "a/1"]


def test_copies_with_another_extension_are_refused(fake_records):
    rows = [("all", name, 1, 1) for name in ("a/0.png", "a/1.png", "a/1.jpg")]
    with pytest.raises(errors.UserError, match="extension alone .1 of them") as caught:
        naming.image_names(fake_records("cuhk02", rows))
    assert "a/1.png and a/1.jpg" in str(caught.value)


@pytest.mark.parametrize("reference", ["cuhk02", "viper", "synthetic_reid/plaza"])
def test_the_first_copies_are_named_and_all_are_counted(fake_records, reference):
    names = ["b/2.jpg", "b/2.png", "a/1.png", "a/1.bmp"]
    rows = [("all", name, 1, 1) for name in names]
    told = "alone .2 of them; the first are b/2.jpg and b/2.png.:"
    with pytest.raises(errors.UserError, match=told):
        naming.image_names(fake_records(reference, rows))
    rows.append(("all", "a/1.jpg", 1, 1))
    with pytest.raises(errors.UserError, match="alone .3 of them"):
        naming.image_names(fake_records(reference, rows))


def test_own_images_that_differ_in_the_extension_alone_keep_it(fake_records):
    names = ["a/1.png", "a/1.jpg", "a/2.png"]
    rows = [("all", name, 1, 1) for name in names]
    assert naming.image_names(fake_records("reid_folder:x", rows)) == names
