"""Rids files of copies that removals left, of large files once a day."""

from __future__ import annotations

import pathlib
import shlex
import time
from collections.abc import Awaitable, Callable

from dimn_tf import errors
from dimn_tf.gallery import gaps

MOST_BYTES = 2**30
"""Up to which a running service writes its files anew; ours: some six seconds."""
_BETWEEN_SECONDS = 86_400.0  # Of larger ones; ours.


class Clearing:
    """What a sweep does against copies in gaps, see `gaps.Gaps`.

    Nobody is answered while a file is written anew, so that very large ones are left,
    and told of. A failure is told too, is none of the sweep's, and is tried again with
    the next.

    Args:
        turn: See `Keeper.turn`: of all services of a gallery, one a day clears the
            larger files.
        clear: See `People.clear_gaps`.
        place: Of the gallery (see `places.HELP`), and the state's folder.
        log: Takes lines for who runs the service.
    """

    def __init__(
        self,
        turn: Callable[[str, float], Awaitable[bool]],
        clear: Callable[[int], Awaitable[bool]],
        place: tuple[str, pathlib.Path],
        log: Callable[[str], None],
    ):
        self._turn, self._clear = turn, clear
        self._place, self._log = place, log
        self._next_large = 0.0  # With the first sweep.
        self._has_turn = False  # Until it was made use of.

    async def clear(self) -> None:
        """Clears what is due."""
        if not self._has_turn and time.monotonic() >= self._next_large:
            self._has_turn = await self._turn("clear_large", _BETWEEN_SECONDS)
        try:
            done = await self._clear(MOST_BYTES if self._has_turn else gaps.AT_ONCE)
        except (errors.UserError, OSError) as error:
            self._log(f"copies of what was removed may be left: {error}")
            return
        if not self._has_turn:
            return
        self._has_turn = False
        self._next_large = time.monotonic() + _BETWEEN_SECONDS
        if not done:
            gallery, folder = (shlex.quote(str(part)) for part in self._place)
            self._log(
                "copies of what was removed may be left in files too large to be "
                f"written anew while others wait (above {MOST_BYTES >> 20} MB), or "
                "that another process was reading. End the service, then run `python "
                f"-m experiments.enroll --clear_gaps --gallery={gallery} "
                f"--state={folder}`"
            )
