"""Where the gallery of a service is kept: what all requests ask, in turn."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

from dimn_tf.service import one_thread, people, ranking


class Keeper(abc.ABC):
    """Keeps one `People`: everything that reads or changes it goes through here.

    Attributes:
        shared: Whether several services use it at once.
    """

    shared: bool = False

    @abc.abstractmethod
    def open(self) -> None:
        """Opens the gallery, or makes it; again, it does nothing.

        Raises:
            errors.UserError: another model's gallery, or a place that cannot be used.
        """

    @abc.abstractmethod
    async def call(self, function: Callable[..., Any], *given: Any) -> Any:
        """What a function of `People` and further arguments gives.

        A call that has begun runs to its end, whether anyone waits for it or not: a
        change is made whole.
        """

    async def turn(self, what: str, seconds: float) -> bool:
        """Whether it is this service's turn to do what is done once in a while.

        Args:
            what: Is done.
            seconds: For which no other service then has the turn.
        """
        del what, seconds
        return True

    async def search(self, *given: Any) -> list[ranking.Ranked]:
        """See `People.search`."""
        return await self.call(people.People.search, *given)

    @abc.abstractmethod
    async def close(self) -> None:
        """Gives back what this service holds of it."""


class LocalKeeper(Keeper):
    """Keeps it in a thread of this process.

    Args:
        given: What `People` takes.
    """

    def __init__(self, *given: Any):
        self._given = given
        self._thread = one_thread.OneThread("gallery")
        self._people: people.People | None = None

    def open(self) -> None:
        """See base class."""
        if self._people is None:
            self._people = self._thread.wait_for(people.People, *self._given)

    async def call(self, function, *given):
        """See base class."""
        return await self._thread.call(function, self._people, *given)

    async def close(self) -> None:
        """See base class."""
        try:
            if self._people is not None:
                await self._thread.call(self._people.close)
        finally:
            self._thread.close()
