"""Milvus collections of a gallery: connect, make, load, and what errors say."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

from dimn_tf import errors, extras
from dimn_tf.gallery import milvus_filters

TOKEN_VARIABLE = "MILVUS_TOKEN"
"""Environment variable with the server's token; no flag, which others could read."""

# Kind -> (index type of Milvus, build parameters, search parameters), as
# `indexes.INDEXES` has them. A server has more, such as DISKANN: one line each.
INDEXES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "exact": ("FLAT", {}, {}),
    "hnsw": ("HNSW", {"M": 32, "efConstruction": 128}, {"ef": 256}),
}

LARGEST_TEXT = 65_535
"""Bytes of a VARCHAR or a JSON value, Milvus' limit."""
REQUEST_BYTES = 16 << 20
"""A request's; a server takes 64 MiB."""
_FACTS = "_facts"


def read_facts(client, name: str, collection: str) -> dict[str, str] | None:
    """What holds for the whole gallery; None where there is none."""
    with told(name):
        if not client.has_collection(collection + _FACTS):
            return None
        load(client, collection + _FACTS)
        rows = client.get(
            collection + _FACTS,
            ids=["facts"],
            output_fields=["facts"],
            consistency_level="Strong",
        )
    return rows[0]["facts"] if rows else None


def make_facts(client, collection: str, facts: dict[str, str]) -> None:
    """Makes what is missing of the facts' collection."""
    types = _package().DataType
    name = collection + _FACTS
    schema = client.create_schema(auto_id=False)
    schema.add_field("key", types.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("facts", types.JSON)
    # Every collection must have a vector.
    schema.add_field("vector", types.FLOAT_VECTOR, dim=2)
    _make(client, name, schema, "FLAT", {})
    if not client.get(name, ids=["facts"], consistency_level="Strong"):
        set_facts(client, collection, facts)


def set_facts(client, collection: str, facts: dict[str, str]) -> None:
    """Keeps facts in place of those before."""
    row = {"key": "facts", "facts": facts, "vector": [1.0, 0.0]}
    client.upsert(collection + _FACTS, [row])


def make_entries(client, collection: str, dimension: int, index: str) -> None:
    """Makes what is missing of the entries' collection."""
    types = _package().DataType
    schema = client.create_schema(auto_id=False)
    schema.add_field("key", types.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("entry_id", types.VARCHAR, max_length=LARGEST_TEXT)
    schema.add_field("person_id", types.VARCHAR, max_length=LARGEST_TEXT, nullable=True)
    schema.add_field("metadata", types.JSON)
    schema.add_field("vector", types.FLOAT_VECTOR, dim=dimension)
    for name in (milvus_filters.PERSON, milvus_filters.CAMERA):
        schema.add_field(name, types.VARCHAR, max_length=milvus_filters.LENGTH)
    schema.add_field(milvus_filters.SEEN, types.INT64)
    kind, build, _ = INDEXES[index]
    _make(client, collection, schema, kind, build)


def has_filters(client, collection: str) -> bool:
    """Whether entries have the fields by which Milvus filters.

    Those of a collection that an older version made have not.
    """
    return _fields(client, collection).issuperset(milvus_filters.FIELDS)


def _fields(client, name: str) -> set[str]:
    return {field["name"] for field in client.describe_collection(name)["fields"]}


def _make(client, name: str, schema, kind: str, build: dict[str, Any]) -> None:
    """Makes a collection, its index, and loads it: each step where it is missing.

    One that an older version made stays as it is.
    """
    if client.has_collection(name):
        fields = _fields(client, name)
        made = {field.name for field in schema.fields}
        if fields not in (made, made.difference(milvus_filters.FIELDS)):
            raise errors.UserError(
                f"the collection {name} is there and is no gallery's (its fields: "
                f"{', '.join(sorted(fields))}). Name another after #"
            )
    else:
        client.create_collection(name, schema=schema, consistency_level="Strong")
    if not client.list_indexes(name, field_name="vector"):
        index = client.prepare_index_params()
        index.add_index("vector", index_type=kind, metric_type="IP", params=build)
        client.create_index(name, index)
    load(client, name)


def load(client, name: str) -> None:
    """Loads a collection if it is not: a token that may only read may not load."""
    loaded = _package().client.types.LoadState.Loaded
    if client.get_load_state(name)["state"] != loaded:
        client.load_collection(name)


def _package():
    return extras.load("pymilvus", "milvus", "a gallery on Milvus")


def connect(uri: str):
    """A client of the server, or of Milvus Lite, at a URI."""
    pymilvus = _package()
    # The client logs a traceback of each error that it raises, and Milvus Lite's
    # server, in this process, one of each method that it lacks and the client tries.
    for name in ("pymilvus", "grpc._server"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return pymilvus.MilvusClient(uri, token=os.environ.get(TOKEN_VARIABLE, ""))


@contextlib.contextmanager
def told(name: str) -> Iterator[None]:
    """Turns Milvus' errors into one that names the gallery."""
    try:
        yield
    except _package().MilvusException as error:
        raise errors.UserError(
            f"{name}: Milvus says: {error.message}. Is the server up, the place right "
            f"and, where it asks for one, the token in {TOKEN_VARIABLE}? A .db file is "
            "one process' at a time"
        ) from error
