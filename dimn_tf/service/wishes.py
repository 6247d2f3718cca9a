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
        return [
            name
            for name, wanted, there in (
                ("person_id", self.person_id, known.person_id),
                (filters.CAMERA, self.camera_id, known.metadata.get(filters.CAMERA)),
                (filters.SEEN, self.seen_at, known.metadata.get(filters.SEEN)),
            )
            if wanted is not None and not names.same(wanted, there)
        ]


def text_of(time: datetime.datetime) -> str:
    """A time as metadata hold it."""
    return time.astimezone(datetime.UTC).isoformat(timespec="seconds")
