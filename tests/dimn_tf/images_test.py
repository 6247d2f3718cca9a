"""Tests of the one place where bytes become an image, against TensorFlow's decoders."""

import io
import os
import struct
import zlib

import numpy as np
import PIL.ExifTags
import PIL.Image
import pytest
import tensorflow as tf

from data_builders import dummy_images
from dimn_tf import given_images, images
from dimn_tf.gallery import embedding, entries, explanation, image_sources
from dimn_tf.service import uploads


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


def _png_parts(encoded):
    """(kind, content) of a PNG's parts."""
    place, parts = 8, []
    while place < len(encoded):
        (length,) = struct.unpack_from(">I", encoded, place)
        kind = encoded[place + 4 : place + 8]
        parts.append((kind, encoded[place + 8 : place + 8 + length]))
        place += 12 + length
    return parts


def _png(*parts):
    def whole(kind, content):
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    return b"\x89PNG\r\n\x1a\n" + b"".join(whole(*part) for part in parts)


def _header(width, height, depth=8, colour=2, interlace=0):
    fields = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"IHDR", fields


_PICTURE = PIL.Image.fromarray(dummy_images.pixels(1, 24, 16))
_WHOLE_PNG = _encode(_PICTURE, "PNG")
_HEAD, _BODY, _TAIL = _png_parts(_WHOLE_PNG)
_RAW = zlib.decompress(_BODY[1])
_WHOLE_JPEG = _encode(_PICTURE, "JPEG")
_ROWS_16 = b"".join(b"\0" + _RAW[i : i + 96] for i in range(0, 24 * 40, 40))
# The seven passes of Adam7, 16 x 24 pixels of 3 bytes: columns and rows of each.
_PASSES = [(2, 3), (2, 3), (4, 3), (4, 6), (8, 6), (8, 12), (16, 12)]
_INTERLACED = b"".join((b"\0" + _RAW[1 : 1 + 3 * w]) * h for w, h in _PASSES)


def _saved(form, **options):
    buffer = io.BytesIO()
    _PICTURE.save(buffer, form, **options)
    return buffer.getvalue()


def _saved_as(mode, form, **options):
    buffer = io.BytesIO()
    _PICTURE.convert(mode).save(buffer, form, **options)
    return buffer.getvalue()


def _several(form):
    others = [PIL.Image.fromarray(dummy_images.pixels(i, 24, 16)) for i in (2, 3)]
    return _saved(form, save_all=True, append_images=others)


WHOLE = {
    "PNG, 16 bits": _png(
        _header(16, 24, depth=16), (b"IDAT", zlib.compress(_ROWS_16)), _TAIL
    ),
    "interlaced PNG": _png(
        _header(16, 24, interlace=1), (b"IDAT", zlib.compress(_INTERLACED)), _TAIL
    ),
    "PNG, pixels in many parts": _png(
        _HEAD, *[(b"IDAT", _BODY[1][i : i + 50]) for i in range(0, 1500, 50)], _TAIL
    ),
    "PNG, palette with alpha": _saved_as("P", "PNG", transparency=bytes(range(256))),
    "PNG with a palette to suggest": _png(_HEAD, (b"PLTE", bytes(768)), _BODY, _TAIL),
    "PNG, more pixels than it has": _png(
        _HEAD, (b"IDAT", zlib.compress(_RAW + bytes(99))), _TAIL
    ),
    "PNG with text, profile and gamma": _png(
        _HEAD, (b"gAMA", struct.pack(">I", 1)), (b"tEXt", b"a\0b"), _BODY, _TAIL
    ),
    "PNG with something after it": _WHOLE_PNG + b"x" * 99,
    "animated PNG": _several("PNG"),
    "animated GIF": _several("GIF"),
    "animated WebP": _several("WEBP"),
    "JPEG with something after it": _WHOLE_JPEG + b"x" * 99,
    "two JPEGs in one file": _WHOLE_JPEG * 2,
    "progressive JPEG": _saved("JPEG", progressive=True),
    "JPEG with restarts": _saved("JPEG", restart_marker_blocks=1),
    "JPEG, colours kept": _saved("JPEG", keep_rgb=True),
    "JPEG, full chroma": _saved("JPEG", subsampling=0),
    "JPEG with an ICC profile": _saved("JPEG", icc_profile=b"x" * 200),
    "MPO": _several("MPO"),
    "BMP, 8 bits": _encode(_PICTURE.convert("P"), "BMP"),
    "BMP, 1 bit": _encode(_PICTURE.convert("1"), "BMP"),
    "DIB": _saved("DIB"),
    "TIFF, packed": _saved("TIFF", compression="tiff_lzw"),
    "WebP, lossy": _saved("WEBP", quality=50),
    "one pixel": _encode(PIL.Image.new("RGB", (1, 1), (9, 8, 7)), "PNG"),
    "1 x 60,000": _encode(PIL.Image.new("RGB", (1, 60_000)), "PNG"),
    "60,000 x 1": _encode(PIL.Image.new("L", (60_000, 1)), "JPEG"),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_files_of_all_kinds_are_read_alike(kind):
    decoded = images.decoded(WHOLE[kind])
    read = tf.io.decode_image(
        images.checked(WHOLE[kind]), channels=3, expand_animations=False
    )
    assert read.shape == decoded.shape
    assert np.abs(read.numpy().astype(int) - decoded).max() <= 6  # two JPEG decoders


def _flipped(encoded, place):
    return encoded[:place] + bytes([encoded[place] ^ 1]) + encoded[place + 1 :]


BROKEN = {
    "PNG without its end": _WHOLE_PNG[:-12],
    "PNG, half of its end": _WHOLE_PNG[:-4],
    "PNG, wrong checksum of its end": _flipped(_WHOLE_PNG, len(_WHOLE_PNG) - 1),
    "PNG, wrong checksum of its pixels": _flipped(_WHOLE_PNG, len(_WHOLE_PNG) - 13),
    "PNG, wrong checksum inside": _png(_HEAD, (b"IDAT", _flipped(_BODY[1], -1)), _TAIL),
    "PNG, no checksum inside": _png(_HEAD, (b"IDAT", _BODY[1][:-4]), _TAIL),
    "PNG, a row too few": _png(_HEAD, (b"IDAT", zlib.compress(_RAW[:-49])), _TAIL),
    "PNG, far too many rows": _png(
        _HEAD, (b"IDAT", zlib.compress(_RAW + bytes(1 << 20))), _TAIL
    ),
    "PNG, an unknown critical part": _png(_HEAD, (b"ABCD", b""), _BODY, _TAIL),
    "PNG, two headers": _png(_HEAD, _HEAD, _BODY, _TAIL),
    "PNG, pixels in two places": _png(
        _HEAD,
        (b"IDAT", _BODY[1][:99]),
        (b"tEXt", b"a\0b"),
        (b"IDAT", _BODY[1][99:]),
        _TAIL,
    ),
    "interlaced PNG, a byte too few": _png(
        _header(16, 24, interlace=1), (b"IDAT", zlib.compress(_INTERLACED[:-1])), _TAIL
    ),
    "PNG, no palette": _png(
        _header(16, 24, colour=3), (b"IDAT", zlib.compress(bytes(24 * 17))), _TAIL
    ),
    "PNG, unknown filter": _png(
        _HEAD, (b"IDAT", zlib.compress(rb"\9" + _RAW[1:])), _TAIL
    ),
    "PNG, unknown depth": _png(_header(16, 24, depth=3), _BODY, _TAIL),
    "PNG, no width": _png(_header(0, 24), (b"IDAT", zlib.compress(b"")), _TAIL),
    "JPEG without its end": _WHOLE_JPEG[:-2],
    "JPEG, half of its end": _WHOLE_JPEG[:-1],
    "progressive JPEG, cut": _saved("JPEG", progressive=True)[:-30],
    "JPEG, no height": _WHOLE_JPEG.replace(b"\x08\0\x18\0\x10", b"\x08\0\0\0\x10"),
    "JPEG, 12 bits": _WHOLE_JPEG.replace(b"\x08\0\x18\0\x10", b"\x0c\0\x18\0\x10"),
    "JPEG, lossless": _WHOLE_JPEG.replace(b"\xff\xc0", b"\xff\xc3"),
    "GIF, cut": _saved("GIF")[:60],
    "WebP, cut": _saved("WEBP")[:-20],
    "TIFF, cut": _saved("TIFF")[:200],
    "BMP, cut": _saved("BMP")[:-20],
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_files_of_all_kinds_are_refused_by_name(kind):
    for read in (images.checked, images.decoded):
        with pytest.raises(
            images.ImageFault, match="P1/7.png is no readable"
        ) as caught:
            read(BROKEN[kind], name="P1/7.png", place="/data/a.zip")
        fault = caught.value
        assert fault.kind == "damaged" and fault.path == "/data/a.zip"
        assert fault.reason and "\n" not in fault.reason
        assert fault.found == fault.reason


@pytest.mark.parametrize(
    ("encoded", "kind", "reason"),
    [
        (b"", "empty", "an empty file"),
        (
            b"<html>not found</html>",
            "unknown",
            "no kind of image, begins with b'<html>",
        ),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "unknown", "no kind of image"),
        (_png(_header(20_000, 20_000), _BODY), "too_large", "more than 64,000,000"),
        (
            _png(_header(9_000, 8_000), _BODY, _TAIL),
            "too_large",
            "9,000 x 8,000 pixels",
        ),
        (_png(_header(70_000, 1), _BODY, _TAIL), "too_large", "a side of more than"),
        (_encode(PIL.Image.new("F", (4, 4)), "TIFF"), "unsupported", "mode F"),
        (_encode(PIL.Image.new("I", (4, 4)), "TIFF"), "unsupported", "mode I"),
    ],
)
def test_faults_are_data(encoded, kind, reason):
    with pytest.raises(images.ImageFault) as caught:
        images.checked(encoded)
    assert (caught.value.kind, reason in caught.value.reason) == (kind, True)


def test_files_above_the_limit_are_not_decoded(monkeypatch, tmp_path):
    monkeypatch.setattr(images, "LARGEST_BYTES", 100)
    path = tmp_path / "a.png"
    path.write_bytes(_WHOLE_PNG)
    for read in (lambda: images.checked(_WHOLE_PNG), lambda: images.read_file(path)):
        with pytest.raises(images.ImageFault, match="more than 100") as caught:
            read()
        assert caught.value.kind == "too_large"


def test_size_is_told_by_the_header_alone():
    assert images.size_of(io.BytesIO(_WHOLE_PNG[:60])) == (16, 24)
    with pytest.raises(images.ImageFault) as caught:
        images.size_of(io.BytesIO(_png(_header(20_000, 20_000), _BODY)), name="s1.jpg")
    assert caught.value.kind == "too_large"


def test_a_turned_photo_that_is_read_again_at_once_is_packed_fast(
    tmp_path, monkeypatch
):
    """Records are packed as they were: byte for byte."""
    image = PIL.Image.fromarray(dummy_images.pixels(1))
    exif = image.getexif()
    exif[PIL.ExifTags.Base.Orientation] = 6
    path = tmp_path / "a.png"
    image.save(path, exif=exif)
    encode, asked = images.encode_png, []

    def noted(pixels, compression=6):
        asked.append(compression)
        return encode(pixels, compression)

    monkeypatch.setattr(images, "encode_png", noted)
    source = image_sources.ImageSource(path, "a")
    hit = entries.Hit("a", 1.0, None, {"path": str(path)})
    (found,) = explanation.with_images([explanation.Found(hit, 1.0)])
    content = path.read_bytes()
    made = [
        found.image,
        embedding.read(source).encoded,
        given_images.encoded(path),
        given_images.encoded(content),
        uploads.pictures(content, [], 10**6, "image")[0].file,
    ]
    assert asked == 5 * [1]
    turned = np.rot90(np.asarray(image), -1)
    for file in made:
        np.testing.assert_array_equal(images.decoded(file), turned)
    assert images.checked(content) == images.read_file(path) == encode(turned, 6)
    assert asked == [*5 * [1], 6, 6]


def test_what_is_no_file_is_told_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    for name, reason in [
        ("pipe.png", "no regular file"),
        ("folder.png", "a folder"),
        ("gone.png", "No such file"),
        ("x" * 300 + ".png", "File name too long"),
        ("nul\0.png", "null"),
    ]:
        with pytest.raises(images.ImageFault, match=reason) as caught:
            images.read_file(tmp_path / name)
        assert caught.value.kind == "unreadable"


def test_a_broken_file_is_told_with_its_place(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(BROKEN["PNG without its end"])
    with pytest.raises(images.ImageFault, match="^a.png is no readable") as caught:
        images.read_file(path)
    assert caught.value.path == str(path)


def test_a_side_may_be_as_long_as_jpegs_own():
    for header in (_header(65_535, 1), _header(1, 65_535)):
        assert max(images.size_of(io.BytesIO(_png(header, _BODY, _TAIL)))) == 65_535
    for header in (_header(65_536, 1), _header(1, 65_536)):
        with pytest.raises(images.ImageFault, match="a side of more than 65,535"):
            images.size_of(io.BytesIO(_png(header, _BODY, _TAIL)))


def test_a_file_is_read_as_it_is_where_tensorflow_reads_it(tmp_path):
    (tmp_path / "a.png").write_bytes(_WHOLE_PNG)
    assert images.read_file(tmp_path / "a.png") == _WHOLE_PNG
