"""What a gallery is, wherever its entries are kept: checks, and one hit a person."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from dimn_tf import errors
from dimn_tf.gallery import entries as entries_lib
from dimn_tf.gallery import filters, names

_AT_A_TIME = 1_000  # Entries that are listed at once.
_MORE_HITS = 32
"""Factor by which a search widens until it has enough; ours: another pass over an exact
index takes longer than reading some hundred entries."""
Settle = Callable[
    [entries_lib.Entry, entries_lib.Known | None], entries_lib.Entry | None
]
"""See `BaseGallery.add`."""
_NEARLY = 4  # Factor of a search's limit, from which it widens to it at once.


class NoGallery(errors.UserError):
    """There is no gallery at a place, though one may be made there."""


class BaseGallery(abc.ABC):
    """Enrolled people, searched by maximum inner product.

    Entries are checked here; a subclass keeps and finds them.

    Attributes:
        name: Where it is, for errors.
        model_sha256: Of the model that the vectors come from.
        dimension: D.
        largest_k: Most hits that a search gives; None: all there are.
        filters_all: Whether searches by a filter, or for one entry a person, look at
            all entries; else at the `largest_k` best, so that fewer may be given than
            there are.
    """

    name: str
    model_sha256: str
    dimension: int
    largest_k: int | None = None
    filters_all: bool = True

    @abc.abstractmethod
    def close(self) -> None:
        """Gives files and connections back."""

    def __enter__(self) -> BaseGallery:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()

    def keep_index(self) -> bool:
        """Keeps what took long to build, where there is such; says whether."""
        return False

    @property
    @abc.abstractmethod
    def identity(self) -> str | None:
        """What tells it from another gallery at its place, and its copies have too.

        It is as it is kept at this moment. None: an older version made the gallery, and
        `give_identity` was not called since.
        """

    @abc.abstractmethod
    def give_identity(self) -> str:
        """Gives it an identity, unless it has one; gives that.

        Raises:
            errors.UserError: it has none, and cannot be written to.
        """

    def prepare(self) -> bool:
        """Does some of what the first search would have to do before.

        Returns:
            Whether nothing is left of it.
        """
        return True

    def clear_gaps(self, at_most: int | None = None) -> bool:
        """Rids the disk of copies that removals left, where they may leave such.

        Args:
            at_most: Bytes of a file that is to be written anew for it; None: any.

        Returns:
            Whether nothing is left to do. (Where it is: the file is larger, or another
            process was reading from its log.)

        Raises:
            errors.UserError: the disk is full, or another process writes.
        """
        return True

    @abc.abstractmethod
    def __len__(self) -> int:
        """Entries."""

    def __contains__(self, entry_id: str) -> bool:
        return bool(self.which_of([entry_id]))

    def which_of(self, entry_ids: Sequence[str]) -> set[str]:
        """Those of the ids that are there."""
        return set(self.known(entry_ids))

    @abc.abstractmethod
    def known(self, entry_ids: Sequence[str]) -> dict[str, entries_lib.Known]:
        """Person and metadata of those of the ids that are there."""

    @abc.abstractmethod
    def persons(self) -> dict[str, str | None]:
        """Every entry's person, by entry id."""

    def vectors(self, entry_ids: Sequence[str]) -> np.ndarray:
        """The vectors of entries as they are kept, in the order of the ids.

        Args:
            entry_ids: n of them; one may stand there more than once.

        Returns:
            float32 [n, D]; of a gallery in half precision, what that left of them.

        Raises:
            errors.UserError: ids that are not there.
        """
        entry_ids = list(entry_ids)
        entries_lib.refuse_no_text(entry_ids)
        wanted = list(dict.fromkeys(entry_ids))
        found = self._vectors(wanted)
        entries_lib.refuse_names(
            [name for name in wanted if name not in found],
            "entry ids are not there",
            "Where they were a moment ago, another process removed them: search again",
        )
        made = np.empty((len(entry_ids), self.dimension), np.float32)
        for row, name in zip(made, entry_ids, strict=True):
            row[:] = found[name]
        return made

    def entries_of(self, person_id: str) -> list[str]:
        """The ids of a person's entries."""
        return [known.entry_id for known in self.each(person_id)]

    def each(self, person_id: str | None = None) -> Iterator[entries_lib.Known]:
        """All entries, or those of a person, page by page: see `page`."""
        after = ""
        while True:
            page = self.page(after, _AT_A_TIME, person_id)
            yield from page.entries
            after = page.next
            if not after:
                return

    @abc.abstractmethod
    def page(
        self, after: str = "", limit: int = 100, person_id: str | None = None
    ) -> entries_lib.Page:
        """Some of the entries, so that page by page all are seen once.

        Args:
            after: `Page.next` of the page before; "": from the first.
            limit: Entries, at most; at least 1.
            person_id: Whose entries alone, in each spelling (`names`); None: all.

        Raises:
            errors.UserError: an `after` that no page had.
        """

    def add(
        self,
        entries: Sequence[entries_lib.Entry],
        replace: bool = False,
        settle: Settle | None = None,
    ) -> None:
        """Adds entries, all or none (on Milvus: 16 MiB at a time), and for good.

        Args:
            entries: To add.
            replace: Whether an entry takes the place of one that has its id: no search
                finds both or neither.
            settle: Makes of each entry, and of what is there under its id (None:
                nothing), the one that is added after all, under the same id and with
                the same vector; None: none is. Between that and the adding no other
                process writes (on Milvus one may).

        Raises:
            errors.UserError: ids that are there already (without `replace`) or twice
                among these, vectors of another dimension, zero or not finite, or
                another writer at work.
        """
        entries = list(entries)
        if not entries:
            return
        names = [entry.entry_id for entry in entries]
        entries_lib.refuse_no_text(names)
        entries_lib.refuse_no_text(
            [e.person_id for e in entries if e.person_id is not None]
        )
        seen: set[str] = set()
        twice = [name for name in names if name in seen or seen.add(name)]
        entries_lib.refuse_names(twice, "entry ids twice", "Nothing was added")
        shapes = {np.shape(entry.vector) for entry in entries}
        if len(shapes) > 1:
            raise errors.UserError(
                f"vectors of the entries have several shapes {sorted(shapes)}; this "
                f"gallery takes ({self.dimension},)"
            )
        vectors = entries_lib.checked_vectors(
            np.stack([entry.vector for entry in entries]),
            self.dimension,
            names,
            "vectors of the entries",
        )
        with self._writing():
            if settle is not None:
                known = self.known(names)
                settled = [settle(e, known.get(e.entry_id)) for e in entries]
                vectors = vectors[[entry is not None for entry in settled]]
                entries = [entry for entry in settled if entry is not None]
                names = [entry.entry_id for entry in entries]
                if not entries:
                    return
            metadata = [entries_lib.metadata_text(entry) for entry in entries]
            there = set() if replace else self.which_of(names)
            entries_lib.refuse_names(
                [name for name in names if name in there],
                "entry ids are there already",
                "Replace or remove them, or leave them",
            )
            self._add(entries, metadata, vectors)

    def remove(self, entry_ids: Sequence[str]) -> None:
        """Removes entries, all or none (on Milvus: a thousand at a time).

        Raises:
            errors.UserError: ids that are not there, or another writer at work.
        """
        entry_ids = list(dict.fromkeys(entry_ids))
        entries_lib.refuse_no_text(entry_ids)
        with self._writing():
            there = self.which_of(entry_ids)
            entries_lib.refuse_names(
                [name for name in entry_ids if name not in there],
                "entry ids are not there",
                "Nothing was removed",
            )
            self._remove(entry_ids)

    def search(
        self,
        probe_features: Any,
        k: int = 10,
        one_per_person: bool = False,
        wanted: filters.Filter | None = None,
    ) -> list[list[entries_lib.Hit]]:
        """The k best entries for each probe.

        Args:
            probe_features: Real [P, D], g(x) of the gallery's model.
            k: Entries a probe; fewer are given where the gallery holds fewer.
            one_per_person: Whether of several entries of one person only the best is
                given; entries without a person stand for themselves.
            wanted: Which entries count; None: all. (With this or `one_per_person`, see
                `filters_all`.)

        Returns:
            For each probe its hits, best first.

        Raises:
            errors.UserError: another dimension, zero or not finite features, k < 1 or
                above `largest_k`.
        """
        if k < 1:
            raise errors.UserError(f"k={k}: expected at least 1")
        if self.largest_k is not None and k > self.largest_k:
            raise errors.UserError(
                f"k={k:,}: {self.name} gives {self.largest_k:,} entries a search at "
                "most. Ask for fewer"
            )
        array = np.asarray(probe_features)
        names = [f"probe {i}" for i in range(len(array) if array.ndim else 0)]
        probes = entries_lib.checked_vectors(
            array, self.dimension, names, "probe features"
        )
        with self._reading():
            if not len(probes):
                return []
            if not one_per_person and wanted is None:
                return self._hits(probes, k)
            return self._chosen(probes, k, one_per_person, wanted)

    def _chosen(
        self,
        probes: np.ndarray,
        k: int,
        one_per_person: bool,
        wanted: filters.Filter | None,
    ) -> list[list[entries_lib.Hit]]:
        """The k best that are wanted.

        Here: what an index without filters can do, among its `largest_k` best.
        """
        return [
            self._widened(probe[np.newaxis], k, one_per_person, wanted)
            for probe in probes
        ]

    def _widened(self, probe: np.ndarray, k: int, one_per_person: bool, wanted):
        """Looks at more and more until there are k."""
        width, most = k, self.largest_k
        while True:
            hits = self._hits(probe, width)[0]
            best: dict[tuple, entries_lib.Hit] = {}
            for hit in hits:
                if wanted is None or wanted.takes(hit.metadata):
                    key = (None, hit.entry_id)
                    if one_per_person and hit.person_id is not None:
                        key = (names.one(hit.person_id), None)
                    best.setdefault(key, hit)
            if len(best) >= k or len(hits) < width or width == most:
                return list(best.values())[:k]
            width *= _MORE_HITS
            if most is not None and width * _NEARLY > most:
                width = most

    @abc.abstractmethod
    def _writing(self) -> contextlib.AbstractContextManager[None]:
        """Held by the one writer."""

    @abc.abstractmethod
    def _reading(self) -> contextlib.AbstractContextManager[None]:
        """Held during a search, which sees one state."""

    @abc.abstractmethod
    def _add(
        self,
        entries: Sequence[entries_lib.Entry],
        metadata: Sequence[str],
        vectors: np.ndarray,
    ) -> None:
        """Keeps checked entries: their metadata as JSON, vectors float32 [n, D].

        Those that are there under the same ids are replaced.
        """

    @abc.abstractmethod
    def _remove(self, entry_ids: Sequence[str]) -> None:
        """Removes entries that are there."""

    @abc.abstractmethod
    def _vectors(self, entry_ids: Sequence[str]) -> dict[str, np.ndarray]:
        """The vectors, real [D], of those of the ids that are there, by id."""

    @abc.abstractmethod
    def _hits(self, probes: np.ndarray, k: int) -> list[list[entries_lib.Hit]]:
        """The k best, or all, for float32 [P, D], P > 0, best first."""
