"""Maximum inner product search by FAISS; a new index is one function and one line."""

from __future__ import annotations

import os
from collections.abc import Callable

import faiss
import numpy as np

HNSW_NEIGHBOURS = 32
"""Links of each vector in the `hnsw` graph; ours: 32, FAISS' usual value."""
HNSW_BUILD, HNSW_SEARCH = 128, 256
"""Candidates looked at while building and searching the graph; ours."""


class Index:
    """Vectors by number.

    FAISS finds by inner product; removed numbers are passed over by a selector where
    the index cannot forget them.

    Args:
        index: A FAISS index of metric inner product.
        forgets: Whether it can remove vectors.
        parameters: Makes search parameters of a selector, or None.
        worth_keeping: Whether building it takes far longer than reading it.
    """

    def __init__(
        self,
        index: faiss.Index,
        forgets: bool,
        parameters: Callable,
        worth_keeping: bool = False,
    ):
        self._index = faiss.IndexIDMap2(index)
        self._forgets = forgets
        self._parameters = parameters
        self.worth_keeping = worth_keeping
        self._removed: set[int] = set()

    def __len__(self) -> int:
        return self._index.ntotal - len(self._removed)

    def add(self, numbers: np.ndarray, vectors: np.ndarray) -> None:
        """Adds vectors float32 [n, D] under numbers int64 [n]."""
        self._index.add_with_ids(vectors, numbers)

    def remove(self, numbers: np.ndarray) -> None:
        """Removes vectors by number."""
        if self._forgets:
            self._index.remove_ids(np.asarray(numbers, np.int64))
        else:
            self._removed.update(int(number) for number in numbers)

    def write(self, path: str | os.PathLike) -> None:
        """Writes it to a file, with the vectors that it could not forget."""
        faiss.write_index(self._index, str(path))

    def read(self, path: str | os.PathLike) -> np.ndarray:
        """Takes the place of what is here; gives the numbers in it, int64 [n]."""
        self._index = faiss.read_index(str(path))
        self._removed.clear()
        return faiss.vector_to_array(self._index.id_map)

    def search(self, probes: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Scores float32 [P, k] and numbers int64 [P, k], best first; -1: none."""
        if not self._removed:
            return self._index.search(probes, k, params=self._parameters(None))
        gone = faiss.IDSelectorBatch(np.fromiter(self._removed, np.int64))
        kept = faiss.IDSelectorNot(gone)
        return self._index.search(probes, k, params=self._parameters(kept))


def _exact(dimension: int) -> Index:
    return Index(faiss.IndexFlatIP(dimension), True, lambda selector: None)


def _exact_float16(dimension: int) -> Index:
    index = faiss.IndexScalarQuantizer(
        dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    return Index(index, True, lambda selector: None)


def _hnsw(dimension: int) -> Index:
    return _graph(
        faiss.IndexHNSWFlat(dimension, HNSW_NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
    )


def _hnsw_float16(dimension: int) -> Index:
    return _graph(
        faiss.IndexHNSWSQ(
            dimension,
            faiss.ScalarQuantizer.QT_fp16,
            HNSW_NEIGHBOURS,
            faiss.METRIC_INNER_PRODUCT,
        )
    )


def _graph(index: faiss.IndexHNSW) -> Index:
    index.hnsw.efConstruction = HNSW_BUILD

    def parameters(selector):
        made = faiss.SearchParametersHNSW(efSearch=HNSW_SEARCH)
        if selector is not None:
            made = faiss.SearchParametersHNSW(efSearch=HNSW_SEARCH, sel=selector)
        return made

    return Index(index, False, parameters, worth_keeping=True)


# Kind -> maker, from D. `exact` keeps 4 bytes a number, `exact_float16` 2; the graphs
# (`hnsw`) are approximate and keep their links beside 4 bytes a number, or 2.
INDEXES: dict[str, Callable[[int], Index]] = {
    "exact": _exact,
    "exact_float16": _exact_float16,
    "hnsw": _hnsw,
    "hnsw_float16": _hnsw_float16,
}
