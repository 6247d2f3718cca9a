"""Uploads: parts of a frame to the pixel, identity by content, limits."""

import io

import numpy as np
import PIL.Image
import pytest

from data_builders import dummy_images
from dimn_tf import images
from dimn_tf.service import problems, uploads

FRAME = dummy_images.pixels(1, 60, 80)


def _png(pixels):
    return images.encode_png(pixels)


def _refused(*given):
    with pytest.raises(problems.Problem) as told:
        uploads.pictures(*given)
    return told.value.status, told.value.detail


def test_boxes_are_cut_to_the_pixel():
    boxes = [
        uploads.Box.parse(text) for text in ("0,0,80,60", "5,7,11,13", "76,56,4,4")
    ]
    found = uploads.pictures(_png(FRAME), boxes, 10_000)
    for picture, part in zip(
        found, (FRAME, FRAME[7:20, 5:16], FRAME[56:60, 76:80]), strict=True
    ):
        np.testing.assert_array_equal(images.decoded(picture.file), part)
    assert [p.box for p in found] == boxes
    (whole,) = uploads.pictures(_png(FRAME), [], 10_000)
    assert whole.file == _png(FRAME) and whole.box is None


def test_boxes_are_of_the_upright_frame():
    turned = PIL.Image.fromarray(np.rot90(FRAME))
    exif = turned.getexif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    turned.save(buffer, "PNG", exif=exif)
    box = uploads.Box(5, 7, 11, 13)
    (found,) = uploads.pictures(buffer.getvalue(), [box], 10_000)
    np.testing.assert_array_equal(images.decoded(found.file), FRAME[7:20, 5:16])


def _jpeg(pixels, **more):
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "JPEG", **more)
    return buffer.getvalue()


def test_what_takes_long_to_decode_is_not_small():
    progressive = _jpeg(FRAME, progressive=True)
    small = _png(FRAME), _jpeg(FRAME), progressive, b"", b"no image"
    assert all(map(uploads.is_small, small))
    assert not uploads.is_small(_png(np.zeros((256, 257, 3), np.uint8)))
    assert not uploads.is_small(_jpeg(FRAME) + bytes(64 << 10))
    # The last scan again and again: 64 KiB of such took two seconds.
    last, end = progressive.rindex(b"\xff\xda"), len(progressive) - 2
    again = progressive[:end] + 20 * progressive[last:end] + progressive[end:]
    assert len(again) < 64 << 10
    assert uploads.pictures(again, [], 10_000) and not uploads.is_small(again)


def test_a_picture_is_known_by_its_content_and_box():
    one, other = uploads.Box(0, 0, 9, 9), uploads.Box(0, 0, 9, 10)
    digests = {
        uploads.pictures(_png(pixels), boxes, 10_000)[0].digest
        for pixels in (FRAME, FRAME[:-1])
        for boxes in ([], [one], [other])
    }
    assert len(digests) == 6
    again = uploads.pictures(_png(FRAME), [one, other], 10_000)
    assert {picture.digest for picture in again} < digests


@pytest.mark.parametrize(
    "text",
    ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "0,0,3,9", "0,0,9,3", "-1,0,9,9", "0,-1,9,9",
     "1.5,0,9,9", "0,0,9e9,9", "9" * 5000 + ",0,9,9", "nan,0,9,9"],
)  # fmt: skip
def test_what_is_no_box_is_told(text):
    with pytest.raises(problems.Problem, match="expected l") as told:
        uploads.Box.parse(text)
    assert told.value.status == 422 and len(told.value.detail) < 250


def test_what_lies_outside_or_is_too_large_or_none_is_told():
    for text in ("77,0,4,9", "0,57,9,4", "99999999999,0,9,9", "0,0,81,60"):
        status, said = _refused(_png(FRAME), [uploads.Box.parse(text)], 10_000)
        assert status == 422 and "outside image, which has 80 x 60 pixels" in said
    status, said = _refused(_png(FRAME), [], 4_799)
    assert (status, said) == (413, "image: 80 x 60 pixels, more than 4,799")
    bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes([0, 0, 255, 255] * 2) + bytes(40)
    assert _refused(bomb, [], 10_000)[0] in (413, 422)
    for content in (b"", b"text", _png(FRAME)[:-30], _png(FRAME)[:20]):
        assert _refused(content, [], 10_000)[0] == 422
    assert _refused(_png(FRAME)[:-30], [uploads.Box(0, 0, 9, 9)], 10_000)[0] == 422
