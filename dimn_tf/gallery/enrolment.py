"""Images -> classifiers -> gallery, by batches; what cannot be read is listed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
import tqdm

from data_builders.errors import DataError
from dimn_tf.export import served_model
from dimn_tf.gallery import entries, image_sources
from dimn_tf.gallery import gallery as gallery_lib


@dataclasses.dataclass
class Report:
    """What an enrolment did.

    Attributes:
        added: Images enrolled.
        there: Images that the gallery held already, by their entry id.
        skipped: (entry id, reason) of images that could not be enrolled.
    """

    added: int = 0
    there: int = 0
    skipped: list[tuple[str, str]] = dataclasses.field(default_factory=list)


def enrol(
    model: served_model.ServedModel,
    gallery: gallery_lib.Gallery,
    sources: Sequence[image_sources.ImageSource],
    batch_size: int = 32,
    progress: bool = True,
) -> Report:
    """Enrols the images that the gallery does not hold yet.

    Each batch is on disk before the next one begins: a killed enrolment goes on where
    it stopped when it is run again.

    Args:
        model: Of the gallery.
        gallery: Added to.
        sources: An id that comes twice is enrolled once.
        batch_size: Images at a time.
        progress: Whether a bar with rate and time left goes to stderr.
    """
    report, batch = Report(), []
    names = list(dict.fromkeys(source.entry_id for source in sources))
    there = gallery.which_of(names)
    report.there = len(there)
    wanted = {s.entry_id: s for s in sources if s.entry_id not in there}
    bar = tqdm.tqdm(
        wanted.values(),
        "enrolling",
        unit=" images",
        disable=not progress,
        mininterval=1,
    )
    for source in bar:
        try:
            batch.append((source, image_sources.read(source)))
        except DataError as error:
            report.skipped.append((source.entry_id, str(error)))
        if len(batch) == batch_size:
            _add(model, gallery, batch, report)
            batch = []
    _add(model, gallery, batch, report)
    return report


def _add(model, gallery, batch, report: Report) -> None:
    rows = []
    for source, vector in _classified(model, batch, report):
        if not np.isfinite(vector).all() or not vector.any():
            report.skipped.append((source.entry_id, "the model finds nothing in it"))
            continue
        metadata = {"path": str(source.path)}
        if source.camera_id is not None:
            metadata["camera_id"] = source.camera_id
        rows.append(entries.Entry(source.entry_id, vector, source.person_id, metadata))
    gallery.add(rows)
    report.added += len(rows)


def _classified(model, batch, report: Report) -> Iterator[tuple]:
    """(source, classifier) of the images that the model can decode."""
    while batch:
        try:
            vectors = model.gallery_classifiers([encoded for _, encoded in batch])
        except tf.errors.InvalidArgumentError as error:
            bad = served_model.bad_indices(error)
            if not bad:
                raise
            for index in bad:
                reason = "the model's decoder refuses it"
                report.skipped.append((batch[index][0].entry_id, reason))
            batch = [row for i, row in enumerate(batch) if i not in bad]
            continue
        for (source, _), vector in zip(batch, vectors, strict=True):
            yield source, vector
        return
