"""Empty galleries by the name of their kind."""

import pathlib

from dimn_tf.gallery import Gallery, MilvusGallery
from dimn_tf.gallery import base as gallery_base
from tests.dimn_tf.gallery import older_milvus


def create(
    kind: str, folder: pathlib.Path, model: str, dimension: int
) -> gallery_base.BaseGallery:
    """Makes one below a folder: `milvus`, `older milvus`, or a kind of index."""
    uri = str(folder / "m.db")
    if kind == "milvus":
        return MilvusGallery.create(uri, "people", model, dimension)
    if kind == "older milvus":
        return older_milvus.make(uri, "people", model, dimension)
    return Gallery.create(folder / "g", model, dimension, kind)
