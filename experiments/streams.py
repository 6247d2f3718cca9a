"""stdout and stderr that end nothing: what is computed is written, whoever reads."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator


class Stream(io.TextIOWrapper):
    """Text in lines; where its reader is gone (`| head -1`), it goes nowhere.

    What the encoding lacks is escaped.

    Attributes:
        fault: Why nothing can be written any more; None while it can, and where
            the reader went away.
    """

    def __init__(self, stream: io.TextIOWrapper):
        self.fault: OSError | None = None
        super().__init__(
            stream.buffer,
            encoding=stream.encoding,
            errors="backslashreplace",
            line_buffering=True,
        )

    def write(self, text: str) -> int:
        """See base class."""
        with self._surviving():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """See base class."""
        with self._surviving():
            super().flush()

    @contextlib.contextmanager
    def _surviving(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.ESHUTDOWN):
                self.fault = self.fault or error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)


@contextlib.contextmanager
def surviving() -> Iterator[list[Stream]]:
    """Makes the process's stdout and stderr such streams in a block; gives them.

    Streams that stand in for them (a test's) are left alone.
    """
    before = sys.stdout, sys.stderr
    made = []
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if type(stream) is io.TextIOWrapper:
            stream.flush()
            made.append(Stream(stream))
            setattr(sys, name, made[-1])
    try:
        yield made
    finally:
        for stream in made:
            stream.flush()
            stream.detach()
        sys.stdout, sys.stderr = before
