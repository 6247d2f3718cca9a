"""Images -> classifiers -> gallery, by batches; what cannot be read is listed."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Protocol

from absl import logging

from dimn_tf import errors, images
from dimn_tf.export import served_model
from dimn_tf.gallery import (
    base,
    content_hash,
    embedding,
    entries,
    filters,
    image_sources,
    meanwhile,
    outcomes,
)

CAMERA, ENROLLED = filters.CAMERA, filters.ENROLLED
_AT_A_TIME = 4096  # Entries whose person and metadata are held.


class Clearable(Protocol):
    """Files in which removals may leave copies."""

    def clear_gaps(self) -> bool:
        """Whether nothing is left of them, see `gaps.Gaps.clear`."""


def enrol(
    model: served_model.ServedModel,
    gallery: base.BaseGallery,
    sources: Sequence[image_sources.ImageSource],
    batch_size: int = 32,
    progress: bool = True,
    replace: bool = False,
) -> outcomes.Report:
    """Enrols the images that the gallery does not hold yet.

    An image that is there is looked at again: its file's bytes, and its person and
    camera where the source tells them, are compared with what was enrolled.

    Each batch is on disk before the next one begins: a killed enrolment goes on where
    it stopped when it is run again. What others remove, name or enrol between an
    image's look and its batch stays so, see `meanwhile.add`.

    Args:
        model: Of the gallery.
        gallery: Added to.
        sources: An id that comes twice is enrolled once, and is skipped where two
            persons or cameras are told for it.
        batch_size: Images at a time.
        progress: Whether progress with rate and time left goes to stderr.
        replace: Whether what is another now takes the place of what was enrolled; what
            the source does not tell (person, camera, other metadata) stays.
    """
    report = outcomes.Report()
    named = image_sources.agreed(sources, report.skipped)
    wanted, before = looked_at(gallery, named, replace, report, progress)
    batches = embedding.embed(
        model.gallery_classifiers,
        wanted,
        report.skipped,
        batch_size,
        "enrolling" if progress and wanted else "",
    )
    for batch in batches:
        made = [(entry_of(row), before.get(row.source.entry_id)) for row in batch]
        meanwhile.add(gallery, made, report)
    tidy(gallery, replace)
    return report


def tidy(gallery: base.BaseGallery, erased: bool) -> None:
    """Keeps what took long to build, and clears what removals left.

    What fails is logged alone: all is enrolled or removed, and the next run does it.

    Args:
        gallery: The gallery.
        erased: Whether anything was removed or replaced.
    """
    try:
        gallery.keep_index()
    except (errors.UserError, OSError) as error:
        logging.warning("The index was not kept: %s", error)
    if erased:
        clear_gaps(gallery, gallery.name)


def clear_gaps(held: Clearable, name: str) -> None:
    """Has copies of what was removed go; that they may be left is logged alone.

    Args:
        held: A gallery, or what a service keeps.
        name: For the log.
    """
    try:
        if not held.clear_gaps():
            logging.warning(
                "%s: another process is reading it, so that copies of what was removed "
                "may be left; the next removal clears them",
                name,
            )
    except (errors.UserError, OSError) as error:
        logging.warning("Copies of what was removed may be left: %s", error)


def looked_at(
    gallery: base.BaseGallery,
    named: Mapping[str, image_sources.ImageSource],
    replace: bool,
    report: outcomes.Report,
    progress: bool = False,
) -> tuple[list[image_sources.ImageSource], dict[str, entries.Known]]:
    """What is to be enrolled, and what the gallery holds of it, by id.

    Args:
        gallery: Looked into.
        named: Images by their ids.
        replace: See `enrol`.
        report: Takes what is not to be enrolled.
        progress: Whether progress goes to stderr.
    """
    wanted: list[image_sources.ImageSource] = []
    before: dict[str, entries.Known] = {}
    names = list(named)
    label = "looking for what is there" if progress and len(gallery) else ""
    known: dict[str, entries.Known] = {}
    for i, name in enumerate(embedding.shown(names, label)):
        if i % _AT_A_TIME == 0:
            known = gallery.known(names[i : i + _AT_A_TIME])
        if name not in known:
            wanted.append(named[name])
        elif _is_to_replace(named[name], known[name], replace, report):
            wanted.append(named[name])
            before[name] = known[name]
    return wanted, before


def _is_to_replace(source, known: entries.Known, replace, report) -> bool:
    """See `outcomes.is_to_replace`; the image's file is read."""
    try:
        content = images.content_of(source.path)
    except images.ImageFault as fault:
        reason = f"enrolled before, and cannot be compared: {fault.reason}"
        report.skipped.append((source.entry_id, reason))
        return False
    labels = source.person_id, source.camera_id
    sha256 = content_hash.sha256(content)
    return outcomes.is_to_replace(known, *labels, sha256, replace, report)


def entry_of(row: embedding.Embedded) -> entries.Entry:
    """The entry of an image with its vector, as it is told now."""
    source = row.source
    # From any working directory, `search --picture` finds the image again.
    metadata = {
        "path": str(source.path.absolute()),
        content_hash.KEY: row.sha256,
        ENROLLED: now_text(),
    }
    if source.camera_id is not None:
        metadata[CAMERA] = source.camera_id
    return entries.Entry(source.entry_id, row.vector, source.person_id, metadata)


def now_text() -> str:
    """The time as metadata hold it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
