"""Names that look alike and are two: one person would silently become two persons."""

import unicodedata
from collections.abc import Sequence

from data_builders.reid_folder.listed_image import Fault, ListedImage

_INVISIBLE = ("Cf", "Cc")  # Marks of width 0 and of direction, control characters.


def faults_of(images: Sequence[ListedImage]) -> list[Fault]:
    """Images whose person or camera is written otherwise than one before it.

    Two ways to write an accent (as Macs and others do), full-width digits and
    characters that nobody sees make two names that look like one. Letters' case is
    another matter: `a` and `A` may be two persons.

    Args:
        images: in the order of the list.

    Returns:
        For each image of a later spelling, what its name looks like.
    """
    first: dict[tuple[str, str], str] = {}
    faults = []
    for image in images:
        for what, name in (("person", image.person), ("camera", image.camera)):
            before = first.setdefault((what, _seen(name)), name)
            if before != name:
                alike = f"{what} {ascii(name)} looks like {ascii(before)}"
                faults.append(image.fault(f"{alike}: write one way"))
    return faults


def _seen(name: str) -> str:
    """What is seen of a name."""
    if name.isascii() and name.isprintable():
        return name
    plain = unicodedata.normalize("NFKC", name)
    return "".join(c for c in plain if unicodedata.category(c) not in _INVISIBLE)
