"""Checks and encodes images on their way into records."""

import io
import os
import struct

import numpy as np
import PIL.ExifTags
import PIL.Image

from dimn_tf.errors import DataError

# Format and modes that TensorFlow's own decoders read as PIL does. Its BMP decoder
# refuses files with padding after the pixels, such as VIPeR's.
_KEPT = {
    "JPEG": ("RGB", "L"),
    "PNG": ("RGB", "L", "P", "RGBA", "LA", "1"),
}


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

# PIL documents no closed list; its decoders raise these on bad data.
_DECODING_FAULTS = (
    OSError,
    SyntaxError,
    ValueError,
    struct.error,
    PIL.Image.DecompressionBombError,
)


def unreadable(
    error: Exception | str, *, archive: str | os.PathLike, name: str, size: int
) -> DataError:
    """The error about an image that cannot be decoded."""
    if isinstance(error, PIL.UnidentifiedImageError):
        error = "no kind of image that is known"  # PIL names the object in memory.
    return DataError(
        f"{name} is no readable image",
        path=archive,
        found=f"{size:,} bytes: {error}",
        expected="a whole JPEG, PNG or BMP image",
        action="the archive is damaged; copy or download it again",
    )


def checked_image(encoded: bytes, *, archive: str | os.PathLike, name: str) -> bytes:
    """Decodes an image once, so that an unreadable one stops the build.

    Args:
        encoded: content of the image file.
        archive: path of the archive, for the error.
        name: the image's path in the archive, for the error.

    Returns:
        The same bytes where TensorFlow reads them as they are (JPEG, PNG);
        other formats (BMP, WebP, TIFF, CMYK JPEG ...) losslessly as RGB PNG.

    Raises:
        DataError: it cannot be decoded whole.
    """
    try:
        with PIL.Image.open(io.BytesIO(encoded)) as image:
            image.load()
            if image.mode in _KEPT.get(image.format, ()):
                return encoded
            return encode_png(_rgb(image))
    except _DECODING_FAULTS as error:
        raise unreadable(
            error, archive=archive, name=name, size=len(encoded)
        ) from error


def decoded_image(
    encoded: bytes, *, archive: str | os.PathLike, name: str
) -> np.ndarray:
    """Pixels of an image: uint8 [height, width, 3], RGB, 0..255.

    Args:
        encoded: content of the image file.
        archive: path of the archive, for the error.
        name: the image's path in the archive, for the error.

    Raises:
        DataError: it cannot be decoded whole.
    """
    try:
        with PIL.Image.open(io.BytesIO(encoded)) as image:
            return _rgb(image)
    except _DECODING_FAULTS as error:
        raise unreadable(
            error, archive=archive, name=name, size=len(encoded)
        ) from error


def upright_image(encoded: bytes, *, archive: str | os.PathLike, name: str) -> bytes:
    """Like `checked_image`, for photos: turned as their EXIF orientation says.

    TensorFlow's decoders do not read the orientation; such an image becomes a PNG of
    the turned pixels, every other one keeps its bytes.

    Args:
        encoded: content of the image file.
        archive: where the image lies, for the error.
        name: the image's path in there, for the error.

    Raises:
        DataError: it cannot be decoded whole.
    """
    kept = checked_image(encoded, archive=archive, name=name)
    with PIL.Image.open(io.BytesIO(encoded)) as image:
        turn = _TURNS.get(_orientation(image))
        return kept if turn is None else encode_png(_rgb(image.transpose(turn)))


def _orientation(image: PIL.Image.Image) -> int:
    """Its EXIF orientation, 1..8; 1 where it has none, or none that can be read."""
    try:
        return int(image.getexif().get(PIL.ExifTags.Base.Orientation, 1))
    # PIL documents no list of what it raises on EXIF that is damaged.
    except Exception:
        return 1


def _rgb(image: PIL.Image.Image) -> np.ndarray:
    """Pixels as uint8 [height, width, 3]; 16-bit grey is scaled, where PIL clips."""
    if image.mode.startswith("I"):
        grey = np.clip(np.asarray(image).astype(np.int64) >> 8, 0, 255)
        return np.repeat(grey.astype(np.uint8)[..., np.newaxis], 3, axis=-1)
    return np.asarray(image.convert("RGB"))


def encode_png(pixels: np.ndarray) -> bytes:
    """Lossless PNG of an RGB image.

    Args:
        pixels: uint8 [height, width, 3], 0..255.
    """
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()
