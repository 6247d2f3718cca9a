"""Searches of a gallery on Milvus: among some of its entries, and one a person."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from dimn_tf.gallery import entries as entries_lib
from dimn_tf.gallery import filters, milvus_filters, names
from dimn_tf.gallery import milvus_collections as collections

LARGEST_K = 16_384
"""Milvus' limit of a search."""
_HITS = 50_000  # Of a search, whose answer a server limits to 100 MiB.
_ROWS = 1_000  # Entries that are looked at here at once.
_MORE, _WIDEST = 32, 4_096
"""Entries that a pass looks for: so many times the persons, but no more; as in
`choosing`."""
_SPARE = 2  # Times the candidates of which, by their share, k would count.
_LARGEST_EF = 32_768  # Candidates of a graph's search, the most that Milvus takes.
_TOLD = ("entry_id", "person_id", "metadata")


@dataclasses.dataclass(frozen=True)
class Search:
    """Finds entries of a collection.

    A filter is Milvus' own, so that all entries count that it takes. A graph (`hnsw`)
    is walked among them with the more candidates the fewer they are; where they are so
    few that a request holds them, or where it leads to fewer than there are, their
    vectors are read and all looked at here.

    Attributes:
        client: Of the server.
        name: Of the gallery, for errors.
        collection: Of the entries.
        index: Key of `milvus_collections.INDEXES`.
        dimension: D.
    """

    client: Any
    name: str
    collection: str
    index: str
    dimension: int

    def best(self, probes: np.ndarray, k: int) -> list[list[entries_lib.Hit]]:
        """The k best of all entries for float32 [P, D], as the index finds them."""
        return _hits(self._ask(probes, k, "", _TOLD))

    def among(
        self, probes: np.ndarray, k: int, wanted: filters.Filter
    ) -> list[list[entries_lib.Hit]]:
        """The k best of those that a filter takes, or all; k <= `LARGEST_K`."""
        return _hits(self._complete(probes, k, milvus_filters.expression(wanted)))

    def one_a_person(
        self, probe: np.ndarray, k: int, wanted: filters.Filter | None = None
    ) -> list[entries_lib.Hit]:
        """The best entries of the k persons who are most alike, or of all persons.

        Whose best entry is found is left out of the next pass. (Milvus' own grouping
        is not asked: Milvus Lite groups the ten k best entries, so that whoever has
        many hides others.)

        Args:
            probe: float32 [1, D].
            k: Persons, at most; an entry without one stands for itself.
            wanted: Which entries count; None: all.
        """
        found: dict[tuple, dict] = {}
        seen: dict[str, None] = {}  # More than persons: older hashes are of spellings.
        while len(found) < k:
            missing = k - len(found)
            width = max(missing, min(_MORE * missing, _WIDEST))
            expression = milvus_filters.expression(wanted, without=seen)
            (rows,) = self._complete(probe, width, expression)
            for row in rows:
                key = row["entity"][milvus_filters.PERSON]
                seen[key] = None
                person = row["entity"]["person_id"]
                who = (key,) if person is None else ("person", names.one(person))
                found.setdefault(who, row)
            if len(rows) < width:
                break
        # A graph may lead to a better one later.
        return _hits([sorted(found.values(), key=_worse)[:k]])[0]

    def _complete(
        self, probes: np.ndarray, k: int, expression: str
    ) -> list[list[dict]]:
        """The k best of those that an expression takes, or all of them."""
        fields = (*_TOLD, milvus_filters.PERSON)
        if self.index == "exact":
            return self._ask(probes, k, expression, fields)
        count = self._count(expression)
        if count <= self._at_once:
            return self._look(probes, k, expression, fields)
        total = self._count("") if expression else count
        candidates = _SPARE * k * total // count
        found = self._ask(probes, k, expression, fields, candidates)
        short = [i for i, rows in enumerate(found) if len(rows) < min(k, count)]
        if short:
            looked = self._look(probes[short], k, expression, fields)
            for i, rows in zip(short, looked, strict=True):
                found[i] = rows
        return found

    def _ask(
        self,
        probes: np.ndarray,
        k: int,
        expression: str,
        fields: tuple[str, ...],
        candidates: int = 0,
    ) -> list[list[dict]]:
        """The rows that the index finds, in as many requests as it takes."""
        parameters = dict(collections.INDEXES[self.index][2])
        if "ef" in parameters:
            wide = max(parameters["ef"], k, candidates)
            parameters["ef"] = min(wide, _LARGEST_EF)
        at_once = max(1, min(_HITS // k, self._vectors_at_once))
        found = []
        for start in range(0, len(probes), at_once):
            with collections.told(self.name):
                found += self.client.search(
                    self.collection,
                    data=list(probes[start : start + at_once]),
                    anns_field="vector",
                    limit=k,
                    filter=expression,
                    output_fields=list(fields),
                    search_params={"metric_type": "IP", "params": parameters},
                    consistency_level="Strong",
                )
        return found

    def _look(
        self, probes: np.ndarray, k: int, expression: str, fields: tuple[str, ...]
    ) -> list[list[dict]]:
        """The same by reading the vectors of all that the expression takes."""
        best: list[list[dict]] = [[] for _ in probes]
        for rows in self._rows(expression, (*fields, "vector")):
            vectors = np.array([row.pop("vector") for row in rows], np.float32)
            for kept, scores in zip(best, probes @ vectors.T, strict=True):
                kept += [
                    {"entity": row, "distance": float(score)}
                    for row, score in zip(rows, scores, strict=True)
                ]
                kept.sort(key=_worse)
                del kept[k:]
        return best

    def _rows(self, expression: str, fields: tuple[str, ...]) -> Iterator[list[dict]]:
        with collections.told(self.name):
            rows = self.client.query_iterator(
                self.collection,
                batch_size=self._at_once,
                filter=expression,
                output_fields=list(fields),
                consistency_level="Strong",
            )
            while part := rows.next():
                yield part
            rows.close()

    def _count(self, expression: str) -> int:
        with collections.told(self.name):
            (row,) = self.client.query(
                self.collection,
                filter=expression,
                output_fields=["count(*)"],
                consistency_level="Strong",
            )
        return row["count(*)"]

    @property
    def _vectors_at_once(self) -> int:
        return max(1, collections.REQUEST_BYTES // (4 * self.dimension))

    @property
    def _at_once(self) -> int:
        return min(_ROWS, self._vectors_at_once)


def _worse(row: dict) -> float:
    return -row["distance"]


def _hits(found: list[list[dict]]) -> list[list[entries_lib.Hit]]:
    return [
        [
            entries_lib.Hit(
                row["entity"]["entry_id"],
                float(row["distance"]),
                row["entity"]["person_id"],
                row["entity"]["metadata"],
            )
            for row in rows
        ]
        for rows in found
    ]
