r"""Recall and speed of galleries: embedded exact and approximate, and Milvus.

    python -m experiments.benchmarks.gallery
    python -m experiments.benchmarks.gallery --entries=1000000 \
        --backends=exact_float16,hnsw_float16

Prints one JSON line for each number of entries. Vectors are made up in clusters as
identities are: ten images of each, which vary nearly as much, in directions of
falling variance. Each backend fills a gallery in one process and searches it in
another, which opens it from disk. For each:
    recall_at_10: share of the ten best by brute force that are among its ten.
    ms_a_search: of one probe at a time (median), and of all probes at once.
    filtered_over_unfiltered: time of a search among the entries of some cameras, by
        the share of all entries that they have, and of one for one entry a person:
        median of the ratios to a plain search for the same probe, done just before.
    facts_seconds: what the first of these takes, which reads what filters look at.
    ms_brute_force: one float32 matrix product of all probes with all vectors held in
        memory and the ten best of each, a probe; it keeps no metadata.
    add_a_second: entries, on disk when counted; index_seconds: building an index that
        is kept; open_seconds: opening the gallery until the first search is done.
    disk_bytes_an_entry: of the folder.
    memory_bytes_an_entry: what the process grew by, from its imports to after the first
        search, freed memory given back; for Milvus Lite its server is in it.
"""

import ctypes
import importlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import numpy as np
from absl import flags

from dimn_tf import errors, progress
from dimn_tf.gallery import (
    Entry,
    Filter,
    Gallery,
    MilvusGallery,
    indexes,
    milvus_collections,
)
from experiments import command_line, launch, path_flags

FLAGS = flags.FLAGS
EACH = 10  # Images of an identity.
SPREAD = 0.8  # Of an identity's images, relative to identities'.
PROBES, K = 100, 10
CAMERAS = 100  # Which take turns.
SHARES = (0.01, 0.1, 0.5)  # Of the entries, that filters want.
MODEL = "0" * 64
_CHUNK = 10_000
_MILVUS = "milvus_"
BACKENDS = (*indexes.INDEXES, *(_MILVUS + kind for kind in milvus_collections.INDEXES))


def define() -> None:
    """Defines the command's flags."""
    flags.DEFINE_list("entries", ["10000"], "Numbers of entries, one line each.")
    flags.DEFINE_list("backends", list(BACKENDS), f"Of {', '.join(BACKENDS)}.")
    flags.DEFINE_integer("dimension", 1792, "D.", 2)
    path_flags.define_path("scratch", None, "Folder for temporary files; the system's.")
    flags.DEFINE_enum("phase", None, list(PHASES), "One process' part; internal.")
    path_flags.define_path("folder", None, "Of the gallery; internal.")


def centres(first: int, count: int, dimension: int) -> np.ndarray:
    """Identities first, first + 1, ...: float32 [count, D], anisotropic.

    Standard deviations fall as 1 / (1 + i / 8) over the directions i: some 24 of them
    count, as in features, and an identity's neighbours are other people.
    """
    rng = np.random.default_rng((0, first, count))
    return _scales(dimension) * rng.standard_normal((count, dimension), np.float32)


def _scales(dimension: int) -> np.ndarray:
    return 1 / (1 + np.arange(dimension, dtype=np.float32) / 8)


def vectors_of(entries: int, dimension: int) -> Iterator[np.ndarray]:
    """Unit-length vectors, float32 [<= 10,000, D] at a time, in identities' order."""
    for start in range(0, entries, _CHUNK):
        count = min(_CHUNK, entries - start)
        identities = -(-count // EACH)
        persons = centres(start // EACH, identities, dimension)
        rng = np.random.default_rng((1, start, count))
        noise = rng.standard_normal((count, dimension), np.float32)
        noise *= SPREAD * _scales(dimension)
        made = np.repeat(persons, EACH, axis=0)[:count] + noise
        yield made / np.linalg.norm(made, axis=1, keepdims=True)


def probes_of(entries: int, dimension: int) -> np.ndarray:
    """Further images of identities spread over the gallery: float32 [100, D]."""
    chunks = -(-entries // _CHUNK)
    rng = np.random.default_rng(2)
    made = []
    for probe in range(PROBES):
        start = (probe * chunks // PROBES) * _CHUNK
        identities = -(-min(_CHUNK, entries - start) // EACH)
        persons = centres(start // EACH, identities, dimension)
        person = persons[probe % identities]
        noise = rng.standard_normal(dimension, np.float32)
        made.append(person + SPREAD * _scales(dimension) * noise)
    return np.stack(made).astype(np.float32)


def brute_force(entries: int, dimension: int) -> tuple[np.ndarray, float]:
    """The ten best of each probe, int64 [100, 10], and milliseconds a probe."""
    probes, seconds, first = probes_of(entries, dimension), 0.0, 0
    best = np.full((PROBES, K), -np.inf, np.float32)
    numbers = np.zeros((PROBES, K), np.int64)
    for vectors in _bar(vectors_of(entries, dimension), entries, "brute force"):
        start = time.perf_counter()
        scores = probes @ vectors.T
        k = min(K, scores.shape[1])
        top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        joined = np.concatenate([best, np.take_along_axis(scores, top, 1)], axis=1)
        named = np.concatenate([numbers, top + first], axis=1)
        order = np.argsort(-joined, axis=1)[:, :K]
        best = np.take_along_axis(joined, order, 1)
        numbers = np.take_along_axis(named, order, 1)
        seconds += time.perf_counter() - start
        first += len(vectors)
    return numbers, 1e3 * seconds / PROBES


def create(backend: str, folder: pathlib.Path, dimension: int):
    """An empty gallery; quantised ones are quantised on disk too."""
    if backend.startswith(_MILVUS):
        kind = backend.removeprefix(_MILVUS)
        uri = str(folder / "milvus.db")
        return MilvusGallery.create(uri, "people", MODEL, dimension, kind)
    stored = "float16" if backend.endswith("float16") else "float32"
    return Gallery.create(folder, MODEL, dimension, backend, stored)


def open_again(backend: str, folder: pathlib.Path):
    """The gallery that `create` made."""
    if backend.startswith(_MILVUS):
        return MilvusGallery(str(folder / "milvus.db"), "people")
    return Gallery(folder)


def entry(number: int, vector: np.ndarray) -> Entry:
    """An entry as commands enrol one."""
    person = number // EACH
    metadata = {
        "path": f"crops/{person:08d}/{number:09d}.jpg",
        "camera_id": str(number % CAMERAS),
    }
    return Entry(f"{number}", vector, f"person {person}", metadata)


def fill(backend: str, folder: pathlib.Path, entries: int, dimension: int) -> dict:
    """Adds the entries; gives times."""
    adding, number = 0.0, 0
    with create(backend, folder, dimension) as gallery:
        for vectors in _bar(vectors_of(entries, dimension), entries, backend):
            rows = [entry(number + i, vector) for i, vector in enumerate(vectors)]
            start = time.perf_counter()
            gallery.add(rows)
            adding += time.perf_counter() - start
            number += len(rows)
        start = time.perf_counter()
        kept = gallery.keep_index()
        building = time.perf_counter() - start
    return {
        "add_a_second": round(entries / adding),
        "index_seconds": round(building, 1) if kept else None,
    }


def search(backend: str, folder: pathlib.Path, entries: int, dimension: int) -> dict:
    """Opens and searches; gives times, memory and what was found."""
    probes = probes_of(entries, dimension)
    if backend.startswith(_MILVUS):
        importlib.import_module("pymilvus")
    before = _resident_bytes()
    start = time.perf_counter()
    with open_again(backend, folder) as gallery:
        gallery.search(probes[:1], K)
        opening = time.perf_counter() - start
        resident = _resident_bytes() - before
        times, found = [], []
        for probe in probes:
            start = time.perf_counter()
            (hits,) = gallery.search(probe[np.newaxis], K)
            times.append(1e3 * (time.perf_counter() - start))
            found.append([int(hit.entry_id) for hit in hits])
        start = time.perf_counter()
        gallery.search(probes, K)
        together = 1e3 * (time.perf_counter() - start) / len(probes)
        filtered = filtered_figures(gallery, probes)
    return {
        "open_seconds": round(opening, 2),
        "ms_a_search": round(float(np.median(times)), 3),
        "ms_a_search_of_100": round(together, 3),
        "memory_bytes_an_entry": round(resident / entries),
        **filtered,
        "found": found,
    }


def filtered_figures(gallery, probes: np.ndarray) -> dict:
    """Times of filtered searches, over those of plain ones in between."""
    start = time.perf_counter()
    gallery.search(probes[:1], K, True)
    reading = time.perf_counter() - start
    kinds = {"one_per_person": {"one_per_person": True}}
    for share in SHARES:
        cameras = frozenset(map(str, range(round(share * CAMERAS))))
        kinds[str(share)] = {"wanted": Filter(cameras)}
    ratios = {}
    for name, given in kinds.items():
        taken = []
        for probe in probes[:, np.newaxis]:
            start = time.perf_counter()
            gallery.search(probe, K)
            between = time.perf_counter()
            gallery.search(probe, K, **given)
            taken.append((time.perf_counter() - between) / (between - start))
        ratios[name] = round(float(np.median(taken)), 3)
    return {
        "facts_seconds": round(reading, 2),
        "filtered_over_unfiltered": ratios,
    }


def erase(backend: str, folder: pathlib.Path, entries: int, dimension: int) -> dict:
    """Removes a person, then has the files written anew; gives times."""
    del entries, dimension
    with open_again(backend, folder) as gallery:
        start = time.perf_counter()
        gallery.remove(gallery.entries_of("person 0"))
        between = time.perf_counter()
        gallery.clear_gaps()
        end = time.perf_counter()
    return {
        "remove_seconds": round(between - start, 2),
        "clear_gaps_seconds": round(end - between, 2),
    }


PHASES = {"fill": fill, "search": search, "erase": erase}


def measure(backend: str, entries: int, dimension: int, truth: np.ndarray) -> dict:
    """A backend's row, from a further process for each phase."""
    with tempfile.TemporaryDirectory(dir=FLAGS.scratch) as folder:
        row = {}
        for phase in PHASES:
            if phase == "erase":
                files = [p for p in pathlib.Path(folder).rglob("*") if p.is_file()]
                disk = sum(path.stat().st_size for path in files)
            output = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "experiments.benchmarks.gallery",
                    f"--phase={phase}",
                    f"--folder={folder}",
                    f"--backends={backend}",
                    f"--entries={entries}",
                    f"--dimension={dimension}",
                ],
                stdout=subprocess.PIPE,
                check=True,
                text=True,
            ).stdout
            row |= json.loads(output.splitlines()[-1])
    found = row.pop("found")
    hits = [len({*ours} & {*best}) for ours, best in zip(found, truth, strict=True)]
    recall = sum(hits) / truth.size
    return {
        "recall_at_10": round(recall, 4),
        **row,
        "disk_bytes_an_entry": round(disk / entries),
    }


def main(_):
    unknown = set(FLAGS.backends) - set(BACKENDS)
    if unknown:
        raise errors.UserError(
            f"--backends={','.join(sorted(unknown))}: expected some of "
            f"{', '.join(BACKENDS)}"
        )
    sizes = command_line.whole_numbers("entries")
    if FLAGS.phase:
        phase = PHASES[FLAGS.phase]
        folder = pathlib.Path(FLAGS.folder)
        row = phase(FLAGS.backends[0], folder, sizes[0], FLAGS.dimension)
        print(json.dumps(row))
        return
    versions = _versions(FLAGS.backends)  # Before hours of measuring.
    for entries in sizes:
        truth, ms = brute_force(entries, FLAGS.dimension)
        rows = {}
        for backend in FLAGS.backends:
            rows[backend] = measure(backend, entries, FLAGS.dimension, truth)
            print(f"{backend}: {rows[backend]}", file=sys.stderr)
        line = {
            "benchmark": "gallery",
            "entries": entries,
            "dimension": FLAGS.dimension,
            "probes": PROBES,
            "ms_brute_force": round(ms, 3),
            "backends": rows,
            "cores": len(os.sched_getaffinity(0)),
            "versions": versions,
        }
        print(json.dumps(line), flush=True)


def _versions(backends) -> dict[str, str]:
    from importlib import metadata

    names = ["faiss-cpu", "numpy"]
    if any(backend.startswith(_MILVUS) for backend in backends):
        names += ["pymilvus", "milvus-lite"]
    return {name: metadata.version(name) for name in names}


def _resident_bytes() -> int:
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _bar(chunks, entries: int, name: str):
    with progress.bar(label=name, total=entries, unit="entries", on_stderr=True) as bar:
        for vectors in chunks:
            yield vectors
            bar.update(len(vectors))


if __name__ == "__main__":
    launch.launch(define, main)
