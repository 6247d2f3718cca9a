"""The gallery on Milvus, for what outgrows one machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from dimn_tf import errors
from dimn_tf.gallery import about, base, milvus_filters, milvus_search, names
from dimn_tf.gallery import entries as entries_lib
from dimn_tf.gallery import milvus_collections as collections

_KEYS_AT_A_TIME = 1_000
# A person id that needs no quoting in a filter, and has one spelling.
_PLAIN = re.compile(r"[\w .@-]+", re.ASCII)


class MilvusGallery(base.BaseGallery):
    """A gallery in a Milvus collection: the interface of `Gallery`.

    Milvus keeps the entries, finds them by its own index (metric IP) and spreads both
    over machines; searches read with strong consistency, so each sees all that was
    acknowledged before. An entry's primary key is the SHA-256 of its id, so that any
    text can be an id and two writers of one id leave one entry. Batches above 16 MiB
    go in several requests, each whole or not at all. What survives a crash is what the
    server promises (Milvus Lite, a file for tests and small trials, writes its log at
    each request and is one process').

    Cameras, times and persons are fields by which Milvus filters (`milvus_filters`), so
    that searches by them look at all entries: as exact as the others with `exact`; with
    `hnsw` as many are found as there are, and which of them is the graph's word (see
    `milvus_search`). One entry a person may take several requests, each of which sees
    what is there by then. A collection that an older version made lacks those fields
    and goes on without: there such searches look at the `largest_k` best entries.

    Model hash, dimension, index kind and identity lie in a second collection,
    `NAME_facts`, because Milvus Lite forgets descriptions. (Nor is a collection's own
    number the gallery's identity: 0 with Milvus Lite, another one once a server's
    backup was restored.)

    Args:
        uri: Of a server, such as `http://localhost:19530`, or a file that ends in .db
            (Milvus Lite).
        collection: Letters, digits and underscores.
        model_sha256: See `Gallery`.

    Raises:
        errors.UserError: no such gallery, another model's, or a server that does not
            answer.
    """

    largest_k = milvus_search.LARGEST_K

    def __init__(self, uri: str, collection: str, model_sha256: str | None = None):
        self.name = f"{uri}#{collection}"
        self._collection = collection
        with collections.told(self.name):
            self._client = collections.connect(uri)
        try:
            facts = collections.read_facts(self._client, self.name, collection)
            if facts is None:
                raise base.NoGallery(
                    f"{self.name}: there is no gallery. Enrol images first, or correct "
                    "the place"
                )
            self.model_sha256 = facts["model_sha256"]
            about.refuse_another_model(self.name, self.model_sha256, model_sha256)
            self.dimension = int(facts["dimension"])
            self.index_kind = facts["index"]
            with collections.told(self.name):
                if not self._client.has_collection(collection):
                    raise errors.UserError(
                        f"{self.name}: its making was cut off. Enrol images into it "
                        "again"
                    )
                collections.load(self._client, collection)
                self.filters_all = collections.has_filters(self._client, collection)
            self._search = milvus_search.Search(
                self._client, self.name, collection, self.index_kind, self.dimension
            )
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(
        cls,
        uri: str,
        collection: str,
        model_sha256: str,
        dimension: int,
        index: str = "exact",
        before_making: Callable[[], None] = lambda: None,
    ) -> MilvusGallery:
        """Makes a gallery, or opens the one that is there.

        Args:
            uri: See the class.
            collection: Likewise.
            model_sha256: Of the model that the vectors come from.
            dimension: D.
            index: Key of `collections.INDEXES`.
            before_making: Called where there is none; what it raises has none made.

        Raises:
            errors.UserError: one is there of another model, dimension or kind.
        """
        facts = about.checked_facts(
            model_sha256, dimension, index, list(collections.INDEXES)
        )
        name = f"{uri}#{collection}"
        with collections.told(name):
            client = collections.connect(uri)
        try:
            with collections.told(name):
                there = client.has_collection(collection)
            if not there or collections.read_facts(client, name, collection) is None:
                before_making()
            # The facts come first: a making that is cut off is taken up again.
            with collections.told(name):
                collections.make_facts(client, collection, facts)
            found = collections.read_facts(client, name, collection) or {}
            about.refuse_other_facts(name, found, facts)
            with collections.told(name):
                if not client.has_collection(collection):  # However old the facts are.
                    identity = {about.IDENTITY: about.new_identity()}
                    collections.set_facts(client, collection, {**found, **identity})
                collections.make_entries(client, collection, dimension, index)
        finally:
            client.close()
        return cls(uri, collection, model_sha256)

    def close(self) -> None:
        """Ends the connection."""
        self._client.close()

    @property
    def identity(self) -> str | None:
        """See base class."""
        return self._facts().get(about.IDENTITY)

    def give_identity(self) -> str:
        """See base class; of two processes at once, the later one gives it."""
        facts = self._facts()
        if about.IDENTITY not in facts:
            facts[about.IDENTITY] = about.new_identity()
            with collections.told(self.name):
                collections.set_facts(self._client, self._collection, facts)
        return self._facts()[about.IDENTITY]

    def _facts(self) -> dict[str, str]:
        """As they are kept now.

        Raises:
            errors.UserError: they are gone.
        """
        facts = collections.read_facts(self._client, self.name, self._collection)
        if facts is None:
            raise base.NoGallery(f"{self.name}: the gallery is gone. Put it back")
        return facts

    def __len__(self) -> int:
        with collections.told(self.name):
            (row,) = self._client.query(
                self._collection,
                output_fields=["count(*)"],
                consistency_level="Strong",
            )
        return row["count(*)"]

    def known(self, entry_ids: Sequence[str]) -> dict[str, entries_lib.Known]:
        """Person and metadata of those of the ids that are there."""
        fields = ["entry_id", "person_id", "metadata"]
        return {
            row["entry_id"]: entries_lib.Known(*(row[name] for name in fields))
            for row in self._rows(entry_ids, fields, _KEYS_AT_A_TIME)
        }

    def persons(self) -> dict[str, str | None]:
        """Every entry's person, by entry id."""
        found: dict[str, str | None] = {}
        with collections.told(self.name):
            rows = self._client.query_iterator(
                self._collection,
                batch_size=_KEYS_AT_A_TIME,
                output_fields=["entry_id", "person_id"],
                consistency_level="Strong",
            )
            while part := rows.next():
                found.update((row["entry_id"], row["person_id"]) for row in part)
            rows.close()
        return found

    def page(
        self, after: str = "", limit: int = 100, person_id: str | None = None
    ) -> entries_lib.Page:
        """Some of the entries, in the order of their primary keys."""
        if after and not re.fullmatch("[0-9a-f]{64}", after):
            raise entries_lib.no_page(self.name, after)
        wanted, asked = "", limit
        if person_id is not None and self.filters_all:
            wanted = f" and {milvus_filters.of_person(person_id)}"
        elif person_id is not None and _PLAIN.fullmatch(person_id):  # One spelling.
            wanted = f' and person_id == "{person_id}"'
        elif person_id is not None:  # All are looked through: no quoting is trusted.
            asked = max(limit, _KEYS_AT_A_TIME)
        found: list[dict] = []
        while True:
            part = self._after(after, wanted, asked)
            found += [
                r
                for r in part
                if person_id is None or names.same(person_id, r["person_id"])
            ]
            if len(part) < asked or len(found) >= limit:
                break
            after = part[-1]["key"]
        known = tuple(
            entries_lib.Known(row["entry_id"], row["person_id"], row["metadata"])
            for row in found[:limit]
        )
        is_last = len(found) <= limit and len(part) < asked
        return entries_lib.Page(known, "" if is_last else found[limit - 1]["key"])

    def _after(self, after: str, wanted: str, limit: int) -> list[dict]:
        """The rows behind a key, in their order."""
        with collections.told(self.name):
            rows = self._client.query_iterator(
                self._collection,
                batch_size=limit,
                filter=f'key > "{after}"{wanted}',
                output_fields=["key", "entry_id", "person_id", "metadata"],
                consistency_level="Strong",
            )
            part = rows.next()
            rows.close()
        return part

    def _add(self, entries, metadata, vectors) -> None:
        for entry, text in zip(entries, metadata, strict=True):
            for what, value in (
                ("its id", entry.entry_id),
                ("its person id", entry.person_id or ""),
                ("its metadata", text),
            ):
                if len(value.encode()) > collections.LARGEST_TEXT:
                    raise errors.UserError(
                        f"entry {entry.entry_id[:80]!r}: {what} has more than "
                        f"{collections.LARGEST_TEXT:,} bytes, which Milvus takes. "
                        "Nothing was added"
                    )
        rows = [
            {
                "key": _key(entry.entry_id),
                "entry_id": entry.entry_id,
                "person_id": entry.person_id,
                "metadata": json.loads(text),
                "vector": vector,
            }
            for entry, text, vector in zip(entries, metadata, vectors, strict=True)
        ]
        if self.filters_all:
            for row in rows:
                told = (row["entry_id"], row["person_id"], row["metadata"])
                row.update(milvus_filters.values(*told))
        for part in _requests(rows, metadata, self.dimension):
            with collections.told(self.name):
                self._client.upsert(self._collection, part)

    def _remove(self, entry_ids) -> None:
        keys = [_key(entry_id) for entry_id in entry_ids]
        for start in range(0, len(keys), _KEYS_AT_A_TIME):
            with collections.told(self.name):
                self._client.delete(
                    self._collection, ids=keys[start : start + _KEYS_AT_A_TIME]
                )

    def _vectors(self, entry_ids) -> dict[str, np.ndarray]:
        at_once = max(
            1, min(_KEYS_AT_A_TIME, collections.REQUEST_BYTES // (4 * self.dimension))
        )
        rows = self._rows(entry_ids, ["entry_id", "vector"], at_once)
        return {row["entry_id"]: np.asarray(row["vector"]) for row in rows}

    def _rows(
        self, entry_ids: Sequence[str], fields: list[str], at_once: int
    ) -> Iterator[dict]:
        """Fields of those of the ids that are there; so many ids a request."""
        keys = [_key(entry_id) for entry_id in entry_ids]
        for start in range(0, len(keys), at_once):
            with collections.told(self.name):
                rows = self._client.get(
                    self._collection,
                    ids=keys[start : start + at_once],
                    output_fields=fields,
                    consistency_level="Strong",
                )
            yield from rows

    def _hits(self, probes, k) -> list[list[entries_lib.Hit]]:
        return self._search.best(probes, k)

    def _chosen(self, probes, k, one_per_person, wanted) -> list[list[entries_lib.Hit]]:
        """See base class; an older collection alone has only its best looked at."""
        if not self.filters_all:
            return super()._chosen(probes, k, one_per_person, wanted)
        if not one_per_person:
            return self._search.among(probes, k, wanted)
        return [
            self._search.one_a_person(probe[np.newaxis], k, wanted) for probe in probes
        ]

    def _writing(self):
        return contextlib.nullcontext()

    def _reading(self):
        return contextlib.nullcontext()


def _key(entry_id: str) -> str:
    return hashlib.sha256(entry_id.encode()).hexdigest()


def _requests(
    rows: list[dict], metadata: Sequence[str], dimension: int
) -> Iterator[list[dict]]:
    """The rows, in parts that a request holds."""
    part, size = [], 0
    for row, text in zip(rows, metadata, strict=True):
        letters = len(text) + len(row["entry_id"]) + len(row["person_id"] or "")
        bytes_of_row = 4 * dimension + 4 * letters + 512
        if part and size + bytes_of_row > collections.REQUEST_BYTES:
            yield part
            part, size = [], 0
        part.append(row)
        size += bytes_of_row
    if part:
        yield part
