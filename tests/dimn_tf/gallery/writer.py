"""Adds entries for ever, and says which are acknowledged; to be killed."""

import sys

import numpy as np

from dimn_tf.gallery import Entry, Gallery

DIMENSION, AT_A_TIME = 64, 3


def vector(number: int) -> np.ndarray:
    """The vector of an entry, to compare with what is found."""
    return np.random.default_rng(number).normal(size=DIMENSION).astype(np.float32)


def main(folder: str) -> None:
    """Goes on behind the entries that are there; removes every tenth batch's first."""
    gallery = Gallery.create(folder, "ab" * 32, DIMENSION)
    start = 0
    while f"e{start}" in gallery or f"e{start + 1}" in gallery:
        start += AT_A_TIME
    while True:
        numbers = range(start, start + AT_A_TIME)
        gallery.add([Entry(f"e{n}", vector(n), f"p{n}", {"n": n}) for n in numbers])
        print("added", start, flush=True)
        if start % (10 * AT_A_TIME) == 0:
            gallery.remove([f"e{start}"])
            print("removed", start, flush=True)
        start += AT_A_TIME


if __name__ == "__main__":
    main(sys.argv[1])
