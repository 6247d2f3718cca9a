"""A decoded image -> 8-bit RGB, turned upright; which pixels cannot become that."""

import io

import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.TiffImagePlugin

from dimn_tf import image_parts

# EXIF orientation -> what turns such an image upright; 1 is upright.
_TURNS = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}
_WHITE_IS_ZERO = 0  # A TIFF's photometric interpretation.
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# What PIL says of a TIFF whose pixels it does not know.
_NO_MODE = "unknown pixel mode"
# Of what its fault shows; a file may claim thousands.
_BANDS, _LETTERS = 5, 12


def turn_of(image: PIL.Image.Image) -> PIL.Image.Transpose | None:
    """What turns a decoded image as its EXIF says; None where nothing need be done.

    PIL has turned TIFF files when it has decoded them, and then tells no orientation.
    """
    try:
        if image_parts.fault_of_exif(_exif(image)):
            return None
        return _TURNS.get(int(image.getexif().get(PIL.ExifTags.Base.Orientation, 1)))
    # PIL documents no list of what it raises on EXIF that is damaged.
    except Exception:
        return None


def _exif(image: PIL.Image.Image) -> bytes:
    """The EXIF that PIL would read of a decoded image."""
    if "exif" not in image.info and "Raw profile type exif" in image.info:
        lines = image.info["Raw profile type exif"].split("\n")[3:]
        return bytes.fromhex("".join(lines))
    return image.info.get("exif") or b""


def _grey(image: PIL.Image.Image) -> tuple[int, bool]:
    """Bits of a deep grey image's pixels, and whether 0 is white, as PIL leaves it.

    Raises:
        ValueError: PIL made the image of another, and keeps neither.
    """
    if image.format is None:
        raise ValueError(
            "a PIL image of 16 bits a pixel that is no file's own (cropped, copied or "
            "made of an array) does not say how bright its levels are. Give the file, "
            "or convert the image to 8 bits a pixel yourself"
        )
    if image.format != "TIFF":
        return 16, False
    bits = image.tag_v2.get(PIL.TiffImagePlugin.BITSPERSAMPLE, (16,))[0]
    photometric = image.tag_v2.get(PIL.TiffImagePlugin.PHOTOMETRIC_INTERPRETATION)
    return bits, photometric == _WHITE_IS_ZERO


def rgb(image: PIL.Image.Image, turn: PIL.Image.Transpose | None = None) -> np.ndarray:
    """Pixels of a decoded image; deep grey is scaled, where PIL clips.

    Args:
        image: As PIL has decoded it, of any mode.
        turn: See `turn_of`.

    Returns:
        uint8 [height, width, 3], RGB, 0..255.

    Raises:
        ValueError: it has no 8-bit RGB form; the text says why.
    """
    turned = image if turn is None else image.transpose(turn)
    # Older versions of PIL name the 16 bits of a grey PNG "I".
    if turned.mode.startswith("I;16") or (turned.mode, image.format) == ("I", "PNG"):
        bits, is_negative = _grey(image)
        grey = np.clip(np.asarray(turned).astype(np.int64) >> bits - 8, 0, 255)
        grey = 255 - grey if is_negative else grey
        return np.repeat(grey.astype(np.uint8)[..., np.newaxis], 3, axis=-1)
    try:
        if turned.mode in ("I", "F"):  # PIL would clip them to black or white.
            raise ValueError("32 bits a pixel")
        return np.asarray(turned.convert("RGB"))
    except ValueError as error:
        reason = f"cannot be brought to 8-bit RGB (mode {turned.mode}: {error})"
        raise ValueError(reason) from error


def unread_in_tiff(encoded: bytes) -> str:
    """Which kind of pixels of a TIFF PIL has no name for; empty where it is not that.

    PIL's own search for a format hides what it says of one.

    Args:
        encoded: Content of a file that PIL does not open.
    """
    if not encoded.startswith(_TIFF):
        return ""
    file = io.BytesIO(encoded)
    try:
        PIL.TiffImagePlugin.TiffImageFile(file)
    except SyntaxError as error:
        if str(error) != _NO_MODE:
            return ""
    except Exception:  # PIL documents no list of what it raises on bad data.
        return ""
    begin = encoded[: 16 if encoded[2:4] in (b"+\0", b"\0+") else 8]
    tags = PIL.TiffImagePlugin.ImageFileDirectory_v2(begin)
    file.seek(tags.next)
    tags.load(file)
    bits = tags.get(PIL.TiffImagePlugin.BITSPERSAMPLE, (1,))[:_BANDS]
    photometric = tags.get(PIL.TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, "none")
    return (
        f"cannot be brought to 8-bit RGB ({' + '.join(map(str, bits))} bits a pixel, "
        f"photometric interpretation {str(photometric)[:_LETTERS]})"
    )
