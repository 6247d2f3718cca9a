"""What an enrolment comes to, image by image."""

from __future__ import annotations

import dataclasses

from dimn_tf.gallery import content_hash, entries, filters, names


@dataclasses.dataclass
class Report:
    """What an enrolment did.

    Attributes:
        added: Images enrolled that the gallery did not hold.
        there: Images that the gallery held already, as they are.
        replaced: Images enrolled anew, in place of what the gallery held.
        changed: (entry id, what is another) of images that the gallery holds otherwise
            and that were left as they were, not being asked to be replaced, or having
            been named or enrolled by others while this ran.
        unknown: Of `there`, those of which nothing tells whether their image is
            another: enrolled by an older version, which kept no hash.
        skipped: (entry id, reason) of images that could not be enrolled.
        gone: Of `skipped`, those whose entries somebody removed while this ran.
    """

    added: int = 0
    there: int = 0
    replaced: int = 0
    changed: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    unknown: int = 0
    skipped: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    gone: int = 0


def told_otherwise(
    known: entries.Known, person_id: str | None, camera_id: str | None
) -> list[str]:
    """In what an image is told otherwise than a gallery holds it, in words.

    Args:
        known: What the gallery holds of it.
        person_id: Who it shows; None: not told.
        camera_id: Its camera; None: not told.
    """
    return [
        f"{what} {before or 'unknown'}, now {now}"
        for what, before, now in (
            ("person", known.person_id, person_id),
            ("camera", known.metadata.get(filters.CAMERA), camera_id),
        )
        if now is not None and not names.same(now, before)
    ]


def is_to_replace(
    known: entries.Known,
    person_id: str | None,
    camera_id: str | None,
    sha256: str | None,
    replace: bool,
    report: Report,
) -> bool:
    """Sorts an image that is there: as it was, or another.

    Args:
        known: What the gallery holds of it.
        person_id: Who it shows; None: not told.
        camera_id: Its camera; None: not told.
        sha256: Of the file's bytes; None: not told.
        replace: See `enrolment.enrol`.
        report: Takes the image where it is not to be replaced.
    """
    changes = told_otherwise(known, person_id, camera_id)
    digest = known.metadata.get(content_hash.KEY)
    if None not in (digest, sha256) and digest != sha256:
        changes.insert(0, "another picture")
    if replace and (changes or digest is None):
        return True
    if changes:
        report.changed.append((known.entry_id, ", ".join(changes)))
        return False
    report.there += 1
    report.unknown += digest is None
    return False


def over(entry: entries.Entry, before: entries.Known | None) -> entries.Entry:
    """The entry, with what it replaces where it tells nothing.

    That is the person, and all metadata: when it was seen, and a program's own keys.

    Args:
        entry: As it is told now.
        before: What it replaces; None: nothing.
    """
    if before is None:
        return entry
    return dataclasses.replace(
        entry,
        person_id=before.person_id if entry.person_id is None else entry.person_id,
        metadata={**before.metadata, **entry.metadata},
    )
