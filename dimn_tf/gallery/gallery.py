"""The embedded gallery: entries on disk in a folder, their vectors in an index."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from dimn_tf import errors, files, progress
from dimn_tf.gallery import about, base, choosing, indexes, kept_index, store
from dimn_tf.gallery import entries as entries_lib
from dimn_tf.gallery import facts as facts_lib

REBUILD_SHARE = 0.1
"""Share of removed entries from which `keep_index` builds a graph anew; ours."""
_LOCK = "writer.lock"


class Gallery(base.BaseGallery):
    """Enrolled people in a folder, searched by maximum inner product.

    One process may write at a time, any number may read at the same time; each search
    sees all that was acknowledged before it began. What is on disk is the truth; the
    index in memory is brought up to it before every search. An index that takes long
    to build (`hnsw`) is kept beside it by `keep_index`: a cache, which may be deleted.
    It works in the thread that opened it alone, and says so to others: open one for
    each thread (each has an index in memory), or put one behind a thread of its own.
    Where the folder is replaced while it is open (a backup is put back), each call from
    then on raises, and so does a change in which that happened: it would be in no file
    that anybody finds (see `replaced`).

    What is removed or replaced is gone from the disk when that is acknowledged: its
    bytes in the entries' file are overwritten, and a kept index that holds it is
    deleted. (`keep_index` writes one without it; without that, the next opening builds
    it anew.) Copies that SQLite may have left between the entries of its pages go at
    once while the file is small (`gaps.AT_ONCE`), of a series of removals when the
    gallery is closed at the latest; in a larger one, with `clear_gaps`. What a file
    system or a backup keeps of deleted files is not in this program's hands.

    Memory is the index: 4 D bytes an entry (`exact`; 7 kB at D = 1,792), half of that
    with `exact_float16`, so a machine holds some millions. Once a search asks for one
    entry a person, for cameras or for times, 24 bytes an entry are beside it (see
    `facts.Facts`), and such a search is as exact as the others. What outgrows a machine
    belongs on Milvus, behind the same interface (`milvus_gallery`).

    Example:

    >>> gallery = Gallery.create("people", model_sha256="871cd5...", dimension=1280)
    >>> gallery.add([Entry("door/1.jpg", vector, person_id="anna")])
    >>> gallery.search(probe_features, k=10)[0][0].person_id
    'anna'

    Args:
        folder: Of a gallery that was created.
        model_sha256: Of the model that the vectors come from (metadata.json of an
            export); None takes the gallery's word for it.

    Raises:
        errors.UserError: there is no gallery, or it is another model's.
    """

    def __init__(self, folder: str | os.PathLike, model_sha256: str | None = None):
        self.folder = pathlib.Path(folder)
        self.name = str(folder)
        self._store = store.Store(self.folder / store.FILE)
        facts = self._store.facts
        self.model_sha256 = facts["model_sha256"]
        self.index_kind = facts["index"]
        try:
            if self.index_kind not in indexes.INDEXES:
                raise self._store.damaged(f"its index is {self.index_kind!r}")
            about.refuse_another_model(self.name, self.model_sha256, model_sha256)
        except errors.UserError:
            self._store.close()
            raise
        self.dimension = int(facts["dimension"])
        self._index = indexes.INDEXES[self.index_kind](self.dimension)
        self._position = (0, 0)
        self._facts, self._facts_position = facts_lib.Facts(), (0, 0)
        self._kept = kept_index.KeptIndex(self.folder, self._store)
        self._changed = False
        if self._kept.read_into(self._index):
            self._position = self._kept.position
        else:
            self._forget_index()
        self._finish_erasure()

    @classmethod
    def create(
        cls,
        folder: str | os.PathLike,
        model_sha256: str,
        dimension: int,
        index: str = "exact",
        vector_type: str = "float32",
        before_making: Callable[[], None] = lambda: None,
    ) -> Gallery:
        """Makes a gallery, or opens the one that is there.

        Args:
            folder: Made if it is missing.
            model_sha256: Of the model that the vectors come from.
            dimension: D.
            index: Key of `indexes.INDEXES`.
            vector_type: How vectors are kept on disk, `float32` or `float16`.
            before_making: Called where there is none; what it raises has none made.

        Raises:
            errors.UserError: one is there of another model, dimension or kind.
        """
        facts = about.checked_facts(
            model_sha256, dimension, index, list(indexes.INDEXES)
        )
        if vector_type not in store.VECTOR_TYPES:
            raise errors.UserError(
                f"vector_type={vector_type!r}: expected one of "
                f"{', '.join(store.VECTOR_TYPES)}"
            )
        facts["vector_type"] = vector_type
        indexes.INDEXES[index](dimension)  # Without FAISS, no folder is made.
        path = pathlib.Path(folder) / store.FILE
        store.Store.create(path, facts, before_making).close()
        gallery = cls(folder, model_sha256)
        try:
            about.refuse_other_facts(str(folder), gallery._store.facts, facts)
        except errors.UserError:
            gallery.close()
            raise
        return gallery

    def close(self) -> None:
        """Gives the files back."""
        try:
            if self._changed:  # Else it would be in the way of one who writes.
                with contextlib.suppress(errors.UserError, OSError), self._writing():
                    self._store.gaps.clear_small(at_once=True)
        finally:
            self._store.close()

    @property
    def identity(self) -> str | None:
        """See base class."""
        return self._store.identity()

    def give_identity(self) -> str:
        """See base class; it waits for no writer, being no change of entries."""
        if self._store.identity() is None:
            self._store.give_identity()
        return self._store.identity()

    def __len__(self) -> int:
        return len(self._store)

    def prepare(self) -> bool:
        """See base class; some thousand entries at a time."""
        with self._store.snapshot():
            return self._refresh(whole=False) and self._refresh_facts(whole=False)

    def known(self, entry_ids: Sequence[str]) -> dict[str, entries_lib.Known]:
        """Person and metadata of those of the ids that are there."""
        numbers = self._store.numbers_of(entry_ids).values()
        return {
            row.entry_id: entries_lib.Known(
                row.entry_id,
                row.person_id,
                self._store.metadata(row.number, row.metadata),
            )
            for row in self._store.rows(list(numbers)).values()
        }

    def which_of(self, entry_ids: Sequence[str]) -> set[str]:
        """Those of the ids that are there."""
        return set(self._store.numbers_of(entry_ids))

    def persons(self) -> dict[str, str | None]:
        """Every entry's person, by entry id."""
        return self._store.persons()

    def page(
        self, after: str = "", limit: int = 100, person_id: str | None = None
    ) -> entries_lib.Page:
        """Some of the entries, in the order in which they came."""
        if after and not (after.isdecimal() and after.isascii() and len(after) < 19):
            raise entries_lib.no_page(self.name, after)
        rows = self._store.rows_after(int(after or 0), limit, person_id)
        known = tuple(
            entries_lib.Known(
                row.entry_id,
                row.person_id,
                self._store.metadata(row.number, row.metadata),
            )
            for row in rows
        )
        following = str(rows[-1].number) if len(rows) == limit else ""
        return entries_lib.Page(known, following)

    def keep_index(self) -> bool:
        """Puts an index that takes long to build on disk, so that opening reads it.

        A graph in which many entries were removed is built anew.

        Returns:
            Whether this kind of index is kept: an exact one needs no building, and a
            copy of it would cost as much disk as the entries.
        """
        if not self._index.worth_keeping:
            return False
        with self._writing():
            with self._reading():
                pass
            if self._index.removed_share > REBUILD_SHARE:
                self._forget_index()
                with self._reading():
                    pass
            self._kept.write(self._index, self._position)
        return True

    def _finish_erasure(self) -> None:
        """Deletes what a writer that was killed in a removal did not come to."""
        self._store.cut_left_log()
        if not self._kept.has_others():
            return
        # Another writer does it by itself; who may only read, cannot.
        with contextlib.suppress(errors.UserError, OSError), self._writing():
            self._kept.delete_others()

    def clear_gaps(self, at_most: int | None = None) -> bool:
        """See base class; takes time by the gallery's size, see `gaps.Gaps`."""
        with self._writing():
            return self._store.gaps.clear(at_most)

    def _forget_index(self) -> None:
        self._index = indexes.INDEXES[self.index_kind](self.dimension)
        self._position, self._kept.position = (0, 0), None

    def _add(self, entries, metadata, vectors) -> None:
        rows = [
            (entry.entry_id, entry.person_id, text)
            for entry, text in zip(entries, metadata, strict=True)
        ]
        replaced = self._store.numbers_of([entry.entry_id for entry in entries])
        self._changed = True
        self._store.add(rows, vectors, list(replaced.values()))
        if replaced:
            self._kept.delete_others()
            self._store.gaps.clear_small()

    def _remove(self, entry_ids) -> None:
        self._changed = True
        self._store.remove(list(self._store.numbers_of(entry_ids).values()))
        self._kept.delete_others()
        self._store.gaps.clear_small()

    def _vectors(self, entry_ids) -> dict[str, np.ndarray]:
        with self._store.snapshot():
            return self._store.vectors_of(entry_ids)

    def _hits(self, probes, k) -> list[list[entries_lib.Hit]]:
        return self._told(*self._index.search(probes, min(k, len(self._index))))

    def _chosen(self, probes, k, one_per_person, wanted) -> list[list[entries_lib.Hit]]:
        """See base class; exact, however few entries are wanted."""
        self._refresh_facts()
        allowed = None if wanted is None else self._facts.taken(wanted)
        if not one_per_person:
            return self._told(*self._index.search(probes, k, allowed))
        return [
            hits
            for probe in probes
            for hits in self._told(
                *choosing.one_a_person(
                    self._index, self._facts, probe[np.newaxis], k, allowed
                )
            )
        ]

    def _told(
        self, scores: np.ndarray, numbers: np.ndarray
    ) -> list[list[entries_lib.Hit]]:
        """Hits of scores and numbers [P, k]; -1 is none."""
        rows = self._store.rows(np.unique(numbers[numbers >= 0]).tolist())
        metadata = {
            number: self._store.metadata(row.number, row.metadata)
            for number, row in rows.items()
        }
        found = []
        for probe_scores, probe_numbers in zip(scores, numbers, strict=True):
            hits = []
            for score, number in zip(probe_scores, probe_numbers, strict=True):
                if number >= 0:
                    row = rows[int(number)]
                    hits.append(
                        entries_lib.Hit(
                            row.entry_id,
                            float(score),
                            row.person_id,
                            metadata[row.number],
                        )
                    )
            found.append(hits)
        return found

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """One state of the file, with the index brought up to it."""
        with self._store.snapshot():
            self._refresh()
            yield

    def _refresh(self, whole: bool = True) -> bool:
        """Brings the index up to the file, or some entries nearer; whether it is."""
        (added, removed), (last, change) = self._position, self._store.position()
        bar = progress.bar(
            label=f"{self.name}: indexing",
            total=last - added,
            unit="entries",
            on_stderr=True,
            show=whole,
        )
        with bar:
            for numbers, vectors in self._store.vectors_between(added, last):
                self._index.add(numbers, vectors)
                # Here, so that what an interruption leaves is not added twice.
                self._position = (int(numbers[-1]), removed)
                bar.update(len(numbers))
                if not whole:
                    return False
        if gone := self._store.removed_between(removed, change):
            self._index.remove(gone)
        self._position = (last, change)
        return True

    def _refresh_facts(self, whole: bool = True) -> bool:
        """The same for what filters look at: not before one is asked for."""
        (added, removed), (last, change) = self._facts_position, self._store.position()
        for block in self._store.facts_between(added, last):
            self._facts.add(block)
            self._facts_position = (block[-1][0], removed)
            if not whole:
                return False
        if gone := self._store.removed_between(removed, change):
            self._facts.remove(gone)
        self._facts_position = (last, change)
        return True

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Holds the lock of the one writer; the system frees it with the process."""
        with files.exclusive(
            self.folder / _LOCK,
            f"{self.folder}: another process is writing to this gallery. Wait for it, "
            "then run the command again",
        ):
            yield
