"""The best entry of each person: exact, however many entries a person has."""

from __future__ import annotations

import numpy as np

from dimn_tf.gallery import facts as facts_lib
from dimn_tf.gallery import indexes

_MORE, _WIDEST = 32, 4_096
"""Entries that a pass looks for: so many times the persons, but no more; ours: another
pass over an exact index takes longer than some hundred entries more."""


def one_a_person(
    index: indexes.Index,
    facts: facts_lib.Facts,
    probe: np.ndarray,
    k: int,
    allowed: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The best entries of the k persons who are most alike.

    Whose best entry is found is left out of the next pass, so that each pass finds
    further persons: less alike ones, but for whom a graph missed in an earlier pass.

    Args:
        index: Of the same entries as the facts.
        facts: Who is on each.
        probe: float32 [1, D].
        k: Persons, at most; an entry without one stands for itself.
        allowed: Which entries count, bool [n]; None: all.

    Returns:
        Scores float32 [1, m] and numbers int64 [1, m], m <= k, best first.
    """
    found_scores, found_numbers = [np.empty(0, np.float32)], [np.empty(0, np.int64)]
    missing = k
    while missing > 0:
        left = len(index) if allowed is None else int(allowed.sum())
        width = min(left, max(missing, min(_MORE * missing, _WIDEST)))
        scores, numbers = index.search(probe, width, allowed)
        here = numbers[0] >= 0
        scores, numbers = scores[0][here], numbers[0][here]
        persons = facts.persons(numbers)
        first = np.sort(np.unique(persons, return_index=True)[1])
        found_scores.append(scores[first])
        found_numbers.append(numbers[first])
        missing -= len(first)
        if len(numbers) in (0, left):
            break
        if missing > 0:
            others = facts.of_others(persons)
            allowed = others if allowed is None else allowed & others
    scores, numbers = np.concatenate(found_scores), np.concatenate(found_numbers)
    # A graph may lead to a better one later.
    best = np.argsort(-scores, kind="stable")[:k]
    return scores[best][np.newaxis], numbers[best][np.newaxis]
