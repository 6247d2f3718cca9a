"""Tests of names that look alike, in lists and folders."""

import pytest

from data_builders import dummy_images
from data_builders.reid_folder import listing, lookalikes, reference
from data_builders.reid_folder.listed_image import ListedImage
from dimn_tf.errors import DataError


def _faults(*names, camera=False):
    return lookalikes.faults_of(
        [
            ListedImage(f"line {i}", f"{i}.png", "p", name)
            if camera
            else ListedImage(f"line {i}", f"{i}.png", name)
            for i, name in enumerate(names, start=2)
        ]
    )


@pytest.mark.parametrize(
    "other",
    [
        "Jose\u0301 1",  # The accent by itself, as Macs write it.
        "José\u200b 1",
        "\ufeffJosé 1",
        "\u202eJosé 1",
        "José\0 1",
        "José\xa01",
        "José \uff11",
    ],
)
@pytest.mark.parametrize("camera", [False, True])
def test_each_image_of_a_later_spelling_is_named(other, camera):
    found = _faults("José 1", other, "José 1", other, camera=camera)
    assert [place for place, _ in found] == ["line 3", "line 5"]
    what = "camera" if camera else "person"
    assert found[0][1] == (
        f"3.png: {what} {ascii(other)} looks like {ascii('José 1')}: write one way"
    )


def test_names_that_differ_to_the_eye_are_two():
    assert not _faults("a", "A", "é", "e", "1", "01", "a b", "ab", "", "\udcff")


def test_a_person_and_a_camera_may_look_alike():
    images = [
        ListedImage("2", "a", "1", "\uff11"),
        ListedImage("3", "b", "1", "\uff11"),
    ]
    assert not lookalikes.faults_of(images)


def test_a_list_with_two_spellings_is_refused_and_enrolled_without_the_later(tmp_path):
    dummy_images.write(tmp_path, ["1.png", "2.png", "3.png"])
    rows = "path,person_id\n1.png,José\n2.png,Jose\u0301\n3.png,bob\n"
    (tmp_path / "a.csv").write_text(rows, encoding="utf-8")
    named = reference.parse(str(tmp_path / "a.csv"))
    with pytest.raises(DataError, match=r"line 3: 2.png: person 'Jose\\u0301' looks"):
        listing.read(named)
    skipped = []
    left = listing.read(named, skipped).images
    assert [image.file_name for image in left] == ["1.png", "3.png"]
    assert [place for place, _ in skipped] == ["line 3"]


def test_folders_with_two_spellings_are_refused(tmp_path):
    dummy_images.write(tmp_path, ["ann/1.png", "ann\u200b/1.png"])
    with pytest.raises(DataError, match=r"person 'ann\\u200b' looks like 'ann'"):
        listing.read(reference.parse(str(tmp_path)))


def test_of_folders_with_two_spellings_the_later_alone_is_left_out(tmp_path):
    earlier, later = sorted(["Ren\xe9", "Rene\u0301"])
    people = ["anna", "bob", earlier, later]
    dummy_images.write(tmp_path, [f"{person}/1.png" for person in people])
    skipped = []
    left = listing.read(reference.parse(str(tmp_path)), skipped).images
    assert sorted(image.person for image in left) == sorted(people[:3])
    fault = f"person {ascii(later)} looks like {ascii(earlier)}: write one way"
    assert skipped == [(f"{later}/1.png", fault)]
