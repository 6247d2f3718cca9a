"""The field's words for splits: which are trained on, which are ranked."""

import re
from collections.abc import Collection

TRAIN, PROBE, GALLERY = "train", "probe", "gallery"
_WORDS = {
    "train": TRAIN,
    "training": TRAIN,
    "probe": PROBE,
    "query": PROBE,
    "gallery": GALLERY,
}


def field_word(split: str) -> str:
    """A user's split in the field's word: "query" and "Probe" are "probe"."""
    return _WORDS.get(split.casefold(), split)


def fault_of(split: str) -> str:
    """What is wrong with a split's name; empty where nothing is.

    TFDS names splits by words, and keeps one of them to itself.
    """
    if re.fullmatch(r"[A-Za-z]\w*", split, re.ASCII) and split != "all":
        return ""
    return f"split {split!r}: a word is expected, other than `all`"


def trained_on(splits: Collection[str]) -> tuple[str, ...]:
    """The splits that are trained on where the data set is a source.

    `train` where there is one, else all but `probe` and `gallery`. Where these are all
    there is, it is `train`, which is not there: nobody who is ranked is trained on.
    """
    rest = sorted(set(splits) - {PROBE, GALLERY})
    return (TRAIN,) if TRAIN in splits or not rest else tuple(rest)


def use_of(split: str, splits: Collection[str]) -> str:
    """What a split is for, in words for the user."""
    if split in trained_on(splits):
        return "trained on"
    if split not in (PROBE, GALLERY):
        return "not used: only `train` is trained on where there is one"
    other = GALLERY if split == PROBE else PROBE
    return "ranked" if other in splits else f"not used: there is no split {other!r}"
