"""Hostile files fail their request, by index, within bounded memory."""

import io
import struct
import zlib

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from dimn_tf.data import resizing
from dimn_tf.export import decoding


def _file(kind, size=(30, 20), mode="RGB"):
    buffer = io.BytesIO()
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (size[1], size[0], 3), np.uint8)
    PIL.Image.fromarray(pixels).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def _png_that_claims(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    check = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + check
    return start + bytes(20)


GOOD = [_file("PNG"), _file("JPEG"), _file("GIF"), _file("PNG", mode="L"),
        _file("PNG", (1, 1)), _file("BMP", (32, 20))]  # fmt: skip
BAD = {
    "text": b"not an image, but long enough for a header",
    "empty": b"",
    "truncated JPEG": _file("JPEG", (300, 200))[:2000],
    "truncated PNG": _file("PNG")[:300],
    "a claim of 20,000 x 20,000": _png_that_claims(20_000, 20_000),
    "a claim that overflows": _png_that_claims(2**31 - 1, 2**31 - 1),
}


@pytest.fixture(scope="module")
def decode():
    return tf.function(
        lambda files: decoding.decode_batch(files, 16, 8),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )


def test_good_files_are_decoded_as_everywhere(decode):
    expected = [resizing.decode_and_resize(f, 16, 8) for f in GOOD]
    np.testing.assert_array_equal(decode(GOOD), tf.stack(expected))


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_named_by_its_index_and_the_next_request_goes_on(decode, kind):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"batch:\] \[2\]"):
        decode([GOOD[0], GOOD[1], BAD[kind], GOOD[2]])
    assert decode(GOOD[:1]).shape == (1, 16, 8, 3)


def test_all_bad_files_are_named(decode):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"batch:\] \[0 1\]"):
        decode([BAD["text"], BAD["empty"]])


def test_an_empty_batch_is_none_that_fails(decode):
    assert decode(tf.zeros([0], tf.string)).shape == (0, 16, 8, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF"])
def test_headers_are_read(kind):
    assert decoding.pixels_claimed(tf.constant(_file(kind, (31, 7)))) == 31 * 7
