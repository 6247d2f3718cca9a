"""Bytes -> an image or a named fault: the one place where files become images.

What a file may be (limits, kinds, depths) and how it becomes RGB is decided here, for
builders, a user's own data and the gallery. TensorFlow's decoders read whatever is let
through, to the same pixels (of JPEG files to within a few of 256 levels).
"""

import contextlib
import io
import os
import pathlib
import stat
import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.TiffImagePlugin

from dimn_tf import (
    errors,
    image_parts,
    image_pixels,
    jpeg_structure,
    png_structure,
    quiet_pil,
)

LARGEST_BYTES = 64 << 20
"""Largest image file that is read; ours: 64 MiB."""
LARGEST_PIXELS = 64_000_000
"""Largest image that is decoded; ours: 64 megapixels (a header may claim more)."""
LARGEST_SIDE = 65_535
"""Longest side in pixels; JPEG's own. (libpng refuses sides above a million.)"""
READ_AT_ONCE = 1
"""Compression of a PNG that is read again at once and kept nowhere; ours: it takes half
of the time of 6, which records have, or less."""

# What a decoder must find whole in a file of these formats.
_STRUCTURES = {
    "PNG": png_structure.fault_of,
    "JPEG": jpeg_structure.fault_of,
    "MPO": jpeg_structure.fault_of,
}
_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "GIF", "TIFF", "WEBP")
# Formats and modes that TensorFlow's own decoders read as PIL does. Its BMP decoder
# refuses files with padding after the pixels, such as VIPeR's.
_KEPT = {
    "JPEG": ("RGB", "L"),
    "PNG": ("RGB", "L", "P", "RGBA", "LA", "1"),
}
# PIL documents no closed list; its decoders raise these on bad data.
_DECODING_FAULTS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    OverflowError,
    EOFError,
    MemoryError,
    AssertionError,
    struct.error,
)
_BEGINNING = 12  # bytes of an unknown file that its fault shows


class ImageFault(errors.DataError):
    """An image file that cannot be used.

    Attributes:
        kind: one of
            "unreadable" (missing, no right to read it, no regular file, closed),
            "empty" (no byte),
            "too_large" (above `LARGEST_BYTES`, `LARGEST_PIXELS` or `LARGEST_SIDE`),
            "unknown" (no kind of image that is read here),
            "damaged" (cut off, a wrong checksum, a decoder gave up),
            "unsupported" (a whole image of a depth or colour space not read here).
        reason: why, in one line that names no file.
    """

    def __init__(
        self, kind: str, reason: str, name: str, place: str | os.PathLike | None
    ):
        """Makes the error.

        Args:
            kind: see above.
            reason: see above.
            name: the image, as the user knows it.
            place: the archive that holds it, or its file.
        """
        self.kind, self.reason = kind, " ".join(reason.split())
        super().__init__(
            f"{name} is no readable image",
            path=place,
            found=self.reason,
            expected="a whole JPEG, PNG, BMP, GIF, WebP or TIFF image of at most "
            f"{LARGEST_BYTES >> 20} MiB and {LARGEST_PIXELS:,} pixels",
            action="copy or download it again, save it anew, or leave it out",
        )


def read_file(
    path: str | os.PathLike, *, upright: bool = True, compression: int = 6
) -> bytes:
    """An image file as signatures and records take it: see `checked`.

    Args:
        path: the file.
        upright: whether it is turned as its EXIF orientation says.
        compression: see `checked`.

    Raises:
        ImageFault: it cannot be read, or not be decoded whole, or is too large.
    """
    path = os.fsdecode(path)  # A path object may hold bytes.
    name = pathlib.Path(path).name
    return checked(
        content_of(path),
        name=name,
        place=path,
        upright=upright,
        compression=compression,
    )


def content_of(path: str | os.PathLike) -> bytes:
    """The bytes of an image file, as they are; nothing is decoded.

    Args:
        path: the file.

    Raises:
        ImageFault: it cannot be read, is empty or has more than `LARGEST_BYTES`.
    """
    path = os.fsdecode(path)
    name = pathlib.Path(path).name
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):  # Reading a pipe would wait for ever.
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
            raise ImageFault("unreadable", kind, name, path)
        _check_bytes(found.st_size, name, path)
        with open(path, "rb") as file:
            encoded = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, ImageFault):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageFault("unreadable", reason, name, path) from error
    _check_bytes(len(encoded), name, path)
    return encoded


def checked(
    encoded: bytes,
    *,
    name: str = "the image",
    place: str | os.PathLike | None = None,
    upright: bool = True,
    compression: int = 6,
) -> bytes:
    """Decodes an image once, so that whatever a later decoder refuses is refused here.

    Args:
        encoded: content of the image file.
        name: the image, for the error: its path in the archive.
        place: the archive or file that holds it, for the error.
        upright: whether it is turned as its EXIF orientation says; TensorFlow's
            decoders do not look at it.
        compression: of a PNG that is made: `READ_AT_ONCE` for what is not kept.

    Returns:
        The same bytes where TensorFlow reads them as they are (JPEG, PNG); others
        (BMP, WebP, TIFF, CMYK JPEG, photos to be turned ...) losslessly as RGB PNG.

    Raises:
        ImageFault: it cannot be decoded whole, or is too large.
    """
    with _decoded(encoded, name, place) as image:
        turn = image_pixels.turn_of(image) if upright else None
        if turn is None and image.mode in _KEPT.get(image.format, ()):
            return encoded
        return encode_png(_rgb(image, turn, name, place), compression)


def decoded(
    encoded: bytes,
    *,
    name: str = "the image",
    place: str | os.PathLike | None = None,
    upright: bool = True,
) -> np.ndarray:
    """Pixels of an image: uint8 [height, width, 3], RGB, 0..255.

    Args:
        encoded: content of the image file.
        name: the image, for the error.
        place: the archive or file that holds it, for the error.
        upright: whether it is turned as its EXIF orientation says.

    Raises:
        ImageFault: it cannot be decoded whole, or is too large.
    """
    with _decoded(encoded, name, place) as image:
        return _rgb(
            image, image_pixels.turn_of(image) if upright else None, name, place
        )


def size_of(
    file: BinaryIO, *, name: str = "the image", place: str | os.PathLike | None = None
) -> tuple[int, int]:
    """Width and height by an image's header; nothing is decoded.

    Args:
        file: the image file, at its beginning; it can be sought in.
        name: the image, for the error.
        place: the archive or file that holds it, for the error.

    Raises:
        ImageFault: it has no header of an image, or one that claims too much.
    """
    with _opened(file, name, place) as image:
        return image.size


def pixels_of(image: PIL.Image.Image) -> np.ndarray:
    """Pixels of an image that PIL holds, as `decoded` makes them of its file.

    Args:
        image: of any mode; it may still have to be read.

    Returns:
        uint8 [height, width, 3], RGB, 0..255.

    Raises:
        ImageFault: it cannot be read whole, was closed before it was, is too large, or
            has no 8-bit RGB form.
    """
    name, place = "the image", getattr(image, "filename", None) or None
    width, height = image.size
    _check_size(width, height, name, place)
    with quiet_pil.silence():
        try:
            image.load()
        except _DECODING_FAULTS as error:
            # PIL only asserts that there is a file: the end of a `with` block took it.
            if isinstance(error, AssertionError) or "closed" in str(error):
                reason = "the PIL image was closed before it was read"
                raise ImageFault("unreadable", reason, name, place) from error
            raise _damaged(error, name, place) from error
        return _rgb(image, image_pixels.turn_of(image), name, place)


def checked_pixels(pixels: np.ndarray) -> np.ndarray:
    """The pixels, if there are any and not too many.

    Args:
        pixels: uint8 [height, width, 3].

    Raises:
        ImageFault: an array without a pixel, or larger than an image may be.
    """
    height, width = pixels.shape[:2]
    _check_size(width, height, "the image", None)
    return pixels


def encode_png(pixels: np.ndarray, compression: int = 6) -> bytes:
    """Lossless PNG of an RGB image.

    Args:
        pixels: uint8 [height, width, 3], 0..255.
        compression: 0 (none, fast, for what is read again at once) to 9.
    """
    buffer = io.BytesIO()
    image = PIL.Image.fromarray(pixels)
    image.save(buffer, format="PNG", compress_level=compression)
    return buffer.getvalue()


def _check_bytes(size: int, name, place) -> None:
    if not size:
        raise ImageFault("empty", "an empty file", name, place)
    if size > LARGEST_BYTES:
        reason = f"{size:,} bytes, more than {LARGEST_BYTES:,}"
        raise ImageFault("too_large", reason, name, place)


def _check_size(width: int, height: int, name, place) -> None:
    shape = f"{width:,} x {height:,} pixels"
    if not width * height:
        raise ImageFault("damaged", shape, name, place)
    if width * height > LARGEST_PIXELS:
        reason = f"{shape}, more than {LARGEST_PIXELS:,}"
        raise ImageFault("too_large", reason, name, place)
    if max(width, height) > LARGEST_SIDE:
        reason = f"{shape}, a side of more than {LARGEST_SIDE:,}"
        raise ImageFault("too_large", reason, name, place)


@contextlib.contextmanager
def _opened(file: BinaryIO, name, place) -> Iterator[PIL.Image.Image]:
    """The image, its header read and its size allowed."""
    with quiet_pil.silence():
        if fault := image_parts.fault_of(file):
            raise ImageFault("damaged", fault, name, place)
        try:
            image = PIL.Image.open(file, formats=_FORMATS)
        except PIL.UnidentifiedImageError as error:
            raise _unknown(file, name, place) from error
        except PIL.Image.DecompressionBombError as error:
            reason = f"more than {LARGEST_PIXELS:,} pixels by its header"
            raise ImageFault("too_large", reason, name, place) from error
        except _DECODING_FAULTS as error:
            raise _damaged(error, name, place) from error
        with image:
            _check_size(*image.size, name, place)
            yield image


@contextlib.contextmanager
def _decoded(encoded: bytes, name, place) -> Iterator[PIL.Image.Image]:
    """The image, decoded whole."""
    _check_bytes(len(encoded), name, place)
    with _opened(io.BytesIO(encoded), name, place) as image:
        fault = _STRUCTURES.get(image.format, lambda encoded: "")(encoded)
        if fault:
            raise ImageFault("damaged", fault, name, place)
        try:
            image.load()
        except _DECODING_FAULTS as error:
            raise _damaged(error, name, place) from error
        yield image


def _unknown(file: BinaryIO, name, place) -> ImageFault:
    """What is told of bytes whose header PIL does not read."""
    file.seek(0)
    encoded = file.read(LARGEST_BYTES)
    if encoded.startswith(png_structure.SIGNATURE):
        fault = png_structure.outer_fault_of(encoded)
        return ImageFault(
            "damaged", fault or "damaged: its header makes no sense", name, place
        )
    if reason := image_pixels.unread_in_tiff(encoded):
        return ImageFault("unsupported", reason, name, place)
    if encoded.startswith((b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")):
        return ImageFault("damaged", "its header is cut off or damaged", name, place)
    beginning = f"begins with {encoded[:_BEGINNING]!r}"
    return ImageFault("unknown", f"no kind of image, {beginning}", name, place)


def _damaged(error: Exception, name, place) -> ImageFault:
    reason = str(error) or type(error).__name__
    return ImageFault("damaged", f"cut off or damaged ({reason})", name, place)


def _rgb(image: PIL.Image.Image, turn, name, place) -> np.ndarray:
    """Pixels of a decoded image, uint8 [height, width, 3]."""
    try:
        return image_pixels.rgb(image, turn)
    except ValueError as error:
        raise ImageFault("unsupported", str(error), name, place) from error
