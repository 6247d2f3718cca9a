"""Image files -> vectors by an export, by batches; what cannot be read is listed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from dimn_tf import images, progress
from dimn_tf.export import served_model
from dimn_tf.gallery import content_hash, image_sources

BATCH_BYTES = images.LARGEST_BYTES
"""Of files held at a time, but for one more."""


@dataclasses.dataclass(frozen=True, eq=False)
class Read:
    """An image as a model takes it.

    Attributes:
        source: The image.
        encoded: See `images.checked`.
        sha256: Of the file's bytes, hexadecimal.
    """

    source: image_sources.ImageSource
    encoded: bytes
    sha256: str


def read(source: image_sources.ImageSource) -> Read:
    """Reads an image and checks it.

    Raises:
        images.ImageFault: it cannot be read, or not be decoded whole, or is too large.
    """
    content = images.content_of(source.path)
    encoded = images.checked(content, compression=images.READ_AT_ONCE)
    return Read(source, encoded, content_hash.sha256(content))


@dataclasses.dataclass(frozen=True, eq=False)
class Embedded:
    """An image with its vector.

    Attributes:
        source: The image.
        vector: float32 [E], finite and not zero.
        sha256: Of the file's bytes, hexadecimal.
    """

    source: image_sources.ImageSource
    vector: np.ndarray
    sha256: str


def embed(
    call: Callable[[Sequence[bytes]], served_model.Answer],
    sources: Sequence[image_sources.ImageSource],
    skipped: list[tuple[str, str]],
    batch_size: int = 32,
    label: str = "",
) -> Iterator[list[Embedded]]:
    """Yields the vectors of a batch of images at a time.

    Args:
        call: `ServedModel.probe_features` or `ServedModel.gallery_classifiers`.
        sources: Images.
        skipped: Takes (entry id, reason) of images that give no vector.
        batch_size: Images at a time; fewer where their files are large.
        label: What stands before the progress on stderr; none if empty.
    """
    batch: list[Read] = []
    for source in shown(sources, label):
        try:
            batch.append(read(source))
        except images.ImageFault as fault:
            skipped.append((source.entry_id, fault.reason))
            continue
        held = sum(len(image.encoded) for image in batch)
        if len(batch) == batch_size or held >= BATCH_BYTES:
            yield _embedded(call, batch, skipped)
            batch = []
    if batch:
        yield _embedded(call, batch, skipped)


def shown(sources: Sequence, label: str):
    """The sources, their progress on stderr (stdout may be a program's input)."""
    return progress.bar(sources, label=label, show=bool(label), on_stderr=True)


def _embedded(call, batch, skipped) -> list[Embedded]:
    answer = call([image.encoded for image in batch])
    found = []
    rows = zip(batch, answer.vectors, answer.unusable(), strict=True)
    for image, vector, fault in rows:
        if fault:
            skipped.append((image.source.entry_id, fault))
        else:
            found.append(Embedded(image.source, vector, image.sha256))
    return found
