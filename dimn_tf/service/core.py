"""What all requests share: the model, the gallery and its turns, limits, logs."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import pathlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from typing import Any

import numpy as np

from dimn_tf import errors
from dimn_tf.export import served_model
from dimn_tf.gallery import filters, places, replaced
from dimn_tf.service import (
    audit,
    clearing,
    encoding,
    keepers,
    metrics,
    options,
    people,
    problems,
    ranking,
    remembered,
    state,
    sweeper,
)

LOGS = "log-{}-{}.txt"
"""Files of lines for who runs a service of replicas, by replica and day."""
BETWEEN_LOOKS = 10.0
"""Seconds between two looks at all that is kept which callers may cause; ours. Each
goes through the whole state."""
_START_SECONDS = 10.0  # In which a small gallery is ready before the first caller.


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the service keeps what it keeps.

    Attributes:
        gallery: See `places.HELP`.
        folder: For pictures and the audit log.
        audit_name: Of the audit log's file.
    """

    gallery: str
    folder: pathlib.Path
    audit_name: str = "audit.jsonl"

    @property
    def audit_log(self) -> pathlib.Path:
        """The audit log's file."""
        return self.folder / self.audit_name


class Core:
    """One service. `entries` tells how many the gallery has.

    Args:
        model: Loaded; its score is an inner product.
        place: Of the gallery and what belongs to it.
        chosen: Options.
        log: Takes lines for who runs the service.
        keeper: Of the gallery; None: this service keeps it itself.

    Raises:
        errors.UserError: options that are not allowed, a model whose score is no inner
            product, or an audit log that cannot be written to.
    """

    def __init__(
        self,
        model: served_model.ServedModel,
        place: Place,
        chosen: options.ServiceOptions,
        log: Callable[[str], None] = print,
        keeper: keepers.Keeper | None = None,
    ):
        options.check(chosen, places.largest_k(place.gallery))
        self.model, self.place, self.options, self.log = model, place, chosen, log
        self.audit = audit.AuditLog(
            place.audit_log, chosen.audit_bytes, chosen.audit_log
        )
        self.metrics = metrics.Metrics(lambda: self.encoding.waiting)
        self.encoding = encoding.Encoding(model, chosen, self.metrics.batch, log)
        self.ready = False
        self.replaced: problems.Problem | None = None
        """Why nothing can be answered: the gallery, or the state, is another one."""
        self.keeper = keeper or keepers.LocalKeeper(
            place.gallery,
            model.sha256,
            model.dimension,
            place.folder,
            chosen.keep_pictures,
        )
        self.entries = remembered.Remembered(lambda: self.gallery(len))
        self.sweeper = sweeper.Sweeper(
            self.keeper.turn, self.sweep, self.metrics, log, self.remove_old_logs
        )
        self.clearing = clearing.Clearing(
            self.keeper.turn,
            lambda most: self.gallery(people.People.clear_gaps, most),
            (place.gallery, place.folder),
            log,
        )
        self._warm = self._prepared = False
        self._looking: asyncio.Task | None = None
        self._looked_at = -BETWEEN_LOOKS

    def open(self) -> None:
        """Opens the gallery, or makes it; `running` does it where nobody did.

        Raises:
            errors.UserError: another model's gallery, a place that cannot be used, or a
                model that gives no vectors.
        """
        if not self._warm:
            self.encoding.warm_up()
        self._warm = True
        self.keeper.open()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Opens the gallery; at the end does what waits, and gives all back."""
        self.open()
        self.encoding.start()
        tasks = [asyncio.create_task(self._prepare())]
        try:
            done, _ = await asyncio.wait(tasks, timeout=_START_SECONDS)
            for task in done:
                task.result()  # Raises what ended it.
            tasks.append(asyncio.create_task(self._keep_swept(tasks[0])))
            yield
        finally:
            self.ready = False
            if self._looking is not None:
                tasks.append(self._looking)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.closing(self.audit):
                await self.encoding.stop()
                await self.keeper.close()

    async def _prepare(self) -> None:
        """Has the gallery do before what has to be done first, in turns."""
        try:
            while not await self.keeper.call(people.People.prepare):
                pass
        except Exception as error:
            self.log(f"the gallery cannot be prepared for searches: {error}")
            raise
        self.ready = self._prepared = True

    async def _keep_swept(self, prepared: asyncio.Task) -> None:
        await prepared
        await self.sweeper.run()

    async def gallery(self, function: Callable[..., Any], *given: Any) -> Any:
        """What a function of `People` and further arguments gives.

        Raises:
            problems.Problem: 503, the gallery is not prepared yet, or was replaced
                while it was open.
        """
        self._refuse_unprepared()
        with self._replaced_told():
            return await self.keeper.call(function, *given)

    async def search(
        self,
        features: np.ndarray,
        k: int,
        one_per_person: bool,
        wanted: filters.Filter | None,
    ) -> list[ranking.Ranked]:
        """See `ranking.ranked`, and `gallery`.

        Probes that the gallery searches for one by one, so that others have their turns
        in between.
        """
        self._refuse_unprepared()
        alone = one_per_person or wanted is not None
        parts = np.split(features, len(features)) if alone else [features]
        with self._replaced_told():
            return [
                found
                for part in parts
                for found in await self.keeper.search(part, k, one_per_person, wanted)
            ]

    async def public_ids(self, entry_ids: Collection[str]) -> dict[str, str]:
        """What clients call those entries whose ids are paths of this machine."""
        masked = [entry_id for entry_id in entry_ids if state.is_masked(entry_id)]
        if not masked:  # A replica's search then needs no keeper.
            return {}
        return await self.gallery(people.People.public_ids, masked)

    def _refuse_unprepared(self) -> None:
        if not self._prepared:
            raise problems.Problem(
                503,
                "starting",
                "The gallery is being prepared. Try again after a few seconds",
                {"Retry-After": "5"},
            )

    @contextlib.contextmanager
    def _replaced_told(self) -> Iterator[None]:
        """Tells as such where files were replaced; from then on `/readyz` does too."""
        try:
            yield
        except replaced.Replaced as error:
            if self.replaced is None:
                self.log(str(error))
            self.replaced = problems.Problem(
                503,
                "replaced",
                "The gallery, or what is kept of it, was replaced while the service "
                "ran. The service has to be started again; its log says why",
                {"Retry-After": "60"},
            )
            raise self.replaced from error

    async def changed(self, function: Callable[..., Any], *given: Any) -> Any:
        """The same for a change.

        Raises:
            problems.Problem: 503, see `gallery`, or it cannot be written to now.
        """
        try:
            return await self.gallery(function, *given)
        except errors.UserError as error:
            self.log(f"the gallery cannot be changed: {error}")
            raise problems.Problem(
                503,
                "gallery",
                "The gallery cannot be changed now; the server's log says why",
                {"Retry-After": "5"},
            ) from error
        finally:
            self.entries.forget()

    def record(self, caller: str, act: str, **facts: Any) -> None:
        """Adds a line to the audit log: what cannot be told there is not done.

        Raises:
            problems.Problem: 503, it cannot be written to.
        """
        try:
            self.audit.write(caller, act, **facts)
        except OSError as error:
            self.log(f"{act}: not done, the audit log cannot be written to: {error}")
            raise problems.Problem(
                503,
                "audit",
                "The audit log cannot be written to, so that nothing was done; the "
                "server's log says why",
                {"Retry-After": "60"},
            ) from error

    async def sweep(self) -> int:
        """Removes what is too old, and forgets what others removed.

        Returns:
            How many entries were too old.
        """
        count = await self.remove_old() if self.options.keep_days else 0
        await self.forget_gone()
        await self.clearing.clear()
        return count

    async def forget_gone(self) -> None:
        """Forgets what is kept of entries that other processes removed."""
        after, count = None, 0
        while True:
            gone, after = await self.changed(people.People.sweep, after)
            count += len(gone)
            if after is None:
                break
        if count:
            self.log(
                f"{count:,} entries were removed by another process: what was kept of "
                "them is gone too"
            )

    async def look_for_gone(self) -> None:
        """Forgets what others removed, for one who asks for whom nobody knows.

        Whoever asks meanwhile waits for the same look. After one there is none for
        `BETWEEN_LOOKS`: callers who ask for names at random would keep the gallery
        busy. What is removed in between goes with the next one, or with a sweep.

        Raises:
            problems.Problem: see `changed`.
        """
        if self._looking is None:
            if time.monotonic() - self._looked_at < BETWEEN_LOOKS:
                return
            self._looking = asyncio.create_task(self._look())
        # Who goes away ends it for nobody else.
        await asyncio.shield(self._looking)

    async def _look(self) -> None:
        try:
            await self.forget_gone()
            self._looked_at = time.monotonic()
        finally:
            self._looking = None

    async def remove_old(self, now: datetime.datetime | None = None) -> int:
        """Removes entries kept longer than `keep_days`; says how many."""
        now = now or datetime.datetime.now(datetime.UTC)
        before = now - datetime.timedelta(days=self.options.keep_days)
        after, count = "", 0
        while True:
            gone, after = await self.changed(
                people.People.remove_older, before, now, after
            )
            count += len(gone)
            if gone:
                self.audit.write("service", "remove_old", entries=len(gone))
            if not after:
                return count

    def remove_old_logs(self) -> None:
        """Removes lines kept longer than `keep_days`, the audit log's and others.

        Each replica does it: nobody else ends its files, nor sees another machine's.
        """
        if self.options.keep_days:
            now = datetime.datetime.now(datetime.UTC)
            before = now - datetime.timedelta(days=self.options.keep_days)
            self.audit.remove_older(before)
            self._remove_older_logs(before)

    def _remove_older_logs(self, before: datetime.datetime) -> None:
        """Removes logs of replicas, each of a day, that nobody wrote to since."""
        for path in self.place.folder.glob(LOGS.format("*", "*")):
            with contextlib.suppress(FileNotFoundError):  # Another replica's turn.
                if path.stat().st_mtime < before.timestamp():
                    path.unlink()
