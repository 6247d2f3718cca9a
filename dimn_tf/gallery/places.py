"""Where a gallery is: a folder, or a collection on Milvus."""

from __future__ import annotations

import os
from collections.abc import Callable

from dimn_tf import errors
from dimn_tf.gallery import (
    base,
    gallery,
    indexes,
    milvus_collections,
    milvus_gallery,
)

HELP = (
    "a folder, or milvus:URI#COLLECTION (URI: a server such as http://localhost:19530, "
    "or a file ending in .db)"
)
SENTENCE = HELP[0].upper() + HELP[1:] + "."
KINDS = tuple(dict.fromkeys([*indexes.INDEXES, *milvus_collections.INDEXES]))
"""Kinds of index that some gallery has."""
_MILVUS = "milvus:"


def create(
    place: str,
    model_sha256: str,
    dimension: int,
    index: str = "exact",
    before_making: Callable[[], None] = lambda: None,
) -> base.BaseGallery:
    """Makes a gallery, or opens the one that is there; see `Gallery.create`."""
    facts = model_sha256, dimension, index
    if not is_folder(place):
        kind = milvus_gallery.MilvusGallery
        return kind.create(*_milvus(place), *facts, before_making=before_making)
    return gallery.Gallery.create(place, *facts, before_making=before_making)


def open_or_create(
    place: str,
    model_sha256: str,
    dimension: int,
    before_making: Callable[[], None] = lambda: None,
) -> base.BaseGallery:
    """Opens the gallery at a place, of whatever kind; makes one where there is none.

    Args:
        place: Of the gallery.
        model_sha256: Of the model.
        dimension: D.
        before_making: Called where there is none; what it raises has none made.
    """
    try:
        return open_gallery(place, model_sha256)
    except base.NoGallery:
        return create(place, model_sha256, dimension, before_making=before_making)


def is_folder(place: str) -> bool:
    """Whether a gallery lies in a folder of this machine."""
    return not place.startswith(_MILVUS)


def largest_k(place: str) -> int | None:
    """Most hits that a search gives at a place, see `BaseGallery`; None: all."""
    kind = gallery.Gallery if is_folder(place) else milvus_gallery.MilvusGallery
    return kind.largest_k


def takes_many_writers(place: str) -> bool:
    """Whether several processes, on any machine, can use a gallery at once.

    Raises:
        errors.UserError: no place of a gallery.
    """
    return not is_folder(place) and "://" in _milvus(place)[0]


def open_gallery(place: str, model_sha256: str | None = None) -> base.BaseGallery:
    """Opens the gallery at a place; see `Gallery`."""
    if not is_folder(place):
        return milvus_gallery.MilvusGallery(*_milvus(place), model_sha256)
    return gallery.Gallery(place, model_sha256)


def _milvus(place: str) -> tuple[str, str]:
    uri, separator, collection = place.removeprefix(_MILVUS).rpartition("#")
    if not separator or not uri or not collection.isidentifier():
        raise errors.UserError(
            f"--gallery={place}: expected milvus:URI#COLLECTION, such as "
            "milvus:http://localhost:19530#people; a collection's name is letters, "
            "digits and underscores"
        )
    if "://" not in uri:
        uri = os.path.expanduser(uri)
    if "://" not in uri and not uri.endswith(".db"):
        raise errors.UserError(
            f"--gallery={place}: {uri} is neither an address (http://...) nor a file "
            "that ends in .db"
        )
    return uri, collection
