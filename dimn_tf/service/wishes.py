"""An entry that a client wants, and what its enrolment comes to."""

from __future__ import annotations

import dataclasses
import datetime

from dimn_tf.gallery import entries as entries_lib
from dimn_tf.gallery import filters, names

CREATED, THERE, REPLACED, DIFFERS = "created", "there", "replaced", "differs"
"""What an enrolment comes to."""


@dataclasses.dataclass(frozen=True)
class Wish:
    """An entry that a client wants.

    Attributes:
        entry_id: By the picture's content.
        person_id: The person, or None.
        camera_id: The camera, or None.
        seen_at: When the camera saw it (UTC, ISO 8601), or None.
        picture: What is kept to be looked at, see `thumbnails`.
        replace: Whether it takes the place of what is there under other labels.
    """

    entry_id: str
    person_id: str | None
    camera_id: str | None
    seen_at: str | None
    picture: bytes
    replace: bool

    def differs(self, known: entries_lib.Known) -> list[str]:
        """What is told otherwise than it is known."""
        there = known.metadata
        found = [
            name
            for name, wanted, label in (
                ("person_id", self.person_id, known.person_id),
                (filters.CAMERA, self.camera_id, there.get(filters.CAMERA)),
            )
            if wanted is not None and not names.same(wanted, label)
        ]
        seen = filters.parsed(self.seen_at)
        if seen is not None and seen != filters.parsed(there.get(filters.SEEN)):
            found.append(filters.SEEN)
        return found


def text_of(time: datetime.datetime, timespec: str = "seconds") -> str:
    """A time as metadata hold it; `auto`: as exactly as filters compare."""
    return time.astimezone(datetime.UTC).isoformat(timespec=timespec)
