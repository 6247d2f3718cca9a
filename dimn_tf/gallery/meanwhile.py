"""Puts what was made of images into a gallery that others changed in the meantime."""

from __future__ import annotations

from collections.abc import Sequence

from dimn_tf.gallery import base, content_hash, entries, filters, names, outcomes

GONE = "its entry was removed from the gallery while this ran, and stays so"


def add(
    gallery: base.BaseGallery,
    made: Sequence[tuple[entries.Entry, entries.Known | None]],
    report: outcomes.Report,
) -> None:
    """Adds and replaces entries, as far as what the gallery holds by now allows it.

    Images are looked at first and encoded later, by hours where there are many. Others
    remove, name and enrol in between, and are answered: nothing of that is undone.

    * An entry that was there and is gone is not brought back.
    * One that is there keeps what is not told now, as it is by now. Where it is told
      otherwise than somebody has named it in between, it is left as it is.
    * So is one that came in between. (Where it is the very same, this was done before,
      by a part of a pipeline that is repeated, or another did it: it counts as added.)

    Args:
        gallery: Added to.
        made: Entries as they are told now, and what the gallery held of each when its
            image was looked at; None: nothing.
        report: Takes what became of each.
    """
    before = {entry.entry_id: known for entry, known in made}

    def settled(entry: entries.Entry, now: entries.Known | None):
        known = before[entry.entry_id]
        if known is None:
            return _as_new(entry, now, report)
        return _in_place(entry, known, now, report)

    gallery.add([entry for entry, _ in made], replace=True, settle=settled)


def _as_new(entry, now, report) -> entries.Entry | None:
    """What is to be added of an image that was not there; None: nothing."""
    if now is None or _is_same(entry, now):
        report.added += 1
        return entry if now is None else None
    labels = _labels(entry)
    digest = entry.metadata.get(content_hash.KEY)
    outcomes.is_to_replace(now, *labels, digest, False, report)
    return None


def _in_place(entry, known, now, report) -> entries.Entry | None:
    """What takes the place of an entry that was there; None: nothing."""
    if now is None:
        report.gone += 1
        report.skipped.append((entry.entry_id, GONE))
        return None
    labels = [
        told if not names.same(was, by_now) else None
        for told, was, by_now in zip(
            _labels(entry), _labels(known), _labels(now), strict=True
        )
    ]
    if changes := outcomes.told_otherwise(now, *labels):
        report.changed.append((entry.entry_id, ", ".join(changes)))
        return None
    report.replaced += 1
    return outcomes.over(entry, now)


def _is_same(entry, now: entries.Known) -> bool:
    """Whether an entry is there already, whenever it was enrolled."""
    untimed = [
        {**held.metadata, filters.ENROLLED: None, "": held.person_id}
        for held in (entry, now)
    ]
    return untimed[0] == untimed[1]


def _labels(held) -> tuple[str | None, str | None]:
    """Person and camera of an entry, or of what is known of one."""
    return held.person_id, held.metadata.get(filters.CAMERA)
