"""One thing that an archive has otherwise than it should."""

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Difference:
    """One thing that an archive has otherwise than it should.

    Attributes:
        what: a part ("folder P2/cam1/"), or what is counted ("images in train").
        found: the count; 0 for a part that is not there.
        expected: the known count; None for a part.
        detail: which ones, in words.
    """

    what: str
    found: int
    expected: int | None
    detail: str = ""

    @property
    def is_missing(self) -> bool:
        """Whether an incomplete archive explains it; too many of a thing, never."""
        return self.expected is None or self.found < self.expected

    @property
    def found_text(self) -> str:
        """What is there, in words."""
        if self.expected is None:
            return f"no {self.what}"
        return f"{self.found:,} {self.what}{self._detail}"

    @property
    def expected_text(self) -> str:
        """What should be there, in words."""
        return self.what if self.expected is None else f"{self.expected:,} {self.what}"

    def __str__(self) -> str:
        if self.expected is None:
            return f"{self.what} is missing"
        return f"{self.found:,} of {self.expected:,} {self.what}{self._detail}"

    @property
    def _detail(self) -> str:
        return f" ({self.detail})" if self.detail else ""


def first_of(names: Sequence[str]) -> str:
    """The first three names, for a detail; "..." stands for more."""
    return ", ".join(names[:3]) + (", ..." if names[3:] else "")
