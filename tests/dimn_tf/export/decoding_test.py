"""Hostile files are told by index, within bounded memory; the others are decoded."""

import io
import itertools
import resource
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
    if mode == "1" and size[0] > 999:
        PIL.Image.new(mode, size).save(buffer, kind)
        return buffer.getvalue()
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (size[1], size[0], 3), np.uint8)
    PIL.Image.fromarray(pixels).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def _png_that_claims(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    check = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + check
    return start + bytes(20)


GOOD = [
    _file("PNG"),
    _file("JPEG"),
    *(_file("PNG", mode=mode) for mode in ("L", "P", "RGBA", "LA", "1")),
    _file("JPEG", mode="L"),
    _file("PNG", (1, 1)),
    _file("PNG", (1, 3_000)),
    _file("BMP", (32, 20)),
]
BAD = {
    "text": b"not an image, but long enough for a header",
    "empty": b"",
    "a byte": b"\xff",
    "a JPEG's first bytes": b"\xff\xd8\xff",
    "a JPEG's first bytes, and others": b"\xff\xd8\xff\xe0" + bytes(300),
    "a BMP's first bytes": b"BM" + bytes(24),
    "a PNG's header": _png_that_claims(30, 20)[:26],
    "zeros": bytes(1000),
    "truncated JPEG": _file("JPEG", (300, 200))[:2000],
    "truncated PNG": _file("PNG")[:300],
    "PNG without its end": _file("PNG")[:-12],
    "a PNG of no pixels": _png_that_claims(0, 7),
    "GIF": _file("GIF"),
    "GIF, whose frames may be larger than it claims": b"GIF89a" + bytes(60),
    "WebP": _file("WEBP"),
    "TIFF": _file("TIFF"),
}
LARGE = {
    "a claim of 20,000 x 20,000": _png_that_claims(20_000, 20_000),
    "a claim that overflows": _png_that_claims(2**31 - 1, 2**31 - 1),
    "a claim of more bits": _png_that_claims(2**32 - 100, 2**32 - 1_000_000),
    "a claim of a line": _png_that_claims(decoding.LARGEST_PIXELS + 1, 1),
}


@pytest.fixture(scope="module")
def decode():
    function = tf.function(
        lambda files: decoding.decode_batch(files, 16, 8),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )

    def call(files):
        images, faults = function(files)
        return images.numpy(), [fault.decode() for fault in faults.numpy()]

    return call


def _expected(files):
    return tf.stack([resizing.decode_and_resize(f, 16, 8) for f in files]).numpy()


def test_good_files_are_decoded_as_everywhere(decode):
    found, faults = decode(GOOD)
    np.testing.assert_array_equal(found, _expected(GOOD))
    assert faults == [""] * len(GOOD)


def test_every_bad_file_is_told_and_the_others_are_decoded(decode):
    rows = []
    for i, (bad, large) in enumerate(
        itertools.zip_longest(BAD.values(), LARGE.values())
    ):
        rows += [(bad, "undecodable"), (GOOD[i % len(GOOD)], "")]
        rows += [(large, "too_large")] if large else []
    files, expected = zip(*rows, strict=True)
    assert len(files) > 32
    found, faults = decode(list(files))
    assert faults == list(expected)
    good = np.array(expected) == ""
    np.testing.assert_array_equal(
        found[good], _expected([f for f, fault in rows if not fault])
    )
    assert not found[~good].any()


def test_a_batch_of_good_files_alone_is_decoded_to_the_same(monkeypatch):
    decode = tf.function(
        lambda files: decoding.decode_good_batch(files, 16, 8),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    np.testing.assert_array_equal(decode(GOOD), _expected(GOOD))
    for bad in (*BAD.values(), *LARGE.values()):
        with pytest.raises(tf.errors.OpError):
            decode([GOOD[0], bad, GOOD[1]])
    monkeypatch.setattr(decoding, "LARGEST_REQUEST_PIXELS", 1_250)
    files = [_file("PNG", (40, 25)), _file("JPEG", (25, 10))]
    assert len(decoding.decode_good_batch(tf.constant(files), 16, 8)) == 2
    with pytest.raises(tf.errors.OpError):
        decoding.decode_good_batch(tf.constant([*files, GOOD[8]]), 16, 8)


@pytest.mark.parametrize("files", [[BAD["text"], BAD["empty"]], [BAD["GIF"]]])
def test_a_batch_without_a_good_file(decode, files):
    found, faults = decode(files)
    assert faults == ["undecodable"] * len(files) and not found.any()


def test_an_empty_batch(decode):
    found, faults = decode(tf.zeros([0], tf.string))
    assert found.shape == (0, 16, 8, 3) and not faults


def test_a_requests_pixels_are_counted_before_anything_is_decoded(monkeypatch):
    monkeypatch.setattr(decoding, "LARGEST_PIXELS", 1_000)
    monkeypatch.setattr(decoding, "LARGEST_REQUEST_PIXELS", 1_250)
    files = [
        _file("PNG", (40, 25)),  # 1,000: the largest that one may have.
        _file("PNG", (1_001, 1)),
        BAD["text"],
        _file("JPEG", (25, 10)),  # 250: the request is full now.
        _file("BMP", (1, 1)),
        _png_that_claims(30, 20),  # Nothing is decoded, so that nobody knows yet.
    ]
    decoded = []
    decode_and_resize = resizing.decode_and_resize

    def noted(content, *size):
        tf.py_function(lambda x: decoded.append(x.numpy()), [content], [])
        return decode_and_resize(content, *size)

    monkeypatch.setattr(resizing, "decode_and_resize", noted)
    found, faults = decoding.decode_batch(tf.constant(files), 16, 8)
    assert [fault.decode() for fault in faults.numpy()] == [
        "", "too_large", "undecodable", "", "request_full", "request_full"
    ]  # fmt: skip
    assert sorted(decoded) == sorted([files[0], files[3]])
    assert not found.numpy()[[1, 2, 4, 5]].any()


def test_of_32_images_of_64_megapixels_two_are_decoded():
    large = _file("PNG", (8_000, 8_000), mode="1")
    before = _peak()
    _, faults = decoding.decode_batch(tf.constant([large] * 32), 16, 8)
    assert faults.numpy().tolist() == [b""] * 2 + [b"request_full"] * 30
    assert _peak() - before < 1.3e9


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_headers_are_read(kind):
    file = _file(kind, (31, 7))
    assert decoding.pixels_claimed(tf.constant(file)) == 31 * 7
    if kind != "JPEG":  # The first 26 bytes hold the size; fewer tell nothing.
        assert decoding.pixels_claimed(tf.constant(file[:26])) == 31 * 7
        assert decoding.pixels_claimed(tf.constant(file[:25])) == 0


def test_rows_of_what_was_not_decoded_are_no_vectors():
    values = tf.reshape(tf.range(12.0), (3, 2, 2))
    found = decoding.nan_where(values, tf.constant([False, True, False])).numpy()
    assert np.isnan(found[1]).all()
    np.testing.assert_array_equal(found[[0, 2]], values.numpy()[[0, 2]])
