"""Images -> classifiers -> gallery, by batches; what cannot be read is listed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from absl import logging

from dimn_tf import errors
from dimn_tf.export import served_model
from dimn_tf.gallery import base, embedding, entries, image_sources


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
    gallery: base.BaseGallery,
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
    report = Report()
    named = {}
    for source in sources:
        if image_sources.is_named_in_text(source):
            named.setdefault(source.entry_id, source)
        else:
            reason = "its name is no UTF-8 text: rename it"
            report.skipped.append((source.entry_id, reason))
    there = gallery.which_of(list(named))
    report.there = len(there)
    wanted = [source for name, source in named.items() if name not in there]
    batches = embedding.embed(
        model.gallery_classifiers,
        wanted,
        report.skipped,
        batch_size,
        "enrolling" if progress else "",
    )
    for batch in batches:
        gallery.add([_entry(source, vector) for source, vector in batch])
        report.added += len(batch)
    try:
        gallery.keep_index()
    except errors.UserError as error:  # All is enrolled; the next run keeps it.
        logging.warning("The index was not kept: %s", error)
    return report


def _entry(source: image_sources.ImageSource, vector) -> entries.Entry:
    # From any working directory, `search --picture` finds the image again.
    metadata = {"path": str(source.path.absolute())}
    if source.camera_id is not None:
        metadata["camera_id"] = source.camera_id
    return entries.Entry(source.entry_id, vector, source.person_id, metadata)
