"""The gallery on Milvus, for what outgrows one machine."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any

from dimn_tf import errors
from dimn_tf.gallery import base
from dimn_tf.gallery import entries as entries_lib

TOKEN_VARIABLE = "MILVUS_TOKEN"
"""Environment variable with the server's token; no flag, which others could read."""

# Kind -> (index type of Milvus, build parameters, search parameters), as
# `indexes.INDEXES` has them. A server has more, such as DISKANN: one line each.
INDEXES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "exact": ("FLAT", {}, {}),
    "hnsw": ("HNSW", {"M": 32, "efConstruction": 128}, {"ef": 256}),
}

_LARGEST_K = 16_384  # Milvus' limit of a search.
_LARGEST_TEXT = 65_535  # Bytes of a VARCHAR or a JSON value, Milvus' limit.
_REQUEST_BYTES = 16 << 20  # A request's; a server takes 64 MiB.
_KEYS_AT_A_TIME = 1_000
_FACTS = "_facts"


class MilvusGallery(base.BaseGallery):
    """A gallery in a Milvus collection: the interface of `Gallery`.

    Milvus keeps the entries, finds them by its own index (metric IP) and spreads both
    over machines; searches read with strong consistency, so each sees all that was
    acknowledged before. An entry's primary key is the SHA-256 of its id, so that any
    text can be an id and two writers of one id leave one entry. Batches above 16 MiB
    go in several requests, each whole or not at all. What survives a crash is what the
    server promises (Milvus Lite, a file for tests and small trials, writes its log at
    each request and is one process').

    Model hash, dimension and index kind lie in a second collection, `NAME_facts`,
    because Milvus Lite forgets descriptions.

    Args:
        uri: Of a server, such as `http://localhost:19530`, or a file that ends in .db
            (Milvus Lite).
        collection: Letters, digits and underscores.
        model_sha256: See `Gallery`.

    Raises:
        errors.UserError: no such gallery, another model's, or a server that does not
            answer.
    """

    largest_k = _LARGEST_K

    def __init__(self, uri: str, collection: str, model_sha256: str | None = None):
        self.name = f"{uri}#{collection}"
        self._collection = collection
        with _told(self.name):
            self._client = _connect(uri)
        try:
            facts = self._facts()
            if facts is None or not self._client.has_collection(collection):
                raise errors.UserError(
                    f"{self.name}: there is no gallery. Enrol images first, or correct "
                    "the place"
                )
            self.model_sha256 = facts["model_sha256"]
            base.refuse_another_model(self.name, self.model_sha256, model_sha256)
            self.dimension = int(facts["dimension"])
            self.index_kind = facts["index"]
            with _told(self.name):
                self._client.load_collection(collection)
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
    ) -> MilvusGallery:
        """Makes a gallery, or opens the one that is there.

        Args:
            uri: See the class.
            collection: Likewise.
            model_sha256: Of the model that the vectors come from.
            dimension: D.
            index: Key of `INDEXES`.

        Raises:
            errors.UserError: one is there of another model, dimension or kind.
        """
        facts = base.checked_facts(model_sha256, dimension, index, list(INDEXES))
        name = f"{uri}#{collection}"
        with _told(name):
            client = _connect(uri)
        try:
            with _told(name):
                # The facts come first: a creation that is cut off is taken up again.
                _make_facts(client, collection, facts)
                _make_collection(client, collection, dimension, index)
        finally:
            client.close()
        gallery = cls(uri, collection, model_sha256)
        try:
            base.refuse_other_facts(name, gallery._facts(), facts)
        except errors.UserError:
            gallery.close()
            raise
        return gallery

    def close(self) -> None:
        """Ends the connection."""
        self._client.close()

    def __len__(self) -> int:
        with _told(self.name):
            (row,) = self._client.query(
                self._collection,
                output_fields=["count(*)"],
                consistency_level="Strong",
            )
        return row["count(*)"]

    def which_of(self, entry_ids: Sequence[str]) -> set[str]:
        """Those of the ids that are there."""
        found, keys = set(), [_key(entry_id) for entry_id in entry_ids]
        for start in range(0, len(keys), _KEYS_AT_A_TIME):
            with _told(self.name):
                rows = self._client.get(
                    self._collection,
                    ids=keys[start : start + _KEYS_AT_A_TIME],
                    output_fields=["entry_id"],
                    consistency_level="Strong",
                )
            found.update(row["entry_id"] for row in rows)
        return found

    def _facts(self) -> dict[str, str] | None:
        with _told(self.name):
            if not self._client.has_collection(self._collection + _FACTS):
                return None
            self._client.load_collection(self._collection + _FACTS)
            rows = self._client.get(
                self._collection + _FACTS,
                ids=["facts"],
                output_fields=["facts"],
                consistency_level="Strong",
            )
        return rows[0]["facts"] if rows else None

    def _add(self, entries, metadata, vectors) -> None:
        for entry, text in zip(entries, metadata, strict=True):
            for what, value in (
                ("its id", entry.entry_id),
                ("its person id", entry.person_id or ""),
                ("its metadata", text),
            ):
                if len(value.encode()) > _LARGEST_TEXT:
                    raise errors.UserError(
                        f"entry {entry.entry_id[:80]!r}: {what} has more than "
                        f"{_LARGEST_TEXT:,} bytes, which Milvus takes. Nothing was "
                        "added"
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
        for part in _requests(rows, metadata, self.dimension):
            with _told(self.name):
                self._client.upsert(self._collection, part)

    def _remove(self, entry_ids) -> None:
        keys = [_key(entry_id) for entry_id in entry_ids]
        for start in range(0, len(keys), _KEYS_AT_A_TIME):
            with _told(self.name):
                self._client.delete(
                    self._collection, ids=keys[start : start + _KEYS_AT_A_TIME]
                )

    def _hits(self, probes, k) -> list[list[entries_lib.Hit]]:
        parameters = dict(INDEXES[self.index_kind][2])
        if "ef" in parameters:
            parameters["ef"] = max(parameters["ef"], k)
        with _told(self.name):
            found = self._client.search(
                self._collection,
                data=list(probes),
                anns_field="vector",
                limit=k,
                output_fields=["entry_id", "person_id", "metadata"],
                search_params={"metric_type": "IP", "params": parameters},
                consistency_level="Strong",
            )
        return [
            [
                entries_lib.Hit(
                    hit["entity"]["entry_id"],
                    float(hit["distance"]),
                    hit["entity"]["person_id"],
                    hit["entity"]["metadata"],
                )
                for hit in hits
            ]
            for hits in found
        ]

    def _writing(self):
        return base.nothing_held()

    def _reading(self):
        return base.nothing_held()


def _key(entry_id: str) -> str:
    return hashlib.sha256(entry_id.encode()).hexdigest()


def _requests(
    rows: list[dict], metadata: Sequence[str], dimension: int
) -> Iterator[list[dict]]:
    """The rows, in parts that a request holds."""
    part, size = [], 0
    for row, text in zip(rows, metadata, strict=True):
        bytes_of_row = 4 * dimension + 4 * len(text) + 4 * len(row["entry_id"]) + 512
        if part and size + bytes_of_row > _REQUEST_BYTES:
            yield part
            part, size = [], 0
        part.append(row)
        size += bytes_of_row
    if part:
        yield part


def _make_facts(client, collection: str, facts: dict[str, str]) -> None:
    pymilvus = _package()
    name = collection + _FACTS
    if not client.has_collection(name):
        schema = client.create_schema(auto_id=False)
        schema.add_field(
            "key", pymilvus.DataType.VARCHAR, is_primary=True, max_length=64
        )
        schema.add_field("facts", pymilvus.DataType.JSON)
        # Every collection must have a vector.
        schema.add_field("vector", pymilvus.DataType.FLOAT_VECTOR, dim=2)
        index = client.prepare_index_params()
        index.add_index("vector", index_type="FLAT", metric_type="IP")
        client.create_collection(
            name, schema=schema, index_params=index, consistency_level="Strong"
        )
    client.load_collection(name)
    if not client.get(name, ids=["facts"], consistency_level="Strong"):
        row = {"key": "facts", "facts": facts, "vector": [1.0, 0.0]}
        client.upsert(name, [row])


def _make_collection(client, collection: str, dimension: int, index: str) -> None:
    if client.has_collection(collection):
        return
    types = _package().DataType
    schema = client.create_schema(auto_id=False)
    schema.add_field("key", types.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("entry_id", types.VARCHAR, max_length=_LARGEST_TEXT)
    schema.add_field(
        "person_id", types.VARCHAR, max_length=_LARGEST_TEXT, nullable=True
    )
    schema.add_field("metadata", types.JSON)
    schema.add_field("vector", types.FLOAT_VECTOR, dim=dimension)
    kind, build, _ = INDEXES[index]
    made = client.prepare_index_params()
    made.add_index("vector", index_type=kind, metric_type="IP", params=build)
    client.create_collection(
        collection, schema=schema, index_params=made, consistency_level="Strong"
    )


def _package():
    try:
        return importlib.import_module("pymilvus")
    except ImportError as error:
        raise errors.UserError(
            "a gallery on Milvus needs the package pymilvus, which is not installed. "
            "Run: pip install -e '.[milvus]'"
        ) from error


def _connect(uri: str):
    pymilvus = _package()
    # The client logs a traceback of each error that it raises, and Milvus Lite's
    # server, in this process, one of each method that it lacks and the client tries.
    for name in ("pymilvus", "grpc._server"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return pymilvus.MilvusClient(uri, token=os.environ.get(TOKEN_VARIABLE, ""))


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    """Turns Milvus' errors into one that names the gallery."""
    try:
        yield
    except _package().MilvusException as error:
        raise errors.UserError(
            f"{name}: Milvus says: {error.message}. Is the server up, the place right "
            f"and, where it asks for one, the token in {TOKEN_VARIABLE}? A .db file is "
            "one process' at a time"
        ) from error
