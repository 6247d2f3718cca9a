"""Crops of frames, read without TFDS."""

import io
import zipfile

import numpy as np
import PIL.Image
import pytest

from data_builders import archives, readers
from data_builders.cuhk_sysu import annotation, dummy_data, frame_reader
from dimn_tf import images
from dimn_tf.errors import DataError

_ROOT = "CUHK-SYSU/"


def _frame(orientation=1):
    """A JPEG of 16 x 8 pixels, red to the left and blue to the right."""
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:, :8, 0] = pixels[:, 8:, 2] = 250
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "JPEG", exif=exif, quality=95)
    return buffer.getvalue()


@pytest.fixture
def read(tmp_path):
    """Makes a reader of frames (name -> content) in storage order, and appearances."""

    def make(frames, appearances):
        dummy_data.write_annotation(tmp_path / "Person.mat", appearances)
        mat = (tmp_path / "Person.mat").read_bytes()
        with zipfile.ZipFile(tmp_path / "CUHK-SYSU.zip", "w") as file:
            file.writestr(f"{_ROOT}annotation/Person.mat", mat)
            file.writestr(f"{_ROOT}read me", b"")
            for name, content in frames.items():
                file.writestr(f"{_ROOT}Image/SSM/{name}", content)
        archive = archives.open_archive(tmp_path / "CUHK-SYSU.zip")
        return frame_reader.FrameReader(archive)

    return make


_LEFT, _RIGHT, _OUTSIDE = (0, 0, 4, 8), (10, 0, 6, 8), (99, 0, 5, 5)


def test_persons_by_frame_whatever_else_the_archive_and_the_frame_hold(read):
    reader = read(
        {"s2.jpg": _frame(), "s9.jpg": b"of nobody", "s1.jpg": _frame()},
        [
            ("p7", "s1.jpg", _OUTSIDE),
            ("p7", "s1.jpg", _LEFT),
            ("p3", "s1.jpg", _RIGHT),
            ("p3", "s2.jpg", _RIGHT),
        ],
    )
    assert reader.missing == []
    assert reader.entries == {
        "persons": [
            readers.ImageEntry("p3_s2_1.png", 3, 0),
            # The name counts what the annotation lists, with a crop or without.
            readers.ImageEntry("p7_s1_2.png", 7, 0),
            readers.ImageEntry("p3_s1_1.png", 3, 0),
        ]
    }
    assert reader.persons("persons") == {3, 7}
    sizes = [
        PIL.Image.open(io.BytesIO(encoded)).size
        for _, encoded in reader.images("persons")
    ]
    assert sizes == [(6, 8), (4, 8), (6, 8)]


@pytest.mark.parametrize("stored", ["s1.JPG", "S1.Jpg"])
def test_a_frame_is_found_whatever_case_its_name_is_in(read, stored):
    reader = read({stored: _frame()}, [("p1", "s1.jpg", _LEFT)])
    assert reader.missing == []
    ((entry, _),) = reader.images("persons")
    assert entry.file_name == "p1_s1_1.png"


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_boxes_are_of_the_frame_as_it_is_stored(read, orientation):
    reader = read({"s1.jpg": _frame(orientation)}, [("p1", "s1.jpg", _LEFT)])
    ((entry, encoded),) = reader.images("persons")
    crop = np.asarray(PIL.Image.open(io.BytesIO(encoded)))
    assert entry.file_name == "p1_s1_1.png" and crop.shape == (8, 4, 3)
    assert crop[..., 0].min() > 200 and crop[..., 2].max() < 50


def test_each_frame_is_decoded_once(read, monkeypatch):
    decoded, decode = [], images.decoded

    def noted(content, **given):
        decoded.append(given["name"])
        return decode(content, **given)

    monkeypatch.setattr(images, "decoded", noted)
    frames = {f"s{i}.jpg": _frame() for i in (1, 2)}
    boxes = [(p, f, b) for p in ("p1", "p2") for f in frames for b in (_LEFT, _RIGHT)]
    assert len(list(read(frames, boxes).images("persons"))) == 8
    assert decoded == [f"{_ROOT}Image/SSM/{name}" for name in frames]


def test_frames_that_are_not_there_are_one_missing_part(read):
    boxes = [("p1", f"s{i}.jpg", _LEFT) for i in (1, 2, 3)]
    reader = read({"s2.jpg": _frame()}, boxes)
    assert reader.missing == [readers.MissingPart("2 frames in Image/SSM/")]


def test_a_frame_that_no_image_has_the_size_of_is_an_error(read, monkeypatch):
    reader = read({"s1.jpg": _frame()}, [("p1", "s1.jpg", _LEFT)])
    monkeypatch.setattr(images, "LARGEST_BYTES", len(_frame()) - 1)
    with pytest.raises(DataError, match="s1.jpg is too large unpacked"):
        list(reader.images("persons"))


def test_without_its_annotation_an_archive_holds_no_persons(tmp_path):
    with zipfile.ZipFile(tmp_path / "CUHK-SYSU.zip", "w") as file:
        file.writestr(f"{_ROOT}Image/SSM/s1.jpg", _frame())
    archive = archives.open_archive(tmp_path / "CUHK-SYSU.zip")
    with pytest.raises(DataError, match="the annotation is missing") as caught:
        frame_reader.FrameReader(archive)
    assert caught.value.found == f"no {_ROOT}{annotation.FILE_NAME}"
