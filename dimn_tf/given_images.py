"""Images as a program holds them -> image files as a model takes them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import PIL.Image

from dimn_tf import errors, images

GivenImage = str | os.PathLike | bytes | PIL.Image.Image | np.ndarray
"""A path, the bytes of an image file, a PIL image, or RGB pixels, uint8 [h, w, 3]."""

_KINDS = (
    "a path, the bytes of an image file, a PIL image, or RGB pixels as a uint8 array "
    "[height, width, 3]"
)


def as_list(given: GivenImage | Iterable[GivenImage]) -> list[GivenImage]:
    """One image, or several, as a list, each of a kind that can be an image.

    Args:
        given: An image, or some; an array [n, h, w, 3] is n of them.

    Raises:
        errors.UserError: something that is no kind of image: a mistake of the program,
            not of a file.
    """
    if isinstance(given, bytearray | memoryview):
        given = bytes(given)
    one = isinstance(given, str | os.PathLike | bytes | PIL.Image.Image)
    if one or (hasattr(given, "__array__") and np.ndim(given) in (2, 3)):
        given = [given]
    try:
        if hasattr(given, "read"):  # A file, whose parts are its lines.
            raise TypeError("a file that is open")
        found = list(given)
    except TypeError as error:
        raise errors.UserError(
            f"images: a {type(given).__name__}; expected {_KINDS}, or a list of them"
        ) from error
    return [_known(image, place) for place, image in enumerate(found)]


def encoded(image: GivenImage) -> bytes:
    """An image as signatures take it: see `images.checked`.

    Args:
        image: One of `as_list`.

    Raises:
        images.ImageFault: it cannot be read, or not be decoded whole, or is too large.
    """
    if isinstance(image, str | os.PathLike):
        return images.read_file(image, compression=images.READ_AT_ONCE)
    if isinstance(image, bytes):
        return images.checked(image, compression=images.READ_AT_ONCE)
    if isinstance(image, PIL.Image.Image):
        image = images.pixels_of(image)
    return images.encode_png(images.checked_pixels(image), compression=0)


def name_of(image: GivenImage, place: int) -> str:
    """What an error calls an image: its path, or its place in the list."""
    if isinstance(image, str | os.PathLike):
        return os.fsdecode(image)
    return f"image {place}"


def _known(image: Any, place: int) -> GivenImage:
    """The image, if it is of a kind that can be one.

    Raises:
        errors.UserError: it is not.
    """
    if isinstance(image, bytearray | memoryview):
        return bytes(image)
    if isinstance(image, str | os.PathLike | bytes | PIL.Image.Image):
        return image
    found = f"a {type(image).__name__}"
    if hasattr(image, "__array__"):
        image = np.asarray(image)
        if image.dtype == np.uint8 and image.ndim == 3 and image.shape[-1] == 3:
            return image
        found = f"an array of {image.dtype} {list(image.shape)}"
    raise errors.UserError(f"image {place} is {found}; expected {_KINDS}")
