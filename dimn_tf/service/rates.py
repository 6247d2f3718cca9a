"""How often each caller asks."""

from __future__ import annotations

import collections
import math
import time

from dimn_tf.service import problems

_CALLERS = 10_000  # That are remembered; the one heard of longest ago goes.


class Rates:
    """A bucket for each caller, which a minute fills and each request takes from.

    Args:
        per_minute: Requests; 0: any number.
        what: Is counted, as a refusal calls it.
    """

    def __init__(self, per_minute: int, what: str = "requests"):
        self._per_minute, self._what = per_minute, what
        self._left: collections.OrderedDict[str, tuple[float, float]]
        self._left = collections.OrderedDict()

    def count(self, caller: str, now: float | None = None, cost: int = 1) -> None:
        """Counts a request; one without a cost is refused like others.

        Raises:
            problems.Problem: 429, the caller's bucket is empty.
        """
        if not self._per_minute:
            return
        now = time.monotonic() if now is None else now
        left, before = self._left.pop(caller, (float(self._per_minute), now))
        rate = self._per_minute / 60
        left = min(self._per_minute, left + rate * (now - before))
        self._left[caller] = (left - cost if left >= 1 else left, now)
        if len(self._left) > _CALLERS:
            self._left.popitem(last=False)
        if left < 1:
            raise problems.Problem(
                429,
                "rate",
                f"More than {self._per_minute} {self._what} in a minute",
                {"Retry-After": str(math.ceil((1 - left) / rate))},
            )
