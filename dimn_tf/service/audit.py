"""Who asked for what, and when: a line of JSON each."""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import threading
from typing import Any

from dimn_tf import errors


class AuditLog:
    """A file that grows by a line for each act; no pictures and no vectors.

    Every line has `time` (UTC), `caller` (`token:NAME` or `address:WHERE`) and `act`.

    Args:
        path: Made if it is missing, readable by its owner alone; None: nothing is
            written.

    Raises:
        errors.UserError: it cannot be written to.
    """

    def __init__(self, path: pathlib.Path | None):
        self._file, self._lock = None, threading.Lock()
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise errors.UserError(
                f"{path}: the audit log cannot be written to ({error.strerror}). Name "
                "another place, or give yourself the right to write there"
            ) from error
        self._file = os.fdopen(handle, "w", encoding="utf-8")

    def write(self, caller: str, act: str, **facts: Any) -> None:
        """Adds a line, at once.

        Raises:
            OSError: the disk is full, or fails: what is not logged is not done.
        """
        if self._file is None:
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        told = {"time": now, "caller": caller, "act": act, **facts}
        line = json.dumps(told, allow_nan=False)
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()

    def close(self) -> None:
        """Ends it."""
        if self._file is not None:
            self._file.close()
