"""What Table 8 says of its rows beside their figures: data, start, the paper's rows."""

from collections.abc import Mapping
from typing import Any

_IMAGES_A_CLASS = 600  # Of miniImageNet.

NOTES = """\
Table 8 mixes what is not alike, in spite of its words "exactly the same basenet":
MAML's row is transductive (its batch norm sees all queries of an episode), Reptile's is
not; MAML, Reptile and the LSTM have 32 filters in their own papers, the others 64; the
LSTM's 60.00 is a misprint of 60.60; its matching networks are Ravi and Larochelle's
with full context embeddings (without: 43.40 and 51.09); its PPA is neither of that
paper's, whose 54.53 and 67.87 are of 80 training classes (validation's too). MAML's
own code normalises 5 or 25 queries together, as many as its support has; here all
classes' of the column "episodes, queries at test".
"""


def is_comparable(figures: Mapping[str, Any]) -> bool:
    """Whether a row is of the data that the papers' are of."""
    least, _ = figures["images_a_class"]
    is_partial = figures["flags"]["dataset"].endswith("/partial")
    return least >= _IMAGES_A_CLASS and not is_partial


def of_data(figures: Mapping[str, Any]) -> str:
    """One line on the data that a row is of."""
    least, most = figures["images_a_class"]
    images = f"{least}" if least == most else f"{least} to {most}"
    if is_comparable(figures):
        return f"{images} images a class, as the papers have them."
    if least < _IMAGES_A_CLASS:
        return (
            f"{images} images a class: not comparable with the papers' "
            f"{_IMAGES_A_CLASS}."
        )
    return (
        f"An incomplete set, {images} images a training class: not comparable with "
        "the papers'."
    )


def start(figures: Mapping[str, Any]) -> str:
    """What a row's encoder begins from; empty: nothing but chance."""
    flags = figures["flags"]
    weights = flags.get("encoder_weights", "none")
    if flags.get("init_from"):
        return f"another run's {_without_hash(flags['init_from'])}"
    return "" if weights == "none" else _without_hash(weights)


def _without_hash(recorded: str) -> str:
    return recorded.partition(" sha256:")[0]


def of_start(figures: Mapping[str, Any]) -> str:
    """One line on what a row's start may have seen; empty: nothing."""
    begun = start(figures)
    return begun and (
        f"begins from {begun}: the test classes, which are ImageNet's, may have been "
        "trained on there."
    )
