"""Photos upright, deep grey as bright as it is, and pixels that cannot be RGB."""

import io
import struct

import numpy as np
import PIL.ExifTags
import PIL.Image
import pytest
import tensorflow as tf

from data_builders import dummy_images
from dimn_tf import images


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_as_their_orientation_says(orientation):
    image = PIL.Image.fromarray(dummy_images.pixels(1))  # 16 rows, 8 columns.
    exif = image.getexif()
    exif[PIL.ExifTags.Base.Orientation] = orientation
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif)
    turned = images.checked(buffer.getvalue(), name="1")
    pixels = np.asarray(image)
    # The EXIF standard's table: which corner of the scene is stored first.
    expected = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: pixels.transpose(1, 0, 2)[:, ::-1],
        7: pixels[::-1, ::-1].transpose(1, 0, 2),
        8: pixels.transpose(1, 0, 2)[::-1],
    }[orientation]
    np.testing.assert_array_equal(tf.io.decode_png(turned), expected)
    assert (turned == buffer.getvalue()) == (orientation == 1)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    "damaged",
    [
        b"Exif\0\0no TIFF at all, but long enough",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\x01",
        b"Exif\0\0II*\0\xff\xff\xff\x7f",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\xff\xff\0\0\0\0\0\0",
    ],
)
def test_damaged_exif_leaves_the_picture_as_it_is_stored(kind, damaged):
    pixels = np.zeros((6, 4, 3), np.uint8)
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, kind, exif=damaged)
    kept = images.checked(buffer.getvalue(), name="1")
    assert tf.io.decode_image(kept).shape in ((6, 4, 3), (4, 6, 3))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_photo_is_turned_once_whatever_its_format(form):
    stored = PIL.Image.new("RGB", (16, 8))
    stored.paste((250, 250, 250), (0, 0, 8, 8))  # The left half is bright.
    exif = stored.getexif()
    exif[PIL.ExifTags.Base.Orientation] = 6
    buffer = io.BytesIO()
    stored.save(buffer, form, exif=exif)
    upright = images.decoded(buffer.getvalue())
    assert upright.shape == (16, 8, 3)
    assert upright[:7].min() > 200 and upright[9:].max() < 50  # The left is now on top.


def _grey_tiff(pixels, bits, photometric, order):
    """Grey levels 0..255 [8, 8] as an uncompressed TIFF of so many bits a pixel."""
    deep = pixels.astype(int) << bits - 8 | pixels >> 16 - bits
    deep = deep if photometric else (1 << bits) - 1 - deep
    if bits == 12:
        digits = "".join(f"{value:012b}" for value in deep.ravel())
        data = bytes(int(digits[i : i + 8], 2) for i in range(0, len(digits), 8))
    else:
        data = deep.astype(f"{order}u{bits // 8}").tobytes()
    tags = {
        256: 8, 257: 8, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: 8,
        279: len(data),
    }  # fmt: skip
    table = b"".join(
        struct.pack(order + "HHIHH", tag, 3, 1, value, 0) for tag, value in tags.items()
    )
    begin = b"II*\0" if order == "<" else b"MM\0*"
    head = begin + struct.pack(order + "I", 8 + len(data))
    return head + data + struct.pack(order + "H", len(tags)) + table + bytes(4)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_deep_grey_is_as_bright_as_its_twin_of_8_bits(bits, photometric, order):
    """Or refused, where PIL knows no such file."""
    pixels = np.arange(0, 256, 4, np.uint8).reshape(8, 8)
    encoded = _grey_tiff(pixels, bits, photometric, order)
    opened = {(12, 1, "<"), (16, 0, "<"), (16, 1, "<"), (16, 1, ">")}
    try:
        found = images.decoded(encoded)
    except images.ImageFault as fault:
        assert bits > 8 and (bits, photometric, order) not in opened
        assert fault.kind == "unsupported"
        told = f"({bits} bits a pixel, photometric interpretation {photometric})"
        assert told in fault.reason
    else:
        np.testing.assert_array_equal(found, np.stack(3 * [pixels], axis=-1))


def test_a_tiff_of_unread_pixels_that_is_cut_off_is_damaged():
    encoded = _grey_tiff(np.zeros((8, 8), np.uint8), 12, 0, "<")
    for end in (10, 100, 130):
        with pytest.raises(images.ImageFault) as caught:
            images.decoded(encoded[:end])
        assert caught.value.kind == "damaged"
