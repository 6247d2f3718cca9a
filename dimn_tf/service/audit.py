"""Who asked for what, and when: a line of JSON each, without names of the enrolled."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import pathlib
import threading
from typing import Any

from dimn_tf import errors, files
from dimn_tf.service import pseudonyms

_PERSON = "person_id"
_HIDDEN = ("id", "probe", "images")
"""Further facts that say who somebody is, or would, to whoever has the picture."""
_DAY = datetime.timedelta(days=1)


class AuditLog:
    """A file that grows by a line for each act; no pictures and no vectors.

    Every line has `time` (UTC), `caller` (`token:NAME` or `address:WHERE`) and `act`.
    Of people and pictures it has pseudonyms (see `pseudonyms`), so that nothing has to
    be taken from it when somebody is erased. A file that is large enough gets a name
    with its end's time, and a new one is begun.

    Args:
        path: Made if it is missing, readable by its owner alone.
        largest_bytes: Of a file, about.
        writes: False: nothing is written; what was written before can be removed.

    Raises:
        errors.UserError: it cannot be written to.
    """

    def __init__(
        self, path: pathlib.Path, largest_bytes: int = 100 << 20, writes: bool = True
    ):
        self._path, self._file, self._lock = path, None, threading.Lock()
        self._largest_bytes = largest_bytes
        if not writes:
            return
        try:
            files.private_folder(path.parent)
            self._names = pseudonyms.Pseudonyms(path.parent, make=True)
            self._open()
        except OSError as error:
            raise errors.UserError(
                f"{path}: the audit log cannot be written to ({error.strerror}). Name "
                "another place, or give yourself the right to write there"
            ) from error

    def write(self, caller: str, act: str, **facts: Any) -> None:
        """Adds a line, at once: whole, or nothing of it.

        Raises:
            OSError: the disk is full, or fails: what is not logged is not done, and
                what is not done is not logged.
        """
        if self._file is None:
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        told = {"time": now, "caller": caller, "act": act, **self._hidden(facts)}
        line = json.dumps(told, allow_nan=False).encode() + b"\n"
        with self._lock:
            self._find_again()
            if self._size() >= self._largest_bytes:
                self._rotate()
            self._append(line)

    def remove_older(self, before: datetime.datetime) -> int:
        """Removes files whose last line is older; says how many.

        Those of other replicas, and of earlier ones, are among them. The file in use is
        ended once it was begun more than a day ago, so that no line stays for more
        than a day longer than it should; so each replica has to call this.

        Raises:
            OSError: one cannot be removed.
        """
        if self._file is not None:
            self._end_old(before)
        count = 0
        for path in self._path.parent.glob("audit*.jsonl"):
            # Another process may remove it, or give it another name, at any moment.
            with contextlib.suppress(FileNotFoundError):
                in_use = self._file is not None and path == self._path
                if not in_use and path.stat().st_mtime < before.timestamp():
                    path.unlink()
                    count += 1
        return count

    def _end_old(self, before: datetime.datetime) -> None:
        with self._lock:
            self._find_again()
            begun = _first_time(self._path)
            if begun and begun < max(
                before, datetime.datetime.now(datetime.UTC) - _DAY
            ):
                self._rotate()

    def close(self) -> None:
        """Ends it."""
        if self._file is not None:
            self._file.close()

    def _open(self) -> None:
        before = self._file
        # Without a buffer, in which what was refused would wait to be written later.
        self._file = open(self._path, "a+b", buffering=0, opener=files.private_opener)
        if before is not None:
            before.close()

    def _size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def _append(self, line: bytes) -> None:
        """Adds a line; where that fails, what was written of it goes again."""
        end = self._size()
        if end:
            self._file.seek(end - 1)
            if self._file.read(1) != b"\n":  # Of one who was killed in between.
                line = b"\n" + line
        try:
            while line:
                line = line[self._file.write(line) :]
        except BaseException:
            with contextlib.suppress(OSError):  # The next line begins on its own.
                os.ftruncate(self._file.fileno(), end)
            raise

    def _find_again(self) -> None:
        """Opens the file anew where another, or none, has its name.

        Somebody else removed or moved it, or it was ended and the next one could not
        be opened (the disk is full, too many files are open).
        """
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(self._path), os.fstat(self._file.fileno())):
                return
        self._open()

    def _rotate(self) -> None:
        now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        os.replace(self._path, self._path.with_suffix(f".{now}.jsonl"))
        self._open()

    def _hidden(self, facts: Any) -> Any:
        """Facts with pseudonyms, however deep they lie."""
        if isinstance(facts, list):
            return [self._hidden(fact) for fact in facts]
        if not isinstance(facts, dict):
            return facts
        return {key: self._told(key, value) for key, value in facts.items()}

    def _told(self, key: str, value: Any) -> Any:
        """A fact as the log has it."""
        if key in (_PERSON, *_HIDDEN):
            return self._names.of(value, is_person=key == _PERSON)
        return self._hidden(value)


def _first_time(path: pathlib.Path) -> datetime.datetime | None:
    """When a file's first line was written; long ago where it is no whole line."""
    with path.open(encoding="utf-8", errors="replace") as file:
        line = file.readline()
    if not line:
        return None
    try:
        return datetime.datetime.fromisoformat(json.loads(line)["time"])
    except (ValueError, KeyError, TypeError):
        return datetime.datetime.min.replace(tzinfo=datetime.UTC)
