"""Which entries a search is about: those of some cameras, or of a time."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

from dimn_tf.gallery import names

CAMERA, SEEN, ENROLLED = "camera_id", "seen_at", "enrolled_at"
"""Keys of an entry's metadata: its camera; when the camera saw it, and when it was
enrolled (UTC, ISO 8601)."""
NEVER = -(2**63)
"""The time of an entry that has none, in whole numbers: before all others."""
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@dataclasses.dataclass(frozen=True)
class Filter:
    """What an entry's metadata have to be.

    Attributes:
        cameras: Of one of these; empty: of any, or of none.
        since: Seen then or later; None: at any time. An entry of which it is not told
            when it was seen counts by its enrolment.
        until: Seen before; None: at any time. A time without a zone is UTC.
    """

    cameras: frozenset[str] = frozenset()
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None

    def __post_init__(self):
        for name in ("since", "until"):
            time = getattr(self, name)
            if time is not None and time.tzinfo is None:
                object.__setattr__(self, name, time.replace(tzinfo=datetime.UTC))

    def takes(self, metadata: Mapping[str, Any]) -> bool:
        """Whether an entry of these metadata is one of those."""
        camera = text_of(metadata, CAMERA)
        if self.cameras and not any(names.same(camera, one) for one in self.cameras):
            return False
        time = time_of(metadata)
        if time is None:
            return self.since is None and self.until is None
        late_enough = self.since is None or time >= self.since
        return late_enough and (self.until is None or time < self.until)


def text_of(metadata: Mapping[str, Any], key: str) -> str | None:
    """What metadata hold under a key where it is text; else None.

    Metadata are whatever JSON can hold: a camera's number, say, is no name of one.
    """
    value = metadata.get(key)
    return value if isinstance(value, str) else None


def time_of(metadata: Mapping[str, Any]) -> datetime.datetime | None:
    """When an entry was seen, or else enrolled; None where neither is told."""
    return parsed(metadata.get(SEEN)) or parsed(metadata.get(ENROLLED))


def parsed(text: Any) -> datetime.datetime | None:
    """A time as metadata hold it, with its zone (UTC where none is told), or None."""
    try:
        found = datetime.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def microseconds(time: datetime.datetime | None) -> int:
    """A time in microseconds since 1970; `NEVER` for None."""
    if time is None:
        return NEVER
    return (time - _EPOCH) // datetime.timedelta(microseconds=1)
