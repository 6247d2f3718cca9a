"""The keeper of a service whose replicas are many processes: an actor of Ray."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ray

from dimn_tf.gallery import base, places
from dimn_tf.service import keepers, one_thread, people, problems, ranking


class Actor:
    """Holds the one `People`, in a process of its own that Ray starts again.

    Args:
        variables: Of the environment.
        given: What `People` takes.
    """

    def __init__(self, variables: Mapping[str, str], *given: Any):
        os.environ.update(variables)
        self._given = given
        self._people: people.People | None = None
        self._turns: dict[str, float] = {}

    def call(self, function: Callable[..., Any], *given: Any) -> Any:
        """What a function of `People` gives; calls are done one after the other."""
        if self._people is None:
            self._people = people.People(*self._given)
        return function(self._people, *given)

    def turn(self, what: str, seconds: float) -> bool:
        """See `Keeper.turn`."""
        now = time.monotonic()
        if now - self._turns.get(what, -math.inf) < seconds:
            return False
        self._turns[what] = now
        return True

    def close(self) -> None:
        """Gives the gallery back."""
        if self._people is not None:
            self._people.close()
            self._people = None


class RayKeeper(keepers.Keeper):
    """A replica's hold on the actor.

    Searches on Milvus, which many may ask at once, do not go through the actor.

    Args:
        actor: Handle of an `Actor`.
        place: Of the gallery.
        model_sha256: Of the model.
    """

    shared = True

    def __init__(self, actor, place: str, model_sha256: str):
        self._actor, self._place = actor, place
        self._model_sha256 = model_sha256
        self._thread = one_thread.OneThread("reader")
        self._reader: base.BaseGallery | None = None

    def open(self) -> None:
        """See base class; the actor makes the gallery, which is then read here too."""
        if self._reader is not None:
            return
        with _own_errors():
            ray.get(self._actor.call.remote(len))
        if places.takes_many_writers(self._place):
            self._reader = self._thread.wait_for(
                places.open_gallery, self._place, self._model_sha256
            )

    async def call(self, function, *given):
        """See base class.

        Raises:
            problems.Problem: 503, the actor died meanwhile: what was asked for may be
                done or not, and can be asked for again.
        """
        with _own_errors():
            return await self._actor.call.remote(function, *given)

    async def turn(self, what, seconds):
        """See base class."""
        with _own_errors():
            return await self._actor.turn.remote(what, seconds)

    async def search(self, *given):
        """See base class."""
        if self._reader is None:
            return await super().search(*given)
        return await self._thread.call(ranking.ranked, self._reader, *given)

    async def close(self) -> None:
        """See base class; the actor stays, for the other replicas."""
        if self._reader is not None:
            await self._thread.call(self._reader.close)
        self._thread.close()


@contextlib.contextmanager
def _own_errors() -> Iterator[None]:
    """Raises what the actor raised as if it had been raised here."""
    try:
        yield
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayActorError as error:
        raise problems.Problem(
            503,
            "gallery",
            "The gallery's process ended and is started again. Try again",
            {"Retry-After": "5"},
        ) from error
