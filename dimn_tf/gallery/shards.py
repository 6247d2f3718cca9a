"""Shards: entries in Parquet files, on their way from many machines to a gallery."""

from __future__ import annotations

import contextlib
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from dimn_tf import errors, extras, progress, standard_json
from dimn_tf.gallery import (
    about,
    base,
    content_hash,
    enrolment,
    entries,
    meanwhile,
    outcomes,
)

REPORT_FILE = "report.json"
"""Written last: shards without it are not whole."""
PREFIX, SUFFIX = "entries", ".parquet"
_AT_A_TIME = 256  # Entries that go into a gallery at once, each batch for good.
# Columns are named as the fields of a gallery on Milvus are.
_COLUMNS = ("entry_id", "person_id", "metadata", "vector")


def schema(dimension: int):
    """The columns of a shard, a `pyarrow.Schema`.

    Args:
        dimension: D, of the vectors.
    """
    arrow = _package("pyarrow")
    vector = arrow.list_(arrow.float32(), dimension)
    kinds = (arrow.string(), arrow.string(), arrow.string(), vector)
    return arrow.schema(list(zip(_COLUMNS, kinds, strict=True)))


def row_of(entry: entries.Entry) -> dict[str, Any]:
    """A shard's row of an entry; metadata as JSON."""
    text = entries.metadata_text(entry)
    values = (entry.entry_id, entry.person_id, text, entry.vector)
    return dict(zip(_COLUMNS, values, strict=True))


def paths(folder: pathlib.Path) -> list[pathlib.Path]:
    """The shards of a folder."""
    return sorted(folder.glob(f"{PREFIX}*{SUFFIX}"))


def count(path: pathlib.Path) -> int:
    """Entries of a shard.

    Raises:
        errors.UserError: it is not whole.
    """
    with _whole(path):
        return _package("pyarrow.parquet").read_metadata(path).num_rows


def read_report(folder: pathlib.Path) -> dict[str, Any]:
    """What stands in a folder's report, once its shards are found as it tells.

    Returns:
        The report: `model_sha256`, `dimension`, `shards` (entries by file name), ...

    Raises:
        errors.UserError: there is none, or it holds no shards, or they are not whole.
    """
    path = folder / REPORT_FILE
    try:
        report = standard_json.read_object(path)
        told = {str(name): int(rows) for name, rows in report["shards"].items()}
        str(report["model_sha256"]), int(report["dimension"])
    except FileNotFoundError as error:
        raise errors.UserError(
            f"{path} is missing: {folder} holds no shards, or an enrolment that wrote "
            "them did not end. Name the --output of one that did"
        ) from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise errors.UserError(
            f"{path}: it tells of no shards ({error}). Name the --output of an "
            "enrolment without --gallery"
        ) from error
    found = {path.name: count(path) for path in paths(folder)}
    if found != told:
        other = sorted(set(found.items()) ^ set(told.items()))[0][0]
        raise errors.UserError(
            f"{folder / other}: {found.get(other, 'no')} entries, where {REPORT_FILE} "
            f"tells of {told.get(other, 'none')}. Copy the folder again, or enrol again"
        )
    return report


def read(folder: pathlib.Path) -> Iterator[list[entries.Entry]]:
    """The entries of a folder's shards, some at a time.

    Raises:
        errors.UserError: one is not whole.
    """
    for path in paths(folder):
        with _whole(path), _package("pyarrow.parquet").ParquetFile(path) as file:
            for part in file.iter_batches(_AT_A_TIME, columns=list(_COLUMNS)):
                vectors = part.column("vector").flatten().to_numpy()
                vectors = vectors.reshape(part.num_rows, -1)
                columns = (part.column(name).to_pylist() for name in _COLUMNS[:3])
                yield [
                    entries.Entry(entry_id, vector, person, json.loads(metadata))
                    for entry_id, person, metadata, vector in zip(
                        *columns, vectors, strict=True
                    )
                ]


def import_into(
    gallery: base.BaseGallery,
    folder: pathlib.Path,
    told: Mapping[str, Any],
    replace: bool = False,
    show_progress: bool = True,
) -> outcomes.Report:
    """Adds what shards hold and the gallery does not.

    Each batch is on disk before the next one begins: a killed import goes on where it
    stopped when it is run again. What is another picture, person or camera than what is
    there is listed, or replaced.

    Args:
        gallery: Added to; of the shards' model.
        folder: Of the shards.
        told: Their report, see `read_report`.
        replace: Whether what is another now takes the place of what was enrolled.
        show_progress: Whether progress with rate and time left goes to stderr.

    Raises:
        errors.UserError: another model's shards, or one that is not whole.
    """
    about.refuse_another_model(gallery.name, gallery.model_sha256, told["model_sha256"])
    report = outcomes.Report()
    bar = progress.bar(
        total=sum(told["shards"].values()),
        label="importing",
        unit="entries",
        show=show_progress,
        on_stderr=True,
    )
    with bar:
        for part in read(folder):
            _import(gallery, part, replace, report)
            bar.update(len(part))
    enrolment.tidy(gallery, replace)
    return report


def _import(gallery, part, replace, report: outcomes.Report) -> None:
    known = gallery.known([entry.entry_id for entry in part])
    wanted = []
    for entry in part:
        before = known.get(entry.entry_id)
        camera = entry.metadata.get(enrolment.CAMERA)
        if before is not None:
            digest = entry.metadata.get(content_hash.KEY)
            if not outcomes.is_to_replace(
                before, entry.person_id, camera, digest, replace, report
            ):
                continue
        wanted.append((entry, before))
    meanwhile.add(gallery, wanted, report)


@contextlib.contextmanager
def _whole(path: pathlib.Path) -> Iterator[None]:
    """Names a shard that cannot be read."""
    try:
        yield
    except (_package("pyarrow").ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise errors.UserError(
            f"{path}: no whole Parquet file ({reason}). Copy the folder again, or "
            "enrol again"
        ) from error


def _package(name: str):
    return extras.load(name, "beam", "shards of entries")
