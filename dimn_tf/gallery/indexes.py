"""Maximum inner product search by FAISS; a new index is one function and one line."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np

from dimn_tf import errors, extras, files

faiss = extras.Lazy("faiss", "gallery", "a gallery's search")

HNSW_NEIGHBOURS = 32
"""Links of each vector in the `hnsw` graph; ours: 32, FAISS' usual value."""
HNSW_BUILD, HNSW_SEARCH = 128, 256
"""Candidates looked at while building and searching the graph; ours."""
HNSW_MOST = 4_096
"""Candidates, at most, where removed vectors lie among them and no more are asked for;
ours. Where too few are left of them, all vectors are looked at."""
HNSW_LOOKS = 32
"""Vectors that are looked at for each candidate, about; ours. A search among some
vectors goes through the graph where that looks at fewer than there are of those."""
_NO_SCORE = np.finfo(np.float32).min  # FAISS' own.
_SPARE = 2  # Times the candidates of which, by their share, k would count.


class Index:
    """Vectors by number.

    FAISS finds by inner product; removed vectors are passed over where the index cannot
    forget them.

    Args:
        index: A FAISS index of metric inner product.
        forgets: Whether it can remove vectors; else it is a graph.
        worth_keeping: Whether building it takes far longer than reading it.
    """

    def __init__(
        self,
        index: faiss.Index,
        forgets: bool,
        worth_keeping: bool = False,
    ):
        self._index = faiss.IndexIDMap2(index)
        self._forgets = forgets
        self.worth_keeping = worth_keeping
        # By place: whether its vector was removed, and is still there.
        self._removed = np.zeros(0, bool)

    def __len__(self) -> int:
        return self._index.ntotal - int(np.count_nonzero(self._removed))

    def add(self, numbers: np.ndarray, vectors: np.ndarray) -> None:
        """Adds vectors float32 [n, D] under numbers int64 [n].

        The numbers rise, and are above those that are there.
        """
        self._index.add_with_ids(vectors, numbers)

    def remove(self, numbers: Sequence[int]) -> None:
        """Removes vectors by number; numbers that it does not hold are passed over."""
        numbers = np.asarray(numbers, np.int64)
        if self._forgets:
            self._index.remove_ids(numbers)
        else:
            there = _view(self._index.id_map)
            places = np.searchsorted(there, numbers)
            inside = places < len(there)
            places, numbers = places[inside], numbers[inside]
            self._gone()[places[there[places] == numbers]] = True

    def _gone(self) -> np.ndarray:
        """By place: whether its vector was removed, bool [n]."""
        # Here and not where vectors are added: that may be interrupted in between.
        if new := self._index.ntotal - len(self._removed):
            self._removed = np.concatenate([self._removed, np.zeros(new, bool)])
        return self._removed

    @property
    def removed_share(self) -> float:
        """Share of its vectors that were removed and are still in it, 0..1."""
        return np.count_nonzero(self._removed) / max(1, self._index.ntotal)

    def write(self, path: str | os.PathLike) -> None:
        """Writes it to a file, without the vectors that were removed.

        Raises:
            errors.UserError: the place cannot be written to, or is full.
        """
        self._overwrite_removed()
        try:
            # FAISS' own files pass over what fails when they are closed.
            with open(path, "wb", opener=files.private_opener) as file:
                faiss.write_index(self._index, faiss.PyCallbackIOWriter(file.write))
        except OSError as error:
            raise errors.UserError(
                f"{path}: the index cannot be written ({error.strerror}). Make room, "
                "or give yourself the right to write there"
            ) from error

    def read(self, path: str | os.PathLike) -> None:
        """Takes what a file holds in place of what is here."""
        with open(path, "rb") as file:
            self._index = faiss.read_index(faiss.PyCallbackIOReader(file.read))
        self._removed = np.zeros(0, bool)

    def _overwrite_removed(self) -> None:
        """Puts a neighbour's vector in the place of each that it cannot forget.

        The removed place stays a step on the graph's ways, and holds nothing of its
        own any more.
        """
        if not self._removed.any():
            return
        graph = faiss.downcast_index(self._index.index)
        storage = faiss.downcast_index(graph.storage)
        rows = _view(storage.codes).reshape(storage.ntotal, storage.code_size)
        gone = self._gone()
        neighbours, starts = _view(graph.hnsw.neighbors), _view(graph.hnsw.offsets)
        for place in np.flatnonzero(gone):
            start = int(starts[place])
            near = neighbours[start : start + graph.hnsw.nb_neighbors(0)]
            near = near[near >= 0]
            kept = near[~gone[near]]
            rows[place] = rows[kept[0]] if len(kept) else 0

    def search(
        self, probes: np.ndarray, k: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The best vectors of each probe.

        Args:
            probes: float32 [P, D].
            k: Vectors a probe, at most.
            allowed: Which vectors count, bool [n] in the order of their numbers; None:
                all. As many as k are found where so many count: what a graph does not
                lead to is found by looking at them all.

        Returns:
            Scores float32 [P, k] and numbers int64 [P, k], best first; -1: none.
        """
        if allowed is not None:
            k = min(k, int(allowed.sum()))
        if not k:
            return np.empty((len(probes), 0), np.float32), np.empty(
                (len(probes), 0), np.int64
            )
        # FAISS searches for one probe in one thread; to wake the others for what little
        # is left takes milliseconds where ONNX Runtime's threads wait busily.
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1 if len(probes) == 1 else threads)
        try:
            if allowed is None:
                return self._search(probes, k)
            return self._search_allowed(probes, k, allowed)
        finally:
            faiss.omp_set_num_threads(threads)

    def _search(self, probes: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        if self._forgets:
            return self._index.search(probes, k)
        numbers, gone = _view(self._index.id_map), self._gone()
        graph = faiss.downcast_index(self._index.index)
        scores = np.full((len(probes), k), _NO_SCORE, np.float32)
        found = np.full((len(probes), k), -1, np.int64)
        left, wanted = np.arange(len(probes)), min(k, len(self))
        if not wanted:
            return scores, found
        for wide in self._widths(k):
            # Removed vectors are left out afterwards: by a selector the graph would
            # give what it came by where they alone fill its candidates.
            asked = wide if len(self) < len(numbers) else k
            parameters = faiss.SearchParametersHNSW(efSearch=wide)
            near, places = graph.search(probes[left], asked, params=parameters)
            stays = (places >= 0) & ~gone[places]
            first = np.argsort(~stays, axis=1, kind="stable")[:, :k]
            stays, places, near = (
                np.take_along_axis(x, first, 1) for x in (stays, places, near)
            )
            scores[left] = np.where(stays, near, _NO_SCORE)
            found[left] = np.where(stays, numbers[places], -1)
            left = left[stays.sum(axis=1) < wanted]
            if not len(left):
                return scores, found
        # To the rest no way of the graph leads.
        selector = faiss.IDSelectorBitmap(np.packbits(~gone, bitorder="little"))
        parameters = faiss.SearchParameters(sel=selector)
        storage = faiss.downcast_index(graph.storage)
        scores[left], places = storage.search(probes[left], k, params=parameters)
        found[left] = np.where(places >= 0, numbers[places], -1)
        return scores, found

    def _widths(self, k: int) -> list[int]:
        """Candidates of a search for k: of each try, the next where they do not do."""
        wide, all_there = max(HNSW_SEARCH, k), self._index.ntotal
        if len(self) == all_there:
            return [wide]
        most = max(HNSW_MOST, _SPARE * k)
        return sorted({min(most, 1 + wide * all_there // max(1, len(self))), most})

    def _search_allowed(
        self, probes: np.ndarray, k: int, allowed: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same among some: in FAISS' order of places, which is the numbers'."""
        numbers = _view(self._index.id_map)
        places = allowed
        if self._removed.any():
            places = ~self._gone()
            places[places] = allowed
        selector = faiss.IDSelectorBitmap(np.packbits(places, bitorder="little"))
        index = faiss.downcast_index(self._index.index)
        if not self._forgets:  # A graph.
            count = int(allowed.sum())
            wide = max(HNSW_SEARCH, _SPARE * k * len(numbers) // count)
            if wide * HNSW_LOOKS < count:
                parameters = faiss.SearchParametersHNSW(efSearch=wide, sel=selector)
                scores, found = index.search(probes, k, params=parameters)
                if (found >= 0).all():
                    return scores, numbers[found]
            index = faiss.downcast_index(index.storage)
        parameters = faiss.SearchParameters(sel=selector)
        scores, found = index.search(probes, k, params=parameters)
        return scores, np.where(found >= 0, numbers[found], -1)


def _view(vector) -> np.ndarray:
    """A vector of FAISS as an array of the same memory."""
    return faiss.rev_swig_ptr(vector.data(), vector.size())


def _exact(dimension: int) -> Index:
    return Index(faiss.IndexFlatIP(dimension), True)


def _exact_float16(dimension: int) -> Index:
    index = faiss.IndexScalarQuantizer(
        dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    return Index(index, True)


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
    return Index(index, False, worth_keeping=True)


# Kind -> maker, from D. `exact` keeps 4 bytes a number, `exact_float16` 2; the graphs
# (`hnsw`) are approximate and keep their links beside 4 bytes a number, or 2.
INDEXES: dict[str, Callable[[int], Index]] = {
    "exact": _exact,
    "exact_float16": _exact_float16,
    "hnsw": _hnsw,
    "hnsw_float16": _hnsw_float16,
}
