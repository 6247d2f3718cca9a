"""Image files -> vectors by an export, by batches; what cannot be read is listed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tqdm

from dimn_tf import images
from dimn_tf.export import served_model
from dimn_tf.gallery import image_sources

REFUSED = "the model's decoder refuses it"

Embedded = list[tuple[image_sources.ImageSource, np.ndarray]]


def embed(
    call: Callable[[Sequence[bytes]], np.ndarray],
    sources: Sequence[image_sources.ImageSource],
    skipped: list[tuple[str, str]],
    batch_size: int = 32,
    progress: str = "",
) -> Iterator[Embedded]:
    """Yields the vectors of a batch of images at a time.

    Args:
        call: `ServedModel.probe_features` or `ServedModel.gallery_classifiers`.
        sources: Images.
        skipped: Takes (entry id, reason) of images that give no vector.
        batch_size: Images at a time.
        progress: What stands before a bar with rate and time left; none if empty.
    """
    batch: list[tuple[image_sources.ImageSource, bytes]] = []
    bar = tqdm.tqdm(
        sources, progress, unit=" images", disable=not progress, mininterval=1
    )
    for source in bar:
        try:
            batch.append((source, image_sources.read(source)))
        except images.ImageFault as error:
            skipped.append((source.entry_id, error.reason))
        if len(batch) == batch_size:
            yield _embedded(call, batch, skipped)
            batch = []
    if batch:
        yield _embedded(call, batch, skipped)


def _embedded(call, batch, skipped) -> Embedded:
    while batch:
        try:
            vectors = call([encoded for _, encoded in batch])
            break
        except served_model.UndecodableError as error:
            for index in error.indices:
                skipped.append((batch[index][0].entry_id, REFUSED))
            batch = [row for i, row in enumerate(batch) if i not in error.indices]
    else:
        return []
    found: Embedded = []
    for (source, _), vector in zip(batch, vectors, strict=True):
        if np.isfinite(vector).all() and vector.any():
            found.append((source, vector))
        else:
            skipped.append((source.entry_id, "the model finds nothing in it"))
    return found
