"""Tests of the check that each image passes."""

import io

import numpy as np
import PIL.ExifTags
import PIL.Image
import pytest
import tensorflow as tf

from data_builders import dummy_images
from dimn_tf import images


def _encode(image, name):
    buffer = io.BytesIO()
    image.save(buffer, format=name)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["1.jpg", "1.jpeg", "1.png"])
def test_original_bytes_are_kept(name):
    encoded = dummy_images.encoded(name)
    assert images.checked(encoded, name=name) is encoded


def test_padded_bmp_becomes_png_with_the_same_pixels():
    """VIPeR's files end in two bytes more than TensorFlow's decoder accepts."""
    encoded = dummy_images.encoded("1.bmp") + bytes(2)
    checked = images.checked(encoded, name="1.bmp")
    with PIL.Image.open(io.BytesIO(encoded)) as opened:
        np.testing.assert_array_equal(
            tf.io.decode_image(checked, channels=3), np.asarray(opened)
        )


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA", "LA", "CMYK", "I;16"])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"])
def test_tensorflow_reads_what_pil_reads(mode, form):
    image = PIL.Image.fromarray(dummy_images.pixels(1))
    image = image.convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = PIL.Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    try:
        encoded = _encode(image, form)
    except (OSError, ValueError):
        return  # PIL writes no such file
    checked = images.checked(encoded, name="1")
    decoded = tf.io.decode_image(checked, channels=3, expand_animations=False).numpy()
    with PIL.Image.open(io.BytesIO(encoded)) as opened:
        if opened.mode.startswith("I"):  # 16 bits, which PIL would clip
            expected = np.asarray(opened).astype(int)[..., np.newaxis] // 256
        else:
            expected = np.asarray(opened.convert("RGB"), dtype=int)
    assert np.abs(decoded.astype(int) - expected).max() <= 3  # two JPEG decoders


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


@pytest.mark.parametrize("name", ["1.jpg", "1.png", "1.bmp"])
def test_truncated_image_is_an_error(name):
    encoded = dummy_images.encoded(name, height=40, width=20)
    for part in (0, 1, len(encoded) // 3, len(encoded) // 2, len(encoded) - 40):
        with pytest.raises(
            images.ImageFault, match=f"{name} is no readable image"
        ) as caught:
            images.checked(encoded[:part], place="/archives/a.zip", name=name)
        assert "/archives/a.zip" in str(caught.value)
        with pytest.raises(images.ImageFault):
            images.decoded(encoded[:part], name=name)


def test_png_is_lossless():
    pixels = dummy_images.pixels(3)
    encoded = images.encode_png(pixels)
    decoded = images.decoded(encoded, name="1")
    np.testing.assert_array_equal(decoded, pixels)


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
