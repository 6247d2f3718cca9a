"""Enrol, remove and search people: entries on disk, their vectors in an index."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from dimn_tf import errors, files
from dimn_tf.gallery import entries as entries_lib
from dimn_tf.gallery import indexes, store

_LOCK = "writer.lock"
_MORE_HITS = 4  # Factor by which a search widens until it has enough persons.


class Gallery:
    """Enrolled people in a folder, searched by maximum inner product.

    One process may write at a time, any number may read at the same time; each search
    sees all that was acknowledged before it began. What is on disk is the truth; the
    index in memory is brought up to it before every search.

    Memory is the index: 4 D bytes an entry (`exact`; 7 kB at D = 1,792), 2 D with
    `exact_float16`, so a machine holds some millions. At hundreds of millions the same
    interface belongs on a vector database (see WORKSPACE_NOTES.md).

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
        self._store = store.Store(self.folder / store.FILE)
        facts = self._store.facts
        self.model_sha256 = facts["model_sha256"]
        if model_sha256 not in (None, self.model_sha256):
            self._store.close()
            raise errors.UserError(
                f"{self.folder}: this gallery's vectors come from the model "
                f"{self.model_sha256[:12]}..., not from {model_sha256[:12]}...; scores "
                "between models mean nothing. Use that model, or enrol the images into "
                "a new gallery"
            )
        self.dimension = int(facts["dimension"])
        self.index_kind = facts["index"]
        self._index = indexes.INDEXES[self.index_kind](self.dimension)
        self._position = (0, 0)

    @classmethod
    def create(
        cls,
        folder: str | os.PathLike,
        model_sha256: str,
        dimension: int,
        index: str = "exact",
        vector_type: str = "float32",
    ) -> Gallery:
        """Makes a gallery, or opens the one that is there.

        Args:
            folder: Made if it is missing.
            model_sha256: Of the model that the vectors come from.
            dimension: D.
            index: Key of `indexes.INDEXES`.
            vector_type: How vectors are kept on disk, `float32` or `float16`.

        Raises:
            errors.UserError: one is there of another model, dimension or kind.
        """
        facts = {
            "model_sha256": model_sha256,
            "dimension": str(dimension),
            "index": index,
            "vector_type": vector_type,
        }
        for name, known in (
            ("index", indexes.INDEXES),
            ("vector_type", store.VECTOR_TYPES),
        ):
            if facts[name] not in known:
                raise errors.UserError(
                    f"{name}={facts[name]!r}: expected one of {', '.join(known)}"
                )
        if dimension < 1 or not model_sha256:
            raise errors.UserError(
                f"a gallery needs its model's hash and dimension, got "
                f"{model_sha256!r} and {dimension}"
            )
        store.Store.create(pathlib.Path(folder) / store.FILE, facts).close()
        gallery = cls(folder, model_sha256)
        found = gallery._store.facts
        other = [name for name in facts if found[name] != facts[name]]
        if other:
            gallery.close()
            differences = ", ".join(f"{n} {found[n]}, not {facts[n]}" for n in other)
            raise errors.UserError(
                f"{folder}: a gallery is there with {differences}. Open it as it is, "
                "or create another in a new folder"
            )
        return gallery

    def close(self) -> None:
        """Gives the files back."""
        self._store.close()

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._store)

    def __contains__(self, entry_id: str) -> bool:
        return bool(self._store.numbers_of([entry_id]))

    def which_of(self, entry_ids: Sequence[str]) -> set[str]:
        """Those of the ids that are there."""
        return set(self._store.numbers_of(entry_ids))

    def add(self, entries: Sequence[entries_lib.Entry]) -> None:
        """Adds entries, all or none; they are on disk when this returns.

        Raises:
            errors.UserError: ids that are there already or twice among these, vectors
                of another dimension, zero or not finite, or another writer at work.
        """
        entries = list(entries)
        if not entries:
            return
        names = [entry.entry_id for entry in entries]
        if not all(isinstance(name, str) and name for name in names):
            raise errors.UserError("entry ids must be text, and not empty")
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
        rows = [
            (e.entry_id, e.person_id, entries_lib.metadata_text(e)) for e in entries
        ]
        with self._writing():
            there = list(self._store.numbers_of(names))
            entries_lib.refuse_names(
                there, "entry ids are there already", "Remove them first, or leave them"
            )
            self._store.add(rows, vectors)

    def remove(self, entry_ids: Sequence[str]) -> None:
        """Removes entries, all or none.

        Raises:
            errors.UserError: ids that are not there, or another writer at work.
        """
        entry_ids = list(dict.fromkeys(entry_ids))
        with self._writing():
            numbers = self._store.numbers_of(entry_ids)
            lost = [name for name in entry_ids if name not in numbers]
            entries_lib.refuse_names(
                lost, "entry ids are not there", "Nothing was removed"
            )
            self._store.remove(list(numbers.values()))

    def search(
        self, probe_features: Any, k: int = 10, one_per_person: bool = False
    ) -> list[list[entries_lib.Hit]]:
        """The k best entries for each probe.

        Args:
            probe_features: Real [P, D], g(x) of the gallery's model.
            k: Entries a probe; fewer are given where the gallery holds fewer.
            one_per_person: Whether of several entries of one person only the best is
                given; entries without a person stand for themselves.

        Returns:
            For each probe its hits, best first.

        Raises:
            errors.UserError: another dimension, zero or not finite features, k < 1.
        """
        if k < 1:
            raise errors.UserError(f"k={k}: expected at least 1")
        array = np.asarray(probe_features)
        names = [f"probe {i}" for i in range(len(array) if array.ndim else 0)]
        probes = entries_lib.checked_vectors(
            array, self.dimension, names, "probe features"
        )
        with self._store.snapshot():
            self._refresh()
            if not one_per_person:
                return self._hits(probes, min(k, len(self._index)))
            return [self._persons(probe[np.newaxis], k) for probe in probes]

    def _persons(self, probe: np.ndarray, k: int) -> list[entries_lib.Hit]:
        """The best entry of each of the k best persons: wider until there are k."""
        width = k
        while True:
            width = min(width, len(self._index))
            best: dict[tuple, entries_lib.Hit] = {}
            for hit in self._hits(probe, width)[0]:
                person = hit.person_id
                key = ("entry", hit.entry_id) if person is None else ("person", person)
                best.setdefault(key, hit)
            if len(best) >= k or width == len(self._index):
                return list(best.values())[:k]
            width *= _MORE_HITS

    def _hits(self, probes: np.ndarray, k: int) -> list[list[entries_lib.Hit]]:
        if not k or not len(probes):
            return [[] for _ in probes]
        scores, numbers = self._index.search(probes, k)
        rows = self._store.rows(np.unique(numbers[numbers >= 0]).tolist())
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
                            json.loads(row.metadata),
                        )
                    )
            found.append(hits)
        return found

    def _refresh(self) -> None:
        """Brings the index up to what is on disk."""
        (added, removed), (last, change) = self._position, self._store.position()
        for numbers, vectors in self._store.vectors_between(added, last):
            self._index.add(numbers, vectors)
        gone = [n for n in self._store.removed_between(removed, change) if n <= added]
        if gone:  # Later numbers were gone before they were read.
            self._index.remove(np.array(gone, np.int64))
        self._position = (last, change)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Holds the lock of the one writer; the system frees it with the process."""
        with files.exclusive(
            self.folder / _LOCK,
            f"{self.folder}: another process is writing to this gallery. Wait for it, "
            "then run the command again",
        ):
            yield
