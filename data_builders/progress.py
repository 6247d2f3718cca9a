"""Progress lines with rate and time left."""

import time
from collections.abc import Callable


class Progress:
    """Reports how far a known number of items has come.

    Example: `viper cam_a: 300/632 images, 1,510/s, 0:00 left`.
    """

    def __init__(
        self,
        label: str,
        total: int,
        log: Callable[[str], None],
        interval: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Starts the clock.

        Args:
            label: what leads each line.
            total: number of items.
            log: takes each line.
            interval: seconds between two lines.
            clock: seconds since any fixed moment.
        """
        self._label, self._total, self._log = label, total, log
        self._interval, self._clock = interval, clock
        self._done = 0
        self._start = self._last = clock()

    def step(self) -> None:
        """Counts one item; writes a line when the interval is over or all is done."""
        self._done += 1
        now = self._clock()
        if now - self._last < self._interval and self._done < self._total:
            return
        self._last = now
        seconds = max(now - self._start, 1e-9)
        left = round(seconds / self._done * (self._total - self._done))
        self._log(
            f"{self._label}: {self._done:,}/{self._total:,} images, "
            f"{self._done / seconds:,.0f}/s, {left // 60}:{left % 60:02d} left"
        )
