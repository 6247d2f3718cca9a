"""Checks and encodes images on their way into records."""

import io

import numpy as np
import PIL.Image

from data_builders.errors import DataError

# Format and modes that TensorFlow's own decoders read as PIL does.
_KEPT = {
    "JPEG": ("RGB", "L"),
    "PNG": ("RGB", "L", "P", "RGBA", "LA", "1"),
    "BMP": ("RGB",),
}


def checked_image(encoded: bytes, *, archive: str, name: str) -> bytes:
    """Decodes an image once, so that an unreadable one stops the build.

    Args:
        encoded: content of the image file.
        archive: path of the archive, for the error.
        name: the image's path in the archive, for the error.

    Returns:
        The same bytes where TensorFlow reads them as they are (JPEG, PNG, BMP);
        other formats (WebP, TIFF, CMYK JPEG ...) losslessly as RGB PNG.

    Raises:
        DataError: it cannot be decoded whole.
    """
    try:
        with PIL.Image.open(io.BytesIO(encoded)) as image:
            image.load()
            if image.mode in _KEPT.get(image.format, ()):
                return encoded
            return encode_png(np.asarray(image.convert("RGB")))
    # PIL documents no closed list: its decoders raise these four on bad data.
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        raise DataError.about(
            f"{name} is no readable image",
            path=archive,
            found=f"{name}, {len(encoded):,} bytes: {error}",
            expected="a whole JPEG, PNG or BMP image",
            action="the archive is damaged; copy or download it again",
        ) from error


def encode_png(pixels: np.ndarray) -> bytes:
    """Lossless PNG of an RGB image.

    Args:
        pixels: uint8 [height, width, 3], 0..255.
    """
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()
