"""Room in memory for what requests hold of pictures."""

from __future__ import annotations

from dimn_tf.service import problems


class Room:
    """So many bytes at a time, of all requests together.

    What is alone may be larger: else it could never be taken.

    Args:
        most: Bytes.
    """

    def __init__(self, most: int):
        self._most, self.held = most, 0

    def take(self, size: int) -> None:
        """Counts bytes.

        Raises:
            problems.Problem: 503, there is no room for them.
        """
        if self.held and self.held + size > self._most:
            raise problems.Problem(
                503,
                "busy",
                f"Pictures of {self.held:,} bytes wait, and {self._most:,} may; "
                f"these have {size:,}. Try again after a second",
                {"Retry-After": "1"},
            )
        self.held += size

    def give(self, size: int) -> None:
        """Counts them no more."""
        self.held -= size
