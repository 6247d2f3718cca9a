"""Small pictures: upright, bounded, and of pixels alone."""

import io
import time

import numpy as np
import PIL.ExifTags
import PIL.Image
import pytest

from data_builders import dummy_images
from dimn_tf import images
from dimn_tf.service import thumbnails

MAKER = b"Maker-of-this-camera"


def photo(width, height, orientation=1, kind="JPEG"):
    """A photo, grey but for its left half, that tells where it was taken."""
    pixels = np.full((height, width, 3), 128, np.uint8)
    pixels[:, : width // 2] = (200, 40, 40)
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Make] = MAKER.decode()
    exif[PIL.ExifTags.Base.Orientation] = orientation
    exif.get_ifd(PIL.ExifTags.IFD.GPSInfo).update(
        {PIL.ExifTags.GPS.GPSLatitudeRef: "N", PIL.ExifTags.GPS.GPSLatitude: (52, 5, 7)}
    )
    buffer = io.BytesIO()
    picture = PIL.Image.fromarray(pixels)
    picture.save(buffer, kind, exif=exif, comment=b"by anna")
    return buffer.getvalue()


def _opened(file):
    picture = PIL.Image.open(io.BytesIO(file))
    assert picture.format == "JPEG" and not picture.getexif()
    return picture


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((30, 60), (30, 60)),
        ((400, 800), (128, 256)),
        ((1024, 512), (512, 256)),
        ((2048, 64), (512, 16)),
        ((4000, 4), (512, 1)),
    ],
)
def test_small_and_of_the_same_shape(size, expected):
    assert _opened(thumbnails.made(photo(*size))).size == expected


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_upright_and_without_metadata(kind):
    file = photo(300, 200, orientation=6, kind=kind)  # A quarter turn clockwise.
    assert MAKER in file
    small = thumbnails.made(file)
    assert MAKER not in small and b"Exif" not in small and b"anna" not in small
    picture = _opened(small)
    assert picture.size == (171, 256)
    red, grey = picture.getpixel((85, 20)), picture.getpixel((85, 235))
    np.testing.assert_allclose(red, (200, 40, 40), atol=6)
    np.testing.assert_allclose(grey, (128, 128, 128), atol=6)


def test_what_is_small_already_is_shown_as_it_is():
    small = thumbnails.made(photo(300, 600))
    assert thumbnails.shown(small) == small


@pytest.mark.parametrize(
    "file",
    [
        photo(30, 60),
        photo(300, 600, kind="PNG"),
        dummy_images.encoded("a.jpg", 300, 90),
        dummy_images.encoded("a.jpg", 90, 600),
    ],
)
def test_what_is_large_or_tells_more_is_shown_small(file):
    shown = thumbnails.shown(file)
    assert shown == thumbnails.made(file) != file


SMALL = thumbnails.made(photo(300, 600))
HEAD = SMALL[2:20]  # APP0: JFIF, without a thumbnail.


@pytest.mark.parametrize(
    "file",
    [
        SMALL + b"GPS=52.1,5.2",
        SMALL + SMALL,
        SMALL[:2] + b"\xff\xe0\x00\x10JFXX\0\x10GPS=52.1" + SMALL[2:],
        SMALL[:2] + b"\xff\xe0\x00\x0dJFIF\0GPS=52" + SMALL[20:],
        SMALL[:4] + b"\x00\x13" + HEAD[4:16] + b"\1\1GPS" + SMALL[20:],
        SMALL[:-2] + b"\xff\xfe\x00\x0aGPS=52.1" + SMALL[-2:],
        SMALL[:2] + b"\xff\xe1\x00\x0aGPS=52.1" + SMALL[2:],
    ],
)
def test_nothing_beside_the_pixels_is_shown(file):
    assert HEAD.startswith(b"\xff\xe0\x00\x10JFIF\0")
    shown = thumbnails.shown(file)
    assert b"GPS" not in shown and shown == thumbnails.made(file)


def test_a_run_of_fill_bytes_costs_no_more_than_its_length():
    """64 kB would be looked at for a minute by a pattern that takes runs of them in."""
    begun = time.process_time()
    assert not thumbnails._is_bare(SMALL[:-2] + 40_000 * b"\xff" + b"\0")
    assert time.process_time() - begun < 3


@pytest.mark.parametrize("progressive", [False, True])
def test_a_small_picture_of_another_writer_is_shown_as_it_is(progressive):
    buffer = io.BytesIO()
    picture = PIL.Image.open(io.BytesIO(SMALL))
    # Optimised pixels, and marks among them.
    options = {"progressive": progressive, "restart_marker_rows": 1}
    picture.save(buffer, "JPEG", optimize=True, **options)
    assert thumbnails.shown(buffer.getvalue()) == buffer.getvalue()


def test_what_is_no_picture_is_refused():
    for file in (b"text", b"\xff\xd8", photo(30, 60)[:200]):
        with pytest.raises(images.ImageFault):
            thumbnails.shown(file)
